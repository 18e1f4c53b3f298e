"""What sqlfluff takes the macros of `macros/changed_keys` for: it has no warehouse that they could ask.

They answer so that every branch of a model is linted. Nothing else reads this.
"""

from __future__ import annotations

from collections import defaultdict


def what_changed(entity: str) -> dict[str, object]:
    """Return that everything changed."""
    return {
        "read_until": "map('until deals', 1)",
        "conditions": defaultdict(lambda: "loaded_at > now64(6)"),
        "members": 0,
        "keeps": "true",
    }


def as_built(name: str, structure: str) -> str:
    """Return the model's name."""
    return name


def only_changed(entity: str, columns: list[str]) -> str:
    """Return the condition of a whole build."""
    return "true"


def only_changed_history(history: str, alias: str) -> str:
    """Return the condition of a whole build."""
    return "true"


def is_full_refresh() -> str:
    """Return that they are not."""
    return "false"
