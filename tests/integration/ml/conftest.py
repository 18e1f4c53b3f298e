"""A warehouse whose marts hold three tenants, written by hand: what models read, without extraction and dbt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from deploy.connections import connect_clickhouse
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings
from orchestration.extraction.replica import Warehouse
from orchestration.ml.tables import TABLES, create_ml_tables
from tests.integration.conftest import engine_folder

TODAY = date(2026, 3, 10)
TENANTS = {"ada": ("USD", "en", ""), "boris": ("RUB", "ru", "ru"), "chen": ("KZT", "ru", "")}
_MARTS = """
create table analytics.dim_tenants (tenant_id String, tenant_name String, currency String, locale String,
    timezone String, as_of_day Date32, is_active Bool) engine = MergeTree order by tenant_id;
create table analytics.dim_business_days (tenant_id String, country String) engine = MergeTree order by tenant_id;
create table analytics.fct_deals (tenant_id String, deal_id String, department_id String, manager_id String,
    pipeline_id String, lead_id Nullable(String), created_day Date32, amount_base Nullable(Decimal(18, 2)))
    engine = MergeTree order by (tenant_id, deal_id);
create table analytics.fct_leads (tenant_id String, lead_id String, source_id String)
    engine = MergeTree order by (tenant_id, lead_id);
create table analytics.fct_deal_outcomes (tenant_id String, deal_id String, run UInt32, outcome String,
    since_day Nullable(Date32)) engine = MergeTree order by (tenant_id, deal_id, run);
create table analytics.fct_deal_stage_entries (tenant_id String, deal_id String, ordinal UInt32, stage_id String,
    entered_day Date32) engine = MergeTree order by (tenant_id, deal_id, ordinal)
"""


@dataclass(frozen=True)
class Marts:
    """The marts of a few tenants, with what a test does to them."""

    warehouse: Warehouse

    def add_deal(
        self, tenant: str, deal: str, created: date, amount: str, *runs: tuple[str, date], place: int = 0
    ) -> None:
        """Add a deal that is open from its creation and then has the given outcomes since the given days."""
        insert = self.warehouse.client.insert
        deal_columns = [
            "tenant_id",
            "deal_id",
            "department_id",
            "manager_id",
            "pipeline_id",
            "created_day",
            "amount_base",
        ]
        row = [tenant, deal, f"d{place % 2}", f"m{place % 3}", "p", created, Decimal(amount)]
        insert("fct_deals", [row], database="analytics", column_names=deal_columns)
        outcomes = [(0, "open", created), *((number + 1, *run) for number, run in enumerate(runs))]
        insert("fct_deal_outcomes", [(tenant, deal, *outcome) for outcome in outcomes], database="analytics")
        stages = [(tenant, deal, number, outcome, day) for number, outcome, day in outcomes]
        insert("fct_deal_stage_entries", stages, database="analytics")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return [tuple(row) for row in self.warehouse.rows(query)]


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouseSettings]:
    """Return how to reach a ClickHouse with an empty database of marts."""
    with engine_folder() as data, start_clickhouse(data, user="warehouse", password="warehouse-password") as server:
        yield ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "warehouse", "password": "warehouse-password"}
        )


@pytest.fixture
def marts(server: ClickHouseSettings) -> Iterator[Marts]:
    """Return the marts of three tenants with two years of deals, and an empty database of models."""
    client = connect_clickhouse(server)
    for database in ("analytics", "ml"):
        client.command(f"drop database if exists {database}")
    client.command("create database analytics")
    for statement in _MARTS.split(";"):
        client.command(statement)
    found = Marts(Warehouse(client))
    for number, (tenant, (currency, locale, country)) in enumerate(TENANTS.items()):
        client.insert(
            "dim_tenants", [(tenant, tenant.title(), currency, locale, "UTC", TODAY, True)], database="analytics"
        )
        client.insert("dim_business_days", [(tenant, country)], database="analytics")
        _fill(found, tenant, number)
    create_ml_tables(found.warehouse)
    assert set(TABLES) <= {row[0] for row in found.rows("select name from system.tables where database = 'ml'")}
    yield found
    client.close()


def _fill(marts: Marts, tenant: str, number: int) -> None:
    deals, outcomes, stages = [], [], []
    first = date(2024, 1, 8)
    for week in range((TODAY - first).days // 7):
        for each in range(2):
            deal, created = f"{tenant}-{week}-{each}", first + timedelta(days=7 * week)
            closed = created + timedelta(days=10 + (week * 7 + each * 3 + number) % 40)
            amount = Decimal(1000 + (week * 37 + each * 11 + number * 5) % 400 + 10 * week)
            deals.append([tenant, deal, f"d{each}", f"m{week % 3}", "p", created, amount])
            runs = [(0, "open", created)]
            if closed < TODAY:
                runs.append((1, "won" if (week + each) % 3 else "lost", closed))
            outcomes += [(tenant, deal, *run) for run in runs]
            stages += [(tenant, deal, run, outcome, day) for run, outcome, day in runs]
    columns = ["tenant_id", "deal_id", "department_id", "manager_id", "pipeline_id", "created_day", "amount_base"]
    insert = marts.warehouse.client.insert
    insert("fct_deals", deals, database="analytics", column_names=columns)
    insert("fct_deal_outcomes", outcomes, database="analytics")
    insert("fct_deal_stage_entries", stages, database="analytics")
