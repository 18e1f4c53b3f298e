"""A model whose columns are not those of its contract is refused, and to find that out its tables are not read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.settings import REPOSITORY, ClickHouseSettings

_PROJECT = """
name: contracts
version: "1.0.0"
config-version: 2
profile: crm_analytics
macro-paths: ["{macros}"]
"""
_MODELS = """
models:
  - name: even
    config: {{schema: {schema}, materialized: table, contract: {{enforced: true}}}}
    columns:
      - {{name: number, data_type: {kind}}}
      - {{name: missing, data_type: "Nullable(DateTime64(6, 'UTC'))"}}
"""
_EVEN = """
select
    number,
    cast(null as Nullable(DateTime64(6, 'UTC'))) as missing
from {schema}.numbers
where number in (select number from {schema}.numbers where number % 2 = 0)
"""


@pytest.mark.parametrize("kind", ["UInt64", "String"])
def test_columns_are_compared_with_the_contract_and_nothing_is_read(
    tmp_path: Path, clickhouse: ClickHouseSettings, clickhouse_client: Client, clickhouse_prefix: str, kind: str
) -> None:
    schema = f"{clickhouse_prefix}contracts"
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(_PROJECT.format(macros=REPOSITORY / "dbt_project" / "macros"))
    (tmp_path / "models" / "models.yml").write_text(_MODELS.format(schema=schema, kind=kind))
    (tmp_path / "models" / "even.sql").write_text(_EVEN.format(schema=schema))
    clickhouse_client.command(f"create database {schema}")
    clickhouse_client.command(
        f"create table {schema}.numbers engine = MergeTree order by number as select number from numbers(10)"
    )
    finished = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "run", "--project-dir", str(tmp_path),
            "--profiles-dir", str(REPOSITORY / "dbt_project"), "--target-path", str(tmp_path / "target"),
            "--log-path", str(tmp_path),
        ],
        env={**os.environ, **clickhouse.environment()},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if kind == "UInt64":
        assert finished.returncode == 0, finished.stdout
        assert clickhouse_client.query(f"select count() from {schema}.even").result_rows == [(5,)]
    else:
        assert finished.returncode == 1
        assert "This model has an enforced contract that failed" in finished.stdout
        assert "number" in finished.stdout and "UInt64" in finished.stdout
        assert "missing" not in finished.stdout.split("enforced contract that failed")[1]
    clickhouse_client.command("system flush logs query_log")
    # The model itself is filled by an insert.
    read = clickhouse_client.query(
        "select sum(read_rows) from system.query_log "
        "where type = 'QueryFinish' and query_kind = 'Select' and has(tables, {table:String})",
        parameters={"table": f"{schema}.numbers"},
    ).result_rows
    assert read == [(0,)]
