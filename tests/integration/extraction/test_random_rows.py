"""Random rows of every type that lands make the round trip through real engines, and stay exact through changes.

The CRM's own reading by psycopg is the judge of each cell. Runs the same examples every time;
`RANDOM_ROWS_EXAMPLES=500` searches further, with new ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Json

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction.load import load_table
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import bench_mapping

_EXAMPLES = int(os.environ.get("RANDOM_ROWS_EXAMPLES", "0"))
_ROWS = 12


@dataclass(frozen=True)
class Type:
    """A PostgreSQL type, random values of it, and what a replica shows of a value that psycopg has read."""

    declared: str
    values: st.SearchStrategy[Any]
    shown: Callable[[Any], Any] = lambda value: value
    read: str = "{}"
    """SQL by which the judge reads the column."""


def _text(most: int = 30) -> st.SearchStrategy[str]:
    awkward = st.sampled_from(
        ["\\N", "\\", "\t", "\n", "\r", "''", '"', "\x1d", "\x1e", "\x1f", "e\u0301", "𐍈", " ", "NULL"]
    )
    plain = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=most)
    return st.lists(st.one_of(awkward, plain), max_size=4).map("".join)


def _decimal(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    # Spelled, as arithmetic would round to 28 digits.
    return st.integers(-most, most).map(lambda number: Decimal(f"{number}E-{scale}"))


def _moment(first: datetime, last: datetime) -> st.SearchStrategy[datetime]:
    return st.one_of(st.sampled_from([first, last]), st.datetimes(first, last))


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


FIRST, LAST = datetime(1900, 1, 1), datetime(2299, 12, 31, 23, 59, 59, 999999)
DAYS = st.one_of(st.sampled_from([FIRST.date(), LAST.date()]), st.dates(FIRST.date(), LAST.date()))

TYPES = {
    "short": Type("int2", st.integers(-(2**15), 2**15 - 1)),
    "whole": Type("int4", st.integers(-(2**31), 2**31 - 1)),
    "big": Type("int8", st.integers(-(2**63), 2**63 - 1)),
    "price": Type("numeric(18, 2)", _decimal(18, 2)),
    "wide": Type("numeric(60, 20)", _decimal(60, 20)),
    "loose": Type("numeric", _decimal(37, 10)),
    "words": Type("text", _text()),
    "short_words": Type("varchar(12)", _text(3).map(lambda text: text[:12])),
    "padded": Type("char(8)", _text(2).map(lambda text: text[:8])),
    "moment": Type("timestamptz", _moment(FIRST, LAST).map(lambda value: value.replace(tzinfo=UTC)), shown=_utc),
    "naive": Type("timestamp", _moment(FIRST, LAST)),
    "day": Type("date", DAYS),
    "flag": Type("boolean", st.booleans()),
    "identity": Type("uuid", st.uuids(), shown=str),
    "single": Type(
        "float8",
        # Shorter ones than a replica's 18 digits after the point are refused by name.
        st.integers(-(10**9), 10**9).map(lambda number: number / 1000),
        shown=lambda value: Decimal(repr(value)),
    ),
    "bytes_": Type("bytea", st.binary(max_size=20), shown=lambda value: "\\x" + bytes(value).hex()),
    "document": Type(
        "jsonb",
        st.dictionaries(_text(4), st.integers(-9, 9) | _text(4) | st.none(), max_size=3).map(Json),
        read="{}::text",
    ),
    "list_": Type("text[]", st.lists(_text(4) | st.none(), max_size=3), read="{}::text"),
    "numbers": Type("int[]", st.lists(st.integers(-9, 9) | st.none(), max_size=3), read="{}::text"),
    "span": Type(
        "int4range",
        st.tuples(st.integers(-9, 0), st.integers(1, 9)).map(lambda ends: f"[{ends[0]},{ends[1]})"),
        read="{}::text",
    ),
    "mood": Type("mood", st.sampled_from(["so so", "Отлично", '"odd"\\']), read="{}::text"),
    "pause": Type("interval", st.timedeltas(timedelta(days=-9), timedelta(days=9)), read="{}::text"),
}
"""One column per type that lands; the wide table has all of them, each may be empty."""

MAPPING = bench_mapping(f"""
  contacts:
    source: public.things
    changed_at: updated_at
    created_at: created_at
    deleted: {{column: gone, equals: true}}
    columns: {{id: id, created_at: created_at, updated_at: updated_at}}
    extra: {{{", ".join(f"{name}: {name}" for name in TYPES)}}}
""")

Row = dict[str, Any]
ROW = st.fixed_dictionaries({name: st.none() | kind.values for name, kind in TYPES.items()})
CHANGE = st.tuples(st.integers(1, _ROWS), st.sampled_from(sorted(TYPES)), st.data())


@pytest.fixture
def things(empty_postgres: PostgresSettings) -> Connection:
    """Return a CRM with the wide table; interval's text is ISO 8601, as a replica shows it."""
    crm = connect_postgres(empty_postgres)
    columns = ", ".join(f"{name} {kind.declared}" for name, kind in TYPES.items())
    crm.execute(f"""
        create type mood as enum ('so so', 'Отлично', '"odd"\\');
        create table things (
            id int primary key, gone boolean default false, created_at timestamptz default '2025-01-01Z',
            updated_at timestamptz default clock_timestamp(), {columns}
        )
    """)
    return crm


def insert(crm: Connection, rows: list[Row]) -> None:
    names = ", ".join(TYPES)
    marks = ", ".join(f"%({name})s::{kind.declared}" for name, kind in TYPES.items())
    for number, row in enumerate(rows, start=1):
        crm.execute(f"insert into things (id, {names}) values ({number}, {marks})", row)


def judged(crm: Connection) -> list[tuple[Any, ...]]:
    """Return the CRM's rows as a replica must show them, read by psycopg and translated by hand."""
    crm.execute("set intervalstyle = iso_8601")
    select = ", ".join(kind.read.format(name) for name, kind in TYPES.items())
    rows = crm.execute(f"select id::text, gone, {select} from things order by things.id").fetchall()
    return [(key, int(gone), *map(_cell, TYPES.values(), cells)) for key, gone, *cells in rows]


def _cell(kind: Type, value: Any) -> Any:
    return None if value is None else kind.shown(value)


def shown(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Return the newest version of each row of the replica, tombstones included."""
    query = (
        f"select id, _deleted, {', '.join(TYPES)} from {warehouse.replica('contacts')} "
        f"order by _version desc limit 1 by id"
    )
    return sorted((tuple(row) for row in warehouse.rows(query)), key=lambda row: int(row[0]))


def differing(crm: Connection, warehouse: Warehouse) -> list[str]:
    """Return every cell in which a replica differs from the CRM."""
    here, there, names = shown(warehouse), judged(crm), ["id", "deleted", *TYPES]
    assert [row[0] for row in here] == [row[0] for row in there]
    return [
        f"{name} of {row[0]}: {theirs!r} became {ours!r}"
        for row, other in zip(here, there, strict=True)
        for name, ours, theirs in zip(names, row, other, strict=True)
        if (ours, type(ours)) != (theirs, type(theirs))
    ]


def hashes(warehouse: Warehouse) -> dict[str, int]:
    query = f"select id, argMax(_row_hash, _version) from {warehouse.replica('contacts')} group by id"
    return {key: value for key, value in warehouse.rows(query)}


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Return all that a full load stores of each row, but for the moment of the load."""
    query = f"select * except (_extracted_at, _checksum) from {warehouse.replica('contacts')} order by all"
    return [tuple(row) for row in warehouse.rows(query)]


Transport = Literal["push", "pull"]


@settings(
    max_examples=_EXAMPLES or 12,
    derandomize=not _EXAMPLES,
    database=None,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_random_rows_arrive_exactly_and_stay_so(things: Connection, warehouse: Warehouse, data: st.DataObject) -> None:
    things.execute("truncate things")
    rows = data.draw(st.lists(ROW, min_size=_ROWS, max_size=_ROWS))
    insert(things, rows)

    def load(transport: Transport, *, full: bool) -> None:
        load_table(things, warehouse, MAPPING, "contacts", run_id="test", full=full, transport=transport)

    load("pull", full=True)
    pulled = stored(warehouse)
    assert differing(things, warehouse) == []
    load("push", full=True)
    assert stored(warehouse) == pulled

    before, old = hashes(warehouse), {row[0]: row for row in shown(warehouse)}
    for number in data.draw(st.sets(st.integers(1, _ROWS), max_size=5)):
        name = data.draw(st.sampled_from(sorted(TYPES)))
        value = data.draw(st.none() | TYPES[name].values)
        assignment = f"{name} = %s::{TYPES[name].declared}, updated_at = clock_timestamp()"
        things.execute(f"update things set {assignment} where id = {number}", [value])
    for number in data.draw(st.sets(st.integers(1, _ROWS), max_size=2)):
        things.execute(f"update things set gone = not gone, updated_at = clock_timestamp() where id = {number}")
    load(data.draw(st.sampled_from(["push", "pull"])), full=False)
    assert differing(things, warehouse) == []
    now = {row[0]: row for row in shown(warehouse)}
    for key, value in hashes(warehouse).items():
        if now[key] != old[key]:
            assert value != before[key], key
    result = reconcile_table(things, warehouse, MAPPING, "contacts", run_id="test")
    assert result is not None
    assert (result.buckets_differing, result.clean) == (0, True)


def test_the_judge_would_notice(things: Connection, warehouse: Warehouse) -> None:
    row: Row = dict.fromkeys(TYPES)
    insert(things, [row | {"price": Decimal("1.10"), "words": "a", "identity": UUID(int=1), "day": date(2025, 1, 1)}])
    load_table(things, warehouse, MAPPING, "contacts", run_id="test")
    assert differing(things, warehouse) == []
    for change in ("price = 1.11", "words = 'a '", "identity = null", "day = day + 1", "list_ = '{NULL}'"):
        things.execute(f"update things set {change}")
        assert differing(things, warehouse) != [], change
    with pytest.raises(psycopg.Error):
        things.execute("update things set price = 'x'")
