"""When models run: `ml_refresh` after each night that succeeded. What it does lies in the assets and checks."""

from datetime import UTC, datetime

from dagster import (
    AssetSelection,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    define_asset_job,
    run_status_sensor,
)

from orchestration.defs.ml.checks import STALENESS
from orchestration.defs.ml.selections import ML_ASSETS, ML_MODELS
from orchestration.defs.ops.schedules import nightly
from orchestration.partitions import as_of_days
from orchestration.resources import PipelineResource

# One refresh at a time; hourly loads may run beside it.
ML_TAG = {"crm_analytics/ml": "models"}

ml_refresh = define_asset_job(
    "ml_refresh",
    selection=(ML_ASSETS | AssetSelection.assets(*ML_MODELS)) - AssetSelection.checks(STALENESS),
    partitions_def=as_of_days,
    tags=ML_TAG,
    description="Forecast every tenant, write database ml, test the marts that read it, judge earlier forecasts.",
)

ml_forecasts = define_asset_job(
    "ml_forecasts",
    selection=(
        AssetSelection.assets(["ml", "sales_forecast"], ["ml", "quarter_forecast"])
        | AssetSelection.assets(*(key for key in ML_MODELS if "forecast" in key.path[-1]))
    ).required_multi_asset_neighbors(),
    partitions_def=as_of_days,
    tags=ML_TAG,
    description="Only the forecasts of sales and of the quarter, with the marts that read them.",
)

ml_training = define_asset_job(
    "ml_training",
    selection=AssetSelection.assets(["ml", "trained_models"]),
    partitions_def=as_of_days,
    tags=ML_TAG,
    config={"ops": {"ml__training": {"config": {"retrain": True}}}},
    description="Train the models of every tenant anew, also those that are young; scoring uses them from that day on.",
)


@run_status_sensor(
    name="ml_refresh_follows_nightly",
    run_status=DagsterRunStatus.SUCCESS,
    monitored_jobs=[nightly],
    request_job=ml_refresh,
    default_status=DefaultSensorStatus.RUNNING,
    description="A job of its own, so that a model that fails cannot fail the night's reports.",
)
def ml_refresh_follows_nightly(context: RunStatusSensorContext, pipeline: PipelineResource) -> RunRequest:
    """Ask for the day on which the night's marts stand."""
    run = context.dagster_run
    record = context.instance.get_run_record_by_id(run.run_id)
    moment = pipeline.run_moment(record.create_timestamp if record else datetime.now(UTC))
    return RunRequest(run_key=run.run_id, partition_key=moment.astimezone(UTC).date().isoformat())
