"""The reports that dbt builds from the replicas of other makers' CRMs, against plain SQL over their tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.replica import Warehouse
from tests.integration.mappings.mapped_crm import MappedCrm, build_crm

REPORTS = {
    "sales": (
        "select tenant_id, month, sum(won_deals) as deals, sum(won_amount_base) as amount "
        "from analytics.sales_by_month group by all having deals > 0"
    ),
    "leads": (
        "select tenant_id, source_name, sum(leads) as number "
        "from analytics.leads_by_source group by all having number > 0"
    ),
}


@pytest.fixture(scope="module")
def own_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """Return a ClickHouse of this module: in the shared one, dbt's databases belong to the demo CRM."""
    access: dict[str, Any] = {"username": "warehouse", "password": "warehouse-password"}
    folder = tmp_path_factory.mktemp("clickhouse")
    with start_clickhouse(folder / "data", user=access["username"], password=access["password"]) as server:
        yield ClickHouseSettings.model_validate({"host": server.host, "port": server.port, **access})


# A history that extraction records is not given up for another CRM, so the one that has it comes last. Its day between
# two loads closes deals: these closes are only observed, and the CRM's own dates count.
@pytest.mark.parametrize(("name", "days"), [("odoo17", []), ("salesforce_clone", ["changes.sql"])])
def test_reports_equal_plain_sql(
    empty_postgres: PostgresSettings, own_clickhouse: ClickHouseSettings, tmp_path: Path, name: str, days: list[str]
) -> None:
    client = connect_clickhouse(own_clickhouse)
    with connect_postgres(empty_postgres) as connection:
        crm = build_crm(name, connection, Warehouse(client, crm="crm", ops="ops"))
        for played in (None, *days):
            if played is not None:
                crm.play(played)
            for table in CANONICAL_TABLES:
                crm.load(table)
        build_models(own_clickhouse, tmp_path)
        expected = crm.plain_rows("reports.sql")
    assert expected.keys() == REPORTS.keys()
    for report, query in REPORTS.items():
        rows = client.query(query).result_rows
        assert len(rows) > 4
        assert Counter(map(MappedCrm.comparable, rows)) == expected[report], report


def build_models(clickhouse: ClickHouseSettings, folder: Path) -> None:
    """Build and test all models in databases `staging` and `analytics`."""
    finished = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "build", "--exclude-resource-type", "unit_test",
            "--project-dir", "dbt_project", "--profiles-dir", "dbt_project",
            "--target-path", str(folder), "--log-path", str(folder),
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "CLICKHOUSE_HOST": clickhouse.host,
            "CLICKHOUSE_PORT": str(clickhouse.port),
            "CLICKHOUSE_USER": clickhouse.username,
            "CLICKHOUSE_PASSWORD": clickhouse.password.get_secret_value(),
            "DBT_AS_OF": "2025-06-01T00:00:00Z",
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
