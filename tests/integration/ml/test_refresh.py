"""What a refresh writes into database `ml`: whole, repeatable, cut at its day, tenant by tenant."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from ml_assets.forecasting import ForecastConfig
from orchestration.extraction.replica import Warehouse
from orchestration.ml.marts import Tenant, read_tenants
from orchestration.ml.model_run import ModelRun
from orchestration.ml.parallel import Workers
from orchestration.ml.refresh import Task, refresh
from orchestration.ml.sales import (
    ForecastPlan,
    SalesInput,
    compute_quarter,
    compute_sales,
    read_quarter_input,
    read_sales_input,
)
from tests.integration.ml.conftest import TODAY, Marts

EARLIER = date(2025, 11, 20)
_PLAN = ForecastPlan(
    ("department", "manager"),
    ForecastConfig(
        horizon=3, candidates=("seasonal_naive", "drift"), origins=(3, 6), more_origins=(), confidences=(0.8, 0.95)
    ),
    learnt_chances=False,
    pictures=False,
)
SALES: Task[Any] = Task("sales_forecast", partial(read_sales_input, plan=_PLAN), compute_sales)
QUARTER: Task[Any] = Task("quarter_forecast", partial(read_quarter_input, plan=_PLAN), compute_quarter)


def run(marts: Marts, *tasks: Task[Any], day: date = TODAY) -> list[ModelRun]:
    tenants = read_tenants(marts.warehouse)
    told: list[str] = []
    runs = [
        each
        for task in tasks or (SALES,)
        for each in refresh(marts.warehouse, Workers(0), task, tenants, day, dagster_run_id="night", tell=told.append)
    ]
    assert len(told) == len(runs)
    return runs


def forecasts(marts: Marts, tenant: str, day: date = TODAY) -> list[tuple[Any, ...]]:
    return marts.rows(
        f"select * from ml.sales_forecast where tenant_id = '{tenant}' and as_of = '{day}' "
        "order by dimension, member, model, month, confidence"
    )


def test_a_night_writes_every_tenant_and_says_how(marts: Marts) -> None:
    runs = run(marts, SALES, QUARTER)
    assert [each.error for each in runs] == [""] * 6
    for table in ("sales_forecast", "forecast_backtest", "forecast_models", "quarter_forecast", "quarter_deals"):
        assert marts.rows(f"select uniqExact(tenant_id) from ml.{table}") == [(3,)], table
    logged = marts.rows(
        "select task, status, error, rows_written > 0, length(data_hash), versions['numpy'] != '', metrics['series'] "
        "from ml.model_runs order by task, tenant_id"
    )
    assert (
        logged
        == [("quarter_forecast", "succeeded", "", 1, 64, 1, 0.0)] * 3
        + [("sales_forecast", "succeeded", "", 1, 64, 1, 6.0)] * 3
    )


def test_the_parts_of_each_dimension_sum_to_the_whole_to_the_cent(marts: Marts) -> None:
    run(marts, SALES)
    sums = marts.rows(
        "select tenant_id, month, confidence, uniqExact(total), any(total) > 0 from ("
        "select tenant_id, month, confidence, dimension, sum(point) as total from ml.sales_forecast "
        "where is_published group by all) group by all"
    )
    assert len(sums) == 3 * 3 * 2
    assert {row[3:] for row in sums} == {(1, 1)}


def test_what_is_read_is_what_was_won(marts: Marts) -> None:
    run(marts, SALES)
    backtest = marts.rows(
        "select month, any(actual) from ml.forecast_backtest where tenant_id = 'ada' and dimension = 'tenant' "
        "group by month order by month"
    )
    facts = dict(
        marts.rows(
            "select toDate32(toStartOfMonth(since_day)), sum(amount_base) from analytics.fct_deals "
            "inner join analytics.fct_deal_outcomes using (tenant_id, deal_id) "
            "where tenant_id = 'ada' and outcome = 'won' group by 1"
        )
    )
    assert len(backtest) == 6
    assert all(facts[month] == actual for month, actual in backtest)


def test_a_second_run_writes_the_same_rows_in_the_place_of_the_first(marts: Marts) -> None:
    run(marts)
    before, stored = forecasts(marts, "ada"), marts.rows("select count() from ml.sales_forecast_rows")
    run(marts)
    assert before and forecasts(marts, "ada") == before
    assert marts.rows("select count() from ml.sales_forecast_rows") == stored
    assert marts.rows("select uniqExact(data_hash), count() from ml.model_runs where tenant_id = 'ada'") == [(1, 2)]


def test_one_tenants_data_never_reach_another(marts: Marts) -> None:
    run(marts, SALES, QUARTER)
    ada, boris = forecasts(marts, "ada"), forecasts(marts, "boris")
    quarter = marts.rows("select * from ml.quarter_deals where tenant_id = 'ada' order by deal_id")
    for month in range(7, 13):
        marts.add_deal("boris", f"new-{month}", date(2025, month, 2), "99999.99", ("won", date(2025, month, 5)))
    run(marts, SALES, QUARTER)
    assert forecasts(marts, "boris") != boris
    assert forecasts(marts, "ada") == ada
    assert marts.rows("select * from ml.quarter_deals where tenant_id = 'ada' order by deal_id") == quarter


def test_a_run_of_an_earlier_day_knows_nothing_of_later(marts: Marts) -> None:
    marts.add_deal(
        "ada", "taken back", date(2025, 9, 1), "7777", ("won", date(2025, 9, 9)), ("open", date(2025, 12, 1))
    )
    run(marts, SALES, QUARTER, day=EARLIER)
    before = forecasts(marts, "ada", EARLIER)
    deals = f"select * from ml.quarter_deals where tenant_id = 'ada' and as_of = '{EARLIER}' order by deal_id"
    quarter = marts.rows(deals)
    marts.add_deal("ada", "later", date(2025, 11, 20), "88888", ("won", date(2025, 11, 25)))
    marts.add_deal("ada", "won later", date(2025, 11, 1), "55555", ("won", EARLIER))
    opened = marts.rows(f"select count() from ml.quarter_deals where tenant_id = 'ada' and as_of = '{EARLIER}'")
    run(marts, SALES, QUARTER, day=EARLIER)
    assert forecasts(marts, "ada", EARLIER) == before
    # The deal that was won later is open on that day; the one created on it is not there yet.
    assert {row[2] for row in marts.rows(deals)} - {row[2] for row in quarter} == {"won later"}
    assert marts.rows(f"select count() from ({deals})") == [(opened[0][0] + 1,)]
    september = marts.rows(
        "select max(actual) from ml.forecast_backtest where tenant_id = 'ada' and dimension = 'tenant' "
        f"and as_of = '{EARLIER}' and month = '2025-09-01'"
    )
    run(marts, SALES)
    today = marts.rows(
        "select max(actual) from ml.forecast_backtest where tenant_id = 'ada' and dimension = 'tenant' "
        f"and as_of = '{TODAY}' and month = '2025-09-01'"
    )
    assert september[0][0] - today[0][0] == Decimal("7777.00")


def test_the_forecast_of_an_earlier_night_stays_beside_the_new_one(marts: Marts) -> None:
    run(marts, SALES, day=EARLIER)
    before = forecasts(marts, "boris", EARLIER)
    run(marts, SALES)
    assert before and forecasts(marts, "boris", EARLIER) == before
    assert marts.rows("select distinct as_of from ml.sales_forecast order by as_of") == [(EARLIER,), (TODAY,)]


def test_a_tenant_that_fails_keeps_its_rows_and_stops_nobody(marts: Marts) -> None:
    run(marts, SALES)
    before = forecasts(marts, "boris")
    # Each fits into a column of money; a forecast of all of them does not.
    for number in range(4):
        marts.add_deal("boris", f"huge-{number}", date(2026, 2, 2), "9" * 16, ("won", date(2026, 2, 3)))
    runs = {each.tenant_id: each for each in run(marts, SALES)}
    assert runs["boris"].error
    assert runs["ada"].succeeded and runs["chen"].succeeded
    assert forecasts(marts, "boris") == before
    logged = marts.rows(
        "select status, error != '' from ml.model_runs where tenant_id = 'boris' order by finished_at desc limit 1"
    )
    assert logged == [("failed", 1)]


def test_a_tenant_whose_rows_cannot_be_read_stops_nobody(marts: Marts) -> None:
    def unreadable(warehouse: Warehouse, tenant: Tenant, as_of: date) -> SalesInput:
        if tenant.id == "ada":
            raise ValueError("a month that is no month")
        return read_sales_input(warehouse, tenant, as_of, _PLAN)

    runs = {each.tenant_id: each for each in run(marts, Task("sales_forecast", unreadable, compute_sales))}
    assert runs["ada"].error == "ValueError: a month that is no month"
    assert runs["boris"].succeeded and runs["chen"].succeeded


def test_rows_of_a_run_that_broke_off_are_never_seen(marts: Marts) -> None:
    run(marts, SALES)
    before = forecasts(marts, "chen")
    marts.warehouse.run(
        "insert into ml.sales_forecast_rows select * replace('broken off' as run_id, 1 as point) "
        "from ml.sales_forecast_rows where tenant_id = 'chen'"
    )
    assert forecasts(marts, "chen") == before
    run(marts, SALES)
    assert marts.rows("select count() from ml.sales_forecast_rows where run_id = 'broken off'") == [(0,)]


def test_a_tenant_that_never_sold_is_forecast_as_zero(marts: Marts) -> None:
    marts.warehouse.client.insert(
        "dim_tenants", [("nova", "Nova", "EUR", "en", "UTC", TODAY, True)], database="analytics"
    )
    assert [each.error for each in run(marts, SALES, QUARTER)] == [""] * 8
    published = marts.rows(
        "select distinct model, point, reason, history_months from ml.sales_forecast "
        "where tenant_id = 'nova' and is_published"
    )
    assert published == [("seasonal_naive", Decimal("0.00"), "no_history", 0)]
    assert marts.rows("select count() from ml.quarter_deals where tenant_id = 'nova'") == [(0,)]


@pytest.mark.parametrize("column", ["fct_deals", "fct_leads", "fct_deal_outcomes"])
def test_every_query_of_the_marts_names_the_tenant(column: str) -> None:
    from orchestration.ml import marts as module

    queries = [text for name, text in vars(module).items() if name.startswith("_") and isinstance(text, str)]
    for query in queries:
        if f"analytics.{column}" in query:
            assert "tenant_id = {tenant:String}" in query.partition(f"analytics.{column}")[2]
