"""Days of a tenant's country from the `holidays` library: working days, holidays, bridge days, days around them.

What a model makes of these days is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

COUNTRIES = ("ru", "us", "kz")
_DAY = timedelta(days=1)
_FRIDAY = 4


class DayKind(IntEnum):
    """What the calendar makes of a day.

    `HOLIDAY` would be a working day by its weekday. `BRIDGE` is a single working day between free ones, one of which
    is a holiday. `AROUND` is a working day next to a holiday or to the free days that a holiday lengthens.
    `WORKING_WEEKEND` is a Saturday or Sunday that is worked because days off were moved.
    """

    ORDINARY = 0
    HOLIDAY = 1
    BRIDGE = 2
    AROUND = 3
    WORKING_WEEKEND = 4


def check_country(country: str) -> str:
    """The country in small letters.

    Raises:
        ValueError: the country is none of `ru`, `us`, `kz`.
    """
    if country.lower() not in COUNTRIES:
        raise ValueError(f"country is {country!r}: give one of {', '.join(COUNTRIES)}")
    return country.lower()


def working_day_factors(months: Sequence[pd.Period], country: str) -> NDArray[np.float64]:
    """Working days of each month as a multiple of an average month's (21).

    Raises:
        ValueError: the country is none of `ru`, `us`, `kz`.
    """
    code = check_country(country)
    return np.array([_working_days(month.year, month.month, code) for month in months]) / 21.0


def day_kinds(days: Iterable[date], country: str | None) -> NDArray[Any]:
    """The `DayKind` of each day; without a country all days are ordinary.

    Raises:
        ValueError: the country is none of `ru`, `us`, `kz`.
    """
    listed = list(days)
    if country is None:
        return np.zeros(len(listed), dtype=int)
    code = check_country(country)
    return np.array([_day_kind(day, code) for day in listed], dtype=int)


@lru_cache(maxsize=16384)
def _day_kind(day: date, country: str) -> DayKind:
    weekend = day.weekday() > _FRIDAY
    if not _is_working_day(day, country):
        return DayKind.ORDINARY if weekend else DayKind.HOLIDAY
    if weekend:
        return DayKind.WORKING_WEEKEND
    before, after = _free_days(day, country, -_DAY), _free_days(day, country, _DAY)
    if before and after and any(_is_holiday(each, country) for each in (*before, *after)):
        return DayKind.BRIDGE
    touched = any(_is_holiday(each, country) for each in (*before, *after))
    return DayKind.AROUND if touched else DayKind.ORDINARY


def _free_days(day: date, country: str, step: timedelta) -> list[date]:
    """The unbroken run of free days next to a day, in one direction."""
    run, each = [], day + step
    while not _is_working_day(each, country):
        run.append(each)
        each += step
    return run


def _is_holiday(day: date, country: str) -> bool:
    return day in _holidays(country, day.year)


@lru_cache(maxsize=16384)
def _is_working_day(day: date, country: str) -> bool:
    return bool(_holidays(country, day.year).is_working_day(day))


@lru_cache(maxsize=4096)
def _working_days(year: int, month: int, country: str) -> int:
    days = pd.date_range(f"{year}-{month:02d}-01", periods=pd.Period(f"{year}-{month:02d}", "M").days_in_month)
    # A calendar of holidays knows working weekends too, where a country moves its days off.
    return sum(_is_working_day(day.date(), country) for day in days)


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country.upper(), years=[year])
