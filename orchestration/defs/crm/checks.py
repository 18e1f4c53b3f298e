"""Checks across the replicas that must hold before a model may be built.

A check of what one load saw belongs to that load's asset; a rule about figures belongs to the dbt project.
"""

from dagster import AssetCheckResult, AssetKey, asset_check

from deploy.connections import connect_clickhouse
from orchestration.resources import PipelineResource

_UNKNOWN_TIME_ZONES = """
select tenant_id, timezone
from crm.tenants final
where timezone not in (select time_zone from system.time_zones)
order by tenant_id
"""


@asset_check(
    asset=AssetKey(["crm", "tenants"]),
    blocking=True,
    description="Every tenant's time zone is one that the warehouse knows: days and months depend on it.",
)
def tenant_time_zones_known(pipeline: PipelineResource) -> AssetCheckResult:
    """Name every tenant whose time zone is unknown."""
    client = connect_clickhouse(pipeline.settings().clickhouse)
    unknown = [
        f"tenant '{tenant}': time zone '{zone}'" for tenant, zone in client.query(_UNKNOWN_TIME_ZONES).result_rows
    ]
    return AssetCheckResult(
        passed=not unknown,
        description=f"{'; '.join(unknown)} is unknown: correct tenants.timezone in the CRM" if unknown else "all known",
        metadata={"unknown": len(unknown)},
    )
