"""Generates THE SELECT of a table: pure functions from mapping and catalog to SQL text for PostgreSQL.

Every way to move or compare rows uses this statement, so that all of them agree on every byte. Its shape:

    innermost  `r`  the mapped values in PostgreSQL's types, filtered
    middle     `c`  the same with what a replica cannot hold turned into NULL, and why a row must not be loaded
    outermost       the text form of each, the version, the hash

`offset 0` keeps PostgreSQL from merging the levels, which would compute each value several times. The column types of
the replica follow from the same plan. Creating the replica belongs in `replica`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalColumn, CanonicalTable, Kind
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.expressions import (
    SOURCE_ALIAS,
    Compiled,
    Digits,
    Scope,
    compile_condition,
    compile_expression,
    compile_moment,
    identifier,
    literal,
    source_column,
    text_form,
)
from orchestration.extraction.mapping import (
    ColumnExpression,
    Expression,
    LiteralExpression,
    Mapping,
    Moment,
    TableMapping,
)
from orchestration.extraction.source_catalog import SourceCatalog

ENTRY_SEPARATOR = "\x1e"
FIELD_SEPARATOR = "\x1f"
"""`_rejected` holds entries of column, reason and value, so that a message can be made of them."""

METADATA_COLUMNS = (
    ("_version", "UInt64"),
    ("_deleted", "UInt8"),
    ("_extracted_at", "DateTime64(6, 'UTC')"),
    ("_row_hash", "Int64"),
    ("_not_representable", "String"),
)
REJECTED_COLUMN = ("_rejected", "String")

_EARLIEST_MOMENT, _LATEST_MOMENT = "'1900-01-01 00:00:00+00'", "'2300-01-01 00:00:00+00'"
_EARLIEST_DATE, _LATEST_DATE = "'1900-01-01'", "'2299-12-31'"
# Stands for the moment in a condition; no name in a mapping can hold it.
_SINCE = "\0"
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
        raw: SQL of the mapped value over the source table; None where nothing is mapped.
        allowed: values to check each row against; empty when the mapping file itself was enough.
        required: a row without it must not be loaded.
        digits: of a decimal.
        bits: of an integer.
        bounded: every integer of the source fits into `bits`.
        unmapped: SQL texts over the source table: the value that a value map does not list, or NULL.
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
        source: `schema.table` in the CRM; None when the table is not mapped.
        columns: the replica's columns, in order, without the metadata columns.
        relation: the source table quoted for SQL; empty when not mapped.
        changed: SQL of the moment of the last change, a timestamptz; None when no column tells.
        created: SQL of the moment of creation; None when no column tells.
        changed_since: SQL of "changed at or after", with a placeholder for the moment; None when no column tells.
        deleted: SQL boolean of the tombstones.
    """

    table: CanonicalTable
    source: str | None
    columns: tuple[ReplicaColumn, ...]
    relation: str = ""
    changed: str | None = None
    created: str | None = None
    changed_since: str | None = None
    deleted: str = "false"

    @property
    def replica_columns(self) -> tuple[tuple[str, str], ...]:
        """Name and ClickHouse type of every column of the replica."""
        return (*((column.name, column.clickhouse_type) for column in self.columns), *METADATA_COLUMNS)

    @property
    def fingerprint(self) -> str:
        """A hash of what is read and how; when it changes, rows loaded before may differ from rows loaded after."""
        definition = repr((self.replica_columns, _compose(self, "", None) if self.source else None, self.changed_since))
        return hashlib.sha256(definition.encode()).hexdigest()[:16]


def plan_table(mapping: Mapping, table: str, catalog: SourceCatalog) -> TablePlan:
    """Return the plan of a canonical table, mapped or not.

    Raises:
        ExtractionError: the source table or a mapped column is missing, or a type cannot fill its column; names them.
    """
    canonical = CANONICAL_TABLES[table]
    mapped = mapping.tables.get(table)
    if mapped is None:
        columns = tuple(_empty_column(column) for column in canonical.columns if not column.only_if_mapped)
        return TablePlan(canonical, None, columns)
    source_columns = catalog.tables.get(mapped.source)
    if source_columns is None:
        raise ExtractionError(
            f"{mapping.file}: {table}: the CRM has no table {mapped.source}, or this user may not see its schema"
        )

    def scope(column: str) -> Scope:
        return Scope(source_columns, mapping.timezone, mapped.source, f"{mapping.file}: {table}.{column}")

    return TablePlan(
        table=canonical,
        source=mapped.source,
        columns=tuple(_plan_columns(mapping, canonical, mapped, scope)),
        relation=f"{identifier(mapped.source_schema)}.{identifier(mapped.source_table)}",
        changed=compile_moment(mapped.changed_at, scope("changed_at")) if mapped.changed_at else None,
        created=compile_moment(mapped.created_at, scope("created_at")) if mapped.created_at else None,
        changed_since=_changed_since(mapped, scope("changed_at")),
        deleted=compile_condition(mapped.deleted, scope("deleted")) if mapped.deleted else "false",
    )


def render_select(plan: TablePlan, *, extracted_at: datetime, since: datetime | None = None) -> str:
    """Return the SELECT of a mapped table; its columns are `selected_columns`, all of type text.

    Args:
        plan: of a table that is mapped.
        extracted_at: the boundary that the rows are good for, with a time zone.
        since: read only rows changed at or after this moment; None reads all. Needs `changed_at` in the mapping.
    """
    if plan.source is None or (since is not None and plan.changed_since is None):
        raise ValueError(f"{plan.table.name} has no such select")
    return _compose(plan, _moment_text(extracted_at), since)


def selected_columns(plan: TablePlan) -> tuple[str, ...]:
    """Return the names of the columns that `render_select` returns, in order."""
    return (*(name for name, _ in plan.replica_columns), REJECTED_COLUMN[0])


def _plan_columns(
    mapping: Mapping, canonical: CanonicalTable, mapped: TableMapping, scope: Callable[[str], Scope]
) -> Iterator[ReplicaColumn]:
    for column in canonical.columns:
        expression = _tenant(mapping, canonical.name) if column.name == "tenant_id" else mapped.columns.get(column.name)
        if expression is not None:
            yield _mapped_column(column, expression, compile_expression(expression, column.kind, scope(column.name)))
        elif not column.only_if_mapped:
            yield _empty_column(column)
    for name, source in mapped.extra.items():
        yield _extra_column(name, source, scope(name))


def _tenant(mapping: Mapping, table: str) -> Expression:
    tenant = mapping.tenant_of(table)
    if tenant.column is not None:
        return ColumnExpression(column=tenant.column)
    return LiteralExpression(literal=tenant.constant)


def _mapped_column(column: CanonicalColumn, expression: Expression, compiled: Compiled) -> ReplicaColumn:
    checked_in_file = isinstance(expression, LiteralExpression) or (
        isinstance(expression, ColumnExpression) and expression.values is not None
    )
    return ReplicaColumn(
        name=column.name,
        kind=column.kind,
        clickhouse_type=_clickhouse_type(column.kind, column.nullable, compiled.digits),
        raw=compiled.sql,
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


def _extra_column(name: str, source: str, scope: Scope) -> ReplicaColumn:
    kind = _EXTRA_KINDS.get(scope.type_of(source).name, Kind.TEXT)
    compiled = compile_expression(ColumnExpression(column=source), kind, scope)
    return ReplicaColumn(
        name=name,
        kind=kind,
        clickhouse_type=_clickhouse_type(kind, True, compiled.digits, bits=64),
        raw=compiled.sql,
        digits=compiled.digits,
        bits=64,
    )


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
        return f"{reference} >= {_SINCE}::timestamptz"
    # A clock of local time repeats an hour in autumn: a later change may carry an earlier time.
    slack = "" if zone == "UTC" else f" - {_CLOCK_SET_BACK}"
    return f"{reference} >= ({_SINCE}::timestamptz at time zone {literal(zone)}){slack}"


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
        "c._rejected",
    ]
    middle = [
        *(f"{_representable_value(column)} as {identifier(column.name)}" for column in mapped),
        "r._deleted",
        f"{_version(plan)} as _version",
        f"{_not_representable(mapped)} as _not_representable",
        f"{_rejected(mapped)} as _rejected",
    ]
    inner = [
        *(f"{column.raw} as {identifier(column.name)}" for column in mapped),
        *(
            f"{text} as {_unmapped_name(column, index)}"
            for column in mapped
            for index, text in enumerate(column.unmapped)
        ),
        f"{plan.deleted} as _deleted",
        *([f"{plan.changed} as _changed"] if plan.changed else []),
        *([f"{plan.created} as _created"] if plan.created else []),
    ]
    where = ""
    if since is not None and plan.changed_since is not None:
        where = f"\n        where {plan.changed_since.replace(_SINCE, literal(since.isoformat()))}"
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


def _representable_value(column: ReplicaColumn) -> str:
    """Return the value as the replica holds it: NULL where it cannot be held, typed otherwise."""
    value = f"r.{identifier(column.name)}"
    held = value
    if column.kind is Kind.TIMESTAMP:
        held = f"{value} at time zone 'UTC'"
    elif column.kind is Kind.INTEGER and not column.bounded:
        held = f"{value}::bigint"
    elif column.kind is Kind.DECIMAL and column.digits is not None and not column.digits.certain:
        held = f"round({value}, {column.digits.scale})"
    conditions = [condition for condition in (_representable(column), _fits(column)) if condition]
    return f"case when {' and '.join(conditions)} then {held} end" if conditions else held


def _representable(column: ReplicaColumn) -> str | None:
    """Return the condition under which a value that is not NULL exists in ClickHouse at all."""
    value = f"r.{identifier(column.name)}"
    match column.kind:
        case Kind.TIMESTAMP:
            return f"{value} >= {_EARLIEST_MOMENT}::timestamptz and {value} < {_LATEST_MOMENT}::timestamptz"
        case Kind.DATE:
            return f"{value} >= {_EARLIEST_DATE}::date and {value} <= {_LATEST_DATE}::date"
        case Kind.DECIMAL:
            return _finite(value)
        case Kind.INTEGER:
            return None if column.bounded else _finite(f"{value}::numeric")
        case Kind.TEXT | Kind.BOOLEAN:
            return None


def _finite(value: str) -> str:
    # PostgreSQL sorts NaN above infinity.
    return f"{value} > '-Infinity'::numeric and {value} < 'Infinity'::numeric"


def _fits(column: ReplicaColumn) -> str | None:
    """Return the condition under which a finite number fits the replica's type without a loss."""
    value = f"r.{identifier(column.name)}"
    if column.kind is Kind.INTEGER and not column.bounded:
        limit = 2 ** (column.bits - 1)
        return f"{value} between -{limit} and {limit - 1} and {value}::numeric = trunc({value}::numeric)"
    if column.kind is Kind.DECIMAL and column.digits is not None and not column.digits.certain:
        digits = column.digits
        return (
            f"abs({value}) < 1e{digits.precision - digits.scale}::numeric and {value} = round({value}, {digits.scale})"
        )
    return None


def _version(plan: TablePlan) -> str:
    moments = [name for name, value in (("r._changed", plan.changed), ("r._created", plan.created)) if value]
    if not moments:
        return "0::bigint"
    held = [
        f"case when {moment} < {_LATEST_MOMENT}::timestamptz and {moment} >= '1970-01-01 00:00:00+00'::timestamptz "
        f"then {moment} end"
        for moment in moments
    ]
    return f"coalesce((extract(epoch from greatest({', '.join(held)})) * 1000000)::bigint, 0)"


def _not_representable(columns: list[ReplicaColumn]) -> str:
    cases = [
        (f"r.{identifier(column.name)} is not null and not ({condition})", literal(column.name))
        for column in columns
        if (condition := _representable(column)) is not None
    ]
    return _listing(cases, "','")


def _rejected(columns: list[ReplicaColumn]) -> str:
    cases = [case for column in columns for case in _rejections(column)]
    return _listing(cases, f"{_control(ENTRY_SEPARATOR)}")


def _rejections(column: ReplicaColumn) -> list[tuple[str, str]]:
    """Return condition and entry of everything that bars a row of this column from the replica."""
    value = f"r.{identifier(column.name)}"
    representable, fits = _representable(column), _fits(column)
    cases = [
        (f"r.{name} is not null", _entry(column, "unmapped", f"r.{name}"))
        for name in (_unmapped_name(column, index) for index in range(len(column.unmapped)))
    ]
    if column.required:
        nothing_unmapped = "".join(
            f" and r.{_unmapped_name(column, index)} is null" for index in range(len(column.unmapped))
        )
        cases.append((f"{value} is null{nothing_unmapped}", _entry(column, "missing")))
        if representable:
            cases.append((f"{value} is not null and not ({representable})", _entry(column, "not_representable", value)))
    if fits:
        guard = f"{representable} and " if representable else ""
        cases.append((f"{guard}not ({fits})", _entry(column, "inexact", value)))
    if column.allowed:
        known = ", ".join(literal(allowed) for allowed in column.allowed)
        cases.append((f"{value} not in ({known})", _entry(column, "not_allowed", value)))
    return cases


def _entry(column: ReplicaColumn, reason: str, value: str | None = None) -> str:
    head = literal(f"{column.name}{FIELD_SEPARATOR}{reason}{FIELD_SEPARATOR}")
    if value is None:
        return head
    separators = f"{_control(ENTRY_SEPARATOR)} || {_control(FIELD_SEPARATOR)}"
    return f"{head} || translate(left({value}::text, 60), {separators}, '')"


def _control(character: str) -> str:
    return f"chr({ord(character)})"


def _listing(cases: list[tuple[str, str]], separator: str) -> str:
    """Return SQL that lists the entries whose condition holds; one cheap test for the rows where none does."""
    if not cases:
        return "''::text"
    any_holds = " or ".join(f"({condition})" for condition, _ in cases)
    entries = ", ".join(f"case when {condition} then {entry} end" for condition, entry in cases)
    return f"case when {any_holds} then concat_ws({separator}, {entries}) else '' end"


def _unmapped_name(column: ReplicaColumn, index: int) -> str:
    return identifier(f"{column.name} unmapped {index}")


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
