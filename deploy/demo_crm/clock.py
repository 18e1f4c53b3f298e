"""Time in a demo company: when people work, and how its local time maps to UTC.

All moments inside the generator are int64 microseconds of local wall-clock time since 1970; they become UTC only when
rows are written.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from deploy.demo_crm.profile import TenantProfile

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = date(1970, 1, 1)
# Work that is planned today may be due this long after as-of.
_DAYS_AHEAD = 800
# Some work on a day off; without it weekends would be empty, which no real company is.
_WORKS_ON_DAY_OFF = 0.02
_WEEKDAY_WEIGHTS = (1.12, 1.1, 1.05, 1.0, 0.83, 0.06, 0.03)


class Clock:
    """The calendar of one tenant from the first day of its history to some time after as-of.

    Attributes:
        first_day: number of the first day of the history (days since 1970, local).
        as_of: the moment that "now" means, local microseconds.
    """

    def __init__(self, profile: TenantProfile, as_of: datetime) -> None:
        """Lay out the calendar of `profile` around the aware moment `as_of`."""
        self._zone = ZoneInfo(profile.timezone)
        local = as_of.astimezone(self._zone)
        month = local.year * 12 + local.month - 1 - profile.months
        self.first_month = month
        self.first_day = day_number(date(month // 12, month % 12 + 1, 1))
        self.as_of_day = day_number(local.date())
        self.as_of = to_microseconds(as_of) + _offset_microseconds(self._zone, as_of)
        # Companies were founded, and people hired, before the first deal.
        self._table_start = self.first_day - 1500
        days = self.as_of_day + _DAYS_AHEAD - self._table_start
        dates = [EPOCH + timedelta(days=self._table_start + index) for index in range(days)]
        noons = [datetime(day.year, day.month, day.day, 12, tzinfo=self._zone) for day in dates]
        self._offsets = np.array([_offset_microseconds(self._zone, noon) for noon in noons], dtype=np.int64)
        is_open = np.array([day.weekday() < 5 and (day.month, day.day) not in profile.holidays for day in dates])
        self._next_open = _next_open_day(is_open) + self._table_start
        self._month_of_year = np.array([day.month for day in dates], dtype=np.int64)
        self._weights = _day_weights(profile, dates, month)

    def weights(self, start: int, end: int) -> Floats:
        """Return how much new business each day of [start, end) brings, relative to the others."""
        return self._weights[start - self._table_start : end - self._table_start]

    def month_of_year(self, moments: Integers) -> Integers:
        """Return the calendar month (1 to 12) of local moments."""
        return self._month_of_year[self._index(moments)]

    def months(self) -> list[tuple[int, int]]:
        """Return the [start, end) day numbers of the history's months; the last one is cut at as-of."""
        result: list[tuple[int, int]] = []
        month = self.first_month
        while True:
            start = day_number(date(month // 12, month % 12 + 1, 1))
            if start > self.as_of_day:
                return result
            end = day_number(date((month + 1) // 12, (month + 1) % 12 + 1, 1))
            result.append((start, min(end, self.as_of_day + 1)))
            month += 1

    def utc(self, moments: Integers) -> Integers:
        """Return local moments as microseconds UTC."""
        return moments - self._offsets[self._index(moments)]

    def later(self, moments: Integers, days: Floats, generator: np.random.Generator) -> Integers:
        """Return a working moment about `days` after each moment, always later than it."""
        size = len(moments)
        day = moments // DAY
        target = (moments + (days * DAY).astype(np.int64)) // DAY
        works = generator.random(size) < _WORKS_ON_DAY_OFF
        snapped = np.where(works, target, self._next_open[target - self._table_start])
        soon = moments + (generator.uniform(4, 150, size) * MINUTE).astype(np.int64)
        later: Integers = np.where(snapped <= day, soon, snapped * DAY + time_of_day(size, generator))
        return later

    def _index(self, moments: Integers) -> Integers:
        return moments // DAY - self._table_start


def time_of_day(size: int, generator: np.random.Generator) -> Integers:
    """Return times within a working day, microseconds since midnight: most from 9 to 19 h, a few late at night."""
    hours = 9 + 10 * generator.beta(1.7, 1.9, size)
    late = generator.random(size) < 0.015
    hours = np.where(late, generator.uniform(19, 23.99, size), hours)
    return (hours * HOUR).astype(np.int64)


def day_number(day: date) -> int:
    """Return the number of days since 1970-01-01."""
    return (day - EPOCH).days


def to_microseconds(moment: datetime) -> int:
    """Return the microseconds UTC since 1970 of an aware moment."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _offset_microseconds(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)


def _next_open_day(is_open: Flags) -> Integers:
    """Return for each index the first open index at or after it."""
    indices = np.where(is_open, np.arange(len(is_open)), len(is_open) - 1)
    result: Integers = np.minimum.accumulate(indices[::-1])[::-1].astype(np.int64)
    return result


def _day_weights(profile: TenantProfile, dates: list[date], first_month: int) -> Floats:
    weights = []
    for day in dates:
        age = max(0, day.year * 12 + day.month - 1 - first_month) + (day.day - 1) / 31
        weight = (1 + profile.monthly_growth) ** age * profile.season[day.month - 1] * _WEEKDAY_WEIGHTS[day.weekday()]
        weights.append(weight * 0.02 if (day.month, day.day) in profile.holidays else weight)
    return np.array(weights)
