"""How `make mutate` shares runs of dbt among mutations, and what it makes of their tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mutations.__main__ import Verdict, judged
from tests.mutations.mutation import Mutation
from tests.mutations.rounds import Trial, plan_rounds, plan_trials
from tests.mutations.rules import Rule


def model(name: str, *macros: str) -> dict[str, Any]:
    path = f"models/{name}.sql"
    return {"name": name, "resource_type": "model", "original_file_path": path, "depends_on": {"macros": [*macros]}}


def macro(path: str, *macros: str) -> dict[str, Any]:
    return {"original_file_path": path, "depends_on": {"macros": [*macros]}}


MANIFEST = {
    "nodes": {
        "1": model("deals", "m.day"),
        "2": model("leads", "m.lag"),
        "3": model("users"),
        "4": model("view", "m.day"),
    },
    "macros": {
        "m.day": macro("macros/day.sql"),
        "m.lag": macro("macros/lag.sql", "m.day"),
        "m.other": macro("macros/o.sql"),
    },
    "unit_tests": {name: {"name": f"{name}_hold", "model": name} for name in ("deals", "leads", "users")},
}
RULES = [Rule("r", (), ("deals_hold", "leads_hold", "users_hold", "a_data_test"), ())]


def mutation(file: str) -> Mutation:
    return Mutation(rule="r", file=file, text="a", broken="b")


@pytest.mark.parametrize(
    ("file", "models"),
    [
        ("models/users.sql", {"users"}),
        ("macros/lag.sql", {"leads"}),
        ("macros/day.sql", {"deals", "leads"}),
        ("macros/o.sql", set()),
        ("profiles.yml", {"deals", "leads", "users"}),
    ],
)
def test_a_file_changes_the_models_that_it_is_part_of(file: str, models: set[str]) -> None:
    (trial,) = plan_trials([mutation(file)], RULES, MANIFEST)
    assert trial.models == models
    assert set(trial.tests) == {f"{name}_hold" for name in models}


def test_mutations_share_a_run_where_no_test_could_confuse_them() -> None:
    files = ["models/users.sql", "macros/lag.sql", "macros/day.sql", "models/users.sql", "models/deals.sql"]
    rounds = plan_rounds(plan_trials(map(mutation, files), RULES, MANIFEST))
    assert [[trial.mutation.file for trial in held] for held in rounds] == [
        ["models/users.sql", "macros/lag.sql", "models/deals.sql"],
        ["macros/day.sql", "models/users.sql"],
    ]


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ({"one": "fail", "two": "error"}, Verdict.KILLED),
        ({"one": "error", "two": "pass"}, Verdict.VOID),
        ({"one": "pass", "two": "pass"}, Verdict.SURVIVED),
        ({"of another": "fail"}, Verdict.SURVIVED),
    ],
)
def test_only_a_test_of_the_rule_that_fails_for_its_rows_kills(statuses: dict[str, str], verdict: Verdict) -> None:
    trial = Trial(mutation("models/deals.sql"), ("one", "two"), frozenset({"deals"}))
    assert judged(trial, statuses).verdict is verdict
