"""Rates are taken from sums where they are shown: what a reader sees of given sums of the marts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client

from api.reports.language import Language, load_language
from api.reports.standard import lead_conversion, sales_by_month, sales_funnel
from api.reports.table import Value
from api.reports.tenants import Tenant
from orchestration.dbt_manifest import load_dbt_project

TENANT = Tenant("acme", "Acme", "en", "EUR", "Europe/Berlin", date(2026, 3, 1))


@pytest.fixture(scope="module")
def english() -> Language:
    load_dbt_project()
    return load_language("en")


@dataclass
class Sums:
    """Stands for the warehouse: answers with the sums that a test gives."""

    rows: list[tuple[Any, ...]]

    def query(self, sql: str, parameters: dict[str, object]) -> SimpleNamespace:
        return SimpleNamespace(result_rows=self.rows)


def client(rows: list[tuple[Any, ...]]) -> Client:
    return cast(Client, Sums(rows))


def conversion_rates(rows: list[tuple[Any, ...]], english: Language) -> list[tuple[Value, ...]]:
    """Return cohort, 30, 60 and 90 days, won and period rate of each row, the total last."""
    (table,) = lead_conversion(client(rows), TENANT, english)
    assert table.total is not None
    return [row[3:9] for row in (*table.rows, table.total)]


def test_conversion_rates_are_parts_of_the_leads_created_in_the_period(english: Language) -> None:
    #        month, leads, converted, in 30, in 60, in 90, won, in the period, direct, mature
    month = (date(2026, 1, 1), 20, 10, 4, 6, 8, 2, 5, 99, 1)
    assert conversion_rates([month], english)[0] == (0.5, 0.2, 0.3, 0.4, 0.1, 0.25)


def test_a_total_divides_sums_and_never_averages_rates(english: Language) -> None:
    rows = [(date(2026, 1, 1), 1, 1, 1, 1, 1, 1, 1, 0, 1), (date(2026, 2, 1), 9, 0, 0, 0, 0, 0, 0, 0, 1)]
    assert conversion_rates(rows, english)[-1] == (0.1,) * 6


def test_a_period_rate_may_exceed_1_and_is_empty_where_no_lead_was_created(english: Language) -> None:
    rows = [(date(2026, 1, 1), 2, 1, 0, 0, 0, 0, 3, 0, 1), (date(2026, 2, 1), 0, 0, 0, 0, 0, 0, 3, 0, 1)]
    assert [rates[-1] for rates in conversion_rates(rows, english)] == [1.5, None, 3.0]


def test_a_young_cohort_is_marked(english: Language) -> None:
    young, old = ((date(2026, 1, 1), 2, 1, 0, 0, 0, 0, 3, 0, mature) for mature in (0, 1))
    (table,) = lead_conversion(client([young, old]), TENANT, english)
    assert [row[-1] for row in table.rows] == [english.word("not_yet"), english.word("yes")]


def test_totals_to_date_leave_out_the_future_and_hold_the_month_none(english: Language) -> None:
    #        month, is future, deals, plan, sales, plan, without amount, without rate
    rows: list[tuple[Any, ...]] = [
        (date(2026, 3, 1), False, 1, 0, Decimal(10), Decimal(0), 0, 0),
        (date(2026, 9, 1), True, 2, 0, Decimal(20), Decimal(0), 0, 0),
        (date(2026, 10, 1), True, 3, 0, Decimal(30), Decimal(0), 0, 0),
        (None, False, 4, 0, Decimal(40), Decimal(0), 1, 0),
    ]
    (table,) = sales_by_month(client(rows), TENANT, english)
    headings = [row[0] for row in table.rows]
    assert headings[1:] == [english.word("none"), english.word("future")]
    assert [row[1] for row in table.rows] == [1, 4, 5]
    assert table.total is not None
    assert table.total[1] == 5 and table.total[3] == Decimal(50)


def funnel_row(
    mode: str, stage: str, deals: int, visits: int = 0, seconds: int = 0, median: int = 0
) -> tuple[Any, ...]:
    return (mode, "Sales", "p", stage, deals, Decimal(deals), visits, seconds, median)


def test_a_step_compares_with_the_stage_before_and_overall_with_the_first(english: Language) -> None:
    stages = [funnel_row("reached", "new", 10), funnel_row("reached", "offer", 5), funnel_row("reached", "won", 4)]
    (table,) = sales_funnel(client(stages), TENANT, english)
    assert [(row[0], row[2], row[3]) for row in table.rows] == [
        ("new", None, 1.0),
        ("offer", 0.5, 0.5),
        ("won", 0.8, 0.4),
    ]


def test_a_stage_after_an_empty_one_has_no_step(english: Language) -> None:
    stages = [funnel_row("reached", "new", 0), funnel_row("reached", "offer", 0)]
    (table,) = sales_funnel(client(stages), TENANT, english)
    assert [row[2:4] for row in table.rows] == [(None, None), (None, None)]


def test_days_in_a_stage_are_median_and_mean_over_its_visitors(english: Language) -> None:
    day = 86_400
    stages = [funnel_row("reached", "new", 10, 4, 6 * day, day // 2), funnel_row("reached", "offer", 3)]
    (table,) = sales_funnel(client(stages), TENANT, english)
    assert [row[5:7] for row in table.rows] == [(0.5, 1.5), (None, None)]


def test_mode_current_shows_won_and_lost_as_ends_and_no_conversion(english: Language) -> None:
    stages = [funnel_row("current", "new", 10), funnel_row("current", "won", 4), funnel_row("current", "lost", 6)]
    (table,) = sales_funnel(client(stages), TENANT, english)
    headings = [column.heading for column in table.columns]
    assert len(headings) == 3
    assert not {english.label("sales_funnel", name) for name in ("step_rate", "overall_rate")} & set(headings)
    assert [row[:2] for row in table.rows] == [("new", 10), ("won", 4), ("lost", 6)]
