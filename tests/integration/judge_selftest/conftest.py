"""The demo CRM's empty tables for the judge's own tests; each test writes in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from deploy.connections import connect_postgres
from deploy.embedded.postgres import start_postgres
from deploy.settings import REPOSITORY, load_postgres_settings
from tests.integration.judge_selftest.tiny_crm import TinyCrm

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="session")
def empty_crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Return a connection to a database that holds the demo CRM's tables and no rows."""
    schema = (REPOSITORY / "deploy" / "demo_crm" / "schema.sql").read_text(encoding="utf-8")
    data = tmp_path_factory.mktemp("judge") / "postgres"
    with start_postgres(data, username="judge", password="judge", database="judge") as server:
        where = {"DB_HOST": server.host, "DB_PORT": str(server.port), "DB_NAME": "judge"}
        login = {"DB_USERNAME": "judge", "DB_PASSWORD": "judge"}
        with connect_postgres(load_postgres_settings(where | login)) as connection:
            connection.execute(schema)
            yield connection


@pytest.fixture
def bare_crm(empty_crm: Connection) -> Iterator[TinyCrm]:
    """Return a CRM without any row, not even a tenant."""
    with empty_crm.transaction(force_rollback=True):
        yield TinyCrm(empty_crm)


@pytest.fixture
def crm(bare_crm: TinyCrm) -> TinyCrm:
    """Return a CRM with the tenant `acme`, which lives in UTC and counts in US dollars."""
    bare_crm.tenant("acme")
    return bare_crm


@pytest.fixture
def pipeline(crm: TinyCrm) -> int:
    """Return a pipeline of two open stages, a won one and a lost one."""
    stages = {"new": (10, "open"), "offer": (20, "open"), "signed": (30, "won"), "lost": (40, "lost")}
    return crm.pipeline("Main", stages)
