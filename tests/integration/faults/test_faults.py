"""Whatever breaks in the middle of a load, the next run ends with a clean reconciliation, and nobody repairs anything.

The engines here are this module's own: they are killed. A view of the CRM holds each load at its 900th row until the
fault has happened.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.clickhouse import RunningClickHouse, start_clickhouse
from deploy.embedded.postgres import RunningPostgres, start_postgres
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.load import LoadResult, load_table
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.replica import Warehouse
from tests.integration.conftest import engine_folder
from tests.integration.extraction.bench import bench_mapping

Transport = Literal["push", "pull"]
NOTES = """
  contacts:
    source: public.{source}
    changed_at: updated_at
    created_at: created_at
    columns: {{id: id, created_at: created_at, updated_at: updated_at}}
    extra: {{note: note}}
"""
MAPPING = bench_mapping(NOTES.format(source="notes"))
HELD = bench_mapping(NOTES.format(source="held"))
GATE = 77
PASSWORD = "a long password"
SCHEMA = f"""
drop table if exists notes cascade;
create table notes (
    id int primary key, note text, created_at timestamptz default '2025-03-01Z', updated_at timestamptz default now()
);
insert into notes select g, repeat('note ', 40) || g from generate_series(1, 5000) g;
create or replace function gate(id int) returns int language plpgsql as $$
begin
    if id = 900 then perform pg_advisory_lock_shared({GATE}); perform pg_advisory_unlock_shared({GATE}); end if;
    return id;
end $$;
create view held as select gate(id) as id, note, created_at, updated_at from notes;
"""


@dataclass
class Stand:
    """A CRM and a warehouse that may be killed and started again on the same folders and ports."""

    folder: Path
    postgres: RunningPostgres
    clickhouse: RunningClickHouse

    @property
    def crm(self) -> PostgresSettings:
        return PostgresSettings.model_validate(
            {
                "host": "127.0.0.1",
                "port": self.postgres.port,
                "database": "crm",
                "username": "crm",
                "password": PASSWORD,
            }
        )

    @property
    def warehouse(self) -> ClickHouseSettings:
        return ClickHouseSettings.model_validate(
            {"host": "127.0.0.1", "port": self.clickhouse.port, "username": "w", "password": PASSWORD}
        )

    def kill_postgres(self) -> None:
        """End the server and all of its sessions at once."""
        server = psutil.Process(self.postgres.pid)
        family = [server, *server.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=20)

    def start_postgres(self) -> None:
        self.postgres = start_postgres(
            self.folder / "postgres", port=self.postgres.port, username="crm", password=PASSWORD, database="crm"
        )

    def kill_clickhouse(self) -> None:
        self.clickhouse.kill()

    def start_clickhouse(self) -> None:
        self.clickhouse = start_clickhouse(
            self.folder / "clickhouse", port=self.clickhouse.port, user="w", password=PASSWORD
        )

    def load(
        self, mapping: Any = MAPPING, *, full: bool = False, transport: Transport = "push", port: int = 0
    ) -> LoadResult:
        """Load the notes as a step of a run does, with connections of its own."""
        warehouse = self.warehouse.model_copy(update={"port": port or self.warehouse.port})
        with connect_postgres(self.crm) as crm:
            client = Warehouse(connect_clickhouse(warehouse))
            return load_table(crm, client, mapping, "contacts", run_id="test", full=full, transport=transport)

    def shown(self) -> list[tuple[Any, ...]]:
        query = "select toInt32(id), note from crm.contacts final order by 1"
        return [tuple(row) for row in connect_clickhouse(self.warehouse).query(query).result_rows]

    def expected(self) -> list[tuple[Any, ...]]:
        with connect_postgres(self.crm) as crm:
            return crm.execute("select id, note from notes order by 1").fetchall()

    def assert_the_next_run_is_clean(self) -> None:
        """Run as any night does: load, reconcile; then nothing differs and nothing lies about."""
        self.load()
        with connect_postgres(self.crm) as crm:
            warehouse = Warehouse(connect_clickhouse(self.warehouse))
            results = [reconcile_table(crm, warehouse, MAPPING, "contacts", run_id="test") for _ in range(2)]
        assert [result.clean for result in results if result] == [True, True]
        assert results[1] is not None
        assert results[1].buckets_differing == 0
        assert self.shown() == self.expected()
        tables = connect_clickhouse(self.warehouse).query("select name from system.tables where database = 'crm'")
        assert tables.result_rows == [("contacts",)]


@pytest.fixture(scope="module")
def engines() -> Iterator[Stand]:
    """Return engines that nobody else uses."""
    with engine_folder() as folder:
        folder.mkdir()
        postgres = start_postgres(folder / "postgres", username="crm", password=PASSWORD, database="crm")
        clickhouse = start_clickhouse(folder / "clickhouse", user="w", password=PASSWORD)
        stand = Stand(folder, postgres, clickhouse)
        try:
            yield stand
        finally:
            stand.clickhouse.stop()
            stand.postgres.stop()


@pytest.fixture
def stand(engines: Stand) -> Stand:
    """Return the engines with 5,000 loaded notes, of which some changed since."""
    with connect_postgres(engines.crm) as crm:
        crm.execute(SCHEMA)
    client = connect_clickhouse(engines.warehouse)
    for database in ("crm", "ops"):
        client.command(f"drop database if exists {database}")
    engines.load(transport="push")
    with connect_postgres(engines.crm) as crm:
        crm.execute(
            "update notes set note = 'new', updated_at = now() where id % 2 = 0; delete from notes where id = 7"
        )
    return engines


@contextmanager
def held_at_a_row(stand: Stand) -> Iterator[None]:
    """Hold loads of `held` at their 900th row; the block runs when one waits there."""
    with connect_postgres(stand.crm) as crm:
        crm.execute("select pg_advisory_lock(%s)", [GATE])
        yield
        with suppress(Exception):
            crm.execute("select pg_advisory_unlock(%s)", [GATE])


def wait_until_held(stand: Stand) -> None:
    query = "select count(*) from pg_locks where locktype = 'advisory' and objid = %s and not granted"
    deadline = time.monotonic() + 30
    with connect_postgres(stand.crm) as crm:
        while crm.execute(query, [GATE]).fetchone() == (0,):
            assert time.monotonic() < deadline, "no load came to the gate"
            time.sleep(0.02)


def fail_in_the_middle(stand: Stand, fault: Callable[[], None], *, transport: Transport, port: int = 0) -> str:
    """Start a full load, let the fault happen at its 900th row, and return the line with which it fails."""
    failures: list[BaseException] = []

    def load() -> None:
        try:
            stand.load(HELD, full=True, transport=transport, port=port)
        except BaseException as error:
            failures.append(error)

    with held_at_a_row(stand):
        thread = threading.Thread(target=load)
        thread.start()
        wait_until_held(stand)
        fault()
    thread.join(60)
    assert not thread.is_alive(), "the load hangs"
    assert [type(failure) for failure in failures] == [ExtractionError], failures
    assert "\n" not in str(failures[0])
    return str(failures[0])


@pytest.mark.parametrize("transport", ["push", "pull"])
def test_postgres_is_killed_while_rows_stream(stand: Stand, transport: Transport) -> None:
    before = stand.shown()
    message = fail_in_the_middle(stand, stand.kill_postgres, transport=transport)
    assert message.startswith("contacts: the CRM's PostgreSQL: ")
    assert stand.shown() == before
    stand.start_postgres()
    stand.assert_the_next_run_is_clean()


@pytest.mark.parametrize("transport", ["push", "pull"])
def test_a_session_of_postgres_is_ended(stand: Stand, transport: Transport) -> None:
    def end_the_reader() -> None:
        query = "select pg_terminate_backend(pid) from pg_locks where objid = %s and not granted"
        with connect_postgres(stand.crm) as crm:
            crm.execute(query, [GATE])

    before = stand.shown()
    message = fail_in_the_middle(stand, end_the_reader, transport=transport)
    assert message.startswith("contacts: the CRM's PostgreSQL: ")
    assert stand.shown() == before
    stand.assert_the_next_run_is_clean()


@pytest.mark.parametrize("transport", ["push", "pull"])
def test_clickhouse_is_killed_while_rows_arrive(stand: Stand, transport: Transport) -> None:
    before = stand.shown()
    message = fail_in_the_middle(stand, stand.kill_clickhouse, transport=transport)
    assert message.startswith("contacts: ClickHouse: ")
    stand.start_clickhouse()
    assert stand.shown() == before
    stand.assert_the_next_run_is_clean()


@pytest.mark.parametrize(
    ("full", "step"),
    [
        (True, "inspect_loading"),
        (True, "publish_whole"),
        (True, "append_state"),
        (False, "inspect_loading"),
        (False, "publish_changes"),
        (False, "append_state"),
    ],
)
def test_clickhouse_is_killed_between_two_steps(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, full: bool, step: str
) -> None:
    from orchestration.extraction import load

    original = getattr(load, step)

    def killed(*arguments: Any, **options: Any) -> Any:
        stand.kill_clickhouse()
        return original(*arguments, **options)

    monkeypatch.setattr(load, step, killed)
    with pytest.raises(ExtractionError, match=r"^contacts: ClickHouse: "):
        stand.load(full=full)
    stand.start_clickhouse()
    monkeypatch.undo()
    stand.assert_the_next_run_is_clean()


def test_the_worker_is_killed(stand: Stand) -> None:
    settings = f"host='127.0.0.1', password={PASSWORD!r}"
    crm = f"PostgresSettings({settings}, port={stand.postgres.port}, database='crm', username='crm')"
    warehouse = f"ClickHouseSettings({settings}, port={stand.clickhouse.port}, username='w')"
    program = f"""
from tests.integration.faults.test_faults import *
warehouse = Warehouse(connect_clickhouse({warehouse}))
load_table(connect_postgres({crm}), warehouse, HELD, "contacts", run_id="test", full=True)
"""
    before = stand.shown()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with held_at_a_row(stand), subprocess.Popen([sys.executable, "-c", program], env=environment) as worker:
        wait_until_held(stand)
        worker.send_signal(signal.SIGKILL)
    assert stand.shown() == before
    stand.assert_the_next_run_is_clean()


class CutLine(threading.Thread):
    """A TCP line to a server that breaks when it is told to."""

    def __init__(self, port: int) -> None:
        """Listen on a port of its own."""
        super().__init__(daemon=True)
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.start()

    def run(self) -> None:
        """Connect whoever calls."""
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                called = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [caller, called]
                for source, target in ((caller, called), (called, caller)):
                    threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    @staticmethod
    def _forward(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RDWR)
                end.close()


def test_the_line_to_the_warehouse_is_cut(stand: Stand) -> None:
    before, line = stand.shown(), CutLine(stand.clickhouse.port)
    message = fail_in_the_middle(stand, line.cut, transport="push", port=line.port)
    assert message.startswith("contacts: ClickHouse: ")
    assert stand.shown() == before
    stand.assert_the_next_run_is_clean()


@pytest.mark.parametrize("transport", ["push", "pull"])
@pytest.mark.parametrize("full", [True, False])
def test_the_disk_of_the_warehouse_is_full(stand: Stand, transport: Transport, full: bool) -> None:
    """A file of the server that grows beyond the limit fails, as one on a full disk does."""
    before = stand.shown()
    with connect_postgres(stand.crm) as crm:
        crm.execute("update notes set note = md5(id::text) || md5(note), updated_at = clock_timestamp()")
    limits = psutil.Process(stand.clickhouse.pid).rlimit(psutil.RLIMIT_FSIZE)
    psutil.Process(stand.clickhouse.pid).rlimit(psutil.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    try:
        with pytest.raises(ExtractionError, match=r"^contacts: ClickHouse: "):
            stand.load(full=full, transport=transport)
    finally:
        psutil.Process(stand.clickhouse.pid).rlimit(psutil.RLIMIT_FSIZE, limits)
    assert stand.shown() == before
    stand.assert_the_next_run_is_clean()
