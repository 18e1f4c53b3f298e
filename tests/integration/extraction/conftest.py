"""A CRM database and a warehouse of its own for each test of the extraction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench


@pytest.fixture
def crm(empty_postgres: PostgresSettings) -> Iterator[Connection]:
    """Return a connection to an empty CRM database, in autocommit."""
    with connect_postgres(empty_postgres) as connection:
        yield connection


@pytest.fixture
def demo_crm(crm: Connection) -> Connection:
    """Return a connection to a CRM database with the demo CRM's tables and no rows."""
    crm.execute((REPOSITORY / "deploy" / "demo_crm" / "schema.sql").read_bytes())
    return crm


@pytest.fixture
def warehouse(clickhouse: ClickHouseSettings, clickhouse_prefix: str) -> Iterator[Warehouse]:
    """Return a warehouse without any database yet."""
    with connect_clickhouse(clickhouse) as client:
        yield Warehouse(client, crm=f"{clickhouse_prefix}crm", ops=f"{clickhouse_prefix}ops")


@pytest.fixture
def bench(crm: Connection, warehouse: Warehouse) -> Bench:
    """Return the CRM and the warehouse with the few moves that most tests make."""
    return Bench(crm, warehouse)
