"""Which mutations can be tried in one run of dbt.

A unit test gives its model every input, so what breaks one model changes no test of another. Mutations of different
models, or of macros that different models use, are told apart by the tests that fail, and share a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.mutations.mutation import Mutation
from tests.mutations.rules import Rule


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutation, the unit tests that have to notice it, and the models whose tests it may change."""

    mutation: Mutation
    tests: tuple[str, ...]
    models: frozenset[str]


def plan_trials(mutations: Iterable[Mutation], rules: Iterable[Rule], manifest: Mapping[str, Any]) -> list[Trial]:
    """Return a trial per mutation.

    Args:
        mutations: to try.
        rules: of the table of metric rules.
        manifest: of the dbt project as it is.
    """
    held_by = {rule.id: rule.dbt_tests for rule in rules}
    model_of = {test["name"]: test["model"] for test in manifest["unit_tests"].values()}
    trials = []
    for mutation in mutations:
        # What has no unit tests notices nothing.
        models = _changed_models(mutation.file, manifest).intersection(model_of.values())
        tests = tuple(test for test in held_by[mutation.rule] if model_of.get(test) in models)
        trials.append(Trial(mutation, tests, models))
    return trials


def plan_rounds(trials: Iterable[Trial]) -> list[list[Trial]]:
    """Return the trials in rounds within which no two change the same model or the same file."""
    rounds: list[list[Trial]] = []
    for trial in trials:
        fitting = (held for held in rounds if all(_are_apart(trial, other) for other in held))
        held = next(fitting, None)
        if held is None:
            rounds.append([trial])
        else:
            held.append(trial)
    return rounds


def _are_apart(trial: Trial, other: Trial) -> bool:
    return not trial.models & other.models and trial.mutation.file != other.mutation.file


def _changed_models(file: str, manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the models whose SQL a file of the project is part of: all of them for its settings."""
    models: Sequence[Mapping[str, Any]] = [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model"
    ]
    own = {node["name"] for node in models if node["original_file_path"] == file}
    if own:
        return frozenset(own)
    macros = manifest["macros"]
    changed = {name for name, macro in macros.items() if macro["original_file_path"] == file}
    if not changed:
        return frozenset(node["name"] for node in models)
    reached = 0
    while reached != len(changed):
        reached = len(changed)
        changed |= {name for name, macro in macros.items() if changed.intersection(macro["depends_on"]["macros"])}
    return frozenset(node["name"] for node in models if changed.intersection(node["depends_on"]["macros"]))
