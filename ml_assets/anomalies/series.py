"""From rows of measures to one table of days and one of weeks: whole periods only, gaps as zeros, one row per series.

Nothing is expected or scored here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.anomalies.config import AMOUNT, COUNT, RATIO, TOTAL, AnomalyConfig
from ml_assets.calendars import day_kinds

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEASURE_COLUMNS = ("tenant_id", "metric", "dimension", "member", "day", "value")
"""What every row of measures has; `denominator`, `parent` and `name` may be there too."""
NONE_MEMBER = "(none)"
_LARGEST = 1e15
_WEEK = 7


@dataclass(frozen=True)
class SeriesKey:
    """Whose series it is: the tenant's total has dimension `total` and an empty member."""

    metric: str
    dimension: str
    member: str


@dataclass(frozen=True)
class Panel:
    """All series of a tenant over the same days.

    Attributes:
        tenant_id: empty if there is no row.
        keys: one per row of the tables.
        kinds: `amount`, `count` or `ratio`, of each row.
        days: one per column, without gaps; the last one is the newest whole day.
        day_kinds: `DayKind` of each day.
        values: series x days; NaN before a series begins. Of a ratio, its numerator.
        denominators: of the same shape; NaN where the series has none.
        parents: the department of a manager, where it is given.
        names: what a member is called in texts, by dimension and member.
    """

    tenant_id: str
    keys: tuple[SeriesKey, ...]
    kinds: tuple[str, ...]
    days: pd.DatetimeIndex
    day_kinds: NDArray[np.int64]
    values: Values
    denominators: Values
    parents: Mapping[str, str]
    names: Mapping[tuple[str, str], str]

    def of_kind(self, kind: str) -> Mask:
        """Which rows are amounts, counts or ratios."""
        return np.array([each == kind for each in self.kinds], dtype=bool)

    def row(self, key: SeriesKey) -> int | None:
        """Where a series stands."""
        return self.keys.index(key) if key in self.keys else None


def build_panel(measures: pd.DataFrame, as_of: date, config: AnomalyConfig) -> Panel:
    """Add up the rows of a day and lay them out; `as_of` is unfinished and left out, and so is all that is later.

    Raises:
        ValueError: a column is missing, a day cannot be read, or the rows hold more than one tenant.
    """
    last = pd.Timestamp(as_of).normalize() - timedelta(days=1)
    oldest = (last - timedelta(days=config.memory_days)).replace(day=1) - pd.DateOffset(months=config.history_months)
    rows = _checked(measures)
    rows = rows[(rows["day"] <= last) & (rows["day"] >= oldest)]
    days = pd.date_range(rows["day"].min() if len(rows) else last, last, freq="D")
    grouped = list(rows.groupby(["metric", "dimension", "member"], sort=True))
    keys = tuple(SeriesKey(*(str(part) for part in key)) for key, _ in grouped)
    values, denominators = np.full((2, len(keys), len(days)), np.nan)
    for place, (_, each) in enumerate(grouped):
        values[place], denominators[place] = _laid_out(each, days)
    return Panel(
        tenant_id=str(rows["tenant_id"].iloc[0]) if len(rows) else "",
        keys=keys,
        kinds=tuple(_kind(key, values[place], denominators[place], config) for place, key in enumerate(keys)),
        days=days,
        day_kinds=day_kinds([day.date() for day in days], config.country),
        values=values,
        denominators=denominators,
        parents={key[1]: text for key, text in _texts(rows, "parent").items()},
        names=_texts(rows, "name"),
    )


def _checked(measures: pd.DataFrame) -> pd.DataFrame:
    missing = set(MEASURE_COLUMNS) - set(measures.columns)
    if missing:
        raise ValueError(f"measures lack the columns {', '.join(sorted(missing))}")
    tenants = measures["tenant_id"].astype(str).unique()
    if len(tenants) > 1:
        raise ValueError(f"measures hold {len(tenants)} tenants: give the rows of one")
    try:
        day = pd.to_datetime(measures["day"])
    except (ValueError, TypeError) as error:
        raise ValueError(f"measures have a day that is no date: {error}") from error
    rows = measures.assign(
        tenant_id=measures["tenant_id"].astype(str),
        day=day.dt.tz_localize(None).dt.normalize(),
        value=_numbers(measures["value"]),
        denominator=_numbers(measures["denominator"]) if "denominator" in measures else np.nan,
    )
    for column, nothing in (("metric", NONE_MEMBER), ("dimension", TOTAL), ("member", "")):
        rows[column] = rows[column].astype(object).where(rows[column].notna(), nothing).astype(str)
    rows["member"] = rows["member"].where(rows["member"] != "", NONE_MEMBER).where(rows["dimension"] != TOTAL, "")
    dated: pd.DataFrame = rows[rows["day"].notna()]
    return dated


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers, also from Decimal; what is none is NaN, what is too large is cut off."""
    found: pd.Series = pd.to_numeric(column, errors="coerce").astype(float).clip(-_LARGEST, _LARGEST)
    return found


def _laid_out(rows: pd.DataFrame, days: pd.DatetimeIndex) -> tuple[Values, Values]:
    """Values and denominators of one series; zeros in gaps, NaN before the first day that is not zero."""
    daily = rows.groupby("day")[["value", "denominator"]].sum(min_count=1).reindex(days)
    has_denominators = bool(daily["denominator"].notna().any())
    values = daily["value"].fillna(0.0).to_numpy(copy=True)
    denominators = daily["denominator"].fillna(0.0).to_numpy(copy=True)
    lives = np.flatnonzero((values != 0) | (denominators != 0))
    begins = lives[0] if len(lives) else len(days)
    values[:begins] = np.nan
    denominators[: begins if has_denominators else len(days)] = np.nan
    return values, denominators


def _kind(key: SeriesKey, values: Values, denominators: Values, config: AnomalyConfig) -> str:
    if not np.isnan(denominators).all():
        return RATIO
    kind = config.metric_kinds.get(key.metric)
    if kind is None or kind == RATIO:
        known = values[~np.isnan(values)]
        return COUNT if bool((known == np.round(known)).all()) and bool((known >= 0).all()) else AMOUNT
    return kind


def _texts(rows: pd.DataFrame, column: str) -> dict[tuple[str, str], str]:
    """The newest text of each member."""
    if column not in rows:
        return {}
    known = rows[rows[column].notna() & (rows["dimension"] != TOTAL)].sort_values("day", kind="stable")
    newest = known.groupby(["dimension", "member"])[column].last()
    return {(str(dimension), str(member)): str(text) for (dimension, member), text in newest.items()}


def weekdays_of(days: pd.DatetimeIndex) -> NDArray[np.int64]:
    """0 for Monday, of each day."""
    return np.array([day.weekday() for day in days], dtype=np.int64)


def whole_weeks(days: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Where each whole week from Monday to Sunday begins."""
    mondays = np.flatnonzero(weekdays_of(days) == 0)
    whole: NDArray[np.int64] = mondays[mondays + _WEEK <= len(days)]
    return whole


def by_week(table: Values, starts: NDArray[np.int64]) -> Values:
    """Sums of whole weeks of a series x days table; NaN where a day is."""
    if not len(starts):
        return np.full((len(table), 0), np.nan)
    found: Values = np.stack([table[:, start : start + _WEEK].sum(axis=1) for start in starts], axis=1)
    return found
