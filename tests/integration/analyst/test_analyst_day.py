"""An analyst's commands after `make demo`, with the engines stopped: they start the warehouse that the demo left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_clickhouse
from deploy.environment import warehouse
from deploy.settings import REPOSITORY
from orchestration.production_state import ProductionState, keep_production_state, read_production_state

OWN = ("DB_", "CLICKHOUSE_", "LANG", "CRM_ANALYTICS_HOME", "DBT_")


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    # Not in pytest's folder: another start of pytest closes it to the user that PostgreSQL runs as under root.
    with tempfile.TemporaryDirectory(prefix="crm-analytics-") as home:
        variables = {**bare, "CRM_ANALYTICS_HOME": home, "LC_ALL": "C.UTF-8"}
        run([sys.executable, "-m", "deploy.demo", "--deals", "300", "--no-forecasts"], variables)
        yield variables


def run(command: list[str], environment: dict[str, str], code: int = 0) -> str:
    finished = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert finished.returncode == code, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def analyst(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    return run([sys.executable, "-m", "orchestration.analyst", *arguments], environment, code)


@contextmanager
def opened(environment: dict[str, str]) -> Iterator[Client]:
    """Open the demo's warehouse between two commands; it is stopped again, as its folder has one owner at a time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(OWN)]:
            patch.delenv(name)
        patch.setenv("CRM_ANALYTICS_HOME", environment["CRM_ANALYTICS_HOME"])
        with warehouse() as settings:
            client = connect_clickhouse(settings)
            yield client
            client.close()


def production(client: Client) -> list[tuple[object, ...]]:
    """Return what would change if anything of production were rebuilt, altered or written."""
    return [
        tuple(row)
        for row in client.query("""
            select database, name, uuid, metadata_modification_time, create_table_query, total_rows
            from system.tables
            where
                database in ('analytics', 'staging', 'crm', 'ops')
                -- Materialized views refresh by themselves, through a table that is there for a moment.
                and name not like '%_mv' and name not like '.%' and not startsWith(name, '_tmp')
            order by database, name
        """).result_rows
    ]


def databases(client: Client) -> set[str]:
    return {name for (name,) in client.query("select name from system.databases").result_rows}


def test_a_build_goes_into_ones_own_databases_and_leaves_production_untouched(environment: dict[str, str]) -> None:
    with opened(environment) as client:
        before = production(client)
    assert len(before) > 60
    printed = analyst(
        environment, "build", "--select", "int_deal_stage_entries fct_deals+ dim_sources", "--developer", "Ann"
    )
    assert "into dev_ann_*" in printed
    assert "first_recorded_change_implies_an_entry_at_creation" in printed, "unit tests are part of a build"
    with opened(environment) as client:
        assert production(client) == before
        tables = client.query("select name from system.tables where database = 'dev_ann_analytics'").result_rows
        built = {name for (name,) in tables}
        assert {"fct_deals", "sales_by_month", "sales_funnel", "lead_conversion", "dim_sources"} <= built
        assert not {"dim_users", "fct_leads", "leads_by_source"} & built
        assert databases(client) >= {"dev_ann_analytics", "dev_ann_staging"}
    assert "sales_by_month: 0 rows only in production, 0 only in development" in analyst(
        environment, "diff", "--select", "sales_by_month", "--developer", "ann"
    )


def test_a_difference_is_counted_and_shown(environment: dict[str, str]) -> None:
    analyst(environment, "build", "--select", "dim_pipelines", "--developer", "diff")
    with opened(environment) as client:
        client.command("alter table dev_diff_analytics.dim_pipelines add column colour String default 'red'")
        client.command(
            "alter table dev_diff_analytics.dim_pipelines delete where pipeline_id = '1'", {"mutations_sync": 2}
        )
        client.command(
            "insert into dev_diff_analytics.dim_pipelines (tenant_id, pipeline_id, pipeline_name, pipeline_position)"
            " values ('volga', 'new', 'Новая воронка', 9), ('volga', 'new', 'Новая воронка', 9)"
        )
    printed = analyst(environment, "diff", "--select", "dim_pipelines", "--developer", "diff")
    assert "columns new: colour" in printed
    assert "1 rows only in production, 2 only in development, over 4 columns" in printed
    assert re.search(r"dev\s+volga\s+new\s+Новая воронка\s+9", printed)
    assert re.search(r"production\s+volga\s+1\s", printed)
    failing = analyst(environment, "test", "--select", "dim_pipelines", "--developer", "diff", code=1)
    assert "rows behind unique_combination_dim_pipelines" in failing
    assert re.search(r"volga\s+new\s+2", failing)


def test_only_what_differs_from_production_is_built(environment: dict[str, str]) -> None:
    assert "nothing differs from production's build" in analyst(environment, "changed", "--developer", "bob")
    with opened(environment) as client:
        assert not [name for name in databases(client) if name.startswith("dev_bob_")]
        state = read_production_state(client)
        assert state is not None
        older = json.loads(state.manifest)
        older["nodes"]["model.crm_analytics.sales_funnel"]["raw_code"] = "select 1"
        # The newest row counts; the true state comes back after it.
        keep_production_state(client, ProductionState(json.dumps(older), state.as_of, later(client)))
    analyst(environment, "changed", "--developer", "bob")
    with opened(environment) as client:
        built = client.query("select name from system.tables where database like 'dev_bob_%'").result_rows
        assert "sales_funnel" in {name for (name,) in built}
        assert not {"fct_deals", "dim_users", "sales_by_month"} & {name for (name,) in built}
        keep_production_state(client, ProductionState(state.manifest, state.as_of, later(client)))


def later(client: Client) -> datetime:
    """Return a moment after the last state's."""
    query = "select addSeconds(max(built_at), 1) from ops.dbt_state"
    moment: datetime = client.query(query).result_rows[0][0]
    return moment.replace(tzinfo=UTC)


def test_a_preview_shows_every_column_and_builds_nothing(environment: dict[str, str]) -> None:
    printed = analyst(environment, "show", "--select", "dim_pipelines", "--limit", "2", "--developer", "carl")
    lines = [line for line in printed.splitlines() if line.strip()]
    assert lines[0].split() == ["tenant_id", "pipeline_id", "pipeline_name", "pipeline_position"]
    assert len(lines) == 4
    with opened(environment) as client:
        assert not client.query("select 1 from system.tables where database like 'dev_carl_%'").result_rows


def test_only_ones_own_databases_are_dropped(environment: dict[str, str]) -> None:
    for name in ("eve", "evelyn"):
        analyst(environment, "build", "--select", "dim_pipelines", "--developer", name)
    with opened(environment) as client:
        before = databases(client)
    assert "dropped dev_eve_analytics" in analyst(environment, "drop", "--developer", "eve")
    with opened(environment) as client:
        gone = before - databases(client)
        assert gone == {name for name in before if name.startswith("dev_eve_")}
        assert "dev_evelyn_analytics" in databases(client)
    assert "there is no database dev_eve_*" in analyst(environment, "drop", "--developer", "eve")


def test_what_cannot_be_done_is_told_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    unknown = analyst(environment, "build", "--select", "fct_deal+", "--developer", "ann", code=1)
    assert unknown == "error: there is no model or seed 'fct_deal': did you mean " + unknown.split("did you mean ")[1]
    assert "fct_deals" in unknown
    nowhere = {**environment, "CRM_ANALYTICS_HOME": str(tmp_path)}
    assert analyst(nowhere, "show", "--select", "fct_deals", code=1).startswith(
        "error: there is no warehouse here: run"
    )
    not_built = analyst(environment, "diff", "--select", "dim_users", "--developer", "nobody", code=1)
    assert not_built == "error: dev_nobody_analytics has no dim_users: make dbt MODEL=dim_users\n"
    with opened(environment) as client:
        client.command("rename table ops.dbt_state to ops.dbt_state_away")
    try:
        first = analyst(environment, "build", "--select", "fct_deals", "--developer", "ann", code=1)
        assert first.startswith("error: production has not been built yet")
        assert "make demo" in first
    finally:
        with opened(environment) as client:
            client.command("rename table ops.dbt_state_away to ops.dbt_state")


def test_the_documentation_is_one_file_or_a_local_page(environment: dict[str, str]) -> None:
    printed = analyst(environment, "docs", "--no-serve")
    page = Path(printed.split(": ")[1].strip())
    assert "sales_by_month" in page.read_text(encoding="utf-8")
    serving = subprocess.Popen(
        [sys.executable, "-m", "orchestration.analyst", "docs", "--port", "0"],
        cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        address = wait_for_address(serving)
        with urllib.request.urlopen(address, timeout=10) as response:
            assert b"fct_sales_targets" in response.read()
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=30) == 0
    finally:
        serving.kill()


def wait_for_address(serving: subprocess.Popen[str]) -> str:
    assert serving.stdout is not None
    printed = []
    for line in serving.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found[0]
        printed.append(line)
    raise AssertionError(f"the page was never served: {''.join(printed)}")


def test_every_column_of_every_model_is_documented(environment: dict[str, str]) -> None:
    with opened(environment) as client:
        state = read_production_state(client)
        assert state is not None
        columns = {
            (database, table, column)
            for database, table, column in client.query(
                "select database, table, name from system.columns where database in ('analytics', 'staging')"
                # What ClickHouse keeps behind a materialized view, whose own columns are documented.
                " and table not like '%_mv_mv' and table not like '.%'"
            ).result_rows
        }
    nodes = json.loads(state.manifest)["nodes"].values()
    documented = {
        (node["schema"], node["alias"], column)
        for node in nodes
        if node["resource_type"] in {"model", "seed"}
        for column in node["columns"]
    }
    assert columns == documented
