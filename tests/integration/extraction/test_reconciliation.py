"""Reconciliation proves a replica equal to the CRM, finds what no watermark can, and repairs it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
from psycopg import sql

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.extraction import reconciliation
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.held_rows import Changes
from orchestration.extraction.lock import table_lock
from orchestration.extraction.mapping import Mapping, load_mapping
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.reconciliation_log import Reconciliation
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.transport import Moved, stream_rows
from tests.integration.extraction.bench import NOTES, Bench, bench_mapping
from tests.integration.extraction.demo_rows import differences

NOTES_TABLE = """
create table notes (
    id int primary key, note text, gone boolean default false,
    created_at timestamptz default now(), updated_at timestamptz default now()
);
insert into notes
select g, 'note ' || g, g % 10 = 0, '2025-01-15Z'::timestamptz + g * interval '1 day',
    '2025-06-01Z'::timestamptz + g * interval '1 second'
from generate_series(1, 300) g
"""


@pytest.fixture
def notes(bench: Bench) -> Bench:
    """Return a bench with 300 notes, loaded; every tenth is a tombstone."""
    bench.crm.execute(NOTES_TABLE)
    bench.load(bench_mapping(NOTES), "contacts")
    return bench


def reconcile(bench: Bench, mapping: Mapping | None = None, table: str = "contacts") -> Reconciliation:
    """Reconcile; the result must say that the replica is equal now, and a second look must find nothing."""
    mapping = mapping or bench_mapping(NOTES)
    result = reconcile_table(bench.crm, bench.warehouse, mapping, table, run_id="test")
    again = reconcile_table(bench.crm, bench.warehouse, mapping, table, run_id="test")
    assert result is not None
    assert again is not None
    assert (result.clean, again.clean) == (True, True)
    assert (again.buckets_differing, again.changes, again.tombstones) == (0, Changes(), 0)
    return result


def everything(bench: Bench) -> list[tuple[object, ...]]:
    """Return the CRM's notes that are not deleted as the replica must show them."""
    query = "select id::text, note from notes where not coalesce(gone, false) order by 1"
    return bench.crm.execute(query).fetchall()


def shown(bench: Bench) -> list[tuple[object, ...]]:
    return bench.replica("contacts", "id, note")


def test_an_equal_replica_is_proved_equal(notes: Bench) -> None:
    result = reconcile(notes)
    assert result.describe() == "300 rows, 4,096 buckets, 0 differ"
    assert (result.rows, result.buckets, result.buckets_differing) == (300, 4096, 0)
    log = notes.warehouse.rows(
        f"select table_name, scope, rows, buckets, buckets_differing, clean, run_id "
        f"from {notes.warehouse.ops}.reconciliation"
    )
    assert [tuple(row) for row in log] == [("contacts", "table", 300, 4096, 0, True, "test")] * 2


def test_processes_of_postgresql_share_a_comparison_and_what_it_reads_again(notes: Bench) -> None:
    notes.crm.execute("insert into notes select id, 'note ' || id from generate_series(1001, 21000) as id")
    notes.load(bench_mapping(NOTES), "contacts")
    # As PostgreSQL would do with a large table, where handing all rows over costs too much.
    notes.crm.execute("alter table notes set (parallel_workers = 1); analyze notes")
    notes.crm.execute("set max_parallel_workers_per_gather = 1; set parallel_setup_cost = 0")
    notes.crm.execute("set parallel_tuple_cost = 1")
    notes.crm.execute("update notes set note = 'silent' where id = 7")
    before = parallel_workers(notes)
    result = reconcile_table(notes.crm, notes.warehouse, bench_mapping(NOTES), "contacts", run_id="test")
    assert result is not None
    # One beside the sums, one beside the rows of the bucket that differs.
    assert parallel_workers(notes) - before == 2
    assert (result.clean, result.changes) == (True, Changes(unstamped=1))
    assert shown(notes) == everything(notes)


def parallel_workers(bench: Bench) -> int:
    """Return how many processes PostgreSQL has wanted to start to help others in this database."""
    bench.crm.execute("select pg_stat_force_next_flush()")
    row = bench.crm.execute(
        "select parallel_workers_to_launch from pg_stat_database where datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_whole_demo_crm_is_proved_equal(bench: Bench) -> None:
    fill(bench.crm, seed=11, deals=300, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    mapping = load_mapping("demo")
    for table in CANONICAL_TABLES:
        bench.load(mapping, table)
        counted = bench.crm.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
        result = reconcile(bench, mapping, table)
        assert (result.rows,) == counted
        assert result.buckets_differing == 0


def test_a_writer_that_does_not_touch_the_stamp_is_found(notes: Bench) -> None:
    notes.crm.execute("update notes set note = 'silently' where id in (3, 4, 5)")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0
    result = reconcile(notes)
    assert result.changes == Changes(unstamped=3)
    assert "3 rows changed without a new updated_at; 0 differ now" in result.describe()
    assert shown(notes) == everything(notes)


def test_a_row_that_was_inserted_with_an_old_stamp_is_found(notes: Bench) -> None:
    notes.crm.execute("insert into notes values (900, 'imported', false, '2020-01-01Z', '2020-01-01Z')")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0
    assert reconcile(notes).changes == Changes(missing=1)
    assert shown(notes) == everything(notes)


def test_changes_since_the_load_are_not_taken_for_losses(notes: Bench) -> None:
    notes.crm.execute("update notes set note = 'now', updated_at = now() where id = 7")
    result = reconcile(notes)
    assert result.changes == Changes(recent=1)
    assert shown(notes) == everything(notes)
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0


def test_hard_deletes_become_tombstones_and_may_come_back(notes: Bench) -> None:
    notes.crm.execute("delete from notes where id in (1, 2, 10)")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0
    result = reconcile(notes)
    assert (result.tombstones, result.changes) == (3, Changes())
    assert shown(notes) == everything(notes)
    latest = notes.warehouse.rows(
        f"select id, argMax(note, _version), argMax(_deleted, _version), argMax(_row_hash, _version) "
        f"from {notes.warehouse.replica('contacts')} where id in ('1', '2', '10') group by id order by id"
    )
    assert [tuple(row) for row in latest] == [("1", "note 1", 1, 0), ("10", "note 10", 1, 0), ("2", "note 2", 1, 0)]
    notes.crm.execute("insert into notes values (1, 'back', false, '2025-01-16Z', '2025-06-01Z')")
    assert reconcile(notes).changes == Changes(missing=1)
    assert shown(notes) == everything(notes)


def test_an_emptied_table_is_emptied(notes: Bench) -> None:
    notes.crm.execute("delete from notes")
    assert reconcile(notes).tombstones == 300
    assert shown(notes) == []


HAND_MADE_CHANGES = {
    "mutation": "alter table {replica} update note = 'forged' where id = '5' settings mutations_sync = 2",
    "mutation to null": "alter table {replica} update note = null where id in ('5', '6') settings mutations_sync = 2",
    "undeleted": "alter table {replica} update _deleted = 0 where id = '10' settings mutations_sync = 2",
    "deleted": "alter table {replica} delete where id in ('5', '10') settings mutations_sync = 2",
    "lightweight delete": "delete from {replica} where id = '5'",
    "inserted row": "insert into {replica} (tenant_id, id, note, created_at, _version) "
    "select 'acme', 'forged', 'x', now(), 1",
    "inserted version": "insert into {replica} (tenant_id, id, note, created_at, _version) "
    "select 'acme', '5', 'forged', created_at, _version + 1 from {replica} where id = '5'",
    "copied with its hash": "insert into {replica} select * replace ('forged' as note) from {replica} where id = '5'",
    "copied with a new version": "insert into {replica} select * replace ('forged' as note, _version + 9 as _version) "
    "from {replica} where id = '5'",
    "another hash": "alter table {replica} update _row_hash = 1 where id = '5' settings mutations_sync = 2",
    "dropped partition": "alter table {replica} drop partition 202503",
    "truncated": "truncate table {replica}",
}


@pytest.mark.parametrize("statement", HAND_MADE_CHANGES.values(), ids=HAND_MADE_CHANGES.keys())
def test_a_replica_changed_by_hand_is_found_and_mended(notes: Bench, statement: str) -> None:
    notes.warehouse.run(statement.format(replica=notes.warehouse.replica("contacts")))
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0
    result = reconcile(notes)
    assert result.buckets_differing > 0
    assert shown(notes) == everything(notes)


def test_damage_is_told_from_changes_in_the_crm(notes: Bench) -> None:
    replica = notes.warehouse.replica("contacts")
    notes.warehouse.run(f"alter table {replica} update note = 'x' where id in ('1', '2') settings mutations_sync = 2")
    notes.warehouse.run(f"alter table {replica} delete where id = '3' settings mutations_sync = 2")
    notes.crm.execute("update notes set note = 'silent' where id = 4")
    notes.crm.execute("delete from notes where id = 5")
    result = reconcile(notes)
    assert (result.changes, result.tombstones) == (Changes(damaged=2, missing=1, unstamped=1), 1)
    assert result.describe().endswith(
        "differed: 1 row changed without a new updated_at, 1 row missing from the replica, "
        "2 rows changed by hand in the replica, 1 row deleted in the CRM; 0 differ now"
    )


def test_a_restored_backup_of_the_crm_is_followed(notes: Bench) -> None:
    notes.crm.execute("create table backup as select * from notes")
    notes.crm.execute("update notes set note = 'later', updated_at = now() where id % 2 = 0")
    notes.crm.execute("insert into notes values (901, 'later', false, now(), now())")
    notes.load(bench_mapping(NOTES), "contacts")
    assert shown(notes) == everything(notes)
    notes.crm.execute("truncate notes; insert into notes select * from backup")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0
    result = reconcile(notes)
    assert (result.changes.total, result.tombstones) == (150, 1)
    assert shown(notes) == everything(notes)


def test_a_restored_backup_of_the_replica_is_brought_up_to_date(notes: Bench) -> None:
    replica = notes.warehouse.replica("contacts")
    notes.warehouse.run(f"create table {notes.warehouse.crm}.backup as {replica}")
    notes.warehouse.run(f"insert into {notes.warehouse.crm}.backup select * from {replica}")
    notes.crm.execute("update notes set note = 'later', updated_at = now() where id < 20")
    notes.crm.execute("delete from notes where id = 50")
    notes.load(bench_mapping(NOTES), "contacts")
    reconcile(notes)
    notes.warehouse.run(f"exchange tables {replica} and {notes.warehouse.crm}.backup")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 0
    reconcile(notes)
    assert shown(notes) == everything(notes)


def test_a_row_whose_creation_was_changed_is_one_row(notes: Bench) -> None:
    notes.crm.execute("update notes set created_at = '2019-05-05Z' where id = 8")
    reconcile(notes)
    assert shown(notes) == everything(notes)


def test_the_comparison_is_with_one_snapshot(
    notes: Bench, empty_postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CRM goes on writing between the sums and the reading of the buckets that differ."""
    notes.crm.execute("update notes set note = 'silent' where id = 1")

    def write_first(*arguments: Any) -> Moved:
        with connect_postgres(empty_postgres) as writer:
            writer.execute("update notes set note = 'meanwhile', updated_at = now()")
            writer.execute("delete from notes where id = 2")
        return stream_rows(*arguments)

    monkeypatch.setattr("orchestration.extraction.reconciliation.stream_rows", write_first)
    result = reconcile_table(notes.crm, notes.warehouse, bench_mapping(NOTES), "contacts", run_id="test")
    assert result is not None
    assert (result.clean, result.changes, result.tombstones) == (True, Changes(unstamped=1), 0)
    assert ("1", "silent") in shown(notes)
    monkeypatch.undo()
    assert reconcile(notes).changes == Changes(recent=299)
    assert shown(notes) == everything(notes)


def test_a_value_that_cannot_be_loaded_stops_the_repair(notes: Bench) -> None:
    notes.crm.execute("update notes set created_at = 'infinity' where id = 1; update notes set note = 'x' where id = 2")
    before = shown(notes)
    with pytest.raises(ExtractionError, match=r"contacts\.created_at: .*must not become empty .*correct it in the CRM"):
        reconcile_table(notes.crm, notes.warehouse, bench_mapping(NOTES), "contacts", run_id="test")
    assert shown(notes) == before
    assert notes.tables() == {"contacts"}


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ("publish_changes", "update notes set note = 'silent' where id = 7"),
        ("publish_changes", "insert into notes values (301, 'new', false, '2025-01-16Z', '2025-01-16Z')"),
        ("bury_missing", "delete from notes where id = 7"),
    ],
)
def test_a_repair_that_did_not_take_is_not_called_equal(
    notes: Bench, monkeypatch: pytest.MonkeyPatch, step: str, change: LiteralString
) -> None:
    notes.crm.execute(change)
    with monkeypatch.context() as broken:
        broken.setattr(reconciliation, step, lambda *_, **__: 0)
        result = reconcile_table(notes.crm, notes.warehouse, bench_mapping(NOTES), "contacts", run_id="test")
    assert result is not None
    assert not result.clean
    reconcile(notes)
    assert shown(notes) == everything(notes)


def test_it_waits_for_a_load_of_the_same_table(
    notes: Bench, empty_postgres: PostgresSettings, clickhouse: ClickHouseSettings
) -> None:
    found: list[Reconciliation | None] = []

    def reconcile_beside() -> None:
        with connect_postgres(empty_postgres) as crm:
            warehouse = Warehouse(connect_clickhouse(clickhouse), crm=notes.warehouse.crm, ops=notes.warehouse.ops)
            wait = timedelta(seconds=20)
            found.append(reconcile_table(crm, warehouse, bench_mapping(NOTES), "contacts", run_id="beside", wait=wait))

    with table_lock(notes.crm, notes.warehouse, "contacts", wait=timedelta()):
        beside = threading.Thread(target=reconcile_beside)
        beside.start()
        beside.join(1)
        assert found == []
        with (
            connect_postgres(empty_postgres) as other,
            pytest.raises(ExtractionError, match="another run is writing it"),
        ):
            reconcile_table(other, notes.warehouse, bench_mapping(NOTES), "contacts", run_id="at once")
    beside.join(20)
    assert [result.clean for result in found if result] == [True]


def test_a_table_without_a_replica_has_to_be_loaded_first(bench: Bench) -> None:
    bench.crm.execute(NOTES_TABLE)
    with pytest.raises(ExtractionError, match="contacts: there is no replica to compare; load the table first"):
        reconcile_table(bench.crm, bench.warehouse, bench_mapping(NOTES), "contacts", run_id="test")


def test_a_changed_mapping_has_to_be_loaded_first(notes: Bench) -> None:
    changed = bench_mapping(NOTES.replace("note: note", "text: note"))
    with pytest.raises(ExtractionError, match=r"the replica's columns are not those of bench\.yaml; load the table"):
        reconcile_table(notes.crm, notes.warehouse, changed, "contacts", run_id="test")


def test_a_table_that_is_not_mapped_has_nothing_to_compare(notes: Bench) -> None:
    notes.load(bench_mapping(NOTES), "leads")
    assert reconcile_table(notes.crm, notes.warehouse, bench_mapping(NOTES), "leads", run_id="test") is None


def test_after_random_damage_the_demo_crm_is_equal_again(bench: Bench) -> None:
    fill(bench.crm, seed=7, deals=300, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    mapping = load_mapping("demo")
    bench.load(mapping, "activities")
    replica = bench.warehouse.replica("activities")
    bench.crm.execute("update activities set subject = 'silent' where id % 3 = 0")
    bench.crm.execute("update activities set deleted_at = now() where id % 11 = 0")
    bench.warehouse.run(f"delete from {replica} where cityHash64(id) % 5 = 0")
    bench.warehouse.run(f"insert into {replica} select * replace ('task' as activity_type) from {replica} limit 100")
    reconcile(bench, mapping, "activities")
    assert differences(bench, "activities") == []


def test_rows_are_counted_once_though_a_view_reads_them(notes: Bench) -> None:
    crm = notes.warehouse.crm
    notes.warehouse.run(f"create table {crm}.seen (id String) engine = MergeTree order by id")
    notes.warehouse.run(f"create materialized view {crm}.watcher to {crm}.seen as select id from {crm}.contacts")
    notes.crm.execute("update notes set note = 'new', updated_at = now() where id <= 5")
    notes.crm.execute("delete from notes where id = 6")
    assert notes.load(bench_mapping(NOTES), "contacts").rows_changed == 5
    assert reconcile(notes).tombstones == 1
    assert len(notes.warehouse.rows(f"select id from {crm}.seen")) == 6
