"""The plan in sales_by_month is the seed's, row for row, and the calendar tells every tenant's working days."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal

from deploy.connections import connect_clickhouse
from deploy.settings import REPOSITORY
from tests.integration.pipeline.conftest import Company

SEEDS = REPOSITORY / "dbt_project" / "seeds"


def test_the_plan_of_every_manager_and_month_is_the_seeds(company: Company) -> None:
    client = connect_clickhouse(company.warehouse)
    with (SEEDS / "sales_targets.csv").open(encoding="utf-8", newline="") as file:
        seed = list(csv.DictReader(file))
    live = {
        (tenant, user)
        for tenant, user in client.query("select tenant_id, user_id from analytics.dim_users").result_rows
    }
    assert all((row["tenant_id"], row["manager_id"]) in live for row in seed), "the demo does not have these managers"
    expected = {
        (row["tenant_id"], date.fromisoformat(row["month"]), row["manager_id"]): (
            Decimal(row["target_amount"]),
            int(row["target_deals"]),
        )
        for row in seed
    }
    rows = client.query("""
        select tenant_id, month, manager_id, sum(target_amount_base), sum(target_deals)
        from analytics.sales_by_month
        where target_amount_base != 0 or target_deals != 0
        group by tenant_id, month, manager_id
    """).result_rows
    actual = {(tenant, month, manager): (amount, deals) for tenant, month, manager, amount, deals in rows}
    assert len(expected) > 1_000
    assert actual == expected


def test_a_plan_stands_on_the_first_day_outside_of_the_pipelines(company: Company) -> None:
    client = connect_clickhouse(company.warehouse)
    elsewhere = client.query("""
        select count() from analytics.sales_by_month
        where target_deals != 0 and (day != month or pipeline_id != '(none)' or manager_at_close_id != '(none)')
    """).result_rows
    assert elsewhere == [(0,)]


def test_the_calendar_of_each_tenant_is_its_countrys(company: Company) -> None:
    client = connect_clickhouse(company.warehouse)
    found = {
        (tenant, day): (works, name)
        for tenant, day, works, name in client.query("""
            select tenant_id, day, is_working_day, holiday_name_en from analytics.dim_business_days
            where day in ('2026-11-04', '2026-11-11', '2026-10-25', '2026-11-06')
        """).result_rows
    }
    assert found["volga", date(2026, 11, 4)] == (False, "Unity Day")
    assert found["hudson", date(2026, 11, 4)] == (True, None)
    assert found["hudson", date(2026, 11, 11)] == (False, "Veterans Day")
    assert found["alatau", date(2026, 11, 4)] == (True, None)
    assert found["alatau", date(2026, 10, 25)] == (False, "Republic Day")
    assert found["volga", date(2026, 11, 6)] == (True, None)
