"""What the columns of the reports promise whatever their rows: whose they are, exact money, sums only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt_manifest import load_dbt_project

REPORTS = ("sales_by_month", "manager_activity", "leads_by_source", "lead_conversion", "sales_funnel")


@pytest.fixture(scope="module")
def nodes() -> dict[str, dict[str, Any]]:
    manifest = json.loads(Path(load_dbt_project().manifest_path).read_text(encoding="utf-8"))
    return {node["name"]: node for node in manifest["nodes"].values()}


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest, nodes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return nodes[request.param]


def measures(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: column for name, column in model["columns"].items() if column["config"]["meta"]["kind"] == "measure"}


def test_the_grain_of_a_report_starts_with_the_tenant(report: dict[str, Any], nodes: dict[str, dict[str, Any]]) -> None:
    assert next(iter(report["columns"])) == "tenant_id"
    grains = [
        node["test_metadata"]["kwargs"]["columns"]
        for node in nodes.values()
        if node["resource_type"] == "test"
        and node.get("attached_node") == report["unique_id"]
        and node["test_metadata"]["name"] == "unique_combination"
    ]
    assert grains and all(grain[0] == "tenant_id" for grain in grains)


def test_money_is_an_exact_decimal(report: dict[str, Any]) -> None:
    money = {
        name: column for name, column in report["columns"].items() if column["config"]["meta"].get("format") == "money"
    }
    assert money.keys() == {name for name in report["columns"] if "amount" in name and not name.startswith("deals_")}
    assert {column["data_type"] for column in money.values()} <= {"Decimal(18, 2)"}


def test_a_report_stores_sums_and_no_rate(report: dict[str, Any]) -> None:
    kinds = {column["data_type"] for column in measures(report).values()}
    assert kinds <= {"UInt64", "Int64", "Decimal(18, 2)", "Array(UInt64)", "Bool"}


def test_a_report_says_whose_rows_a_filter_by_manager_finds(report: dict[str, Any]) -> None:
    text = f"{report['description']} {report['columns']['manager_id']['description']}".lower()
    assert "current owner" in text and "assignee" in text
