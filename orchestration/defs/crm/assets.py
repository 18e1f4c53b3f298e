"""One asset per replica in database `crm`. The loads themselves belong in `orchestration.extraction`.

Add an asset here when a canonical table is added; say what a table holds in `REPLICA_DESCRIPTIONS`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Config,
    Definitions,
    MaterializeResult,
    MetadataValue,
    asset,
    definitions,
)
from pydantic import Field

from orchestration.defs.crm.session import WAIT_FOR_OTHERS, replica_session
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.load import LoadResult, load_table
from orchestration.resources import PipelineResource

REPLICA_DESCRIPTIONS: Mapping[str, str] = {
    "tenants": "Tenants of the CRM with time zone, currency and language.",
    "departments": "Departments of a tenant and who directs them.",
    "users": "Users of a tenant with role and department.",
    "pipelines": "Sales pipelines.",
    "stages": "Stages of the pipelines with their outcome: open, won or lost.",
    "lead_sources": "Lead sources as the CRM spells them.",
    "companies": "Client companies.",
    "contacts": "Contact persons; personal fields only where a mapping asks for them.",
    "leads": "Leads with source, owner and the CRM's own conversion stamp.",
    "deals": "Deals with stage, owner, amount and currency.",
    "deal_stage_history": "Entries of deals into stages.",
    "deal_owner_history": "Changes of a deal's owner.",
    "activities": "Tasks, calls, meetings and e-mails with their completion.",
    "messages": "Texts of e-mails, chats and calls.",
    "exchange_rates": "Dated exchange rates into the tenant's currency.",
}


MONTHS = "crm_months"
"""First part of the keys of the assets that read single months again (see `months`)."""


class ExtractionConfig(Config):
    """What a person may choose when launching an extraction."""

    full_refresh: bool = Field(default=False, description="Read the whole table and exchange it in at once.")


def replica_asset(table: str) -> AssetsDefinition:
    """Build the asset of one canonical table, with the checks that its load itself can answer."""
    key = AssetKey(["crm", table])

    @asset(
        key=key,
        deps=[AssetKey([MONTHS, table])] if CANONICAL_TABLES[table].partition_column else [],
        description=REPLICA_DESCRIPTIONS[table],
        group_name="crm_replicas",
        kinds={"postgres", "clickhouse"},
        owners=["team:data"],
        check_specs=[
            AssetCheckSpec(
                "boundary_sees_open_transactions",
                asset=key,
                description="Open transactions of the CRM are visible, so no row committed late can be missed.",
            ),
            AssetCheckSpec(
                "every_value_representable",
                asset=key,
                description="No value became empty because ClickHouse cannot hold it (infinite or far dates, NaN).",
            ),
        ],
    )
    def replica(
        context: AssetExecutionContext, config: ExtractionConfig, pipeline: PipelineResource
    ) -> Iterator[MaterializeResult[Any]]:
        result = _load(context, pipeline, table, full=config.full_refresh)
        yield MaterializeResult(metadata=load_metadata(result), check_results=load_checks(result, key))

    return replica


def _load(context: AssetExecutionContext, pipeline: PipelineResource, table: str, *, full: bool) -> LoadResult:
    with replica_session(context, pipeline) as session:
        return load_table(
            session.crm,
            session.warehouse,
            session.mapping,
            table,
            run_id=context.run.run_id,
            full=full,
            wait=WAIT_FOR_OTHERS,
            transport=session.transport,
        )


def load_metadata(result: LoadResult) -> dict[str, Any]:
    """Return what the Dagster UI shows of a load."""
    metadata: dict[str, Any] = {
        "mode": result.mode if not result.reason else f"{result.mode}: {result.reason}",
        "rows": result.rows,
        "rows_changed": result.rows_changed,
        "bytes": result.bytes,
        "seconds": MetadataValue.float(round(result.seconds, 3)),
    }
    if result.boundary is not None:
        metadata["boundary"] = MetadataValue.timestamp(result.boundary)
        metadata["boundary_method"] = result.boundary_method or ""
        metadata["boundary_note"] = result.boundary_note or "nothing held it back"
        metadata["transport"] = result.transport or ""
        metadata["transport"] = result.transport or ""
    return metadata


def load_checks(result: LoadResult, key: AssetKey) -> list[AssetCheckResult]:
    """Return the answers that a load gives to its asset's checks. Both only warn: the rows themselves are right."""
    lost = dict(result.not_representable)
    return [
        AssetCheckResult(
            asset_key=key,
            check_name="boundary_sees_open_transactions",
            passed=result.boundary_method != "lag",
            severity=AssetCheckSeverity.WARN,
            description=result.boundary_note or "boundary from open transactions",
        ),
        AssetCheckResult(
            asset_key=key,
            check_name="every_value_representable",
            passed=not lost,
            severity=AssetCheckSeverity.WARN,
            description=", ".join(f"{column}: {count}" for column, count in lost.items()) or "all values held",
            metadata={column: count for column, count in lost.items()},
        ),
    ]


@definitions
def replicas() -> Definitions:
    """Return the assets of all canonical tables."""
    return Definitions(assets=[replica_asset(table) for table in CANONICAL_TABLES])
