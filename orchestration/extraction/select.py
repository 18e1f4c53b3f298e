"""Generates THE SELECT of a table: pure functions from a plan to SQL text for PostgreSQL.

Every way to move or compare rows uses this statement, so that all of them agree on every byte. Its shape:

    innermost  `r`  the mapped values in PostgreSQL's types, filtered
    middle     `c`  the same with what a replica cannot hold turned into NULL, and the report on that
    outermost       the text form of each, the version, the hash

`offset 0` keeps PostgreSQL from merging the levels, which would compute each value several times.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from orchestration.extraction.expressions import SOURCE_ALIAS, identifier, literal, text_form
from orchestration.extraction.guards import epoch_moment, held_value, report, unmapped_name
from orchestration.extraction.plan import SINCE, ReplicaColumn, TablePlan


def render_select(plan: TablePlan, *, extracted_at: datetime, since: datetime | None = None) -> str:
    """Return the SELECT of a mapped table; its columns are the replica's, in order, all of type text.

    Args:
        plan: of a table that is mapped.
        extracted_at: the boundary that the rows are good for, with a time zone.
        since: read only rows changed at or after this moment; None reads all. Needs `changed_at` in the mapping.
    """
    if plan.source is None or (since is not None and plan.changed_since is None):
        raise ValueError(f"{plan.table.name} has no such select")
    return _compose(plan, _moment_text(extracted_at), since)


def fingerprint(plan: TablePlan) -> str:
    """Return a hash of what is read and how; when it changes, rows loaded before may differ from rows loaded after."""
    definition = repr((plan.replica_columns, _compose(plan, "", None) if plan.source else None, plan.changed_since))
    return hashlib.sha256(definition.encode()).hexdigest()[:16]


def _compose(plan: TablePlan, extracted_at: str, since: datetime | None) -> str:
    mapped = [column for column in plan.columns if column.raw is not None]
    hashed = ", ".join([f"c.{identifier(column.name)}" for column in mapped] + ["c._deleted"])
    selected = [
        *(_output(column) for column in plan.columns),
        "c._version::text as _version",
        "c._deleted::integer::text as _deleted",
        f"{literal(extracted_at)}::text as _extracted_at",
        f"hash_record_extended(row({hashed}), 0)::text as _row_hash",
        "c._not_representable",
    ]
    middle = [
        *(f"{held_value(column)} as {identifier(column.name)}" for column in mapped),
        "r._deleted",
        f"{_version(plan)} as _version",
        f"{report(mapped)} as _not_representable",
    ]
    inner = [
        *(f"{column.raw} as {identifier(column.name)}" for column in mapped),
        *(
            f"{text} as {unmapped_name(column, index)}"
            for column in mapped
            for index, text in enumerate(column.unmapped)
        ),
        f"{plan.deleted} as _deleted",
        *([f"{plan.changed} as _changed"] if plan.changed else []),
        *([f"{plan.created} as _created"] if plan.created else []),
    ]
    where = ""
    if since is not None and plan.changed_since is not None:
        where = f"\n        where {plan.changed_since.replace(SINCE, literal(since.isoformat()))}"
    return (
        f"select\n    {_lines(selected, 4)}\nfrom (\n    select\n        {_lines(middle, 8)}\n    from (\n"
        f"        select\n            {_lines(inner, 12)}\n        from {plan.relation} as {SOURCE_ALIAS}{where}\n"
        f"        offset 0\n    ) as r\n    offset 0\n) as c"
    )


def _lines(items: list[str], indent: int) -> str:
    return f",\n{' ' * indent}".join(items)


def _output(column: ReplicaColumn) -> str:
    name = identifier(column.name)
    return f"{'null::text' if column.raw is None else text_form(f'c.{name}', column.kind)} as {name}"


def _version(plan: TablePlan) -> str:
    moments = [name for name, value in (("r._changed", plan.changed), ("r._created", plan.created)) if value]
    if not moments:
        return "0::bigint"
    held = [epoch_moment(moment) for moment in moments]
    return f"coalesce((extract(epoch from greatest({', '.join(held)})) * 1000000)::bigint, 0)"


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
