"""The judge's sales by month on a few deals whose figures are plain to see."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.integration.judge_selftest.tiny_crm import TinyCrm
from tests.judge.compare import Value

REPORT = "sales_by_month"


def won_days(crm: TinyCrm) -> list[tuple[Value, ...]]:
    """Return (day, month, deals) of every row that counts a sale."""
    return crm.figures(REPORT, "day", "month", "won_deals")


def test_only_won_deals_count(crm: TinyCrm, pipeline: int) -> None:
    for stage in ("new", "offer", "lost"):
        crm.deal(pipeline, stage, closed_at="2026-03-10T10:00:00Z")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", amount="250.55")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T20:00:00Z", amount="0.45")

    columns = (
        "day",
        "month",
        "won_deals",
        "won_amount_base",
        "deals_without_amount",
        "deals_without_rate",
        "is_future",
    )
    assert crm.figures(REPORT, *columns) == [
        (date(2026, 3, 10), date(2026, 3, 1), 2, Decimal("251.00"), 0, 0, False),
    ]


@pytest.mark.parametrize(
    ("timezone", "closed_at", "day"),
    [
        ("Europe/Moscow", "2026-03-31T20:59:59Z", date(2026, 3, 31)),
        ("Europe/Moscow", "2026-03-31T21:00:00Z", date(2026, 4, 1)),
        ("UTC", "2026-03-31T21:00:00Z", date(2026, 3, 31)),
        ("America/New_York", "2026-03-01T04:59:59Z", date(2026, 2, 28)),
        ("America/New_York", "2026-03-31T04:00:00Z", date(2026, 3, 31)),
        ("America/New_York", "2026-03-31T03:59:59Z", date(2026, 3, 30)),
    ],
)
def test_day_is_the_tenants_own(crm: TinyCrm, pipeline: int, timezone: str, closed_at: str, day: date) -> None:
    crm.change("tenants", "acme", timezone=timezone)
    deal = crm.deal(pipeline, "signed")
    crm.moved(deal, pipeline, ("signed", closed_at))

    assert won_days(crm) == [(day, day.replace(day=1), 1)]


def test_reopened_deal_leaves_its_month(crm: TinyCrm, pipeline: int) -> None:
    deal = crm.deal(pipeline, "offer", closed_at="2026-02-10T10:00:00Z")
    crm.moved(deal, pipeline, ("signed", "2026-02-10T10:00:00Z"), ("offer", "2026-03-01T10:00:00Z"))

    assert won_days(crm) == []


def test_deal_won_again_counts_once_in_the_new_month(crm: TinyCrm, pipeline: int) -> None:
    deal = crm.deal(pipeline, "signed", closed_at="2026-02-10T10:00:00Z")
    crm.moved(
        deal,
        pipeline,
        ("signed", "2026-02-10T10:00:00Z"),
        ("offer", "2026-03-01T10:00:00Z"),
        ("signed", "2026-04-05T10:00:00Z"),
    )

    assert won_days(crm) == [(date(2026, 4, 5), date(2026, 4, 1), 1)]


def test_won_to_another_won_stage_keeps_the_close(crm: TinyCrm) -> None:
    pipeline = crm.pipeline("Two ends", {"new": (1, "open"), "signed": (2, "won"), "paid": (3, "won")})
    deal = crm.deal(pipeline, "paid")
    crm.moved(deal, pipeline, ("signed", "2026-02-10T10:00:00Z"), ("paid", "2026-03-15T10:00:00Z"))

    assert won_days(crm) == [(date(2026, 2, 10), date(2026, 2, 1), 1)]


def test_won_run_goes_on_across_pipelines_by_each_rows_own_outcome(crm: TinyCrm, pipeline: int) -> None:
    other = crm.pipeline("After sales", {"new": (1, "won"), "offer": (2, "open")})
    kept = crm.deal(other, "new")
    crm.moved(kept, pipeline, ("signed", "2026-02-10T10:00:00Z"))
    crm.moved(kept, other, ("new", "2026-03-15T10:00:00Z"))
    begun = crm.deal(other, "new")
    crm.moved(begun, pipeline, ("new", "2026-02-11T10:00:00Z"))
    crm.moved(begun, other, ("new", "2026-03-16T10:00:00Z"))

    assert won_days(crm) == [
        (date(2026, 2, 10), date(2026, 2, 1), 1),
        (date(2026, 3, 16), date(2026, 3, 1), 1),
    ]


def test_history_of_equal_moments_is_ordered_by_numeric_id(crm: TinyCrm, pipeline: int) -> None:
    deal = crm.deal(pipeline, "signed", closed_at="2026-01-31T10:00:00Z")
    moment = "2026-05-05T10:00:00Z"
    crm.number_from(9)
    crm.moved(deal, pipeline, ("offer", moment), ("signed", moment))

    assert won_days(crm) == [(date(2026, 5, 5), date(2026, 5, 1), 1)]


@pytest.mark.parametrize("last_stage", ["new", "offer", "lost"])
def test_history_that_does_not_cover_gives_way_to_the_mapped_close(
    crm: TinyCrm, pipeline: int, last_stage: str
) -> None:
    deal = crm.deal(pipeline, "signed", closed_at="2026-05-20T10:00:00Z")
    crm.moved(deal, pipeline, ("signed", "2026-02-10T10:00:00Z"), (last_stage, "2026-02-11T10:00:00Z"))

    assert won_days(crm) == [(date(2026, 5, 20), date(2026, 5, 1), 1)]


def test_history_ending_on_the_same_stage_id_of_another_pipeline_does_not_cover(crm: TinyCrm, pipeline: int) -> None:
    other = crm.pipeline("Other", {"signed": (1, "won")})
    deal = crm.deal(pipeline, "signed", closed_at="2026-05-20T10:00:00Z")
    crm.moved(deal, other, ("signed", "2026-02-10T10:00:00Z"))

    assert won_days(crm) == [(date(2026, 5, 20), date(2026, 5, 1), 1)]


def test_archived_won_stage_does_not_unsell(crm: TinyCrm, pipeline: int) -> None:
    deal = crm.deal(pipeline, "signed")
    crm.moved(deal, pipeline, ("signed", "2026-02-10T10:00:00Z"))
    crm.delete_stage(pipeline, "signed")

    assert won_days(crm) == [(date(2026, 2, 10), date(2026, 2, 1), 1)]


def test_archived_pipeline_is_none(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "signed", closed_at="2026-02-10T10:00:00Z")
    crm.delete("pipelines", pipeline)

    assert crm.figures(REPORT, "pipeline_id", "pipeline_name", "won_deals") == [("(none)", "(none)", 1)]


@pytest.mark.parametrize("closed_at", ["infinity", "-infinity", "1899-12-31T23:59:59Z", "2300-01-01T00:00:00Z"])
def test_values_that_the_warehouse_cannot_hold_are_empty(crm: TinyCrm, pipeline: int, closed_at: str) -> None:
    crm.deal(pipeline, "signed", closed_at=closed_at, amount="NaN")

    assert crm.figures(REPORT, "day", "is_future", "deals_without_amount") == [(None, False, 1)]


def test_won_without_any_close_date_is_a_row_without_day(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "signed")

    assert won_days(crm) == [(None, None, 1)]
    assert crm.figures(REPORT, "is_future", "won_amount_base") == [(False, Decimal("100.00"))]


def test_close_after_the_as_of_day_is_flagged_as_future(crm: TinyCrm, pipeline: int) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    crm.as_of = "2026-06-15T20:59:00Z"
    for closed_at in ("2026-06-15T20:59:30Z", "2026-06-15T21:00:00Z", "2027-01-01T10:00:00Z"):
        crm.deal(pipeline, "signed", closed_at=closed_at)

    assert crm.figures(REPORT, "day", "is_future") == [
        (date(2026, 6, 15), False),
        (date(2026, 6, 16), True),
        (date(2027, 1, 1), True),
    ]


def test_deal_without_amount_counts_as_a_deal_with_nothing(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", amount=None, currency="EUR")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", amount=0)

    columns = ("won_deals", "won_amount_base", "deals_without_amount", "deals_without_rate")
    assert crm.figures(REPORT, *columns) == [(2, Decimal("0.00"), 1, 0)]


def test_deal_without_rate_is_counted_and_adds_no_money(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", currency="EUR")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z")

    columns = ("won_deals", "won_amount_base", "deals_without_amount", "deals_without_rate")
    assert crm.figures(REPORT, *columns) == [(2, Decimal("100.00"), 0, 1)]


@pytest.mark.parametrize(
    ("rate_on", "found"),
    [("2026-03-10", True), ("2026-02-24", True), ("2026-02-23", False), ("2026-03-11", False)],
)
def test_rate_is_at_most_14_days_older_than_the_close_and_never_younger(
    crm: TinyCrm, pipeline: int, rate_on: str, found: bool
) -> None:
    crm.rate("EUR", rate_on, "1.5")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", currency="EUR")

    amount = Decimal("150.00") if found else Decimal("0.00")
    assert crm.figures(REPORT, "won_amount_base", "deals_without_rate") == [(amount, 0 if found else 1)]


def test_weekend_close_takes_fridays_rate(crm: TinyCrm, pipeline: int) -> None:
    crm.rate("EUR", "2026-03-05", "9")
    crm.rate("EUR", "2026-03-06", "1.1")
    crm.rate("EUR", "2026-03-09", "9")
    crm.deal(pipeline, "signed", closed_at="2026-03-08T10:00:00Z", currency="EUR")

    assert crm.figures(REPORT, "won_amount_base") == [(Decimal("110.00"),)]


def test_rate_day_is_the_local_close_day(crm: TinyCrm, pipeline: int) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    crm.rate("EUR", "2026-03-09", "2")
    crm.rate("EUR", "2026-03-10", "3")
    crm.deal(pipeline, "signed", closed_at="2026-03-09T21:00:00Z", currency="EUR")

    assert crm.figures(REPORT, "won_amount_base") == [(Decimal("300.00"),)]


def test_won_without_close_date_takes_the_rate_of_the_as_of_day(crm: TinyCrm, pipeline: int) -> None:
    crm.rate("EUR", "2026-06-15", "2")
    crm.rate("EUR", "2026-06-16", "3")
    crm.deal(pipeline, "signed", currency="EUR")

    assert crm.figures(REPORT, "won_amount_base") == [(Decimal("200.00"),)]


def test_money_is_rounded_half_away_from_zero_per_deal(crm: TinyCrm, pipeline: int) -> None:
    crm.rate("EUR", "2026-03-10", "0.5")
    for amount in ("0.01", "0.01", "-0.05"):
        crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", currency="EUR", amount=amount)

    assert crm.figures(REPORT, "won_amount_base") == [(Decimal("-0.01"),)]


def test_rates_of_another_tenant_or_currency_are_not_used(crm: TinyCrm, pipeline: int) -> None:
    crm.tenant("other")
    crm.rate("EUR", "2026-03-10", "2", tenant_id="other")
    crm.rate("GBP", "2026-03-10", "2")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z", currency="EUR")

    assert crm.figures(REPORT, "deals_without_rate") == [(1,)]


def test_deleted_deals_are_in_no_number(crm: TinyCrm, pipeline: int) -> None:
    crm.delete("deals", crm.deal(pipeline, "signed", closed_at="2026-03-10T10:00:00Z"))

    assert won_days(crm) == []


def test_manager_and_department_are_the_current_ones(crm: TinyCrm, pipeline: int) -> None:
    department = crm.department("North")
    anna, boris = crm.user("Anna", department_id=department), crm.user("Boris")
    deal = crm.deal(pipeline, "signed", owner_user_id=anna, closed_at="2026-03-10T10:00:00Z")
    crm.handed_over(deal, boris, "2026-03-01T10:00:00Z")
    crm.handed_over(deal, anna, "2026-04-01T10:00:00Z", from_owner_user_id=boris)

    columns = ("department_id", "department_name", "manager_id", "manager_name")
    assert crm.figures(REPORT, *columns) == [(str(department), "North", str(anna), "Anna")]
    assert crm.figures(REPORT, "manager_at_close_id", "manager_at_close_name") == [(str(boris), "Boris")]


def test_missing_or_deleted_members_are_none(crm: TinyCrm, pipeline: int) -> None:
    crm.tenant("other")
    gone = crm.user("Gone", role="director")
    crm.delete("users", gone)
    closed_department = crm.department("Closed")
    crm.delete("departments", closed_department)
    homeless = crm.user("Homeless", role="director", department_id=closed_department)
    foreign = crm.user("Foreign", tenant_id="other", role="director")
    for owner in (None, gone, foreign, homeless):
        crm.deal(pipeline, "signed", owner_user_id=owner, closed_at="2026-03-10T10:00:00Z")

    columns = ("department_id", "department_name", "manager_id", "manager_name", "manager_at_close_id", "won_deals")
    assert crm.figures(REPORT, *columns) == [
        ("(none)", "(none)", "(none)", "(none)", "(none)", 3),
        ("(none)", "(none)", str(homeless), "Homeless", str(homeless), 1),
    ]


@pytest.mark.parametrize(
    ("changed_at", "owner"),
    [
        ("2026-03-10T09:59:59Z", "Later"),
        ("2026-03-10T10:00:00Z", "Later"),
        ("2026-03-10T10:00:01Z", "First"),
    ],
)
def test_owner_at_the_close_is_the_last_one_up_to_that_moment(
    crm: TinyCrm, pipeline: int, changed_at: str, owner: str
) -> None:
    first, later, current = (crm.user(name, role="director") for name in ("First", "Later", "Current"))
    deal = crm.deal(pipeline, "signed", owner_user_id=current, closed_at="2026-03-10T10:00:00Z")
    crm.handed_over(deal, later, changed_at, from_owner_user_id=first)
    crm.handed_over(deal, current, "2026-05-01T10:00:00Z", from_owner_user_id=later)

    assert crm.figures(REPORT, "manager_at_close_name") == [(owner,)]


def test_owner_at_the_close_is_the_last_of_several(crm: TinyCrm, pipeline: int) -> None:
    first, second, third = (crm.user(name, role="director") for name in ("First", "Second", "Third"))
    deal = crm.deal(pipeline, "signed", owner_user_id=first, closed_at="2026-03-10T10:00:00Z")
    crm.number_from(99)
    crm.handed_over(deal, second, "2026-03-02T10:00:00Z")
    crm.handed_over(deal, third, "2026-03-02T10:00:00Z", from_owner_user_id=second)
    crm.handed_over(deal, first, "2026-03-01T10:00:00Z")

    assert crm.figures(REPORT, "manager_at_close_name") == [("Third",)]


def test_owner_at_the_close_falls_back_to_the_current_owner(crm: TinyCrm, pipeline: int) -> None:
    anna, boris = crm.user("Anna", role="director"), crm.user("Boris", role="director")
    crm.deal(pipeline, "signed", owner_user_id=anna, closed_at="2026-03-10T10:00:00Z")
    undated = crm.deal(pipeline, "signed", owner_user_id=anna)
    crm.handed_over(undated, boris, "2026-03-01T10:00:00Z")

    assert crm.figures(REPORT, "day", "manager_at_close_name") == [(None, "Anna"), (date(2026, 3, 10), "Anna")]


def test_each_manager_has_zeros_in_each_pipeline_and_month(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = "2026-03-02T12:00:00Z"
    department = crm.department("North")
    anna = crm.user("Anna", department_id=department)
    crm.user("Director", role="director")
    crm.delete("users", crm.user("Gone"))
    crm.delete("pipelines", crm.pipeline("Closed", {}))
    crm.activity("call", "planned", created_at="2026-01-20T10:00:00Z")

    columns = ("day", "department_name", "manager_id", "manager_at_close_id", "pipeline_id", "is_future")
    assert crm.zero_rows(REPORT, *columns) == [
        (date(2026, month, 1), "North", str(anna), "(none)", str(pipeline), False) for month in (1, 2, 3)
    ]


def test_tenants_do_not_mix(crm: TinyCrm, pipeline: int) -> None:
    crm.tenant("other", timezone="Asia/Tokyo", currency="EUR")
    theirs = crm.pipeline("Theirs", {"signed": (1, "won")}, tenant_id="other")
    crm.deal(pipeline, "signed", closed_at="2026-03-10T15:00:00Z")
    crm.deal(theirs, "signed", closed_at="2026-03-10T15:00:00Z", currency="EUR", tenant_id="other")

    assert crm.figures(REPORT, "tenant_id", "day", "pipeline_name", "won_amount_base") == [
        ("acme", date(2026, 3, 10), "Main", Decimal("100.00")),
        ("other", date(2026, 3, 11), "Theirs", Decimal("100.00")),
    ]


def test_history_of_another_tenant_is_not_read(crm: TinyCrm, pipeline: int) -> None:
    crm.tenant("other")
    anna, boris = crm.user("Anna", role="director"), crm.user("Boris", role="director")
    deal = crm.deal(pipeline, "signed", owner_user_id=anna, closed_at="2026-03-10T10:00:00Z")
    crm.moved(deal, pipeline, ("signed", "2026-05-10T10:00:00Z"), tenant_id="other")
    crm.handed_over(deal, boris, "2026-03-01T10:00:00Z", tenant_id="other")
    crm.handed_over(deal, anna, "2026-04-01T10:00:00Z", from_owner_user_id=boris, tenant_id="other")

    assert crm.figures(REPORT, "day", "manager_at_close_name") == [(date(2026, 3, 10), "Anna")]


def test_as_of_without_a_time_zone_is_refused(crm: TinyCrm) -> None:
    crm.as_of = "2026-06-15T12:00:00"

    with pytest.raises(ValueError, match="no time zone"):
        crm.rows(REPORT)
