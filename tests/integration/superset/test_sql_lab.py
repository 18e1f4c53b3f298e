"""SQL Lab is for analysts, and their SQL is bound by the same rules as everybody's charts."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from tests.integration.superset.conftest import Manager, SignedIn
from tests.integration.superset.people import Visitor
from tests.integration.superset.small_assets import SmallAssets, database_id


def run_sql(visitor: Visitor, database: int, sql: str, **more: Any) -> requests.Response:
    content = {
        "database_id": database,
        "sql": sql,
        "schema": "analytics",
        "client_id": uuid.uuid4().hex[:10],
        "runAsync": False,
        "queryLimit": 1000,
        **more,
    }
    return visitor.post("/api/v1/sqllab/execute/", content)


@pytest.fixture(scope="module")
def database(admin: Visitor, assets: SmallAssets) -> int:
    return database_id(admin)


@pytest.mark.parametrize("role", ["manager", "director", "administrator"])
def test_it_is_closed_to_others(signed_in: SignedIn, managers: list[Manager], database: int, role: str) -> None:
    response = run_sql(signed_in[role, managers[0].tenant], database, "select 1")
    assert response.status_code == 403, response.text


@pytest.mark.parametrize(
    "sql",
    [
        "select tenant_id, count() as n from analytics.fct_deals group by tenant_id",
        "select d.tenant_id, count() as n from fct_deals as d group by d.tenant_id",
        "with x as (select * from analytics.fct_deals) select tenant_id, count() as n from x group by tenant_id",
        "select tenant_id, count() as n from (select * from analytics.fct_deals where 1 = 1 or 1 = 1) group by 1",
        "select 'volga' as tenant_id_, tenant_id, count() as n from analytics.fct_deals group by tenant_id",
        "select tenant_id, sum(n) as n from (select tenant_id, 1 as n from analytics.fct_deals) group by tenant_id",
    ],
)
def test_an_analyst_reads_the_tenants_rows(
    signed_in: SignedIn, managers: list[Manager], database: int, sql: str
) -> None:
    for manager in managers:
        response = run_sql(signed_in["analyst", manager.tenant], database, sql)
        assert response.status_code == 200, response.text
        rows = [(row["tenant_id"], row["n"]) for row in response.json()["data"]]
        assert rows == [(manager.tenant, manager.whole)]


@pytest.mark.parametrize(
    "sql",
    [
        "select count() from crm.deals",
        "select count() from analytics.fct_leads",
        "select count() from system.query_log",
        "select count() from merge('analytics', '.*')",
        "select count() from remote('127.0.0.1', 'analytics', 'fct_deals')",
        "select count() from cluster('default', analytics.fct_deals)",
        "select count() from url('http://127.0.0.1/', 'CSV', 'x String')",
        "select * from file('/etc/passwd', 'LineAsString')",
        "select count() from loop(analytics.fct_deals)",
        "select '1' in crm.users",
        "select count() from analytics.fct_deals where tenant_id in analytics.dim_users",
        "drop table analytics.fct_deals",
        "insert into analytics.fct_deals select * from analytics.fct_deals",
        "select count() from analytics.fct_deals settings additional_table_filters = {'analytics.fct_deals': '1'}",
        "explain estimate select * from crm.deals",
        "show create table crm.deals",
        "select currentUser()",
    ],
)
def test_what_reads_past_the_rules_is_refused(
    signed_in: SignedIn, managers: list[Manager], database: int, sql: str
) -> None:
    response = run_sql(signed_in["analyst", managers[0].tenant], database, sql)
    if response.status_code == 200:
        # Refused, or harmless: then it counts no more than the tenant's own rows.
        values = [value for row in response.json()["data"] for value in row.values()]
        assert values in ([managers[0].whole], [0]), response.text
    else:
        assert response.status_code in (400, 403, 422, 500), response.text
        assert "data" not in response.json()


def test_a_chart_of_a_query_is_bound_too(signed_in: SignedIn, managers: list[Manager], database: int) -> None:
    for manager in managers:
        visitor = signed_in["analyst", manager.tenant]
        response = run_sql(
            visitor, database, "select tenant_id, count() as n from analytics.fct_deals group by tenant_id"
        )
        query = response.json()["query_id"]
        content = {
            "datasource": {"id": query, "type": "query"},
            "queries": [{"columns": ["tenant_id", "n"], "metrics": [], "row_limit": 100}],
            "result_format": "json",
            "result_type": "full",
        }
        chart = visitor.post("/api/v1/chart/data", content)
        assert chart.status_code == 200, chart.text
        assert chart.json()["result"][0]["data"] == [{"tenant_id": manager.tenant, "n": manager.whole}]
        other = next(candidate for candidate in managers if candidate != manager)
        stolen = signed_in["analyst", other.tenant].post("/api/v1/chart/data", content)
        assert stolen.status_code in (403, 404) or manager.tenant not in stolen.text
