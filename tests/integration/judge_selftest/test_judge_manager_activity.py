"""The judge's manager activity on a few activities whose figures are plain to see."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.integration.judge_selftest.tiny_crm import TinyCrm

REPORT = "manager_activity"
KINDS = ("tasks", "calls", "meetings", "emails", "other")


def test_kinds_are_counted_in_their_columns(crm: TinyCrm) -> None:
    anna = crm.user("Anna")
    for kind, times in (("todo", 1), ("call", 2), ("meeting", 3), ("email", 4), ("visit", 5)):
        for _ in range(times):
            crm.activity(kind, "done", completed_at="2026-03-10T10:00:00Z", assignee_user_id=anna)

    assert crm.figures(REPORT, "day", "month", "manager_name", *KINDS, "total") == [
        (date(2026, 3, 10), date(2026, 3, 1), "Anna", 1, 2, 3, 4, 5, 15),
    ]


def test_day_is_that_of_the_completion_in_the_tenants_time(crm: TinyCrm) -> None:
    crm.change("tenants", "acme", timezone="America/New_York")
    dates = {"created_at": "2026-10-01T10:00:00Z", "due_at": "2026-10-15T10:00:00Z"}
    crm.activity("call", "done", completed_at="2026-11-01T03:59:59Z", **dates)
    crm.activity("call", "done", completed_at="2026-11-01T04:00:00Z", **dates)
    crm.activity("call", "done", completed_at="2026-11-02T04:59:59Z", **dates)

    assert crm.figures(REPORT, "day", "month", "calls") == [
        (date(2026, 10, 31), date(2026, 10, 1), 1),
        (date(2026, 11, 1), date(2026, 11, 1), 2),
    ]


@pytest.mark.parametrize("status", ["planned", "in_progress", "cancelled", "deferred"])
def test_only_completed_activities_count_even_with_a_completion_time(crm: TinyCrm, status: str) -> None:
    crm.activity("call", status, completed_at="2026-03-10T10:00:00Z", duration_minutes=10)

    assert crm.figures(REPORT, "day") == []


def test_completed_without_a_time_counts_on_the_day_of_the_update(crm: TinyCrm) -> None:
    crm.activity("call", "done", updated_at="2026-04-02T10:00:00Z", due_at="2026-03-01T10:00:00Z")
    crm.activity("call", "done", completed_at="2026-04-02T10:00:00Z")

    assert crm.figures(REPORT, "day", "calls", "completed_without_date") == [(date(2026, 4, 2), 2, 1)]


@pytest.mark.parametrize("moment", ["infinity", "-infinity"])
def test_infinite_moments_are_empty(crm: TinyCrm, moment: str) -> None:
    crm.activity("call", "done", updated_at="2026-04-02T10:00:00Z", completed_at=moment)
    crm.activity("todo", "planned", due_at=moment)

    assert crm.figures(REPORT, "day", "total", "completed_without_date") == [(date(2026, 4, 2), 1, 1)]


@pytest.mark.parametrize(("durations", "minutes"), [([None, 0, 15, 30], 45), ([None], 0)])
def test_minutes_sum_the_durations_that_are_known(crm: TinyCrm, durations: list[int | None], minutes: int) -> None:
    for duration in durations:
        crm.activity("call", "done", completed_at="2026-03-10T10:00:00Z", duration_minutes=duration)

    assert crm.figures(REPORT, "total", "minutes") == [(len(durations), minutes)]


@pytest.mark.parametrize(
    ("kind", "status", "due_at", "overdue"),
    [
        ("todo", "planned", "2026-06-15T11:59:59Z", True),
        ("todo", "in_progress", "2026-06-15T11:59:59Z", True),
        ("todo", "planned", "2026-06-15T12:00:00Z", False),
        ("todo", "deferred", "2026-06-15T11:59:59Z", False),
        ("todo", "cancelled", "2026-06-15T11:59:59Z", False),
        ("call", "planned", "2026-06-15T11:59:59Z", False),
        ("todo", "planned", None, False),
    ],
)
def test_overdue_are_open_tasks_due_before_as_of(
    crm: TinyCrm, kind: str, status: str, due_at: str | None, overdue: bool
) -> None:
    crm.activity(kind, status, due_at=due_at)

    expected = [(date(2026, 6, 15), 1, 0)] if overdue else []
    assert crm.figures(REPORT, "day", "overdue_open_tasks", "total") == expected


def test_overdue_task_stands_on_its_local_due_day(crm: TinyCrm) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    crm.activity("todo", "planned", due_at="2026-05-31T21:00:00Z")

    assert crm.figures(REPORT, "day", "month") == [(date(2026, 6, 1), date(2026, 6, 1))]


def test_activities_are_credited_to_the_assignee_of_any_role(crm: TinyCrm) -> None:
    department = crm.department("North")
    director = crm.user("Director", role="director", department_id=department)
    gone = crm.user("Gone")
    crm.delete("users", gone)
    for assignee in (director, gone, None):
        crm.activity("call", "done", completed_at="2026-03-10T10:00:00Z", assignee_user_id=assignee)

    assert crm.figures(REPORT, "department_name", "manager_id", "manager_name", "calls") == [
        ("(none)", "(none)", "(none)", 2),
        ("North", str(director), "Director", 1),
    ]


def test_deleted_activities_are_in_no_number(crm: TinyCrm) -> None:
    crm.delete("activities", crm.activity("call", "done", completed_at="2026-03-10T10:00:00Z"))
    crm.delete("activities", crm.activity("todo", "planned", due_at="2026-03-10T10:00:00Z"))

    assert crm.rows(REPORT) == []


def test_idle_manager_has_a_zero_row_every_day(crm: TinyCrm) -> None:
    crm.as_of = "2026-01-23T12:00:00Z"
    department = crm.department("North")
    anna = crm.user("Anna", department_id=department, created_at="2026-01-01T10:00:00Z")
    crm.user("Director", role="director")
    crm.delete("users", crm.user("Gone"))
    crm.lead(created_at="2026-01-20T10:00:00Z")

    assert crm.zero_rows(REPORT, "day", "month", "department_name", "manager_id") == [
        (date(2026, 1, day), date(2026, 1, 1), "North", str(anna)) for day in (20, 21, 22, 23)
    ]


def test_day_with_activities_has_one_row(crm: TinyCrm) -> None:
    crm.as_of = "2026-01-23T12:00:00Z"
    anna = crm.user("Anna")
    crm.activity(
        *("call", "done"),
        created_at="2026-01-22T10:00:00Z",
        completed_at="2026-01-22T10:00:00Z",
        assignee_user_id=anna,
    )

    assert [(row["day"], row["calls"]) for row in sorted(crm.rows(REPORT), key=lambda row: str(row["day"]))] == [
        (date(2026, 1, 22), 1),
        (date(2026, 1, 23), 0),
    ]


@pytest.mark.parametrize(
    ("user", "days"),
    [
        ({"created_at": "2026-01-21T21:30:00Z"}, [22, 23]),
        ({"is_active": False, "deactivated_at": "2026-01-20T21:30:00Z"}, [20, 21]),
        ({"is_active": False, "deactivated_at": "2026-02-20T10:00:00Z"}, [20, 21, 22, 23]),
        ({"is_active": False, "deactivated_at": "2026-01-10T10:00:00Z"}, []),
        ({"is_active": False}, []),
        ({"is_active": False, "deactivated_at": "infinity"}, []),
        ({"is_active": True, "deactivated_at": "2026-01-20T21:30:00Z"}, [20, 21]),
        ({"created_at": "2026-02-01T10:00:00Z"}, []),
    ],
)
def test_zero_rows_span_the_users_own_time(crm: TinyCrm, user: dict[str, Any], days: list[int]) -> None:
    crm.change("tenants", "acme", timezone="Europe/Moscow")
    crm.as_of = "2026-01-23T12:00:00Z"
    crm.user("Anna", **user)
    crm.lead(created_at="2026-01-19T21:30:00Z")

    assert crm.zero_rows(REPORT, "day") == [(date(2026, 1, day),) for day in days]


def test_first_day_comes_from_live_leads_deals_and_activities_alone(crm: TinyCrm, pipeline: int) -> None:
    crm.as_of = "2026-01-23T12:00:00Z"
    crm.user("Anna")
    crm.delete("leads", crm.lead(created_at="2026-01-01T10:00:00Z"))
    crm.delete("deals", crm.deal(pipeline, "new", created_at="2026-01-02T10:00:00Z"))
    crm.delete("activities", crm.activity("call", "planned", created_at="2026-01-03T10:00:00Z"))
    crm.lead(created_at="2026-01-23T10:00:00Z")
    crm.deal(pipeline, "new", created_at="2026-01-22T10:00:00Z")
    crm.activity("call", "planned", created_at="2026-01-21T10:00:00Z")

    assert crm.zero_rows(REPORT, "day") == [(date(2026, 1, day),) for day in (21, 22, 23)]


def test_tenants_do_not_mix(crm: TinyCrm) -> None:
    crm.tenant("other")
    anna = crm.user("Anna", role="director")
    crm.activity("call", "done", completed_at="2026-03-10T10:00:00Z", assignee_user_id=anna)
    for assignee in (anna, None):
        crm.activity("call", "done", completed_at="2026-03-10T10:00:00Z", assignee_user_id=assignee, tenant_id="other")

    assert crm.figures(REPORT, "tenant_id", "manager_name", "calls") == [("acme", "Anna", 1), ("other", "(none)", 2)]
