"""Turns arrays of the generator into PostgreSQL's COPY text, a column at a time.

A column is a list of ready texts, one for each row. What the rows mean belongs in the generating modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from deploy.demo_crm.clock import Clock, Flags, Integers

NULL = "\\N"
Column = list[str]
# One statement's worth of text; larger pieces gain nothing and cost memory.
_ROWS_PER_WRITE = 5_000


def escape(text: str) -> str:
    """Return `text` as COPY reads it back unchanged."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def numbers(values: Integers, null: Flags | None = None) -> Column:
    """Return whole numbers; NULL where `null` holds."""
    return _with_nulls(list(map(str, values.tolist())), null)


def cents(values: Integers, null: Flags | None = None) -> Column:
    """Return amounts given in hundredths; NULL where `null` holds."""
    return _with_nulls([f"{value // 100}.{value % 100:02d}" for value in values.tolist()], null)


def moments(values: Integers, clock: Clock, null: Flags | None = None) -> Column:
    """Return local moments as UTC timestamps; NULL where `null` holds (their values there need not make sense)."""
    known = values if null is None else np.where(null, clock.as_of, values)
    texts: list[str] = np.datetime_as_string(clock.utc(known).astype("datetime64[us]"), timezone="UTC").tolist()
    return _with_nulls(texts, null)


def days(values: Integers, null: Flags | None = None) -> Column:
    """Return dates given as days since 1970; NULL where `null` holds."""
    texts: list[str] = np.datetime_as_string(values.astype("datetime64[D]")).tolist()
    return _with_nulls(texts, null)


def choices(codes: Integers, words: Sequence[str], null: Flags | None = None) -> Column:
    """Return words[code] for each code; the words are escaped here."""
    return _with_nulls(np.array([escape(word) for word in words], dtype=object)[codes].tolist(), null)


def flags(values: Flags) -> Column:
    """Return booleans."""
    texts: Column = np.where(values, "t", "f").tolist()
    return texts


def constant(text: str | None, size: int) -> Column:
    """Return the same text `size` times; None is NULL."""
    return [NULL if text is None else escape(text)] * size


def copy_columns(connection: psycopg.Connection[Any], table: str, columns: Mapping[str, Column]) -> int:
    """COPY equally long columns into `table` and return the number of rows."""
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise ValueError(
            f"columns of {table} differ in length: { {name: len(column) for name, column in columns.items()} }"
        )
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    size = lengths.pop()
    lists = list(columns.values())
    with connection.cursor().copy(statement) as copy:
        for start in range(0, size, _ROWS_PER_WRITE):
            piece = zip(*(column[start : start + _ROWS_PER_WRITE] for column in lists), strict=True)
            copy.write("\n".join(map("\t".join, piece)) + "\n")
    return size


def copy_records(connection: psycopg.Connection[Any], table: str, records: Iterable[Mapping[str, Any]]) -> int:
    """COPY a few rows given as name to value; rows may name different columns."""
    written = 0
    by_columns: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for record in records:
        by_columns.setdefault(tuple(record), []).append(tuple(record.values()))
    for names, values in by_columns.items():
        statement = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with connection.cursor().copy(statement) as copy:
            for row in values:
                copy.write_row(row)
        written += len(values)
    return written


def _with_nulls(column: Column, null: Flags | None) -> Column:
    if null is not None:
        for index in np.flatnonzero(null).tolist():
            column[index] = NULL
    return column
