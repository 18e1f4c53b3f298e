"""The code location loads, and its graph is whole."""

from __future__ import annotations

import json
import subprocess
import sys

from dagster import AssetKey, Definitions

from deploy.settings import REPOSITORY
from orchestration.definitions import build_defs
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.resources import PipelineResource

REPORTS = ("sales_by_month", "manager_activity", "leads_by_source", "lead_conversion", "sales_funnel")


def keys(definitions: Definitions) -> set[AssetKey]:
    return {key for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_the_location_loads_in_a_fresh_interpreter_without_any_setting() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "import orchestration.definitions"],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def test_every_canonical_table_is_an_asset_that_the_models_read() -> None:
    graph = build_defs().resolve_asset_graph()
    for table in CANONICAL_TABLES:
        key = AssetKey(["crm", table])
        assert key in graph.get_all_asset_keys()
        assert graph.get(key).is_materializable
        assert graph.get(key).child_keys, f"no model reads crm.{table}"


def test_every_report_descends_from_the_replicas() -> None:
    graph = build_defs().resolve_asset_graph()
    for report in REPORTS:
        ancestors = graph.get_ancestor_asset_keys(AssetKey(["analytics", report]))
        assert AssetKey(["crm", "tenants"]) in ancestors, report


def test_every_asset_has_a_group_a_description_and_an_owner() -> None:
    graph = build_defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name and node.group_name != "default", key
        assert node.owners, key


def test_dbt_tests_are_blocking_checks() -> None:
    graph = build_defs().resolve_asset_graph()
    checks = [
        graph.get(key) for key in graph.asset_check_keys if key.asset_key == AssetKey(["analytics", "sales_funnel"])
    ]
    assert len(checks) >= 5
    assert all(check.blocking for check in checks)


def test_resources_can_be_replaced() -> None:
    replacement = PipelineResource()
    resources = build_defs({"pipeline": replacement}).resources
    assert resources is not None
    assert resources["pipeline"] is replacement


def test_telemetry_is_off() -> None:
    instance = (REPOSITORY / "deploy" / "dagster" / "dagster.yaml").read_text(encoding="utf-8")
    assert "telemetry:\n  enabled: false" in instance
    project = (REPOSITORY / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8")
    assert "send_anonymous_usage_stats: false" in project


def test_every_model_and_column_is_documented_and_every_report_has_an_enforced_contract() -> None:
    manifest = json.loads((REPOSITORY / "dbt_project" / "target" / "manifest.json").read_text(encoding="utf-8"))
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(models) > 30
    for model in models:
        assert model["description"], model["name"]
        for name, column in model["columns"].items():
            assert column["description"], f"{model['name']}.{name}"
        if model["name"] in REPORTS:
            assert model["config"]["contract"]["enforced"], model["name"]


def test_a_dashboard_is_below_the_marts_that_it_shows() -> None:
    graph = build_defs().resolve_asset_graph()
    parents = graph.get(AssetKey(["superset", "summary"])).parent_keys
    assert AssetKey(["analytics", "sales_by_month"]) in parents
    assert AssetKey(["analytics", "sales_funnel"]) in parents
