"""Every model and column says what it means, every mart promises its columns, and every report names its readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt_manifest import load_dbt_project

REPORTS = ("sales_by_month", "manager_activity", "leads_by_source", "lead_conversion", "sales_funnel")


def undocumented(models: list[dict[str, Any]]) -> list[str]:
    """Return a line per model, seed or column that says nothing, with the file to write it into."""
    found = []
    for model in models:
        place = (model["patch_path"] or "the YAML beside its SQL").removeprefix("crm_analytics://")
        if not model["description"].strip():
            found.append(f"{model['name']}: write a description into {place}")
        if not model["columns"]:
            found.append(f"{model['name']}: list its columns in {place}")
        found += [
            f"{model['name']}.{name}: write a description into {place}"
            for name, column in model["columns"].items()
            if not column["description"].strip()
        ]
    return found


def without_contract(models: list[dict[str, Any]]) -> list[str]:
    """Return a line per mart without an enforced contract, and per column of a mart without a type."""
    found = []
    for model in models:
        if model["path"].startswith("marts/"):
            if not model["config"]["contract"]["enforced"]:
                found.append(f"{model['name']}: a mart needs `contract: {{enforced: true}}`")
            found += [
                f"{model['name']}.{name}: give it a data_type, the contract compares it with the SQL"
                for name, column in model["columns"].items()
                if not column["data_type"]
            ]
    return found


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    path = Path(load_dbt_project().manifest_path)
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]


def test_every_model_seed_and_column_is_documented(models: list[dict[str, Any]]) -> None:
    assert len(models) > 35
    problems = undocumented(models)
    assert not problems, "\n".join(problems)


def test_every_mart_has_an_enforced_contract(models: list[dict[str, Any]]) -> None:
    problems = without_contract(models)
    assert not problems, "\n".join(problems)


def test_every_report_names_its_readers(manifest: dict[str, Any]) -> None:
    read = {node.split(".")[-1] for each in manifest["exposures"].values() for node in each["depends_on"]["nodes"]}
    assert {*REPORTS, "report_quality"} <= read
    for exposure in manifest["exposures"].values():
        assert exposure["description"] and exposure["owner"]["name"], exposure["name"]


def test_a_gap_is_named_with_the_file_to_mend() -> None:
    model = {
        "name": "fct_x",
        "path": "marts/core/fct_x.sql",
        "patch_path": "crm_analytics://models/marts/core/core.yml",
        "description": "",
        "config": {"contract": {"enforced": False}},
        "columns": {"id": {"description": " ", "data_type": None}},
    }
    assert undocumented([model]) == [
        "fct_x: write a description into models/marts/core/core.yml",
        "fct_x.id: write a description into models/marts/core/core.yml",
    ]
    assert [line.split(":")[0] for line in without_contract([model])] == ["fct_x", "fct_x.id"]
