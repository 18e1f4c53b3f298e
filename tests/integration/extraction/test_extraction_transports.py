"""Every way to move rows makes the same replica; which one is taken, and that pulling tells nobody the password."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.embedded.postgres import start_postgres
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.extraction import copy_push, copy_stream, row_hash, transport
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.load import LoadResult, load_table
from orchestration.extraction.mapping import Mapping, load_mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.pull import pull_rows
from orchestration.extraction.replica import Warehouse, staging_table
from orchestration.extraction.source_catalog import SESSION_SETTINGS, Connection, read_source_catalog
from orchestration.extraction.transport import choose_transport
from orchestration.extraction.wire import BinaryQuery, Judge, binary_query
from tests.integration.extraction.bench import Bench, bench_mapping
from tests.integration.extraction.test_extraction_values import ODD_TEXTS

MOMENTS = [
    "infinity",
    "-infinity",
    "0044-03-15 12:00:00 BC",
    "1899-12-31 23:59:59.999999",
    "1900-01-01",
    "1900-01-01 00:00:00.000001",
    "1938-04-24 22:13:19.999999",
    "1969-12-31 23:59:59.999999",
    "1970-01-01",
    "2001-09-09 01:46:40.000001",
    "2025-07-01 12:34:56.789012",
    "2040-12-31 23:59:59.999999",
    "2041-01-01 00:00:00.000001",
    "2155-06-07 08:09:10.111213",
    "2255-06-05 23:47:34.740993",
    "2299-12-31 23:59:59.999999",
    "2300-01-01",
    "294276-12-31 23:59:59.999999",
]
VALUES: dict[str, list[str]] = {
    "text": [text for text in ODD_TEXTS if len(text) < 1000],
    "varchar(40)": ["", "\\N", "Привет"],
    "char(5)": ["ab", ""],
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "0"],
    "uuid": ["0b0e7a3c-1c6e-4a55-9d0e-1f6b8f9b7f11"],
    "boolean": ["true", "false"],
    "numeric(18,2)": ["-0.01", "9999999999999999.99", "0", "NaN"],
    "numeric(76,38)": ["9" * 38 + "." + "9" * 38, "-0." + "0" * 37 + "1"],
    "numeric(3,-2)": ["99900", "-100"],
    "numeric": ["9999999999999999999999999999.9999999999", "1.500000000000", "-3", "NaN", "Infinity", "-Infinity"],
    "double precision": ["0.1", "-12345678.9", "0.30000000000000004", "NaN", "-Infinity"],
    "real": ["0.1", "-2.5"],
    "timestamptz": [f"{moment}{'' if 'inf' in moment or 'BC' in moment else '+00'}" for moment in MOMENTS],
    "timestamp": MOMENTS,
    "date": ["infinity", "0044-03-15 BC", "1899-12-31", "1900-01-01", "1969-12-31", "2149-06-07", "2299-12-31"],
    "jsonb": ['{"a": [1, "\\\\N", null]}'],
    "text[]": ['{"a\\tb",NULL,"\\\\N"}'],
    "bytea[]": ['{"\\\\x00ff"}'],
    "timestamptz[]": ['{"2025-07-01 12:00:00.5+03"}'],
    "tstzrange": ["[2025-07-01 12:00+03,)"],
    "double precision[]": ["{0.30000000000000004}"],
    "interval": ["1 mon -1 day 00:00:00.000001"],
}


@pytest.fixture
def pulled(bench: Bench, clickhouse_prefix: str) -> Bench:
    """Return the bench's CRM with another warehouse."""
    return Bench(
        bench.crm, Warehouse(bench.warehouse.client, crm=f"{clickhouse_prefix}pulled", ops=f"{clickhouse_prefix}other")
    )


@pytest.fixture
def copied(bench: Bench, clickhouse_prefix: str) -> Bench:
    """Return the bench's CRM with a third warehouse."""
    return Bench(
        bench.crm, Warehouse(bench.warehouse.client, crm=f"{clickhouse_prefix}copied", ops=f"{clickhouse_prefix}third")
    )


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """Forget what earlier tests found out about the CRM."""
    transport._reasons_to_push.clear()
    yield
    transport._reasons_to_push.clear()


def pull(bench: Bench, mapping: Mapping, table: str, *, full: bool = False) -> LoadResult:
    result = load_table(bench.crm, bench.warehouse, mapping, table, run_id="test", full=full, transport="pull")
    assert result.transport in ("pull", None)
    return result


def copy(
    bench: Bench, mapping: Mapping, table: str, *, judges: Sequence[Judge] = (), hashed: bool = False
) -> LoadResult:
    """Load a table as if it were large: in many blocks of several pieces each.

    Args:
        bench: where.
        mapping: of the table.
        table: to load.
        judges: who is expected to judge its rows, one after the other; not checked where none is named.
        hashed: PostgreSQL is expected to hash them.
    """
    asked: list[tuple[Judge, bool]] = []

    def noted(plan: TablePlan, select: str, *, judge: Judge, hashed: bool) -> BinaryQuery:
        asked.append((judge, hashed))
        return binary_query(plan, select, judge=judge, hashed=hashed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "LARGE_ROWS", 0)
        patch.setattr(copy_stream, "PIECE_BYTES", 4_000)
        patch.setattr(copy_push, "PIECE_BYTES", 4_000)
        patch.setattr(copy_push, "_BLOCK_BYTES", 20_000)
        patch.setattr(copy_push, "binary_query", noted)
        try:
            result = load_table(bench.crm, bench.warehouse, mapping, table, run_id="test", full=True, transport="auto")
        finally:
            assert not judges or [judge for judge, _ in asked] == list(judges)
    if result.transport is not None:
        assert (result.transport, asked[-1][1]) == ("push", hashed)
    return result


def load_by(way: str, bench: Bench, mapping: Mapping) -> LoadResult:
    """Load contacts by push, pull or copy."""
    if way == "copy":
        return copy(bench, mapping, "contacts")
    return pull(bench, mapping, "contacts") if way == "pull" else bench.load(mapping, "contacts")


def whole(bench: Bench, table: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return columns and rows of a replica, all versions, without what depends on when it was loaded."""
    result = bench.warehouse.client.query(
        f"select * except (_extracted_at, _checksum) from {bench.warehouse.replica(table)} order by all"
    )
    return tuple(result.column_names), [tuple(row) for row in result.result_rows]


def assert_equal(pushed: Bench, pulled: Bench, table: str) -> None:
    """Compare the two replicas cell by cell."""
    (columns, expected), (present, found) = whole(pushed, table), whole(pulled, table)
    assert (columns, len(expected)) == (present, len(found))
    for row, other in zip(expected, found, strict=True):
        assert dict(zip(columns, other, strict=True)) == dict(zip(columns, row, strict=True))
    types = [bench.warehouse.rows(f"describe {bench.warehouse.replica(table)}") for bench in (pushed, pulled)]
    assert types[0] == types[1]


def test_the_demo_crm_is_the_same_by_push_by_pull_and_by_copy(bench: Bench, pulled: Bench, copied: Bench) -> None:
    fill(bench.crm, seed=11, deals=300, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    mapping, rows = load_mapping("demo"), 0
    for table in CANONICAL_TABLES:
        pushed_result, pulled_result = bench.load(mapping, table), pull(pulled, mapping, table)
        assert (pulled_result.rows, pulled_result.mode) == (pushed_result.rows, pushed_result.mode)
        assert_equal(bench, pulled, table)
        assert copy(copied, mapping, table).rows == pushed_result.rows
        assert_equal(bench, copied, table)
        rows += pushed_result.rows
    assert rows > 3000
    bench.crm.execute("update deals set amount = 1.5, updated_at = now(), deleted_at = now() where id % 7 = 0")
    changed = bench.load(mapping, "deals")
    again = pull(pulled, mapping, "deals")
    assert (again.mode, again.rows, again.rows_changed) == ("incremental", changed.rows, changed.rows_changed)
    assert changed.rows_changed > 30
    assert_equal(bench, pulled, "deals")


def values_table(crm: Connection) -> None:
    """Make `things` with a column per type of VALUES; each row holds one value of each, the last one none."""
    columns = ", ".join(f"v{number} {column}" for number, column in enumerate(VALUES))
    crm.execute(f"create table things (id bigint, created_at timestamptz, changed_at timestamptz, {columns})")
    for row in range(max(map(len, VALUES.values())) + 1):
        literals = [values[row] if row < len(values) else None for values in VALUES.values()]
        casts = ", ".join(f"%s::text::{column}" for column in VALUES)
        crm.execute(
            f"insert into things values (%s, '2025-01-02 03:04:05.678901Z'::timestamptz + %s * interval '1 day', "
            f"%s::text::timestamptz, {casts})",
            [row, row, MOMENTS[row] if row < len(MOMENTS) else None, *literals],
        )
    crm.execute("insert into things (id, created_at, changed_at) values (99, '1950-01-01Z', '1960-01-01Z')")


def values_mapping(
    *, changed: str = "changed_at", updated: str = "changed_at", where: str = "", without: Collection[str] = ()
) -> Mapping:
    """Return a mapping of `things` with all columns but those of some types."""
    extra = ", ".join(f"w{number}: v{number}" for number, column in enumerate(VALUES) if column not in without)
    return bench_mapping(
        f"""
  contacts:
    source: public.things
    changed_at: {changed}
    created_at: created_at
    deleted: {{column: id, equals: 3}}
    {where}
    columns: {{id: id, company_id: v3, full_name: v0, created_at: created_at, updated_at: {updated}}}
    extra: {{{extra}}}
""",
        timezone="Asia/Kathmandu",
    )


@pytest.mark.parametrize("judge", ["receiver", "postgres"])
@pytest.mark.parametrize("updated", ["changed_at", "created_at"])
def test_every_value_is_the_same_by_every_way(
    bench: Bench, pulled: Bench, copied: Bench, updated: str, judge: Judge
) -> None:
    """`_version` is made of a column of the replica, or of one that the replica does not have."""
    values_table(bench.crm)
    # Only PostgreSQL can tell whether a number without declared digits would be rounded.
    without = ("numeric", "double precision", "real") if judge == "receiver" else ()
    mapping = values_mapping(updated=updated, without=without)
    lost = bench.load(mapping, "contacts").not_representable
    assert lost == pull(pulled, mapping, "contacts").not_representable
    assert len(lost) == (7 if judge == "postgres" else 5) - (updated == "created_at")
    assert_equal(bench, pulled, "contacts")
    assert copy(copied, mapping, "contacts", judges=[judge]).not_representable == lost
    assert_equal(bench, copied, "contacts")
    columns, rows = whole(bench, "contacts")
    assert len(rows) == max(map(len, VALUES.values())) + 2
    # Something was there to compare: each column has as many different values as were written, but for lost ones.
    for number, (column, values) in enumerate(VALUES.items()):
        if column in without:
            continue
        found = {row[columns.index(f"w{number}")] for row in rows} - {None}
        assert len(found) == len(values) - lost.get(f"w{number}", 0), column
    hashes = {row[columns.index("_row_hash")] for row in rows}
    assert len(hashes) == len(rows)
    assert 0 not in hashes


def test_rows_that_we_cannot_hash_are_hashed_by_postgres(bench: Bench, copied: Bench) -> None:
    """A column that is sent as another type than PostgreSQL hashes, and a server that hashes otherwise."""
    values_table(bench.crm)
    mapping = values_mapping()
    bench.load(mapping, "contacts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copy_push, "hashes_agree", lambda connection: False)
        copy(copied, mapping, "contacts", hashed=True)
    assert_equal(bench, copied, "contacts")
    bench.crm.execute("create table numbers (id bigint, created_at timestamptz, v text)")
    bench.crm.execute("insert into numbers values (1, now(), '7'), (2, now(), null)")
    cast = bench_mapping(
        "  contacts:\n    source: public.numbers\n    columns: {id: id, created_at: created_at}\n"
        "    extra: {v: {cast: {column: v, to: integer}}}\n"
    )
    bench.load(cast, "contacts", full=True)
    copy(copied, cast, "contacts", hashed=True)
    assert_equal(bench, copied, "contacts")


@pytest.mark.parametrize("fold", ["fold_texts", "fold_integers", "fold_numerics"])
def test_a_server_that_hashes_otherwise_is_found_out(bench: Bench, fold: str) -> None:
    assert copy_push.hashes_agree(bench.crm)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_hash, fold, lambda *_: None)
        assert not copy_push.hashes_agree(bench.crm)


def test_rows_longer_than_a_piece_are_copied(bench: Bench, copied: Bench) -> None:
    bench.crm.execute("create table things (id bigint, created_at timestamptz, note text)")
    bench.crm.execute(
        "insert into things select n, now(), case when n % 100 = 7 then repeat(md5(n::text), 100000) else n::text end "
        "from generate_series(1, 250) as n"
    )
    mapping = bench_mapping(
        "  contacts:\n    source: public.things\n"
        "    columns: {id: id, created_at: created_at}\n    extra: {note: note}\n"
    )
    bench.load(mapping, "contacts")
    copy(copied, mapping, "contacts")
    assert_equal(bench, copied, "contacts")


def test_a_session_that_is_set_otherwise_changes_nothing(
    bench: Bench, pulled: Bench, empty_postgres: PostgresSettings
) -> None:
    values_table(bench.crm)
    mapping = values_mapping()
    bench.load(mapping, "contacts")
    odd = {"timezone": "Asia/Tokyo", "datestyle": "German, DMY", "extra_float_digits": "-5", "bytea_output": "escape"}
    assert odd.keys() == SESSION_SETTINGS.keys()
    try:
        for name, value in odd.items():
            bench.crm.execute(f"alter database {empty_postgres.database} set {name} = '{value}'")
        pull(pulled, mapping, "contacts")
    finally:
        bench.crm.execute(f"alter database {empty_postgres.database} reset all")
    assert_equal(bench, pulled, "contacts")


def test_a_row_that_left_the_filter_is_a_tombstone_by_push_and_by_pull(bench: Bench, pulled: Bench) -> None:
    values_table(bench.crm)
    bench.crm.execute("update things set changed_at = created_at")
    mapping = values_mapping(where="where: [{column: v3, is_not_null: true}]")
    for result in (bench.load(mapping, "contacts"), pull(pulled, mapping, "contacts")):
        assert result.rows == len(VALUES["smallint"])
    bench.crm.execute("update things set v3 = null, v11 = 1e40, changed_at = now() where id = 0")
    for result in (bench.load(mapping, "contacts"), pull(pulled, mapping, "contacts")):
        assert (result.mode, result.rows, result.rows_changed) == ("incremental", 1, 1)
    assert_equal(bench, pulled, "contacts")
    versions = bench.warehouse.rows(
        f"select _deleted, _row_hash = 0 from {bench.warehouse.replica('contacts')} where id = '0' order by _version"
    )
    assert versions == [(0, False), (1, True)]


@pytest.mark.parametrize("way", ["push", "pull", "copy"])
def test_a_row_without_what_it_must_have_is_refused_in_the_same_words(bench: Bench, way: str) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz, v numeric)")
    bench.crm.execute("insert into things values (1, null, 1), (3, now(), 1e30), (4, 'infinity', 2), (5, now(), 2)")
    mapping = bench_mapping(
        "  contacts:\n    source: public.things\n    columns: {id: id, created_at: created_at}\n    extra: {v: v}\n"
    )
    with pytest.raises(ExtractionError) as failure:
        load_by(way, bench, mapping)
    for part in (
        "contacts.created_at: is empty but must not be (1 row, such as 1)",
        "contacts.v: value 1000000000000000000000000000000 does not fit Decimal(38, 10) (1 row, such as 3)",
        "contacts.created_at: value infinity cannot be held and must not become empty (1 row, such as 4)",
    ):
        assert part in str(failure.value)


def test_a_row_that_the_receiver_bars_is_refused_in_the_words_of_postgres(bench: Bench) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz, closed_at timestamptz)")
    bench.crm.execute("insert into things values (1, now(), 'infinity'), (2, now(), null)")
    mapping = bench_mapping(
        "  contacts:\n    source: public.things\n    columns: {id: id, created_at: created_at}\n"
        "    extra: {closed_at: closed_at}\n"
    )
    assert copy(bench, mapping, "contacts", judges=["receiver"]).not_representable == {"closed_at": 1}
    before = whole(bench, "contacts")
    # More than a block of good rows, which have been sent when the other ones come.
    bench.crm.execute("insert into things select n, now(), now() from generate_series(3, 3000) as n")
    bench.crm.execute("insert into things values (3001, null, null), (3002, '-infinity', null)")
    with pytest.raises(ExtractionError) as failure:
        copy(bench, mapping, "contacts", judges=["receiver", "postgres"])
    assert "contacts.created_at: is empty but must not be (1 row, such as 3001)" in str(failure.value)
    assert "contacts.created_at: value -infinity cannot be held and must not become empty (1 row, such as 3002)" in str(
        failure.value
    )
    assert whole(bench, "contacts") == before


def test_a_row_that_is_mended_before_postgres_judges_it_is_loaded(
    bench: Bench, copied: Bench, empty_postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the receiver had sent until then is forgotten: a row of it may be gone by now."""
    bench.crm.execute("create table things as select n as id, now() as created_at from generate_series(1, 5000) as n")
    mapping = bench_mapping("  contacts:\n    source: public.things\n    columns: {id: id, created_at: created_at}\n")
    lose, losses = copy_push._Encoder._lose, 0

    def lose_until_barred(*given: Any) -> Any:
        nonlocal losses
        losses += 1
        if losses == 30:
            # They were sent, and are written in the server's own time.
            sent, deadline = f"select count() from {copied.warehouse.loading('contacts')}", time.monotonic() + 60
            while not copied.warehouse.rows(sent)[0][0]:
                assert time.monotonic() < deadline, "nothing that was sent is written"
                time.sleep(0.05)
            with connect_postgres(empty_postgres) as elsewhere:
                elsewhere.execute("delete from things where id = 1")
            raise copy_push.RowBarred
        return lose(*given)

    monkeypatch.setattr(copy_push._Encoder, "_lose", lose_until_barred)
    # Every block is written when it comes.
    monkeypatch.setitem(transport._NATIVE_SETTINGS, "min_insert_block_size_bytes", 0)
    assert copy(copied, mapping, "contacts", judges=["receiver", "postgres"]).rows == 4999
    bench.load(mapping, "contacts")
    assert_equal(bench, copied, "contacts")


@pytest.mark.parametrize("way", ["push", "pull", "copy"])
def test_the_crm_s_own_errors_read_the_same(bench: Bench, way: str) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz); insert into things values (0, now())")
    bench.crm.execute("create view broken as select id, created_at, 1 / id as v from things")
    mapping = bench_mapping(
        "  contacts:\n    source: public.broken\n    columns: {id: id, created_at: created_at}\n    extra: {v: v}\n"
    )
    with pytest.raises(ExtractionError, match=r"^contacts: the CRM's PostgreSQL: division by zero$"):
        load_by(way, bench, mapping)


@pytest.mark.parametrize("way", ["push", "pull", "copy"])
def test_reading_never_writes(bench: Bench, way: str) -> None:
    bench.crm.execute("create table things (id int); insert into things values (1); create sequence touched")
    bench.crm.execute(
        "create function touch() returns timestamptz language plpgsql as $$ begin perform nextval('touched'); "
        "return now(); end $$"
    )
    mapping = bench_mapping(
        "  contacts:\n    query: select id, touch() as born from things\n    columns: {id: id, created_at: born}\n"
    )
    with pytest.raises(ExtractionError, match="read-only transaction"):
        load_by(way, bench, mapping)


@pytest.mark.parametrize("way", ["push", "pull", "copy"])
def test_two_rows_with_one_key_are_refused(bench: Bench, way: str) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz default now())")
    bench.crm.execute("insert into things values (1), (1), (2)")
    mapping = bench_mapping("  contacts:\n    source: public.things\n    columns: {id: id, created_at: created_at}\n")
    with pytest.raises(ExtractionError, match="3 rows were read but 2 different keys"):
        load_by(way, bench, mapping)


@pytest.mark.parametrize("way", ["pull", "copy"])
def test_a_connection_that_breaks_in_the_middle_is_worth_another_try(
    bench: Bench, empty_postgres: PostgresSettings, way: str
) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz); insert into things values (1, now())")
    bench.crm.execute("insert into things select n, now() from generate_series(2, 200000) as n")
    mapping = bench_mapping(
        "  contacts:\n    query: select *, case when id = 150000 then pg_sleep(30)::text end as nap from things\n"
        "    columns: {id: id, created_at: created_at}\n    extra: {nap: nap}\n"
    )
    terminate = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where wait_event = 'PgSleep' and pid <> pg_backend_pid() and datname = current_database()"
    )

    def interrupt() -> None:
        with connect_postgres(empty_postgres) as other:
            while not other.execute(terminate).fetchall():
                time.sleep(0.05)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with connect_postgres(empty_postgres) as crm, pytest.raises(ExtractionError) as failure:
        load_by(way, Bench(crm, bench.warehouse), mapping)
    interrupting.join()
    assert isinstance(failure.value.__cause__, psycopg.OperationalError), str(failure.value)
    assert "contacts" not in bench.tables()
    bench.crm.execute("update things set id = -id where id = 150000")
    assert load_by(way, bench, mapping).rows == 200_000


def test_a_pull_may_take_longer_than_the_client_usually_waits(
    bench: Bench, clickhouse: ClickHouseSettings, clickhouse_prefix: str
) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz); insert into things values (1, now())")
    mapping = bench_mapping(
        "  contacts:\n    query: select things.* from things, pg_sleep(2.5)\n"
        "    columns: {id: id, created_at: created_at}\n"
    )
    with connect_clickhouse(clickhouse, send_receive_timeout=1) as client:
        hasty = Bench(bench.crm, Warehouse(client, crm=f"{clickhouse_prefix}crm", ops=f"{clickhouse_prefix}ops"))
        assert pull(hasty, mapping, "contacts").rows == 1
        with pytest.raises(ClickHouseError):
            client.command("select sleep(2.5)")


@contextmanager
def forwarded(to_port: list[int]) -> Iterator[tuple[int, list[socket.socket]]]:
    """Listen on a port and forward each connection to the port that `to_port` holds at that moment."""
    opened: list[socket.socket] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", to_port[0]))
                opened.extend((client, server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    opened.append(listener)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    try:
        yield listener.getsockname()[1], opened
    finally:
        for end in opened:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def stop_listening(opened: list[socket.socket]) -> None:
    opened[0].shutdown(socket.SHUT_RDWR)
    opened[0].close()


def test_what_clickhouse_cannot_reach_is_pushed_and_the_log_says_why(
    bench: Bench, empty_postgres: PostgresSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="orchestration.extraction.transport")
    with (
        forwarded([empty_postgres.port]) as (port, opened),
        connect_postgres(empty_postgres.model_copy(update={"port": port})) as crm,
    ):
        stop_listening(opened)
        assert choose_transport("auto", crm, bench.warehouse) == "push"
        assert "rows go through this process: ClickHouse cannot read the CRM: " in caplog.text
        assert f"Connection to `127.0.0.1:{port}` failed" in caplog.text
        with pytest.raises(ExtractionError, match=r"^EXTRACTION_TRANSPORT=pull is impossible: ClickHouse cannot read"):
            choose_transport("pull", crm, bench.warehouse)
        assert choose_transport("push", crm, bench.warehouse) == "push"
    assert len(caplog.records) == 1


def test_pulling_is_the_default_where_it_works_and_is_tried_once(
    bench: Bench, empty_postgres: PostgresSettings
) -> None:
    with (
        forwarded([empty_postgres.port]) as (port, opened),
        connect_postgres(empty_postgres.model_copy(update={"port": port})) as crm,
    ):
        assert choose_transport("auto", crm, bench.warehouse) == "pull"
        stop_listening(opened)
        assert choose_transport("auto", crm, bench.warehouse) == "pull"


def test_another_server_at_the_same_address_is_not_taken_for_the_crm(
    bench: Bench, empty_postgres: PostgresSettings, tmp_path: Path
) -> None:
    """What the worker calls localhost may be somebody else for ClickHouse."""
    to_port = [empty_postgres.port]
    user, password = empty_postgres.username, empty_postgres.password.get_secret_value()
    with (
        start_postgres(tmp_path / "data", username=user, password=password, database="scratch") as other,
        forwarded(to_port) as (port, _),
        connect_postgres(empty_postgres.model_copy(update={"port": port})) as crm,
    ):
        to_port[0] = other.port
        assert choose_transport("auto", crm, bench.warehouse) == "push"
        with pytest.raises(ExtractionError, match=f"127.0.0.1:{port} is another server for ClickHouse"):
            choose_transport("pull", crm, bench.warehouse)


def test_encryption_that_is_demanded_is_not_given_up(bench: Bench, empty_postgres: PostgresSettings) -> None:
    # The embedded server has no certificate: a connection that would demand one could not be opened.
    with connect_postgres(empty_postgres.model_copy(update={"sslmode": "allow"})) as crm:
        assert choose_transport("auto", crm, bench.warehouse) == "pull"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.ConnectionInfo, "get_parameters", lambda info: {"sslmode": "verify-full"})
        transport._reasons_to_push.clear()
        with pytest.raises(ExtractionError, match="DB_SSLMODE is verify-full"):
            choose_transport("pull", bench.crm, bench.warehouse)


def test_nobody_is_told_the_password(
    bench: Bench, postgres: PostgresSettings, empty_postgres: PostgresSettings
) -> None:
    """Neither the log of ClickHouse nor an error, be it of a statement that ClickHouse cannot even read."""
    secret = "hush'\\ \"{x:String}"
    values_table(bench.crm)
    with connect_postgres(postgres) as server:
        server.execute("create role reader login")
        bench.crm.execute("grant select on all tables in schema public to reader")
        try:
            server.execute(psycopg.sql.SQL("alter role reader password {}").format(secret))
            login = {"username": "reader", "password": secret}
            with connect_postgres(PostgresSettings.model_validate({**empty_postgres.model_dump(), **login})) as crm:
                reader = Bench(crm, bench.warehouse)
                pull(reader, values_mapping(), "contacts")
                plan = values_plan(reader)
                with staging_table(reader.warehouse, plan, whole=True):
                    for error in failures(reader, server, plan):
                        assert "hush" not in str(error)
                        assert error.__suppress_context__
                        assert error.__cause__ is None
        finally:
            bench.crm.execute("revoke all on all tables in schema public from reader; drop role reader")
    bench.warehouse.run("system flush logs")
    # Spelled in two parts, as this query is logged too.
    told = bench.warehouse.rows(
        "select query from system.query_log where position(concat(query, exception, formatted_query), 'hu' || 'sh') > 0"
    )
    assert told == []
    logged = (
        "select count() from system.query_log where query like '%postgresql(%[HIDDEN]%' and query like '%contacts%'"
    )
    assert bench.warehouse.rows(logged) != [(0,)]


def failures(reader: Bench, server: Connection, plan: TablePlan) -> Iterator[Exception]:
    """Yield the errors of pulls that fail in different places."""
    for select in ("select 1 / 0 as x", "select nonsense", "'"):
        with pytest.raises((psycopg.Error, DatabaseError)) as failure:
            pull_rows(reader.crm, reader.warehouse, plan, select, datetime.now(UTC))
        yield failure.value
    # A statement that ClickHouse refuses whole comes back in its message.
    odd = Warehouse(reader.warehouse.client, crm=f"{reader.warehouse.crm}` (", ops=reader.warehouse.ops)
    with pytest.raises(DatabaseError) as refused:
        pull_rows(reader.crm, odd, plan, "select 1", datetime.now(UTC))
    yield refused.value
    server.execute("alter role reader nologin")
    with pytest.raises(psycopg.OperationalError) as locked:
        pull_rows(reader.crm, reader.warehouse, plan, "select 1", datetime.now(UTC))
    yield locked.value


def values_plan(bench: Bench) -> TablePlan:
    mapping = values_mapping()
    return plan_table(mapping, "contacts", read_source_catalog(bench.crm, mapping))
