"""Histories that extraction records itself: each change of a deal that loads see becomes one row, and none is lost."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from orchestration.extraction import load as load_module
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.history import record_changes
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.months import load_month
from orchestration.extraction.reconciliation import reconcile_table
from tests.integration.extraction.bench import Bench, bench_mapping
from tests.integration.model_sql import model_sql

DEALS_TABLE = """
create table firms (name text, created_at timestamptz default now());
create table offers (
    firm text default 'acme', id int, pipeline text default 'main', stage text default 'new', owner int, note text,
    gone boolean default false, created_at timestamptz default '2026-01-05 09:00+00',
    updated_at timestamptz default '2026-01-05 09:00+00', primary key (firm, id)
)
"""
DEALS = """
  deals:
    source: public.offers
    tenant: {column: firm}
    changed_at: updated_at
    created_at: created_at
    deleted: {column: gone, equals: true}
    columns:
      id: id
      pipeline_id: pipeline
      stage_id: stage
      owner_user_id: owner
      currency: {literal: EUR}
      created_at: created_at
"""
HISTORIES = """
  deal_stage_history: {snapshot: true}
  deal_owner_history: {snapshot: true}
"""
MAPPING = bench_mapping(DEALS + HISTORIES)

STAGES = "tenant_id, deal_id, pipeline_id, from_stage_id, stage_id"
OWNERS = "tenant_id, deal_id, from_owner_user_id, owner_user_id"


@pytest.fixture
def offers(bench: Bench) -> Bench:
    """Return a bench whose CRM has three deals, all of them loaded."""
    bench.crm.execute(DEALS_TABLE)
    bench.crm.execute("insert into offers (id, owner) values (1, 7), (2, 8), (3, null)")
    load_all(bench)
    return bench


def load(bench: Bench, mapping: Mapping = MAPPING, *, full: bool = False) -> None:
    bench.load(mapping, "deals", full=full)


def load_all(bench: Bench, mapping: Mapping = MAPPING, *, full: bool = False) -> None:
    for table in ("deals", "deal_stage_history", "deal_owner_history"):
        bench.load(mapping, table, full=full)


def change(bench: Bench, what: str, where: str = "id = 1") -> None:
    bench.crm.execute(f"update offers set {what}, updated_at = clock_timestamp() where {where}")


def stages(bench: Bench) -> list[tuple[Any, ...]]:
    return rows(bench, "deal_stage_history", STAGES)


def owners(bench: Bench) -> list[tuple[Any, ...]]:
    return rows(bench, "deal_owner_history", OWNERS)


def rows(bench: Bench, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Return the rows as readers see them, in the order of the changes."""
    query = f"select {columns} from {bench.warehouse.replica(table)} final order by changed_at, id"
    return [tuple(row) for row in bench.warehouse.rows(query)]


def moments(bench: Bench, table: str = "deal_stage_history") -> list[datetime]:
    return [moment.replace(tzinfo=UTC) for (moment,) in rows(bench, table, "changed_at")]


def now(bench: Bench) -> datetime:
    row = bench.crm.execute("select clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def test_the_first_load_writes_no_history(offers: Bench) -> None:
    assert (stages(offers), owners(offers)) == ([], [])
    result = offers.load(MAPPING, "deal_stage_history")
    assert (result.mode, result.rows, result.rows_changed) == ("snapshot", 0, 0)
    assert result.reason == "changes of deals are recorded as loads see them"


def test_a_changed_stage_is_one_row_at_the_moment_of_the_change(offers: Bench) -> None:
    before = now(offers)
    change(offers, "stage = 'won'")
    after = now(offers)
    load(offers)
    assert stages(offers) == [("acme", "1", "main", "new", "won")]
    assert before <= moments(offers)[0] <= after
    assert owners(offers) == []
    load(offers)
    change(offers, "note = 'nothing that matters'")
    load(offers)
    assert len(stages(offers)) == 1


def test_two_changes_between_two_loads_are_one_row(offers: Bench) -> None:
    change(offers, "stage = 'talks'")
    change(offers, "stage = 'won'")
    load(offers)
    change(offers, "stage = 'talks'", "id = 2")
    change(offers, "stage = 'new'", "id = 2")
    load(offers)
    assert stages(offers) == [("acme", "1", "main", "new", "won")]


def test_owners_change_to_and_from_nobody(offers: Bench) -> None:
    change(offers, "owner = null")
    change(offers, "owner = 9", "id = 3")
    change(offers, "owner = 7, stage = 'won'", "id = 2")
    load(offers)
    assert sorted(owners(offers)) == [
        ("acme", "1", "7", None),
        ("acme", "2", "8", "7"),
        ("acme", "3", None, "9"),
    ]
    assert stages(offers) == [("acme", "2", "main", "new", "won")]


class Crash(Exception):
    """Stands for the death of the worker."""


def crash_after_recording(bench: Bench, monkeypatch: pytest.MonkeyPatch, *, full: bool = False) -> None:
    """Load the deals, and die when the changes are recorded but the deals are not published."""

    def record_and_die(*arguments: Any) -> None:
        record_changes(*arguments)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(load_module, "record_changes", record_and_die)
        with pytest.raises(Crash):
            bench.load(MAPPING, "deals", full=full)


@pytest.mark.parametrize("full", [False, True])
def test_a_load_that_died_before_publishing_is_repeated_without_a_trace(
    offers: Bench, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    change(offers, "stage = 'won', owner = 8")
    crash_after_recording(offers, monkeypatch, full=full)
    recorded = rows(offers, "deal_stage_history", "*"), rows(offers, "deal_owner_history", "*")
    assert (len(recorded[0]), len(recorded[1])) == (1, 1)
    assert offers.replica("deals", "id, stage_id")[0] == ("1", "new")
    for _ in range(2):
        load(offers, full=full)
        assert (rows(offers, "deal_stage_history", "*"), rows(offers, "deal_owner_history", "*")) == recorded
    assert offers.replica("deals", "id, stage_id")[0] == ("1", "won")


def test_what_changed_after_a_load_that_died_goes_on_from_what_it_recorded(
    offers: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(offers, "stage = 'talks'", "id < 3")
    crash_after_recording(offers, monkeypatch)
    change(offers, "stage = 'won'")
    change(offers, "stage = 'new'", "id = 2")
    load(offers)
    assert [row[1:] for row in stages(offers)] == [
        ("1", "main", "new", "talks"),
        ("2", "main", "new", "talks"),
        ("1", "main", "talks", "won"),
        ("2", "main", "talks", "new"),
    ]


def test_a_deleted_deal_keeps_its_history_and_may_come_back(offers: Bench) -> None:
    change(offers, "stage = 'talks', gone = true")
    load(offers)
    assert stages(offers) == [("acme", "1", "main", "new", "talks")]
    change(offers, "gone = false")
    load(offers)
    assert len(stages(offers)) == 1
    offers.crm.execute("delete from offers where id = 2")
    reconcile_table(offers.crm, offers.warehouse, MAPPING, "deals", run_id="test")
    assert len(stages(offers)) == 1
    offers.crm.execute("insert into offers (id, owner, stage, updated_at) values (2, 8, 'won', clock_timestamp())")
    load(offers)
    assert stages(offers)[1:] == [("acme", "2", "main", "new", "won")]


def test_a_reopened_deal_is_back_and_forth_in_the_history(offers: Bench) -> None:
    for stage in ("won", "talks", "won"):
        change(offers, f"stage = '{stage}'")
        load(offers)
    assert [row[3:] for row in stages(offers)] == [("new", "won"), ("won", "talks"), ("talks", "won")]
    assert moments(offers) == sorted(set(moments(offers)))


def test_a_full_refresh_keeps_the_history_and_records_what_it_sees(offers: Bench) -> None:
    change(offers, "stage = 'talks'")
    load(offers)
    change(offers, "stage = 'won'")
    change(offers, "owner = 9", "id = 3")
    load_all(offers, full=True)
    assert [row[3:] for row in stages(offers)] == [("new", "talks"), ("talks", "won")]
    assert owners(offers) == [("acme", "3", None, "9")]
    for _ in range(2):
        load_all(offers, full=True)
    assert (len(stages(offers)), len(owners(offers))) == (2, 1)


def test_tenants_with_the_same_deal_id_stay_apart(offers: Bench) -> None:
    offers.crm.execute("insert into offers (firm, id, stage) values ('beta', 1, 'talks'), ('beta', 2, 'new')")
    load(offers, full=True)
    assert stages(offers) == []
    change(offers, "stage = 'won'", "firm = 'beta' and id = 1")
    load(offers)
    assert stages(offers) == [("beta", "1", "main", "talks", "won")]
    change(offers, "stage = 'lost'", "id = 1")
    load(offers)
    assert sorted(stages(offers)) == [
        ("acme", "1", "main", "new", "lost"),
        ("beta", "1", "main", "talks", "won"),
        ("beta", "1", "main", "won", "lost"),
    ]


def test_another_pipeline_with_the_same_stage_id_is_a_change_without_a_stage_before(offers: Bench) -> None:
    change(offers, "pipeline = 'partners'")
    load(offers)
    assert stages(offers) == [("acme", "1", "partners", None, "new")]


def test_the_moment_lies_between_the_last_load_and_this_one(offers: Bench) -> None:
    """A stamp that was not renewed is not that of the change, one of the future is wrong."""
    last_load = offers.load(MAPPING, "deals").boundary
    assert last_load is not None
    offers.crm.execute("update offers set stage = 'won' where id = 1")
    offers.crm.execute("update offers set stage = 'won', updated_at = '2031-05-05' where id = 2")
    load(offers, full=True)
    for moment in moments(offers):
        assert last_load <= moment < now(offers)
    assert len(moments(offers)) == 2


def test_a_moment_after_a_boundary_that_is_held_back_is_kept(offers: Bench) -> None:
    with psycopg.connect(**connection_of(offers)) as other:
        other.execute("select 1 from offers")
        change(offers, "stage = 'talks'")
        load(offers)
        change(offers, "stage = 'won'")
        load(offers)
        other.rollback()
    stamp = offers.crm.execute("select updated_at from offers where id = 1").fetchone()
    assert stamp is not None
    assert [row[3:] for row in stages(offers)] == [("new", "talks"), ("talks", "won")]
    assert moments(offers)[-1] == stamp[0]


def connection_of(bench: Bench) -> dict[str, Any]:
    return {**bench.crm.info.get_parameters(), "password": bench.crm.info.password}


def test_a_reconciliation_and_a_month_record_what_they_repair(offers: Bench) -> None:
    offers.crm.execute("update offers set stage = 'talks' where id = 1")
    reconcile_table(offers.crm, offers.warehouse, MAPPING, "deals", run_id="test")
    offers.crm.execute("update offers set stage = 'won' where id = 1")
    load_month(offers.crm, offers.warehouse, MAPPING, "deals", month=date(2026, 1, 1), run_id="test")
    assert [row[3:] for row in stages(offers)] == [("new", "talks"), ("talks", "won")]
    assert reconcile_table(offers.crm, offers.warehouse, MAPPING, "deal_stage_history", run_id="test") is None
    assert len(stages(offers)) == 2


def test_a_row_changed_by_hand_in_the_replica_is_no_change_of_the_deal(offers: Bench) -> None:
    offers.crm.execute("insert into offers (id) select generate_series(100, 199)")
    load(offers, full=True)
    by_hand = f"alter table {offers.warehouse.replica('deals')} update stage_id = 'lost' where id = '1'"
    offers.warehouse.run(by_hand, {"mutations_sync": 2})
    result = reconcile_table(offers.crm, offers.warehouse, MAPPING, "deals", run_id="test")
    assert result is not None
    assert (result.changes.damaged, result.clean) == (1, True)
    offers.warehouse.run(by_hand, {"mutations_sync": 2})
    load(offers, full=True)
    assert stages(offers) == []


def test_other_words_of_the_mapping_are_no_changes_of_the_deals(offers: Bench) -> None:
    change(offers, "stage = 'talks'")
    load(offers)
    renamed = bench_mapping(DEALS.replace("stage_id: stage", "stage_id: {concat: [{literal: s-}, stage]}") + HISTORIES)
    assert offers.load(renamed, "deals").mode == "full"
    assert offers.replica("deals", "id, stage_id")[0] == ("1", "s-talks")
    assert len(stages(offers)) == 1
    change(offers, "stage = 'won'")
    load(offers, renamed)
    assert stages(offers)[1:] == [("acme", "1", "main", "s-talks", "s-won")]
    noted = bench_mapping(
        DEALS.replace("stage_id: stage", "stage_id: {concat: [{literal: s-}, stage]}").replace(
            "currency: {", "title: note\n      currency: {"
        )
        + HISTORIES
    )
    change(offers, "stage = 'lost'")
    assert offers.load(noted, "deals").reason == "the mapping or the types of the source changed"
    assert stages(offers)[2:] == [("acme", "1", "main", "s-won", "s-lost")]


def test_deals_that_enter_and_leave_a_filter(offers: Bench) -> None:
    filtered = bench_mapping(
        DEALS.replace("    columns:", "    where: [{column: note, not_equals: test}]\n    columns:") + HISTORIES
    )
    load(offers, filtered)
    change(offers, "stage = 'talks', note = 'test'")
    load(offers, filtered)
    change(offers, "stage = 'won', note = 'real'")
    load(offers, filtered)
    assert [row[3:] for row in stages(offers)] == [("new", "talks"), ("talks", "won")]
    offers.crm.execute("insert into offers (id, note, updated_at) values (9, 'test', clock_timestamp())")
    load(offers, filtered)
    change(offers, "note = 'real', stage = 'won'", "id = 9")
    load(offers, filtered)
    assert len(stages(offers)) == 2


def test_a_mapping_without_stamps_still_records(offers: Bench) -> None:
    unstamped = bench_mapping(DEALS.replace("    changed_at: updated_at\n    created_at: created_at\n", "") + HISTORIES)
    load(offers, unstamped)
    before = now(offers)
    for stage in ("won", "new", "won"):
        offers.crm.execute("update offers set stage = %s where id = 1", [stage])
        load(offers, unstamped)
    assert [row[3:] for row in stages(offers)] == [("new", "won"), ("won", "new"), ("new", "won")]
    assert before - timedelta(seconds=30) < moments(offers)[0] < moments(offers)[1] < moments(offers)[2]


def test_recorded_changes_are_never_lost_to_another_mapping(offers: Bench) -> None:
    change(offers, "stage = 'won'")
    load_all(offers)
    with pytest.raises(ExtractionError, match=re.escape("write `snapshot: true` in bench.yaml, or rename or drop")):
        offers.load(bench_mapping(DEALS), "deal_stage_history", full=True)
    assert offers.load(bench_mapping(DEALS), "deal_owner_history").mode == "not mapped"
    other = bench_mapping(DEALS + HISTORIES).model_copy(update={"name": "other"})
    with pytest.raises(ExtractionError, match="recorded under the name 'bench'; if they are of this CRM, give"):
        offers.load(other, "deal_stage_history")
    assert len(stages(offers)) == 1


def test_a_history_that_was_mapped_goes_on_as_a_recorded_one(bench: Bench) -> None:
    offers = bench
    offers.crm.execute(DEALS_TABLE)
    offers.crm.execute("insert into offers (id) values (1)")
    offers.crm.execute(
        "create table moves as select 1 as id, firm, 1 as deal, pipeline, 'new' as stage, created_at as moment "
        "from offers where id = 1"
    )
    mapped = """
  deal_stage_history:
    source: public.moves
    tenant: {column: firm}
    columns: {id: id, deal_id: deal, pipeline_id: pipeline, stage_id: stage, changed_at: moment}
    extra: {firm: firm}
"""
    own_history = bench_mapping(DEALS + mapped)
    offers.load(own_history, "deals")
    offers.load(own_history, "deal_stage_history")
    change(offers, "stage = 'won'")
    load_all(offers)
    assert stages(offers) == [("acme", "1", "main", None, "new"), ("acme", "1", "main", "new", "won")]


def test_rows_that_another_mapping_loaded_are_no_part_of_a_recorded_history(bench: Bench) -> None:
    bench.crm.execute(DEALS_TABLE)
    bench.crm.execute("insert into offers (id) values (1)")
    columns = "{id: id, deal_id: id, pipeline_id: pipeline, stage_id: stage, changed_at: created_at}"
    demo = bench_mapping(DEALS + f"  deal_stage_history: {{source: public.offers, columns: {columns}}}")
    bench.load(demo.model_copy(update={"name": "demo"}), "deal_stage_history")
    assert len(stages(bench)) == 1
    load_all(bench)
    assert stages(bench) == []


def test_what_the_models_make_of_a_recorded_history(offers: Bench) -> None:
    """The first stage is inferred from the first change, from the creation of the deal on."""
    offers.crm.execute(
        "create table steps as select unnest(array['new', 'talks', 'won']) as id, generate_series(1, 3) as place, "
        "unnest(array['open', 'open', 'won']) as outcome"
    )
    mapping = bench_mapping(
        DEALS
        + HISTORIES
        + """
  stages:
    source: public.steps
    columns: {pipeline_id: {literal: main}, id: id, name: id, position: place, outcome: outcome}
"""
    )
    change(offers, "stage = 'talks'")
    load(offers, mapping)
    change(offers, "stage = 'won'")
    load(offers, mapping)
    offers.load(mapping, "stages")
    talks, won = moments(offers)
    entries_sql = model_sql("intermediate/int_deal_stage_entries.sql", offers.warehouse.replica)
    entries = offers.warehouse.client.query(
        f"select deal_id, ordinal, stage_id, entered_at, left_at, outcome from ({entries_sql}) order by all",
        settings={"join_use_nulls": 1},
    ).result_rows
    created = datetime(2026, 1, 5, 9)
    assert [tuple(entry) for entry in entries] == [
        ("1", 0, "new", created, talks.replace(tzinfo=None), "open"),
        ("1", 1, "talks", talks.replace(tzinfo=None), won.replace(tzinfo=None), "open"),
        ("1", 2, "won", won.replace(tzinfo=None), None, "won"),
    ]
