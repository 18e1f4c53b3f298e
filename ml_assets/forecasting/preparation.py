"""From sales rows to monthly series: whole months only, empty months as zeros, one series per member of a dimension.

Nothing is forecast here. Every dimension splits the same rows, so its members sum to the total by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml_assets.forecasting.candidates import Values
from ml_assets.forecasting.config import ForecastConfig

TOTAL = "tenant"
NONE_MEMBER = "(none)"
OTHERS_MEMBER = "(others)"
_YEAR = 12


def months_from(month: pd.Period, steps: int) -> pd.Period:
    """The month so many months later, or earlier."""
    return pd.Period(ordinal=month.ordinal + steps, freq="M")


@dataclass(frozen=True)
class SeriesKey:
    """Whose series it is: the tenant's total has dimension `tenant` and an empty member."""

    tenant_id: str
    dimension: str
    member: str


@dataclass(frozen=True)
class MonthlySeries:
    """A history without gaps.

    Attributes:
        key: whose it is.
        values: one per month, oldest first, from the first month with a value to the last whole month.
        last_month: the last whole month before the day of the forecast.
        low_history: fewer months than `ForecastConfig.low_history_months`.
        is_intermittent: the share of empty months reaches `ForecastConfig.intermittent_share`.
    """

    key: SeriesKey
    values: Values
    last_month: pd.Period
    low_history: bool
    is_intermittent: bool

    @property
    def first_month_number(self) -> int:
        """0 for January, 11 for December."""
        return int(months_from(self.last_month, -max(len(self.values) - 1, 0)).month) - 1

    def months_ahead(self, horizon: int) -> list[pd.Period]:
        """The months that are forecast."""
        return [months_from(self.last_month, step) for step in range(1, horizon + 1)]


def build_series(
    sales: pd.DataFrame, as_of: date, dimensions: Sequence[str], config: ForecastConfig
) -> Iterator[MonthlySeries]:
    """Yield the total and every member of every dimension of one tenant.

    Args:
        sales: columns `tenant_id`, `month` (anything that pandas reads as a date), `value` and one per dimension;
            several rows of a month are added up, a missing member is `(none)`.
        as_of: the day of the forecast; its own month is unfinished and left out, and so is everything later.
        dimensions: columns to split by.
        config: how many members a dimension may have, and what counts as short or intermittent.

    Raises:
        ValueError: a column is missing, or the rows hold more than one tenant.
    """
    missing = {"tenant_id", "month", "value", *dimensions} - set(sales.columns)
    if missing:
        raise ValueError(f"sales lack the columns {', '.join(sorted(missing))}")
    tenants = sales["tenant_id"].astype(str).unique()
    if len(tenants) > 1:
        raise ValueError(f"sales hold {len(tenants)} tenants: give the rows of one")
    if not len(tenants):
        return
    last_month = months_from(pd.Period(as_of, freq="M"), -1)
    known = _whole_months(sales, last_month, dimensions)
    yield _series(SeriesKey(tenants[0], TOTAL, ""), known, last_month, config)
    for dimension in dimensions:
        members = _members(known, dimension, last_month, config.most_members)
        for member, rows in known.groupby(members, sort=True):
            yield _series(SeriesKey(tenants[0], dimension, str(member)), rows, last_month, config)


def _whole_months(sales: pd.DataFrame, last_month: pd.Period, dimensions: Sequence[str]) -> pd.DataFrame:
    month = pd.PeriodIndex(pd.to_datetime(sales["month"]), freq="M")
    known = sales.assign(month=month, value=pd.to_numeric(sales["value"]).astype(float).fillna(0.0))
    for dimension in dimensions:
        known[dimension] = known[dimension].astype(object).where(known[dimension].notna(), NONE_MEMBER).astype(str)
    whole: pd.DataFrame = known[known["month"] <= last_month]
    return whole


def _members(known: pd.DataFrame, dimension: str, last_month: pd.Period, most: int) -> pd.Series:
    names: pd.Series = known[dimension]
    if names.nunique() <= most:
        return names
    recent = known["value"].where(known["month"] > months_from(last_month, -_YEAR), 0.0).abs().groupby(names).sum()
    largest = set(recent.sort_values(ascending=False, kind="stable").index[: most - 1])
    grouped: pd.Series = names.where(names.isin(largest), OTHERS_MEMBER)
    return grouped


def _series(key: SeriesKey, rows: pd.DataFrame, last_month: pd.Period, config: ForecastConfig) -> MonthlySeries:
    by_month = rows.groupby("month")["value"].sum()
    by_month = by_month[by_month != 0]
    values = np.zeros(0)
    if len(by_month):
        months = pd.period_range(by_month.index.min(), last_month, freq="M")
        values = by_month.reindex(months, fill_value=0.0).to_numpy(dtype=float)
    return MonthlySeries(
        key=key,
        values=values,
        last_month=last_month,
        low_history=len(values) < config.low_history_months,
        is_intermittent=bool(len(values)) and float(np.mean(values == 0)) >= config.intermittent_share,
    )
