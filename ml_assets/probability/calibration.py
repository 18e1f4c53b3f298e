"""Calibration: correct a classifier's chances on a set it has not learnt from, and tell when they no longer hold.

The correction is a line on the log-odds (Platt), drawn to the identity, so that a small set cannot bend it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ml_assets.probability.quality import expected_calibration_error
from ml_assets.probability.snapshots import Values

# From one window to the next the level moves by about this much on the log-odds, and the slope by a little more.
_INTERCEPT_SD, _SLOPE_SD = 0.07, 0.1
# All entities of a snapshot share one season, so that together they tell no more than so many independent ones would.
_MOST_COUNTED = 500.0
_DRAWS = 400
_SURE = 0.99


@dataclass(frozen=True)
class Calibration:
    """Log-odds after = `intercept` + `slope` x log-odds before."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, log_odds: Values) -> Values:
        """Correct log-odds."""
        return self.intercept + self.slope * log_odds


@dataclass(frozen=True)
class CalibrationCheck:
    """Whether chances still mean what they say.

    Attributes:
        passed: false when the error is larger than both what is tolerated and what chance explains.
        n: entities with a known outcome.
        expected, observed: mean chance, and the share for which the event came; empty without entities.
        ece: expected calibration error.
        ece_by_chance: what 99 of 100 perfectly calibrated sets of this size and these chances stay below.
        tolerated: the error that is accepted in any case.
    """

    passed: bool
    n: int
    expected: float | None
    observed: float | None
    ece: float | None
    ece_by_chance: float | None
    tolerated: float


def log_odds(probabilities: Values) -> Values:
    """Finite also for 0 and 1."""
    kept = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(kept / (1 - kept)), dtype=float)


def chance(odds: Values) -> Values:
    """The inverse of `log_odds`."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))), dtype=float)


def fit_calibration(odds: Values, labels: Values) -> Calibration:
    """The most likely line given the prior, from log-odds of entities that the classifier has not learnt from."""
    weight = min(1.0, _MOST_COUNTED / max(len(labels), 1))

    def loss(line: Values) -> tuple[float, Values]:
        corrected = line[0] + line[1] * odds
        fitted = np.logaddexp(0, corrected) - labels * corrected
        off = chance(corrected) - labels
        prior = (line[0] / _INTERCEPT_SD) ** 2 / 2 + ((line[1] - 1) / _SLOPE_SD) ** 2 / 2
        slope = np.array([line[0] / _INTERCEPT_SD**2, (line[1] - 1) / _SLOPE_SD**2])
        return float(weight * fitted.sum() + prior), weight * np.array([off.sum(), (off * odds).sum()]) + slope

    if not len(labels):
        return Calibration()
    found = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(-3, 3), (0.3, 3)])
    return Calibration(slope=float(found.x[1]), intercept=float(found.x[0]))


def check_calibration(
    probabilities: Values, labels: Values, tolerated: float = 0.05, seed: int = 1
) -> CalibrationCheck:
    """Fail when the calibration error is neither small nor chance.

    A perfectly calibrated set of this size is drawn many times from the chances themselves; the check fails only when
    the error exceeds `tolerated` and what 99 of 100 such draws show. So it does not cry wolf over forty customers.
    """
    if not len(labels):
        return CalibrationCheck(True, 0, None, None, None, None, tolerated)
    error = expected_calibration_error(probabilities, labels)
    source = np.random.default_rng(seed)
    draws = [
        expected_calibration_error(probabilities, (source.random(len(labels)) < probabilities).astype(float))
        for _ in range(_DRAWS)
    ]
    by_chance = float(np.quantile(draws, _SURE))
    return CalibrationCheck(
        passed=error <= max(tolerated, by_chance),
        n=len(labels),
        expected=float(probabilities.mean()),
        observed=float(labels.mean()),
        ece=error,
        ece_by_chance=by_chance,
        tolerated=tolerated,
    )
