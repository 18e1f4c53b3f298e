"""The plain gradient is scipy's own: the same points, the same differences, the same fit."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from statsforecast import arima as untyped

from ml_assets.forecasting.candidates import History, Values, arima
from ml_assets.forecasting.differences import forward_differences, plain_differences

engine: Any = untyped


def loss(at: Values, weight: float = 1.0) -> float:
    return float(weight * np.sin(at[0]) * at[1] ** 2 + np.exp(at[2] / 10))


def test_differences_are_those_of_scipy_to_the_last_digit() -> None:
    at = np.array([0.3, -4.0, 12.0])
    kept = at.copy()
    assert (
        forward_differences(loss, at, 3.0).tolist()
        == approx_fprime(at, loss, np.sqrt(np.finfo(float).eps), 3.0).tolist()
    )
    assert at.tolist() == kept.tolist()


def test_the_engine_has_its_own_optimiser_back_after_the_block() -> None:
    before = engine.minimize
    with plain_differences():
        assert engine.minimize is not before
    assert engine.minimize is before


@pytest.mark.filterwarnings("ignore:possible convergence problem")
def test_an_arima_is_the_same_with_either_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    values = 100 + 10 * np.sin(np.arange(30) * 2 * np.pi / 12) + np.random.default_rng(0).normal(0, 3, 30)
    ours = arima(History(values), 6)
    monkeypatch.setattr("ml_assets.forecasting.candidates.plain_differences", nullcontext)
    theirs = arima(History(values), 6)
    assert ours.mean.tolist() == theirs.mean.tolist() and ours.sd.tolist() == theirs.sd.tolist()
