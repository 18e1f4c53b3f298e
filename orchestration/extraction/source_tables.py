"""Finds out which tables of the CRM a plan reads, and holds the plan to them until the last row is there.

A read that has to wait for a table's lock looks at it with a snapshot from before the wait. Where the table was
rewritten meanwhile (TRUNCATE, an ALTER TABLE that changes a type), PostgreSQL shows such a snapshot an empty table. A
rewritten table has other files, so they are compared before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any, TypeVar

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.source_catalog import Connection, SourceCatalog, read_source_catalog

_ATTEMPTS = 3

Result = TypeVar("Result")


class SourceRewritten(ExtractionError):
    """A table of the CRM was rewritten or altered while it was read; what was read is worth nothing."""


@dataclass(frozen=True, slots=True)
class SourceTables:
    """The tables that are read.

    Attributes:
        files: oid to the number of the file that holds the rows.
        late: why rows may appear long after they were stamped, though no transaction of this database was open; empty
            for ordinary tables.
    """

    files: MappingOf[int, int | None] = field(default_factory=dict)
    late: str = ""


def plan_sources(connection: Connection, mapping: Mapping, table: str) -> tuple[SourceCatalog, TablePlan, SourceTables]:
    """Return the plan of a table, with the catalog that it is made from and the tables that it reads.

    Raises:
        ExtractionError: see `plan_table`.
        SourceRewritten: the tables are being altered right now.
    """
    catalog = read_source_catalog(connection, mapping, table)
    plan = plan_table(mapping, table, catalog)
    if not plan.relation:
        return catalog, plan, SourceTables()
    sources = _read_sources(connection, plan.relation)
    # Whatever is altered from here on gets another file, or keeps its values.
    if read_source_catalog(connection, mapping, table) != catalog:
        raise SourceRewritten(f"{table}: {plan.source} is being altered; try again")
    return catalog, plan, sources


def check_sources(connection: Connection, plan: TablePlan, sources: SourceTables) -> None:
    """Refuse what was read if a table has been rewritten since `sources` was taken.

    Raises:
        SourceRewritten: one was.
    """
    if sources.files and _files(connection, list(sources.files)) != sources.files:
        raise SourceRewritten(
            f"{plan.table.name}: {plan.source} was rewritten while it was read (TRUNCATE or ALTER TABLE); try again"
        )


def until_undisturbed(read: Callable[[], Result]) -> Result:
    """Return the result of a reading, begun again where it was disturbed.

    Raises:
        SourceRewritten: it was disturbed each time.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return read()
        except SourceRewritten:
            continue
    return read()


def reads_foreign_table(plan: dict[str, Any]) -> bool:
    """Tell whether a plan of PostgreSQL, as `explain (format json)` prints it, reads from another server."""
    return any(node["Node Type"].endswith("Foreign Scan") for node in _nodes(plan))


def _read_sources(connection: Connection, relation: str) -> SourceTables:
    ((explained,),) = connection.execute(f"explain (verbose, format json) select * from {relation} as s").fetchall()
    plan = explained[0]["Plan"]
    scanned = {(node["Schema"], node["Relation Name"]) for node in _nodes(plan) if "Relation Name" in node}
    found = connection.execute(_SCANNED, [[name for name, _ in scanned], [name for _, name in scanned]]).fetchall()
    late = ""
    if reads_foreign_table(plan):
        late = "the CRM reads this table from another server, whose open transactions it does not know"
    elif copies := sorted(name for _, name, kind in found if kind == "m"):
        late = f"{copies[0]} is a materialized view, whose rows appear when it is refreshed"
    return SourceTables(files=_files(connection, [oid for oid, _, _ in found]), late=late)


def _files(connection: Connection, oids: list[int]) -> dict[int, int | None]:
    # The function looks at what is committed now, even within a transaction whose snapshot is older.
    query = "select oid::bigint, pg_relation_filenode(oid)::bigint from unnest(%s::oid[]) as t (oid)"
    return dict(connection.execute(query, [[str(oid) for oid in oids]]).fetchall())


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


_SCANNED = """
select relation.oid::bigint, namespace.nspname || '.' || relation.relname, relation.relkind
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
join unnest(%s::text[], %s::text[]) as scanned (schema_name, name)
    on (scanned.schema_name, scanned.name) = (namespace.nspname, relation.relname)
"""
