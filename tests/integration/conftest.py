"""The real engines, one of each per test session, and fresh databases in them for a test that asks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from psycopg import sql

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.clickhouse import start_clickhouse
from deploy.embedded.postgres import start_postgres
from deploy.settings import ClickHouseSettings, PostgresSettings

# Views that refresh themselves every few seconds would keep a tenth of a core busy in each engine.
os.environ.setdefault("TODAY_REFRESH_SECONDS", "86400")

_MEMORY = Path("/dev/shm")
_ENOUGH_MEMORY = 4 * 1024**3

_numbers = count(1)


@contextmanager
def engine_folder() -> Iterator[Path]:
    """Hold a folder for the data of an engine, in memory where there is plenty: nothing in it has to last.

    It is not pytest's: each start of pytest closes that one to the other user as whom PostgreSQL runs under root.
    """
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_MEMORY
    with tempfile.TemporaryDirectory(prefix="crm-analytics-", dir=_MEMORY if in_memory else None) as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresSettings]:
    """Return how to reach a running PostgreSQL; its user may create databases and roles, and sees all sessions."""
    with (
        engine_folder() as data,
        start_postgres(data, username="crm", password="crm-password", database="crm") as server,
    ):
        yield PostgresSettings.model_validate(
            {"host": server.host, "port": server.port, "database": "crm", "username": "crm", "password": "crm-password"}
        )


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[ClickHouseSettings]:
    """Return how to reach a running ClickHouse."""
    with (
        engine_folder() as data,
        start_clickhouse(data, user="warehouse", password="warehouse-password") as server,
    ):
        yield ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "warehouse", "password": "warehouse-password"}
        )


@pytest.fixture
def empty_postgres(postgres: PostgresSettings) -> PostgresSettings:
    """Return how to reach an empty database, the same one for each test: emptying is much faster than creating."""
    scratch = postgres.model_copy(update={"database": "scratch"})
    with connect_postgres(postgres) as server:
        if server.execute("select from pg_database where datname = %s", [scratch.database]).fetchone() is None:
            server.execute(sql.SQL("create database {}").format(sql.Identifier(scratch.database)))
    with connect_postgres(scratch) as connection:
        query = "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
        for (schema,) in connection.execute(query).fetchall():
            connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
        connection.execute("create schema public; grant usage on schema public to public")
    return scratch


@pytest.fixture(scope="session")
def clickhouse_client(clickhouse: ClickHouseSettings) -> Iterator[Client]:
    """Return a client without a session, for tests that use it from one thread."""
    with connect_clickhouse(clickhouse, autogenerate_session_id=False) as client:
        yield client


@pytest.fixture
def clickhouse_prefix(clickhouse_client: Client) -> Iterator[str]:
    """Return a prefix for names of ClickHouse databases; those that exist after the test are dropped."""
    prefix = f"test_{next(_numbers)}_"
    yield prefix
    query = "select name from system.databases where startsWith(name, {prefix:String})"
    for (name,) in clickhouse_client.query(query, parameters={"prefix": prefix}).result_rows:
        clickhouse_client.command(f"drop database {quote_identifier(name)}")
