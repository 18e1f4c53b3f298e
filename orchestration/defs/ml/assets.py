"""The models' results as assets, one partition per day that they stand on. The work belongs in `orchestration.ml`.

Modules that load a model library are imported where they are needed: every run of any job loads this one, and seconds
of libraries must not be a part of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Config,
    Failure,
    MaterializeResult,
    ResourceParam,
    multi_asset,
)
from pydantic import Field

from deploy.dagster_home import local_home
from orchestration.defs.crm.session import WAIT_FOR_OTHERS, replica_session
from orchestration.defs.ml.shown import run_metadata, run_outcome
from orchestration.extraction.lock import table_lock
from orchestration.extraction.replica import Warehouse
from orchestration.ml.artefacts import ArtefactStore
from orchestration.ml.marts import Tenant, read_tenants
from orchestration.ml.model_run import ModelRun
from orchestration.ml.parallel import Workers
from orchestration.ml.plots import keep_plots
from orchestration.ml.refresh import Task, refresh
from orchestration.ml.tables import create_ml_tables
from orchestration.partitions import as_of_days
from orchestration.resources import PipelineResource

GROUP = "ml"
OUTCOME_CHECK = "every_tenant_succeeded"
_OWNERS = ["team:data"]
_DAYS_PER_RUN = 31

model_runs = AssetSpec(
    ["ml", "model_runs"],
    description="Every run of a model for a tenant and day: hash of the data, versions, parameters, figures, failures.",
    group_name=GROUP,
    owners=_OWNERS,
)


anomaly_feedback = AssetSpec(
    ["ml", "anomaly_feedback"],
    description="What readers say of anomalies: false positives stay marked.",
    group_name=GROUP,
    owners=_OWNERS,
)


class RefreshConfig(Config):
    """What a person may choose when launching models."""

    tenants: list[str] = Field(default=[], description="Ids of the tenants; empty: all that are active.")


class TrainingRunConfig(RefreshConfig):
    """What a person may choose when launching a training."""

    retrain: bool = Field(default=False, description="Train every tenant, also those whose models are young.")


def _marts(*names: str) -> list[AssetKey]:
    return [AssetKey(["analytics", name]) for name in ("dim_tenants", "dim_business_days", *names)]


def _specs(descriptions: dict[str, str], marts: Sequence[AssetKey]) -> list[AssetSpec]:
    return [
        AssetSpec(
            ["ml", table],
            deps=marts,
            description=description,
            group_name=GROUP,
            owners=_OWNERS,
            kinds={"clickhouse", "python"},
        )
        for table, description in descriptions.items()
    ]


def _outcome_check(table: str) -> AssetCheckSpec:
    return AssetCheckSpec(
        OUTCOME_CHECK,
        asset=AssetKey(["ml", table]),
        description="No tenant's models failed; those that did keep their rows of the run before.",
    )


_SALES = {
    "sales_forecast": "Sales of the coming twelve months by tenant, department, manager, pipeline and source, by every "
    "candidate model; what passed the gate is published.",
    "forecast_backtest": "What every model said at earlier cut-offs, beside what came.",
    "forecast_models": "Every candidate of every series with its error, its weight and what became of it.",
}
_QUARTER = {
    "quarter_forecast": "The current quarter by open deals, by the monthly series, and blended.",
    "quarter_backtest": "What both methods said on the same day of earlier quarters, beside what came.",
    "quarter_deals": "Open deals with their chance to be won before the quarter ends.",
}


_ANOMALIES = {
    "anomaly_points": "Every day and week of the last five weeks with what was expected, by measure and member.",
    "anomaly_events": "What is odd, one row per event, with severity and an explanation in two languages.",
}
_TRAINING = {
    "trained_models": "Models of customers, leads and deals: where each lies and by which hash it is known. A tenant "
    "is trained when its newest model is a week old, or on demand.",
}
_SCORES: Mapping[str, str] = {
    "churn": "Customers by the chance that they have stopped buying, with reasons, an action and the value at risk.",
    "lead": "Open leads by the chance that they convert, with reasons and an action.",
    "deal": "Open deals by the chance that they are won, with reasons and an action.",
}
# One table of each kind for all three subjects; which of them filled it stands in its column `subject`.
model_reports = [
    AssetSpec(
        ["ml", table],
        deps=[AssetKey(["ml", f"{subject}_scores"]) for subject in _SCORES],
        description=description,
        group_name=GROUP,
        owners=_OWNERS,
    )
    for table, description in {
        "model_quality": "How good the models of customers, leads and deals were when they were judged.",
        "model_reliability": "Chances that were given beside the shares that came true.",
        "model_drift": "How far today's customers, leads and deals differ from those that were learnt from.",
        "model_importance": "What the chances depend on.",
        "model_checks": "Whether the chances held on the newest period that is over.",
    }.items()
]


def _partitioned(name: str, specs: list[AssetSpec], *, checked: bool = True) -> Callable[..., AssetsDefinition]:
    """Return the decorator of an asset with a partition per day."""
    return multi_asset(
        name=f"ml__{name}",
        specs=specs,
        check_specs=[_outcome_check(specs[0].key.path[-1])] if checked else [],
        partitions_def=as_of_days,
        # A run per day would mostly start processes.
        backfill_policy=BackfillPolicy.multi_run(max_partitions_per_run=_DAYS_PER_RUN),
    )


_EVENTS = _marts(
    "fct_deals", "fct_deal_outcomes", "fct_leads", "fct_deal_stage_entries", "fct_activities", "fct_messages",
    "fct_deal_owner_changes", "dim_stages",
)  # fmt: skip


@_partitioned("sales_forecast", _specs(_SALES, _marts("fct_deals", "fct_deal_outcomes", "fct_leads")))
def sales_forecast(
    context: AssetExecutionContext,
    config: RefreshConfig,
    pipeline: PipelineResource,
    ml_workers: ResourceParam[Workers],
) -> Iterator[Any]:
    """Forecast the months ahead of every tenant."""
    from orchestration.ml.sales import ForecastPlan, compute_sales, read_sales_input

    plan = ForecastPlan.named(pipeline.settings().ml_plan)

    def task(pictures: bool) -> Task[Any]:
        return Task("sales_forecast", partial(read_sales_input, plan=replace(plan, pictures=pictures)), compute_sales)

    yield from refreshed(context, config, pipeline, ml_workers, task, tuple(_SALES))


@_partitioned("quarter_forecast", _specs(_QUARTER, _EVENTS))
def quarter_forecast(
    context: AssetExecutionContext,
    config: RefreshConfig,
    pipeline: PipelineResource,
    ml_workers: ResourceParam[Workers],
) -> Iterator[Any]:
    """Forecast the current quarter of every tenant."""
    from orchestration.ml.sales import ForecastPlan, compute_quarter, read_quarter_input

    plan = ForecastPlan.named(pipeline.settings().ml_plan)

    def task(pictures: bool) -> Task[Any]:
        read = partial(read_quarter_input, plan=replace(plan, pictures=pictures))
        return Task("quarter_forecast", read, compute_quarter)

    yield from refreshed(context, config, pipeline, ml_workers, task, tuple(_QUARTER))


@_partitioned("anomalies", _specs(_ANOMALIES, _marts("fct_deals", "fct_deal_outcomes", "fct_leads", "fct_activities")))
def anomalies(
    context: AssetExecutionContext,
    config: RefreshConfig,
    pipeline: PipelineResource,
    ml_workers: ResourceParam[Workers],
) -> Iterator[Any]:
    """Find what is odd in the newest days of every tenant."""
    from orchestration.ml.anomalies import compute_anomalies, read_anomaly_input

    def task(pictures: bool) -> Task[Any]:
        return Task("anomalies", partial(read_anomaly_input, pictures=pictures), compute_anomalies)

    yield from refreshed(context, config, pipeline, ml_workers, task, tuple(_ANOMALIES))


@_partitioned("training", _specs(_TRAINING, _EVENTS))
def training(
    context: AssetExecutionContext,
    config: TrainingRunConfig,
    pipeline: PipelineResource,
    ml_workers: ResourceParam[Workers],
) -> Iterator[Any]:
    """Learn the models of the tenants whose turn it is."""
    from orchestration.ml.scores import compute_training, is_due, newest_models, read_training_input

    store = artefact_store(pipeline)

    def task(pictures: bool) -> Task[Any]:
        return Task("training", partial(read_training_input, store=store), compute_training)

    def due(warehouse: Warehouse, tenants: list[Tenant], day: date) -> list[Tenant]:
        newest = newest_models(warehouse, day)
        return [tenant for tenant in tenants if config.retrain or is_due(newest, tenant, day)]

    yield from refreshed(context, config, pipeline, ml_workers, task, tuple(_TRAINING), whose_turn=due)


def _scores(subject: str) -> AssetsDefinition:
    table = f"{subject}_scores"

    @_partitioned(table, _specs({table: _SCORES[subject]}, [*_EVENTS, AssetKey(["ml", "trained_models"])]))
    def scores(
        context: AssetExecutionContext,
        config: RefreshConfig,
        pipeline: PipelineResource,
        ml_workers: ResourceParam[Workers],
    ) -> Iterator[Any]:
        from orchestration.ml.scores import compute_scores, read_scoring_input

        store = artefact_store(pipeline)

        def task(pictures: bool) -> Task[Any]:
            read = partial(read_scoring_input, subject=subject, store=store, pictures=pictures)
            return Task(table, read, compute_scores)

        yield from refreshed(context, config, pipeline, ml_workers, task, (table,))

    return scores


churn_scores, lead_scores, deal_scores = (_scores(subject) for subject in _SCORES)


def artefact_store(pipeline: PipelineResource) -> ArtefactStore:
    """Return where trained models lie, by the settings."""
    return ArtefactStore(pipeline.settings().ml_artefacts or str(local_home() / "ml" / "artefacts"))


def refreshed(
    context: AssetExecutionContext,
    config: RefreshConfig,
    pipeline: PipelineResource,
    workers: Workers,
    task_of: Callable[[bool], Task[Any]],
    tables: tuple[str, ...],
    *,
    whose_turn: Callable[[Warehouse, list[Tenant], date], list[Tenant]] = lambda _, tenants, __: tenants,
) -> Iterator[Any]:
    """Do a task for the days of the run, and answer its assets and its check.

    `task_of` makes the task, with pictures or without: of many days, only the last is drawn. `whose_turn` leaves out
    the tenants for whom there is nothing to do on a day.

    Raises:
        Failure: every tenant failed: something is wrong that is no tenant's own.
    """
    runs: list[ModelRun] = []
    with (
        replica_session(context, pipeline) as session,
        table_lock(session.crm, session.warehouse, f"ml.{task_of(False).name}", wait=WAIT_FOR_OTHERS),
    ):
        create_ml_tables(session.warehouse)
        tenants = chosen_tenants(read_tenants(session.warehouse), config.tenants)
        *earlier, last = map(date.fromisoformat, context.partition_keys)
        for day in (*earlier, last):
            runs += refresh(
                session.warehouse,
                workers,
                task_of(day == last),
                whose_turn(session.warehouse, tenants, day),
                day,
                dagster_run_id=context.run.run_id,
                tell=context.log.info,
            )
    if runs and not any(run.succeeded for run in runs):
        raise Failure(f"{runs[0].task}: every tenant failed, {runs[0].tenant_id} for example: {runs[0].error}")
    kept = keep_plots(local_home() / "ml" / "plots", runs)
    for table in tables:
        yield MaterializeResult(asset_key=AssetKey(["ml", table]), metadata=run_metadata(table, runs, kept))
    passed, severity, description = run_outcome(runs)
    yield AssetCheckResult(
        asset_key=AssetKey(["ml", tables[0]]),
        check_name=OUTCOME_CHECK,
        passed=passed,
        severity=severity,
        description=description,
    )


def chosen_tenants(tenants: list[Tenant], wanted: list[str]) -> list[Tenant]:
    """Return the wanted tenants, all of them without a wish.

    Raises:
        Failure: one is not there.
    """
    known = {tenant.id for tenant in tenants}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise Failure(f"no active tenant {', '.join(missing)}; there are {', '.join(sorted(known))}")
    return [tenant for tenant in tenants if not wanted or tenant.id in wanted]
