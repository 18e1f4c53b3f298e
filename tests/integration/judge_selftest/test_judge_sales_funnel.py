"""The judge's sales funnel on a few deals whose figures are plain to see."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from statistics import median

import pytest

from tests.integration.judge_selftest.tiny_crm import TinyCrm
from tests.judge.compare import Value

REPORT = "sales_funnel"
STAGES = {
    "new": (10, "open"),
    "call": (20, "open"),
    "offer": (30, "open"),
    "signed": (40, "won"),
    "lost": (50, "lost"),
}
HOUR = 3600


@pytest.fixture
def pipeline(crm: TinyCrm) -> int:
    """Return a pipeline of three open stages, a won one and a lost one."""
    return crm.pipeline("Main", STAGES)


def counted(crm: TinyCrm, mode: str, column: str = "deals") -> dict[Value, int]:
    """Return the sum of a count per stage of one mode, stages that count nothing left out."""
    totals: dict[Value, int] = {}
    for row in crm.rows(REPORT):
        if row["mode"] == mode and row[column]:
            totals[row["stage_id"]] = totals.get(row["stage_id"], 0) + int(str(row[column]))
    return totals


def seconds(crm: TinyCrm) -> dict[Value, tuple[int, ...]]:
    """Return the deals' seconds per visited stage, in order."""
    rows = [row for row in crm.rows(REPORT) if row["stage_visits"]]
    for row in rows:
        values = row["seconds_in_stage_values"]
        assert isinstance(values, tuple)
        assert (row["mode"], row["stage_visits"], row["seconds_in_stage"]) == ("reached", len(values), sum(values))
    return {row["stage_id"]: tuple(sorted(row["seconds_in_stage_values"])) for row in rows}  # type: ignore[arg-type]


def day(number: int, hour: int = 0) -> str:
    """Return a moment of January 2026."""
    return f"2026-01-{number:02}T{hour:02}:00:00Z"


def test_skipped_stages_count(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "offer"), pipeline, ("new", day(1)), ("offer", day(2)))

    assert counted(crm, "reached") == {"new": 1, "call": 1, "offer": 1}


def test_moving_back_removes_nothing(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("new", day(1)), ("call", day(2)), ("new", day(3)))

    assert counted(crm, "reached") == {"new": 1, "call": 1}
    assert counted(crm, "current") == {"new": 1}


def test_back_and_forth_counts_once(crm: TinyCrm, pipeline: int) -> None:
    stages = [("new", day(1)), ("call", day(2)), ("new", day(3)), ("call", day(4))]
    crm.moved(crm.deal(pipeline, "call"), pipeline, *stages)

    assert counted(crm, "reached") == {"new": 1, "call": 1}


def test_lost_deal_counts_up_to_the_highest_open_stage(crm: TinyCrm, pipeline: int) -> None:
    stages = [("new", day(1)), ("call", day(2)), ("new", day(3)), ("lost", day(4))]
    crm.moved(crm.deal(pipeline, "lost"), pipeline, *stages)

    assert counted(crm, "reached") == {"new": 1, "call": 1}
    assert counted(crm, "reached", "lost_stage_unknown") == {}
    assert counted(crm, "current") == {"lost": 1}


def test_lost_deal_that_was_won_once_reached_only_its_open_stages(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "lost"), pipeline, ("call", day(1)), ("signed", day(2)), ("lost", day(3)))

    assert counted(crm, "reached") == {"new": 1, "call": 1}


@pytest.mark.parametrize("rows", [[], [("lost", day(3))], [("signed", day(2)), ("lost", day(3))]])
def test_lost_deal_without_open_rows_stands_at_the_first_stage(
    crm: TinyCrm, pipeline: int, rows: list[tuple[str, str]]
) -> None:
    crm.moved(crm.deal(pipeline, "lost"), pipeline, *rows)

    assert counted(crm, "reached") == {"new": 1}
    assert counted(crm, "reached", "lost_stage_unknown") == {"new": 1}
    assert counted(crm, "current", "lost_stage_unknown") == {}


def test_from_stage_of_the_first_row_alone_counts(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "lost"), pipeline, ("lost", day(3)), from_stage_id="call")
    ignored = crm.deal(pipeline, "lost")
    crm.moved(ignored, pipeline, ("new", day(2)))
    crm.moved(ignored, pipeline, ("lost", day(3)), from_stage_id="offer")

    assert counted(crm, "reached") == {"new": 2, "call": 1}
    assert counted(crm, "reached", "lost_stage_unknown") == {}


def test_won_deal_counts_everywhere(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "signed")

    assert counted(crm, "reached") == {"new": 1, "call": 1, "offer": 1, "signed": 1}


def test_lost_stage_is_an_exit_wherever_it_stands(crm: TinyCrm) -> None:
    pipeline = crm.pipeline("Odd", {"lost": (0, "lost"), "new": (1, "open"), "gone": (2, "lost"), "offer": (3, "open")})
    for stage in ("offer", "lost", "gone"):
        crm.deal(pipeline, stage)

    assert counted(crm, "reached") == {"new": 3, "offer": 1}
    assert counted(crm, "reached", "lost_stage_unknown") == {"new": 2}


def test_won_deal_counts_at_stages_behind_its_own(crm: TinyCrm) -> None:
    pipeline = crm.pipeline("Two ends", {"new": (1, "open"), "signed": (2, "won"), "paid": (3, "won")})
    crm.deal(pipeline, "signed")

    assert counted(crm, "reached") == {"new": 1, "signed": 1, "paid": 1}


def test_reopened_deal_has_reached_the_won_stage(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("signed", day(1)), ("new", day(2)))

    assert counted(crm, "reached") == {"new": 1, "call": 1, "offer": 1, "signed": 1}
    assert counted(crm, "current") == {"new": 1}


def test_open_deal_without_history_reached_its_current_stage(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "call")

    assert counted(crm, "reached") == {"new": 1, "call": 1}
    assert seconds(crm) == {}


def test_open_deal_that_was_lost_once_does_not_count_the_lost_position(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("lost", day(1)), ("new", day(2)))

    assert counted(crm, "reached") == {"new": 1}


def test_moved_deal_belongs_to_its_current_pipeline_alone(crm: TinyCrm, pipeline: int) -> None:
    other = crm.pipeline("Other", {"offer": (1, "open"), "call": (2, "open"), "new": (3, "open")})
    deal = crm.deal(pipeline, "call")
    crm.moved(deal, other, ("offer", day(1)), ("new", day(2)))
    crm.moved(deal, pipeline, ("call", day(3)), from_stage_id="offer")

    columns = ("pipeline_name", "stage_id", "stage_position", "deals")
    reached = [row for row in crm.rows(REPORT) if row["mode"] == "reached" and row["deals"]]
    assert sorted(tuple(row[column] for column in columns) for row in reached) == [
        ("Main", "call", 20, 1),
        ("Main", "new", 10, 1),
    ]


def test_stage_ids_that_repeat_across_pipelines_are_kept_apart(crm: TinyCrm, pipeline: int) -> None:
    reversed_order = {"signed": (1, "open"), "new": (2, "won"), "offer": (3, "lost")}
    other = crm.pipeline("Other", reversed_order)
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("new", day(1)))
    crm.moved(crm.deal(other, "signed"), other, ("signed", day(1)))
    crm.moved(crm.deal(other, "new"), other, ("new", day(1)))

    columns = ("mode", "pipeline_name", "stage_id", "outcome", "deals")
    assert crm.figures(REPORT, *columns) == [
        ("current", "Main", "new", "open", 1),
        ("current", "Other", "new", "won", 1),
        ("current", "Other", "signed", "open", 1),
        ("reached", "Main", "new", "open", 1),
        ("reached", "Other", "new", "won", 1),
        ("reached", "Other", "signed", "open", 2),
    ]


def test_rows_of_deleted_stages_count_for_nothing(crm: TinyCrm, pipeline: int) -> None:
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("new", day(1)), ("offer", day(2)), ("new", day(3)))
    crm.delete_stage(pipeline, "offer")
    crm.deal(pipeline, "signed")

    assert counted(crm, "reached") == {"new": 2, "call": 1, "signed": 1}
    assert set(seconds(crm)) == {"new"}


def test_deals_on_archived_stages_keep_their_outcome_but_have_no_stage_now(crm: TinyCrm, pipeline: int) -> None:
    for stage, history in (
        ("offer", [("call", day(1)), ("offer", day(2))]),
        ("offer", []),
        ("signed", []),
        ("lost", []),
    ):
        crm.moved(crm.deal(pipeline, stage), pipeline, *history)
    for stage in ("offer", "signed", "lost"):
        crm.delete_stage(pipeline, stage)

    assert counted(crm, "current") == {}
    assert counted(crm, "reached") == {"new": 3, "call": 2}
    assert counted(crm, "reached", "lost_stage_unknown") == {"new": 1}


def test_deals_of_an_archived_pipeline_are_in_neither_mode(crm: TinyCrm, pipeline: int) -> None:
    for stage in STAGES:
        crm.moved(crm.deal(pipeline, stage), pipeline, ("new", day(1)))
    crm.delete("pipelines", pipeline)

    assert crm.rows(REPORT) == []


def test_two_stages_of_the_smallest_position_are_both_first(crm: TinyCrm) -> None:
    pipeline = crm.pipeline("Tied", {"new": (1, "open"), "call": (1, "open"), "lost": (9, "lost")})
    crm.deal(pipeline, "lost")

    assert counted(crm, "reached") == {"new": 1, "call": 1}
    assert counted(crm, "reached", "lost_stage_unknown") == {"new": 1, "call": 1}


def test_values_that_the_warehouse_cannot_hold_are_empty(crm: TinyCrm, pipeline: int) -> None:
    crm.rate("EUR", "2026-06-14", "6")
    crm.deal(pipeline, "lost", currency="EUR", closed_at="-infinity")
    crm.deal(pipeline, "lost", amount="NaN")

    columns = ("mode", "deals", "amount_base", "deals_without_amount", "deals_without_rate")
    assert crm.figures(REPORT, *columns) == [(mode, 2, Decimal("600.00"), 1, 0) for mode in ("current", "reached")]


def test_reached_never_grows_from_one_stage_to_the_next(crm: TinyCrm, pipeline: int) -> None:
    for stage in STAGES:
        for history in ([], [("offer", day(1))], [("call", day(1)), ("signed", day(2)), (stage, day(3))]):
            crm.moved(crm.deal(pipeline, stage), pipeline, *history)

    reached = counted(crm, "reached")
    assert reached == {"new": 15, "call": 13, "offer": 11, "signed": 6}


def test_current_shows_every_live_deal_at_its_stage(crm: TinyCrm, pipeline: int) -> None:
    for stage in ("new", "signed", "lost", "lost"):
        crm.deal(pipeline, stage)
    crm.delete("deals", crm.deal(pipeline, "new"))

    assert counted(crm, "current") == {"new": 1, "signed": 1, "lost": 2}


def test_cohort_day_is_the_local_creation_day_with_the_current_owner(crm: TinyCrm, pipeline: int) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    department = crm.department("North")
    anna = crm.user("Anna", department_id=department)
    crm.deal(pipeline, "new", created_at="2026-03-31T21:00:00Z", owner_user_id=anna)

    columns = ("mode", "day", "month", "department_name", "manager_id", "manager_name")
    assert crm.figures(REPORT, *columns) == [
        (mode, date(2026, 4, 1), date(2026, 4, 1), "North", str(anna), "Anna") for mode in ("current", "reached")
    ]


def test_amounts_stand_beside_the_counts(crm: TinyCrm, pipeline: int) -> None:
    for amount, currency in ((10, "USD"), ("0.55", "USD"), (None, "EUR"), (5, "EUR")):
        crm.deal(pipeline, "new", amount=amount, currency=currency)

    columns = ("mode", "deals", "amount_base", "deals_without_amount", "deals_without_rate")
    assert crm.figures(REPORT, *columns) == [(mode, 4, Decimal("10.55"), 1, 1) for mode in ("current", "reached")]


@pytest.mark.parametrize(
    ("stage", "closed_at", "amount"),
    [
        ("new", None, "600.00"),
        ("new", "2026-03-10T10:00:00Z", "600.00"),
        ("signed", "2026-03-10T10:00:00Z", "300.00"),
        ("lost", "2026-03-10T10:00:00Z", "300.00"),
        ("lost", None, "600.00"),
    ],
)
def test_rate_is_that_of_the_close_day_or_of_the_run(
    crm: TinyCrm, pipeline: int, stage: str, closed_at: str | None, amount: str
) -> None:
    crm.rate("EUR", "2026-03-10", "3")
    crm.rate("EUR", "2026-06-14", "6")
    crm.deal(pipeline, stage, currency="EUR", closed_at=closed_at)

    assert {row[0] for row in crm.figures(REPORT, "amount_base")} == {Decimal(amount)}


def test_lost_deal_takes_the_rate_of_its_covered_loss(crm: TinyCrm, pipeline: int) -> None:
    crm.rate("EUR", "2026-03-10", "3")
    crm.rate("EUR", "2026-05-10", "5")
    deal = crm.deal(pipeline, "lost", currency="EUR", closed_at="2026-05-10T10:00:00Z")
    crm.moved(deal, pipeline, ("new", day(1)), ("lost", "2026-03-10T10:00:00Z"))

    assert {row[0] for row in crm.figures(REPORT, "amount_base")} == {Decimal("300.00")}


def test_history_of_another_tenant_closes_nothing(crm: TinyCrm, pipeline: int) -> None:
    crm.tenant("other")
    crm.rate("EUR", "2026-03-10", "3")
    crm.rate("EUR", "2026-05-10", "5")
    deal = crm.deal(pipeline, "lost", currency="EUR", closed_at="2026-03-10T10:00:00Z")
    crm.moved(deal, pipeline, ("lost", "2026-05-10T10:00:00Z"), tenant_id="other")

    assert {row[0] for row in crm.figures(REPORT, "amount_base")} == {Decimal("300.00")}


def test_open_stage_runs_until_as_of_and_closed_ones_have_no_time(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = day(4, 6)
    crm.moved(crm.deal(pipeline, "call"), pipeline, ("new", day(1)), ("call", day(3)))
    crm.moved(crm.deal(pipeline, "signed"), pipeline, ("offer", day(1)), ("signed", day(2)))

    assert seconds(crm) == {"new": (48 * HOUR,), "call": (30 * HOUR,), "offer": (24 * HOUR,)}


def test_visits_of_one_deal_add_up_and_make_one_value(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = day(8)
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("new", day(1)), ("call", day(2)), ("new", day(4)))
    crm.moved(crm.deal(pipeline, "new"), pipeline, ("new", day(6)))

    assert seconds(crm) == {"new": (48 * HOUR, 120 * HOUR), "call": (48 * HOUR,)}
    assert median(seconds(crm)["new"]) == 84 * HOUR


def test_time_before_the_first_row_belongs_to_its_from_stage(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = day(4)
    moved_later = crm.deal(pipeline, "call", created_at=day(1))
    crm.moved(moved_later, pipeline, ("call", day(3)), from_stage_id="new")
    imported = crm.deal(pipeline, "call", created_at=day(1))
    crm.moved(imported, pipeline, ("call", day(1)), from_stage_id="new")

    assert seconds(crm) == {"new": (48 * HOUR,), "call": (24 * HOUR, 72 * HOUR)}


def test_each_visit_is_truncated_to_whole_seconds(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = "2026-01-01T00:00:03.9Z"
    moments = [f"2026-01-01T00:00:{second}Z" for second in ("00.5", "01.4", "02.1")]
    stages = list(zip(("new", "call", "new"), moments, strict=True))
    crm.moved(crm.deal(pipeline, "new"), pipeline, *stages)

    assert seconds(crm) == {"new": (1,), "call": (0,)}


def test_visit_that_begins_after_as_of_lasts_nothing(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = day(2)
    crm.moved(crm.deal(pipeline, "call"), pipeline, ("new", day(1)), ("call", day(3)))

    assert seconds(crm) == {"new": (48 * HOUR,), "call": (0,)}


def test_visits_in_another_pipeline_end_there_but_are_not_shown(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = day(8)
    other = crm.pipeline("Other", {"new": (1, "open")})
    deal = crm.deal(pipeline, "call")
    crm.moved(deal, pipeline, ("new", day(1)))
    crm.moved(deal, other, ("new", day(2)))
    crm.moved(deal, pipeline, ("call", day(5)))

    assert seconds(crm) == {"new": (24 * HOUR,), "call": (72 * HOUR,)}


def test_first_visit_of_another_pipeline_is_not_of_the_current_one(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = day(8)
    other = crm.pipeline("Other", {"offer": (1, "open"), "call": (2, "open")})
    deal = crm.deal(pipeline, "call")
    crm.moved(deal, other, ("call", day(2)), from_stage_id="offer")
    crm.moved(deal, pipeline, ("call", day(5)))

    assert seconds(crm) == {"call": (72 * HOUR,)}
    assert counted(crm, "reached") == {"new": 1, "call": 1}


def test_each_shown_stage_has_zeros_in_each_month(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = "2026-02-01T12:00:00Z"
    crm.delete_stage(pipeline, "call")
    crm.delete("pipelines", crm.pipeline("Closed", {"new": (1, "open")}))
    crm.activity("call", "planned", created_at="2026-01-31T10:00:00Z")

    shown = {"current": ("lost", "new", "offer", "signed"), "reached": ("new", "offer", "signed")}
    columns = ("mode", "day", "stage_id", "stage_name", "department_id", "manager_id", "seconds_in_stage_values")
    assert crm.zero_rows(REPORT, *columns) == [
        (mode, date(2026, month, 1), stage, stage.title(), "(none)", "(none)", ())
        for mode, stages in shown.items()
        for month in (1, 2)
        for stage in stages
    ]


def test_tenants_do_not_mix(crm: TinyCrm, pipeline: int) -> None:
    crm.tenant("other")
    theirs = crm.pipeline("Theirs", {"new": (1, "open")}, tenant_id="other")
    crm.deal(pipeline, "new")
    ours = crm.deal(pipeline, "new")
    crm.moved(ours, pipeline, ("offer", day(1)), tenant_id="other")
    crm.deal(theirs, "new", tenant_id="other")

    assert crm.figures(REPORT, "mode", "tenant_id", "pipeline_name", "deals", "stage_visits") == [
        ("current", "acme", "Main", 2, 0),
        ("current", "other", "Theirs", 1, 0),
        ("reached", "acme", "Main", 2, 0),
        ("reached", "other", "Theirs", 1, 0),
    ]
