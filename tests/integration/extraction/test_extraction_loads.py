"""Full and incremental loads: the replica equals the CRM afterwards, and is as it was when a load fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from psycopg import sql

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import Mapping, load_mapping
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.state import latest_state
from tests.integration.extraction.bench import NOTES, Bench, bench_mapping
from tests.integration.extraction.demo_rows import differences

NOTES_TABLE = """
create table notes (
    id int primary key, note text, gone boolean,
    created_at timestamptz default now(), updated_at timestamptz default now()
)
"""
FUSE = """
create table fuse (blown boolean);
insert into fuse values (false);
create function check_fuse(id int) returns int language plpgsql as $$
begin
    if id = 900 and (select blown from fuse) then raise exception 'the fuse has blown'; end if;
    return id;
end $$;
create view flaky as select check_fuse(id) as id, note, gone, created_at, updated_at from notes;
"""


@pytest.fixture
def notes(bench: Bench) -> Bench:
    """Return a bench whose CRM has an empty table of notes."""
    bench.crm.execute(NOTES_TABLE)
    return bench


def count(crm: Connection, table: str) -> int:
    row = crm.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def test_the_demo_crm_arrives_whole_and_stays_equal(bench: Bench) -> None:
    demo_crm = bench.crm
    fill(demo_crm, seed=11, deals=300, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    mapping = load_mapping("demo")
    for table in CANONICAL_TABLES:
        result = bench.load(mapping, table)
        assert (result.mode, result.reason) == ("full", "there is no replica")
        assert result.rows == count(demo_crm, table)
        assert result.rows > 0
        assert differences(bench, table) == []

    demo_crm.execute(
        "update deals set amount = amount * 2, title = E'\\t' || title, updated_at = now() where id % 7 = 0"
    )
    demo_crm.execute("update activities set deleted_at = now(), updated_at = now() where id % 5 = 0")
    demo_crm.execute("update users set role = 'service', is_active = false, updated_at = now() where id % 3 = 0")
    demo_crm.execute("update stages set probability = null, updated_at = now()")
    demo_crm.execute("update exchange_rates set rate = rate + 0.00000001, updated_at = now() where currency <> 'USD'")
    demo_crm.execute(
        "insert into companies select id + 1000000, tenant_id, name, null, null, null, now(), now() from companies"
    )
    for table in CANONICAL_TABLES:
        result = bench.load(mapping, table)
        assert (result.mode, result.reason) == ("incremental", "")
        assert differences(bench, table) == []
    assert bench.load(mapping, "deals").rows_changed == 0


def test_a_comparison_that_finds_nothing_can_find_something(bench: Bench) -> None:
    demo_crm = bench.crm
    fill(demo_crm, seed=11, deals=300, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    bench.load(load_mapping("demo"), "stages")
    demo_crm.execute("update stages set position = position + 1, name = name || ' '")
    rows = demo_crm.execute("select count(*) from stages").fetchone()
    assert rows is not None
    assert len(differences(bench, "stages")) == 2 * rows[0]


def test_deleted_rows_become_tombstones_and_may_come_back(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'kept', false), (2, 'gone', true), (3, 'unknown', null)")
    mapping = bench_mapping(NOTES)
    notes.load(mapping, "contacts")
    everything = f"select id, _deleted from {notes.warehouse.replica('contacts')} order by id, _version"
    assert notes.warehouse.rows(everything) == [("1", 0), ("2", 1), ("3", 0)]
    notes.crm.execute("update notes set gone = not gone, updated_at = now() where id < 3")
    notes.load(mapping, "contacts")
    assert notes.replica("contacts", "id") == [("2",), ("3",)]
    assert notes.warehouse.rows(everything) == [("1", 0), ("1", 1), ("2", 1), ("2", 0), ("3", 0)]


def test_a_row_that_was_never_updated_is_found_by_its_creation(notes: Bench) -> None:
    mapping = bench_mapping(NOTES)
    notes.load(mapping, "contacts")
    notes.crm.execute(
        "insert into notes values (1, 'new', false, now(), null), (2, 'old', false, now() - interval '1 day', null)"
    )
    result = notes.load(mapping, "contacts")
    assert (result.mode, result.rows) == ("incremental", 1)
    assert notes.replica("contacts", "id, note") == [("1", "new")]


def test_a_change_counts_even_where_its_stamp_is_not_later(notes: Bench) -> None:
    mapping = bench_mapping(NOTES, overlap=300)
    notes.crm.execute("insert into notes values (1, 'first', false)")
    notes.load(mapping, "contacts")
    notes.crm.execute("update notes set note = 'same stamp'")
    assert notes.load(mapping, "contacts").rows_changed == 1
    assert notes.replica("contacts", "note") == [("same stamp",)]
    notes.crm.execute("update notes set note = 'clock ran back', updated_at = updated_at - interval '10 seconds'")
    assert notes.load(mapping, "contacts").rows_changed == 1
    assert notes.replica("contacts", "note") == [("clock ran back",)]
    notes.crm.execute("update notes set note = 'first', created_at = created_at - interval '90 days'")
    notes.load(mapping, "contacts")
    assert notes.replica("contacts", "note") == [("first",)]
    assert notes.load(mapping, "contacts").rows_changed == 0


def test_local_times_are_not_lost_when_the_clock_is_set_back(notes: Bench) -> None:
    """On 26 October 2025 Berlin's clocks showed 02:00 to 03:00 twice."""
    notes.crm.execute("alter table notes alter updated_at type timestamp using '2025-10-26 02:50'")
    mapping = bench_mapping(NOTES, timezone="Europe/Berlin")
    notes.load(mapping, "contacts")
    state = f"{notes.warehouse.ops}.extraction_state"
    notes.warehouse.run(
        f"insert into {state} select * replace ('2025-10-26 00:50:00' as boundary, now() + 1 as finished_at) "
        f"from {state}"
    )
    notes.crm.execute("insert into notes values (1, 'second 02:10', false, '2025-10-26 01:10Z', '2025-10-26 02:10')")
    assert notes.load(mapping, "contacts").rows == 1


def test_months_and_versions_are_those_of_the_source(notes: Bench) -> None:
    notes.crm.execute(
        "insert into notes values (1, '', false, '1999-12-31 23:59:59.999999Z', '2001-02-03 04:05:06.789012Z')"
    )
    notes.crm.execute(
        "insert into notes values (2, '', false, '2001-01-01Z', 'infinity'), (3, '', false, '1950-01-01Z', null)"
    )
    notes.load(bench_mapping(NOTES), "contacts")
    assert notes.replica("contacts", "id, _version, _partition_id") == [
        ("1", 981173106789012, "199912"),
        ("2", 978307200000000, "200101"),
        ("3", 0, "195001"),
    ]


def test_many_months_load_at_once(notes: Bench) -> None:
    notes.crm.execute(
        "insert into notes select g, '', false, '2000-01-01Z'::timestamptz + g * interval '1 month' "
        "from generate_series(1, 120) g"
    )
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 120
    notes.crm.execute("update notes set note = 'new', updated_at = now()")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 120


def test_the_row_hash_tells_every_change_and_nothing_else(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    mapping = bench_mapping(NOTES)

    def row_hash() -> int:
        notes.load(mapping, "contacts", full=True)
        return int(notes.warehouse.rows(f"select _row_hash from {notes.warehouse.replica('contacts')}")[0][0])

    hashes = [row_hash()]
    assert row_hash() == hashes[0]
    for change in (
        "note = 'A'",
        "note = ''",
        "note = null",
        "gone = true",
        "created_at = created_at + interval '1 microsecond'",
    ):
        notes.crm.execute(f"update notes set {change}")
        hashes.append(row_hash())
    assert len(set(hashes)) == len(hashes)


def test_what_makes_a_load_full_is_said(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    mapping = bench_mapping(NOTES)
    replica = notes.warehouse.replica("contacts")

    def reason(mapping: Mapping = mapping, *, full: bool = False) -> str:
        result = notes.load(mapping, "contacts", full=full)
        assert result.mode == ("full" if result.reason else "incremental")
        assert notes.replica("contacts", "note") == [("a",)]
        return result.reason

    assert reason() == "there is no replica"
    assert reason() == ""
    assert reason(full=True) == "asked for"
    assert reason() == ""
    notes.warehouse.run(f"drop table {replica}")
    assert reason() == "there is no replica"
    notes.warehouse.run(f"alter table {replica} add column colour String")
    assert reason() == "column colour is no longer mapped"
    changed = bench_mapping(NOTES.replace("{column: gone, equals: true}", "{column: gone, is_null: true}"))
    assert reason(changed) == "the mapping or the types of the source changed"
    assert reason(changed) == ""
    assert reason() == "the mapping or the types of the source changed"
    assert reason(mapping.model_copy(update={"name": "renamed"})) == "no load from this CRM database is on record"
    assert reason() == ""
    stampless = bench_mapping(NOTES.replace("    changed_at: updated_at\n    created_at: created_at\n", ""))
    assert reason(stampless) == "the mapping or the types of the source changed"
    assert reason(stampless) == "the mapping names no changed_at"
    notes.warehouse.run(f"truncate table {notes.warehouse.ops}.extraction_state")
    assert reason() == "no load from this CRM database is on record"


def test_another_crm_behind_the_same_mapping_is_loaded_whole(notes: Bench, postgres: PostgresSettings) -> None:
    mapping = bench_mapping(NOTES)
    notes.load(mapping, "contacts")
    with connect_postgres(postgres) as server:
        server.execute("drop database if exists other_crm with (force)")
        server.execute("create database other_crm")
    with connect_postgres(postgres.model_copy(update={"database": "other_crm"})) as other:
        other.execute(NOTES_TABLE)
        result = load_table(other, notes.warehouse, mapping, "contacts", run_id="test")
    assert result.reason == "no load from this CRM database is on record"


def test_every_load_is_on_record(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    mapping = bench_mapping(NOTES)
    before = datetime.now(UTC)
    first = notes.load(mapping, "contacts")
    state = latest_state(notes.warehouse, "bench", "contacts")
    assert state is not None
    assert (state.mode, state.reason, state.rows, state.bytes) == ("full", "there is no replica", 1, first.bytes)
    assert (state.boundary, state.boundary_method, state.run_id) == (first.boundary, "transactions", "test")
    assert before <= state.started_at <= state.finished_at <= datetime.now(UTC)
    notes.load(mapping, "contacts")
    log = notes.warehouse.rows(
        f"select table_name, mode from {notes.warehouse.ops}.extraction_state order by finished_at"
    )
    assert log == [("contacts", "full"), ("contacts", "incremental")]


@pytest.mark.parametrize("full", [True, False])
def test_a_load_that_fails_half_way_leaves_the_replica_as_it_was(notes: Bench, full: bool) -> None:
    notes.crm.execute("insert into notes select g, repeat('x', 20000), false from generate_series(1, 1000) g")
    notes.crm.execute(FUSE)
    mapping = bench_mapping(NOTES.replace("public.notes", "public.flaky"))
    notes.load(mapping, "contacts")
    before = notes.replica("contacts"), latest_state(notes.warehouse, "bench", "contacts")

    notes.crm.execute("update notes set note = 'new', updated_at = now(); update fuse set blown = true")
    with pytest.raises(ExtractionError, match=r"^contacts: the CRM's PostgreSQL: the fuse has blown$"):
        notes.load(mapping, "contacts", full=full)
    assert (notes.replica("contacts"), latest_state(notes.warehouse, "bench", "contacts")) == before
    assert notes.tables() == {"contacts"}

    notes.crm.execute("update fuse set blown = false")
    assert notes.load(mapping, "contacts", full=full).rows_changed == 1000
    assert notes.replica("contacts", "distinct note") == [("new",)]


def test_what_a_crashed_load_left_behind_is_swept_away(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    notes.load(bench_mapping(NOTES), "contacts")
    notes.warehouse.run(f"create table {notes.warehouse.loading('contacts')} (junk Int8) engine = Memory")
    assert notes.load(bench_mapping(NOTES), "contacts").mode == "incremental"
    assert notes.tables() == {"contacts"}


def test_readers_never_see_a_part_of_a_full_load(notes: Bench, clickhouse: ClickHouseSettings) -> None:
    notes.crm.execute("insert into notes select g, 'x', false from generate_series(1, 5000) g")
    mapping = bench_mapping(NOTES)
    notes.load(mapping, "contacts")
    seen: set[object] = set()
    done = threading.Event()

    def read() -> None:
        with connect_clickhouse(clickhouse) as client:
            while not done.is_set():
                try:
                    query = f"select count() from {notes.warehouse.replica('contacts')}"
                    seen.add(client.query(query).result_rows[0][0])
                except ClickHouseError as error:
                    seen.add(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(4):
            notes.load(mapping, "contacts", full=True)
    finally:
        done.set()
        reader.join()
    assert seen == {5000}


def test_a_second_load_of_a_table_is_refused_while_the_first_runs(
    notes: Bench, empty_postgres: PostgresSettings, clickhouse: ClickHouseSettings
) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    notes.crm.execute("""
create function wait_for_gate(id int) returns int language plpgsql as $$
begin perform pg_advisory_xact_lock_shared(7); return id; end $$;
create view slow as select wait_for_gate(id) as id, note, gone, created_at, updated_at from notes;
""")
    slow = bench_mapping(NOTES.replace("public.notes", "public.slow"))
    outcome: list[object] = []

    def first() -> None:
        with (
            connect_postgres(empty_postgres) as crm,
            connect_clickhouse(clickhouse, autogenerate_session_id=False) as client,
        ):
            warehouse = Warehouse(client, crm=notes.warehouse.crm, ops=notes.warehouse.ops)
            outcome.append(load_table(crm, warehouse, slow, "contacts", run_id="first"))

    with _gate_closed(empty_postgres):
        loading = threading.Thread(target=first)
        loading.start()
        _wait_for_waiters(notes.crm)
        with pytest.raises(ExtractionError, match=r"^contacts: another run is writing it in PostgreSQL session \d+"):
            notes.load(bench_mapping(NOTES), "contacts")
        assert outcome == []
        notes.crm.execute("create table firms (name text, created_at timestamptz)")
        assert notes.load(bench_mapping(NOTES), "tenants").mode == "full"
    loading.join()
    assert len(outcome) == 1
    assert notes.replica("contacts", "note") == [("a",)]
    assert notes.load(slow, "contacts").mode == "incremental"


@contextmanager
def _gate_closed(settings: PostgresSettings) -> Iterator[None]:
    with connect_postgres(settings) as keeper:
        keeper.execute("select pg_advisory_lock(7)")
        yield


def _wait_for_waiters(crm: Connection) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while crm.execute("select from pg_locks where locktype = 'advisory' and not granted").fetchone() is None:
        assert datetime.now(UTC) < deadline


def test_a_load_that_lost_its_lock_does_not_publish(notes: Bench, empty_postgres: PostgresSettings) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    notes.crm.execute(
        "create view leaky as select id, note, gone, created_at, updated_at from notes "
        "where pg_advisory_unlock_all() is not null"
    )
    with pytest.raises(ExtractionError, match=r"^contacts: the lock of the load was lost"):
        notes.load(bench_mapping(NOTES.replace("public.notes", "public.leaky")), "contacts")
    assert notes.tables() == set()


def test_a_crm_that_goes_away_is_one_clear_line(notes: Bench, empty_postgres: PostgresSettings) -> None:
    notes.crm.execute(
        "create view fatal as select id, note, pg_terminate_backend(pg_backend_pid()) as gone, created_at, updated_at "
        "from notes"
    )
    notes.crm.execute("insert into notes values (1, 'a', false)")
    with pytest.raises(ExtractionError, match=r"^contacts: the CRM's PostgreSQL: terminating connection"):
        notes.load(bench_mapping(NOTES.replace("public.notes", "public.fatal")), "contacts")
    assert notes.tables() == set()


def test_an_unmapped_table_has_an_empty_replica_that_says_so(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false)")
    result = notes.load(bench_mapping(""), "deals")
    assert (result.mode, result.reason, result.rows) == ("not mapped", "bench.yaml does not map deals", 0)
    types: dict[str, str] = dict(
        (name, type_name)
        for name, type_name in notes.warehouse.rows(
            "select name, type from system.columns where database = {database:String}", database=notes.warehouse.crm
        )
    )
    assert types["amount"] == "Nullable(Decimal(18, 2))"
    assert types["created_at"] == "DateTime64(6, 'UTC')"
    assert notes.replica("deals") == []

    notes.load(bench_mapping(NOTES), "contacts")
    assert notes.load(bench_mapping(""), "contacts").mode == "not mapped"
    assert notes.replica("contacts") == []
    assert notes.load(bench_mapping(NOTES), "contacts").mode == "full"
    assert notes.replica("contacts", "note") == [("a",)]


def test_rows_that_share_a_key_are_refused(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false), (2, 'b', false)")
    notes.crm.execute("create view doubled as select n.* from notes n, generate_series(1, 2)")
    with pytest.raises(
        ExtractionError, match=r"^contacts: 4 rows were read but 2 different keys \(tenant_id, id\) arrived"
    ):
        notes.load(bench_mapping(NOTES.replace("public.notes", "public.doubled")), "contacts")
    assert notes.tables() == set()


SHARED_KEYS = {
    "inherited table": "create table more (like notes); alter table more inherit notes; insert into more table notes",
    "no index": "alter table notes drop constraint notes_pkey; insert into notes table notes",
    "index on some rows": "alter table notes drop constraint notes_pkey; insert into notes table notes;"
    "create unique index on notes (id) where gone is null",
    "index on more columns": "alter table notes drop constraint notes_pkey;"
    "create unique index on notes (id, note);"
    "insert into notes select id, note || '!' from notes",
    "index on an expression": "alter table notes drop constraint notes_pkey;"
    "create unique index on notes ((id || note));"
    "insert into notes select id, note || '!' from notes",
}


@pytest.mark.parametrize("statement", SHARED_KEYS.values(), ids=SHARED_KEYS.keys())
def test_an_index_that_guarantees_no_keys_is_not_relied_on(notes: Bench, statement: str) -> None:
    notes.crm.execute("insert into notes values (1, 'a', false), (2, 'b', false)")
    notes.crm.execute(statement)
    with pytest.raises(ExtractionError, match="4 rows were read but 2 different keys"):
        notes.load(bench_mapping(NOTES), "contacts")


def test_a_connection_inside_a_transaction_is_refused(notes: Bench) -> None:
    notes.crm.set_autocommit(False)
    with pytest.raises(ValueError, match="autocommit"):
        notes.load(bench_mapping(NOTES), "contacts")


def test_a_database_that_cannot_exchange_tables_is_refused(notes: Bench) -> None:
    notes.warehouse.run(f"create database {notes.warehouse.crm} engine = Memory")
    with pytest.raises(
        ExtractionError, match=r"^ClickHouse database \w+ has engine Memory; recreate it with engine Atomic$"
    ):
        notes.load(bench_mapping(NOTES), "contacts")


def test_errors_of_the_crm_are_one_line(notes: Bench) -> None:
    with psycopg.connect(notes.crm.info.dsn, password=notes.crm.info.password, autocommit=True) as locked:
        locked.execute("begin; lock table notes")
        notes.crm.execute("set lock_timeout = '50ms'")
        with pytest.raises(
            ExtractionError, match=r"^contacts: the CRM's PostgreSQL: canceling statement due to lock timeout$"
        ):
            notes.load(bench_mapping(NOTES), "contacts")
