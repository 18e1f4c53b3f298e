"""The mart `report_quality` against counts that PostgreSQL and pandas make, and a dbt test that names its rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clickhouse_connect.driver.client import Client
from dagster import AssetCheckResult, TableMetadataValue

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.settings import REPOSITORY
from orchestration.dbt_failing_rows import with_failing_rows
from orchestration.dbt_manifest import load_dbt_project
from tests.integration.pipeline.conftest import Company

REPORTS_SAY = {
    # report, issue: affected and total as the report's own mart, proven against the CRM elsewhere, sums them
    ("sales_by_month", "deals_without_amount"): ("deals_without_amount", "won_deals"),
    ("sales_by_month", "deals_without_rate"): ("deals_without_rate", "won_deals"),
    ("lead_conversion", "negative_lag_leads"): ("negative_lag_leads", "leads"),
    ("manager_activity", "completed_without_date"): ("completed_without_date", "total"),
}

CRM_SAYS = {
    ("leads_by_source", "leads_without_source"): """
        select l.tenant_id, date_trunc('month', l.created_at at time zone t.timezone)::date,
            count(*) filter (where s.id is null), count(*)
        from leads l join tenants t on t.id = l.tenant_id
        left join lead_sources s on s.id = l.source_id and s.tenant_id = l.tenant_id and s.deleted_at is null
        where l.deleted_at is null and not l.is_duplicate group by 1, 2""",
    ("lead_conversion", "leads_without_manager"): """
        select l.tenant_id, date_trunc('month', l.created_at at time zone t.timezone)::date,
            count(*) filter (where u.id is null), count(*)
        from leads l join tenants t on t.id = l.tenant_id
        left join users u on u.id = l.owner_user_id and u.tenant_id = l.tenant_id and u.deleted_at is null
        where l.deleted_at is null and not l.is_duplicate group by 1, 2""",
    ("sales_funnel", "deals_without_amount"): """
        select d.tenant_id, date_trunc('month', d.created_at at time zone t.timezone)::date,
            count(*) filter (where d.amount is null), count(*)
        from deals d join tenants t on t.id = d.tenant_id where d.deleted_at is null group by 1, 2""",
    ("sales_funnel", "deals_without_manager"): """
        select d.tenant_id, date_trunc('month', d.created_at at time zone t.timezone)::date,
            count(*) filter (where u.id is null), count(*)
        from deals d join tenants t on t.id = d.tenant_id
        left join users u on u.id = d.owner_user_id and u.tenant_id = d.tenant_id and u.deleted_at is null
        where d.deleted_at is null group by 1, 2""",
    ("sales_funnel", "deals_on_unknown_stages"): """
        select d.tenant_id, date_trunc('month', d.created_at at time zone t.timezone)::date,
            count(*) filter (where s.id is null or p.id is null), count(*)
        from deals d join tenants t on t.id = d.tenant_id
        left join stages s on s.id = d.stage_id and s.pipeline_id = d.pipeline_id and s.deleted_at is null
        left join pipelines p on p.id = d.pipeline_id and p.deleted_at is null
        where d.deleted_at is null group by 1, 2""",
    ("lead_conversion", "deals_without_lead"): """
        select d.tenant_id, date_trunc('month', d.created_at at time zone t.timezone)::date,
            count(*) filter (where l.id is null), count(*)
        from deals d join tenants t on t.id = d.tenant_id
        left join leads l on l.id = d.lead_id and l.tenant_id = d.tenant_id and l.deleted_at is null
        where d.deleted_at is null group by 1, 2""",
}


@pytest.fixture(scope="module")
def client(firm: Company) -> Client:
    return connect_clickhouse(firm.warehouse)


def frame(client: Client, query: str) -> pd.DataFrame:
    result = client.query(query)
    return pd.DataFrame(result.result_rows, columns=list(result.column_names))


def records(rows: pd.DataFrame) -> list[Any]:
    return list(rows.itertuples())


def marked(client: Client, report: str, issue: str) -> dict[tuple[str, Any], tuple[int, int, float]]:
    found = frame(client, f"select * from analytics.report_quality where report = '{report}' and issue = '{issue}'")
    return {
        (row.tenant_id, None if pd.isna(row.month) else row.month): (row.records_affected, row.records_total, row.share)
        for row in records(found)
    }


@pytest.mark.parametrize(("report", "issue"), REPORTS_SAY, ids=".".join)
def test_issues_are_those_that_the_report_sums(client: Client, report: str, issue: str) -> None:
    affected, total = REPORTS_SAY[report, issue]
    mart = frame(client, f"select tenant_id, month, {affected} as affected, {total} as total from analytics.{report}")
    sums = mart.groupby(["tenant_id", "month"], dropna=False).sum().reset_index()
    expected = {
        (row.tenant_id, None if pd.isna(row.month) else row.month): (row.affected, row.total, row.affected / row.total)
        for row in records(sums)
        if row.total
    }
    assert sum(row[0] for row in expected.values()) > 0
    assert marked(client, report, issue) == expected


@pytest.mark.parametrize(("report", "issue"), CRM_SAYS, ids=".".join)
def test_issues_are_those_of_the_crm(firm: Company, client: Client, report: str, issue: str) -> None:
    with connect_postgres(firm.crm) as connection:
        counted = connection.execute(CRM_SAYS[report, issue].encode()).fetchall()
    expected = {(tenant, month): (affected, total, affected / total) for tenant, month, affected, total in counted}
    assert sum(row[0] for row in expected.values()) > 0
    assert marked(client, report, issue) == expected


def test_won_deals_without_a_month_stand_beside_all_won_deals(client: Client) -> None:
    won = frame(client, "select tenant_id, closed_day, deal_id from analytics.fct_deals where outcome = 'won'")
    expected = {
        (tenant, None): (int(deals.closed_day.isna().sum()), len(deals), deals.closed_day.isna().mean())
        for tenant, deals in won.groupby("tenant_id")
    }
    assert sum(row[0] for row in expected.values()) > 0
    assert marked(client, "sales_by_month", "deals_without_close_date") == expected


def test_lost_deals_of_unknown_stage_are_those_of_the_funnel(client: Client) -> None:
    funnel = frame(
        client,
        "select tenant_id, month, max(lost) as affected from (select tenant_id, month, pipeline_id, stage_id, "
        "sum(lost_stage_unknown) as lost from analytics.sales_funnel where mode = 'reached' group by all) "
        "group by tenant_id, month, pipeline_id",
    )
    expected = funnel.groupby("tenant_id").affected.sum().to_dict()
    found: dict[str, int] = {}
    for (tenant, _), (affected, _, _) in marked(client, "sales_funnel", "lost_stage_unknown").items():
        found[tenant] = found.get(tenant, 0) + affected
    assert found == expected
    assert sum(found.values()) > 0


def test_severity_follows_the_thresholds_of_the_seed(client: Client) -> None:
    rows = frame(client, "select * from analytics.report_quality")
    assert set(rows.severity) == {"none", "low", "high"}
    for row in records(rows):
        expected = "high" if row.share >= row.threshold_high else "low" if row.share >= row.threshold_low else "none"
        assert row.severity == (expected if row.records_affected else "none")
        assert row.text_en != row.text_ru


@pytest.mark.parametrize(("language", "words"), [("en", ("Note: ", " of ")), ("ru", ("К сведению: ", " из "))])
def test_reports_show_footnotes_in_both_languages(firm: Company, language: str, words: tuple[str, str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "api.reports", "--language", language, "--tenant", "volga"],
        cwd=REPOSITORY, env={**os.environ, **firm.environment()},
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    notes = [line for line in finished.stdout.splitlines() if words[0] in line]
    assert notes
    assert all(words[1] in note and "%" in note for note in notes)


def test_every_column_that_was_built_is_documented(client: Client) -> None:
    manifest = json.loads(Path(load_dbt_project().manifest_path).read_text(encoding="utf-8"))
    documented = {
        (node["schema"], node["name"], column)
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for column in node["columns"]
    }
    tables = {(schema, name) for schema, name, _ in documented}
    built = client.query("select database, table, name from system.columns where database in ('staging', 'analytics')")
    missing = [".".join(row) for row in built.result_rows if row[:2] in tables and tuple(row) not in documented]
    assert not missing, missing


def test_a_failed_dbt_test_names_its_rows(firm: Company, client: Client, tmp_path: Path) -> None:
    client.command(
        "insert into analytics.fct_deals select * replace ('broken-row' as deal_id, 'nobody' as manager_id, "
        "'paused' as outcome) from analytics.fct_deals limit 1"
    )
    names = ("fct_deals_manager_exists", "fct_deals_stage_of_every_deal_is_known")
    finished = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "test", "--select", *names,
            "--project-dir", "dbt_project", "--profiles-dir", "dbt_project", "--target-path", str(tmp_path),
        ],
        cwd=REPOSITORY, env={**os.environ, **firm.environment()},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert finished.returncode == 1, finished.stdout
    failed = [AssetCheckResult(passed=False, asset_key="fct_deals", check_name=name) for name in names]
    told = list(with_failing_rows(failed, client, tmp_path))
    client.command("delete from analytics.fct_deals where deal_id = 'broken-row'")
    assert [event.check_name for event in told] == list(names)
    for event in told:
        assert event.description is not None and "deal_id broken-row" in event.description
        table = event.metadata["failing_rows"]
        assert isinstance(table, TableMetadataValue)
        assert [record.data["deal_id"] for record in table.records] == ["broken-row"]


def test_a_passed_dbt_test_is_left_as_it_is(client: Client, tmp_path: Path) -> None:
    passed = AssetCheckResult(passed=True, asset_key="fct_deals", check_name="fct_deals_manager_exists")
    assert list(with_failing_rows([passed], client, tmp_path)) == [passed]
