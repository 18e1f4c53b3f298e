"""The records listed behind every cell of every report sum to it, on the company's marts."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from api.reports.drill_down import DrillDown, DrillDownError, FilterValue, list_records, record_views
from catalogue.loading import load_catalogue
from deploy.connections import connect_clickhouse
from deploy.settings import REPOSITORY
from orchestration.dbt_manifest import load_dbt_project
from tests.integration.pipeline.conftest import Company
from tests.judge.compare import REPORTS

load_dbt_project()
VIEWS = record_views(load_catalogue())
CELLS = [(report, measure) for report, view in VIEWS.items() for measure in view.measures]
SAMPLED = 6


@pytest.fixture(scope="module")
def client(company: Company) -> Iterator[Client]:
    with connect_clickhouse(company.warehouse) as connected:
        yield connected


@pytest.mark.parametrize(("report", "measure"), CELLS)
def test_records_sum_to_every_cell(client: Client, report: str, measure: str) -> None:
    """One query holds all cells against all records; a cell without records and records without a cell both differ."""
    view = VIEWS[report]
    dimensions = ", ".join(("tenant_id", *view.dimensions))
    ((cells, total, differing),) = client.query(f"""
        select countIf(cell_sum != 0), sum(cell_sum), countIf(cell_sum != record_sum)
        from (
            select {dimensions}, sum(cell) as cell_sum, sum(record) as record_sum
            from (
                select {dimensions}, toDecimal128({measure}, 2) as cell, toDecimal128(0, 2) as record
                from analytics.{report}
                union all
                select {dimensions}, toDecimal128(0, 2), toDecimal128({measure}, 2)
                from {view.relation}
            )
            group by {dimensions}
        )
    """).result_rows
    assert differing == 0
    assert (cells > 0) == (total > 0)
    if measure in ("won_deals", "total", "leads", "period_converted_leads", "direct_deals", "deals", "stage_visits"):
        assert cells > 100


@pytest.mark.parametrize("report", VIEWS)
def test_a_record_stands_once_in_each_place(client: Client, report: str) -> None:
    view = VIEWS[report]
    place = ", ".join(
        name for name in ("tenant_id", "record_type", "record_id", "day", "mode", "pipeline_id", "stage_id")
        if name in (*view.dimensions, "tenant_id", "record_type", "record_id")
    )  # fmt: skip
    query = f"select count(), uniqExact(tuple({place})) from {view.relation}"
    ((rows, places),) = client.query(query).result_rows
    assert rows == places > 0


@pytest.mark.parametrize(("report", "measure"), CELLS)
def test_listed_records_sum_to_sampled_sums_of_cells(client: Client, report: str, measure: str) -> None:
    """Any subset of dimensions, missing days and cells of zeros included, page by page."""
    view, chance = VIEWS[report], random.Random(f"{report}.{measure}")
    names = tuple(view.dimensions)
    cells = client.query(
        f"select tenant_id, {', '.join(names)} from analytics.{report} "
        f"order by {measure} > 0 desc, day is null desc, cityHash64({', '.join(names)}) "
        f"limit {SAMPLED} by {measure} > 0"
    ).result_rows
    for tenant, *values in cells:
        chosen = chance.sample(names, chance.randint(1, len(names)))
        filters = {name: value for name, value in zip(names, values, strict=True) if name in (*chosen, "mode")}
        expected = _cell(client, report, measure, tenant, filters)
        request = DrillDown(report, tenant, measure, filters, limit=100_000)
        found = list_records(client, VIEWS, request)
        assert found.total == expected == sum(record.contribution for record in found.records)
        assert found.count == len(found.records)
        for record in found.records:
            assert record.contribution
            assert all(record.dimensions[name] == value for name, value in filters.items())


def test_values_behind_a_median_are_listed(client: Client) -> None:
    query = (
        "select tenant_id, stage_id, pipeline_id, arraySort(groupArrayArray(seconds_in_stage_values)) "
        "from analytics.sales_funnel where mode = 'reached' "
        "group by tenant_id, stage_id, pipeline_id order by sum(stage_visits) desc limit 3"
    )
    for tenant, stage, pipeline, seconds in client.query(query).result_rows:
        filters: dict[str, FilterValue] = {"mode": "reached", "stage_id": stage, "pipeline_id": pipeline}
        found = list_records(
            client, VIEWS, DrillDown("sales_funnel", tenant, "seconds_in_stage_values", filters, limit=100_000)
        )
        assert sorted(record.contribution for record in found.records) == list(seconds)
        assert len(seconds) > 1


def test_pages_hold_every_record_once(client: Client) -> None:
    tenant, month = _busiest(client, "sales_by_month")
    whole = DrillDown("sales_by_month", tenant, "won_deals", {"month": month}, limit=1_000)
    everything = list_records(client, VIEWS, whole)
    assert everything.count > 3
    paged = [
        record.id
        for offset in range(0, everything.count, 2)
        for record in list_records(
            client,
            VIEWS,
            DrillDown("sales_by_month", tenant, "won_deals", {"month": month}, limit=2, offset=offset),
        ).records
    ]
    assert paged == [record.id for record in everything.records]


def test_a_range_of_days_sums_to_its_cells(client: Client) -> None:
    tenant, month = _busiest(client, "sales_by_month")
    until = month.replace(day=20)
    found = list_records(
        client, VIEWS, DrillDown("sales_by_month", tenant, "won_amount_base", since=month, until=until)
    )
    query = (
        "select sum(won_amount_base) from analytics.sales_by_month "
        "where tenant_id = {tenant:String} and day between {since:Date32} and {until:Date32}"
    )
    parameters = {"tenant": tenant, "since": month, "until": until}
    assert found.total == client.query(query, parameters=parameters).result_rows[0][0] > 0


@pytest.mark.parametrize(
    ("request_made", "key"),
    [
        (DrillDown("sales_by_week", "1", "won_deals"), "unknown_report"),
        (DrillDown("sales_by_month", "1", "won_deals; drop table x"), "unknown_measure"),
        (DrillDown("sales_by_month", "1", "won_deals", {"day = day or 1": "1"}), "unknown_dimension"),
        (DrillDown("sales_funnel", "1", "deals"), "mode_needed"),
        (DrillDown("sales_by_month", "1", "won_deals", limit=0), "bad_window"),
    ],
)
def test_what_does_not_exist_is_refused(client: Client, request_made: DrillDown, key: str) -> None:
    with pytest.raises(DrillDownError) as caught:
        list_records(client, VIEWS, request_made)
    assert caught.value.key == key


def test_a_value_is_only_ever_a_value(client: Client) -> None:
    """Nothing that a reader writes becomes SQL, and no tenant but the named one is read."""
    for filters in ({"manager_name": "' or 1 = 1 --"}, {"manager_id": "{tenant:String}"}):
        assert list_records(client, VIEWS, DrillDown("sales_by_month", "1", "won_deals", filters)).count == 0
    assert list_records(client, VIEWS, DrillDown("sales_by_month", "' or '1' = '1", "won_deals")).count == 0


def test_the_command_lists_them_in_both_languages(client: Client, company: Company) -> None:
    tenant, month = _busiest(client, "sales_by_month")
    arguments = ["--report", "sales_by_month", "--tenant", tenant, "--measure", "won_amount_base"]
    chosen = [*arguments, "--month", f"{month:%Y-%m}", "--where", "is_future=false", "--limit", "2"]
    found = list_records(
        client,
        VIEWS,
        DrillDown("sales_by_month", tenant, "won_amount_base", {"month": month, "is_future": False}, limit=2),
    )
    english, russian = (_command(company, *chosen, "--language", code) for code in ("en", "ru"))
    for finished, words in ((english, ("Deals behind", "Records 1 to 2 of")), (russian, ("Сделки за", "Записи с 1"))):
        assert finished.returncode == 0, finished.stderr
        for text in (*words, *(record.id for record in found.records)):
            assert text in finished.stdout
    assert f"{found.total:,.2f}" in english.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--where", "colour=red"], "error: sales_by_month has no dimension 'colour'; choose among: day, month"),
        (["--where", "colour"], "error: where: 'colour' is not of the form column=value"),
        (["--month", "March"], "error: month: 'March' is not a month such as 2026-03"),
        (["--measure", "profit"], "error: sales_by_month has no measure 'profit'; choose one of: won_deals"),
        (["--tenant", "nobody"], "error: tenant 'nobody' is not among:"),
    ],
)
def test_the_command_tells_in_one_line_what_is_wrong(company: Company, arguments: list[str], told: str) -> None:
    finished = _command(
        company, "--report", "sales_by_month", "--tenant", "1", "--measure", "won_deals", "--language", "en", *arguments
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith(told)
    assert len(finished.stderr.splitlines()) == 1


def test_every_measure_of_every_report_can_be_drilled() -> None:
    for report, columns in REPORTS.items():
        assert set(columns.measures) == {*VIEWS[report].measures, *VIEWS[report].listed}


def _cell(client: Client, report: str, measure: str, tenant: str, filters: Mapping[str, FilterValue]) -> Any:
    view = VIEWS[report]
    conditions = [
        f"{name} is null" if value is None else f"{name} = {{{name}_is:{view.dimensions[name]}}}"
        for name, value in filters.items()
    ]
    parameters = {"tenant": tenant, **{f"{name}_is": value for name, value in filters.items() if value is not None}}
    where = " and ".join(["tenant_id = {tenant:String}", *conditions])
    return client.query(
        f"select sum({measure}) from analytics.{report} where {where}", parameters=parameters
    ).result_rows[0][0]


def _busiest(client: Client, report: str) -> tuple[str, date]:
    query = (
        f"select tenant_id, month from analytics.{report} where month is not null and not is_future "
        "group by tenant_id, month order by sum(won_deals) desc limit 1"
    )
    ((tenant, month),) = client.query(query).result_rows
    return tenant, month


def _command(company: Company, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.reports.drill", *arguments],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", **company.environment()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
