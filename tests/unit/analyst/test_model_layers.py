"""The layering rule of the models (`dbt_project/dbt-bouncer.yml`) refuses what docs/lint.md says it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.settings import REPOSITORY
from orchestration.dbt_manifest import load_dbt_project

Manifest = dict[str, Any]
CONFIGURATION = REPOSITORY / "dbt_project" / "dbt-bouncer.yml"


@pytest.fixture(scope="module")
def manifest() -> str:
    return load_dbt_project().manifest_path.read_text(encoding="utf-8")


def judged(manifest: Manifest, folder: Path) -> list[dict[str, str]]:
    """Return the failures of the rules on a manifest."""
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    rules = CONFIGURATION.read_text(encoding="utf-8").replace(
        "dbt_artifacts_dir: target", f"dbt_artifacts_dir: {folder}"
    )
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    finished = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt-bouncer"), "run", "--config-file", str(folder / "rules.yml"),
            "--output-file", str(folder / "found.json"), "--output-format", "json", "--output-only-failures",
        ],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    found: list[dict[str, str]] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert (finished.returncode == 0) == (found == []), finished.stdout + finished.stderr
    return found


def reads(model: str, node: str) -> Callable[[Manifest], None]:
    def change(manifest: Manifest) -> None:
        manifest["nodes"][f"model.crm_analytics.{model}"]["depends_on"]["nodes"].append(node)

    return change


def undescribed(manifest: Manifest) -> None:
    manifest["nodes"]["model.crm_analytics.fct_deals"]["description"] = ""


def undescribed_column(manifest: Manifest) -> None:
    manifest["nodes"]["model.crm_analytics.fct_deals"]["columns"]["deal_id"]["description"] = ""


def without_contract(manifest: Manifest) -> None:
    manifest["nodes"]["model.crm_analytics.sales_funnel"]["config"]["contract"]["enforced"] = False
    manifest["nodes"]["model.crm_analytics.sales_funnel"]["contract"]["enforced"] = False


def test_the_models_keep_the_rules(manifest: str, tmp_path: Path) -> None:
    assert judged(json.loads(manifest), tmp_path) == []


@pytest.mark.parametrize(
    ("broken", "where", "what"),
    [
        (reads("stg_crm__deals", "model.crm_analytics.stg_crm__leads"), "stg_crm__deals", "Staging reads sources only"),
        (
            reads("int_deal_close_moments", "model.crm_analytics.sales_funnel"),
            "int_deal_close_moments",
            "never a report",
        ),
        (reads("fct_leads", "model.crm_analytics.sales_funnel"), "fct_leads", "never a report"),
        (reads("sales_funnel", "model.crm_analytics.stg_crm__deals"), "sales_funnel", "never staging"),
        (reads("sales_funnel", "seed.crm_analytics.source_groups"), "sales_funnel", "through a model of core"),
        (reads("dim_stages", "source.crm_analytics.crm.deals"), "dim_stages", "Only staging reads sources"),
        (undescribed, "fct_deals", "describe the model"),
        (undescribed_column, "fct_deals", "describe the column"),
        (without_contract, "sales_funnel", "contract.enforced"),
    ],
)
def test_a_broken_rule_is_told_with_the_model_and_the_cure(
    manifest: str, tmp_path: Path, broken: Callable[[Manifest], None], where: str, what: str
) -> None:
    changed: Manifest = json.loads(manifest)
    broken(changed)
    found = judged(changed, tmp_path)
    assert [failure["unique_id"].split(".")[-1] for failure in found] == [where]
    assert what in found[0]["failure_message"]
    assert "Do: " in found[0]["failure_message"]
    assert found[0]["file_path"].endswith(f"{where}.sql")
