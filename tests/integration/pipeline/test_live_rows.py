"""Models read the newest version of each row and no tombstone, whatever the replica has not merged yet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.settings import REPOSITORY
from tests.integration.pipeline.conftest import Company

SOURCE = re.compile(r"\{\{ source\('crm', '(\w+)'\) \}\}")
# The models of versions tell what a load brought; everything else reads what holds now.
MODELS = sorted(
    path
    for path in (REPOSITORY / "dbt_project/models/staging").glob("stg_crm__*.sql")
    if not path.stem.endswith("_versions")
)


@pytest.fixture
def versions(company: Company, clickhouse_client: Client, clickhouse_prefix: str) -> str:
    """Return a database with every replica empty, whose parts are never merged."""
    assert company.outputs
    clickhouse_client.command(f"create database {clickhouse_prefix}crm")
    return f"{clickhouse_prefix}crm"


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_staging_holds_the_newest_live_version(clickhouse_client: Client, versions: str, model: Path) -> None:
    sql = model.read_text(encoding="utf-8")
    (table,) = SOURCE.findall(sql)
    replica = f"{versions}.{table}"
    clickhouse_client.command(f"create table {replica} as crm.{table}")
    clickhouse_client.command(f"system stop merges {replica}")
    types = {name: kind for name, kind, *_ in clickhouse_client.query(f"describe table {replica}").result_rows}
    query = "select sorting_key from system.tables where database = {database:String} and name = {table:String}"
    parameters = {"database": versions, "table": table}
    key = clickhouse_client.query(query, parameters=parameters).result_rows[0][0].split(", ")
    for name, version, deleted in (("new", 1, 0), ("new", 2, 0), ("old", 1, 0), ("old", 2, 1)):
        day = "2026-01-02" if name == "new" else "2026-01-01"
        values = [f"cast('{day if types[column] == 'Date32' else name}' as {types[column]})" for column in key]
        clickhouse_client.command(
            f"insert into {replica} ({', '.join(key)}, _version, _deleted) "
            f"select {', '.join(values)}, {version}, {deleted}"
        )
    held = clickhouse_client.query(f"select tenant_id from ({SOURCE.sub(replica, sql)}) order by all").result_rows
    # An archived stage is kept, as live deals may still stand on it, and says that it is none.
    assert held == ([("new",), ("old",)] if table == "stages" else [("new",)])
