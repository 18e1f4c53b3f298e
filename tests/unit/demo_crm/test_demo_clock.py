"""The calendar of a demo company: working moments, months and the way to UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from deploy.demo_crm.clock import DAY, HOUR, Clock, day_number
from deploy.demo_crm.companies import ALATAU, HUDSON, TENANTS, VOLGA
from deploy.demo_crm.profile import TenantProfile

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


def as_datetime(local: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(microseconds=local)


@pytest.mark.parametrize("profile", TENANTS)
def test_local_working_time_becomes_utc(profile: TenantProfile) -> None:
    clock = Clock(profile, AS_OF)
    zone = ZoneInfo(profile.timezone)
    days = np.arange(clock.first_day, clock.as_of_day, 5)
    local = days * DAY + 10 * HOUR
    for moment, utc in zip(local.tolist(), clock.utc(local).tolist(), strict=True):
        expected = as_datetime(moment).replace(tzinfo=zone).astimezone(UTC)
        assert as_datetime(utc) == expected.replace(tzinfo=None)


def test_history_starts_with_a_month_and_ends_with_the_local_day_of_as_of() -> None:
    months = Clock(HUDSON, AS_OF).months()
    # It is still the evening of 28 February in New York.
    assert as_datetime(months[0][0] * DAY) == datetime(2023, 2, 1)
    assert as_datetime(months[-1][1] * DAY) == datetime(2026, 3, 1)
    assert [end for _, end in months[:-1]] == [start for start, _ in months[1:]]
    assert len(Clock(ALATAU, AS_OF).months()) == ALATAU.months + 1


def test_later_is_later_and_mostly_on_working_days() -> None:
    clock = Clock(VOLGA, AS_OF)
    generator = np.random.default_rng(1)
    start = np.full(5_000, clock.first_day * DAY + 12 * HOUR)
    waits = generator.exponential(20, 5_000)
    later = clock.later(start, waits, generator)
    assert (later > start).all()
    dates = [as_datetime(moment) for moment in later.tolist()]
    off = sum(date.weekday() >= 5 or (date.month, date.day) in VOLGA.holidays for date in dates)
    assert 0 < off < 0.03 * len(dates)


def test_a_wait_within_the_day_stays_in_order() -> None:
    clock = Clock(HUDSON, AS_OF)
    start = np.full(1_000, clock.first_day * DAY + 9 * HOUR)
    later = clock.later(start, np.zeros(1_000), np.random.default_rng(2))
    assert (later > start).all()


def test_new_business_pauses_on_new_year_and_grows() -> None:
    clock = Clock(VOLGA, AS_OF)
    january, december = day_number(datetime(2025, 1, 3).date()), day_number(datetime(2025, 12, 3).date())
    holiday, busy = (clock.weights(day, day + 1)[0] for day in (january, december))
    assert holiday < 0.05 * busy
    same_day_a_year_ago = clock.weights(december - 364, december - 363)[0]
    assert busy > same_day_a_year_ago
