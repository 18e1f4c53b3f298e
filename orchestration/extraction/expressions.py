"""Compiles the expressions of a mapping into typed SQL for PostgreSQL, directed by the kind of column they fill.

Everything here reads the source table under the alias `s`. Names are always quoted and values always escaped by
psycopg; no text of a mapping file reaches SQL in any other way. Guards against values that a replica cannot hold belong
in `select`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import NoReturn

from psycopg import sql

from orchestration.extraction.canonical import Kind
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import (
    CastExpression,
    CastTarget,
    CoalesceExpression,
    ColumnExpression,
    ConcatExpression,
    Condition,
    DivideExpression,
    DivideTarget,
    Expression,
    LiteralExpression,
    Moment,
    Scalar,
)
from orchestration.extraction.source_catalog import SourceType

SOURCE_ALIAS = "s"

_INTEGER_DIGITS = {"int2": 5, "int4": 10, "int8": 19}
_FLOATS = frozenset({"float4", "float8"})
_NUMBERS = frozenset({*_INTEGER_DIGITS, "numeric"})
_STRINGS = frozenset({"text", "varchar", "bpchar", "name", "citext", "enum"})
# Their text form depends on no setting of the session.
_PLAIN_TEXT_TYPES = _NUMBERS | _STRINGS | {"uuid", "bool", "json", "jsonb", "inet", "cidr", "macaddr"}
_MOST_DIGITS = 76


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits of a decimal value.

    Attributes:
        precision: all digits, at most 76.
        scale: digits after the point.
        certain: PostgreSQL guarantees that every finite value fits; otherwise each value has to be checked.
    """

    precision: int
    scale: int
    certain: bool


# A numeric without declared digits; a float in its shortest exact decimal form has up to 17 digits and small ones many
# zeros before them.
_UNDECLARED = Digits(38, 10, certain=False)
_FLOAT = Digits(38, 18, certain=False)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A typed SQL expression.

    Attributes:
        sql: text, numeric or an integer type, timestamptz, date or boolean, after the kind that was asked for.
        digits: of a decimal; None for other kinds.
        bounded: an integer that is known to fit into 32 bits.
        unmapped: SQL texts, each the value that a value map does not list, or NULL.
    """

    sql: str
    digits: Digits | None = None
    bounded: bool = True
    unmapped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may refer to.

    Attributes:
        columns: the source table's columns.
        timezone: zone of naive timestamps.
        source: the source table's name, for messages.
        where: file, table and column that are compiled, for messages.
    """

    columns: MappingOf[str, SourceType]
    timezone: str
    source: str
    where: str

    def type_of(self, column: str) -> SourceType:
        """Return the type of a source column; raises ExtractionError when there is none of that name."""
        found = self.columns.get(column)
        if found is None:
            raise ExtractionError(f"{self.where}: {self.source} has no column {column!r}")
        return found

    def refuse(self, message: str) -> NoReturn:
        """Raise an ExtractionError about the expression."""
        raise ExtractionError(f"{self.where}: {message}")


def compile_expression(expression: Expression, kind: Kind, scope: Scope) -> Compiled:
    """Return the SQL that fills a column of this kind.

    Raises:
        ExtractionError: a source column is missing or its type cannot fill the kind without an explicit cast.
    """
    match expression:
        case ColumnExpression():
            return _column(expression, kind, scope)
        case LiteralExpression():
            return _literal(expression.literal, kind, scope)
        case ConcatExpression():
            return _concat(expression, kind, scope)
        case CoalesceExpression():
            return _coalesce(expression, kind, scope)
        case CastExpression():
            return _cast(expression.cast, kind, scope)
        case DivideExpression():
            return _divide(expression.divide, kind, scope)


def compile_condition(condition: Condition, scope: Scope) -> str:
    """Return a SQL boolean that is never NULL."""
    scope.type_of(condition.column)
    column = source_column(condition.column)
    if condition.is_not_null:
        return f"{column} is not null"
    if condition.is_null:
        return f"{column} is null"
    return f"coalesce({_as_text(column)} = {_quoted(condition.equals)}, false)"


def compile_moment(moment: Moment, scope: Scope) -> str:
    """Return a source column as timestamptz."""
    return _moment(moment.column, moment.timezone, scope)


def source_column(name: str) -> str:
    """Return the quoted reference to a column of the source table."""
    return f"{SOURCE_ALIAS}.{identifier(name)}"


def identifier(name: str) -> str:
    """Return the name quoted for PostgreSQL."""
    return sql.Identifier(name).as_string(None)


def literal(value: str) -> str:
    """Return the text quoted for PostgreSQL."""
    return sql.Literal(value).as_string(None).strip()


def _column(expression: ColumnExpression, kind: Kind, scope: Scope) -> Compiled:
    if expression.values is not None:
        return _value_map(expression.column, expression.values, kind, scope)
    source = scope.type_of(expression.column)
    column = source_column(expression.column)
    if kind is Kind.TEXT and source.name in _PLAIN_TEXT_TYPES:
        return Compiled(_as_text(column))
    if kind is Kind.INTEGER and source.name in _NUMBERS:
        return Compiled(
            column if source.name != "numeric" else f"({column})::numeric", bounded=source.name in ("int2", "int4")
        )
    if kind is Kind.DECIMAL and (digits := _digits(source)) is not None:
        return Compiled(_as_numeric(column, source), digits=digits)
    if kind is Kind.TIMESTAMP and source.name in ("timestamptz", "timestamp"):
        return Compiled(_moment(expression.column, expression.timezone, scope))
    if (kind, source.name) in ((Kind.DATE, "date"), (Kind.BOOLEAN, "bool")):
        return Compiled(column)
    scope.refuse(
        f"{scope.source}.{expression.column} is {source.display}, which does not fill a {kind} column as it is; "
        f"say how with `cast` or `values`"
    )


def _value_map(column: str, values: MappingOf[Scalar, Scalar], kind: Kind, scope: Scope) -> Compiled:
    scope.type_of(column)
    text = _as_text(source_column(column))
    results = {key: _literal(value, kind, scope) for key, value in values.items()}
    branches = [
        f"when {text} is null then {result.sql}" if key is None else f"when {text} = {_quoted(key)} then {result.sql}"
        for key, result in results.items()
    ]
    known = ", ".join(_quoted(key) for key in values if key is not None)
    unmapped = f"case when {text} not in ({known}) then {text} end" if known else text
    return Compiled(
        f"case {' '.join(branches)} end",
        digits=_widest([result.digits for result in results.values() if result.digits], scope),
        bounded=all(result.bounded for result in results.values()),
        unmapped=(unmapped,),
    )


def _literal(value: Scalar, kind: Kind, scope: Scope) -> Compiled:
    types: dict[Kind, str] = {Kind.INTEGER: "bigint", Kind.DECIMAL: "numeric", Kind.TIMESTAMP: "timestamptz"}
    type_name = types.get(kind, kind.value)
    if value is None:
        return Compiled(f"null::{type_name}", digits=Digits(1, 0, certain=True) if kind is Kind.DECIMAL else None)
    fitting: dict[Kind, tuple[type, ...]] = {
        Kind.TEXT: (str, int),
        Kind.INTEGER: (int,),
        Kind.DECIMAL: (int, float),
        Kind.DATE: (date,),
        Kind.BOOLEAN: (bool,),
    }
    if not isinstance(value, fitting.get(kind, ())) or (isinstance(value, bool) and kind is not Kind.BOOLEAN):
        scope.refuse(f"the value {value!r} does not fill a {kind} column")
    digits = _digits_of_literal(Decimal(str(value))) if kind is Kind.DECIMAL else None
    return Compiled(f"{_quoted(value)}::{type_name}", digits=digits, bounded=False)


def _concat(expression: ConcatExpression, kind: Kind, scope: Scope) -> Compiled:
    if kind is not Kind.TEXT:
        scope.refuse(f"concat makes text, which does not fill a {kind} column")
    parts = [compile_expression(part, Kind.TEXT, scope) for part in expression.concat]
    joined = " || ".join(f"coalesce({part.sql}, '')" for part in parts)
    return Compiled(f"({joined})", unmapped=_all_unmapped(parts))


def _coalesce(expression: CoalesceExpression, kind: Kind, scope: Scope) -> Compiled:
    parts = [compile_expression(part, kind, scope) for part in expression.coalesce]
    return Compiled(
        f"coalesce({', '.join(part.sql for part in parts)})",
        digits=_widest([part.digits for part in parts if part.digits], scope),
        bounded=all(part.bounded for part in parts),
        unmapped=_all_unmapped(parts),
    )


def _cast(target: CastTarget, kind: Kind, scope: Scope) -> Compiled:
    to = Kind(target.to.split("(")[0])
    if kind is Kind.TEXT and to is not Kind.TEXT:
        inner = _cast(target, to, scope)
        value = f"({inner.sql} at time zone 'UTC')" if to is Kind.TIMESTAMP else inner.sql
        return replace(inner, sql=text_form(value, to), digits=None)
    if to is not kind:
        scope.refuse(f"a cast to {target.to} does not fill a {kind} column")
    source = scope.type_of(target.column)
    column = source_column(target.column)
    match to:
        case Kind.TEXT:
            return Compiled(_any_as_text(target, source, scope))
        case Kind.INTEGER:
            return Compiled(_as_numeric(column, source), bounded=False)
        case Kind.DECIMAL:
            return _cast_to_decimal(target, source, scope)
        case Kind.TIMESTAMP:
            return Compiled(_cast_to_moment(target, source, scope))
        case Kind.DATE:
            return Compiled(_cast_to_date(target, source, scope))
        case Kind.BOOLEAN:
            return Compiled(column if source.name == "bool" else f"({column})::text::boolean")


def _any_as_text(target: CastTarget, source: SourceType, scope: Scope) -> str:
    column = source_column(target.column)
    if source.name in ("timestamptz", "timestamp"):
        return text_form(f"({_moment(target.column, target.timezone, scope)} at time zone 'UTC')", Kind.TIMESTAMP)
    if source.name == "date":
        return text_form(column, Kind.DATE)
    return _as_text(column)


def _cast_to_decimal(target: CastTarget, source: SourceType, scope: Scope) -> Compiled:
    value = _as_numeric(source_column(target.column), source)
    if "(" not in target.to:
        return Compiled(value, digits=_digits(source) or _UNDECLARED)
    precision, scale = (int(part) for part in target.to.removeprefix("decimal(").removesuffix(")").split(","))
    if not 1 <= precision <= _MOST_DIGITS or scale > precision:
        scope.refuse(f"{target.to} needs 1 to {_MOST_DIGITS} digits, of which no more than all stand after the point")
    return Compiled(f"round({value}, {scale})", digits=Digits(precision, scale, certain=False))


def _cast_to_moment(target: CastTarget, source: SourceType, scope: Scope) -> str:
    if source.name in ("timestamptz", "timestamp"):
        return _moment(target.column, target.timezone, scope)
    zone = literal(target.timezone or scope.timezone)
    return f"({source_column(target.column)})::text::timestamp at time zone {zone}"


def _cast_to_date(target: CastTarget, source: SourceType, scope: Scope) -> str:
    column = source_column(target.column)
    if source.name == "timestamptz":
        return f"({column} at time zone {literal(target.timezone or scope.timezone)})::date"
    if source.name in ("date", "timestamp"):
        return f"({column})::date"
    return f"({column})::text::date"


def _divide(target: DivideTarget, kind: Kind, scope: Scope) -> Compiled:
    source = scope.type_of(target.column)
    digits = _digits(source)
    if kind is not Kind.DECIMAL or digits is None:
        found = f"{scope.source}.{target.column} is {source.display}, for a {kind} column"
        scope.refuse(f"divide makes a decimal of a number; {found}")
    power = target.by_power_of_ten
    # A product with 0.01 keeps every digit; PostgreSQL rounds a quotient.
    factor = f"0.{'0' * (power - 1)}1" if power else "1"
    value = f"({_as_numeric(source_column(target.column), source)} * {factor})"
    if not digits.certain:
        return Compiled(value, digits=digits)
    scale = digits.scale + power
    if scale > _MOST_DIGITS:
        scope.refuse(f"{scale} digits after the point are more than the {_MOST_DIGITS} a replica holds")
    return Compiled(value, digits=Digits(max(digits.precision, scale), scale, certain=True))


def _moment(column: str, own_zone: str | None, scope: Scope) -> str:
    source = scope.type_of(column)
    reference = source_column(column)
    if source.name == "timestamptz":
        return reference
    if source.name != "timestamp":
        scope.refuse(f"{scope.source}.{column} is {source.display}, not a timestamp; say how with `cast`")
    zone = literal(own_zone or scope.timezone)
    # Conversion fails at the ends of PostgreSQL's calendar; what no replica can hold becomes infinity, and NULL later.
    return (
        f"case when {reference} >= '1899-12-30' and {reference} < '2300-01-03' then {reference} at time zone {zone} "
        f"when {reference} is not null then 'infinity'::timestamptz end"
    )


def _digits(source: SourceType) -> Digits | None:
    """Return the digits of a source type, or None when it is no number."""
    if source.name in _INTEGER_DIGITS:
        return Digits(_INTEGER_DIGITS[source.name], 0, certain=True)
    if source.name in _FLOATS:
        return _FLOAT
    if source.name != "numeric":
        return None
    if source.precision is None or source.scale is None:
        return _UNDECLARED
    # numeric(3,-2) holds multiples of a hundred, numeric(2,5) small fractions.
    scale = max(source.scale, 0)
    precision = max(source.precision - min(source.scale, 0), scale)
    return Digits(precision, scale, certain=True) if precision <= _MOST_DIGITS else _UNDECLARED


def _digits_of_literal(value: Decimal) -> Digits:
    shape = value.as_tuple()
    exponent = int(shape.exponent)
    scale = max(-exponent, 0)
    return Digits(max(len(shape.digits) + max(exponent, 0), scale, 1), scale, certain=True)


def _as_numeric(column: str, source: SourceType) -> str:
    # float8::numeric keeps 15 digits only; the text form is the shortest that reads back as the same float.
    return column if source.name in _NUMBERS else f"({column})::text::numeric"


def _widest(found: list[Digits], scope: Scope) -> Digits | None:
    if not found:
        return None
    scale = max(digits.scale for digits in found)
    precision = scale + max(digits.precision - digits.scale for digits in found)
    if precision > _MOST_DIGITS:
        scope.refuse(f"{precision} digits are more than the {_MOST_DIGITS} a replica holds; cast to a decimal(p,s)")
    return Digits(precision, scale, certain=all(digits.certain for digits in found))


def _all_unmapped(parts: list[Compiled]) -> tuple[str, ...]:
    return tuple(text for part in parts for text in part.unmapped)


def _as_text(reference: str) -> str:
    # A collation that ignores case or accents would also compare, and hash, without them.
    return f'({reference})::text collate "C"'


def text_form(value: str, kind: Kind) -> str:
    """Return the SQL text of a typed value, the same under every session setting.

    A timestamp is one without time zone that holds UTC.
    """
    match kind:
        case Kind.TEXT:
            return value
        case Kind.TIMESTAMP:
            return f"to_char({value}, 'YYYY-MM-DD HH24:MI:SS.US')"
        case Kind.DATE:
            return f"to_char({value}, 'YYYY-MM-DD')"
        case Kind.INTEGER | Kind.DECIMAL | Kind.BOOLEAN:
            return f"({value})::text"


def _quoted(value: object) -> str:
    """Return a value of the mapping as the text PostgreSQL prints for it."""
    return literal(str(value).lower() if isinstance(value, bool) else str(value))
