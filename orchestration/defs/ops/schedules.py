"""Jobs and their schedules. What a job does lies in its assets and checks."""

from dagster import AssetSelection, DefaultScheduleStatus, ScheduleDefinition, define_asset_job

from orchestration.defs.dbt.assets import warehouse_models

# The run queue lets one run with this tag work at a time (see deploy/dagster/dagster.yaml): two loads of one table at
# once would be refused by the second anyway.
PIPELINE_TAG = {"crm_analytics/pipeline": "warehouse"}

nightly = define_asset_job(
    "nightly",
    selection=AssetSelection.all(),
    tags=PIPELINE_TAG,
    description="Extract what changed, rebuild and test every model, run every check.",
)

hourly = define_asset_job(
    "hourly",
    selection=AssetSelection.all() - AssetSelection.checks_for_assets(warehouse_models),
    tags=PIPELINE_TAG,
    description="Extract what changed and rebuild the models, without the nightly tests.",
)

nightly_schedule = ScheduleDefinition(
    name="nightly",
    job=nightly,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)

hourly_schedule = ScheduleDefinition(
    name="hourly",
    job=hourly,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.STOPPED,
)
