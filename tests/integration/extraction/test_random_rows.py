"""Random rows of every type that lands make the round trip through real engines, and stay exact through changes.

psycopg's own reading of the CRM's rows is the judge of each cell. The same examples run every time;
`RANDOM_ROWS_EXAMPLES=500` looks for others, as long as it takes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import DataError
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader

from orchestration.extraction import transport as transports
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.load import LoadResult, load_table
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench, bench_mapping

Row = dict[str, Any]


@dataclass(frozen=True)
class Lost:
    """A value that no replica can hold: it becomes empty and is reported."""

    text: str


Transport = Literal["push", "pull"]

ROWS = 12
_SEARCH = int(os.environ.get("RANDOM_ROWS_EXAMPLES", "0"))

ODD_TEXTS = [
    "",
    " ",
    "\\N",
    "NULL",
    "\\",
    "\t",
    "\n",
    "\r\n",
    "'\"",
    "\x1d\x1e\x1f",
    "\x01\x7f",
    "e\u0301",
    "𐍈",
    "\ufeff",
]
FIRST, LAST = datetime(1900, 1, 1), datetime(2299, 12, 31, 23, 59, 59, 999999)
BEYOND = ["infinity", "-infinity", "0044-03-15 BC", "1899-12-31", "2300-01-01", "9999-12-31", "12345-06-07"]


def texts(most: int = 20) -> st.SearchStrategy[str]:
    free = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=most)
    return (st.sampled_from(ODD_TEXTS) | free).map(lambda text: text[:most])


def integers(bits: int) -> st.SearchStrategy[str]:
    edges = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0, -1]
    return (st.sampled_from(edges) | st.integers(edges[0], edges[1])).map(str)


def decimals(digits: int, scale: int) -> st.SearchStrategy[str]:
    most = 10**digits - 1
    numbers = (st.sampled_from([most, -most, 0, 1]) | st.integers(-most, most)).map(lambda number: f"{number}e-{scale}")
    return st.just("NaN") | numbers


def moments() -> st.SearchStrategy[str]:
    edges = st.sampled_from([*map(str, [FIRST, LAST, datetime(2041, 1, 1), datetime(1969, 12, 31, 23, 59)]), *BEYOND])
    return edges | st.datetimes(FIRST, LAST).map(str)


def intervals() -> st.SearchStrategy[str]:
    parts = st.tuples(st.integers(-30, 30), st.integers(-99, 99), st.integers(-(10**12), 10**12))
    spelled = parts.map(lambda part: f"{part[0]} months {part[1]} days {part[2]} microseconds")
    return st.sampled_from(["infinity", "-infinity", "0", "1 microsecond", "-1 hour", "24 hours"]) | spelled


def lists(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quoted = items.map(lambda item: '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return st.lists(quoted | st.just("NULL"), max_size=3).map(lambda found: f"{{{','.join(found)}}}")


def ranges(first: st.SearchStrategy[str], second: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    ends = st.tuples(st.sampled_from("[("), first | st.just(""), second | st.just(""), st.sampled_from("])"))
    return st.just("empty") | ends.map(lambda end: f"{end[0]}{end[1]},{end[2]}{end[3]}")


def documents() -> st.SearchStrategy[str]:
    leaves = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "\\N", "\t", "𐍈", "e\u0301", '"'])
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=2), max_leaves=4).map(json.dumps)


def floats() -> st.SearchStrategy[str]:
    """Return numbers that fit a replica; others are refused by name."""
    short = st.integers(-(10**6), 10**6).map(lambda number: f"{number}e-5")
    long = st.floats(-1e6, 1e6, width=32).filter(lambda number: number == 0 or abs(number) > 1e-2).map(repr)
    edges = st.sampled_from(["NaN", "Infinity", "-Infinity", "-0", "0.1", "1e19", "1e-17", "16777217", "3.4e15"])
    return edges | short | long


def same(value: Any) -> Any:
    return value


def utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def finite(value: Decimal) -> Any:
    return value if value.is_finite() else Lost(str(value))


@dataclass(frozen=True)
class Column:
    """A column of the CRM with random values, and what the replica must show of what psycopg has read.

    Attributes:
        declared: its type.
        values: as PostgreSQL reads them.
        shown: what the replica shows of a value, or what is Lost.
    """

    declared: str
    values: st.SearchStrategy[str]
    shown: Callable[[Any], Any] = same


COLUMNS = {
    "short": Column("smallint", integers(16)),
    "whole": Column("integer", integers(32)),
    "big": Column("bigint", integers(64)),
    "price": Column("numeric(18,2)", decimals(18, 2), finite),
    "wide": Column("numeric(60,20)", decimals(60, 20), finite),
    "hundreds": Column("numeric(5,-2)", integers(16).map(lambda number: f"{number}00"), finite),
    "loose": Column("numeric", st.sampled_from(["Infinity", "-Infinity", "1.10"]) | decimals(37, 10), finite),
    "double": Column("double precision", floats(), finite),
    "single": Column("real", floats(), finite),
    "words": Column("text", texts()),
    "few": Column("varchar(5)", texts(5)),
    "padded": Column("char(6)", texts(6)),
    "email": Column("email", texts(8)),
    "mood": Column("mood", st.sampled_from(["so so", "Отлично", '"odd"\\'])),
    "flag": Column("boolean", st.sampled_from(["true", "false"])),
    "moment": Column("timestamptz", moments(), utc),
    "naive": Column("timestamp", moments()),
    "day": Column("date", moments()),
    "clock": Column("time", st.just("24:00") | st.times().map(str)),
    "far_clock": Column("timetz", st.times().map(lambda time: f"{time}-15:59:59")),
    "pause": Column("interval", intervals()),
    "identity": Column("uuid", st.uuids().map(str)),
    "bytes_": Column("bytea", st.binary(max_size=9).map(lambda octets: f"\\x{octets.hex()}")),
    "spelled": Column("json", documents()),
    "document": Column("jsonb", documents()),
    "address": Column("inet", st.ip_addresses().map(str) | st.just("10.1.2.3/8")),
    "net": Column("cidr", st.ip_addresses().map(str)),
    "switches": Column("varbit", st.text("01", max_size=9)),
    "place": Column("point", st.tuples(st.integers(-9, 9), st.floats(-1e3, 1e3)).map(str)),
    "numbers": Column("integer[]", lists(integers(32))),
    "phrases": Column("text[]", lists(texts(5))),
    "fractions": Column("double precision[]", lists(floats())),
    "blobs": Column("bytea[]", lists(st.binary(max_size=3).map(lambda octets: f"\\x{octets.hex()}"))),
    "occasions": Column("timestamptz[]", lists(moments())),
    "span": Column("int4range", ranges(st.integers(-9, 0).map(str), st.integers(1, 9).map(str))),
    "season": Column("tstzrange", ranges(st.just("2024-02-29 12:00+03"), st.just("infinity") | st.just("2300-01-01"))),
    "spans": Column("int4multirange", st.sampled_from(["{}", "{[1,3),[5,7)}", "{(,1],[9,)}"])),
    "home": Column(
        "place_of_living", st.tuples(st.integers(-9, 9), floats()).map(lambda part: f"({part[0]},{part[1]})")
    ),
}
"""A column of each type that lands; each may be empty."""

TITLES: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "title": ("words", "words", same),
    "owner_user_id": ("short", "short", str),
    "contact_id": ("padded", "padded", same),
    "company_id": ("{cast: {column: padded, to: text}}", "padded", lambda text: text.rstrip(" ")),
    "lead_id": ("{cast: {column: price, to: text}}", "price", str),
    "amount": ("double", "double", COLUMNS["double"].shown),
    "expected_close_on": ("day", "day", same),
    "closed_at": ("naive", "naive", same),
    "closed_on": ("{cast: {column: naive, to: date}}", "naive", lambda moment: moment.date()),
}
"""Canonical columns: the expression, the source column, and what the replica shows of it."""

MAPPING = bench_mapping(f"""
  deals:
    source: public.things
    changed_at: stamped
    created_at: born
    deleted: {{column: gone, equals: true}}
    columns:
      id: id
      pipeline_id: {{literal: p}}
      stage_id: {{literal: s}}
      currency: {{literal: EUR}}
      created_at: born
{"".join(f"      {name}: {expression}{chr(10)}" for name, (expression, _, _) in TITLES.items())}
    extra: {{{", ".join(f"{name}: {name}" for name in COLUMNS)}}}
""")


@st.composite
def pools(draw: st.DrawFn) -> dict[str, list[str | None]]:
    """Return a few values for each column; the rows share them, as drawing each cell would take too long."""
    return {name: draw(st.lists(st.none() | column.values, min_size=1, max_size=4)) for name, column in COLUMNS.items()}


@dataclass(frozen=True)
class Change:
    """What happens to the rows between two loads.

    Attributes:
        cells: row, column and the new value.
        flips: rows whose tombstone appears or vanishes.
        touched: rows that are stamped without a change.
        added: how many rows are new.
    """

    cells: list[tuple[int, str, str | None]]
    flips: set[int]
    touched: set[int]
    added: int


@st.composite
def changes(draw: st.DrawFn) -> Change:
    rows = st.integers(0, ROWS - 1)
    places = draw(st.lists(st.tuples(rows, st.sampled_from(sorted(COLUMNS))), max_size=8))
    return Change(
        [(row, name, draw(st.none() | COLUMNS[name].values)) for row, name in places],
        draw(st.sets(rows, max_size=3)),
        draw(st.sets(rows, max_size=3)),
        draw(st.integers(0, 2)),
    )


@pytest.fixture
def things(bench: Bench) -> Bench:
    """Return a bench whose CRM has a column of each type."""
    columns = ", ".join(f"{name} {column.declared}" for name, column in COLUMNS.items())
    bench.crm.execute(f"""
        create type mood as enum ('so so', 'Отлично', '"odd"\\');
        create domain email as varchar(40);
        create type place_of_living as (floor int, height double precision);
        create table things (
            id int primary key, gone boolean not null default false, born timestamptz default '2025-01-01Z',
            stamped timestamptz default clock_timestamp(), {columns}
        )
    """)
    return bench


def insert(crm: Connection, drawn: MappingOf[str, list[str | None]], numbers: Iterable[int]) -> None:
    marks = ", ".join(f"%s::text::{column.declared}" for column in COLUMNS.values())
    rows = [(number, *(drawn[name][number % len(drawn[name])] for name in COLUMNS)) for number in numbers]
    crm.cursor().executemany(f"insert into things (id, {', '.join(COLUMNS)}) values (%s, {marks})", rows)


def apply(crm: Connection, change: Change) -> None:
    stamp = "stamped = clock_timestamp()"
    for row, name, value in change.cells:
        assignment = f"{name} = %s::text::{COLUMNS[name].declared}"
        crm.execute(f"update things set {assignment}, {stamp} where id = {row}", [value])
    for row in change.flips:
        crm.execute(f"update things set gone = not gone, {stamp} where id = {row}")
    for row in change.touched:
        crm.execute(f"update things set {stamp} where id = {row}")


class _Moment:
    """Reads a moment or date that no replica can hold as Lost."""

    def load(self, data: Buffer) -> Any:
        try:
            value = super().load(data)  # type: ignore[misc]
        except DataError:
            return Lost(bytes(data).decode())
        return value if FIRST.year <= value.year <= LAST.year else Lost(bytes(data).decode())


class _Date(_Moment, DateLoader):
    pass


class _Timestamp(_Moment, TimestampLoader):
    pass


class _Timestamptz(_Moment, TimestamptzLoader):
    pass


class _Exact(TextLoader):
    """Reads a float as the decimal that PostgreSQL prints for it."""

    def load(self, data: Buffer) -> Any:
        return Decimal(bytes(data).decode())


_READ_AS: dict[str, Any] = {
    "date": _Date,
    "timestamp": _Timestamp,
    "timestamptz": _Timestamptz,
    "float4": _Exact,
    "float8": _Exact,
}
_READ_BY_PSYCOPG = ("int2", "int4", "int8", "numeric", "bool", "text", "varchar", "bpchar")


def read(crm: Connection) -> dict[int, Row]:
    """Return the CRM's rows by id as psycopg reads them; what it has no plain value for is its text."""
    with crm.cursor(row_factory=dict_row) as cursor:
        known = {cursor.adapters.types[name].oid for name in (*_READ_AS, *_READ_BY_PSYCOPG)}
        for name, loader in _READ_AS.items():
            cursor.adapters.register_loader(name, loader)
        for described in cursor.execute("select * from things limit 0").description or ():
            if described.type_code not in known:
                cursor.adapters.register_loader(described.type_code, TextLoader)
        rows = cursor.execute("select * from things").fetchall()
    return {row["id"]: {**_cells(row), "_deleted": int(row["gone"])} for row in rows}


def _cells(row: Row) -> Row:
    cells = {name: (row[source], shown) for name, (_, source, shown) in TITLES.items()}
    cells |= {name: (row[name], column.shown) for name, column in COLUMNS.items()}
    return {
        name: value if value is None or isinstance(value, Lost) else shown(value)
        for name, (value, shown) in cells.items()
    }


def expected(crm: Connection) -> dict[int, Row]:
    """Return the CRM's rows by id as a replica must show them."""
    return {
        key: {name: None if isinstance(value, Lost) else value for name, value in row.items()}
        | {"_not_representable": {name for name, value in row.items() if isinstance(value, Lost)}}
        for key, row in read(crm).items()
    }


def found(bench: Bench) -> tuple[dict[int, Row], dict[int, int]]:
    """Return the newest version of each row of the replica, tombstones included, and its hash."""
    replica = bench.warehouse.replica("deals")
    names = [*TITLES, *COLUMNS, "_deleted", "_not_representable", "_row_hash"]
    query = f"select toInt64(id), {', '.join(names)} from {replica} order by _version desc limit 1 by id"
    rows = {key: dict(zip(names, cells, strict=True)) for key, *cells in bench.warehouse.rows(query)}
    hashes = {key: row.pop("_row_hash") for key, row in rows.items()}
    for row in rows.values():
        row["_not_representable"] = {name for name in row["_not_representable"].split(",") if name}
    return rows, hashes


def differing(bench: Bench) -> list[str]:
    """Return every cell in which the replica differs from the CRM."""
    there, here = expected(bench.crm), found(bench)[0]
    assert there.keys() == here.keys()
    return [
        f"{name} of {key}: {theirs!r} became {here[key][name]!r}"
        for key, row in there.items()
        for name, theirs in row.items()
        if (theirs, type(theirs)) != (here[key][name], type(here[key][name]))
    ]


def stored(bench: Bench) -> list[tuple[Any, ...]]:
    """Return all that a full load stores, but for the moment of the load."""
    query = f"select * except (_extracted_at, _checksum) from {bench.warehouse.replica('deals')} order by toInt64(id)"
    return [tuple(row) for row in bench.warehouse.rows(query)]


def load(bench: Bench, transport: Transport, *, full: bool = False) -> LoadResult:
    return load_table(bench.crm, bench.warehouse, MAPPING, "deals", run_id="test", full=full, transport=transport)


search = settings(
    max_examples=_SEARCH or 12,
    derandomize=not _SEARCH,
    database=None,
    deadline=None,
    # A failure is told as it is found: to make it smaller takes minutes.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@search
@given(pools(), changes(), st.sampled_from(["push", "pull"]))
def test_random_rows_arrive_exactly_and_stay_so(
    things: Bench, drawn: dict[str, list[str | None]], change: Change, transport: Transport
) -> None:
    things.crm.execute("truncate things")
    insert(things.crm, drawn, range(ROWS))
    load(things, "push", full=True)
    assert differing(things) == []
    pushed = stored(things)
    load(things, "pull", full=True)
    assert stored(things) == pushed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "LARGE_ROWS", 0)
        assert load(things, "push", full=True).transport == "push"
    assert stored(things) == pushed

    read_before, (before, hashes) = read(things.crm), found(things)
    apply(things.crm, change)
    insert(things.crm, drawn, range(ROWS, ROWS + change.added))
    result = load(things, transport)
    assert differing(things) == []
    after, new_hashes = found(things)
    assert (result.mode, result.transport) == ("incremental", transport)
    read_now = read(things.crm)
    for key in before:
        if after[key] != before[key]:
            assert new_hashes[key] != hashes[key], key
        if read_now[key] == read_before[key]:
            assert new_hashes[key] == hashes[key], key
    assert result.rows_changed == sum(value != hashes.get(key) for key, value in new_hashes.items())
    reconciled = reconcile_table(things.crm, things.warehouse, MAPPING, "deals", run_id="test")
    assert reconciled is not None
    assert (reconciled.clean, reconciled.buckets_differing) == (True, 0)


NUMBERS: dict[str, tuple[str, st.SearchStrategy[str], int, int]] = {
    "double precision": ("v", st.floats().map(repr), 38, 18),
    "real": ("v", st.floats(width=32).map(repr), 38, 18),
    "numeric": ("v", st.decimals(allow_infinity=False, allow_nan=False).map(str), 38, 10),
    "numeric(30,5)": ("duration_minutes", decimals(30, 5), 0, 0),
}
"""Per type the column it goes to, any values, and digits of the decimal that takes them; 0 stands for Int32."""


@pytest.mark.parametrize("declared", NUMBERS)
@search
@given(data=st.data())
def test_any_number_lands_exactly_or_is_refused(bench: Bench, declared: str, data: st.DataObject) -> None:
    column, values, digits, scale = NUMBERS[declared]
    drawn = data.draw(st.lists(values, min_size=1, max_size=9))
    bench.crm.execute("drop table if exists things")
    bench.crm.execute(f"create table things (id int, v {declared}, born timestamptz default '2025-01-01Z')")
    bench.crm.cursor().executemany(
        f"insert into things (id, v) values (%s, %s::text::{declared})", list(enumerate(drawn))
    )
    printed = {key: Decimal(text) for key, text in bench.crm.execute("select id, v::text from things").fetchall()}
    fitting = {key for key, number in printed.items() if not number.is_finite() or fits(number, digits, scale)}
    filled = f"    extra: {{v: v}}\n    columns: {{{LITERALS}"
    if column != "v":
        filled = f"    columns: {{{column}: v, {LITERALS}"
    mapping = bench_mapping(f"  activities:\n    source: public.things\n{filled}, id: id, created_at: born}}\n")
    if len(fitting) < len(printed):
        with pytest.raises(ExtractionError, match=rf"^activities\.{column}: value .* does not fit "):
            bench.load(mapping, "activities", full=True)
        bench.crm.execute("delete from things where not id = any(%s)", [sorted(fitting)])
    bench.load(mapping, "activities", full=True)
    kept = {key: number if number.is_finite() else None for key, number in printed.items() if key in fitting}
    assert dict(bench.replica("activities", f"toInt64(id), {column}")) == kept


LITERALS = "activity_type: {literal: call}, status: {literal: open}"


def fits(number: Decimal, digits: int, scale: int) -> bool:
    """Tell whether a replica holds a number without rounding it."""
    if not digits:
        return number == number.to_integral_value() and -(2**31) <= number < 2**31
    exact = number.normalize(Context(prec=2000))
    return -int(exact.as_tuple().exponent) <= scale and abs(number) < Decimal(10) ** (digits - scale)


def test_the_judge_would_notice(things: Bench) -> None:
    drawn: dict[str, list[str | None]] = {name: [None] for name in COLUMNS}
    insert(things.crm, drawn | {"words": ["a"], "price": ["1.10"], "day": ["2025-01-01"]}, [1])
    load(things, "push", full=True)
    assert differing(things) == []
    for change in ("price = 1.11", "words = 'a '", "day = 'infinity'", "phrases = '{NULL}'", "gone = true"):
        things.crm.execute(f"update things set {change}")
        assert len(differing(things)) > 0, change
        load(things, "pull", full=True)
        assert differing(things) == []
