"""The account `reader` reads what is made for readers, as a real server's grants would let it, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.embedded.clickhouse import start_clickhouse
from deploy.embedded.clickhouse.reader import READER
from deploy.settings import ClickHouseSettings
from tests.integration.conftest import engine_folder


@pytest.fixture(scope="module")
def settings() -> Iterator[ClickHouseSettings]:
    with (
        engine_folder() as folder,
        start_clickhouse(folder, user="owner", password="owner-password", reader_password="reader-password") as server,
    ):
        owner = ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "owner", "password": "owner-password"}
        )
        with connect_clickhouse(owner) as client:
            for database in ("analytics", "crm"):
                client.command(f"create database {database}")
                client.command(f"create table {database}.deals (id UInt64) engine = MergeTree order by id")
                client.command(f"insert into {database}.deals values (1), (2)")
            client.command("create view analytics.records as select id from crm.deals")
        yield owner.model_validate(
            {"host": server.host, "port": server.port, "username": READER, "password": "reader-password"}
        )


@pytest.fixture(scope="module")
def reader(settings: ClickHouseSettings) -> Iterator[Client]:
    with clickhouse_connect.get_client(
        host=settings.host,
        port=settings.port,
        username=settings.username,
        password=settings.password.get_secret_value(),
        # What Superset's connections ask for, and the account has already.
        settings={"query_plan_optimize_join_order_limit": 0},
    ) as client:
        yield client


@pytest.mark.parametrize(
    "query",
    [
        "select count() from analytics.deals",
        "select count() from analytics.records",
        "with x as (select * from analytics.deals) select count() from x",
        "select count() from (select id from analytics.deals union all select 3) where id < 3",
        "select count() from numbers(2)",
    ],
)
def test_it_reads(reader: Client, query: str) -> None:
    assert reader.query(query).result_rows == [(2,)]


@pytest.mark.parametrize(
    "query",
    [
        "select count() from crm.deals",
        "select count() from `crm`.`deals`",
        'select count() from "crm" . "deals" format JSON',
        "select count() from crm.deals format JSON settings max_threads = 1",
        "select 1 where 1 in crm.deals",
        "select * from analytics.deals where id in (select id from crm.deals)",
        "select (select count() from crm.deals)",
        "with x as (select * from crm.deals) select count() from x",
        "select count() from analytics.deals union all select count() from crm.deals",
        "select count() from merge('crm', '.*')",
        "select count() from remote('127.0.0.1', 'crm', 'deals')",
        "select count() from view(select * from crm.deals)",
        "select * from url('http://127.0.0.1:1/', 'CSV', 'x Int8')",
        "select * from file('x.csv')",
        "select dictGet('crm.d', 'a', 1)",
        "select joinGet('crm.j', 'a', 1)",
        "select query from system.query_log",
        "explain select * from crm.deals",
        "describe table crm.deals",
        "exists table crm.deals",
        "show create table crm.deals",
        "show tables from crm",
    ],
)
def test_it_reads_nothing_else(reader: Client, query: str) -> None:
    with pytest.raises(DatabaseError, match="Not enough privileges"):
        reader.query(query)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into analytics.deals values (3)",
        "insert into analytics.deals select 3",
        "truncate table analytics.deals",
        "drop table analytics.deals",
        "alter table analytics.deals delete where 1",
        "create table analytics.mine (x Int8) engine = Memory",
        "create temporary table mine (x Int8)",
        "set readonly = 0",
        "kill query where 1",
        "system flush logs",
        "use crm",
    ],
)
def test_it_changes_nothing(reader: Client, statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"Not enough privileges|readonly"):
        reader.command(statement)
    assert reader.query("select count() from analytics.deals").result_rows == [(2,)]


def test_settings_are_closed_to_it(reader: Client, settings: ClickHouseSettings) -> None:
    with pytest.raises(DatabaseError, match="readonly"):
        reader.query("select 1 settings max_threads = 1, readonly = 0")
    with connect_clickhouse(settings, database="analytics", session_id="mine") as client:
        assert client.query("select count() from deals").result_rows == [(2,)]
    with pytest.raises(ConnectionFailed, match="Not enough privileges"):
        connect_clickhouse(settings, database="crm").query("select count() from deals")


def test_a_wrong_password_opens_nothing(settings: ClickHouseSettings) -> None:
    for password in ("", "owner-password"):
        with pytest.raises(ConnectionFailed, match="Authentication failed"):
            connect_clickhouse(settings.model_copy(update={"password": settings.password.__class__(password)}))
