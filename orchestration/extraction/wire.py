"""Spells values on their way: how PostgreSQL prints each column of the SELECT, and what ClickHouse makes of it.

Both spellings are exact and land as the same value. Which rows there are is decided in `select`; who carries them, in
`transport` and `pull`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.canonical import Kind
from orchestration.extraction.expressions import identifier, literal
from orchestration.extraction.guards import exact_microseconds, may_differ, value_name
from orchestration.extraction.plan import ReplicaColumn, TablePlan
from orchestration.extraction.replica import microseconds
from orchestration.extraction.source_catalog import SESSION_SETTINGS


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a prepared session prints in COPY's text format, as ClickHouse's TabSeparated reads it.

    Attributes:
        query: for PostgreSQL.
        columns: names of the replica's columns, in the order of the query; the others are NULL.
    """

    query: str
    columns: tuple[str, ...]


def text_query(plan: TablePlan, select: str) -> TextQuery:
    """Return how to print the rows of a SELECT of this plan."""
    mapped = _mapped(plan)
    printed = {
        **{column.name: _printed(column) for column in mapped},
        "_version": "x._version",
        "_deleted": "x._deleted::integer",
        "_extracted_at": "x._extracted_at",
        "_row_hash": "x._row_hash",
        "_not_representable": "x._not_representable",
    }
    return TextQuery(f"select {', '.join(printed.values())}\nfrom (\n{select}\n) as x", tuple(printed))


def _printed(column: ReplicaColumn) -> str:
    value = f"x.{identifier(column.name)}"
    return f"{value} at time zone 'UTC'" if column.kind is Kind.TIMESTAMP else value


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """What any session returns as values that are cheap to read, and how they land.

    Attributes:
        query: for PostgreSQL; it sets what it needs of the session.
        columns: names of the replica's columns that are filled; the others are NULL.
        landing: ClickHouse's expression over the columns of the query for each of them.
    """

    query: str
    columns: tuple[str, ...]
    landing: tuple[str, ...]


def typed_query(plan: TablePlan, select: str, extracted_at: datetime) -> TypedQuery:
    """Return how to read the rows of a SELECT of this plan.

    Args:
        plan: of the table.
        select: over it.
        extracted_at: the boundary that it was made with.
    """
    mapped = _mapped(plan)
    moments = _moments_of_version(plan, mapped)
    sent = {column.name: _sent(column) for column in mapped}
    sent |= {} if moments else {"_version": "x._version"}
    # Nearly every row has neither, and NULL costs nothing to send.
    sent |= {"_deleted": "nullif(x._deleted, false)", "_not_representable": "nullif(x._not_representable, '')"}
    sent |= {"_row_hash": "x._row_hash"}
    landed = {column.name: _landed(column) for column in mapped} | {
        "_version": f"toUInt64(greatest(0, {', '.join(_landed_moment(name) for name in moments)}))"
        if moments
        else "_version",
        "_deleted": "ifNull(_deleted, 0)",
        "_extracted_at": f"fromUnixTimestamp64Micro(toInt64({microseconds(extracted_at)}), 'UTC')",
        "_row_hash": "_row_hash",
        "_not_representable": "ifNull(_not_representable, '')",
    }
    session = " || ".join(
        f"set_config({literal(name)}, {literal(value)}, true)" for name, value in SESSION_SETTINGS.items()
    )
    items = ", ".join(f"{value} as {identifier(name)}" for name, value in sent.items())
    # PostgreSQL evaluates a condition that depends on no row before it reads the first one.
    return TypedQuery(
        f"select {items}\nfrom (\n{select}\n) as x\nwhere (select {session}) is not null",
        tuple(landed),
        tuple(landed.values()),
    )


Judge = Literal["postgres", "receiver"]


@dataclass(frozen=True, slots=True)
class BinaryQuery:
    """What COPY sends in PostgreSQL's binary format.

    Attributes:
        query: for PostgreSQL; its columns are `columns`, the version where `moments` is empty, whether the row is
            deleted or NULL, and, where PostgreSQL judges, a bytea: the 8 bytes of the row's hash and what the row
            cannot hold in UTF-8, or NULL where there is nothing of the kind and the receiver shall compute the hash.
        columns: that are mapped, in order.
        moments: names of the columns that the version is the greatest of.
        judge: who tells what a replica cannot hold; the values that come are those that it can hold, or all as they
            are for the receiver to judge.
    """

    query: str
    columns: tuple[ReplicaColumn, ...]
    moments: tuple[str, ...]
    judge: Judge


def binary_query(plan: TablePlan, select: str, *, judge: Judge, hashed: bool) -> BinaryQuery:
    """Return how to send the rows of a SELECT of this plan.

    Args:
        plan: of the table.
        select: over it, of all rows, with its values.
        judge: who shall tell what a replica cannot hold; PostgreSQL takes a third longer for the rows if it does.
        hashed: PostgreSQL, which must judge then, shall hash every row, and not only those with something to report.
    """
    if hashed and judge != "postgres":
        raise ValueError("rows that PostgreSQL hashes are judged by it")
    mapped = _mapped(plan)
    moments = _moments_of_version(plan, mapped)
    sent = [_binary(column, judge) for column in mapped] + ([] if moments else ["x._version"])
    sent += ["nullif(x._deleted, false)"]
    if judge == "postgres":
        remark = "int8send(x._row_hash) || convert_to(x._not_representable, 'UTF8')"
        # In this form PostgreSQL looks for what cannot be held once per row; in two columns it would do so twice.
        sent += [remark if hashed else f"case x._not_representable when '' then null else {remark} end"]
    return BinaryQuery(f"select {', '.join(sent)}\nfrom (\n{select}\n) as x", tuple(mapped), tuple(moments), judge)


def _binary(column: ReplicaColumn, judge: Judge) -> str:
    held = judge == "postgres" or not may_differ(column)
    value = f"x.{identifier(column.name) if held else value_name(column)}"
    return f"({value})::numeric" if column.kind is Kind.DECIMAL else value


def _mapped(plan: TablePlan) -> list[ReplicaColumn]:
    return [column for column in plan.columns if column.raw is not None]


def _sent(column: ReplicaColumn) -> str:
    value = f"x.{identifier(column.name)}"
    match column.kind:
        case Kind.TIMESTAMP:
            return exact_microseconds(value)
        case Kind.DATE:
            return f"{value} - date '1970-01-01'"
        case Kind.DECIMAL:
            # A numeric without declared digits would be rounded on its way.
            return f"({value})::text"
        case Kind.TEXT | Kind.INTEGER | Kind.BOOLEAN:
            return value


def _landed(column: ReplicaColumn) -> str:
    name = quote_identifier(column.name)
    match column.kind:
        case Kind.TEXT:
            return f"toString({name})"
        case Kind.TIMESTAMP:
            return f"fromUnixTimestamp64Micro({name}, 'UTC')"
        case Kind.DATE | Kind.DECIMAL:
            bare = column.clickhouse_type.removeprefix("Nullable(")
            bare = bare.removesuffix(")") if bare != column.clickhouse_type else bare
            return f"cast({name} as Nullable({bare}))"
        case Kind.INTEGER | Kind.BOOLEAN:
            return name


def _moments_of_version(plan: TablePlan, mapped: list[ReplicaColumn]) -> list[str]:
    """Return the columns of the moments that the version is the greatest of; nothing if one of them is not read."""
    names = {column.raw: column.name for column in mapped if column.kind is Kind.TIMESTAMP}
    moments = [moment for moment in (plan.changed, plan.created) if moment is not None]
    if not moments or any(moment not in names for moment in moments):
        return []
    return [names[moment] for moment in moments]


def _landed_moment(name: str) -> str:
    return f"ifNull({quote_identifier(name)}, 0)"
