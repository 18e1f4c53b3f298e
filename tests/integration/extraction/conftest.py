"""A CRM database and a warehouse of its own for each test of the extraction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench


@pytest.fixture
def crm(empty_postgres: PostgresSettings) -> Iterator[Connection]:
    """Return a connection to an empty CRM database, in autocommit."""
    with connect_postgres(empty_postgres) as connection:
        yield connection


@pytest.fixture
def warehouse(clickhouse_client: Client, clickhouse_prefix: str) -> Warehouse:
    """Return a warehouse without any database yet."""
    return Warehouse(clickhouse_client, crm=f"{clickhouse_prefix}crm", ops=f"{clickhouse_prefix}ops")


@pytest.fixture
def bench(crm: Connection, warehouse: Warehouse) -> Bench:
    """Return the CRM and the warehouse with the few moves that most tests make."""
    return Bench(crm, warehouse)
