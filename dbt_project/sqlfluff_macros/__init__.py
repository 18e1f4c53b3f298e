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
        "is_still_new": "is_new",
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


def only_joined_to(columns: list[str], rows: str) -> str:
    """Return the condition of a whole build."""
    return "true"


def only_changed_slices(day: str = "day") -> str:
    """Return the condition of a whole build."""
    return "true"


def only_deals_of_changed_slices() -> str:
    """Return the condition of a whole build."""
    return "true"


def slice_day(day: str) -> str:
    """Return the day that stands for a slice."""
    return f"coalesce({day}, toDate32('1900-01-01'))"


def slices_of_deal(deal: str) -> str:
    """Return one slice."""
    return f"[tuple('report', {deal}.created_day, {deal}.manager_id)]"


def slices_of_lead(lead: str) -> str:
    """Return one slice."""
    return f"[tuple('report', {lead}.created_day, {lead}.manager_id)]"


def slices_of_activity(activity: str) -> str:
    """Return one slice."""
    return f"[tuple('report', {activity}.completed_day, {activity}.manager_id)]"


def slices_type() -> str:
    """Return the type of a list of slices."""
    return "Array(Tuple(String, Date32, String))"


def slices_of_changed_records(report: str, entity: str) -> str:
    """Return a query of slices."""
    return f"select tenant_id, day, manager_id from {entity} where report = '{report}'"


def slices_of_other_zero_rows(report: str, zero_rows: str, columns: str, figures: str, made_of_zeros: str) -> str:
    """Return a query of slices."""
    return f"select tenant_id, day, manager_id from {report}"


def is_full_refresh() -> str:
    """Return that they are not."""
    return "false"
