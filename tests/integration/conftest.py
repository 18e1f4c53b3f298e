"""The real engines, one of each per test session, and fresh databases in them for a test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from clickhouse_connect.driver.binding import quote_identifier
from psycopg import sql
from pydantic import SecretStr

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.clickhouse import start_clickhouse
from deploy.embedded.postgres import start_postgres
from deploy.settings import ClickHouseSettings, PostgresSettings

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresSettings]:
    """Return how to reach a running PostgreSQL; its user may create databases and roles, and sees all sessions."""
    folder = tmp_path_factory.mktemp("postgres")
    with start_postgres(folder / "data", username="crm", password="crm-password", database="crm") as server:
        yield PostgresSettings(
            host=server.host, port=server.port, database="crm", username="crm", password=SecretStr("crm-password")
        )


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """Return how to reach a running ClickHouse."""
    folder = tmp_path_factory.mktemp("clickhouse")
    with start_clickhouse(folder / "data", user="warehouse", password="warehouse-password") as server:
        yield ClickHouseSettings(
            host=server.host, port=server.port, username="warehouse", password=SecretStr("warehouse-password")
        )


@pytest.fixture
def empty_postgres(postgres: PostgresSettings) -> Iterator[PostgresSettings]:
    """Return how to reach an empty database of its own, dropped after the test."""
    name = f"test_{next(_numbers)}"
    with connect_postgres(postgres) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield postgres.model_copy(update={"database": name})
        finally:
            with_force = sql.SQL("drop database if exists {} with (force)")
            server.execute(with_force.format(sql.Identifier(name)))


@pytest.fixture
def clickhouse_prefix(clickhouse: ClickHouseSettings) -> Iterator[str]:
    """Return a prefix for names of ClickHouse databases; those that exist after the test are dropped."""
    prefix = f"test_{next(_numbers)}_"
    yield prefix
    with connect_clickhouse(clickhouse) as client:
        query = "select name from system.databases where startsWith(name, {prefix:String})"
        for (name,) in client.query(query, parameters={"prefix": prefix}).result_rows:
            client.command(f"drop database {quote_identifier(name)}")
