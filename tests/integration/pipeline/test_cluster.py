"""With CLICKHOUSE_CLUSTER set, each statement of a night says what a cluster of replicas needs; without it, none does.

No cluster stands here. A stand-in takes the statements of two nights, first builds and builds by changed keys, and runs
them on one ClickHouse (see `cluster_stand_in`): which statements are sent is tested, not how replicas carry them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill, play_day
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.dbt_manifest import load_dbt_project
from orchestration.extraction.replica import Warehouse
from orchestration.ml.tables import create_ml_tables
from orchestration.production_state import ProductionState, keep_production_state
from orchestration.quality.volume import create_row_counts
from orchestration.restatements import log_restatements, read_restated_marts
from tests.integration.conftest import engine_folder
from tests.integration.pipeline.building import build, extract
from tests.integration.pipeline.cluster_stand_in import CLUSTER, cluster_stand_in
from tests.integration.pipeline.conftest import create_database

DEALS = 300
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

# What each replica has to be told: nothing carries it from one to the next.
TOLD_TO_EACH = {
    "create database": r"create database",
    "create table": r"create table",
    "create view": r"create (or replace )?view",
    "create materialized view": r"create materialized view",
    "drop": r"drop (table|view|database)",
    "exchange": r"exchange tables",
    "rename": r"rename table",
    "comment": r"alter table \S+ .*modify comment",
    "sync": r"system sync replica",
}
# What one replica is told and the others take over from it; told to each, it would be done by one that lags, or twice.
TAKEN_OVER = {
    "attach": r"alter table \S+ .*attach partition",
    "delete": r"delete from",
    "insert": r"insert into",
    "column": r"alter table \S+ .*(add|modify) column",
}
# Tables that a load works with on the replica that it talks to, and what dbt tries an exchange with.
OF_ONE_REPLICA = r"__(changed|held)\b|__dbt_exchange_test"


@dataclass(frozen=True)
class Nights:
    """The statements of two nights in a cluster and those of a night without one, in one line each."""

    cluster: Sequence[str]
    single: Sequence[str]
    client: Client

    def of_kind(self, pattern: str) -> list[str]:
        """Return the cluster's statements that begin like this, without those about tables of one replica."""
        return [line for line in self.cluster if re.match(pattern, line) and not re.search(OF_ONE_REPLICA, line)]


@pytest.fixture(scope="module")
def nights(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Return what was said in two nights of a company."""
    folder = tmp_path_factory.mktemp("dbt")
    with engine_folder() as data, start_clickhouse(data, user="warehouse", password="warehouse-password") as server:
        login = {"host": server.host, "username": "warehouse", "password": "warehouse-password"}
        alone = ClickHouseSettings.model_validate({**login, "port": server.port})
        with (
            connect_postgres(create_database(postgres, "replicated_company")) as crm,
            cluster_stand_in(server.host, server.port) as (port, statements),
        ):
            fill(crm, seed=12, deals=DEALS, as_of=TODAY)
            replicated = ClickHouseSettings.model_validate({**login, "port": port, "cluster": CLUSTER})
            for _ in range(2):
                warehouse = Warehouse(connect_clickhouse(replicated), cluster=CLUSTER)
                extract(crm, warehouse)
                build(replicated, folder, TODAY)
                _write_logs(warehouse)
                play_day(crm, stamp="now")
            said = [_line(statement) for statement in statements]
            statements.clear()
            listened = ClickHouseSettings.model_validate({**login, "port": port})
            extract(crm, Warehouse(connect_clickhouse(listened)))
            build(listened, folder, TODAY)
            yield Nights(said, [_line(statement) for statement in statements], connect_clickhouse(alone))


def _write_logs(warehouse: Warehouse) -> None:
    marts = read_restated_marts(load_dbt_project().manifest_path)
    log_restatements(
        warehouse, marts, tenants="analytics.dim_tenants", rebuilt_records="ops.rebuilt_records", run_id="test"
    )
    keep_production_state(warehouse.client, ProductionState("{}", TODAY, TODAY), cluster=warehouse.cluster)
    create_row_counts(warehouse)
    create_ml_tables(warehouse)


def _line(statement: str) -> str:
    """Return a statement in one line of small letters, without comments and without the names' quotes."""
    bare = re.sub(r"/\*.*?\*/|--[^\n]*", " ", statement, flags=re.DOTALL)
    return re.sub(r"\s+", " ", bare).replace("`", "").replace('"', "").strip().lower()


@pytest.mark.parametrize("kind", TOLD_TO_EACH)
def test_what_each_replica_must_know_is_told_to_each(nights: Nights, kind: str) -> None:
    said = nights.of_kind(TOLD_TO_EACH[kind])
    assert said
    assert [line[:200] for line in said if f"on cluster {CLUSTER}" not in line] == []


@pytest.mark.parametrize("kind", TAKEN_OVER)
def test_what_replicas_tell_each_other_is_told_to_one(nights: Nights, kind: str) -> None:
    said = nights.of_kind(TAKEN_OVER[kind])
    assert said
    assert [line[:200] for line in said if " on cluster " in line.partition(" values ")[0]] == []


def test_tables_are_replicated_but_for_those_that_each_replica_fills_itself(nights: Nights) -> None:
    created = nights.of_kind(TOLD_TO_EACH["create table"])
    single = [line for line in created if "engine = replicated" not in line]
    assert {re.sub(r".*table (if not exists )?(\S+).*", r"\2", line) for line in single} == {
        f"analytics.{view}"
        for view in ("daily_leads_mv", "daily_manager_activity_mv", "monthly_sales_mv", "today_totals_mv")
    }


def test_a_table_takes_anothers_place_only_when_every_replica_has_all_of_it(nights: Nights) -> None:
    for place, line in enumerate(nights.cluster):
        exchanged = re.match(r"(?:exchange tables (\S+) and|rename table (\S+) to)", line)
        if exchanged and not re.search(OF_ONE_REPLICA, line):
            new = exchanged[1] or exchanged[2]
            before = [
                earlier for earlier in nights.cluster[:place] if new in earlier and not earlier.startswith("select")
            ]
            assert re.match(rf"system sync replica.* {re.escape(new)}$", before[-1]), line


def test_every_materialization_was_built(nights: Nights) -> None:
    """Both ways of each: made for the first time, and made anew in place of what is there."""
    for model in ("fct_deals", "sales_by_month", "dim_users", "int_member_changes", "source_groups"):
        assert [line for line in nights.cluster if re.match(rf"create table \S+\.{model} ", line)], model
    for model in ("fct_deals", "sales_by_month", "dim_users"):
        assert [line for line in nights.cluster if re.match(rf"exchange tables \S+\.{model}__dbt_backup ", line)], model
    assert [line for line in nights.cluster if re.match(r"alter table \S+fct_deals__dbt_backup attach", line)]


def test_clickhouse_understands_what_was_said(nights: Nights) -> None:
    """Its own parser reads each clause in its place, though one server could not carry it out."""
    patterns = [*TOLD_TO_EACH.values(), TAKEN_OVER["attach"], TAKEN_OVER["delete"]]
    for line in {line for pattern in patterns for line in nights.of_kind(pattern)}:
        if not line.startswith("create"):
            nights.client.query("select formatQuery({statement:String})", parameters={"statement": line})


def test_without_a_cluster_nothing_of_it_is_said(nights: Nights) -> None:
    assert [line for line in nights.single if line.startswith("exchange tables")]
    said = [
        line[:200] for line in nights.single if re.search(r" on cluster |= replicated|sync replica|allreplicas", line)
    ]
    assert said == []
