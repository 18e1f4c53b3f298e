"""Working days of a month in a tenant's country, from the `holidays` library; nothing about forecasting itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import holidays
import numpy as np
import pandas as pd

from ml_assets.forecasting.candidates import Values

COUNTRIES = ("ru", "us", "kz")


def working_day_factors(months: Sequence[pd.Period], country: str) -> Values:
    """Working days of each month as a multiple of an average month's (21).

    Raises:
        ValueError: the country is none of `ru`, `us`, `kz`.
    """
    if country.lower() not in COUNTRIES:
        raise ValueError(f"country is {country!r}: give one of {', '.join(COUNTRIES)}")
    return np.array([_working_days(month.year, month.month, country.lower()) for month in months]) / 21.0


@lru_cache(maxsize=4096)
def _working_days(year: int, month: int, country: str) -> int:
    free = _holidays(country, year)
    days = pd.date_range(f"{year}-{month:02d}-01", periods=pd.Period(f"{year}-{month:02d}", "M").days_in_month)
    # A calendar of holidays knows working weekends too, where a country moves its days off.
    return sum(bool(free.is_working_day(day.date())) for day in days)


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country.upper(), years=[year])
