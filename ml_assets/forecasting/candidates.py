"""Candidate models: each maps a monthly history onto means and standard deviations of the coming months.

What belongs here: one function per model, all of one shape, and the table of them by name. Which models are tried,
how they are judged and combined belongs in `backtest` and `combination`; cleaning a series in `preparation`.

A candidate may raise on a series that it cannot digest: the caller catches it, notes it and goes on without it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.forecasting.ces_spread import computed_spread
from ml_assets.forecasting.differences import plain_differences
from ml_assets.forecasting.structural import structural_forecast

Values = NDArray[np.float64]

SEASON = 12
# Half the width of this band is one standard deviation of a normal distribution.
_ONE_SIGMA = 68.26894921370859
_TOO_WIDE = 1e4
_WIDEST_LOG_SD = 3.0
_ANSWERS_KEPT = 8192


@dataclass(frozen=True)
class Prediction:
    """Means and standard deviations of the months 1..h after a history, in the unit of the series."""

    mean: Values
    sd: Values


@dataclass(frozen=True)
class History:
    """What a candidate may look at: values oldest first, the month number (0-11) of the first, the engine of ARIMA."""

    values: Values
    first_month: int = 0
    arima_engine: str = "statsforecast"
    seed: int = 0


Candidate = Callable[[History, int], Prediction]


def predict(name: str, history: History, horizon: int) -> Prediction:
    """Run the candidate of that name; raise `ValueError` when its answer is not finite or beyond all reason.

    Answers are kept: cut-offs of a quarter's earlier days, and quick probes, ask for the same histories again.
    """
    values = np.ascontiguousarray(history.values, dtype=float)
    return _predict(name, values.tobytes(), history.first_month, history.arima_engine, history.seed, horizon)


@lru_cache(maxsize=_ANSWERS_KEPT)
def _predict(name: str, values: bytes, first_month: int, arima_engine: str, seed: int, horizon: int) -> Prediction:
    history = History(np.frombuffer(values).copy(), first_month, arima_engine, seed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = CANDIDATES[name](history, horizon)
    mean, sd = np.asarray(found.mean, dtype=float), np.asarray(found.sd, dtype=float)
    if mean.shape != (horizon,) or not np.isfinite(mean).all():
        raise ValueError("the forecast is not finite")
    if np.abs(mean).max() > _TOO_WIDE * max(np.abs(history.values).max(), 1e-9):
        raise ValueError("the forecast leaves all experience of the series")
    floor = 1e-9 + 1e-6 * float(np.abs(history.values).max())
    usual = float(np.std(np.diff(history.values))) if len(history.values) > 1 else 0.0
    sd = np.where(np.isfinite(sd), sd, usual)
    sd = np.maximum(sd, floor)
    # Whoever asks again gets the same arrays.
    mean.flags.writeable = sd.flags.writeable = False
    return Prediction(mean, sd)


def _needs(history: History, least: int) -> None:
    if len(history.values) < least:
        raise ValueError(f"needs {least} months, has {len(history.values)}")


def _from_engine(model: Any, values: Values, horizon: int) -> Prediction:
    found = model.forecast(y=values, h=horizon, level=[_ONE_SIGMA])
    low, high = found[f"lo-{_ONE_SIGMA}"], found[f"hi-{_ONE_SIGMA}"]
    return Prediction(found["mean"], (high - low) / 2)


def seasonal_naive(history: History, horizon: int) -> Prediction:
    """The same month of last year; before a full year is known, the last value."""
    values = history.values
    season = SEASON if len(values) >= SEASON else 1
    cycle = values[-season:]
    steps = np.arange(horizon)
    errors = values[season:] - values[:-season] if len(values) > season else np.diff(values)
    sd = float(np.sqrt(np.mean(errors**2))) if len(errors) else float(abs(values[-1]))
    return Prediction(cycle[steps % season], sd * np.sqrt(steps // season + 1))


def drift(history: History, horizon: int) -> Prediction:
    """The last value and the mean step of the history."""
    _needs(history, 3)
    values = history.values
    steps = np.arange(1, horizon + 1)
    slope = (values[-1] - values[0]) / (len(values) - 1)
    sd = float(np.std(np.diff(values) - slope))
    return Prediction(values[-1] + slope * steps, sd * np.sqrt(steps * (1 + steps / (len(values) - 1))))


def ets(history: History, horizon: int) -> Prediction:
    """Exponential smoothing, its form chosen by AICc."""
    from statsforecast.models import AutoETS

    _needs(history, 4)
    return _from_engine(AutoETS(season_length=SEASON), history.values, horizon)


def ces(history: History, horizon: int) -> Prediction:
    """Complex exponential smoothing."""
    from statsforecast.models import AutoCES

    _needs(history, 2 * SEASON)
    with computed_spread():
        return _from_engine(AutoCES(season_length=SEASON), history.values, horizon)


def theta(history: History, horizon: int) -> Prediction:
    """Optimised Theta; seasonality is tested and taken out by the engine."""
    from statsforecast.models import OptimizedTheta

    _needs(history, 6)
    return _from_engine(OptimizedTheta(season_length=SEASON), history.values, horizon)


def mstl(history: History, horizon: int) -> Prediction:
    """Seasonal decomposition by Loess; the rest is carried on by exponential smoothing."""
    from statsforecast.models import MSTL

    _needs(history, 2 * SEASON + 1)
    return _from_engine(MSTL(season_length=SEASON), history.values, horizon)


def log_mstl(history: History, horizon: int) -> Prediction:
    """The same decomposition of logarithms, for a pattern that grows with the level; positive series only."""
    if history.values.min() <= 0:
        raise ValueError("needs positive values")
    found = mstl(replace(history, values=np.log(history.values)), horizon)
    middle = np.exp(found.mean)
    return Prediction(middle, middle * np.sinh(np.minimum(found.sd, _WIDEST_LOG_SD)))


def seasonal_mean(history: History, horizon: int) -> Prediction:
    """The mean of the same month in the last two years, the older one brought to the level of the newer."""
    _needs(history, 2 * SEASON)
    newer, older = history.values[-SEASON:], history.values[-2 * SEASON : -SEASON]
    if older.mean() <= 0:
        raise ValueError("needs a positive level")
    cycle = (newer + older * newer.mean() / older.mean()) / 2
    errors = history.values[SEASON:] - history.values[:-SEASON]
    return Prediction(cycle[np.arange(horizon) % SEASON], np.full(horizon, float(np.std(errors))))


def arima(history: History, horizon: int) -> Prediction:
    """ARIMA with orders found stepwise, by the engine that the configuration names."""
    _needs(history, 8)
    if history.arima_engine == "pmdarima":
        return _pmdarima(history, horizon)
    from statsforecast.models import AutoARIMA

    model = AutoARIMA(
        season_length=SEASON if len(history.values) >= 2 * SEASON else 1,
        max_p=3, max_q=3, max_P=1, max_Q=1, nmodels=30, approximation=True,
    )  # fmt: skip
    with plain_differences():
        return _from_engine(model, history.values, horizon)


def _pmdarima(history: History, horizon: int) -> Prediction:
    from pmdarima import auto_arima as untyped

    auto_arima: Any = untyped

    seasonal = len(history.values) >= 2 * SEASON
    capped: dict[str, Any] = {"max_p": 2, "max_q": 2, "max_P": 1, "max_Q": 1, "max_order": 4, "stepwise": True}
    quiet: dict[str, Any] = {"suppress_warnings": True, "error_action": "ignore", "maxiter": 20}
    try:
        fitted = auto_arima(history.values, m=SEASON if seasonal else 1, seasonal=seasonal, **capped, **quiet)
    except Exception:
        # Its test of seasonal differences fails on some short series, the rest of it does not.
        fitted = auto_arima(history.values, seasonal=False, **capped, **quiet)
    mean, band = fitted.predict(n_periods=horizon, return_conf_int=True, alpha=1 - _ONE_SIGMA / 100)
    return Prediction(np.asarray(mean), (band[:, 1] - band[:, 0]) / 2)


def prophet(history: History, horizon: int) -> Prediction:
    """Prophet with its defaults, fitted by L-BFGS; its band comes from its own residuals."""
    _needs(history, 6)
    fitted, frame = _fit_prophet(history)
    future = fitted.make_future_dataframe(periods=horizon, freq="MS")
    found = fitted.predict(future)["yhat"].to_numpy()
    sigma = float(np.std(frame["y"].to_numpy() - found[: len(frame)]))
    # The trend of Prophet keeps moving after the history, which its residuals do not know.
    return Prediction(found[len(frame) :], sigma * np.sqrt(1 + 0.1 * np.arange(1, horizon + 1)))


def _fit_prophet(history: History) -> tuple[Any, Any]:
    import pandas as pd

    with _quiet_prophet() as prophet_class:
        start = pd.Timestamp(2000, history.first_month + 1, 1)
        frame = pd.DataFrame({"ds": pd.date_range(start, periods=len(history.values), freq="MS"), "y": history.values})
        model = prophet_class(uncertainty_samples=0)
        model.fit(frame, algorithm="LBFGS", seed=history.seed)
    return model, frame


@contextmanager
def _quiet_prophet() -> Iterator[Any]:
    # Importing it complains of a missing plotly, which only its interactive plots need.
    logging.getLogger("prophet.plot").disabled = True
    from prophet import Prophet

    # It logs every fit; its logger is switched off only after the import, which configures it.
    engine, own = logging.getLogger("cmdstanpy"), logging.getLogger("prophet")
    engine.disabled = True
    own.setLevel(logging.ERROR)
    yield Prophet


def structural(history: History, horizon: int) -> Prediction:
    """Level, trend and shrunk seasonality as one Gaussian process."""
    _needs(history, 6)
    return Prediction(*structural_forecast(history.values, horizon))


def croston_sba(history: History, horizon: int) -> Prediction:
    """Croston's method in the Syntetos-Boylan form: one size over one interval, a flat line."""
    from statsforecast.models import CrostonSBA

    return _flat(history, CrostonSBA().forecast(y=history.values, h=horizon)["mean"], horizon)


def tsb(history: History, horizon: int) -> Prediction:
    """Teunter-Syntetos-Babai: a chance and a size, so that a series that ended sinks towards zero."""
    from statsforecast.models import TSB

    return _flat(history, TSB(alpha_d=0.2, alpha_p=0.2).forecast(y=history.values, h=horizon)["mean"], horizon)


def zero(history: History, horizon: int) -> Prediction:
    """Nothing at all."""
    return _flat(history, np.zeros(horizon), horizon)


def _flat(history: History, mean: Any, horizon: int) -> Prediction:
    level = np.asarray(mean, dtype=float)[:horizon]
    return Prediction(level, np.full(horizon, float(np.sqrt(np.mean((history.values - level[0]) ** 2)))))


CANDIDATES: dict[str, Candidate] = {
    "seasonal_naive": seasonal_naive,
    "drift": drift,
    "ets": ets,
    "ces": ces,
    "theta": theta,
    "mstl": mstl,
    "log_mstl": log_mstl,
    "seasonal_mean": seasonal_mean,
    "arima": arima,
    "prophet": prophet,
    "structural": structural,
    "croston_sba": croston_sba,
    "tsb": tsb,
    "zero": zero,
}
