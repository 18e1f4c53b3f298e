"""What the forest sees of a period: only that period and earlier ones, in units of the series' own spread.

Every feature is comparable between series, so one forest learns from all series of a tenant.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.tsa.seasonal import STL

Values = NDArray[np.float64]

DAILY_FEATURES = (
    "distance", "stl_distance", "same_weekday", "yesterday", "day_before", "last_week", "week_against_eight", "change",
)  # fmt: skip
WEEKLY_FEATURES = ("distance", "last_period", "against_eight", "two_weeks", "change")
_WEEK = 7
_STL_WEEKS = 16
_EIGHT = 8
_LIMIT = 12.0


def daily_features(observed: Values, distance: Values, spread: Values, skipped: NDArray[np.bool_]) -> Values:
    """Features in the order of `DAILY_FEATURES`: series x days x features, NaN where the distance is.

    Args:
        observed: series x days.
        distance: of the same shape, standardized.
        spread: of the same shape, what was divided by.
        skipped: days (holidays, bridges) that no later day is compared with.
    """
    calm = np.where(skipped, 0.0, np.nan_to_num(np.clip(distance, -_LIMIT, _LIMIT)))
    plain = np.where(skipped, np.nan, observed)
    week = _running_mean(calm, _WEEK)
    columns = [
        distance,
        _stl_distance(plain, observed, spread),
        _same_weekday(plain, observed, spread),
        _lagged(calm, 1),
        _lagged(calm, 2),
        week * np.sqrt(_WEEK),
        _against_eight(plain, spread),
        calm - _lagged(calm, 1),
    ]
    return _stacked(columns, distance)


def weekly_features(observed: Values, distance: Values, spread: Values) -> Values:
    """Features in the order of `WEEKLY_FEATURES`: series x weeks x features, NaN where the distance is."""
    calm = np.nan_to_num(np.clip(distance, -_LIMIT, _LIMIT))
    before = sliding_median(observed, _EIGHT)
    columns = [
        distance,
        _lagged(calm, 1),
        (observed - before) / spread,
        (calm + _lagged(calm, 1)) / np.sqrt(2),
        calm - _lagged(calm, 1),
    ]
    return _stacked(columns, distance)


def sliding_median(values: Values, length: int) -> Values:
    """The median of the `length` periods before each; NaN where there are none."""
    return np.asarray(pd.DataFrame(values.T).rolling(length, min_periods=2).median().shift(1), dtype=float).T


def _stacked(columns: list[Values], distance: Values) -> Values:
    found = np.stack([np.nan_to_num(np.clip(column, -_LIMIT, _LIMIT)) for column in columns], axis=-1)
    found[np.isnan(distance)] = np.nan
    return found


def _lagged(values: Values, steps: int) -> Values:
    found = np.zeros_like(values)
    found[:, steps:] = values[:, : max(values.shape[1] - steps, 0)]
    return found


def _running_mean(values: Values, length: int) -> Values:
    return np.asarray(pd.DataFrame(values.T).rolling(length, min_periods=1).mean(), dtype=float).T


def _same_weekday(plain: Values, observed: Values, spread: Values) -> Values:
    """Against the median of the last eight days of the same weekday, by their own spread and the series' alike."""
    found = np.full(observed.shape, np.nan)
    for weekday in range(min(_WEEK, observed.shape[1])):
        column = pd.DataFrame(plain[:, weekday::_WEEK].T)
        before = column.rolling(_EIGHT, min_periods=4)
        middle, own = before.median().shift(1).to_numpy().T, before.std().shift(1).to_numpy().T
        width = np.sqrt((np.nan_to_num(own) ** 2 + spread[:, weekday::_WEEK] ** 2) / 2)
        found[:, weekday::_WEEK] = (observed[:, weekday::_WEEK] - middle) / width
    return found


def _against_eight(plain: Values, spread: Values) -> Values:
    """The mean of the last seven days against the median of the eight weeks before, in spreads of such a mean."""
    week = pd.DataFrame(plain.T).rolling(_WEEK, min_periods=4).mean()
    before = pd.concat([week.shift(_WEEK * back) for back in range(1, _EIGHT + 1)], keys=range(_EIGHT))
    middle = before.groupby(level=1).median()
    found: Values = ((week - middle).to_numpy().T) / spread * np.sqrt(_WEEK)
    return found


def _stl_distance(plain: Values, observed: Values, spread: Values) -> Values:
    """Against trend and season of the whole weeks before, as STL sees them, carried on for one week."""
    found = np.full(observed.shape, np.nan)
    length = _STL_WEEKS * _WEEK
    for row, values in enumerate(plain):
        begun = np.flatnonzero(~np.isnan(observed[row]))
        if not len(begun):
            continue
        filled = pd.Series(values[begun[0] :]).ffill().bfill().fillna(0.0).to_numpy()
        for start in range(4 * _WEEK, len(filled), _WEEK):
            history = filled[max(start - length, 0) : start]
            parts = STL(history, period=_WEEK).fit()
            ahead = np.resize(parts.seasonal[-_WEEK:], min(_WEEK, len(filled) - start)) + np.median(parts.trend[-14:])
            place = begun[0] + start
            found[row, place : place + len(ahead)] = observed[row, place : place + len(ahead)] - ahead
    distance: Values = found / spread
    return distance
