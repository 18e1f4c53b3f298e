"""The CRM's schema changes under a replica: what fits is taken over, what does not fails its table and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction import boundary
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.months import load_month
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.replica import Warehouse, existing_columns
from orchestration.extraction.state import latest_state
from tests.integration.extraction.bench import Bench, bench_mapping

NOTES = """
  contacts:
    source: public.notes
    changed_at: updated_at
    columns: {id: id, created_at: created_at, updated_at: updated_at}
    extra: {note: note}
  lead_sources:
    source: public.origins
    changed_at: updated_at
    columns: {id: id, name: name, updated_at: updated_at}
"""
MAPPING = bench_mapping(NOTES)
STAMPS = "created_at timestamptz default now(), updated_at timestamptz default now()"


@pytest.fixture
def crm_of(bench: Bench) -> Bench:
    """Return a bench whose CRM has one other table, with a row."""
    bench.crm.execute(f"create table origins (id int, name text, {STAMPS}); insert into origins values (1, 'web')")
    return bench


def make_notes(bench: Bench, note: str, *values: object, key: str = "int") -> None:
    """Create the table of notes with a column `note` of a type, its rows numbered from 1, and load it."""
    bench.crm.execute(f"create table notes (id {key}, note {note}, {STAMPS})")
    for number, value in enumerate(values, 1):
        bench.crm.execute("insert into notes values (%s, %s)", [number, value])
    bench.load(MAPPING, "contacts")


def note_type(bench: Bench) -> str:
    return dict(existing_columns(bench.warehouse, "contacts"))["note"]


def notes(bench: Bench) -> list[tuple[Any, ...]]:
    return bench.replica("contacts", "id, toString(note)")


def assert_equal_to_crm(bench: Bench, mapping: Mapping = MAPPING) -> None:
    """Assert that reconciliation, which compares every row, finds nothing to repair."""
    found = reconcile_table(bench.crm, bench.warehouse, mapping, "contacts", run_id="test")
    assert found is not None
    assert (found.buckets_differing, found.tombstones, found.clean) == (0, 0, True)


def assert_refused(bench: Bench, message: str, mapping: Mapping = MAPPING) -> None:
    """Assert that loading fails with a message, leaves everything as it was, and other tables alone."""

    def everything() -> object:
        columns = existing_columns(bench.warehouse, "contacts")
        return columns, bench.replica("contacts"), latest_state(bench.warehouse, "bench", "contacts"), bench.tables()

    bench.load(mapping, "lead_sources")
    before = everything()
    for _ in range(2):
        with pytest.raises(ExtractionError) as refusal:
            bench.load(mapping, "contacts")
        assert str(refusal.value) == message
        assert everything() == before
    bench.crm.execute("update origins set name = name || '!', updated_at = now()")
    assert bench.load(mapping, "lead_sources").rows_changed == 1


def test_a_column_that_is_new_in_the_mapping(crm_of: Bench) -> None:
    make_notes(crm_of, "text", "a", "b")
    crm_of.crm.execute("alter table notes add colour text default 'red'")
    more = bench_mapping(NOTES.replace("{note: note}", "{note: note, colour: colour}"))
    result = crm_of.load(more, "contacts")
    assert (result.mode, result.reason, result.rows) == ("full", "column colour is new", 2)
    assert crm_of.replica("contacts", "id, note, colour") == [("1", "a", "red"), ("2", "b", "red")]
    assert crm_of.load(more, "contacts").mode == "incremental"
    result = crm_of.load(MAPPING, "contacts")
    assert (result.mode, result.reason) == ("full", "column colour is no longer mapped")
    assert notes(crm_of) == [("1", "a"), ("2", "b")]


def test_a_column_that_is_new_in_the_crm_alone_changes_nothing(crm_of: Bench) -> None:
    make_notes(crm_of, "text", "a")
    crm_of.crm.execute("alter table notes add colour text default 'red'")
    assert (crm_of.load(MAPPING, "contacts").mode, note_type(crm_of)) == ("incremental", "Nullable(String)")


@pytest.mark.parametrize(
    ("before", "after", "in_replica"),
    [
        ("numeric(4,2)", "numeric(10,2)", "Nullable(Decimal(10, 2))"),
        ("numeric(4,2)", "numeric(10,4)", "Nullable(Decimal(10, 4))"),
        ("numeric(4,2)", "numeric", "Nullable(Decimal(38, 10))"),
        ("numeric(4,2)", "numeric(70,30)", "Nullable(Decimal(70, 30))"),
        ("smallint", "integer", "Nullable(Int64)"),
        ("integer", "bigint", "Nullable(Int64)"),
        ("varchar(10)", "varchar(50)", "Nullable(String)"),
        ("varchar(10)", "text", "Nullable(String)"),
    ],
)
def test_a_wider_type_is_taken_over_without_reading_the_table_again(
    crm_of: Bench, before: str, after: str, in_replica: str
) -> None:
    make_notes(crm_of, before, "12", "-7", None)
    if "numeric" in before:
        crm_of.crm.execute("update notes set note = note + 0.34, updated_at = now()")
        crm_of.load(MAPPING, "contacts")
    unchanged = notes(crm_of)
    crm_of.crm.execute(f"alter table notes alter note type {after}")
    result = crm_of.load(MAPPING, "contacts")
    assert (result.mode, result.rows_changed, note_type(crm_of)) == ("incremental", 0, in_replica)
    assert notes(crm_of) == unchanged
    crm_of.crm.execute("insert into notes values (4, '12345')")
    result = crm_of.load(MAPPING, "contacts")
    assert (result.mode, result.rows, result.rows_changed) == ("incremental", 1, 1)
    assert notes(crm_of) == [*unchanged, ("4", "12345")]
    assert_equal_to_crm(crm_of)


def test_a_wider_key_of_the_crm_is_the_same_text(crm_of: Bench) -> None:
    make_notes(crm_of, "text", "a")
    crm_of.crm.execute("alter table notes alter id type bigint")
    crm_of.crm.execute("insert into notes values (10000000000, 'b')")
    result = crm_of.load(MAPPING, "contacts")
    assert (result.mode, result.rows) == ("incremental", 1)
    assert notes(crm_of) == [("1", "a"), ("10000000000", "b")]
    assert_equal_to_crm(crm_of)


def test_a_number_that_reads_otherwise_as_text_is_read_again(crm_of: Bench) -> None:
    make_notes(crm_of, "text", "a", key="numeric(8,1)")
    crm_of.crm.execute("alter table notes alter id type numeric(8,2)")
    result = crm_of.load(MAPPING, "contacts")
    assert (result.mode, result.reason) == ("full", "the mapping or the types of the source changed")
    assert notes(crm_of) == [("1.00", "a")]


@pytest.mark.parametrize("older", ["Nullable(Int32)", "Int64", "Int32"])
def test_the_replica_of_an_older_version_of_this_program_is_widened(crm_of: Bench, older: str) -> None:
    make_notes(crm_of, "int", 12, -7)
    default = "" if older.startswith("Nullable") else "default 0"
    crm_of.warehouse.run(f"alter table {crm_of.warehouse.replica('contacts')} modify column note {older} {default}")
    assert note_type(crm_of) == older
    assert (crm_of.load(MAPPING, "contacts").mode, note_type(crm_of)) == ("incremental", "Nullable(Int64)")
    assert notes(crm_of) == [("1", "12"), ("2", "-7")]
    assert_equal_to_crm(crm_of)


def test_widening_does_not_whitewash_a_damaged_row(crm_of: Bench) -> None:
    make_notes(crm_of, "numeric(4,2)", "1.50", "2.50")
    crm_of.warehouse.run(
        f"alter table {crm_of.warehouse.replica('contacts')} update note = 9 where id = '2'", {"mutations_sync": 2}
    )
    crm_of.crm.execute("alter table notes alter note type numeric(10,4)")
    assert crm_of.load(MAPPING, "contacts").mode == "incremental"
    found = reconcile_table(crm_of.crm, crm_of.warehouse, MAPPING, "contacts", run_id="test")
    assert found is not None
    assert (found.changes.damaged, found.changes.total, found.clean) == (1, 1, True)
    assert notes(crm_of) == [("1", "1.5"), ("2", "2.5")]


def test_widening_that_was_broken_off_goes_on_with_the_next_load(
    crm_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_notes(crm_of, "numeric(4,2)", "1.50", "2.50")
    crm_of.crm.execute("alter table notes alter note type numeric(10,4)")
    run = Warehouse.run

    def die_before_the_columns(self: Warehouse, statement: str, *arguments: Any, **settings: Any) -> None:
        if "modify column" in statement and "contacts__loading" not in statement:
            raise ClickHouseError("the warehouse went away")
        run(self, statement, *arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "run", die_before_the_columns)
        with pytest.raises(ExtractionError, match="the warehouse went away"):
            crm_of.load(MAPPING, "contacts")
    assert note_type(crm_of) == "Nullable(Decimal(4, 2))"
    assert (crm_of.load(MAPPING, "contacts").mode, note_type(crm_of)) == ("incremental", "Nullable(Decimal(10, 4))")
    assert_equal_to_crm(crm_of)


def test_a_load_that_fails_alters_nothing(crm_of: Bench) -> None:
    make_notes(crm_of, "numeric(4,2)", "1.50")
    crm_of.crm.execute("alter table notes alter note type numeric(10,4)")
    crm_of.crm.execute("insert into notes values (null, 2)")
    assert_refused(
        crm_of,
        "contacts.id: is empty but must not be (1 row, such as ); fill it in the CRM or by `coalesce` in bench.yaml",
    )
    assert note_type(crm_of) == "Nullable(Decimal(4, 2))"


@pytest.mark.parametrize(
    ("before", "change", "present", "planned"),
    [
        ("int", "alter note type text", "Nullable(Int64)", "Nullable(String)"),
        ("text", "alter note type int using note::int", "Nullable(String)", "Nullable(Int64)"),
        ("numeric(10,4)", "alter note type numeric(10,2)", "Nullable(Decimal(10, 4))", "Nullable(Decimal(10, 2))"),
        ("numeric(10,2)", "alter note type numeric(6,2)", "Nullable(Decimal(10, 2))", "Nullable(Decimal(6, 2))"),
        ("int", "alter note type numeric(12,2)", "Nullable(Int64)", "Nullable(Decimal(12, 2))"),
        (
            "timestamptz",
            "alter note type text using to_char(note, 'DD.MM.YYYY')",
            "Nullable(DateTime64(6, 'UTC'))",
            "Nullable(String)",
        ),
    ],
)
def test_a_type_that_does_not_fit_fails_its_table_until_it_is_accepted(
    crm_of: Bench, before: str, change: str, present: str, planned: str
) -> None:
    make_notes(crm_of, before, "2024-05-06" if before == "timestamptz" else "12")
    crm_of.crm.execute(f"alter table notes {change}")
    assert_refused(
        crm_of,
        f"contacts.note: is {present} in the replica, but {planned} by bench.yaml and the CRM's present types; "
        f"undo the change there, or accept the new type by a full refresh",
    )
    assert crm_of.load(MAPPING, "contacts", full=True).reason == "asked for"
    assert note_type(crm_of) == planned
    assert crm_of.load(MAPPING, "contacts").mode == "incremental"
    assert_equal_to_crm(crm_of)


def test_another_type_of_a_column_without_values_surprises_nobody(crm_of: Bench) -> None:
    make_notes(crm_of, "int", None)
    crm_of.crm.execute("alter table notes alter note type text; update notes set note = 'x', updated_at = now()")
    result = crm_of.load(MAPPING, "contacts")
    assert result.mode == "full"
    assert result.reason == "column note was Nullable(Int64) and is now Nullable(String)"
    assert notes(crm_of) == [("1", "x")]


def test_a_table_that_was_not_mapped_takes_any_type(crm_of: Bench) -> None:
    crm_of.crm.execute(f"create table deals (id int, amount numeric(6,4), name text, {STAMPS})")
    crm_of.crm.execute("insert into deals values (1, 1.5, 'a')")
    assert crm_of.load(MAPPING, "deals").mode == "not mapped"
    deals = bench_mapping("""
  deals:
    source: public.deals
    changed_at: updated_at
    columns:
      id: id
      title: name
      pipeline_id: name
      stage_id: name
      amount: amount
      currency: {literal: EUR}
      created_at: created_at
      updated_at: updated_at
""")
    assert crm_of.load(deals, "deals").mode == "full"
    assert crm_of.replica("deals", "id, toTypeName(amount), toFloat64(amount)") == [
        ("1", "Nullable(Decimal(6, 4))", 1.5)
    ]


def test_a_stamp_of_another_type_is_read_again(crm_of: Bench) -> None:
    make_notes(crm_of, "text", "a")
    crm_of.crm.execute("alter table notes alter updated_at type timestamp")
    result = crm_of.load(MAPPING, "contacts")
    assert (result.mode, result.reason) == ("full", "the mapping or the types of the source changed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("drop column note", ".note: public.notes has no column 'note'"),
        ("rename column updated_at to touched_at", ".updated_at: public.notes has no column 'updated_at'"),
        ("rename to remarks", ": the CRM has no table public.notes, or this user may not see its schema"),
        ("set schema elsewhere", ": the CRM has no table public.notes, or this user may not see its schema"),
        (
            "alter updated_at type text",
            ".updated_at: public.notes.updated_at is text, which does not fill a timestamp column as it is; "
            "say how with `cast` or `values`",
        ),
    ],
)
def test_what_is_gone_fails_its_table_by_name(crm_of: Bench, change: str, message: str) -> None:
    make_notes(crm_of, "text", "a")
    crm_of.crm.execute(f"create schema elsewhere; alter table notes {change}")
    assert_refused(crm_of, f"bench.yaml: contacts{message}")


def test_a_new_value_of_an_enum(crm_of: Bench) -> None:
    crm_of.crm.execute("create type mood as enum ('good', 'bad')")
    make_notes(crm_of, "mood", "good", "bad")
    listed = bench_mapping(NOTES.replace("{note: note}", "{note: {column: note, values: {good: '+', bad: '-'}}}"))
    crm_of.crm.execute("alter type mood add value 'mixed'")
    assert crm_of.load(MAPPING, "contacts").mode == "incremental"
    crm_of.load(listed, "contacts")
    crm_of.crm.execute("insert into notes values (3, 'mixed')")
    assert_refused(crm_of, "contacts.note: value 'mixed' is not mapped (1 row); add it to bench.yaml", mapping=listed)
    carried = crm_of.load(MAPPING, "contacts")
    assert carried.mode == "full"
    assert notes(crm_of) == [("1", "good"), ("2", "bad"), ("3", "mixed")]
    crm_of.crm.execute("alter type mood add value 'none'")
    crm_of.crm.execute("insert into notes values (4, 'none')")
    assert crm_of.load(MAPPING, "contacts").mode == "incremental"
    assert notes(crm_of)[-1] == ("4", "none")


REWRITINGS = {
    "another type": "alter table notes alter note type numeric(10,4) using note * 1",
    "emptied and filled again": """
        create temp table kept on commit drop as select * from notes;
        truncate notes; insert into notes select * from kept""",
}


@contextmanager
def rewritten(
    settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch, module: str, change: str
) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Hold a way to run something while the notes are being rewritten: it has to wait for them in its middle.

    The rewriting begins when the boundary is measured, after the types were looked at; it ends when somebody waits.
    """
    measure = boundary.measure_boundary
    with connect_postgres(settings) as admin, ThreadPoolExecutor() as pool:

        def begin_and_measure(*arguments: Any, **options: Any) -> boundary.Boundary:
            monkeypatch.undo()
            admin.execute("begin")
            admin.execute(change)
            return measure(*arguments, **options)

        def run(action: Callable[[], Any]) -> Any:
            monkeypatch.setattr(f"orchestration.extraction.{module}.measure_boundary", begin_and_measure)
            acting = pool.submit(action)
            while admin.execute("select from pg_locks where not granted").fetchone() is None:
                assert not acting.done()
            admin.execute("commit")
            return acting.result()

        yield run


@pytest.mark.parametrize("change", REWRITINGS.values(), ids=REWRITINGS.keys())
@pytest.mark.parametrize("full", [True, False], ids=["full", "incremental"])
def test_a_table_that_is_rewritten_under_a_load_is_read_again(
    crm_of: Bench, empty_postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch, full: bool, change: str
) -> None:
    """PostgreSQL shows a rewritten table as empty to a read that began before and had to wait."""
    make_notes(crm_of, "numeric(4,2)", "1.50", "2.50")
    crm_of.crm.execute("insert into notes values (3, 3.5)")
    with rewritten(empty_postgres, monkeypatch, "load", change) as meanwhile:
        result = meanwhile(lambda: crm_of.load(MAPPING, "contacts", full=full))
    assert result.mode == ("full" if full else "incremental")
    assert notes(crm_of) == [("1", "1.5"), ("2", "2.5"), ("3", "3.5")]
    assert_equal_to_crm(crm_of)


@pytest.mark.parametrize("change", REWRITINGS.values(), ids=REWRITINGS.keys())
def test_a_table_that_is_rewritten_under_a_comparison_stays(
    crm_of: Bench, empty_postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    make_notes(crm_of, "numeric(4,2)", "1.50", "2.50")
    present, pair = notes(crm_of), (crm_of.crm, crm_of.warehouse)
    month = crm_of.crm.execute("select created_at::date from notes").fetchall()[0][0]
    actions: dict[str, Callable[[], Any]] = {
        "reconciliation": lambda: reconcile_table(*pair, MAPPING, "contacts", run_id="test"),
        "months": lambda: load_month(*pair, MAPPING, "contacts", month=month, run_id="test"),
    }
    for module, action in actions.items():
        refusal = r"^contacts: public\.notes was rewritten while it was read \(TRUNCATE or ALTER TABLE\); try again$"
        with (
            rewritten(empty_postgres, monkeypatch, module, change) as meanwhile,
            pytest.raises(ExtractionError, match=refusal),
        ):
            meanwhile(action)
        assert notes(crm_of) == present
        crm_of.load(MAPPING, "contacts")


@pytest.mark.parametrize("full", [True, False], ids=["full", "incremental"])
def test_a_type_that_changes_just_after_it_was_looked_at_is_looked_at_again(
    crm_of: Bench, empty_postgres: PostgresSettings, full: bool
) -> None:
    make_notes(crm_of, "numeric(4,2)", "1.50")
    with connect_postgres(empty_postgres) as admin, ThreadPoolExecutor() as pool:
        admin.execute("begin; alter table notes alter note type numeric(10,4)")
        admin.execute("update notes set note = 1.2345, updated_at = now()")
        loading = pool.submit(lambda: crm_of.load(MAPPING, "contacts", full=full))
        while admin.execute("select from pg_locks where not granted").fetchone() is None:
            assert not loading.done()
        admin.execute("commit")
        loading.result()
    assert notes(crm_of) == [("1", "1.2345")]
    assert_equal_to_crm(crm_of)
