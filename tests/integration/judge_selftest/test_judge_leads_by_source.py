"""The judge's leads by source on a few leads whose figures are plain to see."""

from __future__ import annotations

from datetime import date

from tests.integration.judge_selftest.tiny_crm import TinyCrm

REPORT = "leads_by_source"


def test_leads_are_counted_by_raw_source_on_their_local_creation_day(crm: TinyCrm) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    site, upper_site = crm.source("site", "online"), crm.source("SITE", "online")
    crm.lead(created_at="2026-02-28T20:59:59Z", source_id=site)
    crm.lead(created_at="2026-02-28T21:00:00Z", source_id=site)
    crm.lead(created_at="2026-03-01T10:00:00Z", source_id=site)
    crm.lead(created_at="2026-03-01T10:00:00Z", source_id=upper_site)

    columns = ("day", "month", "source_id", "source_name", "source_type", "leads")
    assert crm.figures(REPORT, *columns) == [
        (date(2026, 2, 28), date(2026, 2, 1), str(site), "site", "online", 1),
        (date(2026, 3, 1), date(2026, 3, 1), str(site), "site", "online", 2),
        (date(2026, 3, 1), date(2026, 3, 1), str(upper_site), "SITE", "online", 1),
    ]


def test_missing_deleted_and_foreign_sources_are_none(crm: TinyCrm) -> None:
    crm.tenant("other")
    gone = crm.source("Gone", "online")
    crm.delete("lead_sources", gone)
    foreign = crm.source("Foreign", "online", tenant_id="other")
    untyped, unknown = crm.source("Untyped"), crm.source("unknown", "offline")
    for source in (None, gone, foreign, untyped, unknown):
        crm.lead(source_id=source)

    assert crm.figures(REPORT, "source_id", "source_name", "source_type", "leads") == [
        ("(none)", "(none)", "(none)", 3),
        (str(untyped), "Untyped", "(none)", 1),
        (str(unknown), "unknown", "offline", 1),
    ]


def test_duplicates_are_counted_apart(crm: TinyCrm) -> None:
    crm.lead()
    crm.lead(is_duplicate=True)
    crm.lead(is_duplicate=True)
    crm.delete("leads", crm.lead())
    crm.delete("leads", crm.lead(is_duplicate=True))

    assert crm.figures(REPORT, "leads", "duplicate_leads") == [(1, 2)]


def test_manager_is_the_current_owner(crm: TinyCrm) -> None:
    department = crm.department("North")
    anna = crm.user("Anna", department_id=department)
    gone = crm.user("Gone", department_id=department)
    crm.delete("users", gone)
    for owner in (anna, gone, None):
        crm.lead(owner_user_id=owner)

    assert crm.figures(REPORT, "department_id", "department_name", "manager_id", "manager_name", "leads") == [
        ("(none)", "(none)", "(none)", "(none)", 2),
        (str(department), "North", str(anna), "Anna", 1),
    ]


def test_each_live_source_has_zeros_in_each_month(crm: TinyCrm) -> None:
    crm.as_of = "2026-03-01T12:00:00Z"
    site = crm.source("site", "online")
    crm.user("Anna")
    crm.delete("lead_sources", crm.source("Gone"))
    crm.activity("call", "planned", created_at="2026-01-31T10:00:00Z")

    columns = ("day", "month", "source_id", "source_type", "department_id", "manager_id")
    assert crm.zero_rows(REPORT, *columns) == [
        (date(2026, month, 1), date(2026, month, 1), str(site), "online", "(none)", "(none)") for month in (1, 2, 3)
    ]
    assert crm.figures(REPORT, "day") == []


def test_zero_row_of_a_day_with_leads_adds_nothing(crm: TinyCrm) -> None:
    crm.as_of = "2026-03-01T12:00:00Z"
    site = crm.source("site")
    crm.lead(created_at="2026-03-01T10:00:00Z", source_id=site)

    assert [(row["day"], row["leads"]) for row in crm.rows(REPORT)] == [(date(2026, 3, 1), 1)]


def test_tenant_without_leads_deals_and_activities_has_no_rows(crm: TinyCrm) -> None:
    crm.source("site")

    assert crm.rows(REPORT) == []
