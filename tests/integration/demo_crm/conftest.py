"""One embedded PostgreSQL for the demo's tests; each test that changes data works on a copy of a filled database."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.demo_crm import fill
from deploy.embedded.postgres import RunningPostgres, start_postgres

Connection = psycopg.Connection[Any]
Databases = Callable[..., Connection]

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
PASSWORD = "secret"


@pytest.fixture(scope="session")
def server() -> Iterator[RunningPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="demo-crm-"))
    folder.chmod(0o711)
    with start_postgres(folder / "data", username="crm", password=PASSWORD, database="crm", durable=False) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def make_database(server: RunningPostgres) -> Iterator[Databases]:
    """Make databases: empty ones, or copies of another one, and return a connection to each."""
    numbers = itertools.count()
    opened: list[Connection] = []

    def connect(name: str) -> Connection:
        connection = psycopg.connect(
            host=server.host,
            port=server.port,
            user="crm",
            password=PASSWORD,
            dbname=name,
            autocommit=True,
            options="-c timezone=UTC",
        )
        opened.append(connection)
        return connection

    admin = connect("crm")

    def make(template: str | None = None, again: str | None = None) -> Connection:
        if again is not None:
            return connect(again)
        name = f"demo_{next(numbers)}"
        admin.execute(f"create database {name} template {template or 'template1'}")
        return connect(name)

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def filled(make_database: Databases) -> str:
    """Fill a database and return its name; nobody stays connected, so that it can be copied."""
    with make_database() as connection:
        fill(connection, seed=7, deals=1_500, as_of=AS_OF)
        return connection.info.dbname


@pytest.fixture(scope="session")
def demo(make_database: Databases, filled: str) -> Connection:
    """A filled database that no test changes."""
    return make_database(filled)


@pytest.fixture
def copy(make_database: Databases, filled: str) -> Connection:
    """A filled database of the test's own."""
    return make_database(filled)
