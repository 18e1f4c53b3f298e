"""A dbt project of every materialization that the warehouse uses, built twice by the real dbt-clickhouse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.embedded.clickhouse import RunningClickHouse
from tests.integration.embedded_clickhouse.server_access import PASSWORD, USER

FILES = {
    "dbt_project.yml": """
name: small
profile: small
seeds: {small: {+column_types: {id: UInt64}}}
""",
    "profiles.yml": """
small:
  target: local
  outputs:
    local:
      type: clickhouse
      driver: http
      host: 127.0.0.1
      port: "{{ env_var('PORT') | as_number }}"
      user: "{{ env_var('USER_NAME') }}"
      password: "{{ env_var('PASSWORD') }}"
      schema: small
      threads: 2
      use_lw_deletes: true
      check_exchange: true
      custom_settings: {join_use_nulls: 1, insert_deduplicate: 0}
""",
    "seeds/deals.csv": 'id,stage,amount\n1,new,10\n2,won\'s,20\n3,"a, b",30\n',
    "models/stg_deals.sql": "{{ config(materialized='view') }} select id, stage, amount from {{ ref('deals') }}",
    "models/by_stage.sql": (
        "{{ config(materialized='table', order_by='stage') }}"
        " select stage, sum(amount) as total from {{ ref('stg_deals') }} group by stage"
    ),
    "models/facts.sql": (
        "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id', order_by='id') }}"
        " select id, amount from {{ ref('stg_deals') }}"
        "{% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}"
    ),
    "models/live.sql": (
        "{{ config(materialized='materialized_view', order_by='id', engine='MergeTree()') }}"
        " select id, amount * 2 as twice from {{ source('small', 'arrivals') }}"
    ),
    "models/schema.yml": """
version: 2
sources:
  - {name: small, schema: small, tables: [{name: arrivals}]}
models:
  - name: facts
    columns: [{name: id, data_tests: [unique, not_null]}]
unit_tests:
  - name: sums_by_stage
    model: by_stage
    given:
      - input: ref('stg_deals')
        rows: [{id: 1, stage: new, amount: 1}, {id: 2, stage: new, amount: 2}]
    expect: {rows: [{stage: new, total: 3}]}
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of the dbt project."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.lstrip(), encoding="utf-8")
    return tmp_path


def build(project: Path, server: RunningClickHouse) -> None:
    variables = {
        "PORT": str(server.port),
        "USER_NAME": USER,
        "PASSWORD": PASSWORD,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
    }
    command = [sys.executable, "-m", "dbt.cli.main", "build", "--project-dir", str(project)]
    ended = subprocess.run(
        [*command, "--project-dir", str(project), "--profiles-dir", str(project), "--no-use-colors"],
        env={**os.environ, **variables}, cwd=project, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    assert "ERROR=0" in ended.stdout and "SKIP=0" in ended.stdout


def test_a_project_builds_twice(project: Path, server: RunningClickHouse, client: Client) -> None:
    client.command("create database small engine = Atomic")
    client.command("create table small.arrivals (id UInt64, amount Int64) engine = MergeTree order by id")
    try:
        for _ in range(2):
            build(project, server)
        assert client.query("select id, amount from small.facts order by id").result_rows == [(1, 10), (2, 20), (3, 30)]
        assert client.query("select stage, total from small.by_stage order by total").result_rows == [
            ("new", 10), ("won's", 20), ("a, b", 30),
        ]  # fmt: skip
        client.insert("small.arrivals", [[7, 70]], column_names=["id", "amount"])
        assert client.query("select id, twice from small.live").result_rows == [(7, 140)]
    finally:
        client.command("drop database small")
