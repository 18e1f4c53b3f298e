"""Whoever asks sees the rows that are theirs, by the warehouse's own count, and not one more."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from deploy.connections import connect_clickhouse
from tests.integration.superset.conftest import Manager, SignedIn
from tests.integration.superset.people import COUNT, Visitor, person
from tests.integration.superset.small_assets import SmallAssets, make_dataset
from tests.integration.superset.stand import Stand

# What a reader may send in place of a condition to widen what they see.
WIDENING = [
    {"extras": {"where": "1 = 1) or (1 = 1"}},
    {"extras": {"where": "1 = 1 or tenant_id != ''"}},
    {"extras": {"having": "1 = 1) or (1 = 1"}},
    {"extras": {"where": "tenant_id in (select tenant_id from analytics.dim_tenants)"}},
    {"extras": {"where": "1 = 1 -- "}},
    {"filters": [{"col": "tenant_id", "op": "IN", "val": ["volga", "hudson", "alatau"]}]},
    {"filters": [{"col": "tenant_id", "op": "!=", "val": "') or ('1'='1"}]},
    {"applied_time_extras": {"tenant_id": "volga"}, "url_params": {"tenant_id": "volga"}},
]


def test_each_role_sees_its_rows_in_every_tenant(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]
) -> None:
    seen = {key: visitor.count(assets.deals) for key, visitor in signed_in.items()}
    expected = {
        (role, manager.tenant): manager.own if role == "manager" else manager.whole
        for role in ("manager", "director", "administrator", "analyst")
        for manager in managers
    }
    assert seen == expected


def test_the_operator_sees_all(admin: Visitor, assets: SmallAssets, managers: list[Manager]) -> None:
    assert admin.count(assets.deals) == sum(manager.whole for manager in managers)


def test_a_cache_that_others_have_warmed_serves_nobody_else(
    signed_in: SignedIn, admin: Visitor, assets: SmallAssets, managers: list[Manager]
) -> None:
    query = {"metrics": [COUNT], "columns": ["tenant_id", "manager_id"]}
    for _ in range(2):
        admin.rows(assets.deals, query)
        for manager in managers:
            rows = signed_in["director", manager.tenant].rows(assets.deals, query)
            assert {row["tenant_id"] for row in rows} == {manager.tenant}
            rows = signed_in["manager", manager.tenant].rows(assets.deals, query)
            assert rows == [{"tenant_id": manager.tenant, "manager_id": manager.id, "n": manager.own}]


def test_swapped_ids_of_two_people_are_two_keys_of_the_cache(stand: Stand, assets: SmallAssets) -> None:
    """Superset joins what a clause adds to the key as a set: tenant 'a' of person 'b' must not equal 'b' of 'a'."""
    query: dict[str, Any] = {"metrics": [COUNT], "columns": []}
    keys = set()
    for tenant, who in (("a", "b"), ("b", "a"), ("a", "a")):
        response = person(stand, "manager", tenant, who).chart_data(assets.deals, query)
        keys.add(response.json()["result"][0]["cache_key"])
    assert len(keys) == 3


@pytest.mark.parametrize("label", ["tenant_id", "manager_id"])
def test_a_label_of_ones_own_does_not_stand_in_for_the_column(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager], label: str
) -> None:
    for manager in managers:
        for role, expected in (("manager", manager.own), ("director", manager.whole)):
            value = manager.tenant if label == "tenant_id" else manager.id
            column = {"sqlExpression": f"'{value}'", "label": label, "expressionType": "SQL"}
            rows = signed_in[role, manager.tenant].rows(assets.deals, {"columns": [column], "metrics": [COUNT]})
            assert [row["n"] for row in rows] == [expected]


def test_custom_expressions_see_only_own_rows(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]
) -> None:
    for manager in managers:
        visitor = signed_in["manager", manager.tenant]
        query = {
            "columns": [],
            "metrics": [
                {"expressionType": "SQL", "sqlExpression": "countIf(1 = 1)", "label": "n"},
                {"expressionType": "SQL", "sqlExpression": "uniqExact(tenant_id)", "label": "tenants"},
                {
                    "expressionType": "SQL",
                    "sqlExpression": "arrayStringConcat(groupUniqArray(manager_id))",
                    "label": "m",
                },
            ],
        }
        assert visitor.rows(assets.deals, query) == [{"n": manager.own, "tenants": 1, "m": manager.id}]


@pytest.mark.parametrize(
    "expression",
    [
        "(select count() from analytics.fct_deals)",
        "(select count() from crm.deals)",
        "count() over () union all select count() from analytics.fct_deals",
        "joinGet('crm.deals', 'tenant_id', '1')",
        "{{ current_username.__globals__ }}",
    ],
)
def test_expressions_that_read_elsewhere_are_refused(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager], expression: str
) -> None:
    metric = {"expressionType": "SQL", "sqlExpression": expression, "label": "n"}
    response = signed_in["manager", managers[0].tenant].chart_data(assets.deals, {"columns": [], "metrics": [metric]})
    assert response.status_code >= 400, response.text
    assert "data" not in response.json()


@pytest.mark.parametrize("change", WIDENING, ids=[str(number) for number in range(len(WIDENING))])
def test_a_changed_query_widens_nothing(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager], change: dict[str, Any]
) -> None:
    manager = managers[0]
    query = {"columns": ["tenant_id", "manager_id"], "metrics": [COUNT], **change}
    response = signed_in["manager", manager.tenant].chart_data(assets.deals, query)
    if response.status_code == 200:
        rows = response.json()["result"][0]["data"]
        assert rows in ([], [{"tenant_id": manager.tenant, "manager_id": manager.id, "n": manager.own}])
    else:
        assert response.status_code in (400, 403, 422), response.text


def test_samples_and_drill_show_own_records(signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]) -> None:
    for manager in managers:
        visitor = signed_in["manager", manager.tenant]
        path = "/datasource/samples?force=false&datasource_type=table&per_page=1000&page=1"
        samples = visitor.post(f"{path}&datasource_id={assets.deals}", {})
        assert samples.status_code == 200, samples.text
        rows = samples.json()["result"]["data"]
        assert {(row["tenant_id"], row["manager_id"]) for row in rows} == {(manager.tenant, manager.id)}
        drilled = visitor.post(
            f"{path}&datasource_id={assets.deals}", {"filters": [{"col": "tenant_id", "op": "==", "val": "none"}]}
        )
        assert drilled.json()["result"]["data"] == []
        query: dict[str, Any] = {"columns": ["tenant_id", "manager_id"], "metrics": []}
        records = visitor.rows(assets.deals, query, result_type="samples")
        assert {(row["tenant_id"], row["manager_id"]) for row in records} == {(manager.tenant, manager.id)}


def test_files_hold_own_rows(signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]) -> None:
    query: dict[str, Any] = {"columns": ["tenant_id", "deal_id"], "metrics": []}
    for manager in managers:
        visitor = signed_in["manager", manager.tenant]
        table = visitor.chart_data(assets.deals, query, result_format="csv").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(table)))
        assert len(rows) == manager.own
        assert {row["tenant_id"] for row in rows} == {manager.tenant}
        book = visitor.chart_data(assets.deals, query, result_format="xlsx").content
        texts = zipfile.ZipFile(io.BytesIO(book)).read("xl/sharedStrings.xml").decode()
        assert manager.tenant in texts
        assert not [other.tenant for other in managers if other != manager and f">{other.tenant}<" in texts]
        saved = visitor.get(f"/api/v1/chart/{assets.chart}/data/", format="json")
        assert sum(row["deals"] for row in saved.json()["result"][0]["data"]) == manager.own


def test_filter_values_are_of_own_rows(signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]) -> None:
    for manager in managers:
        values = signed_in["manager", manager.tenant].get(
            f"/api/v1/datasource/table/{assets.deals}/column/tenant_id/values/"
        )
        assert values.json()["result"] == [manager.tenant]


def test_a_query_kept_by_another_is_run_for_the_one_who_opens_it(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]
) -> None:
    """A second tab, a shared link: the key of form data leads to a query, never to its author's rows."""
    first, second = managers[0], managers[1]
    form = {"datasource": f"{assets.deals}__table", "viz_type": "table", "metrics": ["deals"], "groupby": ["tenant_id"]}
    content = {"datasource_id": assets.deals, "datasource_type": "table", "form_data": str(form).replace("'", '"')}
    author, reader = signed_in["director", first.tenant], signed_in["manager", second.tenant]
    kept = author.post("/api/v1/explore/form_data?tab_id=1", content)
    assert kept.status_code == 201, kept.text
    opened = reader.get(f"/api/v1/explore/form_data/{kept.json()['key']}")
    assert opened.status_code == 200, opened.text
    query = {"columns": ["tenant_id"], "metrics": ["deals"]}
    author.rows(assets.deals, query, form_data=form)
    rows = reader.rows(assets.deals, query, form_data=form)
    assert [(row["tenant_id"], row["deals"]) for row in rows] == [(second.tenant, second.own)]


def test_a_virtual_dataset_is_bound_by_the_rules_of_what_it_reads(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]
) -> None:
    query: dict[str, Any] = {"columns": ["tenant_id", "manager_id", "deals"], "metrics": []}
    for manager in managers:
        rows = signed_in["manager", manager.tenant].rows(assets.deals_by_manager, query)
        assert rows == [{"tenant_id": manager.tenant, "manager_id": manager.id, "deals": manager.own}]
        rows = signed_in["director", manager.tenant].rows(assets.deals_by_manager, query)
        assert {row["tenant_id"] for row in rows} == {manager.tenant}
        assert sum(row["deals"] for row in rows) == manager.whole


def test_tables_without_a_managers_column_are_closed_to_managers_and_shared_ones_are_open(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager], stand: Stand
) -> None:
    with connect_clickhouse(stand.warehouse) as client:
        counts = client.query("select tenant_id, count() from analytics.fct_deal_stages group by 1")
        stages = {row[0]: row[1] for row in counts.result_rows}
        dates = client.query("select count() from analytics.dim_dates").result_rows[0][0]
    for manager in managers:
        assert signed_in["manager", manager.tenant].count(assets.stages) == 0
        assert signed_in["director", manager.tenant].count(assets.stages) == stages[manager.tenant]
        assert signed_in["manager", manager.tenant].count(assets.dates) == dates


def test_a_dataset_that_no_rule_covers_shows_nothing(
    signed_in: SignedIn, admin: Visitor, stand: Stand, assets: SmallAssets, managers: list[Manager]
) -> None:
    dataset = make_dataset(admin, "fct_leads")
    try:
        # Rights on it before there is a rule: what a hasty operator could grant by hand.
        role = next(
            row for row in admin.get("/api/v1/security/roles/", q="(page_size:100)").json()["result"]
            if row["name"] == "crm_director"
        )  # fmt: skip
        assert (
            signed_in["director", managers[0].tenant]
            .chart_data(dataset, {"columns": [], "metrics": [COUNT]})
            .status_code
            == 403
        )
        held = admin.get(f"/api/v1/security/roles/{role['id']}/permissions/").json()["result"]
        added = _permission(admin, f"(id:{dataset})")
        ids = [entry["id"] for entry in held] + [added]
        granted = admin.post(f"/api/v1/security/roles/{role['id']}/permissions", {"permission_view_menu_ids": ids})
        assert granted.status_code == 200, granted.text
        assert signed_in["director", managers[0].tenant].count(dataset) == 0
        assert admin.count(dataset) > 0
    finally:
        admin.send("DELETE", f"/api/v1/dataset/{dataset}")
        stand.run_inside("superset_assets.server.access")


def test_ranges_of_time_mean_the_column_and_not_its_month(admin: Visitor, stand: Stand, assets: SmallAssets) -> None:
    with connect_clickhouse(stand.warehouse) as client:
        first, last = client.query(
            """
            select toString(toDate(min(created_at)) + 14), toString(toDate(max(created_at)) - 17)
            from analytics.fct_deals
            """
        ).result_rows[0]
        expected = client.query(
            f"select count() from analytics.fct_deals where created_at >= '{first}' and created_at < '{last}'"
        ).result_rows[0][0]
    for grain in ("P1D", "P1W", "P1M", "P1Y"):
        axis = {
            "columnType": "BASE_AXIS", "sqlExpression": "created_at", "label": "created_at", "expressionType": "SQL",
            "timeGrain": grain,
        }  # fmt: skip
        rows = admin.rows(
            assets.deals,
            {
                "columns": [axis],
                "metrics": [COUNT],
                "filters": [{"col": "created_at", "op": "TEMPORAL_RANGE", "val": f"{first} : {last}"}],
            },
        )
        assert sum(row["n"] for row in rows) == expected, grain


def test_a_metric_called_like_its_column_can_be_filtered_by_the_column(
    admin: Visitor, stand: Stand, assets: SmallAssets
) -> None:
    with connect_clickhouse(stand.warehouse) as client:
        expected = client.query(
            "select toFloat64(sum(amount_base)) from analytics.fct_deals where amount_base > 1000"
        ).result_rows[0][0]
    metric = {"expressionType": "SQL", "sqlExpression": "toFloat64(sum(amount_base))", "label": "amount_base"}
    rows = admin.rows(
        assets.deals,
        {"columns": [], "metrics": [metric], "filters": [{"col": "amount_base", "op": ">", "val": 1000}]},
    )
    assert rows[0]["amount_base"] == pytest.approx(expected)


def _permission(admin: Visitor, ending: str) -> int:
    for page in range(20):
        query = f"(page:{page},page_size:100)"
        found = admin.get("/api/v1/security/permissions-resources/", q=query).json()["result"]
        for entry in found:
            if entry["permission"]["name"] == "datasource_access" and entry["view_menu"]["name"].endswith(ending):
                return int(entry["id"])
    raise AssertionError(f"no datasource_access on {ending}")
