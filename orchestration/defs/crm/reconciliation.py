"""One check per replica that proves it equal to the CRM and repairs what differs, before any model is built on it.

How rows are compared belongs in `orchestration.extraction.reconciliation`.
"""

from collections.abc import Iterator

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    multi_asset_check,
)

from orchestration.defs.crm.session import WAIT_FOR_OTHERS, ReplicaSession, connection_broke, replica_session
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.reconciliation_log import Reconciliation
from orchestration.progress import PROOF
from orchestration.resources import PipelineResource


@multi_asset_check(
    name="reconciliation",
    specs=[
        AssetCheckSpec(
            PROOF,
            asset=AssetKey(["crm", table]),
            blocking=True,
            description=(
                "Count and XOR of the row hashes of 4,096 buckets are the same in the CRM and in the replica. Buckets "
                "that differ are read again, and rows that the CRM has no more become tombstones."
            ),
        )
        for table in CANONICAL_TABLES
    ],
    can_subset=True,
)
def reconciliation(context: AssetCheckExecutionContext, pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
    """Reconcile the chosen replicas one after the other; one that fails does not keep the others from it."""
    chosen = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
    with replica_session(context, pipeline) as session:
        for table in (name for name in CANONICAL_TABLES if name in chosen):
            yield _reconcile(session, table, context.op_execution_context.run_id)


def _reconcile(session: ReplicaSession, table: str, run_id: str) -> AssetCheckResult:
    try:
        result = reconcile_table(
            session.crm, session.warehouse, session.mapping, table, run_id=run_id, wait=WAIT_FOR_OTHERS
        )
    except ExtractionError as error:
        if connection_broke(error):
            raise
        return AssetCheckResult(
            asset_key=AssetKey(["crm", table]),
            check_name=PROOF,
            passed=False,
            severity=AssetCheckSeverity.ERROR,
            description=str(error),
        )
    return check_result(table, result)


def check_result(table: str, result: Reconciliation | None) -> AssetCheckResult:
    """Return what the Dagster UI shows of a reconciliation; None stands for a table that is not mapped."""
    if result is None:
        return AssetCheckResult(
            asset_key=AssetKey(["crm", table]), check_name=PROOF, passed=True, description="not filled from the CRM"
        )
    return AssetCheckResult(
        asset_key=AssetKey(["crm", table]),
        check_name=PROOF,
        passed=result.clean,
        severity=AssetCheckSeverity.ERROR,
        description=result.describe(),
        metadata={
            "rows": result.rows,
            "buckets": result.buckets,
            "buckets_differing": result.buckets_differing,
            "rows_changed_since_load": result.changes.recent,
            "rows_without_new_stamp": result.changes.unstamped,
            "rows_missing": result.changes.missing,
            "rows_changed_by_hand": result.changes.damaged,
            "tombstones": result.tombstones,
            "seconds": MetadataValue.float(round(result.seconds, 3)),
        },
    )


def reconciliation_checks() -> list[AssetCheckKey]:
    """Return the keys of all these checks."""
    return [AssetCheckKey(AssetKey(["crm", table]), PROOF) for table in CANONICAL_TABLES]
