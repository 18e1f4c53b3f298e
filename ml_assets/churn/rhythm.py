"""The rhythm of purchases: a BG/NBD model per snapshot, which is the cold-start baseline and a feature.

Customers buy at a rate of their own until they leave, and may leave after any purchase (Fader, Hardie and Lee 2005,
"Counting your customers" the easy way). What is asked here is not whether a customer is alive, which says little,
but whether nothing comes within a window: P = 1 - P(alive) x (1 - ((alpha + T) / (alpha + T + window)) ^ (r + x)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from ml_assets.probability.snapshots import Values

# Where little is known: rates that differ much, one usual pause as the unit, a third leave after a purchase.
_USUAL = np.log(np.array([0.5, 1.0, 0.8, 2.0]))
_SPREAD = 1.0
# More customers than this add seconds and no digits.
_MOST_CUSTOMERS = 4000


@dataclass(frozen=True)
class Rhythm:
    """Fitted parameters; times in units of `unit_days`."""

    rate_shape: float
    rate_scale: float
    leave_a: float
    leave_b: float
    unit_days: float

    def silent(self, repeats: Values, recency_days: Values, age_days: Values, window_days: Values) -> Values:
        """Chance that a customer buys nothing within the window.

        Args:
            repeats: purchases after the first.
            recency_days: from the first purchase to the last.
            age_days: from the first purchase to now.
            window_days: from now on.
        """
        recency, age, window = (part / self.unit_days for part in (recency_days, age_days, window_days))
        since_first = self.rate_scale + age
        left = np.where(
            repeats > 0,
            self.leave_a
            / (self.leave_b + np.maximum(repeats, 1) - 1)
            * np.exp((self.rate_shape + repeats) * np.log(since_first / (self.rate_scale + recency))),
            0.0,
        )
        quiet = (since_first / (since_first + window)) ** (self.rate_shape + repeats)
        return np.asarray(1 - (1 - quiet) / (1 + left), dtype=float)


def fit_rhythm(repeats: Values, recency_days: Values, age_days: Values, usual_gap_days: float) -> Rhythm:
    """The most likely parameters given a weak prior, so that a handful of customers gives the usual ones."""
    unit = max(usual_gap_days, 1.0)
    step = max(1, len(repeats) // _MOST_CUSTOMERS)
    rows, weights = np.unique(np.column_stack([repeats, recency_days, age_days])[::step], axis=0, return_counts=True)
    count, recency, age = rows[:, 0], rows[:, 1] / unit, rows[:, 2] / unit
    found = minimize(
        _loss, _USUAL, args=(count, recency, age, weights.astype(float)), method="L-BFGS-B", bounds=[(-5.0, 5.0)] * 4
    )
    shape, scale, leave_a, leave_b = (float(value) for value in np.exp(found.x))
    return Rhythm(shape, scale, leave_a, leave_b, unit)


def _loss(logs: Values, repeats: Values, recency: Values, age: Values, weights: Values) -> float:
    shape, scale, leave_a, leave_b = np.exp(logs)
    rate = gammaln(shape + repeats) - gammaln(shape) + shape * np.log(scale)
    stayed = -(shape + repeats) * np.log(scale + age)
    left = np.where(
        repeats > 0,
        np.log(leave_a) - np.log(leave_b + np.maximum(repeats, 1) - 1) - (shape + repeats) * np.log(scale + recency),
        -np.inf,
    )
    leaving = betaln(leave_a, leave_b + repeats) - betaln(leave_a, leave_b)
    likelihood = rate + leaving + np.logaddexp(stayed, left)
    return float(-np.sum(weights * likelihood) + np.sum(((logs - _USUAL) / _SPREAD) ** 2) / 2)
