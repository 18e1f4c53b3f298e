"""Computes the sales forecast and the forecast of the quarter of one tenant, in a process of its own.

Frames come from `marts`, models from `ml_assets.forecasting`; this module joins the two and describes the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from importlib.metadata import version
from typing import Literal, cast

import numpy as np
import pandas as pd

from ml_assets.calendars import COUNTRIES
from ml_assets.forecasting import ForecastConfig, forecast_quarter, forecast_sales
from ml_assets.forecasting.backtest import cpu_seconds
from ml_assets.forecasting.plot import Reader, backtest_plot, fan_chart, quarter_plot
from ml_assets.forecasting.preparation import TOTAL
from ml_assets.scoring import win_chances
from orchestration.extraction.replica import Warehouse
from orchestration.ml.marts import Tenant, read_deals, read_sales, read_stage_entries
from orchestration.ml.model_run import Computed
from orchestration.ml.sales_events import MartEvents, read_mart_events

DIMENSIONS = ("department", "manager", "pipeline", "source")
QUICK_DIMENSIONS = ("department", "pipeline")
_QUICK_CANDIDATES = ("seasonal_naive", "drift", "ets", "theta", "mstl", "structural")


@dataclass(frozen=True)
class ForecastPlan:
    """How much is forecast.

    Attributes:
        dimensions: columns of the sales rows to split by.
        config: of the models.
        learnt_chances: whether the quarter is also forecast with learnt chances of its open deals.
        pictures: whether they are drawn, too.
    """

    dimensions: tuple[str, ...] = DIMENSIONS
    config: ForecastConfig = field(default_factory=lambda: ForecastConfig(horizon=12))
    learnt_chances: bool = True
    pictures: bool = True

    @classmethod
    def named(cls, name: Literal["full", "quick"]) -> ForecastPlan:
        """Return the plan of that name (`ML_PLAN`)."""
        return cls.quick() if name == "quick" else cls()

    @classmethod
    def quick(cls) -> ForecastPlan:
        """Return what a demonstration shows: fewer dimensions, and only candidates that are fitted in milliseconds."""
        config = ForecastConfig(horizon=12, candidates=_QUICK_CANDIDATES, origins=(3, 6, 12), more_origins=())
        return cls(QUICK_DIMENSIONS, config, learnt_chances=False)


@dataclass(frozen=True)
class SalesInput:
    """One tenant's sales as `forecast_sales` wants them."""

    tenant: Tenant
    as_of: date
    plan: ForecastPlan
    sales: pd.DataFrame


@dataclass(frozen=True)
class QuarterInput:
    """One tenant's deals as `forecast_quarter` wants them."""

    tenant: Tenant
    as_of: date
    plan: ForecastPlan
    deals: pd.DataFrame
    stage_entries: pd.DataFrame
    events: MartEvents | None


def read_sales_input(warehouse: Warehouse, tenant: Tenant, as_of: date, plan: ForecastPlan) -> SalesInput:
    """Read what the sales forecast of one tenant stands on; a tenant that never sold gets a forecast of zero."""
    sales = read_sales(warehouse, tenant.id, as_of)
    if sales.empty:
        nothing = {"tenant_id": tenant.id, "month": pd.Timestamp(as_of), "value": 0.0}
        sales = pd.DataFrame([nothing | dict.fromkeys(DIMENSIONS)])
    return SalesInput(tenant, as_of, plan, sales)


def read_quarter_input(warehouse: Warehouse, tenant: Tenant, as_of: date, plan: ForecastPlan) -> QuarterInput:
    """Read what the forecast of the quarter of one tenant stands on."""
    deals = read_deals(warehouse, tenant.id, as_of)
    entries = read_stage_entries(warehouse, tenant.id, as_of)
    events = read_mart_events(warehouse, tenant, as_of) if plan.learnt_chances else None
    return QuarterInput(tenant, as_of, plan, deals, entries, events)


def compute_sales(given: SalesInput) -> Computed:
    """Forecast the months ahead. Raises whatever the library raises."""
    config = _of_country(given.plan.config, given.tenant)
    result = forecast_sales(given.sales, given.as_of, given.plan.dimensions, config)
    run = result.runs.iloc[0]
    counted = ("series", "published_combinations", "fallbacks", "failed_candidates", "median_mase")
    forecasts = exact_cents(result.forecasts)
    return Computed(
        frames={
            "sales_forecast": forecasts,
            "forecast_backtest": result.backtest,
            "forecast_models": result.models,
        },
        data_hash=str(run["data_hash"]),
        versions=json.loads(str(run["versions"])),
        parameters=str(run["parameters"]),
        metrics={name: float(run[name]) for name in counted if pd.notna(run[name])},
        plots=_sales_plots(given, forecasts, result.backtest) if given.plan.pictures else {},
        cpu_seconds=float(run["cpu_seconds"]),
    )


def compute_quarter(given: QuarterInput) -> Computed:
    """Forecast the current quarter. Raises whatever the library raises."""
    started = cpu_seconds()
    config = _of_country(given.plan.config, given.tenant)
    learnt = win_chances(given.events.of_sales(), pd.Timestamp(given.as_of)) if given.events else None
    result = forecast_quarter(given.deals, given.stage_entries, given.as_of, config, learnt)
    published = result.forecasts[result.forecasts["is_published"]]
    metrics = {"open_deals": float(len(result.deals))}
    if len(published):
        metrics |= _numbers(published.iloc[0], ("point", "booked", "expected_open", "expected_new", "backtest_error"))
    reader = Reader(given.tenant.locale, given.tenant.currency, given.tenant.name)
    return Computed(
        frames={
            "quarter_forecast": result.forecasts,
            "quarter_backtest": result.backtest,
            "quarter_deals": result.deals,
        },
        data_hash=data_hash(given.deals, given.stage_entries),
        versions={name: version(name) for name in ("lightgbm", "numpy", "pandas", "scikit-learn", "statsforecast")},
        parameters=json.dumps(asdict(config), sort_keys=True),
        metrics=metrics,
        plots={"quarter": quarter_plot(result.forecasts, reader)} if given.plan.pictures and len(published) else {},
        cpu_seconds=cpu_seconds() - started,
    )


def exact_cents(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Round points to cents so that the parts of each dimension still sum to the whole, to the cent.

    The rounded values are the differences of the rounded running sums, so no value moves by more than a cent and the
    last running sum is the total's own. Bounds are rounded by themselves and then kept on their side of the point.
    """
    rounded = forecasts.assign(**{name: forecasts[name].round(2) for name in ("point", "lower", "upper")})
    published = forecasts[forecasts["is_published"]]
    wholes = published[published["dimension"] == TOTAL].set_index(["month", "confidence"])["point"].round(2)
    for (_, *place), parts in published.groupby(["dimension", "month", "confidence"], sort=False):
        running = np.cumsum(parts["point"].to_numpy()).round(2)
        running[-1] = wholes.loc[tuple(place)]
        rounded.loc[parts.index, "point"] = np.diff(running, prepend=0.0).round(2)
    rounded["lower"] = np.minimum(rounded["lower"], rounded["point"])
    rounded["upper"] = np.maximum(rounded["upper"], rounded["point"])
    return rounded


def data_hash(*frames: pd.DataFrame) -> str:
    """Return a hash of frames, their order of rows included."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(json.dumps(list(frame.columns)).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _of_country(config: ForecastConfig, tenant: Tenant) -> ForecastConfig:
    return replace(config, country=tenant.country if tenant.country in COUNTRIES else None)


def _numbers(row: pd.Series, names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(row[name]) for name in names if pd.notna(row[name])}


def _sales_plots(given: SalesInput, forecasts: pd.DataFrame, backtest: pd.DataFrame) -> Mapping[str, bytes]:
    reader = Reader(given.tenant.locale, given.tenant.currency, given.tenant.name)
    month = pd.to_datetime(given.sales["month"])
    finished = month < pd.Timestamp(given.as_of).replace(day=1)
    history = cast(pd.Series, given.sales[finished].groupby(month[finished])["value"].sum())
    plots = {"fan_chart": fan_chart(history, _of_the_tenant(forecasts), reader)}
    judged, published = _of_the_tenant(backtest), _of_the_tenant(forecasts)
    if judged.empty:
        return plots
    model = str(published.loc[published["is_published"], "model"].iloc[0])
    return plots | {"backtest": backtest_plot(history, judged, model, reader)}


def _of_the_tenant(frame: pd.DataFrame) -> pd.DataFrame:
    rows: pd.DataFrame = frame[frame["dimension"] == TOTAL]
    return rows
