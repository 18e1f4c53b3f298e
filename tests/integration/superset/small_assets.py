"""A database, datasets, a chart and a dashboard, enough to try what readers may see; imported as everyone's are."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.integration.superset.people import Visitor, import_assets

DATABASE = "security tests"
_NAMESPACE = uuid.UUID("4b9d1a0e-6a0f-4c39-9a55-2a51f3ab1f0c")
DASHBOARD_TITLE = "Сделки по менеджерам"

DEALS_COLUMNS = {
    "tenant_id": "String", "deal_id": "String", "manager_id": "String", "manager_name": "String", "outcome": "String",
    "amount_base": "Nullable(Decimal(18, 2))", "created_at": "DateTime64(6, 'UTC')",
}  # fmt: skip


@dataclass(frozen=True)
class SmallAssets:
    """The ids that Superset gave.

    Attributes:
        deals: the physical dataset of fct_deals.
        deals_by_manager: a virtual dataset over it.
        stages: fct_deal_stages, which has no column of the manager.
        dates: dim_dates, which is everyone's.
        chart: a table of deals by manager.
        dashboard: the dashboard with that chart.
        embedded: the id by which pages embed the dashboard.
    """

    deals: int
    deals_by_manager: int
    stages: int
    dates: int
    chart: int
    dashboard: int
    embedded: str


def import_small_assets(admin: Visitor, origin: str) -> SmallAssets:
    """Import them and return their ids."""
    import_assets(admin, _files())
    datasets = _ids(admin, "dataset", "table_name")
    dashboard = _ids(admin, "dashboard", "dashboard_title")[DASHBOARD_TITLE]
    embedded = admin.post(f"/api/v1/dashboard/{dashboard}/embedded", {"allowed_domains": [origin]})
    assert embedded.status_code == 200, embedded.text
    return SmallAssets(
        deals=datasets["fct_deals"],
        deals_by_manager=datasets["deals_by_manager"],
        stages=datasets["fct_deal_stages"],
        dates=datasets["dim_dates"],
        chart=_ids(admin, "chart", "slice_name")["deals of a manager"],
        dashboard=dashboard,
        embedded=embedded.json()["result"]["uuid"],
    )


def make_dataset(admin: Visitor, table: str, sql: str | None = None) -> int:
    """Make a dataset of a table of `analytics`, or of a query, in the UI's way, outside of the assets."""
    database = _ids(admin, "database", "database_name")[DATABASE]
    content = {"database": database, "schema": "analytics", "table_name": table} | ({"sql": sql} if sql else {})
    response = admin.post("/api/v1/dataset/", content)
    assert response.status_code == 201, response.text
    return int(response.json()["id"])


def database_id(admin: Visitor) -> int:
    """Return the id of the database."""
    return _ids(admin, "database", "database_name")[DATABASE]


def _ids(admin: Visitor, kind: str, name: str) -> dict[str, int]:
    return {
        row[name]: row["id"]
        for row in admin.listed(f"/api/v1/{kind}/", f"id,{name},database.database_name")
        if kind != "dataset" or row["database"]["database_name"] == DATABASE
    }


def _files() -> dict[str, dict[str, Any]]:
    database = _uuid("database")
    chart = _uuid("chart")
    return {
        "databases/warehouse.yaml": {
            "database_name": DATABASE,
            "sqlalchemy_uri": "clickhousedb://warehouse/analytics",
            "expose_in_sqllab": True,
            "allow_dml": False,
            "allow_csv_upload": False,
            "extra": {"allows_virtual_table_explore": True},
            "uuid": database,
            "version": "1.0.0",
        },
        "datasets/deals.yaml": _dataset(
            "fct_deals",
            DEALS_COLUMNS,
            metrics=[{"metric_name": "deals", "verbose_name": "Сделки", "expression": "count()"}],
        ),
        "datasets/deals_by_manager.yaml": _dataset(
            "deals_by_manager",
            {"tenant_id": "String", "manager_id": "String", "deals": "UInt64"},
            sql="select tenant_id, manager_id, count() as deals from analytics.fct_deals group by 1, 2",
        ),
        "datasets/stages.yaml": _dataset("fct_deal_stages", {"tenant_id": "String", "deal_id": "String"}),
        "datasets/dates.yaml": _dataset("dim_dates", {"date_day": "Date32"}),
        "charts/deals.yaml": {
            "slice_name": "deals of a manager",
            "viz_type": "table",
            "params": {
                "viz_type": "table",
                "query_mode": "aggregate",
                "groupby": ["manager_name"],
                "metrics": ["deals"],
                "row_limit": 100,
                "adhoc_filters": [],
            },
            "query_context": '{"queries":[{"columns":["manager_name"],"metrics":["deals"],"row_limit":100}]}',
            "uuid": chart,
            "dataset_uuid": _uuid("fct_deals"),
            "version": "1.0.0",
        },
        "dashboards/deals.yaml": {
            "dashboard_title": DASHBOARD_TITLE,
            "slug": "security-tests",
            "published": True,
            "uuid": _uuid("dashboard"),
            "version": "1.0.0",
            "position": _position(chart),
            "metadata": {"native_filter_configuration": []},
        },
    }


def _dataset(table: str, columns: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "table_name": table,
        "schema": "analytics",
        "main_dttm_col": "created_at" if "created_at" in columns else None,
        "uuid": _uuid(table),
        "database_uuid": _uuid("database"),
        "version": "1.0.0",
        "columns": [
            {
                "column_name": name,
                "type": type_,
                "is_dttm": name == "created_at",
                "is_active": True,
                "groupby": True,
                "filterable": True,
            }
            for name, type_ in columns.items()
        ],
        "metrics": [],
        **more,
    }


def _position(chart: str) -> dict[str, Any]:
    return {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": ["ROW-1"], "parents": ["ROOT_ID"]},
        "ROW-1": {
            "type": "ROW",
            "id": "ROW-1",
            "children": ["CHART-a"],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        },
        "CHART-a": {
            "type": "CHART",
            "id": "CHART-a",
            "children": [],
            "parents": ["ROOT_ID", "GRID_ID", "ROW-1"],
            "meta": {"chartId": 1, "uuid": chart, "width": 12, "height": 60, "sliceName": "deals of a manager"},
        },
    }


def _uuid(name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, name))
