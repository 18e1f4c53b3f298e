"""Models read the newest version of each row and no tombstone, whatever the replica has not merged yet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.settings import REPOSITORY
from orchestration.extraction.mapping import load_mapping
from orchestration.extraction.plan import plan_table
from orchestration.extraction.replica import Warehouse, create_statement
from orchestration.extraction.source_catalog import SourceCatalog
from tests.integration.model_sql import model_sql

SOURCE = re.compile(r"\{\{ source\('crm', '(\w+)'\) \}\}")
# The models of versions tell what a load brought; everything else reads what holds now.
MODELS = sorted(
    path
    for path in (REPOSITORY / "dbt_project/models/staging").glob("stg_crm__*.sql")
    if not path.stem.endswith("_versions")
)


# Of no CRM: each replica then has the types of the canonical table.
NOTHING_MAPPED = load_mapping("demo").model_copy(update={"tables": {}})
NO_CRM = SourceCatalog(identity="", tables={})


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_staging_holds_the_newest_live_version(clickhouse_client: Client, clickhouse_prefix: str, model: Path) -> None:
    (table,) = SOURCE.findall(model.read_text(encoding="utf-8"))
    database = f"{clickhouse_prefix}crm"
    replica = f"{database}.{table}"
    clickhouse_client.command(f"create database {database}")
    plan = plan_table(NOTHING_MAPPED, table, NO_CRM)
    clickhouse_client.command(create_statement(Warehouse(clickhouse_client), replica, plan))
    clickhouse_client.command(f"system stop merges {replica}")
    types = {name: kind for name, kind, *_ in clickhouse_client.query(f"describe table {replica}").result_rows}
    for name, version, deleted in (("new", 1, 0), ("new", 2, 0), ("old", 1, 0), ("old", 2, 1)):
        day = "2026-01-02" if name == "new" else "2026-01-01"
        values = [
            f"cast('{day if types[column] == 'Date32' else name}' as {types[column]})" for column in plan.table.key
        ]
        clickhouse_client.command(
            f"insert into {replica} ({', '.join(plan.table.key)}, _version, _deleted) "
            f"select {', '.join(values)}, {version}, {deleted}"
        )
    sql = model_sql(f"staging/{model.name}", lambda _: replica)
    held = clickhouse_client.query(f"select tenant_id from ({sql}) order by all").result_rows
    # An archived stage is kept, as live deals may still stand on it, and says that it is none.
    assert held == ([("new",), ("old",)] if table == "stages" else [("new",)])
