"""The spread of complex exponential smoothing, computed where its engine draws it.

The engine adds normal errors to the states five thousand times and takes quantiles of the paths that follow, which
costs ten times as much as the fit. A path is a linear function of the states, so its spread is known: the root of the
sum of squares of what one unit of error in each state does to it. Nothing else belongs here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@contextmanager
def computed_spread() -> Iterator[None]:
    """Let statsforecast's CES take its bands from `spread` inside the block."""
    from statsforecast import ces as untyped

    engine: Any = untyped
    before = engine._simulate_pred_intervals
    engine._simulate_pred_intervals = _bands
    try:
        yield
    finally:
        engine._simulate_pred_intervals = before


def spread(model: Mapping[str, Any], horizon: int) -> Values:
    """Return the standard deviation of a fitted model's paths, one per month ahead, in the unit of the series."""
    states: Values = model["states"]
    # One season of states stands before the history, and one of room after it; a path goes on from the last known ones.
    season = (len(states) - model["n"]) // 2
    places = [(row, column) for row in range(model["n"], model["n"] + season) for column in range(states.shape[1])]
    still = np.zeros_like(states)
    squares = np.zeros(horizon)
    for place in places:
        still[place] = 1.0
        squares += _path(model, still, horizon) ** 2
        still[place] = 0.0
    deviation: Values = np.sqrt(model["sigma2"] * squares)
    return deviation


def _bands(model: Mapping[str, Any], h: int, level: Sequence[float]) -> dict[str, Values]:
    middle, deviation = _path(model, model["states"], h), spread(model, h)
    widths = {each: NormalDist().inv_cdf(0.5 + each / 200) * deviation for each in level}
    return {
        **{f"lo-{each}": middle - width for each, width in widths.items()},
        **{f"hi-{each}": middle + width for each, width in widths.items()},
    }


def _path(model: Mapping[str, Any], states: Values, horizon: int) -> Values:
    from statsforecast import ces as untyped

    engine: Any = untyped
    path = np.zeros(horizon)
    season = engine.switch_ces(model["seasontype"])
    engine.cesforecast(states=states, n=model["n"], m=model["m"], season=season, f=path, h=horizon, **model["par"])
    return path
