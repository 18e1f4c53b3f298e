"""The tables of the dashboards' benchmark."""

from __future__ import annotations

import pytest

from benchmarks.dashboard_report import ChartTimes, Memory, PageTimes, Results, Step, percentile, report
from benchmarks.report_tables import markdown


def chart(reader: str, title: str, cold: float, *, kept: bool = True) -> ChartTimes:
    return ChartTimes(
        reader=reader, dashboard="summary-en", title=title, cold=(cold,), cached=(cold / 10, cold / 20), kept=kept
    )


@pytest.fixture
def results() -> Results:
    return Results(
        measured_on="2026-01-01",
        cores=2,
        memory_gib=8,
        load_average=0.5,
        clickhouse="26.9",
        superset_workers=2,
        tenant="volga",
        tenant_deals=100_000,
        rows={"fct_deals": 5_000_000},
        steps=(Step(title="push: first", seconds=12.34),),
        warm_up={"answered": 2, "failed": 0, "left": 1},
        charts=(
            chart("director", "Sales", 100),
            chart("director", "Leads", 900, kept=False),
            chart("operator", "Sales", 400),
        ),
        pages=(
            PageTimes(
                dashboard="summary-en",
                charts=8,
                questions=17,
                server_cpu=0.75,
                page_cpu=1.5,
                cold=((2000, 9000),),
                new_browser=((1900, 5000), (1800, 6000), (2100, 7000)),
                returning=((900, 2000), (1500, 4000), (1200, 3000)),
            ),
        ),
        memory=(Memory(title="Superset", peak=600 * 1024 * 1024, cpu_seconds=30.0),),
    )


@pytest.mark.parametrize(("share", "expected"), [(0.5, 3), (0.8, 4), (0.95, 5), (1.0, 5), (0.01, 1)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([5, 1, 4, 2, 3], share) == expected
    assert percentile([7], share) == 7


def test_the_middle_visit_counts_and_the_first_paint_stands_beside_the_goal(results: Results) -> None:
    lines = markdown(report(results)).splitlines()
    assert "| summary-en | 8 | 17 | 2.00 | 9.00 | 1.90 | 6.00 | 1.20 | 3.00 | 0.40 | 0.75 | 1.50 |" in lines


def test_each_reader_has_percentiles_of_both_states(results: Results) -> None:
    lines = markdown(report(results)).splitlines()
    assert "| director, cold | 2 | 100 | 900 | 900 |" in lines
    assert "| director, cached | 4 | 10 | 90 | 90 |" in lines
    assert "| operator, cold | 1 | 400 | 400 | 400 |" in lines


def test_the_slowest_charts_stand_first_for_each_reader(results: Results) -> None:
    text = markdown(report(results))
    told = text.partition("The slowest charts of the director")[2].partition("The slowest charts of the operator")
    assert told[0].index("Leads (summary-en)") < told[0].index("Sales (summary-en)")
    assert "Leads" not in told[2]


def test_the_heading_tells_how_much_the_warm_up_left(results: Results) -> None:
    assert "answered 2, failed 0, left 1; of 3 questions that were asked after it 2 had" in report(results).heading
