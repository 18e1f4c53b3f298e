"""What the models of churn and scoring read of a tenant is what its CRM says, in the tenant's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from orchestration.extraction.replica import Warehouse
from orchestration.ml.marts import read_tenants
from orchestration.ml.sales_events import MartEvents, read_mart_events
from tests.integration.pipeline.conftest import Company


@pytest.fixture(scope="module")
def events(company: Company) -> dict[str, MartEvents]:
    """Return the events of each tenant up to and with its last day."""
    warehouse = Warehouse(connect_clickhouse(company.warehouse))
    return {
        tenant.id: read_mart_events(warehouse, tenant, tenant.today + timedelta(days=1))
        for tenant in read_tenants(warehouse)
    }


def test_stages_are_named_as_the_crm_names_them(company: Company, events: dict[str, MartEvents]) -> None:
    """Reasons are sentences: nobody knows stages by their ids."""
    with connect_postgres(company.crm) as crm:
        names = {
            (str(tenant), str(pipeline), str(stage)): name
            for tenant, pipeline, stage, name in crm.execute(
                "select pipelines.tenant_id, pipeline_id, stages.id, stages.name from stages "
                "join pipelines on pipelines.id = pipeline_id where pipelines.deleted_at is null"
            ).fetchall()
        }
    named = 0
    for tenant, found in events.items():
        entries = found.stage_entries[["pipeline_id", "stage_id", "stage_name"]]
        for pipeline, stage, name in entries.itertuples(index=False, name=None):
            known = names.get((tenant, str(pipeline), str(stage)))
            assert name == (known or stage)
            named += known is not None
    assert named > 1_000
