"""The gradient that scipy takes of the likelihood of an ARIMA, without what scipy does around each difference.

The engine's likelihood takes microseconds, and scipy's checks around every one of its finite differences take ten times
as long: most of the time of an ARIMA. Here the same differences are taken by a plain loop, so the fits are the same to
the last digit. Nothing else belongs here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Values = NDArray[np.float64]

# The step of scipy's own forward differences.
_STEP = float(np.sqrt(np.finfo(float).eps))
_GRADIENT_METHODS = ("BFGS",)


@contextmanager
def plain_differences() -> Iterator[None]:
    """Let statsforecast's ARIMA take its gradients by `forward_differences` inside the block."""
    from statsforecast import arima as untyped

    engine: Any = untyped
    before = engine.minimize
    engine.minimize = _minimize
    try:
        yield
    finally:
        engine.minimize = before


def forward_differences(loss: Callable[..., float], at: Values, *args: Any) -> Values:
    """Return the gradient of `loss` at a point, by one step ahead in each direction."""
    here = loss(at, *args)
    found = np.empty(len(at))
    ahead = at.copy()
    for place, value in enumerate(at):
        ahead[place] = value + _STEP
        found[place] = (loss(ahead, *args) - here) / (ahead[place] - value)
        ahead[place] = value
    return found


def _minimize(fun: Callable[..., float], x0: Values, args: Any = (), method: str | None = None, **more: Any) -> Any:
    minimize: Any = optimize.minimize
    if method not in _GRADIENT_METHODS or "jac" in more:
        return minimize(fun, x0, args=args, method=method, **more)

    def gradient(at: Values, *given: Any) -> Values:
        return forward_differences(fun, at, *given)

    return minimize(fun, x0, args=args, method=method, jac=gradient, **more)
