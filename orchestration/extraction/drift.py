"""Tells what changed in a table's shape since it was loaded, in the CRM or in the mapping, and what that means.

Two questions, answered without touching a database: do the replica's columns still fit the plan (`compare_columns`),
and do the rows that were loaded still read the same (`fingerprint`). What a load does about it belongs in `load`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from orchestration.extraction.expressions import source_column
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.relation import build_relation
from orchestration.extraction.select import render_select
from orchestration.extraction.source_catalog import SourceCatalog, SourceType

DriftKind = Literal["added", "removed", "widened", "rebuilt", "incompatible"]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """A column of the replica that is not as planned.

    Attributes:
        column: its name.
        kind: `added` and `removed` are the mapping's doing. `widened`: the planned type holds every value of the
            present one, so the column can be altered. `rebuilt`: it cannot, though no reader would be surprised.
            `incompatible`: readers of the replica would meet another type.
        present: its type in the replica; empty when added.
        planned: its type in the plan; empty when removed.
    """

    column: str
    kind: DriftKind
    present: str = ""
    planned: str = ""

    def describe(self) -> str:
        """Return the change in a few words."""
        match self.kind:
            case "added":
                return f"column {self.column} is new"
            case "removed":
                return f"column {self.column} is no longer mapped"
            case _:
                return f"column {self.column} was {self.present} and is now {self.planned}"


def compare_columns(
    present: Iterable[tuple[str, str]], planned: Iterable[tuple[str, str]], *, fixed: Iterable[str | None]
) -> tuple[ColumnDrift, ...]:
    """Return every column that differs, in the order of the plan; removed ones last.

    Args:
        present: name and ClickHouse type of the replica's columns.
        planned: the same of the plan's.
        fixed: columns that the replica is sorted or partitioned by, which ClickHouse cannot alter; None is ignored.
    """
    before, after, unalterable = dict(present), dict(planned), frozenset(fixed)
    drifts = [
        ColumnDrift(column, "added", planned=type_name)
        if column not in before
        else ColumnDrift(column, _kind(column, before[column], type_name, unalterable), before[column], type_name)
        for column, type_name in after.items()
        if before.get(column) != type_name
    ]
    drifts += [ColumnDrift(name, "removed", present=before[name]) for name in before if name not in after]
    return tuple(drifts)


def _kind(column: str, present: str, planned: str, unalterable: frozenset[str | None]) -> DriftKind:
    # No mapping can name a column so: these hold nothing of the CRM.
    if column.startswith("_"):
        return "rebuilt"
    if not widens(present, planned):
        return "incompatible"
    return "rebuilt" if column in unalterable else "widened"


def widens(present: str, planned: str) -> bool:
    """Tell whether a ClickHouse type of a replica holds every value of another, and reads the same."""
    inner, nullable = _unwrapped(present)
    wider, may_be_null = _unwrapped(planned)
    if nullable and not may_be_null:
        return False
    if inner == wider or (inner, wider) == ("Int32", "Int64"):
        return True
    narrow, wide = _digits(inner), _digits(wider)
    if narrow is None or wide is None:
        return False
    (precision, scale), (wide_precision, wide_scale) = narrow, wide
    return wide_scale >= scale and wide_precision - wide_scale >= precision - scale


def _unwrapped(type_name: str) -> tuple[str, bool]:
    found = re.fullmatch(r"Nullable\((.*)\)", type_name)
    return (found[1], True) if found else (type_name, False)


def _digits(type_name: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"Decimal\((\d+), (\d+)\)", type_name)
    return (int(found[1]), int(found[2])) if found else None


_ANY_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


def fingerprint(mapping: Mapping, table: str, catalog: SourceCatalog) -> str:
    """Return a hash of what is read and how: while it stays the same, unchanged rows read the same, hash included.

    It changes with the mapping, with this program's SQL and with the CRM's types, but not with a type that only has
    more room than before: `varchar(10)` as `text`, `int4` as `int8`, a `numeric` with more digits.
    """
    plan = plan_table(mapping, table, catalog)
    if plan.source is None:
        return _hash(plan.replica_columns)
    roomy = plan_table(mapping, table, _with_room(catalog))
    return _hash(
        (render_select(roomy, extracted_at=_ANY_MOMENT), plan.changed_since, _read_types(mapping, plan, catalog))
    )


def _hash(definition: object) -> str:
    return hashlib.sha256(repr(definition).encode()).hexdigest()[:16]


def _read_types(mapping: Mapping, plan: TablePlan, catalog: SourceCatalog) -> list[tuple[str, SourceType, int | None]]:
    """Return the columns that are read, their types and, where their text is read, their digits after the point.

    `1.50` becomes `1.500` where a column is given a third digit: the same number, but another text.
    """
    name = plan.table.name
    select, relation = render_select(plan, extracted_at=_ANY_MOMENT), build_relation(mapping, name, catalog)
    types = {source_column(column): relation.columns.get(column) for column in mapping.columns_read(name)}
    if (join := mapping.tenant_of(name).join) is not None:
        types["tenant"] = catalog.tables[join.table][join.column]
    return [
        (column, _room(kind), kind.scale if column == "tenant" or f"({column})::text" in select else None)
        for column, kind in sorted(types.items())
        if kind is not None
    ]


def _with_room(catalog: SourceCatalog) -> SourceCatalog:
    return replace(
        catalog,
        tables={name: _all_with_room(columns) for name, columns in catalog.tables.items()},
        queries={
            place: replace(output, columns=_all_with_room(output.columns)) for place, output in catalog.queries.items()
        },
    )


def _all_with_room(columns: MappingOf[str, SourceType]) -> dict[str, SourceType]:
    return {column: _room(kind) for column, kind in columns.items()}


_ROOMY = {
    **dict.fromkeys(("int2", "int4", "int8"), SourceType("int8", "bigint")),
    **dict.fromkeys(("varchar", "text"), SourceType("text", "text")),
    "numeric": SourceType("numeric", "numeric"),
}


def _room(kind: SourceType) -> SourceType:
    """Return the widest type that a column can be given without a value of it reading or hashing otherwise."""
    return _ROOMY.get(kind.name, kind)
