"""Other ways to score the same daily series. None knows holidays; the first four see the whole series at once.

Each gets the observed values and returns a score per day, higher for odder. A detector that reads the future as well
has an advantage over one that has to speak the next morning, and keeps it here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from statsmodels.tsa.seasonal import STL

Values = NDArray[np.float64]
_WEEK = 7
_EIGHT_WEEKS = 8
_SEED = 1


def raw_forest(values: Values) -> Values:
    """An Isolation Forest on the values alone."""
    return _forest(values[:, None])


def window_forest(values: Values) -> Values:
    """An Isolation Forest on windows of seven days, each day scored by the mean of the windows that hold it."""
    windows = np.lib.stride_tricks.sliding_window_view(values, _WEEK)
    return _spread_over_days(_forest(windows), len(values))


def stl_residual(values: Values) -> Values:
    """The residual of robust STL in median absolute deviations."""
    residual: Values = STL(values, period=_WEEK, robust=True).fit().resid
    return _robust_distance(residual)


def window_outlier_factor(values: Values) -> Values:
    """Local outlier factor of windows of seven days."""
    windows = np.lib.stride_tricks.sliding_window_view(values, _WEEK)
    scores = -LocalOutlierFactor(n_neighbors=20).fit(windows).negative_outlier_factor_
    return _spread_over_days(scores, len(values))


def weekday_distance(values: Values) -> Values:
    """Distance from the mean of the last eight same weekdays in their standard deviations; no look ahead."""
    found = np.zeros(len(values))
    for weekday in range(_WEEK):
        column = pd.Series(values[weekday::_WEEK])
        before = column.rolling(_EIGHT_WEEKS, min_periods=4)
        least = 0.05 * np.abs(values).mean() + 1e-9
        found[weekday::_WEEK] = ((column - before.mean().shift(1)) / (before.std().shift(1) + least)).abs().fillna(0.0)
    return found


def rolling_distance(values: Values) -> Values:
    """Distance from the mean of the last 28 days in their standard deviations, weekdays ignored; no look ahead."""
    before = pd.Series(values).rolling(28, min_periods=14)
    found = (pd.Series(values) - before.mean().shift(1)) / (before.std().shift(1) + 1e-9)
    return np.asarray(found.abs().fillna(0.0), dtype=float)


def chance(values: Values) -> Values:
    """Random scores: what the measures give for nothing."""
    return np.random.default_rng([_SEED, len(values)]).random(len(values))


PEERS: dict[str, Callable[[Values], Values]] = {
    "Isolation Forest on raw values": raw_forest,
    "Isolation Forest on 7-day windows": window_forest,
    "STL residual": stl_residual,
    "local outlier factor on 7-day windows": window_outlier_factor,
    "same weekday, last 8": weekday_distance,
    "rolling 28 days": rolling_distance,
    "chance": chance,
}


def _forest(rows: Values) -> Values:
    forest = IsolationForest(n_estimators=100, random_state=_SEED).fit(rows)
    scores: Values = -forest.score_samples(rows)
    return scores


def _spread_over_days(window_scores: Values, days: int) -> Values:
    padded = np.concatenate([np.full(_WEEK - 1, np.nan), window_scores, np.full(_WEEK - 1, np.nan)])
    found: Values = np.nanmean(np.lib.stride_tricks.sliding_window_view(padded, _WEEK), axis=1)
    return found[:days]


def _robust_distance(values: Values) -> Values:
    middle = np.median(values)
    width = 1.4826 * np.median(np.abs(values - middle)) + 1e-9
    found: Values = np.abs(values - middle) / width
    return found
