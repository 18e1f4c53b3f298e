"""Every metric rule names tests that exist, every unit test of dbt holds a rule, and every mutation still applies."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.settings import REPOSITORY
from orchestration.dbt_manifest import PROJECT_FOLDER, load_dbt_project
from tests.mutations.mutation import DoesNotApply, Mutation, read_mutations
from tests.mutations.rules import read_rules

RULES = read_rules()
# They hold what a calendar is and what was known on a past day, which are no rules of the five reports.
OTHER_UNIT_TESTS = {
    "a_holiday_is_off_and_a_worked_weekend_is_worked",
    "the_outcome_of_a_past_day_is_that_of_the_run_begun_before_it",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path(load_dbt_project().manifest_path).read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def unit_tests(manifest: dict[str, Any]) -> set[str]:
    return {node["name"] for node in manifest["unit_tests"].values()}


def functions(path: Path) -> set[str]:
    return {
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    }


def test_every_rule_has_a_name_of_its_own_and_a_test() -> None:
    assert len(RULES) > 80
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert not [rule.id for rule in RULES if not rule.dbt_tests + rule.pytest_tests]


def test_every_row_of_the_table_is_read() -> None:
    table = (REPOSITORY / "docs/metrics.md").read_text(encoding="utf-8").split("| rule | says |")[1]
    assert len([line for line in table.splitlines() if line.startswith("| `")]) == len(RULES)


def test_every_named_test_exists(manifest: dict[str, Any], unit_tests: set[str]) -> None:
    data_tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    missing = [f"{rule.id}: {name}" for rule in RULES for name in rule.dbt_tests if name not in unit_tests | data_tests]
    for rule in RULES:
        for node in rule.pytest_tests:
            path, _, function = node.partition("::")
            if not (REPOSITORY / path).is_file() or function not in functions(REPOSITORY / path):
                missing.append(f"{rule.id}: {node}")
    assert not missing, "\n".join(missing)


def test_every_named_place_exists(manifest: dict[str, Any]) -> None:
    models = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    files = {path.name for path in PROJECT_FOLDER.rglob("*") if "target" not in path.parts}
    missing = [
        f"{rule.id}: {place}"
        for rule in RULES
        for place in rule.places
        if place not in models | files and not (REPOSITORY / place).is_file()
    ]
    assert not missing, "\n".join(missing)


def test_every_unit_test_of_dbt_holds_a_rule(unit_tests: set[str]) -> None:
    assert unit_tests - {name for rule in RULES for name in rule.dbt_tests} == OTHER_UNIT_TESTS


def test_every_rule_that_unit_tests_hold_is_broken_by_a_mutation(unit_tests: set[str]) -> None:
    held = {rule.id for rule in RULES if unit_tests.intersection(rule.dbt_tests)}
    # A range of days is a condition of each reader; no SQL of the models holds it.
    assert held - {mutation.rule for mutation in read_mutations()} == {"all-date-range"}


@pytest.mark.parametrize("mutation", read_mutations(), ids=lambda mutation: f"{mutation.rule}-{mutation.broken[:20]}")
def test_every_mutation_applies(mutation: Mutation, unit_tests: set[str]) -> None:
    rule = next(rule for rule in RULES if rule.id == mutation.rule)
    assert unit_tests.intersection(rule.dbt_tests)
    source = (PROJECT_FOLDER / mutation.file).read_text(encoding="utf-8")
    assert mutation.applied(source) != source


def test_a_mutation_whose_text_is_gone_says_so() -> None:
    mutation = Mutation(rule="r", file="a.sql", text="old", broken="new")
    for source in ("", "old old"):
        with pytest.raises(DoesNotApply, match=r"r: a\.sql holds \d times: old"):
            mutation.applied(source)
