"""Jobs and their schedules. What a job does lies in its assets and checks."""

from dagster import AssetSelection, DefaultScheduleStatus, ScheduleDefinition, define_asset_job

from orchestration.defs.crm.assets import MONTHS
from orchestration.defs.crm.quality import quality_checks
from orchestration.defs.crm.reconciliation import reconciliation_checks
from orchestration.defs.dbt.assets import warehouse_models
from orchestration.defs.ml.checks import STALENESS
from orchestration.defs.ml.selections import ML_ASSETS, ML_MODELS

# The run queue lets one run with this tag work at a time (see deploy/dagster/dagster.yaml): two loads of one table at
# once would be refused by the second anyway.
PIPELINE_TAG = {"crm_analytics/pipeline": "warehouse"}

# Months are read again on demand only. Models have a job of their own, which also tests the marts that read them; the
# night asks whether they are fresh.
_everything = (
    AssetSelection.all()
    - AssetSelection.key_prefixes(MONTHS)
    - ML_ASSETS
    - AssetSelection.checks_for_assets(*ML_MODELS)
) | AssetSelection.checks(STALENESS)
_reconciliation = AssetSelection.checks(*reconciliation_checks())
_quality = AssetSelection.checks(*quality_checks())

nightly = define_asset_job(
    "nightly",
    selection=_everything,
    tags=PIPELINE_TAG,
    description="Extract what changed, prove and examine the replicas, rebuild and test every model.",
)

hourly = define_asset_job(
    "hourly",
    selection=(
        _everything
        - AssetSelection.checks_for_assets(warehouse_models)
        - AssetSelection.checks(STALENESS)
        - _reconciliation
        - _quality
    ),
    tags=PIPELINE_TAG,
    description="Extract what changed and rebuild the models, without reconciliation and the nightly tests.",
)

quality = define_asset_job(
    "quality",
    selection=_quality,
    tags=PIPELINE_TAG,
    description="Examine the landed tables by their suites and write the Data Docs, without building any model.",
)

reconcile = define_asset_job(
    "reconcile",
    selection=_reconciliation,
    tags=PIPELINE_TAG,
    description="Prove every replica equal to the CRM and repair what differs, without building any model.",
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
