"""Decides in SQL what a replica cannot hold, and which rows must not be loaded at all.

A value outside ClickHouse's calendar, or a number that is none, becomes NULL and is reported. A row is barred by a
value that no value map lists, one that is not allowed, one that would be rounded, and by an empty one that must not be.

What is reported is decided on the level `c` of the SELECT. There stands what the replica holds of every mapped value,
and beside it the value itself where the two may differ. Whether a row is fine is told by tests for NULL, as most rows
are: what is wrong with one is found out only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from orchestration.extraction.canonical import Kind
from orchestration.extraction.expressions import identifier, literal
from orchestration.extraction.plan import ReplicaColumn

REJECTED = "\x1d"
ENTRY_SEPARATOR = "\x1e"
FIELD_SEPARATOR = "\x1f"
"""A rejection starts with REJECTED and holds entries of column, reason and value, to make a message of."""

EARLIEST, LATEST = date(1900, 1, 1), date(2299, 12, 31)
"""The first and the last day of ClickHouse's calendar; a moment belongs to a day of UTC."""

_EARLIEST_MOMENT, _LATEST_MOMENT = (f"'{day} 00:00:00+00'" for day in (EARLIEST, LATEST + timedelta(days=1)))
_EARLIEST_DATE, _LATEST_DATE = f"'{EARLIEST}'", f"'{LATEST}'"


def held_value(column: ReplicaColumn, value: str) -> str:
    """Return SQL of a mapped value as the replica holds it: NULL where it cannot be held, typed otherwise."""
    held = value
    if column.kind is Kind.INTEGER and not column.bounded:
        held = f"{value}::bigint"
    elif column.kind is Kind.DECIMAL and column.digits is not None and not column.digits.certain:
        held = f"round({value}, {column.digits.scale})"
    conditions = _conditions(column, value)
    return f"case when {' and '.join(conditions)} then {held} end" if conditions else held


def may_differ(column: ReplicaColumn) -> bool:
    """Tell whether the replica may hold NULL instead of a value."""
    return bool(_conditions(column, ""))


def told_by_value(column: ReplicaColumn) -> bool:
    """Tell whether the mapped value alone shows all that would be reported of a row.

    It does where a value is lost for being outside the calendar or no number, and a row barred for having none.
    """
    return not (column.unmapped or column.allowed or _fits(column, ""))


def value_name(column: ReplicaColumn) -> str:
    """Return the quoted name under which level `c` has the mapped value itself, where the held one may differ."""
    return identifier(f"{column.name} value")


def unmapped_name(column: ReplicaColumn, index: int) -> str:
    """Return the quoted name under which level `c` has the value that a value map does not list."""
    return identifier(f"{column.name} unmapped {index}")


def report(columns: list[ReplicaColumn]) -> str:
    """Return SQL over `c` of `_not_representable`: empty, a list of columns, or why the row must not be loaded."""
    suspicious = [condition for column in columns for condition in _suspicious(column)]
    if not suspicious:
        return "''::text"
    rejections = [case for column in columns for case in _rejections(column)]
    lost = [
        (f"{_value(column)} is not null and not ({condition})", literal(column.name))
        for column in columns
        if (condition := _representable(column, _value(column))) is not None
    ]
    branches = [
        f"when {_any(cases)} then {text}"
        for cases, text in (
            (rejections, f"{_control(REJECTED)} || {_listed(rejections, _control(ENTRY_SEPARATOR))}"),
            (lost, _listed(lost, "','")),
        )
        if cases
    ]
    return f"case when {' or '.join(suspicious)} then case {' '.join(branches)} else '' end else '' end"


def version(moments: list[str]) -> str:
    """Return SQL of the greatest of some moments (timestamptz) in microseconds since 1970; 0 where none counts."""
    if not moments:
        return "0::bigint"
    newest = f"greatest({', '.join(moments)})"
    # Where one of them is beyond the calendar, the others still count.
    counted = f"greatest({', '.join(f'case when {_countable(moment)} then {moment} end' for moment in moments)})"
    otherwise = f"coalesce({exact_microseconds(counted)}, 0)" if len(moments) > 1 else "0"
    return f"case when {_countable(newest)} then {exact_microseconds(newest)} else {otherwise} end"


def exact_microseconds(moment: str) -> str:
    """Return SQL of a moment (timestamptz) from 1900 to 2300 as bigint microseconds since 1970."""
    # A double holds the microseconds up to 2^51, both quotient and product of a million included; beyond, extract()
    # is exact and costs several times as much.
    return (
        f"case when {moment} < '2041-01-01 00:00:00+00'::timestamptz "
        f"then (date_part('epoch', {moment}) * 1000000)::bigint "
        f"else (extract(epoch from {moment}) * 1000000)::bigint end"
    )


def _countable(moment: str) -> str:
    return f"{moment} >= '1970-01-01 00:00:00+00'::timestamptz and {moment} < {_LATEST_MOMENT}::timestamptz"


def _conditions(column: ReplicaColumn, value: str) -> list[str]:
    """Return the conditions under which the replica holds a value that is not NULL."""
    return [condition for condition in (_representable(column, value), _fits(column, value)) if condition]


def _value(column: ReplicaColumn) -> str:
    """Return SQL over `c` of the mapped value itself."""
    return f"c.{value_name(column) if may_differ(column) else identifier(column.name)}"


def _representable(column: ReplicaColumn, value: str) -> str | None:
    """Return the condition under which a value that is not NULL exists in ClickHouse at all."""
    match column.kind:
        case Kind.TIMESTAMP:
            return f"{value} >= {_EARLIEST_MOMENT}::timestamptz and {value} < {_LATEST_MOMENT}::timestamptz"
        case Kind.DATE:
            return f"{value} >= {_EARLIEST_DATE}::date and {value} <= {_LATEST_DATE}::date"
        case Kind.DECIMAL if column.digits is not None and column.digits.certain:
            # Declared digits rule infinity out.
            return f"{value} <> 'NaN'::numeric"
        case Kind.DECIMAL:
            return _finite(value)
        case Kind.INTEGER:
            return None if column.bounded else _finite(f"{value}::numeric")
        case Kind.TEXT | Kind.BOOLEAN:
            return None


def _finite(value: str) -> str:
    # PostgreSQL sorts NaN above infinity.
    return f"{value} > '-Infinity'::numeric and {value} < 'Infinity'::numeric"


def _fits(column: ReplicaColumn, value: str) -> str | None:
    """Return the condition under which a finite number fits the replica's type without a loss."""
    if column.kind is Kind.INTEGER and not column.bounded:
        limit = 2 ** (column.bits - 1)
        return f"{value} between -{limit} and {limit - 1} and {value}::numeric = trunc({value}::numeric)"
    if column.kind is Kind.DECIMAL and column.digits is not None and not column.digits.certain:
        digits = column.digits
        return (
            f"abs({value}) < 1e{digits.precision - digits.scale}::numeric and {value} = round({value}, {digits.scale})"
        )
    return None


def _suspicious(column: ReplicaColumn) -> Iterator[str]:
    """Yield cheap conditions over `c` of which one holds in every row that has something to report."""
    held = f"c.{identifier(column.name)}"
    for index in range(len(column.unmapped)):
        yield f"c.{unmapped_name(column, index)} is not null"
    if column.required:
        yield f"{held} is null"
    elif may_differ(column):
        yield f"{held} is null and {_value(column)} is not null"
    if column.allowed:
        yield _not_allowed(column)


def _not_allowed(column: ReplicaColumn) -> str:
    return f"{_value(column)} not in ({', '.join(literal(allowed) for allowed in column.allowed)})"


def _rejections(column: ReplicaColumn) -> list[tuple[str, str]]:
    """Return condition and entry of everything that bars a row of this column from the replica."""
    value = _value(column)
    representable, fits = _representable(column, value), _fits(column, value)
    cases = [
        (f"c.{name} is not null", _entry(column, "unmapped", f"c.{name}"))
        for name in (unmapped_name(column, index) for index in range(len(column.unmapped)))
    ]
    if column.required:
        nothing_unmapped = "".join(
            f" and c.{unmapped_name(column, index)} is null" for index in range(len(column.unmapped))
        )
        cases.append((f"{value} is null{nothing_unmapped}", _entry(column, "missing")))
        if representable:
            cases.append((f"{value} is not null and not ({representable})", _entry(column, "not_representable", value)))
    if fits:
        guard = f"{representable} and " if representable else ""
        cases.append((f"{guard}not ({fits})", _entry(column, "inexact", value)))
    if column.allowed:
        cases.append((_not_allowed(column), _entry(column, "not_allowed", value)))
    return cases


def _entry(column: ReplicaColumn, reason: str, value: str | None = None) -> str:
    head = literal(f"{column.name}{FIELD_SEPARATOR}{reason}{FIELD_SEPARATOR}")
    if value is None:
        return head
    separators = f"{_control(ENTRY_SEPARATOR)} || {_control(FIELD_SEPARATOR)}"
    return f"{head} || translate(left({value}::text, 60), {separators}, '')"


def _control(character: str) -> str:
    return f"chr({ord(character)})"


def _any(cases: list[tuple[str, str]]) -> str:
    return " or ".join(f"({condition})" for condition, _ in cases)


def _listed(cases: list[tuple[str, str]], separator: str) -> str:
    """Return SQL that joins the entries whose condition holds."""
    entries = ", ".join(f"case when {condition} then {entry} end" for condition, entry in cases)
    return f"concat_ws({separator}, {entries})"
