"""What is usual: level, weekday and spread of every series, learnt day by day from what came before that day.

All series of a tenant go through one pass, as columns of numbers. A value enters only after it has been judged, cut off
at twice the usual spread, so that neither an outage nor a record day becomes the new usual at once. Holidays and bridge
days teach nothing about weekdays; how far they fall is learnt apart from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_assets.calendars import DayKind

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

_WEEK = 7
# Days (weeks) that the first level, weekdays and spread are taken from.
FIRST_DAYS, FIRST_WEEKS = 28, 8
_LEVEL_RATE, _SEASON_RATE, _SPREAD_RATE, _WEEKDAY_SPREAD_RATE = 0.08, 0.08, 0.02, 0.06
_WEEKLY_LEVEL_RATE, _WEEKLY_SPREAD_RATE = 0.2, 0.06
_CUT, _SPREAD_CUT = 2.0, 3.0
# The mean absolute deviation of a normal distribution times this is its standard deviation; the second for cut values.
_TO_DEVIATION = 1.2533
# A count's square root has a standard deviation of 1/2 if it is Poisson; no count is steadier than that.
_POISSON = 0.5
_LEAST_SHARE_OF_LEVEL = 0.02
# Holidays are taken for Sundays until as many of them were seen.
_HOLIDAYS_LIKE_SUNDAYS = 2.0
_AROUND_WIDER = 1.4
_RATIO_MEMORY = 0.97


@dataclass(frozen=True)
class Expectation:
    """Tables of series x periods; NaN where nothing can be said yet. Points are on the scale of `rooted`.

    Attributes:
        center: what is expected, calendar included.
        ordinary: what would be expected without the calendar.
        spread: standard deviation around `center`.
    """

    center: Values
    ordinary: Values
    spread: Values

    def standardized(self, observed: Values) -> Values:
        """Distance from the expected in standard deviations."""
        found: Values = (observed - self.center) / self.spread
        return found


def rooted(values: Values) -> Values:
    """The signed square root, on which counts and amounts of any size are spread about alike."""
    found: Values = np.sign(values) * np.sqrt(np.abs(values))
    return found


def unrooted(values: Values) -> Values:
    """The inverse of `rooted`."""
    found: Values = np.sign(values) * values**2
    return found


def expect_days(observed: Values, kinds: NDArray[np.int64], weekdays: NDArray[np.int64], is_count: Mask) -> Expectation:
    """Expect each day from the days before it.

    Args:
        observed: series x days on the scale of `rooted`, NaN before a series begins and nowhere else.
        kinds: the `DayKind` of each day.
        weekdays: 0 for Monday, of each day.
        is_count: series whose spread is at least a Poisson distribution's.
    """
    series, days = observed.shape
    center, ordinary, spread = (np.full((series, days), np.nan) for _ in range(3))
    state = _DailyState(series, is_count)
    age = np.cumsum(~np.isnan(observed), axis=1)
    for day in range(days):
        begins = age[:, day] == FIRST_DAYS
        if begins.any():
            first = slice(max(day - FIRST_DAYS + 1, 0), day + 1)
            state.begin(begins, observed[begins, first], weekdays[first], kinds[first])
        if day + 1 == days:
            break
        following, weekday, kind = day + 1, weekdays[day + 1], DayKind(kinds[day + 1])
        ordinary[:, following], center[:, following] = state.expected(weekday, kind)
        spread[:, following] = state.spread(weekday, kind, center[:, following])
        state.learn(observed[:, following], center[:, following], spread[:, following], weekday, kind)
    return Expectation(center, ordinary, spread)


class _DailyState:
    """What is known about every series after a day."""

    def __init__(self, series: int, is_count: Mask) -> None:
        self.level = np.full(series, np.nan)
        self.season = np.zeros((series, _WEEK))
        self.deviation = np.full(series, np.nan)
        self.weekday_deviation = np.full((series, _WEEK), np.nan)
        self.free_day_effects = np.zeros((series, 2))
        self.free_days_seen = np.zeros((series, 2))
        self.floor = np.where(is_count, _POISSON, 0.0)

    def begin(self, rows: Mask, first: Values, weekdays: NDArray[np.int64], kinds: NDArray[np.int64]) -> None:
        plain = np.isin(kinds, (DayKind.ORDINARY, DayKind.AROUND))
        values = np.where(plain, first, np.nan)
        overall = np.nan_to_num(_quiet_nanmean(values))
        by_weekday = np.array([_quiet_nanmedian(values[:, weekdays == day]) for day in range(_WEEK)]).T
        by_weekday = np.where(np.isnan(by_weekday), overall[:, None], by_weekday)
        level = by_weekday.mean(axis=1)
        self.level[rows] = level
        self.season[rows] = by_weekday - level[:, None]
        residuals = np.abs(values - by_weekday[:, weekdays])
        # Medians of four values fit them closely, so what is left over is too small by about a fifth.
        deviation = np.nan_to_num(_quiet_nanmean(residuals)) * _TO_DEVIATION * 1.25
        self.deviation[rows] = np.maximum(deviation, _LEAST_SHARE_OF_LEVEL * np.abs(level))
        self.weekday_deviation[rows] = self.deviation[rows][:, None]

    def expected(self, weekday: int, kind: DayKind) -> tuple[Values, Values]:
        ordinary = self.level + self.season[:, weekday]
        if kind == DayKind.WORKING_WEEKEND:
            return ordinary, self.level + self.season[:, :5].mean(axis=1)
        place = _free_day_place(kind)
        if place is None:
            return ordinary, ordinary
        # A bridge day lies half way to a Sunday until some were seen.
        like_sunday = (self.season[:, 6] - self.season[:, weekday]) / (1 + place)
        seen = self.free_days_seen[:, place]
        effect = (_HOLIDAYS_LIKE_SUNDAYS * like_sunday + self.free_day_effects[:, place]) / (
            _HOLIDAYS_LIKE_SUNDAYS + seen
        )
        return ordinary, ordinary + effect

    def spread(self, weekday: int, kind: DayKind, center: Values) -> Values:
        mixed = np.sqrt((self.deviation**2 + self.weekday_deviation[:, weekday] ** 2) / 2)
        wider = 1.0 if kind == DayKind.ORDINARY else _AROUND_WIDER
        least = np.maximum(self.floor, _LEAST_SHARE_OF_LEVEL * np.abs(self.level))
        found: Values = np.maximum(mixed, np.maximum(least, 1e-9)) * wider
        return found

    def learn(self, observed: Values, center: Values, spread: Values, weekday: int, kind: DayKind) -> None:
        error = observed - center
        known = ~np.isnan(error)
        place = _free_day_place(kind)
        if place is not None:
            self.free_day_effects[known, place] += (observed - self.level - self.season[:, weekday])[known]
            self.free_days_seen[known, place] += 1
            return
        if kind != DayKind.ORDINARY:
            return
        error, spread = error[known], spread[known]
        cut = np.clip(error, -_CUT * spread, _CUT * spread)
        self.level[known] += _LEVEL_RATE * cut
        self.season[known, weekday] += _SEASON_RATE * cut
        size = np.minimum(np.abs(error), _SPREAD_CUT * spread) * _TO_DEVIATION
        self.deviation[known] += _SPREAD_RATE * (size - self.deviation[known])
        self.weekday_deviation[known, weekday] += _WEEKDAY_SPREAD_RATE * (size - self.weekday_deviation[known, weekday])


def _free_day_place(kind: DayKind) -> int | None:
    return {DayKind.HOLIDAY: 0, DayKind.BRIDGE: 1}.get(kind)


def expect_weeks(observed: Values, is_count: Mask) -> Expectation:
    """Expect each week from the weeks before it; the calendar's share has been divided out of the values before."""
    series, weeks = observed.shape
    center, spread = np.full((series, weeks), np.nan), np.full((series, weeks), np.nan)
    level, deviation = np.full(series, np.nan), np.full(series, np.nan)
    floor = np.where(is_count, _POISSON, 0.0)
    age = np.cumsum(~np.isnan(observed), axis=1)
    for week in range(weeks - 1):
        begins = age[:, week] == FIRST_WEEKS
        if begins.any():
            first = observed[begins, week - FIRST_WEEKS + 1 : week + 1]
            level[begins] = np.median(first, axis=1)
            deviation[begins] = np.abs(first - level[begins][:, None]).mean(axis=1) * _TO_DEVIATION * 1.15
        least = np.maximum(floor, _LEAST_SHARE_OF_LEVEL * np.abs(level))
        center[:, week + 1] = level
        spread[:, week + 1] = np.maximum(deviation, np.maximum(least, 1e-9))
        error = observed[:, week + 1] - level
        known = ~np.isnan(error)
        limit = spread[known, week + 1]
        level[known] += _WEEKLY_LEVEL_RATE * np.clip(error[known], -_CUT * limit, _CUT * limit)
        size = np.minimum(np.abs(error[known]), _SPREAD_CUT * limit) * _TO_DEVIATION
        deviation[known] += _WEEKLY_SPREAD_RATE * (size - deviation[known])
    return Expectation(center, center, spread)


def expect_ratios(
    numerators: Values, denominators: Values, memory: float = _RATIO_MEMORY, first: int = 28
) -> Expectation:
    """Expect each period's ratio from the sums before it; `center` and `spread` are on the scale of the ratio itself.

    The spread is the binomial one of the period's own denominator times what the past asks for beyond it, so a ratio of
    few is never surprising. Some ratios may exceed one, such as conversions over leads of the same period: the factor
    1 - p is kept at a fifth or more.
    """
    series, periods = numerators.shape
    center, spread = np.full((series, periods), np.nan), np.full((series, periods), np.nan)
    above, below = np.zeros(series), np.zeros(series)
    excess, seen = np.ones(series), np.zeros(series)
    for period in range(periods):
        top, bottom = np.nan_to_num(numerators[:, period]), np.nan_to_num(denominators[:, period])
        begun = ~np.isnan(numerators[:, period])
        # Half a success in ten tries is what is known of a ratio before anything was seen.
        rate = (above + 0.5) / (below + 10)
        # A ratio that is negative, which no ratio of counts is, has the least variance.
        variance = np.maximum(rate, 1e-6) * np.maximum(1 - rate, 0.2)
        deviation = np.sqrt(variance * excess / np.maximum(bottom, 1e-9))
        ready = begun & (seen >= first) & (bottom > 0)
        center[ready, period], spread[ready, period] = rate[ready], np.maximum(deviation[ready], 1e-9)
        error = np.divide(top, bottom, out=np.zeros(series), where=bottom > 0) - rate
        cut = np.where(seen >= first, np.clip(error, -_CUT * deviation, _CUT * deviation), error)
        above = np.where(begun, memory * above + np.where(bottom > 0, (rate + cut) * bottom, 0), above)
        below = np.where(begun, memory * below + bottom, below)
        surprise = np.minimum(error**2 / (variance / np.maximum(bottom, 1e-9)), 9 * excess)
        learns = begun & (bottom > 0) & (seen >= first / 2)
        excess = np.where(learns, np.maximum(excess + 0.03 * (surprise - excess), 1.0), excess)
        seen += begun
    return Expectation(center, center, spread)


def _quiet_nanmean(values: Values) -> Values:
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0).sum(axis=1), known.sum(axis=1)
    found: Values = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return found


def _quiet_nanmedian(values: Values) -> Values:
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    empty = np.asarray(np.isnan(values).all(axis=1), dtype=bool)
    filled = np.where(empty.reshape(-1, 1), 0.0, values)
    found: Values = np.where(empty, np.nan, np.nanmedian(filled, axis=1))
    return found
