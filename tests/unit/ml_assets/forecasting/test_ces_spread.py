"""The computed spread of complex exponential smoothing is what its engine draws, without the noise of drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from statsforecast import ces as untyped

from ml_assets.forecasting.candidates import History, ces
from ml_assets.forecasting.ces_spread import computed_spread, spread

engine: Any = untyped
ONE_SIGMA = 68.26894921370859
MONTHS = 12


def noisy(months: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    time = np.arange(months)
    noise = np.random.default_rng(3).normal(0, 8, months)
    return np.asarray(100 + time / 2 + 20 * np.sin(time * np.pi / 6) + noise, dtype=np.float64)


@pytest.mark.parametrize("months", [26, 80])
@pytest.mark.parametrize("seasonality", ["N", "S", "P", "F"])
def test_it_is_the_spread_of_five_thousand_drawn_paths(months: int, seasonality: str) -> None:
    model = engine.auto_ces(noisy(months), m=12, model=seasonality)
    drawn = engine._simulate_pred_intervals(model, MONTHS, [ONE_SIGMA])
    by_drawing = (drawn[f"hi-{ONE_SIGMA}"] - drawn[f"lo-{ONE_SIGMA}"]) / 2
    assert spread(model, MONTHS) == pytest.approx(by_drawing, rel=0.06)


def test_the_bands_lie_around_the_forecast_at_every_level() -> None:
    model = engine.auto_ces(noisy(40), m=12, model="S")
    with computed_spread():
        found = engine.forecast_ces(model, MONTHS, level=[50, 95])
    assert (found["hi-95"] + found["lo-95"]) / 2 == pytest.approx(found["mean"])
    assert (found["hi-95"] - found["mean"]) / (found["hi-50"] - found["mean"]) == pytest.approx(
        np.full(MONTHS, 1.959964 / 0.674490), rel=1e-5
    )


def test_the_candidate_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("paths were drawn")

    monkeypatch.setattr(engine, "_simulate_pred_intervals", refuse)
    assert (ces(History(noisy(40), 0), MONTHS).sd > 0).all()
    assert engine._simulate_pred_intervals is refuse
