"""Reading one creation month again: the unit of a backfill ends right, whatever else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.held_rows import Changes
from orchestration.extraction.months import load_month
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.reconciliation_log import Reconciliation
from orchestration.extraction.replica import Warehouse
from tests.integration.extraction.bench import NOTES, Bench, bench_mapping

NOTES_TABLE = """
create table notes (
    id int primary key, note text, gone boolean default false, created_at timestamptz, updated_at timestamptz
);
insert into notes
select g, 'note ' || g, g % 10 = 0, '2025-01-31 12:00Z'::timestamptz + g * interval '6 hours',
    '2025-06-01Z'::timestamptz + g * interval '1 second'
from generate_series(0, 239) g
"""
FEBRUARY = date(2025, 2, 1)
MAPPING = bench_mapping(NOTES)


@pytest.fixture
def notes(bench: Bench) -> Bench:
    """Return a bench with 240 notes of 31 January to 1 April 2025, loaded."""
    bench.crm.execute(NOTES_TABLE)
    bench.load(MAPPING, "contacts")
    return bench


def load(bench: Bench, month: date = FEBRUARY) -> Reconciliation:
    result = load_month(bench.crm, bench.warehouse, MAPPING, "contacts", month=month, run_id="test")
    assert result is not None
    assert result.clean
    return result


def differing(bench: Bench) -> list[str]:
    """Return the ids whose rows differ between the CRM and what readers see of the replica."""
    query = "select id::text, note, to_char(created_at, 'YYYY-MM-DD HH24') from notes where not gone"
    there = set(bench.crm.execute(query).fetchall())
    here = set(bench.replica("contacts", "id, note, formatDateTime(created_at, '%Y-%m-%d %H')"))
    return sorted({str(row[0]) for row in there ^ here})


def test_a_month_is_read_with_its_first_and_without_its_last_moment(notes: Bench) -> None:
    notes.crm.execute("update notes set note = 'silent'")
    notes.crm.execute("insert into notes values (900, 'last', false, '2025-02-28 23:59:59.999999Z', '2020-01-01Z')")
    result = load(notes)
    assert (result.rows, result.scope) == (28 * 4 + 1, "2025-02")
    assert result.changes == Changes(unstamped=112, missing=1)
    in_february = notes.crm.execute(
        "select count(*) from notes where created_at >= '2025-02-01Z' and created_at < '2025-03-01Z' and not gone"
    ).fetchone()
    shown = notes.warehouse.rows(
        f"select count() from {notes.warehouse.replica('contacts')} final "
        f"where toYYYYMM(created_at) = 202502 and note in ('silent', 'last')"
    )
    assert tuple(shown[0]) == in_february
    assert "2" not in differing(notes)
    assert "1" in differing(notes)


def test_a_month_read_twice_changes_nothing_the_second_time(notes: Bench) -> None:
    notes.crm.execute("update notes set note = 'silent'; delete from notes where id = 20")
    first, second = load(notes), load(notes)
    assert (first.changes.total, first.tombstones) == (111, 1)
    assert (second.changes, second.tombstones, second.rows) == (Changes(), 0, first.rows)
    assert second.describe() == "2025-02: 111 rows read again"


def test_a_month_that_became_empty_is_emptied(notes: Bench) -> None:
    notes.crm.execute("delete from notes where created_at >= '2025-02-01Z' and created_at < '2025-03-01Z'")
    result = load(notes)
    assert (result.rows, result.tombstones) == (0, 112)
    assert differing(notes) == []
    assert load(notes).tombstones == 0


def test_a_month_before_the_first_row_is_empty(notes: Bench) -> None:
    result = load(notes, date(2001, 12, 31))
    assert (result.rows, result.scope) == (0, "2001-12")
    assert differing(notes) == []


def test_a_month_never_overwrites_what_is_newer(notes: Bench) -> None:
    notes.crm.execute("update notes set note = 'new', updated_at = now() where id = 30")
    notes.load(MAPPING, "contacts")
    assert load(notes).changes == Changes()
    assert differing(notes) == []


def test_rows_whose_creation_was_changed_are_neither_lost_nor_doubled(notes: Bench) -> None:
    notes.crm.execute("update notes set created_at = '2025-03-10Z' where id = 20")
    notes.crm.execute("update notes set created_at = '2025-02-10Z' where id = 200")
    result = load(notes)
    assert (result.changes, result.tombstones) == (Changes(unstamped=2), 0)
    assert differing(notes) == []
    assert load(notes, date(2025, 3, 1)).changes == Changes()
    assert differing(notes) == []


def test_a_month_damaged_in_the_replica_is_mended(notes: Bench) -> None:
    replica = notes.warehouse.replica("contacts")
    notes.warehouse.run(f"alter table {replica} update note = 'x' where id = '25' settings mutations_sync = 2")
    notes.warehouse.run(f"delete from {replica} where id = '26'")
    notes.warehouse.run(
        f"insert into {replica} (tenant_id, id, created_at, _version) select 'acme', 'forged', '2025-02-02', 1"
    )
    result = load(notes)
    assert (result.changes, result.tombstones) == (Changes(damaged=1, missing=1), 1)
    assert differing(notes) == []


def together(*works: Callable[[], object]) -> None:
    """Run all of them at once; the first failure fails the test."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_months_the_incremental_load_and_a_full_refresh_run_beside_each_other(
    notes: Bench, empty_postgres: PostgresSettings, clickhouse: ClickHouseSettings
) -> None:
    """They take turns; while they do, the CRM goes on, and readers never miss a row."""
    wait = timedelta(seconds=50)
    finished = threading.Event()
    counts: list[int] = []

    def beside() -> Bench:
        warehouse = Warehouse(connect_clickhouse(clickhouse), crm=notes.warehouse.crm, ops=notes.warehouse.ops)
        return Bench(connect_postgres(empty_postgres), warehouse)

    def month(start: date) -> Callable[[], object]:
        bench = beside()
        return lambda: load_month(
            bench.crm, bench.warehouse, MAPPING, "contacts", month=start, run_id="month", wait=wait
        )

    def read() -> None:
        bench = beside()
        while not finished.is_set():
            counts.append(len(bench.replica("contacts", "id")))

    def work() -> None:
        bench, other = beside(), beside()
        notes.crm.execute("update notes set note = 'silent' where id % 2 = 0")
        notes.crm.execute("update notes set note = 'stamped', updated_at = now() where id % 3 = 0")
        together(
            month(FEBRUARY),
            month(FEBRUARY),
            month(date(2025, 3, 1)),
            lambda: bench.load(MAPPING, "contacts", wait=wait),
            lambda: other.load(MAPPING, "contacts", full=True, wait=wait),
        )
        finished.set()

    together(work, read)
    assert set(counts) == {216}
    assert differing(notes) == []
    result = reconcile_table(notes.crm, notes.warehouse, MAPPING, "contacts", run_id="test")
    assert result is not None
    assert (result.buckets_differing, result.clean) == (0, True)


def test_a_month_of_a_table_that_was_never_loaded_needs_a_load(bench: Bench) -> None:
    bench.crm.execute(NOTES_TABLE)
    with pytest.raises(ExtractionError, match="contacts: there is no replica to compare; load the table first"):
        load_month(bench.crm, bench.warehouse, MAPPING, "contacts", month=FEBRUARY, run_id="test")


def test_a_table_without_creation_dates_has_no_months(bench: Bench) -> None:
    bench.crm.execute("create table firms (name text, created_at timestamptz)")
    bench.load(MAPPING, "tenants")
    with pytest.raises(ExtractionError, match="tenants: has no creation month; load the whole table instead"):
        load_month(bench.crm, bench.warehouse, MAPPING, "tenants", month=FEBRUARY, run_id="test")


def test_a_table_that_is_not_mapped_has_nothing_to_read(notes: Bench) -> None:
    notes.load(MAPPING, "leads")
    assert load_month(notes.crm, notes.warehouse, MAPPING, "leads", month=FEBRUARY, run_id="test") is None
