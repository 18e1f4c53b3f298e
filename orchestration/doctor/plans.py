"""Plans all tables of a mapping and collects every refusal, where a load would stop at the first one.

What could not be planned is left out, so that the rest of the table can still be examined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping, TableMapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.source_catalog import SourceCatalog

_OPTIONAL = ("changed_at", "created_at", "deleted")


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of one mapped table.

    Attributes:
        plan: with everything that could be planned; None when not even its key could.
        mapping: what the plan is made from: the mapping without what is refused.
        refusals: why a load would fail, in the words of the load.
    """

    plan: TablePlan | None
    mapping: Mapping
    refusals: tuple[str, ...] = ()


def plan_all(mapping: Mapping, table: str, catalog: SourceCatalog) -> Planned:
    """Plan a mapped table as far as possible."""
    try:
        return Planned(plan_table(mapping, table, catalog), mapping)
    except ExtractionError as error:
        first = str(error)
    mapped = mapping.tables[table]
    bare: dict[str, Any] = {"columns": {}, "extra": {}, "where": [], **dict.fromkeys(_OPTIONAL)}
    refusals: dict[str, None] = {}
    kept: dict[str, Any] = {**bare, "columns": {}, "extra": {}, "where": []}
    for name, part in [("", {}), *_parts(mapped)]:
        try:
            plan_table(_with(mapping, table, bare | part), table, catalog)
        except ExtractionError as error:
            refusals[str(error)] = None
            if not name:
                # Neither the table nor its tenant is there: nothing else could be said.
                return Planned(None, mapping, tuple(refusals))
            continue
        _keep(kept, part)
    refusals.setdefault(first, None)
    return _as_far_as_possible(_with(mapping, table, kept), table, catalog, tuple(refusals))


def _parts(mapped: TableMapping) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield everything that can be refused on its own, as changes of an otherwise empty table."""
    for name, expression in mapped.columns.items():
        yield name, {"columns": {name: expression}}
    for name, extra in mapped.extra.items():
        yield name, {"extra": {name: extra}}
    for condition in mapped.where:
        yield "where", {"where": [condition]}
    for name in _OPTIONAL:
        if (value := getattr(mapped, name)) is not None:
            yield name, {name: value}


def _keep(kept: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        match kept[name]:
            case dict():
                kept[name] = kept[name] | value
            case list():
                kept[name] = kept[name] + value
            case _:
                kept[name] = value


def _as_far_as_possible(mapping: Mapping, table: str, catalog: SourceCatalog, refusals: tuple[str, ...]) -> Planned:
    try:
        plan = plan_table(mapping, table, catalog)
    except ExtractionError as error:
        return Planned(None, mapping, (*refusals, str(error)))
    known = {column.name for column in plan.columns if column.raw is not None}
    return Planned(plan if known.issuperset(plan.table.key) else None, mapping, refusals)


def _with(mapping: Mapping, table: str, changes: dict[str, Any]) -> Mapping:
    changed = mapping.tables[table].model_copy(update=changes)
    return mapping.model_copy(update={"tables": {**mapping.tables, table: changed}})
