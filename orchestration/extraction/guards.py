"""Decides in SQL what a replica cannot hold, and which rows must not be loaded at all.

Works on the level `r` of the SELECT, where every mapped value stands in PostgreSQL's types under its replica's name. A
value outside ClickHouse's calendar, or a number that is none, becomes NULL and is reported. A row is barred by a value
that no value map lists, one that is not allowed, one that would be rounded, and by an empty one that must not be empty.
"""

from __future__ import annotations

from orchestration.extraction.canonical import Kind
from orchestration.extraction.expressions import identifier, literal
from orchestration.extraction.plan import ReplicaColumn

REJECTED = "\x1d"
ENTRY_SEPARATOR = "\x1e"
FIELD_SEPARATOR = "\x1f"
"""A rejection starts with REJECTED and holds entries of column, reason and value, to make a message of."""

_EARLIEST_MOMENT, _LATEST_MOMENT = "'1900-01-01 00:00:00+00'", "'2300-01-01 00:00:00+00'"
_EARLIEST_DATE, _LATEST_DATE = "'1900-01-01'", "'2299-12-31'"


def held_value(column: ReplicaColumn) -> str:
    """Return SQL of the value as the replica holds it: NULL where it cannot be held, typed otherwise."""
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


def epoch_moment(moment: str) -> str:
    """Return the moment, a timestamptz, or NULL where it cannot be counted from 1970 on."""
    return (
        f"case when {moment} < {_LATEST_MOMENT}::timestamptz and {moment} >= '1970-01-01 00:00:00+00'::timestamptz "
        f"then {moment} end"
    )


def report(columns: list[ReplicaColumn]) -> str:
    """Return SQL of the text `_not_representable`: empty, a list of columns, or why the row must not be loaded."""
    rejections = [case for column in columns for case in _rejections(column)]
    lost = [
        (f"r.{identifier(column.name)} is not null and not ({condition})", literal(column.name))
        for column in columns
        if (condition := _representable(column)) is not None
    ]
    branches = [
        f"when {_any(cases)} then {text}"
        for cases, text in (
            (rejections, f"{_control(REJECTED)} || {_listed(rejections, _control(ENTRY_SEPARATOR))}"),
            (lost, _listed(lost, "','")),
        )
        if cases
    ]
    return f"case {' '.join(branches)} else '' end" if branches else "''::text"


def unmapped_name(column: ReplicaColumn, index: int) -> str:
    """Return the quoted name under which level `r` holds the value that a value map does not list."""
    return identifier(f"{column.name} unmapped {index}")


def _rejections(column: ReplicaColumn) -> list[tuple[str, str]]:
    """Return condition and entry of everything that bars a row of this column from the replica."""
    value = f"r.{identifier(column.name)}"
    representable, fits = _representable(column), _fits(column)
    cases = [
        (f"r.{name} is not null", _entry(column, "unmapped", f"r.{name}"))
        for name in (unmapped_name(column, index) for index in range(len(column.unmapped)))
    ]
    if column.required:
        nothing_unmapped = "".join(
            f" and r.{unmapped_name(column, index)} is null" for index in range(len(column.unmapped))
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


def _any(cases: list[tuple[str, str]]) -> str:
    return " or ".join(f"({condition})" for condition, _ in cases)


def _listed(cases: list[tuple[str, str]], separator: str) -> str:
    """Return SQL that joins the entries whose condition holds."""
    entries = ", ".join(f"case when {condition} then {entry} end" for condition, entry in cases)
    return f"concat_ws({separator}, {entries})"
