"""The other ways to forecast that `benchmarks.forecast` compares ours with, as they come, and a cache of their answers.

An answer is a mean and the bounds of a 95 % band for six months, with the CPU seconds that it took. Answers are kept
per peer, version and series under `.local/benchmarks/forecast`, since some peers need seconds per series. What our own
models have a part in is always computed: no version tells how they change.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecast_data import MONTHS_AHEAD, Task, Values
from deploy.settings import REPOSITORY
from ml_assets.forecasting.backtest import cpu_seconds

CACHE = REPOSITORY / ".local" / "benchmarks" / "forecast"
_SEASON = 12
_BAND = 95


@dataclass(frozen=True)
class Answer:
    """A contender's forecast of one series."""

    point: list[float]
    lower: list[float]
    upper: list[float]
    cpu_seconds: float
    fallback: bool = False


Bands = tuple[Values, Values, Values]


def _engine(model: Any, known: Values) -> Bands:
    found = model.forecast(y=known, h=MONTHS_AHEAD, level=[_BAND])
    return found["mean"], found[f"lo-{_BAND}"], found[f"hi-{_BAND}"]


def seasonal_naive(known: Values) -> Bands:
    """The same month of last year."""
    from statsforecast.models import SeasonalNaive

    return _engine(SeasonalNaive(season_length=_SEASON), known)


def auto_arima(known: Values) -> Bands:
    """AutoARIMA of statsforecast, its defaults."""
    from statsforecast.models import AutoARIMA

    return _engine(AutoARIMA(season_length=_SEASON), known)


def auto_ets(known: Values) -> Bands:
    """AutoETS of statsforecast, its defaults."""
    from statsforecast.models import AutoETS

    return _engine(AutoETS(season_length=_SEASON), known)


def auto_theta(known: Values) -> Bands:
    """AutoTheta of statsforecast, its defaults."""
    from statsforecast.models import AutoTheta

    return _engine(AutoTheta(season_length=_SEASON), known)


def median_of_four(known: Values) -> Bands:
    """The unweighted median of ARIMA, ETS, CES and Theta, known as SCUM from the M4 competition."""
    from statsforecast.models import AutoCES, DynamicOptimizedTheta

    models = [AutoCES(season_length=_SEASON), DynamicOptimizedTheta(season_length=_SEASON)]
    answers = [auto_arima(known), auto_ets(known), *(_engine(model, known) for model in models)]
    point, lower, upper = (np.median([answer[part] for answer in answers], axis=0) for part in range(3))
    return point, lower, upper


def median_of_candidates(known: Values) -> Bands:
    """The unweighted median of the very candidates that ours weights."""
    from ml_assets.forecasting.candidates import History, predict
    from ml_assets.forecasting.config import ForecastConfig

    found = []
    for name in ForecastConfig().candidates:
        try:
            found.append(predict(name, History(known), MONTHS_AHEAD))
        except Exception:
            continue
    point = np.median([each.mean for each in found], axis=0)
    half = 1.959964 * np.median([each.sd for each in found], axis=0)
    return point, point - half, point + half


def prophet(known: Values) -> Bands:
    """Prophet with its defaults."""
    import pandas as pd

    logging.getLogger("prophet.plot").disabled = True
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    logging.getLogger("prophet").setLevel(logging.ERROR)
    np.random.seed(0)  # Prophet draws its band from the global generator
    frame = pd.DataFrame({"ds": pd.date_range("2000-01-01", periods=len(known), freq="MS"), "y": known})
    model = Prophet(interval_width=_BAND / 100).fit(frame, seed=1)
    found = model.predict(model.make_future_dataframe(MONTHS_AHEAD, freq="MS")).tail(MONTHS_AHEAD)
    return tuple(found[name].to_numpy() for name in ("yhat", "yhat_lower", "yhat_upper"))


def pmdarima(known: Values) -> Bands:
    """`auto_arima` of pmdarima, its orders capped so that a series takes seconds and not minutes."""
    from pmdarima import auto_arima

    search: Any = auto_arima

    fitted = search(
        known, m=_SEASON, max_p=2, max_q=2, max_P=1, max_Q=1, max_order=4, maxiter=20,
        stepwise=True, suppress_warnings=True, error_action="ignore",
    )  # fmt: skip
    point, band = fitted.predict(MONTHS_AHEAD, return_conf_int=True, alpha=1 - _BAND / 100)
    return np.asarray(point), band[:, 0], band[:, 1]


PEERS: dict[str, tuple[Callable[[Values], Bands], str | None]] = {
    "seasonal naive": (seasonal_naive, "statsforecast"),
    "Prophet default": (prophet, "prophet"),
    "pmdarima capped": (pmdarima, "pmdarima"),
    "AutoARIMA": (auto_arima, "statsforecast"),
    "AutoETS": (auto_ets, "statsforecast"),
    "AutoTheta": (auto_theta, "statsforecast"),
    "median of four (SCUM)": (median_of_four, "statsforecast"),
    "median of our candidates": (median_of_candidates, None),
}


def answer(peer: str, task: Task) -> Answer:
    """The peer's forecast of the series, from the cache where it has been asked before."""
    call, package = PEERS[peer]
    if package is None:
        return _ask(call, task.known)
    kept = CACHE / f"{_file_name(peer)}-{version(package)}" / f"{task.name}-{task.fingerprint}.json"
    if kept.exists():
        return Answer(**json.loads(kept.read_text(encoding="utf-8")))
    found = _ask(call, task.known)
    _keep(kept, found)
    return found


def _ask(call: Callable[[Values], Bands], known: Values) -> Answer:
    """A peer that fails answers as the seasonal naive forecast does, and the table counts how often."""
    started = cpu_seconds()
    failed = False
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            bands = call(known)
        except Exception:
            failed = True
        if failed or not np.isfinite(bands[0]).all():
            failed, bands = True, seasonal_naive(known)
    point, lower, upper = ([float(value) for value in part] for part in bands)
    return Answer(point, lower, upper, cpu_seconds() - started, failed)


def _keep(path: Path, found: Answer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found)), encoding="utf-8")


def _file_name(peer: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in peer.lower())
