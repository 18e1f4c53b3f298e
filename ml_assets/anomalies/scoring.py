"""Both grains of a tenant's panel, from values to scored points: expected value, band, score, anomaly or not and why.

Points become events elsewhere; nothing is worded here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from ml_assets.anomalies.config import COUNT, DAY, RATIO, WEEK, AnomalyConfig, GrainConfig
from ml_assets.anomalies.expectation import (
    Expectation,
    expect_days,
    expect_ratios,
    expect_weeks,
    rooted,
    unrooted,
)
from ml_assets.anomalies.features import daily_features, weekly_features
from ml_assets.anomalies.forest import score_periods
from ml_assets.anomalies.series import Mask, Panel, Values, by_week, weekdays_of, whole_weeks
from ml_assets.calendars import DayKind

SCORED, HOLIDAY, TOO_SHORT, TOO_SPARSE, NO_DENOMINATOR = (
    "scored",
    "holiday",
    "too_short",
    "too_sparse",
    "no_denominator",
)
_WEEK = 7
_SPARSE_WEEKS = 26
# A week that keeps less than this of its usual calendar is a holiday week, in which little can be told.
_LEAST_CALENDAR = 0.5
_WEEKLY_RATIO_MEMORY = 0.88


@dataclass(frozen=True)
class Grain:
    """Scored points of all series at one grain: tables of series x periods, NaN where nothing is said.

    Attributes:
        name: `day` or `week`.
        periods: first day of each period.
        value, denominator, expected, lower, upper: in units of the metric; of a ratio, the ratio.
        distance: from the expected value, signed, in standard deviations.
        score, threshold: see `Scores`.
        status: `scored`, or why not: `holiday`, `too_short`, `too_sparse`, `no_denominator`.
        is_anomaly: beyond the threshold and outside the band.
    """

    name: str
    periods: pd.DatetimeIndex
    value: Values
    denominator: Values
    expected: Values
    lower: Values
    upper: Values
    distance: Values
    score: Values
    threshold: Values
    status: NDArray[Any]
    is_anomaly: Mask


@dataclass(frozen=True)
class Scored:
    """A panel with its daily and its weekly points."""

    panel: Panel
    day: Grain
    week: Grain

    def grain(self, name: str) -> Grain:
        """By its name."""
        return self.day if name == DAY else self.week

    def shown(self, name: str, config: AnomalyConfig) -> NDArray[np.int64]:
        """Positions of the periods of a grain's window."""
        periods = len(self.grain(name).periods)
        return np.arange(max(periods - config.grain(name).window, 0), periods)


def score_panel(panel: Panel, config: AnomalyConfig) -> Scored:
    """Score days, then whole weeks, whose share of holidays the daily expectation tells."""
    rooted_days, daily = _expect_days(panel)
    return Scored(panel, _day_grain(panel, rooted_days, daily, config), _week_grain(panel, daily, config))


def _expect_days(panel: Panel) -> tuple[Values, Expectation]:
    """Values and expectation on the scale that days are compared on: rooted, of a ratio as it is."""
    ratios = panel.of_kind(RATIO)
    observed = rooted(panel.values)
    observed[ratios] = _ratio(panel.values[ratios], panel.denominators[ratios])
    weekdays = weekdays_of(panel.days)
    plain = expect_days(observed[~ratios], panel.day_kinds, weekdays, panel.of_kind(COUNT)[~ratios])
    by_rate = expect_ratios(panel.values[ratios], panel.denominators[ratios])
    return observed, _merged(plain, by_rate, ratios)


def _merged(plain: Expectation, by_rate: Expectation, ratios: Mask) -> Expectation:
    def joined(one: Values, other: Values) -> Values:
        found = np.full((len(ratios), one.shape[1]), np.nan)
        found[~ratios], found[ratios] = one, other
        return found

    return Expectation(
        joined(plain.center, by_rate.center),
        joined(plain.ordinary, by_rate.ordinary),
        joined(plain.spread, by_rate.spread),
    )


def _ratio(values: Values, denominators: Values) -> Values:
    return np.divide(values, denominators, out=np.full_like(values, np.nan), where=denominators > 0)


def _day_grain(panel: Panel, observed: Values, expectation: Expectation, config: AnomalyConfig) -> Grain:
    free = np.isin(panel.day_kinds, (DayKind.HOLIDAY, DayKind.BRIDGE))
    working = (weekdays_of(panel.days) < 5) & ~free
    status = _status(panel.values, panel.values != 0, working, config.day, _SPARSE_WEEKS * _WEEK)
    ratios = panel.of_kind(RATIO)
    status[:, free] = np.where(status[:, free] == SCORED, HOLIDAY, status[:, free])
    without = ratios[:, None] & ~(panel.denominators > 0) & (status == SCORED)
    status[without] = NO_DENOMINATOR
    distance = np.where(status == SCORED, expectation.standardized(observed), np.nan)
    features = daily_features(observed, distance, expectation.spread, free)
    return _grain(DAY, panel, panel.days, panel.denominators, observed, expectation, status, features, config)


def _week_grain(panel: Panel, daily: Expectation, config: AnomalyConfig) -> Grain:
    starts = whole_weeks(panel.days)
    values, denominators = by_week(panel.values, starts), by_week(panel.denominators, starts)
    ratios = panel.of_kind(RATIO)
    calendar = _calendar_share(daily, ratios, starts)
    judged = by_week(_without_holidays(panel, daily), starts)
    observed = rooted(judged / calendar)
    observed[ratios] = _ratio(values[ratios], denominators[ratios])
    holiday = calendar < _LEAST_CALENDAR
    plain = expect_weeks(np.where(holiday, np.nan, observed)[~ratios], panel.of_kind(COUNT)[~ratios])
    by_rate = expect_ratios(values[ratios], denominators[ratios], memory=_WEEKLY_RATIO_MEMORY, first=8)
    expectation = _merged(plain, by_rate, ratios)
    # The fewer days are left of a week, the wider its mean is spread.
    expectation = replace(expectation, spread=expectation.spread / np.sqrt(np.clip(calendar, _LEAST_CALENDAR, 1.0)))
    periods = panel.days[starts]
    status = _status(values, values != 0, np.ones(len(starts), dtype=bool), config.week, _SPARSE_WEEKS)
    status[holiday & (status == SCORED)] = HOLIDAY
    status[ratios[:, None] & ~(denominators > 0) & (status == SCORED)] = NO_DENOMINATOR
    distance = np.where(status == SCORED, expectation.standardized(observed), np.nan)
    features = weekly_features(observed, distance, expectation.spread)
    grain = _grain(WEEK, panel, periods, denominators, observed, expectation, status, features, config)
    # Back from a week without holidays to the week as it was, and to what its holidays brought.
    share = np.where(ratios[:, None], 1.0, calendar)
    holidays = np.where(ratios[:, None], 0.0, values - judged)
    shown = {name: getattr(grain, name) * share + holidays for name in ("value", "expected", "lower", "upper")}
    return Grain(**{**grain.__dict__, **shown})


def _without_holidays(panel: Panel, daily: Expectation) -> Values:
    """Values in which each holiday and bridge day has what was expected, so that it says nothing about its week."""
    free = np.isin(panel.day_kinds, (DayKind.HOLIDAY, DayKind.BRIDGE))
    typical = _typical(daily.center, daily.spread)
    found: Values = np.where(free & ~np.isnan(typical), typical, panel.values)
    return found


def _calendar_share(daily: Expectation, ratios: Mask, starts: NDArray[np.int64]) -> Values:
    """What holidays leave of each week, by what is expected of its days with and without them."""
    with_calendar, without = (
        by_week(np.maximum(_typical(center, daily.spread), 0.0), starts) for center in (daily.center, daily.ordinary)
    )
    share = np.divide(with_calendar, without, out=np.ones_like(without), where=without > 0)
    share[ratios | np.isnan(share).all(axis=1)] = 1.0
    found: Values = np.clip(np.nan_to_num(share, nan=1.0), 0.05, 2.0)
    return found


def _typical(center: Values, spread: Values) -> Values:
    """The mean of a value whose root lies around `center`: the square of a mean plus the variance."""
    found: Values = unrooted(center) + spread**2
    return found


def _status(values: Values, filled: Mask, counted: Mask, asked: GrainConfig, window: int) -> NDArray[Any]:
    """Whether each period is scored, as far as its series' past decides."""
    begun = ~np.isnan(values)
    age = np.cumsum(begun, axis=1)
    status = np.where(begun & (age > asked.shortest_history), SCORED, TOO_SHORT).astype(object)
    # Over half a year, so that an outage does not make its own series sparse.
    share = _running_share(filled & counted, counted & begun, window)
    status[(share < asked.sparsest_share) & (status == SCORED)] = TOO_SPARSE
    return status


def _running_share(filled: Mask, counted: Mask, window: int) -> Values:
    def before(mask: Mask) -> Values:
        summed = pd.DataFrame(mask.astype(float).T).rolling(window, min_periods=1).sum()
        return np.asarray(summed.shift(1), dtype=float).T

    top, bottom = np.nan_to_num(before(filled)), np.nan_to_num(before(counted))
    share: Values = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return share


def _grain(
    name: str,
    panel: Panel,
    periods: pd.DatetimeIndex,
    denominators: Values,
    observed: Values,
    expectation: Expectation,
    status: NDArray[Any],
    features: Values,
    config: AnomalyConfig,
) -> Grain:
    ratios = panel.of_kind(RATIO)
    first_scored = panel.days[-1] - pd.Timedelta(days=config.memory_days - 1)
    asked = config.grain(name)
    found = score_periods(features, periods, _groups(panel), first_scored, asked, config)
    wide = float(ndtri((1 + asked.band_confidence) / 2)) * expectation.spread
    lower, upper = expectation.center - wide, expectation.center + wide
    expected = _typical(expectation.center, expectation.spread)
    lowest = np.where(np.nan_to_num(panel.values).min(axis=1, initial=0.0) < 0, -np.inf, 0.0)[:, None]
    lower, upper = np.maximum(unrooted(lower), lowest), unrooted(upper)
    expected[ratios], upper[ratios] = expectation.center[ratios], (expectation.center + wide)[ratios]
    lower[ratios] = np.maximum((expectation.center - wide)[ratios], 0.0)
    value = unrooted(observed)
    value[ratios] = observed[ratios]
    status = np.where((status == SCORED) & np.isnan(found.score), TOO_SHORT, status)
    grain = Grain(
        name=name,
        periods=periods,
        value=value,
        denominator=denominators,
        expected=np.clip(expected, lower, upper),
        lower=lower,
        upper=upper,
        distance=np.where(status == SCORED, expectation.standardized(observed), np.nan),
        score=found.score,
        threshold=found.threshold,
        status=status,
        is_anomaly=np.zeros(value.shape, dtype=bool),
    )
    return Grain(**{**grain.__dict__, "is_anomaly": _anomalies(grain, panel, config)})


def _anomalies(grain: Grain, panel: Panel, config: AnomalyConfig) -> Mask:
    beyond = (grain.score >= grain.threshold) & ((grain.value < grain.lower) | (grain.value > grain.upper))
    difference = np.abs(grain.value - grain.expected)
    ratios = panel.of_kind(RATIO)
    # Of a ratio, what differs is counted in its numerator.
    difference[ratios] *= grain.denominator[ratios]
    counted = (ratios | panel.of_kind(COUNT))[:, None]
    found: Mask = beyond & (~counted | (difference >= config.smallest_count))
    return found


def _groups(panel: Panel) -> NDArray[np.int64]:
    names = [(key.metric, key.dimension) for key in panel.keys]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names], dtype=np.int64)
