"""The SQL of a dbt model without dbt, for tests that hold one model against replicas of their own.

Renders with the project's own macros. Tests of whole builds run dbt instead.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, StrictUndefined

from deploy.settings import REPOSITORY

_PROJECT = REPOSITORY / "dbt_project"
# Macros that put text into a model and ask nothing of dbt.
_MACROS = ("history_order", "is_observed")


def model_sql(path: str, replica: Callable[[str], str]) -> str:
    """Return the SQL of the model at `path` below models/, over the replicas that `replica` names for canonical tables.

    Models that it refers to stand in it as subqueries, and every key counts as changed.
    """
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    macros = "".join((_PROJECT / "macros" / f"{name}.sql").read_text(encoding="utf-8") for name in _MACROS)
    text = (_PROJECT / "models" / path).read_text(encoding="utf-8")
    return environment.from_string(macros + text).render(
        source=lambda _, table: replica(table),
        ref=lambda name: f"({model_sql(f'staging/{name}.sql', replica)})",
        only_changed=lambda *_: "true",
        only_changed_history=lambda *_: "true",
    )
