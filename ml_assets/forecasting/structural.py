"""A structural time series as a Gaussian process: level, trend, shrunk monthly pattern and noise in one likelihood.

It is the candidate for short histories: with two years, month effects estimated one by one are mostly noise, and here
the likelihood decides how far each is drawn to zero, and how far to its neighbours. Series without negative values are
modelled in square roots: between a pattern that grows with the level, which logarithms assume, and one that does not.
Priors of the few parameters keep it steady. Nothing but this model belongs here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

Values = NDArray[np.float64]

# scipy is not typed as a whole: some of its functions are, these are not.
cho_factor: Any = linalg.cho_factor
cho_solve: Any = linalg.cho_solve
minimize: Any = optimize.minimize

_SEASON = 12
_LONGEST = 180
# Logarithms of: variance of single months' effects, of the wandering level, its memory in months, slope, noise,
# variance of a smooth pattern.
_PRIOR_MEAN = np.array([-0.7, -0.7, 4.0, -1.0, -1.5, -1.0])
_PRIOR_SD = np.array([1.0, 1.0, 1.0, 1.5, 1.0, 1.0])
# A pattern of last year tells this much of this year's; the rest is new.
_PATTERN_MEMORY_YEARS = 60.0
# How alike neighbouring months are in the smooth pattern (the length scale of MacKay's periodic covariance).
_SMOOTHNESS = 0.7


def structural_forecast(values: Values, horizon: int) -> tuple[Values, Values]:
    """Return means and standard deviations of the next months.

    Args:
        values: the history, oldest month first; the newest 180 months are used.
        horizon: how many months ahead.
    """
    recent = np.asarray(values[-_LONGEST:], dtype=float)
    rooted = bool(recent.min() >= 0)
    scale = np.sqrt(recent) if rooted else recent
    centre, spread = float(scale.mean()), float(scale.std())
    if spread < 1e-9 * max(1.0, abs(centre)):
        return np.full(horizon, recent[-1]), np.full(horizon, 0.0)
    mean, variance = _posterior((scale - centre) / spread, horizon)
    mean, sd = mean * spread + centre, np.sqrt(variance) * spread
    if not rooted:
        return mean, sd
    # The square of the mean is the median of the squares, and absolute errors are what counts.
    low, middle, high = (np.maximum(mean + step * sd, 0.0) ** 2 for step in (-1, 0, 1))
    return middle, (high - low) / 2


def _posterior(scaled: Values, horizon: int) -> tuple[Values, Values]:
    known = len(scaled)
    pieces = _pieces(known + horizon)
    seen = [piece[:known, :known] for piece in pieces[:-1]] + [pieces[-1][:known, :known]]

    def loss(parameters: Values) -> float:
        covariance = _covariance(parameters, seen)
        try:
            factor = cho_factor(covariance, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10
        fit = float(scaled @ cho_solve(factor, scaled, check_finite=False))
        size = 2 * float(np.log(np.diag(factor[0])).sum())
        return 0.5 * (fit + size + float((((parameters - _PRIOR_MEAN) / _PRIOR_SD) ** 2).sum()))

    found = minimize(
        loss, _PRIOR_MEAN, method="L-BFGS-B", bounds=[(-8.0, 6.0)] * len(_PRIOR_MEAN), options={"maxiter": 30}
    )
    whole = _covariance(found.x, pieces)
    factor = cho_factor(whole[:known, :known], lower=True)
    ahead = whole[known:, :known]
    mean = ahead @ cho_solve(factor, scaled)
    variance = np.diag(whole[known:, known:] - ahead @ cho_solve(factor, ahead.T))
    return mean, np.maximum(variance, 1e-12)


def _pieces(length: int) -> list[Values]:
    """Covariances without parameters: pattern, slope, noise, smooth pattern; last, the distances in months."""
    time = np.arange(length, dtype=float)
    distance = np.abs(time[:, None] - time[None, :])
    memory = np.exp(-distance / _SEASON / _PATTERN_MEMORY_YEARS)
    pattern = np.where(distance % _SEASON == 0, memory, 0.0)
    smooth = memory * np.exp(-2 * (np.sin(np.pi * distance / _SEASON) / _SMOOTHNESS) ** 2)
    years = (time - time.mean()) / (length / 4)
    return [pattern, np.outer(years, years) + 1.0, np.eye(length), smooth, distance]


def _covariance(parameters: Values, pieces: list[Values]) -> Values:
    pattern, slope, noise, smooth, distance = pieces
    of_pattern, of_level, memory, of_slope, of_noise, of_smooth = np.exp(parameters)
    covariance: Values = of_pattern * pattern + of_level * np.exp(-distance / memory) + of_slope * slope
    covariance += of_smooth * smooth + (of_noise + 1e-6) * noise
    return covariance
