"""How the loads would get at a table: which column tells changes, which indexes help, whether a key is unique."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestration.extraction.mapping import ColumnExpression, Mapping, TableMapping
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.source_catalog import Connection


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes of the CRM's tables.

    Attributes:
        tables: ordinary and partitioned tables; nothing can be said of views.
        leading: table and the first column of an index of it.
        unique: table to the sets of columns that identify one of its rows.
    """

    tables: frozenset[str]
    leading: frozenset[tuple[str, str]]
    unique: dict[str, tuple[frozenset[str], ...]]


def read_indexes(connection: Connection, mapping: Mapping) -> Indexes:
    """Read the indexes of the tables that a mapping names; those of a schema per tenant are not looked at."""
    sources = sorted({table.source for table in mapping.tables.values() if table.source and not table.is_per_schema})
    ordinary = connection.execute(_TABLES, [sources]).fetchall()
    unique: dict[str, tuple[frozenset[str], ...]] = {}
    leading = set()
    for table, columns, identifies in connection.execute(_INDEXES, [sources]).fetchall():
        leading.add((table, columns[0]))
        if identifies:
            unique[table] = (*unique.get(table, ()), frozenset(columns))
    return Indexes(frozenset(name for (name,) in ordinary), frozenset(leading), unique)


def is_indexed(indexes: Indexes, mapped: TableMapping, column: str | None) -> bool | None:
    """Tell whether an index leads with a source column; None where it cannot be told."""
    if column is None or mapped.source not in indexes.tables:
        return None
    return (mapped.source, column) in indexes.leading


def creation_column(plan: TablePlan, mapped: TableMapping) -> str | None:
    """Return the source column of the date that months are loaded by; None without months or without a plain column."""
    expression = mapped.columns.get(plan.table.partition_column or "")
    return expression.column if isinstance(expression, ColumnExpression) and expression.values is None else None


def has_unique_key(indexes: Indexes, plan: TablePlan, mapping: Mapping) -> bool:
    """Tell whether an index of the CRM guarantees one row per key of the replica."""
    mapped, tenant = mapping.tables[plan.table.name], mapping.tenant_of(plan.table.name)
    plain = set(_plain_columns(mapped, plan.table.key))
    if tenant.column is not None:
        plain.add(tenant.column)
    return any(key <= plain for key in indexes.unique.get(mapped.source or "", ()))


def _plain_columns(mapped: TableMapping, key: Iterable[str]) -> Iterable[str]:
    for name in key:
        expression = mapped.columns.get(name)
        if isinstance(expression, ColumnExpression) and expression.values is None:
            yield expression.column


_TABLES = """
select namespace.nspname || '.' || relation.relname
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
where relation.relkind in ('r', 'p', 'm') and namespace.nspname || '.' || relation.relname = any(%s)
"""

# Rows of child tables are in no index of their parent, except where they are its partitions.
_INDEXES = """
select
    namespace.nspname || '.' || relation.relname,
    array_agg(attribute.attname::text order by array_position(index.indkey::int2[], attribute.attnum)),
    index.indisunique and (
        relation.relkind <> 'r' or not exists (select from pg_catalog.pg_inherits where inhparent = relation.oid)
    )
from pg_catalog.pg_index as index
join pg_catalog.pg_class as relation on relation.oid = index.indrelid
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid and attribute.attnum = any(index.indkey[0:index.indnkeyatts - 1])
where index.indisvalid and index.indpred is null and index.indexprs is null
    and namespace.nspname || '.' || relation.relname = any(%s)
group by index.indexrelid, 1, 3
"""
