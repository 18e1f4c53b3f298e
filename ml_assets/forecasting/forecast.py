"""The forecast of one tenant: every series through trials, verdict and reconciliation into frames.

This module only puts the steps together and lays their results out as rows; each step has a module of its own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version

import numpy as np
import pandas as pd

from ml_assets.calendars import working_day_factors
from ml_assets.forecasting.backtest import NAIVE, Trials, cpu_seconds, run_trials
from ml_assets.forecasting.candidates import Prediction, Values
from ml_assets.forecasting.combination import CAUTIOUS, COMBINATION, Verdict, combine, half_width, judge
from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.preparation import TOTAL, MonthlySeries, SeriesKey, build_series, months_from
from ml_assets.forecasting.reconciliation import reconcile

FORECAST_COLUMNS = (
    "tenant_id", "dimension", "member", "as_of", "month", "horizon", "model", "confidence", "point", "lower", "upper",
    "point_unreconciled", "is_published", "reason", "low_history", "is_intermittent", "history_months",
)  # fmt: skip
BACKTEST_COLUMNS = (
    "tenant_id", "dimension", "member", "as_of", "model", "origin", "month", "horizon", "actual", "point",
    "absolute_error", "scaled_error",
)  # fmt: skip
MODEL_COLUMNS = (
    "tenant_id", "dimension", "member", "as_of", "model", "weight", "mase", "naive_mase", "is_published", "reason",
    "cpu_seconds", "failure", "working_days_used", "naive_share", "widening",
)  # fmt: skip
RUN_COLUMNS = (
    "tenant_id", "as_of", "data_hash", "versions", "parameters", "series", "published_combinations", "fallbacks",
    "failed_candidates", "median_mase", "seconds", "cpu_seconds",
)  # fmt: skip

_PACKAGES = ("numpy", "pandas", "scipy", "statsforecast", "prophet", "pmdarima", "holidays")
# With fewer gains than this, comparing months per working day is left alone.
_WORKING_DAYS_MUST_GAIN = 0.02
_PROBES = ("ets", "structural")


@dataclass(frozen=True)
class ForecastResult:
    """Frames of one run; columns as in `FORECAST_COLUMNS`, `BACKTEST_COLUMNS`, `MODEL_COLUMNS`, `RUN_COLUMNS`.

    Attributes:
        forecasts: one row per series, model, month and confidence. Of a series, one model is published.
        backtest: one row per series, model, cut-off and month, the combination included.
        models: one row per series and model: weight, error, seconds, why it was left out.
        runs: one row: hash of the data, versions, parameters, figures.
    """

    forecasts: pd.DataFrame
    backtest: pd.DataFrame
    models: pd.DataFrame
    runs: pd.DataFrame


@dataclass(frozen=True)
class SeriesForecast:
    """One series with all that was tried on it; `published` is what the gate let through, before reconciliation."""

    series: MonthlySeries
    trials: Trials
    verdict: Verdict
    working_days_used: bool

    @property
    def published(self) -> Prediction:
        """Points and standard deviations of the published model."""
        return self.verdict.prediction

    @property
    def floor(self) -> float:
        """What no point and no bound may fall below; minus infinity for a series that has been negative itself."""
        return -np.inf if len(self.series.values) and self.series.values.min() < 0 else 0.0


def forecast_sales(
    sales: pd.DataFrame, as_of: date, dimensions: Sequence[str] = (), config: ForecastConfig | None = None
) -> ForecastResult:
    """Forecast one tenant's total and the members of each dimension, reconciled with it.

    Args:
        sales: rows with `tenant_id`, `month`, `value` and a column per dimension (see `build_series`).
        as_of: the day of the forecast; its month counts as unfinished.
        dimensions: columns to split by, such as `department_id`, `manager_id`, `pipeline_id`, `source_id`.
        config: settings; the defaults are those that docs/forecasts.md measures.

    Raises:
        ValueError: a column is missing or there is more than one tenant. No series and no model raises.
    """
    settings = config or ForecastConfig()
    started, cpu_started = time.monotonic(), cpu_seconds()
    found = [forecast_series(series, settings) for series in build_series(sales, as_of, dimensions, settings)]
    points = _reconciled(found, settings)
    forecasts = [row for each in found for row in _forecast_rows(each, points[each.series.key], as_of, settings)]
    models = pd.DataFrame(
        [row for each in found for row in _model_rows(each, as_of, settings)], columns=list(MODEL_COLUMNS)
    )
    run = _run_row(found, as_of, settings, dimensions)
    run |= {"seconds": time.monotonic() - started, "cpu_seconds": cpu_seconds() - cpu_started}
    return ForecastResult(
        forecasts=pd.DataFrame(forecasts, columns=list(FORECAST_COLUMNS)),
        backtest=pd.DataFrame(
            [row for each in found for row in _backtest_rows(each, as_of, settings)], columns=list(BACKTEST_COLUMNS)
        ),
        models=models,
        runs=pd.DataFrame([run] if found else [], columns=list(RUN_COLUMNS)),
    )


def forecast_series(series: MonthlySeries, config: ForecastConfig) -> SeriesForecast:
    """Try the candidates on one series and judge them; an empty history is forecast as zero."""
    if not len(series.values):
        nothing = Prediction(np.zeros(config.horizon), np.zeros(config.horizon))
        trials = Trials(np.zeros(0), (), False, {(NAIVE, 0): nothing})
        verdict = Verdict(NAIVE, "no_history", nothing, config.usual_widening[0], 1.0, {NAIVE: 1.0}, None, None)
        return SeriesForecast(series, trials, verdict, False)
    factors = _factors_that_pay(series, config)
    names = config.intermittent_candidates if series.is_intermittent else config.candidates
    trials = run_trials(
        series.values,
        names,
        config,
        first_month=series.first_month_number,
        factors=factors,
        squared=series.is_intermittent,
    )
    return SeriesForecast(series, trials, judge(trials, config), factors is not None)


def _factors_that_pay(series: MonthlySeries, config: ForecastConfig) -> Values | None:
    """Working days per month, where two quick candidates forecast the past better with them than without."""
    if config.country is None or series.is_intermittent:
        return None
    months = [months_from(series.last_month, -back) for back in range(len(series.values) - 1, -1, -1)]
    factors = working_day_factors([*months, *series.months_ahead(config.horizon)], config.country)
    errors = []
    for probe in (None, factors):
        trials = run_trials(series.values, _PROBES, config, first_month=series.first_month_number, factors=probe)
        found = [
            trials.error(prediction.mean, cut, len(prediction.mean))
            for (name, cut), prediction in trials.predictions.items()
            if cut and name in _PROBES
        ]
        errors.append(float(np.mean(found)) if found else np.inf)
    plain, adjusted = errors
    return factors if adjusted < plain * (1 - _WORKING_DAYS_MUST_GAIN) else None


def _reconciled(found: list[SeriesForecast], config: ForecastConfig) -> dict[SeriesKey, Values]:
    floored = {each.series.key: _floored(each.published.mean, each, config) for each in found}
    if len(found) < 2:
        return floored
    by_dimension: dict[str, list[SeriesForecast]] = {}
    for each in found:
        by_dimension.setdefault(each.series.key.dimension, []).append(each)
    (total,) = by_dimension.pop(TOTAL)
    agreed = reconcile(
        floored[total.series.key],
        total.published.sd,
        {name: np.array([floored[each.series.key] for each in members]) for name, members in by_dimension.items()},
        {name: np.array([each.published.sd for each in members]) for name, members in by_dimension.items()},
        non_negative=config.non_negative and all(np.isfinite(each.floor) for each in found),
    )
    points = {total.series.key: agreed.total}
    for name, members in by_dimension.items():
        points |= {each.series.key: agreed.members[name][index] for index, each in enumerate(members)}
    return points


def _floored(values: Values, each: SeriesForecast, config: ForecastConfig) -> Values:
    return np.maximum(values, each.floor) if config.non_negative else values


def _identity(each: SeriesForecast, as_of: date) -> dict[str, object]:
    return {**asdict(each.series.key), "as_of": as_of}


def _answers(each: SeriesForecast, config: ForecastConfig) -> dict[str, Prediction]:
    """Every candidate, the plain combination, and the mixture where that is what is published."""
    answers = {name: each.trials.predictions[name, 0] for name in each.trials.names}
    answers[COMBINATION] = combine(each.trials, 0, config) if len(each.series.values) else each.published
    answers[each.verdict.model] = each.published
    return answers


def _forecast_rows(
    each: SeriesForecast, points: Values, as_of: date, config: ForecastConfig
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    series, verdict = each.series, each.verdict
    shared = _identity(each, as_of) | {
        "low_history": series.low_history,
        "is_intermittent": series.is_intermittent,
        "history_months": len(series.values),
    }
    for model, found in _answers(each, config).items():
        published = model == verdict.model
        before = _floored(found.mean, each, config)
        after = points if published else before
        widening = verdict.widening if model in (verdict.model, COMBINATION) else 1.0
        for confidence in config.confidences:
            half = half_width(found.sd, widening, confidence)
            low, high = _floored(after - half, each, config), after + half
            rows += [
                {
                    **shared, "month": month.start_time.date(), "horizon": step + 1, "model": model,
                    "confidence": confidence, "point": float(after[step]), "lower": float(low[step]),
                    "upper": float(high[step]), "point_unreconciled": float(before[step]),
                    "is_published": published, "reason": verdict.reason if published else "candidate",
                }
                for step, month in enumerate(series.months_ahead(config.horizon))
            ]  # fmt: skip
    return rows


def _backtest_rows(each: SeriesForecast, as_of: date, config: ForecastConfig) -> list[dict[str, object]]:
    past = dict(each.trials.predictions)
    for cut in each.trials.cuts:
        past[COMBINATION, cut] = combine(each.trials, cut, config)
        if each.verdict.model == CAUTIOUS:
            past[CAUTIOUS, cut] = combine(each.trials, cut, config, each.verdict.naive_share)
    rows: list[dict[str, object]] = []
    for (model, cut), found in past.items():
        if not cut:
            continue
        origin = months_from(each.series.last_month, -cut)
        actual, scale = each.trials.actual(cut, len(found.mean)), each.trials.scale(cut)
        for step, (fact, point) in enumerate(zip(actual, found.mean, strict=True)):
            rows.append(
                _identity(each, as_of)
                | {
                    "model": model, "origin": origin.start_time.date(),
                    "month": months_from(origin, step + 1).start_time.date(), "horizon": step + 1,
                    "actual": float(fact), "point": float(point), "absolute_error": abs(float(fact - point)),
                    "scaled_error": abs(float(fact - point)) / scale,
                }
            )  # fmt: skip
    return rows


def _model_rows(each: SeriesForecast, as_of: date, config: ForecastConfig) -> list[dict[str, object]]:
    trials, verdict = each.trials, each.verdict
    errors = {name: _mase(trials, name, config) for name in trials.names} | {COMBINATION: verdict.error}
    if verdict.model == CAUTIOUS:
        errors[CAUTIOUS] = verdict.error
        errors.pop(COMBINATION)
    names = dict.fromkeys([*errors, *trials.failures])
    return [
        _identity(each, as_of)
        | {
            "model": name, "weight": verdict.weights.get(name), "mase": errors.get(name),
            "naive_mase": verdict.naive_error, "is_published": name == verdict.model,
            "reason": _reason(each, name),
            "cpu_seconds": trials.seconds.get(name), "failure": trials.failures.get(name, ""),
            "working_days_used": each.working_days_used, "naive_share": verdict.naive_share,
            "widening": verdict.widening,
        }
        for name in names
    ]  # fmt: skip


def _reason(each: SeriesForecast, name: str) -> str:
    if name == each.verdict.model:
        return each.verdict.reason
    return "failed" if name in each.trials.failures else "candidate"


def _mase(trials: Trials, name: str, config: ForecastConfig) -> float | None:
    past = {cut: found for (model, cut), found in trials.predictions.items() if model == name and cut}
    return trials.mean_error(past, config) / trials.scale() if past else None


def _run_row(
    found: list[SeriesForecast], as_of: date, config: ForecastConfig, dimensions: Sequence[str]
) -> dict[str, object]:
    errors = [each.verdict.error for each in found if each.verdict.error is not None]
    return {
        "tenant_id": found[0].series.key.tenant_id if found else None,
        "as_of": as_of,
        "data_hash": _data_hash(found),
        "versions": json.dumps({name: version(name) for name in _PACKAGES}),
        "parameters": json.dumps(asdict(config) | {"dimensions": list(dimensions)}),
        "series": len(found),
        "published_combinations": sum(each.verdict.model != NAIVE for each in found),
        "fallbacks": sum(each.verdict.model == NAIVE for each in found),
        "failed_candidates": sum(len(each.trials.failures) for each in found),
        "median_mase": float(np.median(errors)) if errors else None,
    }


def _data_hash(found: list[SeriesForecast]) -> str:
    """Of the prepared series: what lies after the cut-off does not change it."""
    digest = hashlib.sha256()
    for each in found:
        digest.update(json.dumps([*asdict(each.series.key).values(), str(each.series.last_month)]).encode())
        digest.update(np.ascontiguousarray(each.series.values).tobytes())
    return digest.hexdigest()
