"""The score of a period: an Isolation Forest on its features, together with its distance from what is expected.

A forest is fitted at the start of each month on what lies before, for all series of a tenant at once. So the score of a
day never changes in later nights, and no day is judged by a forest that has seen it.

Isolation Forest: Liu, Ting, Zhou: Isolation Forest. ICDM 2008.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from ml_assets.anomalies.config import AnomalyConfig, GrainConfig

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
LEAST_ROWS = 20
_SAMPLE = 256
_BATCH = 100_000
_DAYS_OF_A_MONTH = 30.44


@dataclass(frozen=True)
class Scores:
    """Tables of series x periods; NaN where nothing was scored.

    Attributes:
        score: in standard deviations, roughly: the higher, the odder.
        threshold: what a score needs to be an anomaly; by month, metric and dimension.
    """

    score: Values
    threshold: Values


def score_periods(
    features: Values,
    periods: pd.DatetimeIndex,
    groups: NDArray[np.int64],
    first_scored: pd.Timestamp,
    asked: GrainConfig,
    config: AnomalyConfig,
) -> Scores:
    """Score the periods from `first_scored` on.

    Args:
        features: series x periods x features, the first one the distance; NaN where a period takes no part.
        periods: their first days.
        groups: of each series, the number of its metric and dimension, which share a budget of alarms.
        first_scored: earlier periods only teach.
        asked: budget, limits of the threshold, share of the forest.
        config: trees, rows, seed.
    """
    score, threshold = (np.full(features.shape[:2], np.nan) for _ in range(2))
    for month in _months(periods, first_scored):
        rows = features[:, : month.start]
        taught = ~np.isnan(rows[..., 0])
        if taught.sum() < LEAST_ROWS:
            continue
        scorer, found = _Scorer.fitted(rows[taught], asked.forest_share, config)
        past = np.full(taught.shape, np.nan)
        past[taught] = found
        days = int(taught.any(axis=0).sum()) * (periods[1] - periods[0]).days
        months = days / _DAYS_OF_A_MONTH
        threshold[:, month.start : month.stop] = _thresholds(past, groups, asked.budget * months, asked)[:, None]
        now = features[:, month.start : month.stop]
        present = ~np.isnan(now[..., 0])
        found = np.full(present.shape, np.nan)
        if present.any():
            found[present] = scorer.score(now[present])
        score[:, month.start : month.stop] = found
    return Scores(score, threshold)


@dataclass(frozen=True)
class _Month:
    """Positions of the periods that begin in one month."""

    start: int
    stop: int


def _months(periods: pd.DatetimeIndex, first_scored: pd.Timestamp) -> Iterator[_Month]:
    numbers = np.array([period.year * 12 + period.month for period in periods], dtype=int)
    for number in np.unique(numbers[periods >= first_scored]):
        places = np.flatnonzero(numbers == number)
        if places[0] > 0:
            yield _Month(int(places[0]), int(places[-1]) + 1)


@dataclass(frozen=True)
class _Scorer:
    """A fitted forest, and what its raw scores usually are."""

    forest: IsolationForest
    middle: float
    width: float
    share: float

    @classmethod
    def fitted(cls, rows: Values, share: float, config: AnomalyConfig) -> tuple[_Scorer, Values]:
        """Return the scorer with its scores of the rows themselves."""
        drawn = np.sort(np.random.default_rng(config.seed).permutation(len(rows))[: config.most_training_rows])
        forest = IsolationForest(
            n_estimators=config.trees, max_samples=min(_SAMPLE, len(drawn)), random_state=config.seed
        ).fit(rows[drawn])
        raw_of_all = _raw_scores(forest, rows)
        raw = raw_of_all[drawn]
        middle = float(np.median(raw))
        # Raw scores of ordinary days lean to the right, so their width is taken from the left half.
        width = float(1.4826 * np.median(np.abs(raw[raw <= middle] - middle))) + 1e-3
        scorer = cls(forest, middle, width, share)
        return scorer, scorer._scores(rows, raw_of_all)

    def score(self, rows: Values) -> Values:
        return self._scores(rows, _raw_scores(self.forest, rows))

    def _scores(self, rows: Values, raw: Values) -> Values:
        odd = np.maximum(raw - self.middle, 0) / self.width / 2
        found: Values = self.share * odd + (1 - self.share) * np.abs(rows[:, 0])
        return found


def _raw_scores(forest: IsolationForest, rows: Values) -> Values:
    found = [-forest.score_samples(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
    return np.concatenate(found)


def _thresholds(past: Values, groups: NDArray[np.int64], allowed: float, asked: GrainConfig) -> Values:
    """What the budget leaves: the score that so many points of the group's past were above."""
    found = np.full(len(past), asked.greatest_threshold)
    for group in np.unique(groups):
        scores = np.sort(past[groups == group][~np.isnan(past[groups == group])])[::-1]
        place = int(allowed)
        if len(scores) > place:
            found[groups == group] = scores[place]
    clipped: Values = np.clip(found, asked.least_threshold, asked.greatest_threshold)
    return clipped
