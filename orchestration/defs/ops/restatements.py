"""The restatement log as an asset: after each build, which figures of closed months changed.

How changes are found belongs in `orchestration.restatements`.
"""

from collections.abc import Sequence

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
    asset,
)

from orchestration.dbt_manifest import load_dbt_project
from orchestration.defs.crm.session import WAIT_FOR_OTHERS, replica_session
from orchestration.extraction.lock import table_lock
from orchestration.resources import PipelineResource
from orchestration.restatements import Restatement, log_restatements, read_restated_marts

_SHOWN = 100

_manifest = load_dbt_project().manifest_path
_marts = read_restated_marts(_manifest)
_read = [name for mart in _marts for name in (mart.mart, f"{mart.mart}_records")]

# dbt's view for readers names this as its source. With the asset below for a source, the models would have to be built
# in two runs of dbt, before and after it; a view is right without that.
restatement_tables = AssetSpec(
    key=AssetKey(["ops", "restatement_tables"]),
    group_name="ops",
    description="What readers see of the restatement log in database ops; filled by ops/restatements.",
    owners=["team:data"],
)


@asset(
    key=AssetKey(["ops", "restatements"]),
    deps=[AssetKey(["analytics", name]) for name in (*_read, "dim_tenants")],
    group_name="ops",
    owners=["team:data"],
    description="Which figures of closed months changed since the last build, from what to what, and by which records.",
    kinds={"clickhouse"},
)
def restatements(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """Log what changed in closed months; the first run only remembers them."""
    with (
        replica_session(context, pipeline) as session,
        table_lock(session.crm, session.warehouse, "restatement log", wait=WAIT_FOR_OTHERS),
    ):
        found = log_restatements(
            session.warehouse,
            read_restated_marts(_manifest),
            tenants="analytics.dim_tenants",
            rebuilt_records="ops.rebuilt_records",
            run_id=context.run_id,
        )
    return MaterializeResult(
        metadata={
            "restated_figures": len(found),
            "records": sum(entry.records for entry in found),
            "largest": MetadataValue.table(records=table_records(found[:_SHOWN]), schema=_SCHEMA),
        }
    )


_SCHEMA = TableSchema(
    columns=[
        *(TableColumn(name, "string") for name in ("mart", "tenant", "month", "measure", "from", "to")),
        TableColumn("records", "int"),
    ]
)


def table_records(found: Sequence[Restatement]) -> list[TableRecord]:
    """Return the rows of the table that the Dagster UI shows; amounts as text, to the cent."""
    return [
        TableRecord(
            {
                "mart": entry.mart,
                "tenant": entry.tenant,
                "month": f"{entry.month:%Y-%m}",
                "measure": entry.measure,
                "from": str(entry.value_from),
                "to": str(entry.value_to),
                "records": entry.records,
            }
        )
        for entry in found
    ]
