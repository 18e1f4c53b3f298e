"""A CRM of its own for each test of the doctor, and a filled demo CRM that no test changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from deploy.connections import connect_postgres
from deploy.demo_crm import fill
from deploy.settings import PostgresSettings
from tests.integration.doctor.clinic import AS_OF, Clinic

DEALS = 1_000


@pytest.fixture
def clinic(empty_postgres: PostgresSettings) -> Iterator[Clinic]:
    """Return an empty CRM."""
    with connect_postgres(empty_postgres) as connection:
        yield Clinic(connection)


@pytest.fixture(scope="session")
def demo_database(postgres: PostgresSettings) -> PostgresSettings:
    """Return how to reach a filled demo CRM."""
    settings = postgres.model_copy(update={"database": "doctor_demo"})
    with connect_postgres(postgres) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(settings.database)))
    with connect_postgres(settings) as connection:
        fill(connection, seed=7, deals=DEALS, as_of=AS_OF)
    return settings


@pytest.fixture
def demo(demo_database: PostgresSettings) -> Iterator[Clinic]:
    """Return the filled demo CRM."""
    with connect_postgres(demo_database) as connection:
        yield Clinic(connection)
