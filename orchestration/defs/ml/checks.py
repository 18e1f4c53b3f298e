"""Checks of what the models said: whether it held and is fresh. Judging belongs in `orchestration.ml.health`."""

from collections.abc import Callable

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    Definitions,
    Failure,
    asset_check,
    definitions,
)

from deploy.connections import ConnectionFailed, connect_clickhouse
from orchestration.extraction.replica import Warehouse
from orchestration.ml.health import (
    Verdict,
    bands_hold,
    calibration_holds,
    errors_as_promised,
    inputs_are_alike,
    nothing_is_stale,
)
from orchestration.ml.tables import create_ml_tables
from orchestration.resources import PipelineResource

STALENESS = AssetCheckKey(AssetKey(["ml", "model_runs"]), "nothing_is_stale")


def _check(
    asset: str,
    judge: Callable[[Warehouse], Verdict],
    description: str,
    *,
    after: tuple[str, ...],
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN,
) -> AssetChecksDefinition:
    @asset_check(
        asset=AssetKey(["ml", asset]),
        name=judge.__name__,
        description=description,
        additional_deps=[AssetKey(["analytics", mart]) for mart in after],
    )
    def check(pipeline: PipelineResource) -> AssetCheckResult:
        try:
            settings = pipeline.settings().clickhouse
            warehouse = Warehouse(connect_clickhouse(settings), cluster=settings.cluster)
        except ConnectionFailed as error:
            raise Failure(description=str(error), allow_retries=False) from None
        create_ml_tables(warehouse)
        verdict = judge(warehouse)
        return AssetCheckResult(
            passed=verdict.passed,
            severity=severity,
            description=verdict.sentence,
            metadata=dict(verdict.figures),
        )

    return check


@definitions
def checks() -> Definitions:
    """Return the checks that read what has become of earlier runs."""
    return Definitions(
        asset_checks=[
            _check(
                "sales_forecast",
                bands_hold,
                "Of the finished months, about as many lay within their 95 % band as there should.",
                after=("forecast_vs_fact",),
            ),
            _check(
                "forecast_backtest",
                errors_as_promised,
                "Forecasts err by at most twice what the backtest promised; else sales have changed their ways.",
                after=("forecast_vs_fact", "forecast_backtest"),
            ),
            _check(
                "model_checks",
                calibration_holds,
                "The chances that customers, leads and deals were given came true on the newest period that is over.",
                after=("model_checks",),
                severity=AssetCheckSeverity.ERROR,
            ),
            _check(
                "model_drift",
                inputs_are_alike,
                "No feature of today's customers, leads and deals differs strongly from what was learnt from.",
                after=("model_drift",),
            ),
            _check(
                "model_runs",
                nothing_is_stale,
                "Every active tenant has results of every task that are at most two days old. Asked every night, so it "
                "tells also when the models do not run at all.",
                after=("dim_tenants",),
            ),
        ]
    )
