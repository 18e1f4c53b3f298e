"""Pushes all rows of a table as PostgreSQL's binary COPY, turned into ClickHouse's Native format on the way.

This is the fastest way for a large table, and the only one that computes hashes outside PostgreSQL. Compiling it takes
longer than a small table does, so it is imported only when it is needed. Whether it is, is decided in `transport`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from orchestration.extraction import row_hash
from orchestration.extraction.canonical import Kind
from orchestration.extraction.copy_stream import PIECE_BYTES, binary_rows
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.expressions import SOURCE_ALIAS
from orchestration.extraction.guards import EARLIEST, LATEST, may_differ, told_by_value
from orchestration.extraction.native_block import (
    DAYS_TO_2000,
    MICROSECONDS_TO_2000,
    Bytes,
    Marks,
    Positions,
    find_fields,
    lose_no_numbers,
    lose_outside,
    put_decimals,
    put_digits,
    put_integers,
    put_nulls,
    put_texts,
    raise_to_moments,
)
from orchestration.extraction.plan import ReplicaColumn, TablePlan
from orchestration.extraction.replica import microseconds
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.wire import BinaryQuery, Judge, binary_query

_TEXT, _NUMERIC, _MOMENT, _DATE, _BOOLEAN = 25, 1700, 1184, 1082, 16
_INTEGERS = (21, 23, 20)
_KNOWN = {
    Kind.TEXT: (_TEXT, *_INTEGERS),
    Kind.INTEGER: _INTEGERS,
    Kind.DECIMAL: (_NUMERIC,),
    Kind.TIMESTAMP: (_MOMENT,),
    Kind.DATE: (_DATE,),
    Kind.BOOLEAN: (_BOOLEAN,),
}
# The longest value without its text: a decimal of 256 bits, or digits or a length with something to spare.
_LARGEST_VALUE = 48
# At the start of the last field of a row; behind it stands what the row cannot hold.
_HASH_BYTES = 8
# What ClickHouse can hold, as PostgreSQL counts days and microseconds: since 2000.
_FIRST_DAY, _LAST_DAY = ((day - date(2000, 1, 1)).days for day in (EARLIEST, LATEST))
_FIRST_MOMENT, _LAST_MOMENT = _FIRST_DAY * 86_400_000_000, (_LAST_DAY + 1) * 86_400_000_000 - 1
_BITS_OF_MARK = 64
# ClickHouse spends a millisecond on each block, as it plans the checksum anew; larger ones than this save nothing more.
_BLOCK_BYTES = 4 << 20

# One value or more of every type that a row can have, where PostgreSQL's hashes could differ from ours.
_SPECIMENS: tuple[tuple[str, str], ...] = (
    ("text", "''"),
    ("text", "'Ёж \"\" longer than twelve'"),
    ("smallint", "-7"),
    ("integer", "2147483647"),
    ("bigint", "12345678901"),
    ("bigint", "-12345678901"),
    ("numeric", "0"),
    ("numeric", "1234567.8900"),
    ("numeric", "-0.00001"),
    ("numeric", "1e30"),
    ("numeric", "'NaN'"),
    ("timestamptz", "'1969-12-31 23:59:59.999999+00'"),
    ("timestamptz", "'infinity'"),
    ("date", "'2299-12-31'"),
    ("date", "'-infinity'"),
    ("boolean", "true"),
    ("boolean", "null"),
)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a row as it arrives: the column that it fills and the OID of its type."""

    column: ReplicaColumn
    type_code: int


class RowBarred(Exception):
    """A row must not be loaded, and only PostgreSQL can say what is wrong with it: let it judge."""


def push_rows(
    connection: Connection,
    plan: TablePlan,
    select: str,
    extracted_at: datetime,
    send: Callable[[Iterator[bytes]], None],
    *,
    judge: Judge = "receiver",
) -> int:
    """Read the rows of a SELECT, give them to `send` as blocks in Native format, and return how many there were.

    Args:
        connection: to the CRM, within a transaction.
        plan: of the table.
        select: over all of it, from `render_select`, with its values.
        extracted_at: the boundary that it was made with.
        send: takes the blocks.
        judge: who tells what the replica cannot hold. PostgreSQL does it anyway where the values alone do not show it.

    Raises:
        psycopg.Error: the CRM failed.
        RowBarred: a row must not be loaded; not where PostgreSQL judges. Blocks have been sent.
    """
    judge = judge if _shown_by_values(plan) else "postgres"
    query = binary_query(plan, select, judge=judge, hashed=False)
    fields = _fields(connection, query)
    if not (_types_as_hashed(connection, plan, fields) and hashes_agree(connection)):
        query = binary_query(plan, select, judge="postgres", hashed=True)
    encoder = _Encoder(plan, query, fields, extracted_at)
    with closing(read_ahead(_blocks(connection, query, encoder))) as blocks:
        send(blocks)
    return encoder.rows


def _blocks(connection: Connection, query: BinaryQuery, encoder: _Encoder) -> Generator[bytes, None, None]:
    with closing(binary_rows(connection, query.query)) as pieces:
        for raw, end in pieces:
            encoder.add(raw, end)
            if encoder.size >= _BLOCK_BYTES:
                yield encoder.take()
    if encoder.size:
        yield encoder.take()


def read_ahead(blocks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """Yield the blocks, each of which is made in another thread while the one before is still in use.

    Reading and encoding let go of the interpreter, so PostgreSQL and ClickHouse do not wait for each other.
    """
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, blocks, None)
        try:
            while (block := coming.result()) is not None:
                coming = maker.submit(next, blocks, None)
                yield block
        finally:
            # In the same thread, behind the block that is being made.
            maker.submit(blocks.close).result()


def _shown_by_values(plan: TablePlan) -> bool:
    """Tell whether all that is to be reported of a row can be told from what it is sent as."""
    mapped = [column for column in plan.columns if column.raw is not None]
    return all(map(told_by_value, mapped)) and sum(map(may_differ, mapped)) <= _BITS_OF_MARK


def _fields(connection: Connection, query: BinaryQuery) -> list[Field]:
    codes = _type_codes(connection, query.query)
    fields = [Field(column, code) for column, code in zip(query.columns, codes, strict=False)]
    for field in fields:
        if field.type_code not in _KNOWN[field.column.kind]:
            raise AssertionError(f"{field.column.name} arrives as type {field.type_code}")
    return fields


def _type_codes(connection: Connection, query: str) -> list[int]:
    described = connection.execute(f"select * from ({query}) as described limit 0".encode()).description
    return [column.type_code for column in described or ()]


def _types_as_hashed(connection: Connection, plan: TablePlan, fields: Sequence[Field]) -> bool:
    """Tell whether the values that PostgreSQL hashes have the types that they are sent as."""
    values = ", ".join(f"{field.column.raw} as v{number}" for number, field in enumerate(fields))
    hashed = _type_codes(connection, f"select {values} from {plan.relation} as {SOURCE_ALIAS}")
    return hashed == [field.type_code for field in fields]


def hashes_agree(connection: Connection) -> bool:
    """Tell whether the server hashes specimens of all types as we do."""
    values = ", ".join(f"{value}::{kind}" for kind, value in _SPECIMENS)
    hashed = ", ".join(
        part
        for kind, value in _SPECIMENS
        for part in (f"{value}::{kind}", *([f"{value}::{kind} < 0"] if kind == "numeric" else []))
    )
    query = f"select {values}, hash_record_extended(row({hashed}), 0)"
    for raw, end in binary_rows(connection, query):
        starts, lengths = _positions(len(_SPECIMENS) + 1, end)
        if find_fields(raw, end, starts, lengths) != 1:
            return False
        hashes = np.zeros(1, np.uint64)
        for number, (kind, _) in enumerate(_SPECIMENS):
            column = raw, starts[number, :1], lengths[number, :1]
            if kind == "text":
                row_hash.fold_texts(*column, hashes)
            elif kind == "numeric":
                row_hash.fold_numerics(*column, hashes)
            else:
                row_hash.fold_integers(*column, 0, hashes)
        sent = int.from_bytes(raw[starts[-1, 0] : starts[-1, 0] + 8].tobytes(), "big")
        return int(hashes[0]) == sent
    return False


def _positions(fields: int, raw_bytes: int) -> tuple[Positions, Positions]:
    """Return room for the positions of all fields that so many bytes can hold."""
    shape = (fields, raw_bytes // (2 + 4 * fields) + 1)
    return np.empty(shape, np.int32), np.empty(shape, np.int32)


class _Stream:
    """Bytes that grow at their end; their memory is used again after they have been taken."""

    def __init__(self, head: bytes = b"") -> None:
        self.head = head
        self.end = 0
        self._data: Bytes = np.empty(0, np.uint8)

    def room(self, needed: int) -> Bytes:
        """Return memory with room for so many bytes behind the end."""
        if self.end + needed > self._data.shape[0]:
            # What is not written to takes up no memory.
            larger = np.empty(2 * (self.end + needed), np.uint8)
            larger[: self.end] = self._data[: self.end]
            self._data = larger
        return self._data

    def add(self, values: NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.uint8]) -> None:
        """Append the bytes of some numbers."""
        data = values.view(np.uint8)
        self.room(data.shape[0])[self.end : self.end + data.shape[0]] = data
        self.end += data.shape[0]

    def take(self) -> memoryview:
        """Return the bytes, which are overwritten by the next ones, and start anew."""
        end, self.end = self.end, 0
        return self._data[:end].data


class _Column:
    """The values of a column for a block, with their marks of NULL where the replica's type has them."""

    def __init__(self, name: str, type_name: str) -> None:
        head = b"".join(_length(len(text)) + text for text in (name.encode(), type_name.encode()))
        self.nulls = _Stream(head) if type_name.startswith("Nullable(") else None
        self.values = _Stream(b"" if self.nulls else head)

    @property
    def streams(self) -> tuple[_Stream, ...]:
        """What the block is made of, in order."""
        return (self.nulls, self.values) if self.nulls else (self.values,)


class _Encoder:
    """Gathers rows, column by column, into blocks and counts them; its memory is used again for each block.

    Rows come in pieces that are small enough for the processor's cache, as each is read once for every column.
    """

    def __init__(self, plan: TablePlan, query: BinaryQuery, fields: Sequence[Field], extracted_at: datetime) -> None:
        self.rows = 0
        self._fields = fields
        self._moments = [number for number, field in enumerate(fields) if field.column.name in query.moments]
        self._may_differ = [number for number, field in enumerate(fields) if may_differ(field.column)]
        self._judges = query.judge == "receiver"
        # Behind the columns come the version where no column tells, the mark of deletion, and what PostgreSQL remarks.
        self._deletion = len(fields) + (0 if query.moments else 1)
        self._sent = self._deletion + (1 if self._judges else 2)
        self._extracted_at = microseconds(extracted_at)
        types = dict(plan.replica_columns)
        self._columns = [_Column(field.column.name, types[field.column.name]) for field in fields]
        self._version, self._deleted, self._extracted, self._hash, self._lost = (
            _Column(name, types[name])
            for name in ("_version", "_deleted", "_extracted_at", "_row_hash", "_not_representable")
        )
        self._all = (*self._columns, self._version, self._deleted, self._extracted, self._hash, self._lost)
        self._starts, self._lengths = _positions(self._sent, PIECE_BYTES)
        self._waiting = 0

    @property
    def size(self) -> int:
        """Bytes of the rows that have been added and not taken."""
        return sum(stream.end for column in self._all for stream in column.streams)

    def add(self, raw: Bytes, end: int) -> None:
        """Add the rows of a piece to the block."""
        if end > PIECE_BYTES:
            self._starts, self._lengths = _positions(self._sent, end)
        rows = find_fields(raw, end, self._starts, self._lengths)
        if rows < 0:
            raise AssertionError("PostgreSQL sent rows of another shape")
        starts, lengths = self._starts[:, :rows], self._lengths[:, :rows]
        # Made of the values themselves, as one that is lost is still reported when it changes.
        self._hash.values.add(self._hashes(raw, starts, lengths))
        if self._judges:
            self._add_lost(self._lose(raw, starts, lengths))
        else:
            out, position = self._lost.values.room(rows * _LARGEST_VALUE + end), self._lost.values.end
            self._lost.values.end = put_texts(raw, starts[-1] + _HASH_BYTES, lengths[-1] - _HASH_BYTES, out, position)
        for number, (field, column) in enumerate(zip(self._fields, self._columns, strict=True)):
            if column.nulls is not None:
                column.nulls.end = put_nulls(lengths[number], column.nulls.room(rows), column.nulls.end)
            # A text is no longer than the piece.
            out = column.values.room(rows * _LARGEST_VALUE + (end if field.type_code == _TEXT else 0))
            column.values.end = _put_values(field, raw, starts[number], lengths[number], out, column.values.end)
        self._version.values.add(self._versions(raw, starts, lengths))
        out, position = self._deleted.values.room(rows), self._deleted.values.end
        deletion = self._deletion
        self._deleted.values.end = put_integers(raw, starts[deletion], lengths[deletion], 0, 1, out, position)
        self._extracted.values.add(np.full(rows, self._extracted_at, np.int64))
        self.rows += rows
        self._waiting += rows

    def take(self) -> bytes:
        """Return the block of the rows that have been added, and start another one."""
        parts: list[bytes | memoryview] = [_length(len(self._all)) + _length(self._waiting)]
        for column in self._all:
            for stream in column.streams:
                parts += [stream.head, stream.take()]
        self._waiting = 0
        return b"".join(parts)

    def _versions(self, raw: Bytes, starts: Positions, lengths: Positions) -> NDArray[np.int64]:
        values = np.zeros(starts.shape[1], np.int64)
        if not self._moments:
            version = len(self._fields)
            put_integers(raw, starts[version], lengths[version], 0, 8, values.view(np.uint8), 0)
        for number in self._moments:
            raise_to_moments(raw, starts[number], lengths[number], values)
        return values

    def _hashes(self, raw: Bytes, starts: Positions, lengths: Positions) -> NDArray[np.uint64]:
        """Return what the SELECT calls `_row_hash`, of the same columns in the same order."""
        hashes = np.zeros(starts.shape[1], np.uint64)
        for number, field in enumerate(self._fields):
            column = raw, starts[number], lengths[number]
            match field.column.kind:
                case Kind.TEXT if field.type_code == _TEXT:
                    row_hash.fold_texts(*column, hashes)
                case Kind.DECIMAL:
                    row_hash.fold_numerics(*column, hashes)
                case _:
                    row_hash.fold_integers(*column, 0, hashes)
            if field.column.kind is Kind.INTEGER and field.column.bits > 32:
                row_hash.fold_integers(*column, 32, hashes)
        row_hash.fold_marks(lengths[self._deletion], hashes)
        if self._judges:
            hashes[hashes == 0] = row_hash.INSTEAD_OF_0
        else:
            row_hash.finish(raw, starts[-1], lengths[-1], hashes)
        return hashes

    def _lose(self, raw: Bytes, starts: Positions, lengths: Positions) -> Marks:
        """Turn what the replica cannot hold into NULL; return for each row, by bits, in which of `_may_differ`."""
        marks = np.zeros(starts.shape[1], np.uint64)
        for bit, number in enumerate(self._may_differ):
            column, mark = (raw, starts[number], lengths[number]), np.uint64(1 << bit)
            match self._fields[number].column.kind:
                case Kind.TIMESTAMP:
                    lose_outside(*column, _FIRST_MOMENT, _LAST_MOMENT, mark, marks)
                case Kind.DATE:
                    lose_outside(*column, _FIRST_DAY, _LAST_DAY, mark, marks)
                case _:
                    lose_no_numbers(*column, mark, marks)
        if any(field.column.required and lengths[number].min() < 0 for number, field in enumerate(self._fields)):
            raise RowBarred
        return marks

    def _add_lost(self, marks: Marks) -> None:
        """Append the names of the columns that each row lost a value of."""
        if not marks.any():
            self._lost.values.add(np.zeros(len(marks), np.uint8))
            return
        kinds, kind_of_row = np.unique(marks, return_inverse=True)
        texts = [
            ",".join(
                self._fields[number].column.name for bit, number in enumerate(self._may_differ) if int(kind) >> bit & 1
            ).encode()
            for kind in kinds
        ]
        lengths = np.array([len(text) for text in texts], np.int32)
        starts = np.cumsum(lengths, dtype=np.int32) - lengths
        out = self._lost.values.room(len(marks) * (_LARGEST_VALUE + int(lengths.max())))
        spelled = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
        position = self._lost.values.end
        self._lost.values.end = put_texts(spelled, starts[kind_of_row], lengths[kind_of_row], out, position)


def _put_values(field: Field, raw: Bytes, starts: Positions, lengths: Positions, out: Bytes, position: int) -> int:
    column = field.column
    match column.kind:
        case Kind.TEXT:
            put = put_texts if field.type_code == _TEXT else put_digits
            return int(put(raw, starts, lengths, out, position))
        case Kind.DECIMAL if column.digits is not None:
            scale, width = column.digits.scale, _decimal_width(column.digits.precision)
            end: int = put_decimals(raw, starts, lengths, scale, width, out, position)
            if end < 0:
                raise ExtractionError(f"{column.name}: a value does not fit {column.clickhouse_type}")
            return end
        case Kind.TIMESTAMP:
            return put_integers(raw, starts, lengths, MICROSECONDS_TO_2000, 8, out, position)
        case Kind.DATE:
            return put_integers(raw, starts, lengths, DAYS_TO_2000, 4, out, position)
        case Kind.INTEGER:
            return put_integers(raw, starts, lengths, 0, column.bits // 8, out, position)
        case _:
            return put_integers(raw, starts, lengths, 0, 1, out, position)


def _decimal_width(precision: int) -> int:
    """Return the bytes that ClickHouse keeps a decimal in."""
    return next(width for width, digits in ((4, 9), (8, 18), (16, 38), (32, 76)) if precision <= digits)


def _length(number: int) -> bytes:
    """Return a number as ClickHouse writes lengths: seven bits a byte, the last ones first."""
    data = bytearray()
    while number >= 128:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])
