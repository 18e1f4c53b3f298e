"""Compiles the expressions of a mapping into typed SQL for PostgreSQL, directed by the kind of column they fill.

Everything here reads the source table under the alias `s`. Names are always quoted and values always escaped by
psycopg; no text of a mapping file reaches SQL in any other way. Guards against values that a replica cannot hold belong
in `select`.
"""

from __future__ import annotations

import re
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
from orchestration.extraction.text_forms import exact_text, why_no_text
from orchestration.extraction.text_reading import read_text

SOURCE_ALIAS = "s"

_INTEGER_DIGITS = {"int2": 5, "int4": 10, "int8": 19}
_FLOATS = frozenset({"float4", "float8"})
_NUMBERS = frozenset({*_INTEGER_DIGITS, "numeric"})
_STRINGS = frozenset({"text", "varchar", "bpchar", "name", "citext", "enum"})
_MOMENTS = frozenset({"timestamptz", "timestamp"})
# They have a kind of their own: to read them as text takes a word of the mapping.
_TYPED = _FLOATS | _MOMENTS | {"date"}
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
        integer: of a text that spells an integer, SQL of that integer; it is cheaper to move and to hash.
    """

    sql: str
    digits: Digits | None = None
    bounded: bool = True
    unmapped: tuple[str, ...] = ()
    integer: str | None = None


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
    source = scope.type_of(condition.column)
    column = source_column(condition.column)
    if condition.is_not_null:
        return f"{column} is not null"
    if condition.is_null:
        return f"{column} is null"
    text = _text(condition.column, source, scope)
    holds = [value for value in (condition.equals, *(condition.in_ or ())) if value is not None]
    fails = [value for value in (condition.not_equals, *(condition.not_in or ())) if value is not None]
    for value in (*holds, *fails):
        _refuse_impossible(condition.column, source, value, scope)
    values = ", ".join(_quoted(value) for value in (*holds, *fails))
    if holds:
        return f"coalesce({text} in ({values}), false)"
    return f"coalesce({text} not in ({values}), true)"


# What the text of a value looks like, where a mapping could easily spell it in another way.
_SPELLINGS = {
    **dict.fromkeys(_INTEGER_DIGITS, r"-?(0|[1-9]\d*)"),
    "bool": "true|false",
    "uuid": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}


def _refuse_impossible(column: str, source: SourceType, value: object, scope: Scope) -> None:
    """Refuse a comparison that no row could pass, as the column's text form is never that value."""
    text = _plain(value)
    spelling = _SPELLINGS.get(source.name)
    if spelling is not None and not re.fullmatch(spelling, text):
        scope.refuse(f"{scope.source}.{column} is {source.display}, which never reads {text!r}")


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
    if kind is Kind.TEXT and source.name not in _TYPED:
        text = _text(expression.column, source, scope, padded=True)
        return Compiled(text, integer=column if source.name in _INTEGER_DIGITS else None)
    if kind is Kind.INTEGER and source.name in _NUMBERS:
        return Compiled(
            column if source.name != "numeric" else f"({column})::numeric", bounded=source.name in ("int2", "int4")
        )
    if kind is Kind.DECIMAL and (digits := _digits(source)) is not None:
        return Compiled(_as_numeric(expression.column, source, scope), digits=digits)
    if kind is Kind.TIMESTAMP and source.name in _MOMENTS:
        return Compiled(_moment(expression.column, expression.timezone, scope))
    if (kind, source.name) in ((Kind.DATE, "date"), (Kind.BOOLEAN, "bool")):
        return Compiled(column)
    scope.refuse(
        f"{scope.source}.{expression.column} is {source.display}, which does not fill a {kind} column as it is; "
        f"say how with `cast` or `values`"
    )


def _value_map(column: str, values: MappingOf[Scalar, Scalar], kind: Kind, scope: Scope) -> Compiled:
    text = _text(column, scope.type_of(column), scope)
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
    source = scope.type_of(target.column)
    if kind is Kind.TEXT:
        if to is Kind.TEXT or (to is Kind.TIMESTAMP and source.name in _MOMENTS):
            return Compiled(_text(target.column, source, scope, target.timezone))
        inner = _cast(target, to, scope)
        return replace(inner, sql=_typed_text(inner.sql, to), digits=None)
    if to is not kind:
        scope.refuse(f"a cast to {target.to} does not fill a {kind} column")
    if source.name in _STRINGS:
        return _cast_text(target, kind, source, scope)
    match to:
        case Kind.INTEGER:
            return Compiled(_as_numeric(target.column, source, scope), bounded=False)
        case Kind.DECIMAL:
            return _decimal(target, _as_numeric(target.column, source, scope), _digits(source), scope)
        case Kind.TIMESTAMP:
            return Compiled(_cast_to_moment(target, source, scope))
        case Kind.DATE:
            return Compiled(_cast_to_date(target, source, scope))
        case _:
            return _cast_to_boolean(target, source, scope)


def _cast_text(target: CastTarget, kind: Kind, source: SourceType, scope: Scope) -> Compiled:
    reading = read_text(_text(target.column, source, scope), kind, literal(target.timezone or scope.timezone))
    if kind is Kind.DECIMAL:
        return replace(_decimal(target, reading.value, None, scope), unmapped=(reading.unreadable,))
    return Compiled(reading.value, bounded=kind is not Kind.INTEGER, unmapped=(reading.unreadable,))


def _decimal(target: CastTarget, value: str, digits: Digits | None, scope: Scope) -> Compiled:
    if "(" not in target.to:
        return Compiled(value, digits=digits or _UNDECLARED)
    precision, scale = (int(part) for part in target.to.removeprefix("decimal(").removesuffix(")").split(","))
    if not 1 <= precision <= _MOST_DIGITS or scale > precision:
        scope.refuse(f"{target.to} needs 1 to {_MOST_DIGITS} digits, of which no more than all stand after the point")
    return Compiled(f"round({value}, {scale})", digits=Digits(precision, scale, certain=False))


def _cast_to_moment(target: CastTarget, source: SourceType, scope: Scope) -> str:
    if source.name == "date":
        return _local_moment(source_column(target.column), target.timezone, scope)
    if source.name not in _MOMENTS:
        _refuse_cast(target, source, scope)
    return _moment(target.column, target.timezone, scope)


def _cast_to_date(target: CastTarget, source: SourceType, scope: Scope) -> str:
    column = source_column(target.column)
    if source.name == "timestamptz":
        return f"({column} at time zone {literal(target.timezone or scope.timezone)})::date"
    if source.name not in ("date", "timestamp"):
        _refuse_cast(target, source, scope)
    return f"({column})::date"


def _cast_to_boolean(target: CastTarget, source: SourceType, scope: Scope) -> Compiled:
    if source.name == "bool":
        return Compiled(source_column(target.column))
    if source.name not in _INTEGER_DIGITS:
        _refuse_cast(target, source, scope)
    reading = read_text(_text(target.column, source, scope), Kind.BOOLEAN, "")
    return Compiled(reading.value, unmapped=(reading.unreadable,))


def _refuse_cast(target: CastTarget, source: SourceType, scope: Scope) -> NoReturn:
    scope.refuse(
        f"{scope.source}.{target.column} is {source.display}, which cannot be cast to {target.to}; "
        f"say what each value means with `values`, or cast it in a view or a `query`"
    )


def _divide(target: DivideTarget, kind: Kind, scope: Scope) -> Compiled:
    source = scope.type_of(target.column)
    digits = _digits(source)
    if kind is not Kind.DECIMAL or digits is None:
        found = f"{scope.source}.{target.column} is {source.display}, for a {kind} column"
        scope.refuse(f"divide makes a decimal of a number; {found}")
    power = target.by_power_of_ten
    # A product with 0.01 keeps every digit; PostgreSQL rounds a quotient.
    factor = f"0.{'0' * (power - 1)}1" if power else "1"
    value = f"({_as_numeric(target.column, source, scope)} * {factor})"
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
    return _local_moment(reference, own_zone, scope)


def _local_moment(reference: str, own_zone: str | None, scope: Scope) -> str:
    zone = literal(own_zone or scope.timezone)
    # Conversion fails at the ends of PostgreSQL's calendar; what no replica can hold becomes infinity, and NULL later.
    return (
        f"case when {reference} >= '1899-12-30' and {reference} < '2300-01-03' "
        f"then ({reference})::timestamp at time zone {zone} "
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


def _as_numeric(column: str, source: SourceType, scope: Scope) -> str:
    if source.name in _NUMBERS:
        return source_column(column)
    if source.name not in _FLOATS:
        scope.refuse(f"{scope.source}.{column} is {source.display}, which is no number; cast it in a view or a `query`")
    # float8::numeric keeps 15 digits only; the text form is the shortest that reads back as the same float.
    return f"({_text(column, source, scope)})::numeric"


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


def _text(column: str, source: SourceType, scope: Scope, own_zone: str | None = None, *, padded: bool = False) -> str:
    """Return the text of a source column of any type; blanks that pad a char(n) only when asked for."""
    reference = source_column(column)
    if source.name == "date":
        return _typed_text(reference, Kind.DATE)
    if source.name == "timestamptz":
        return _typed_text(reference, Kind.TIMESTAMP)
    if source.name == "timestamp":
        zone = literal(own_zone or scope.timezone)
        return _typed_text(f"{reference} at time zone {zone}", Kind.TIMESTAMP)
    what = f"{scope.source}.{column} is {source.display}"
    bare = source.name == "bpchar" and not padded
    text = f"({reference})::text" if bare else exact_text(reference, source, what)
    if text is None:
        scope.refuse(f"{what}, {why_no_text(source)}")
    # A collation that ignores case or accents would also compare, and hash, without them.
    return f'({text}) collate "C"'


def _typed_text(value: str, kind: Kind) -> str:
    """Return the text of any value of a kind, a moment being a timestamptz; what is before Christ says so."""
    if kind not in (Kind.TIMESTAMP, Kind.DATE):
        return text_form(value, kind)
    plain = f"({value} at time zone 'UTC')" if kind is Kind.TIMESTAMP else f"({value})"
    era = f"case when extract(year from {plain}) < 0 then ' BC' else '' end"
    return f"case when isfinite({plain}) then {text_form(plain, kind)} || {era} else {plain}::text end"


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
    """Return a value of the mapping as the quoted text that PostgreSQL prints for it."""
    return literal(_plain(value))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
