"""CRMs of other makers in PostgreSQL, with rows of their own, and a warehouse to load them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction.replica import Warehouse
from tests.integration.mappings.mapped_crm import MappedCrm, build_crm


@pytest.fixture
def mapped_crm(
    empty_postgres: PostgresSettings, clickhouse_client: Client, clickhouse_prefix: str
) -> Iterator[Callable[[str], MappedCrm]]:
    """Return what builds the CRM of that name with its rows, and the warehouse beside it."""
    warehouse = Warehouse(clickhouse_client, crm=f"{clickhouse_prefix}crm", ops=f"{clickhouse_prefix}ops")
    with connect_postgres(empty_postgres) as connection:
        yield lambda name: build_crm(name, connection, warehouse)
