"""What the catalogue's expressions give in ClickHouse is what plain arithmetic gives over the rows of the marts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from catalogue.entries import Mart
from catalogue.expressions import expression
from catalogue.loading import load_catalogue
from deploy.connections import connect_clickhouse
from orchestration.dbt_manifest import load_dbt_project
from tests.integration.pipeline.conftest import Company

load_dbt_project()
MARTS = load_catalogue().marts
FUNNEL = ("tenant_id", "mode", "pipeline_id", "stage_id", "stage_position")


@pytest.fixture(scope="module")
def client(company: Company) -> Iterator[Client]:
    with connect_clickhouse(company.warehouse) as connected:
        yield connected


def by_group(client: Client, mart: Mart, group: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return every figure of a mart by group, from the catalogue's expressions."""
    figures = ", ".join(f"{expression(figure)} as `{name}`" for name, figure in mart.figures.items())
    columns = ", ".join(group)
    rows = client.query(
        f"select {columns}, {figures} from {mart.database}.{mart.name} group by {columns}",
        settings={"prefer_column_name_to_alias": 1},
    ).named_results()
    return {tuple(row[name] for name in group): dict(row) for row in rows}


def rows_of(client: Client, mart: Mart) -> list[dict[str, Any]]:
    return list(client.query(f"select * from {mart.database}.{mart.name}").named_results())


@pytest.mark.parametrize("name", ["sales_by_month", "manager_activity", "lead_conversion", "pipeline_coverage"])
def test_rates_of_a_month_are_quotients_of_its_sums(client: Client, name: str) -> None:
    mart = MARTS[name]
    sums: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for row in rows_of(client, mart):
        for measure in mart.measures:
            sums[row["tenant_id"], row["month"]][measure] += row[measure]
    shown = by_group(client, mart, ("tenant_id", "month"))
    assert shown.keys() == sums.keys()
    for group, expected in sums.items():
        for measure in mart.measures:
            assert shown[group][measure] == expected[measure]
        for rate in mart.rates.values():
            below = float(expected[rate.denominator])
            quotient = float(expected[rate.numerator]) / below if below > 0 else None
            assert shown[group][rate.name] == pytest.approx(quotient), (group, rate.name)
    # Both kinds of row took part: with a quotient and without.
    for rate in mart.rates.values():
        assert any(shown[group][rate.name] is not None for group in sums)


def test_a_share_is_of_all_rows_shown(client: Client) -> None:
    mart = MARTS["leads_by_source"]
    shown = by_group(client, mart, ("source_group",))
    leads = sum(row["leads"] for row in rows_of(client, mart))
    assert sum(row["share"] for row in shown.values()) == pytest.approx(1)
    assert all(row["share"] == pytest.approx(row["leads"] / leads) for row in shown.values())


def test_rates_of_the_funnel_compare_a_stage_with_those_before_it(client: Client) -> None:
    shown = by_group(client, MARTS["sales_funnel"], FUNNEL)
    funnels: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for (tenant, mode, pipeline, _, _), row in shown.items():
        if mode == "reached":
            funnels[tenant, pipeline].append(row)
    assert len(funnels) > 2
    for stages in funnels.values():
        stages.sort(key=lambda stage: stage["stage_position"])
        first = stages[0]["deals"]
        assert stages[0]["step_rate"] is None
        for previous, stage in pairwise(stages):
            below = previous["deals"]
            assert stage["step_rate"] == (pytest.approx(stage["deals"] / below) if below else None)
            assert stage["overall_rate"] == (pytest.approx(stage["deals"] / first) if first else None)


def test_medians_and_means_are_taken_from_each_deal(client: Client) -> None:
    mart = MARTS["sales_funnel"]
    seconds: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in rows_of(client, mart):
        seconds[tuple(row[name] for name in FUNNEL)].extend(row["seconds_in_stage_values"])
    shown = by_group(client, mart, FUNNEL)
    assert any(seconds.values())
    for group, each in seconds.items():
        if not each:
            assert shown[group]["median_days"] is None
            assert shown[group]["mean_days"] is None
            continue
        assert shown[group]["median_days"] == pytest.approx(median(each) / 86_400)
        assert shown[group]["mean_days"] == pytest.approx(sum(each) / len(each) / 86_400)


@pytest.mark.parametrize("name", MARTS)
def test_every_figure_of_every_mart_can_be_queried(client: Client, name: str) -> None:
    mart = MARTS[name]
    columns = tuple(mart.dimensions)
    by_group(client, mart, columns)
