"""One asset per replica with creation dates, partitioned by month: what a backfill in the UI reads again.

The replica itself is one table and one asset (`assets`); it follows these in the lineage, and the models follow it. A
backfill of months "with downstream" therefore ends with fresh marts; where somebody backfills months alone,
`models_follow_months` brings the marts up to date.
"""

from collections.abc import Sequence, Set
from datetime import date

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DagsterInstance,
    DefaultSensorStatus,
    Definitions,
    Failure,
    MaterializeResult,
    MetadataValue,
    RunRequest,
    SensorEvaluationContext,
    SkipReason,
    asset,
    definitions,
    sensor,
)
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, RunsFilter

from orchestration.defs.crm.assets import MONTHS, REPLICA_DESCRIPTIONS
from orchestration.defs.crm.session import WAIT_FOR_OTHERS, replica_session
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.months import load_month
from orchestration.extraction.reconciliation_log import Reconciliation
from orchestration.partitions import creation_months
from orchestration.resources import PipelineResource

_TABLES = tuple(name for name, table in CANONICAL_TABLES.items() if table.partition_column)
_MONTHS_PER_RUN = 12
_A_MART = AssetKey(["analytics", "sales_by_month"])


def months_asset(table: str) -> AssetsDefinition:
    """Build the asset of the months of one canonical table."""

    @asset(
        key=AssetKey([MONTHS, table]),
        description=(
            f"{REPLICA_DESCRIPTIONS[table]} Reads the rows created in the chosen months (UTC) from the CRM again and "
            f"makes the replica equal to them; only rows that differ are written. Include downstream assets to rebuild "
            f"the marts in the same backfill."
        ),
        group_name="crm_backfill",
        kinds={"postgres", "clickhouse"},
        owners=["team:data"],
        partitions_def=creation_months,
        # A run per month would mostly start processes.
        backfill_policy=BackfillPolicy.multi_run(max_partitions_per_run=_MONTHS_PER_RUN),
    )
    def months(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
        results = _load_months(context, pipeline, table)
        unclean = [result.scope for result in results if not result.clean]
        if unclean:
            raise Failure(f"{table}: {', '.join(unclean)} still differ from the CRM; reconcile the table")
        return MaterializeResult(metadata=months_metadata(results))

    return months


def _load_months(context: AssetExecutionContext, pipeline: PipelineResource, table: str) -> list[Reconciliation]:
    results = []
    with replica_session(context, pipeline) as session:
        for key in context.partition_keys:
            result = load_month(
                session.crm,
                session.warehouse,
                session.mapping,
                table,
                month=date.fromisoformat(key),
                run_id=context.run.run_id,
                wait=WAIT_FOR_OTHERS,
            )
            if result is not None:
                context.log.info(f"{table}, {result.describe()}")
                results.append(result)
    return results


def months_metadata(results: list[Reconciliation]) -> dict[str, MetadataValue]:
    """Return what the Dagster UI shows of the months of one run."""
    lines = [
        f"| {result.scope} | {result.rows:,} | {result.changes.total:,} | {result.tombstones:,} |" for result in results
    ]
    return {
        "rows": MetadataValue.int(sum(result.rows for result in results)),
        "rows_changed": MetadataValue.int(sum(result.changes.total for result in results)),
        "tombstones": MetadataValue.int(sum(result.tombstones for result in results)),
        "seconds": MetadataValue.float(round(sum(result.seconds for result in results), 3)),
        "months": MetadataValue.md(
            "\n".join(["| month | rows | written again | tombstones |", "|---|--:|--:|--:|", *lines])
        ),
    }


@sensor(
    job_name="hourly",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Rebuilds the marts after months were read again without what is downstream of them.",
)
def models_follow_months(context: SensorEvaluationContext) -> RunRequest | SkipReason:
    """Request one run of `hourly` when all reading of months has ended and the marts are older than it."""
    months = [AssetKey([MONTHS, table]) for table in _TABLES]
    if _reads_months(context.instance, set(months)):
        return SkipReason("months are being read")
    read = _newest_materialization(context.instance, months)
    if read <= max(int(context.cursor or 0), _newest_materialization(context.instance, [_A_MART])):
        return SkipReason("no months were read since the marts were built")
    context.update_cursor(str(read))
    return RunRequest(run_key=f"months-{read}")


def _reads_months(instance: DagsterInstance, months: Set[AssetKey]) -> bool:
    """Tell whether a run or a backfill of any of these assets is unfinished."""
    backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
    if any(set(backfill.asset_selection or ()) & months for backfill in backfills):
        return True
    unfinished = instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES))
    return any(set(run.asset_selection or ()) & months for run in unfinished)


def _newest_materialization(instance: DagsterInstance, keys: Sequence[AssetKey]) -> int:
    """Return the place in the event log of the newest materialization of any of these assets; 0 if there is none."""
    records = instance.get_asset_records(keys)
    return max((record.asset_entry.last_materialization_storage_id or 0 for record in records), default=0)


@definitions
def backfills() -> Definitions:
    """Return the assets of all months, and the sensor that lets the models follow."""
    return Definitions(assets=[months_asset(table) for table in _TABLES], sensors=[models_follow_months])
