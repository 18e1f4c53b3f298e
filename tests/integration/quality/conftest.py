"""Replicas of a demo CRM, landed once, that each test breaks in its own way and mends again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import load_mapping
from orchestration.extraction.replica import Warehouse
from tests.integration.conftest import engine_folder
from tests.integration.pipeline.conftest import Company, create_database

DEALS = 300


@pytest.fixture(scope="module")
def landed(postgres: PostgresSettings, clickhouse: ClickHouseSettings) -> Iterator[Warehouse]:
    """Return the warehouse of a demo CRM, without any model."""
    crm = create_database(postgres, "quality_landed")
    client = connect_clickhouse(clickhouse)
    warehouse = Warehouse(client, crm="quality_crm", ops="quality_ops")
    mapping = load_mapping("demo")
    with connect_postgres(crm) as connection:
        fill(connection, deals=DEALS, as_of=datetime.now(UTC))
        for table in CANONICAL_TABLES:
            load_table(connection, warehouse, mapping, table, run_id="test")
    yield warehouse
    for database in (warehouse.crm, warehouse.ops):
        client.command(f"drop database {database}")


@pytest.fixture(scope="session")
def firm(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Return a company with a warehouse of its own, whose nightly job has run once.

    A test that changes the CRM ends with a night that succeeds: the next file reads the marts.
    """
    crm = create_database(postgres, "firm")
    with connect_postgres(crm) as connection:
        fill(connection, deals=DEALS, as_of=datetime.now(UTC))
    access: dict[str, Any] = {"username": "warehouse", "password": "warehouse-password"}
    with (
        engine_folder() as data,
        start_clickhouse(data, user=access["username"], password=access["password"]) as server,
    ):
        warehouse = ClickHouseSettings.model_validate({"host": server.host, "port": server.port, **access})
        company = Company(crm, warehouse, tmp_path_factory.mktemp("quality_firm"))
        first = company.run()
        assert first.returncode == 0, first.stdout + first.stderr
        company.outputs["first night"] = first.stdout
        yield company
