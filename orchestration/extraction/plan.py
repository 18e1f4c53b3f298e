"""Plans one table: which replica columns there are, of which ClickHouse types, and the SQL of each mapped value.

The plan is what the SELECT (`select`), the checks of its rows (`guards`) and the DDL (`replica`) are made from. How an
expression becomes SQL is decided in `expressions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalColumn, CanonicalTable, Kind
from orchestration.extraction.expressions import (
    Compiled,
    Digits,
    Scope,
    compile_condition,
    compile_expression,
    compile_moment,
    literal,
    source_column,
)
from orchestration.extraction.mapping import (
    CastExpression,
    ColumnExpression,
    Expression,
    LiteralExpression,
    Mapping,
    Moment,
    TableMapping,
    Tenant,
)
from orchestration.extraction.relation import Relation, build_relation
from orchestration.extraction.source_catalog import SourceCatalog

METADATA_COLUMNS = (
    ("_version", "UInt64"),
    ("_deleted", "UInt8"),
    ("_extracted_at", "DateTime64(6, 'UTC')"),
    ("_row_hash", "Int64"),
    ("_not_representable", "String"),
)

# Stands for the moment in a condition; no name in a mapping can hold it.
SINCE = "\0"
# Local clocks are set back by up to an hour, political changes of a zone by a little more.
_CLOCK_SET_BACK = "interval '2 hours'"

_EXTRA_KINDS = {
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "numeric": Kind.DECIMAL,
    "float4": Kind.DECIMAL,
    "float8": Kind.DECIMAL,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "bool": Kind.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class ReplicaColumn:
    """One column of a replica that comes from the CRM.

    Attributes:
        name: its name in the replica.
        kind: what it holds.
        clickhouse_type: its type in the replica.
        raw: SQL of the mapped value over the source table; None where nothing is mapped. Of a text it may be an
            integer that is spelled the same.
        allowed: values to check each row against; empty when the mapping file itself was enough.
        required: a row without it must not be loaded.
        digits: of a decimal.
        bits: of an integer.
        bounded: every integer of the source fits into `bits`.
        unmapped: SQL texts over the source table: the value that a value map does not list, or NULL; of `tenant_id`,
            what several rows of the joined table match.
    """

    name: str
    kind: Kind
    clickhouse_type: str
    raw: str | None = None
    allowed: tuple[str, ...] = ()
    required: bool = False
    digits: Digits | None = None
    bits: int = 32
    bounded: bool = True
    unmapped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Everything about one table that its SELECT and its replica are made of.

    Attributes:
        table: the canonical table.
        source: what a person calls the table or query of the CRM; None when nothing is read from the CRM.
        columns: the replica's columns, in order, without the metadata columns.
        relation: SQL of what stands behind `from`, to be given the alias of the source; empty without a source.
        changed: SQL of the moment of the last change, a timestamptz; None when no column tells.
        created: SQL of the moment of creation; None when no column tells.
        changed_since: SQL of "changed at or after", with a placeholder for the moment; None when no column tells.
        deleted: SQL boolean of the tombstones.
        filter: SQL boolean, never NULL, of the rows that belong into the replica; None when all do.
        snapshot: extraction records the changes itself, as the CRM keeps none; there is no source.
        unique: an index of the CRM guarantees that no two rows have the same key.
    """

    table: CanonicalTable
    source: str | None
    columns: tuple[ReplicaColumn, ...]
    relation: str = ""
    changed: str | None = None
    created: str | None = None
    changed_since: str | None = None
    deleted: str = "false"
    filter: str | None = None
    snapshot: bool = False
    unique: bool = False

    @property
    def replica_columns(self) -> tuple[tuple[str, str], ...]:
        """Name and ClickHouse type of every column of the replica."""
        return (*((column.name, column.clickhouse_type) for column in self.columns), *METADATA_COLUMNS)


def plan_table(mapping: Mapping, table: str, catalog: SourceCatalog) -> TablePlan:
    """Return the plan of a canonical table, mapped or not.

    Raises:
        ExtractionError: the source table or a mapped column is missing, or a type cannot fill its column; names them.
    """
    canonical = CANONICAL_TABLES[table]
    mapped = mapping.tables.get(table)
    if mapped is None or mapped.snapshot:
        columns = tuple(_empty_column(column) for column in canonical.columns if not column.only_if_mapped)
        return TablePlan(canonical, None, columns, snapshot=mapped is not None)
    relation = build_relation(mapping, table, catalog)

    def scope(column: str) -> Scope:
        return Scope(relation.columns, mapping.timezone, relation.name, f"{mapping.file}: {table}.{column}")

    return TablePlan(
        table=canonical,
        source=relation.name,
        columns=tuple(_plan_columns(mapping, canonical, relation, scope)),
        relation=relation.sql,
        changed=compile_moment(mapped.changed_at, scope("changed_at")) if mapped.changed_at else None,
        created=compile_moment(mapped.created_at, scope("created_at")) if mapped.created_at else None,
        changed_since=_changed_since(mapped, scope("changed_at")),
        deleted=compile_condition(mapped.deleted, scope("deleted")) if mapped.deleted else "false",
        filter=" and ".join(compile_condition(condition, scope("where")) for condition in mapped.where) or None,
        unique=_is_unique(mapping, canonical, catalog),
    )


def _is_unique(mapping: Mapping, canonical: CanonicalTable, catalog: SourceCatalog) -> bool:
    """Tell whether a unique index covers columns that are the key as they are."""
    mapped, tenant = mapping.tables[canonical.name], mapping.tenant_of(canonical.name)
    if mapped.source is None or mapped.is_per_schema:
        return False
    expressions = [mapped.columns[name] for name in canonical.key if name in mapped.columns]
    columns = {
        expression.column
        for expression in expressions
        if isinstance(expression, ColumnExpression) and expression.values is None
    }
    columns |= {tenant.column} if tenant.column is not None else set()
    return any(key <= columns for key in catalog.unique_keys.get(mapped.source, ()))


def _plan_columns(
    mapping: Mapping, canonical: CanonicalTable, relation: Relation, scope: Callable[[str], Scope]
) -> Iterator[ReplicaColumn]:
    mapped = mapping.tables[canonical.name]
    for column in canonical.columns:
        if column.name == "tenant_id":
            yield _tenant_column(column, mapping.tenant_of(canonical.name), relation, scope(column.name))
        elif (expression := mapped.columns.get(column.name)) is not None:
            yield _mapped_column(column, expression, compile_expression(expression, column.kind, scope(column.name)))
        elif not column.only_if_mapped:
            yield _empty_column(column)
    for name, source in mapped.extra.items():
        yield _extra_column(name, source, scope(name))


def _tenant_column(column: CanonicalColumn, tenant: Tenant, relation: Relation, scope: Scope) -> ReplicaColumn:
    source = relation.tenant or tenant.column
    expression: Expression = LiteralExpression(literal=tenant.constant)
    if source is not None:
        expression = ColumnExpression(column=source)
    planned = _mapped_column(column, expression, compile_expression(expression, column.kind, scope))
    return planned if relation.several_partners is None else replace(planned, unmapped=(relation.several_partners,))


def _mapped_column(column: CanonicalColumn, expression: Expression, compiled: Compiled) -> ReplicaColumn:
    checked_in_file = isinstance(expression, LiteralExpression) or (
        isinstance(expression, ColumnExpression) and expression.values is not None
    )
    return ReplicaColumn(
        name=column.name,
        kind=column.kind,
        clickhouse_type=_clickhouse_type(column.kind, column.nullable, compiled.digits),
        raw=compiled.sql if column.allowed else compiled.integer or compiled.sql,
        allowed=() if checked_in_file else column.allowed,
        required=not column.nullable,
        digits=compiled.digits,
        bounded=compiled.bounded,
        unmapped=compiled.unmapped,
    )


def _empty_column(column: CanonicalColumn) -> ReplicaColumn:
    precision, scale = column.unmapped_decimal
    digits = Digits(precision, scale, certain=True) if column.kind is Kind.DECIMAL else None
    return ReplicaColumn(
        column.name, column.kind, _clickhouse_type(column.kind, column.nullable, digits), digits=digits
    )


def _extra_column(name: str, expression: ColumnExpression | CastExpression, scope: Scope) -> ReplicaColumn:
    kind = _extra_kind(expression, scope)
    compiled = compile_expression(expression, kind, scope)
    return ReplicaColumn(
        name=name,
        kind=kind,
        clickhouse_type=_clickhouse_type(kind, True, compiled.digits, bits=64),
        raw=compiled.integer or compiled.sql,
        digits=compiled.digits,
        bits=64,
        # Every integer type of PostgreSQL fits; what is cast may not.
        bounded=isinstance(expression, ColumnExpression),
        unmapped=compiled.unmapped,
    )


def _extra_kind(expression: ColumnExpression | CastExpression, scope: Scope) -> Kind:
    if isinstance(expression, CastExpression):
        return Kind(expression.cast.to.split("(")[0])
    if expression.values is not None:
        return Kind.TEXT
    return _EXTRA_KINDS.get(scope.type_of(expression.column).name, Kind.TEXT)


def _clickhouse_type(kind: Kind, nullable: bool, digits: Digits | None, bits: int = 32) -> str:
    match kind:
        case Kind.TEXT:
            base = "String"
        case Kind.INTEGER:
            base = f"Int{bits}"
        case Kind.DECIMAL:
            if digits is None:
                raise ValueError("a decimal column needs digits")
            base = f"Decimal({digits.precision}, {digits.scale})"
        case Kind.TIMESTAMP:
            base = "DateTime64(6, 'UTC')"
        case Kind.DATE:
            base = "Date32"
        case Kind.BOOLEAN:
            base = "Bool"
    return f"Nullable({base})" if nullable else base


def _changed_since(mapped: TableMapping, scope: Scope) -> str | None:
    if mapped.changed_at is None:
        return None
    changed = _since(mapped.changed_at, scope)
    if mapped.created_at is None:
        return changed
    # Two conditions on bare columns, so that each can use its index.
    empty = f"{source_column(mapped.changed_at.column)} is null"
    return f"({changed} or ({empty} and {_since(mapped.created_at, scope)}))"


def _since(moment: Moment, scope: Scope) -> str:
    zone = moment.timezone or scope.timezone
    reference = source_column(moment.column)
    if scope.type_of(moment.column).name == "timestamptz":
        return f"{reference} >= {SINCE}::timestamptz"
    # A clock of local time repeats an hour in autumn: a later change may carry an earlier time.
    slack = "" if zone == "UTC" else f" - {_CLOCK_SET_BACK}"
    return f"{reference} >= ({SINCE}::timestamptz at time zone {literal(zone)}){slack}"
