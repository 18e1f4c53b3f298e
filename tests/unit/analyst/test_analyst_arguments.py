"""What the analyst's commands ask of dbt, and which names they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from deploy.settings import REPOSITORY
from orchestration.analyst.commands import (
    CommandError,
    Paths,
    check_names,
    dbt_arguments,
    deferred,
    developer,
    names_in,
    preview,
)

PATHS = Paths(Path("project"), Path("target"), Path("state"))
MOMENT = datetime(2026, 3, 1, 3, tzinfo=timezone(timedelta(hours=3)))


def after(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


@pytest.mark.parametrize(
    ("login", "name"), [("ann", "ann"), ("Anna.Lee", "annalee"), ("anna-2", "anna2"), ("_2x", "x"), ("a_b", "ab")]
)
def test_a_login_becomes_a_name_of_letters_and_digits(login: str, name: str) -> None:
    assert developer(login).name == name


@pytest.mark.parametrize("login", ["", "42", "анна", "--"])
def test_a_login_without_latin_letters_is_refused_with_the_way_out(login: str) -> None:
    with pytest.raises(CommandError, match="DEV=name"):
        developer(login)


def test_nobody_owns_the_databases_of_a_longer_name_or_of_production() -> None:
    databases = ["analytics", "staging", "dev_ann_analytics", "dev_ann_staging", "dev_anna_staging", "dev_ann", "ops"]
    assert developer("ann").owned(databases) == ["dev_ann_analytics", "dev_ann_staging"]


def test_names_are_found_behind_operators_and_methods_are_left_alone() -> None:
    selection = "fct_deals+ 2+dim_users @sales_funnel,int_a+1 tag:heavy models/marts/* path.to.it state:modified+"
    assert names_in(selection) == ["fct_deals", "dim_users", "sales_funnel", "int_a"]


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    check_names("+fct_deals+", ["fct_deals"])
    with pytest.raises(CommandError, match=r"no model or seed 'fct_deal': did you mean fct_deals"):
        check_names("fct_deal+", ["fct_deals", "dim_users"])
    with pytest.raises(CommandError, match="dbt_project/models"):
        check_names("zzz", ["fct_deals"])


def test_a_selection_defers_to_production_in_the_development_target() -> None:
    arguments = deferred("build", PATHS, MOMENT, "fct_deals+ dim_users")
    assert arguments[0] == "build"
    assert after(arguments, "--target") == "dev"
    assert after(arguments, "--state") == "state"
    assert "--defer" in arguments
    selected = arguments.index("--select")
    assert arguments[selected + 1 : selected + 3] == ["fct_deals+", "dim_users"]


def test_now_is_that_of_production_in_utc() -> None:
    assert json.loads(after(dbt_arguments("ls", PATHS, MOMENT), "--vars")) == {"as_of": "2026-03-01T00:00:00.000000Z"}


def test_a_preview_is_of_one_model_and_at_least_one_row() -> None:
    assert after(preview(PATHS, MOMENT, "fct_deals", 3), "--limit") == "3"
    with pytest.raises(CommandError, match="one model"):
        preview(PATHS, MOMENT, "fct_deals+", 3)
    with pytest.raises(CommandError, match="at least one row"):
        preview(PATHS, MOMENT, "fct_deals", 0)


def parse_as(target: str, name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "parse", "--quiet", "--no-partial-parse", "--target", target,
            "--project-dir", "dbt_project", "--profiles-dir", "dbt_project", "--target-path", str(folder),
            "--log-path", str(folder),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "DBT_DEVELOPER": name},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


def schemas(folder: Path) -> set[str]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {node["schema"] for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}}


def test_every_model_and_seed_of_a_developer_lies_behind_the_prefix(tmp_path: Path) -> None:
    assert parse_as("dev", "ann", tmp_path).returncode == 0
    in_development = schemas(tmp_path)
    assert {"dev_ann_staging", "dev_ann_analytics"} <= in_development
    assert all(schema.startswith("dev_ann_") for schema in in_development)
    assert parse_as("warehouse", "ann", tmp_path).returncode == 0
    assert {schema.removeprefix("dev_ann_") for schema in in_development} == schemas(tmp_path)


@pytest.mark.parametrize("name", ["", "a_b", "Ann"])
def test_a_development_target_without_a_proper_name_is_refused(name: str, tmp_path: Path) -> None:
    refused = parse_as("dev", name, tmp_path)
    assert refused.returncode != 0
    assert "DBT_DEVELOPER" in refused.stdout + refused.stderr
