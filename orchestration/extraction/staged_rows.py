"""Refuses staged rows that are wrong, or fewer than were read, in words that say what to do.

Which rows are wrong is decided by the SELECT (`guards`) and counted in the warehouse (`replica`).
"""

from __future__ import annotations

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import CastExpression, Expression, Mapping
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.replica import Rejection, Staged

_MESSAGES_SHOWN = 3


def check_staged(plan: TablePlan, mapping: Mapping, rows_read: int, staged: Staged) -> None:
    """Refuse staged rows that are wrong, or fewer than were read.

    Raises:
        ExtractionError: names the columns and values at fault.
    """
    if staged.rejected:
        messages = [rejection_message(plan, mapping, rejection) for rejection in staged.rejected[:_MESSAGES_SHOWN]]
        more = len(staged.rejected) - len(messages)
        raise ExtractionError("; ".join(messages) + (f"; and {more} more like these" if more else ""))
    if staged.keys != rows_read:
        key = ", ".join(plan.table.key)
        raise ExtractionError(
            f"{plan.table.name}: {rows_read} rows were read but {staged.keys} different keys ({key}) arrived; "
            f"{plan.source} must have one row per key of {mapping.file}"
        )


def rejection_message(plan: TablePlan, mapping: Mapping, rejection: Rejection) -> str:
    """Return one line about rows that must not be loaded: where, what, how many, and what to do."""
    rows = f"{rejection.rows} rows" if rejection.rows > 1 else "1 row"
    where, example = f"{plan.table.name}.{rejection.column}", f"{rows}, such as {rejection.example}"
    column = next(column for column in plan.columns if column.name == rejection.column)
    join = mapping.tenant_of(plan.table.name).join if column.name == "tenant_id" else None
    match rejection.reason:
        case "unmapped" if join is not None:
            problem = f"several rows of {join.table} match {' and '.join(join.on)} {rejection.value!r} ({rows})"
            return f"{where}: {problem}; join on columns that identify one row, in {mapping.file}"
        case "missing" if join is not None:
            problem = f"no row of {join.table} with a {join.column} matches {' and '.join(join.on)} ({example})"
            return f"{where}: {problem}; correct it in the CRM, or leave such rows out by `where` in {mapping.file}"
        case "unmapped" if isinstance(_expression(plan, mapping, rejection.column), CastExpression):
            problem = f"value {rejection.value!r} cannot be read as {column.kind} ({rows})"
            return f"{where}: {problem}; correct it in the CRM, or read it in a view or a `query`"
        case "unmapped":
            return f"{where}: value {rejection.value!r} is not mapped ({rows}); add it to {mapping.file}"
        case "not_allowed":
            allowed = ", ".join(column.allowed)
            return (
                f"{where}: value {rejection.value!r} is not one of {allowed} ({rows}); translate it in {mapping.file}"
            )
        case "missing":
            return (
                f"{where}: is empty but must not be ({example}); fill it in the CRM or by `coalesce` in {mapping.file}"
            )
        case "inexact":
            held = column.clickhouse_type.removeprefix("Nullable(")
            held = held.removesuffix(")") if held != column.clickhouse_type else held
            problem = f"value {rejection.value} does not fit {held} ({example})"
            if plan.table.column(rejection.column) is None:
                return f"{where}: {problem}; read it rounded, or as text, in a view or a `query`"
            return f"{where}: {problem}; say how to round it by `cast` in {mapping.file}"
        case _:
            problem = f"value {rejection.value} cannot be held and must not become empty ({example})"
            return f"{where}: {problem}; correct it in the CRM"


def _expression(plan: TablePlan, mapping: Mapping, column: str) -> Expression | None:
    return mapping.tables[plan.table.name].columns.get(column)
