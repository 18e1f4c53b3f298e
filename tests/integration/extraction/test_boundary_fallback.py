"""Where open transactions cannot be seen, the boundary stays a declared lag behind, and run and check say so."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
from dagster import AssetCheckResult, AssetCheckSeverity, AssetKey
from psycopg import sql
from pydantic import SecretStr

from deploy.connections import connect_postgres
from deploy.embedded.postgres import RunningPostgres, start_postgres
from deploy.embedded.postgres.cluster import Cluster, prepare_cluster
from deploy.settings import PostgresSettings
from orchestration.defs.crm.assets import load_checks
from orchestration.extraction.boundary import measure_boundary
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.load import LoadResult
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench, bench_mapping

LAG = timedelta(hours=1)
NOTES = bench_mapping("""
  contacts:
    source: public.notes
    changed_at: updated_at
    columns: {id: id, created_at: updated_at, updated_at: updated_at}
""")
NOTES_TABLE = "create table notes (id int primary key, updated_at timestamptz default now())"
PASSWORD = "crm-password"


def now(crm: Connection) -> datetime:
    row = crm.execute("select clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def ids(bench: Bench) -> list[str]:
    return [row[0] for row in bench.replica("contacts", "id")]


def check(result: LoadResult) -> AssetCheckResult:
    """Return the answer that Dagster shows for a load."""
    (found,) = (
        answer
        for answer in load_checks(result, AssetKey(["crm", "contacts"]))
        if answer.check_name == "boundary_sees_open_transactions"
    )
    return found


def assert_lags(result: LoadResult, reason: str) -> None:
    """Assert that the declared lag was used, and that the run and its check say so and why."""
    assert result.boundary_method == "lag"
    assert reason in result.boundary_note
    answer = check(result)
    assert (answer.passed, answer.severity) == (False, AssetCheckSeverity.WARN)
    assert reason in str(answer.description)


@pytest.fixture
def notes(bench: Bench) -> Bench:
    bench.crm.execute(NOTES_TABLE)
    bench.crm.execute("insert into notes values (0)")
    return bench


@pytest.fixture
def other(empty_postgres: PostgresSettings) -> Iterator[Connection]:
    """Return a second connection to the CRM."""
    with connect_postgres(empty_postgres) as connection:
        yield connection


def test_where_all_can_be_seen_the_check_passes(notes: Bench) -> None:
    result = notes.load(NOTES, "contacts")
    assert (result.boundary_method, result.boundary_note) == ("transactions", "")
    assert check(result).passed


def test_nothing_open_means_now(crm: Connection) -> None:
    before = now(crm)
    boundary = measure_boundary(crm, fallback_lag=LAG, previous=None)
    assert before < boundary.moment < now(crm)
    assert (boundary.method, boundary.note) == ("transactions", "")


def test_what_holds_the_boundary_back_is_said_and_is_no_fault(notes: Bench, other: Connection) -> None:
    other.execute("begin; select now()")
    result = notes.load(NOTES, "contacts")
    assert result.boundary_method == "transactions"
    assert result.boundary_note.startswith("held back by a transaction open since")
    assert check(result).passed


def test_a_prepared_transaction_of_unknown_age_is_given_the_lag(notes: Bench, other: Connection) -> None:
    other.execute("begin; insert into notes values (1); prepare transaction 'unknown'")
    try:
        boundary = measure_boundary(notes.crm, fallback_lag=LAG, previous=None)
        earlier = datetime.now(UTC) - timedelta(days=1)
        held = measure_boundary(notes.crm, fallback_lag=LAG, previous=earlier)
    finally:
        other.execute("rollback prepared 'unknown'")
    assert timedelta(0) <= now(notes.crm) - boundary.moment - LAG < timedelta(minutes=1)
    assert boundary.note.startswith("held back by a transaction prepared at")
    assert held.moment == earlier


def test_open_transactions_of_other_databases_do_not_hold_the_boundary_back(
    crm: Connection, postgres: PostgresSettings
) -> None:
    with connect_postgres(postgres) as elsewhere:
        elsewhere.execute("begin")
        elsewhere.execute("select now()")
        assert measure_boundary(crm, fallback_lag=LAG, previous=None).note == ""


def test_our_own_session_does_not_hold_the_boundary_back(crm: Connection) -> None:
    with crm.transaction():
        crm.execute("select pg_sleep(0.05)")
        before = now(crm)
        assert measure_boundary(crm, fallback_lag=LAG, previous=None).moment > before


def test_without_the_right_to_see_transactions(
    notes: Bench, other: Connection, empty_postgres: PostgresSettings
) -> None:
    role = f"reader_of_{empty_postgres.database}"
    name = sql.Identifier(role)
    notes.crm.execute(sql.SQL("create role {} login password 'reader-password'").format(name))
    try:
        notes.crm.execute(sql.SQL("grant select on notes to {}").format(name))
        settings = empty_postgres.model_copy(update={"username": role, "password": SecretStr("reader-password")})
        with connect_postgres(settings) as reader:
            blind = Bench(reader, notes.warehouse)
            other.execute("begin; insert into notes values (1)")
            first = blind.load(NOTES, "contacts")
            other.execute("commit")
            again = blind.load(NOTES, "contacts")
            notes.crm.execute(sql.SQL("grant pg_monitor to {}").format(name))
            seeing = blind.load(NOTES, "contacts")
    finally:
        notes.crm.execute(sql.SQL("revoke select on notes from {}").format(name))
        notes.crm.execute(sql.SQL("drop role {}").format(name))
    assert_lags(first, "grant pg_read_all_stats")
    assert first.boundary is not None
    assert timedelta(0) <= now(notes.crm) - first.boundary - LAG < timedelta(minutes=1)
    assert (again.mode, again.rows, again.rows_changed) == ("incremental", 2, 1)
    assert ids(notes) == ["0", "1"]
    assert check(seeing).passed


def test_a_materialized_view_shows_rows_long_after_their_stamp(notes: Bench) -> None:
    notes.crm.execute("create materialized view old_notes as select * from notes")
    notes.crm.execute("create view seen_notes as select old_notes.* from old_notes join notes using (id)")
    copied = bench_mapping(
        "  contacts: {source: public.seen_notes, changed_at: updated_at,"
        " columns: {id: id, created_at: updated_at, updated_at: updated_at}}"
    )
    notes.crm.execute("insert into notes values (1)")
    assert_lags(notes.load(copied, "contacts"), "public.old_notes is a materialized view")
    notes.crm.execute("refresh materialized view old_notes")
    notes.load(copied, "contacts")
    assert ids(notes) == ["0", "1"]
    assert check(notes.load(NOTES, "contacts")).passed


def test_a_lag_does_not_forget_the_transactions_that_are_seen(crm: Connection, other: Connection) -> None:
    other.execute("begin")
    (began,) = other.execute("select now()").fetchall()[0]
    boundary = measure_boundary(crm, fallback_lag=timedelta(0), previous=None, late="rows come late")
    assert (boundary.method, boundary.moment) == ("lag", began)


@dataclass(frozen=True)
class Servers:
    """A primary whose user may do what a CRM's administrator does, and a standby of it."""

    primary: PostgresSettings
    standby: PostgresSettings


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="crm-analytics-") as folder:
        root = Path(folder)
        cluster = prepare_cluster(root / "primary", username="crm", password=PASSWORD, durable=False)
        as_superuser(cluster, "alter role crm replication")
        as_superuser(cluster, "grant pg_create_subscription to crm")
        as_superuser(cluster, "grant set on parameter track_activities to crm")
        as_superuser(cluster, "alter system set wal_level = 'logical'")
        with start(root / "primary") as primary:
            copy_cluster(cluster, primary, root / "standby")
            with start(root / "standby") as standby:
                yield Servers(reach(primary), reach(standby))


def as_superuser(cluster: Cluster, statement: str) -> None:
    """Execute a statement on a server that is stopped: its own login is no superuser."""
    done = cluster.run("postgres", "--single", "-D", str(cluster.folder), "postgres", stdin=f"{statement}\n")
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr


def start(data: Path) -> RunningPostgres:
    return start_postgres(data, username="crm", password=PASSWORD, database="crm", durable=False)


def reach(server: RunningPostgres) -> PostgresSettings:
    return PostgresSettings.model_validate(
        {"host": server.host, "port": server.port, "database": "crm", "username": "crm", "password": PASSWORD}
    )


def copy_cluster(cluster: Cluster, primary: RunningPostgres, target: Path) -> None:
    """Make `target` the data folder of a standby of a running primary."""
    with (cluster.folder / "pg_hba.conf").open("a") as rules:
        rules.write("host replication crm 127.0.0.1/32 scram-sha-256\n")
    os.kill(primary.pid, signal.SIGHUP)
    copy = target / "cluster"
    copy.mkdir(mode=0o700, parents=True)
    if cluster.account is not None:
        os.chown(copy, cluster.account.uid, cluster.account.gid)
    address = f"host={primary.host} port={primary.port} user=crm password={PASSWORD}"
    done = cluster.run(
        "pg_basebackup", f"--pgdata={copy}", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d", address
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def primary(servers: Servers) -> Iterator[Connection]:
    """Return a connection to the primary with an empty table of notes."""
    with connect_postgres(servers.primary) as connection:
        connection.execute("drop table if exists notes")
        connection.execute(NOTES_TABLE)
        yield connection


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_standby(servers: Servers, primary: Connection, warehouse: Warehouse) -> None:
    with connect_postgres(servers.standby) as standby, connect_postgres(servers.primary) as writer:

        def wait_for_replay() -> None:
            (written,) = primary.execute("select pg_current_wal_insert_lsn()::text").fetchall()[0]
            replayed = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            wait_until(lambda: standby.execute(replayed, [written]).fetchone() == (True,))

        wait_for_replay()
        bench = Bench(standby, warehouse)
        writer.execute("begin; insert into notes values (1)")
        primary.execute("insert into notes values (2)")
        wait_for_replay()
        assert_lags(bench.load(NOTES, "contacts"), "the CRM is a standby")
        assert ids(bench) == ["2"]
        writer.execute("commit")
        wait_for_replay()
        result = bench.load(NOTES, "contacts")
    assert (result.mode, ids(bench)) == ("incremental", ["1", "2"])
    assert result.boundary is not None
    assert timedelta(0) <= now(primary) - result.boundary - LAG < timedelta(minutes=1)


def test_a_standby_that_may_be_of_any_age() -> None:
    """One that was switched off for a week and has replayed nothing since its start will yet show that week's rows."""
    with tempfile.TemporaryDirectory(prefix="crm-analytics-") as folder:
        start(Path(folder)).stop()
        (Path(folder) / "cluster" / "standby.signal").touch()
        with start(Path(folder)) as server, connect_postgres(reach(server)) as crm:
            first = measure_boundary(crm, fallback_lag=LAG, previous=None)
            earlier = datetime.now(UTC) - timedelta(days=7)
            later = measure_boundary(crm, fallback_lag=LAG, previous=earlier)
    assert first.moment == datetime(1970, 1, 1, tzinfo=UTC) - LAG
    assert later.moment == earlier - LAG
    assert earlier.isoformat() in later.note


def test_a_session_that_is_not_tracked(servers: Servers, primary: Connection, warehouse: Warehouse) -> None:
    bench = Bench(primary, warehouse)
    with connect_postgres(servers.primary) as hidden:
        hidden.execute("set track_activities = off")
        hidden.execute("begin; insert into notes values (1)")
        assert_lags(bench.load(NOTES, "contacts"), "track_activities")
        # Tracked again, but not since its beginning.
        hidden.execute("set track_activities = on")
        hidden.execute("select 1")
        assert_lags(bench.load(NOTES, "contacts"), "track_activities")
        hidden.execute("commit")
        assert check(bench.load(NOTES, "contacts")).passed
    assert ids(bench) == ["1"]
    with connect_postgres(servers.primary) as ourselves:
        ourselves.execute("set track_activities = off")
        assert_lags(Bench(ourselves, warehouse).load(NOTES, "contacts"), "track_activities")


def test_rows_that_arrive_by_logical_replication(servers: Servers, primary: Connection, warehouse: Warehouse) -> None:
    primary.execute("drop database if exists receiver with (force)")
    primary.execute("create database receiver")
    with (
        connect_postgres(servers.primary.model_copy(update={"database": "receiver"})) as receiver,
        connect_postgres(servers.primary) as writer,
    ):
        receiver.execute(NOTES_TABLE)
        bench = Bench(receiver, warehouse)
        with fed(receiver, primary, servers.primary):
            writer.execute("begin; insert into notes values (1)")
            assert_lags(bench.load(NOTES, "contacts"), "logical replication")
            assert ids(bench) == []
            writer.execute("commit")
            wait_until(lambda: receiver.execute("select from notes").fetchone() is not None)
            assert bench.load(NOTES, "contacts").mode == "incremental"
        assert ids(bench) == ["1"]
        assert check(bench.load(NOTES, "contacts")).passed


@contextmanager
def fed(receiver: Connection, sender: Connection, address: PostgresSettings) -> Iterator[None]:
    """Hold a subscription of the receiver to the sender's notes, in another database of the same server."""
    sender.execute("drop publication if exists feed")
    sender.execute("create publication feed for table notes")
    # The slot comes first: within one server, the subscription would wait for itself.
    sender.execute("select pg_create_logical_replication_slot('feed', 'pgoutput')")
    source = f"host={address.host} port={address.port} dbname={address.database} user=crm password={PASSWORD}"
    receiver.execute(
        f"create subscription feed connection '{source}' publication feed "
        "with (slot_name = 'feed', create_slot = false, copy_data = false)"
    )
    try:
        yield
    finally:
        receiver.execute("drop subscription feed")


def test_a_server_too_old_is_refused_by_name(notes: Bench, empty_postgres: PostgresSettings) -> None:
    """The server is a new one; on the wire to us its version is rewritten."""
    refusal = r"^the CRM runs PostgreSQL 13\.9; extraction needs 14 or newer$"
    with (
        pretending(empty_postgres, (18, 4), (13, 9)) as old,
        connect_postgres(old) as crm,
        pytest.raises(ExtractionError, match=refusal),
    ):
        Bench(crm, notes.warehouse).load(NOTES, "contacts")
    with pretending(empty_postgres, (18, 4), (14, 0)) as oldest, connect_postgres(oldest) as crm:
        assert Bench(crm, notes.warehouse).load(NOTES, "contacts").rows == 1


@contextmanager
def pretending(settings: PostgresSettings, true: tuple[int, int], said: tuple[int, int]) -> Iterator[PostgresSettings]:
    """Hold an address of the same server that answers as one of another version."""

    def message(version: tuple[int, int]) -> bytes:
        return b"server_version\0%d.%d\0" % version

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data.replace(message(true), message(said)))
            target.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(max_workers=3) as carriers:

        def serve() -> None:
            client, _ = door.accept()
            with client, socket.create_connection((settings.host, settings.port)) as server:
                there = carriers.submit(carry, client, server)
                carry(server, client)
                there.result()

        serving = carriers.submit(serve)
        yield settings.model_copy(update={"host": "127.0.0.1", "port": door.getsockname()[1]})
        serving.result()


@pytest.mark.parametrize("shift", [timedelta(minutes=-10), timedelta(minutes=10)], ids=["slow", "fast"])
def test_only_the_clock_of_the_crm_matters(notes: Bench, monkeypatch: pytest.MonkeyPatch, shift: timedelta) -> None:
    """A worker whose clock is wrong by minutes, and is set right between two loads, and wrong again."""
    with monkeypatch.context() as patch:
        shift_clock(patch, shift)
        notes.load(NOTES, "contacts")
    for number in (1, 2, 3):
        before = now(notes.crm)
        notes.crm.execute("insert into notes values (%s)", [number])
        with monkeypatch.context() as patch:
            if number != 2:
                shift_clock(patch, shift)
            result = notes.load(NOTES, "contacts")
        assert (result.mode, result.rows, result.rows_changed) == ("incremental", 1, 1)
        assert result.boundary is not None
        assert before < result.boundary < now(notes.crm)
    assert ids(notes) == ["0", "1", "2", "3"]


def test_a_wrong_clock_does_not_bring_an_older_load_back(notes: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was loaded last counts, not what the worker's clock called last."""
    with monkeypatch.context() as patch:
        shift_clock(patch, timedelta(minutes=10))
        notes.load(NOTES, "contacts")
    assert notes.load(bench_mapping(""), "contacts").mode == "not mapped"
    assert notes.load(NOTES, "contacts").mode == "full"
    assert ids(notes) == ["0"]


def shift_clock(patch: pytest.MonkeyPatch, shift: timedelta) -> None:
    """Let every module of the extraction read a clock that is wrong."""

    class WrongClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + shift

    true_time = time.time
    patch.setattr(time, "time", lambda: true_time() + shift.total_seconds())
    modules = [module for name, module in sys.modules.items() if name.startswith("orchestration.extraction")]
    for module in modules:
        if getattr(module, "datetime", None) is datetime:
            patch.setattr(module, "datetime", WrongClock)


def test_nothing_asks_clickhouse_for_the_time(notes: Bench) -> None:
    notes.load(NOTES, "contacts")
    notes.crm.execute("insert into notes values (1)")
    notes.load(NOTES, "contacts")
    notes.warehouse.run("system flush logs query_log")
    used = notes.warehouse.rows(
        "select arrayJoin(used_functions), count() from system.query_log "
        "where type = 'QueryFinish' and has(databases, {crm:String}) group by all",
        crm=notes.warehouse.crm,
    )
    functions = {name: count for name, count in used}
    assert functions["greatest"] > 0
    assert not functions.keys() & {"now", "now64", "today", "yesterday", "nowInBlock64", "nowInBlock"}
