"""Builds what a table is read from: a table, a query, a join for the tenant, or a union of the tenants' schemas.

A relation is a subquery that PostgreSQL dissolves, so that conditions on its bare columns reach the indexes of the
CRM's tables. It never multiplies or loses rows. What becomes of its columns belongs in `plan`.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import NoReturn

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.expressions import SOURCE_ALIAS, identifier, literal, source_column
from orchestration.extraction.mapping import Mapping, TenantJoin
from orchestration.extraction.source_catalog import (
    CONTAINERS,
    SourceCatalog,
    SourceType,
    derived_table,
    query_of_schema,
)
from orchestration.extraction.text_forms import exact_text, why_no_text

_COMPARABLE = (frozenset({"int2", "int4", "int8", "numeric"}), frozenset({"text", "varchar", "bpchar", "name"}))
_TEXT = SourceType("text", "text")


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands behind `from`, and which columns it has.

    Attributes:
        sql: a quoted table or a subquery, to be given the alias of the source.
        name: what a person calls it, for messages.
        columns: its columns and their types.
        tenant: its column that holds the tenant's id as text, where a join or the schema tells it.
        several_partners: SQL text over the alias of the source: what several rows of the joined table match; NULL where
            no more than one does. None where an index of the joined table rules it out.
    """

    sql: str
    name: str
    columns: MappingOf[str, SourceType]
    tenant: str | None = None
    several_partners: str | None = None


def build_relation(mapping: Mapping, table: str, catalog: SourceCatalog) -> Relation:
    """Return what a mapped table is read from.

    Raises:
        ExtractionError: a table, column or schema is missing, schemas differ, or PostgreSQL refuses the query.
    """
    join = mapping.tenant_of(table).join
    if mapping.tables[table].is_per_schema:
        return _union_of_schemas(mapping, table, catalog)
    base = _base(mapping, table, catalog)
    return base if join is None else _joined(mapping, table, catalog, base, join)


def _base(mapping: Mapping, table: str, catalog: SourceCatalog, schema: str = "") -> Relation:
    """Return the table or query itself, that of one schema where there is one per tenant."""
    mapped, where = mapping.tables[table], f"{mapping.file}: {table}"
    if mapped.query is not None:
        output, place = catalog.queries[table, schema], f" in schema {schema}" if schema else ""
        if output.problem:
            raise ExtractionError(f"{where}.query: PostgreSQL refuses it{place}: {output.problem}")
        for column in sorted(output.repeated.intersection(mapping.columns_read(table))):
            raise ExtractionError(f"{where}.query: returns several columns {column!r}; name each of them by `as`")
        return Relation(derived_table(query_of_schema(mapped.query, schema)), f"the query{place}", output.columns)
    source_schema = schema or mapped.source_schema
    name = f"{source_schema}.{mapped.source_table}"
    return Relation(
        f"{identifier(source_schema)}.{identifier(mapped.source_table)}", name, _columns(catalog, name, where)
    )


def _columns(catalog: SourceCatalog, name: str, where: str) -> MappingOf[str, SourceType]:
    columns = catalog.tables.get(name)
    if columns is None:
        raise ExtractionError(f"{where}: the CRM has no table {name}, or this user may not see its schema")
    return columns


def _joined(mapping: Mapping, table: str, catalog: SourceCatalog, base: Relation, join: TenantJoin) -> Relation:
    """Return the base with the tenant's id of each row's one partner; NULL for a row without partner."""
    where = f"{mapping.file}: {table}.tenant"
    partners = _columns(catalog, join.table, where)
    for column, joined in join.on.items():
        _refuse_incomparable(where, base, column, Relation("", join.table, partners), joined)
    partner_type = _type_of(join.column, Relation("", join.table, partners), where)
    tenant_text = _text(f"partner.{identifier(join.column)}", partner_type, f"{join.table}.{join.column}", where)
    tenant, count = _unused("tenant", base.columns), _unused("partners", base.columns)
    quoted = ".".join(identifier(part) for part in join.table.split(".", 1))
    equal = [f"partner.{identifier(joined)} = {source_column(column)}" for column, joined in join.on.items()]
    outputs = [source_column(column) for column in mapping.columns_read(table) if column in base.columns]
    is_unique = any(key.issubset(join.on.values()) for key in catalog.unique_keys.get(join.table, ()))
    several = None
    if is_unique:
        partner = quoted
        outputs.append(f"{tenant_text} as {identifier(tenant)}")
    else:
        keys = ", ".join(f"partner.{identifier(joined)}" for joined in dict.fromkeys(join.on.values()))
        partner = (
            f'(select {keys}, min({tenant_text} collate "C") as tenant, count(*) as partners '
            f"from {quoted} as partner group by {keys})"
        )
        outputs += [f"partner.tenant as {identifier(tenant)}", f"partner.partners as {identifier(count)}"]
        sought = ", ".join(f"{source_column(column)}::text" for column in join.on)
        several = f"case when {source_column(count)} > 1 then concat_ws(', ', {sought}) end"
    return Relation(
        f"(select {', '.join(outputs)} from {base.sql} as {SOURCE_ALIAS} "
        f"left join {partner} as partner on {' and '.join(equal)})",
        base.name,
        {**base.columns, tenant: _TEXT},
        tenant=tenant,
        several_partners=several,
    )


def _refuse_incomparable(where: str, base: Relation, column: str, partner: Relation, joined: str) -> None:
    """Refuse two columns that PostgreSQL has no `=` for, as it would say so less clearly."""
    ours, theirs = _type_of(column, base, where), _type_of(joined, partner, where)
    same = ours.display == theirs.display or (ours.name == theirs.name and ours.name not in {"enum", *CONTAINERS})
    if not same and not any({ours.name, theirs.name} <= kin for kin in _COMPARABLE):
        _refuse(
            where,
            f"{base.name}.{column} is {ours.display} but {partner.name}.{joined} is {theirs.display}; "
            f"convert one of them in a `query`",
        )


def _union_of_schemas(mapping: Mapping, table: str, catalog: SourceCatalog) -> Relation:
    """Return the rows of all tenants' schemas, each with the tenant that its schema stands for."""
    where, pattern = f"{mapping.file}: {table}", mapping.tenant.schema_pattern or ""
    if not catalog.schemas:
        raise ExtractionError(f"{where}: the CRM has no schema {pattern}")
    bases = {schema: _base(mapping, table, catalog, schema) for schema in catalog.schemas}
    read = mapping.columns_read(table)
    agreed = {column: _agreed_type(column, bases, f"{where}.{place}") for column, place in read.items()}
    tenant = _unused("tenant", agreed)
    before, after = (len(part) for part in pattern.split("*"))
    branches = []
    for schema, base in bases.items():
        outputs = [f"{literal(schema[before : len(schema) - after])}::text as {identifier(tenant)}"]
        for column, agreed_type in agreed.items():
            reference, own = source_column(column), base.columns[column]
            # Types that each schema has of its own, as enums, have only their text in common.
            if agreed_type == _TEXT and own != _TEXT:
                reference = _text(reference, own, f"{base.name}.{column}", f"{where}.{read[column]}")
            outputs.append(f"{reference} as {identifier(column)}")
        branches.append(f"select {', '.join(outputs)} from {base.sql} as {SOURCE_ALIAS}")
    return Relation(
        f"({' union all '.join(branches)})",
        mapping.tables[table].source or "the query",
        {**agreed, tenant: _TEXT},
        tenant=tenant,
    )


def _agreed_type(column: str, bases: MappingOf[str, Relation], where: str) -> SourceType:
    """Return the type that a column has in all schemas: with the digits of the widest, and text for enums."""
    found = {schema: _type_of(column, base, where) for schema, base in bases.items()}
    (first_schema, first), *others = found.items()
    for schema, other in others:
        if (other.name, other.parts) != (first.name, first.parts):
            _refuse(
                where,
                f"column {column!r} is {first.display} in schema {first_schema} but {other.display} in schema "
                f"{schema}; the schemas must agree",
            )
    if len({kind.display for kind in found.values()}) == 1:
        return first
    if first.name == "numeric":
        return _widest(found.values())
    return _TEXT if first.name in {"enum", *CONTAINERS} else first


def _widest(kinds: Iterable[SourceType]) -> SourceType:
    """Return a numeric type that holds every value of these; without declared digits where one has none."""
    integer_digits, scale = 0, 0
    for kind in kinds:
        if kind.precision is None or kind.scale is None:
            return SourceType("numeric", "numeric")
        integer_digits, scale = max(integer_digits, kind.precision - kind.scale), max(scale, kind.scale)
    precision = integer_digits + scale
    return SourceType("numeric", f"numeric({precision},{scale})", precision=precision, scale=scale)


def _type_of(column: str, relation: Relation, where: str) -> SourceType:
    found = relation.columns.get(column)
    return found if found is not None else _refuse(where, f"{relation.name} has no column {column!r}")


def _text(reference: str, kind: SourceType, name: str, where: str) -> str:
    what = f"{name} is {kind.display}"
    text = exact_text(reference, kind, what)
    return text if text is not None else _refuse(where, f"{what}, {why_no_text(kind)}")


def _unused(name: str, columns: Iterable[str]) -> str:
    taken = set(columns)
    while name in taken:
        name += "_"
    return name


def _refuse(where: str, message: str) -> NoReturn:
    raise ExtractionError(f"{where}: {message}")
