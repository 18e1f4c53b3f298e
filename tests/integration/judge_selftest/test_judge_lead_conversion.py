"""The judge's lead conversion on a few leads whose figures are plain to see."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.integration.judge_selftest.tiny_crm import TinyCrm

REPORT = "lead_conversion"
WINDOWS = ("converted_30d", "converted_60d", "converted_90d")
FIRST_DAY = date(2026, 1, 1)


def converted_after(crm: TinyCrm, pipeline: int, *lags: int) -> None:
    """Add leads of the first of January that converted so many days later."""
    for lag in lags:
        lead = crm.lead()
        crm.deal(pipeline, "new", created_at=f"{FIRST_DAY + timedelta(days=lag)}T10:00:00Z", lead_id=lead)


def test_several_deals_are_one_conversion_at_the_first(crm: TinyCrm, pipeline: int) -> None:
    lead = crm.lead(created_at="2026-01-05T10:00:00Z")
    crm.lead(created_at="2026-01-05T10:00:00Z")
    for created_at in ("2026-03-07T10:00:00Z", "2026-02-07T10:00:00Z", "2026-04-07T10:00:00Z"):
        crm.deal(pipeline, "new", created_at=created_at, lead_id=lead)

    columns = ("day", "month", "leads", "converted_leads", "period_converted_leads", "direct_deals")
    assert crm.figures(REPORT, *columns) == [
        (date(2026, 1, 5), date(2026, 1, 1), 2, 1, 0, 0),
        (date(2026, 2, 7), date(2026, 2, 1), 0, 0, 1, 0),
    ]


@pytest.mark.parametrize(
    ("lag", "windows"),
    [
        (0, (1, 1, 1)),
        (30, (1, 1, 1)),
        (31, (0, 1, 1)),
        (60, (0, 1, 1)),
        (61, (0, 0, 1)),
        (90, (0, 0, 1)),
        (91, (0, 0, 0)),
    ],
)
def test_windows_close_after_30_60_and_90_days(
    crm: TinyCrm, pipeline: int, lag: int, windows: tuple[int, int, int]
) -> None:
    converted_after(crm, pipeline, lag)

    cohort = [row for row in crm.rows(REPORT) if row["leads"]]
    assert [tuple(row[column] for column in (*WINDOWS, "converted_leads")) for row in cohort] == [(*windows, 1)]


def test_lag_counts_local_days(crm: TinyCrm, pipeline: int) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    lead = crm.lead(created_at="2026-01-01T20:59:00Z")
    crm.deal(pipeline, "new", created_at="2026-01-31T21:00:00Z", lead_id=lead)

    cohort = ("day", "converted_leads", "period_converted_leads", *WINDOWS)
    assert crm.figures(REPORT, *cohort) == [
        (date(2026, 1, 1), 1, 0, 0, 1, 1),
        (date(2026, 2, 1), 0, 1, 0, 0, 0),
    ]


def test_conversion_moment_is_the_leads_own_stamp_where_filled(crm: TinyCrm, pipeline: int) -> None:
    lead = crm.lead(converted_at="2026-02-15T10:00:00Z")
    crm.deal(pipeline, "new", created_at="2026-05-15T10:00:00Z", lead_id=lead)

    assert crm.figures(REPORT, "day", "converted_60d", "period_converted_leads") == [
        (date(2026, 1, 1), 1, 0),
        (date(2026, 2, 15), 0, 1),
    ]


@pytest.mark.parametrize("converted_at", ["infinity", "-infinity"])
def test_infinite_stamp_is_empty(crm: TinyCrm, pipeline: int, converted_at: str) -> None:
    lead = crm.lead(converted_at=converted_at)
    crm.deal(pipeline, "new", created_at="2026-02-15T10:00:00Z", lead_id=lead)

    assert crm.figures(REPORT, "day", "converted_60d", "period_converted_leads") == [
        (date(2026, 1, 1), 1, 0),
        (date(2026, 2, 15), 0, 1),
    ]


def test_stamp_without_a_live_deal_is_no_conversion(crm: TinyCrm, pipeline: int) -> None:
    crm.lead(converted_at="2026-02-15T10:00:00Z")
    lead = crm.lead(converted_at="2026-02-15T10:00:00Z")
    crm.delete("deals", crm.deal(pipeline, "signed", lead_id=lead))

    columns = ("day", "leads", "converted_leads", *WINDOWS, "won_leads", "period_converted_leads", "is_mature")
    assert crm.figures(REPORT, *columns) == [(date(2026, 1, 1), 2, 0, 0, 0, 0, 0, 0, False)]


def test_deal_older_than_its_lead_converts_without_a_lag(crm: TinyCrm, pipeline: int) -> None:
    lead = crm.lead(created_at="2026-03-10T10:00:00Z")
    crm.deal(pipeline, "new", created_at="2026-03-10T09:59:59Z", lead_id=lead)

    columns = ("leads", "converted_leads", "negative_lag_leads", *WINDOWS, "period_converted_leads", "is_mature")
    assert crm.figures(REPORT, *columns) == [(1, 1, 1, 0, 0, 0, 1, False)]


def test_deal_of_the_leads_own_moment_has_lag_zero(crm: TinyCrm, pipeline: int) -> None:
    lead = crm.lead(created_at="2026-03-10T10:00:00Z")
    crm.deal(pipeline, "new", created_at="2026-03-10T10:00:00Z", lead_id=lead)

    assert crm.figures(REPORT, "negative_lag_leads", "converted_30d") == [(0, 1)]


def test_lost_deal_converts_and_won_needs_one_won_deal(crm: TinyCrm, pipeline: int) -> None:
    for stages in (("lost",), ("lost", "signed", "new"), ("signed", "signed")):
        lead = crm.lead()
        for stage in stages:
            crm.deal(pipeline, stage, lead_id=lead)

    assert crm.figures(REPORT, "leads", "converted_leads", "won_leads") == [(3, 3, 2)]


def test_period_figures_keep_the_leads_own_dimensions(crm: TinyCrm, pipeline: int) -> None:
    department = crm.department("North")
    anna = crm.user("Anna", role="director", department_id=department)
    boris = crm.user("Boris", role="director")
    site = crm.source("site", "online")
    lead = crm.lead(source_id=site, owner_user_id=anna)
    crm.deal(pipeline, "new", created_at="2026-02-02T10:00:00Z", lead_id=lead, owner_user_id=boris)

    columns = (
        "day",
        "source_name",
        "source_type",
        "department_name",
        "manager_name",
        "leads",
        "period_converted_leads",
    )
    assert crm.figures(REPORT, *columns) == [
        (date(2026, 1, 1), "site", "online", "North", "Anna", 1, 0),
        (date(2026, 2, 2), "site", "online", "North", "Anna", 0, 1),
    ]


def test_deals_without_a_live_lead_are_direct(crm: TinyCrm, pipeline: int) -> None:
    anna = crm.user("Anna", role="director")
    gone = crm.lead()
    crm.delete("leads", gone)
    for lead in (None, gone):
        crm.deal(pipeline, "new", created_at="2026-02-02T10:00:00Z", lead_id=lead, owner_user_id=anna)
    crm.delete("deals", crm.deal(pipeline, "new"))

    columns = ("day", "source_id", "source_type", "manager_name", "leads", "converted_leads", "direct_deals")
    assert crm.figures(REPORT, *columns) == [(date(2026, 2, 2), "(none)", "(none)", "Anna", 0, 0, 2)]


def test_deal_of_another_tenant_converts_nothing(crm: TinyCrm) -> None:
    crm.tenant("other")
    theirs = crm.pipeline("Theirs", {"signed": (1, "won")}, tenant_id="other")
    lead = crm.lead()
    crm.deal(theirs, "signed", tenant_id="other", lead_id=lead)

    assert crm.figures(REPORT, "tenant_id", "leads", "converted_leads", "won_leads", "direct_deals") == [
        ("acme", 1, 0, 0, 0),
        ("other", 0, 0, 0, 1),
    ]


def test_duplicates_are_in_nothing_and_their_deals_are_not_direct(crm: TinyCrm, pipeline: int) -> None:
    lead = crm.lead(is_duplicate=True)
    crm.deal(pipeline, "signed", lead_id=lead)

    assert crm.rows(REPORT) == []


@pytest.mark.parametrize(
    ("lags", "p90"),
    [
        ((7,), 7),
        ((0, 10), 9),
        ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 10),
        ((0, 0, 0, 10), 7),
        ((0, 0, 0, 11), 8),
    ],
)
def test_cohort_is_mature_from_the_90th_percentile_on(
    crm: TinyCrm, pipeline: int, lags: tuple[int, ...], p90: int
) -> None:
    converted_after(crm, pipeline, *lags)
    as_of_day = date(2026, 6, 15)
    for age in (p90 - 1, p90):
        crm.lead(created_at=f"{as_of_day - timedelta(days=age)}T10:00:00Z", owner_user_id=None)

    recent = [
        row for row in crm.rows(REPORT) if row["day"] in {as_of_day - timedelta(days=age) for age in (p90 - 1, p90)}
    ]
    assert sorted((str(row["day"]), row["is_mature"]) for row in recent) == [
        (str(as_of_day - timedelta(days=p90)), True),
        (str(as_of_day - timedelta(days=p90 - 1)), False),
    ]


def test_nothing_is_mature_without_a_lag(crm: TinyCrm, pipeline: int) -> None:
    crm.lead()
    negative = crm.lead(created_at="2026-02-01T10:00:00Z")
    crm.deal(pipeline, "new", lead_id=negative)

    assert {row["is_mature"] for row in crm.rows(REPORT)} == {False}


def test_maturity_is_each_tenants_own(crm: TinyCrm, pipeline: int) -> None:
    for tenant in ("slow", "idle"):
        crm.tenant(tenant)
    theirs = crm.pipeline("Theirs", {"new": (1, "open")}, tenant_id="slow")
    converted_after(crm, pipeline, 5)
    slow = crm.lead(tenant_id="slow")
    crm.deal(theirs, "new", created_at="2026-06-15T10:00:00Z", lead_id=slow, tenant_id="slow")
    for tenant in ("acme", "slow", "idle"):
        crm.lead(created_at="2026-06-10T10:00:00Z", tenant_id=tenant)

    cohorts = [row for row in crm.rows(REPORT) if row["leads"]]
    assert sorted((row["tenant_id"], str(row["day"]), row["is_mature"]) for row in cohorts) == [
        ("acme", "2026-01-01", True),
        ("acme", "2026-06-10", True),
        ("idle", "2026-06-10", False),
        ("slow", "2026-01-01", True),
        ("slow", "2026-06-10", False),
    ]


def test_archived_won_stage_still_wins(crm: TinyCrm, pipeline: int) -> None:
    crm.deal(pipeline, "signed", lead_id=crm.lead())
    crm.delete_stage(pipeline, "signed")

    assert [row[0] for row in crm.figures(REPORT, "won_leads")] == [1]


def test_leads_without_an_owner_are_shown(crm: TinyCrm, pipeline: int) -> None:
    anna = crm.user("Anna", role="director")
    owned = crm.lead(owner_user_id=anna)
    crm.deal(pipeline, "new", lead_id=owned)
    crm.lead()

    assert crm.figures(REPORT, "manager_name", "leads", "converted_leads") == [("(none)", 1, 0), ("Anna", 1, 1)]


def test_each_live_source_has_zeros_in_each_month(crm: TinyCrm) -> None:
    crm.as_of = "2026-02-01T12:00:00Z"
    site = crm.source("site", "online")
    crm.delete("lead_sources", crm.source("Gone"))
    crm.activity("call", "planned", created_at="2026-01-31T10:00:00Z")

    assert crm.zero_rows(REPORT, "day", "source_id", "source_type", "manager_id", "is_mature") == [
        (date(2026, month, 1), str(site), "online", "(none)", False) for month in (1, 2)
    ]
