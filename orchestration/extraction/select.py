"""Generates THE SELECT of a table: pure functions from a plan to SQL text for PostgreSQL.

Every way to move or compare rows uses this statement, so that all of them agree on every value and hash. Its shape:

    innermost  `r`  the mapped values in PostgreSQL's types; left out where each is a plain column
    middle     `c`  the same with what a replica cannot hold turned into NULL
    outermost       the hash, and the report on what is wrong with a row

`offset 0` keeps PostgreSQL from merging the levels, which would compute each value several times; a level costs about
as much as printing a number. `offset '0'` does the same and lets several processes share the rows: PostgreSQL decides
on those before it casts, and takes a number that is still to be cast for a limit. What is not read from the outermost
level is dropped by it. How a value is spelled on its way belongs in `wire`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestration.extraction.canonical import Kind
from orchestration.extraction.expressions import SOURCE_ALIAS, identifier, literal
from orchestration.extraction.guards import held_value, may_differ, report, unmapped_name, value_name, version
from orchestration.extraction.plan import SINCE, ReplicaColumn, TablePlan

_FENCE = "offset 0"
PARALLEL_FENCE = "offset '0'"
_TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.TIMESTAMP: "timestamptz",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}

_PLAIN_COLUMN = re.compile(rf'{SOURCE_ALIAS}\."(?:[^"]|"")+"')
# Names of the source's items beside the columns; no column of a replica has a blank in its name.
_UNMAPPED, _DELETED, _CHANGED, _CREATED, _LEFT_OUT = (
    "{} unmapped {}",
    "row deleted",
    "row changed",
    "row created",
    "left out",
)


def render_select(
    plan: TablePlan,
    *,
    extracted_at: datetime,
    since: datetime | None = None,
    created: tuple[datetime, datetime] | None = None,
    parallel: bool = False,
    with_values: bool = False,
) -> str:
    """Return the SELECT of a mapped table; its columns are the replica's, in order.

    They are typed: a text is a text or an integer, a decimal is a number that needs no rounding, a timestamp is a
    timestamptz within ClickHouse's calendar. `_version` and `_row_hash` are bigint, `_deleted` is boolean,
    `_extracted_at` is a text.

    A row that the table's filter leaves out is not returned, unless `since` is given: then it is returned with
    `_deleted` true and `_row_hash` 0, as the replica may hold it. The hash of any other row is not 0.

    Args:
        plan: of a table that is mapped.
        extracted_at: the boundary that the rows are good for, with a time zone.
        since: read only rows changed at or after this moment; None reads all. Needs `changed_at` in the mapping.
        created: read only rows whose partition column is at or after the first moment and before the second.
        parallel: PostgreSQL may use its parallel workers. For comparisons, of which few rows come; a load of all rows
            would keep several processes of the CRM busy for as long as it lasts.
        with_values: behind the replica's columns follow, named by `value_name`, the mapped values that these may
            differ from.
    """
    if plan.source is None or (since is not None and plan.changed_since is None):
        raise ValueError(f"{plan.table.name} has no such select")
    mapped = [column for column in plan.columns if column.raw is not None]
    leaves_out = plan.filter is not None and since is not None
    fence = PARALLEL_FENCE if parallel else _FENCE
    source = _source(plan, mapped, _where(plan, since, created), fence, leaves_out=leaves_out)
    outermost = _outermost(plan, mapped, extracted_at, leaves_out=leaves_out)
    if with_values:
        outermost += [f"c.{value_name(column)}" for column in mapped if may_differ(column)]
    return (
        f"select\n    {_lines(outermost, 4)}\n"
        f"from (\n    select\n        {_lines(_middle(plan, mapped, source), 8)}\n    from {source.relation}\n"
        f"    {fence}\n) as c"
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """What the middle level reads: a relation with its alias and conditions, and SQL over it by name of each item."""

    relation: str
    items: MappingOf[str, str]


def _source(plan: TablePlan, mapped: list[ReplicaColumn], where: str, fence: str, *, leaves_out: bool) -> _Source:
    items = {column.name: column.raw or "" for column in mapped}
    items |= {
        _UNMAPPED.format(column.name, index): text for column in mapped for index, text in enumerate(column.unmapped)
    }
    items[_DELETED] = plan.deleted
    items |= {name: moment for name, moment in ((_CHANGED, plan.changed), (_CREATED, plan.created)) if moment}
    items |= {_LEFT_OUT: f"not ({plan.filter})"} if leaves_out else {}
    relation = f"{plan.relation} as {SOURCE_ALIAS}{where}"
    read_several_times = [column.name for column in mapped if may_differ(column)] + [_CHANGED, _CREATED]
    if all(_PLAIN_COLUMN.fullmatch(items[name]) for name in read_several_times if name in items):
        return _Source(relation, items)
    aliased = [f"{value} as {identifier(name)}" for name, value in items.items()]
    return _Source(
        f"(\n        select\n            {_lines(aliased, 12)}\n        from {relation}\n        {fence}\n    ) as r",
        {name: f"r.{identifier(name)}" for name in items},
    )


def _outermost(plan: TablePlan, mapped: list[ReplicaColumn], extracted_at: datetime, *, leaves_out: bool) -> list[str]:
    hashed = ", ".join([part for column in mapped for part in _hashed(column)] + ["c._deleted"])
    # 0 stands for a row that the CRM does not have.
    row_hash = f"coalesce(nullif(hash_record_extended(row({hashed}), 0), 0), 1)"
    problems = report(mapped)
    if leaves_out:
        row_hash, problems = (
            f"case when c._left_out then {otherwise} else {value} end"
            for value, otherwise in ((row_hash, "0"), (problems, "''"))
        )
    return [
        *(_output(column) for column in plan.columns),
        "c._version",
        f"{'c._deleted or c._left_out' if leaves_out else 'c._deleted'} as _deleted",
        f"{literal(_moment_text(extracted_at))}::text as _extracted_at",
        f"{row_hash} as _row_hash",
        f"{problems} as _not_representable",
    ]


def _hashed(column: ReplicaColumn) -> list[str]:
    """Return what the hash of a row is made of for a column: the value itself, as one that is lost is still reported.

    PostgreSQL's hash of a numeric leaves the sign out, and takes NaN for NULL; that of a bigint folds it to 32 bits.
    """
    value = f"c.{value_name(column) if may_differ(column) else identifier(column.name)}"
    if column.kind is Kind.DECIMAL:
        return [value, f"{value} < 0"]
    if column.kind is Kind.INTEGER and column.bits > 32:
        return [value, f"c.{identifier(column.name)}::bigint >> 32"]
    return [value]


def _output(column: ReplicaColumn) -> str:
    name = identifier(column.name)
    return f"c.{name}" if column.raw is not None else f"null::{_TYPES[column.kind]} as {name}"


def _middle(plan: TablePlan, mapped: list[ReplicaColumn], source: _Source) -> list[str]:
    items = source.items
    moments = [items[name] for name in (_CHANGED, _CREATED) if name in items]
    return [
        *(f"{held_value(column, items[column.name])} as {identifier(column.name)}" for column in mapped),
        *(f"{items[column.name]} as {value_name(column)}" for column in mapped if may_differ(column)),
        *(
            f"{items[_UNMAPPED.format(column.name, index)]} as {unmapped_name(column, index)}"
            for column in mapped
            for index in range(len(column.unmapped))
        ),
        f"{items[_DELETED]} as _deleted",
        f"{version(moments)} as _version",
        *([f"{items[_LEFT_OUT]} as _left_out"] if _LEFT_OUT in items else []),
    ]


def _where(plan: TablePlan, since: datetime | None, created: tuple[datetime, datetime] | None) -> str:
    conditions = []
    if since is not None and plan.changed_since is not None:
        conditions.append(plan.changed_since.replace(SINCE, literal(since.isoformat())))
    elif plan.filter is not None:
        conditions.append(f"({plan.filter})")
    if created is not None:
        moment = next((column.raw for column in plan.columns if column.name == plan.table.partition_column), None)
        if moment is None:
            raise ValueError(f"{plan.table.name} has no column to choose rows by their creation")
        start, end = (literal(bound.isoformat()) for bound in created)
        conditions.append(f"{moment} >= {start}::timestamptz and {moment} < {end}::timestamptz")
    return f"\n        where {' and '.join(conditions)}" if conditions else ""


def _lines(items: list[str], indent: int) -> str:
    return f",\n{' ' * indent}".join(items)


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
