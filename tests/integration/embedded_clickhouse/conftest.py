"""One server of their own for these tests, with little memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from clickhouse_connect.driver.client import Client

from deploy.embedded.clickhouse import RunningClickHouse, start_clickhouse
from tests.integration.embedded_clickhouse.server_access import MEMORY, PASSWORD, USER, connect

_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClickHouse]:
    """Return a running server with little memory."""
    folder = tmp_path_factory.mktemp("embedded_clickhouse") / "data"
    with start_clickhouse(folder, user=USER, password=PASSWORD, max_memory=MEMORY) as running:
        yield running


@pytest.fixture
def client(server: RunningClickHouse) -> Iterator[Client]:
    """Return a client without a session."""
    opened = connect(server.port)
    yield opened
    opened.close()


@pytest.fixture
def database(client: Client) -> Iterator[str]:
    """Return the name of an empty database."""
    name = f"test_{next(_numbers)}"
    client.command(f"create database {name} engine = Atomic")
    yield name
    client.command(f"drop database {name}")


@pytest.fixture
def table(client: Client, database: str) -> str:
    """Return the name of an empty table `(id UInt64, text String)`."""
    client.command(f"create table {database}.rows (id UInt64, text String) engine = MergeTree order by id")
    return f"{database}.rows"
