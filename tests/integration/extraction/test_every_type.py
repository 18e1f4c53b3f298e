"""Every PostgreSQL type, by every way into a replica: landed exactly, or refused by name. Nothing in between.

Expected values are written by hand. A way that a case does not list must be refused before anything is read.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Literal

import psycopg
import pytest
import yaml
from psycopg import sql

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction import transport as transports
from orchestration.extraction.canonical import Kind
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.expressions import identifier
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.select import render_select
from orchestration.extraction.source_catalog import Connection, prepare_session, read_source_catalog
from tests.integration.extraction.bench import Bench, bench_mapping

WAYS = {
    "extra": ("deals", "v"),
    "text": ("deals", "title"),
    "cast text": ("deals", "owner_user_id"),
    "decimal": ("deals", "amount"),
    "cast decimal": ("stages", "probability"),
    "timestamp": ("deals", "closed_at"),
    "cast timestamp": ("deals", "updated_at"),
    "date": ("deals", "expected_close_on"),
    "cast date": ("deals", "closed_on"),
    "integer": ("activities", "duration_minutes"),
    "cast integer": ("pipelines", "position"),
    "boolean": ("leads", "is_duplicate"),
    "cast boolean": ("users", "is_active"),
}
"""Each way into a replica, and the column that takes it."""

UNREADABLE = [way for way in WAYS if way.startswith("cast") and way != "cast text"]
"""Ways that a text can take if it is spelled like what they need."""

FILLED_ONLY = {"cast integer", "boolean", "cast boolean"}
"""Ways whose column must not be empty."""

OTHERS: dict[str, dict[str, Any]] = {
    "deals": {"pipeline_id": "p", "stage_id": "s", "currency": "EUR"},
    "stages": {"pipeline_id": "p", "name": "n", "position": 1, "outcome": "open"},
    "activities": {"activity_type": "call", "status": "open"},
    "pipelines": {"name": "n"},
    "leads": {"status": "new"},
    "users": {"full_name": "n", "role": "other"},
}
CREATED = {"deals", "activities", "leads", "users"}

TYPES = """
create type mood as enum ('so so', 'Отлично', '"odd"\\');
create domain email as varchar(40);
create domain code as char(4);
create domain tags as text[];
create type address as (street text, house int, since date, rate double precision);
create type wallet as (owner text, sum money);
create type nested as (home address, moods mood[]);
create type span as range (subtype = double precision);
"""
TEXT, MOMENT = "Nullable(String)", "Nullable(DateTime64(6, 'UTC'))"


@dataclass(frozen=True)
class Case:
    """A type, values of it, and what becomes of them.

    Attributes:
        column: the type as declared.
        literals: the values as PostgreSQL reads them; an empty one is always added.
        landed: per way, the values that must arrive; any other way must be refused.
        barred: per way that depends on the value, a part of the message that names the value at fault.
        unread: ways that depend on how a text is spelled, as tested elsewhere.
        extra_type: the ClickHouse type of an extra column.
    """

    column: str
    literals: Sequence[str]
    landed: MappingOf[str, Sequence[Any]] = field(default_factory=dict)
    barred: MappingOf[str, str] = field(default_factory=dict)
    extra_type: str = TEXT
    unread: Sequence[str] = ()


def alike(ways: Sequence[str], outcome: Any) -> dict[str, Any]:
    """Return the same outcome for each way."""
    return {way: outcome for way in ways}


def as_text(column: str, *literals: str, cast: Sequence[str] | None = None, shown: Sequence[str] | None = None) -> Case:
    """Return the case of a type that lands as the text PostgreSQL prints for it."""
    arrived = list(shown or literals)
    landed: dict[str, list[Any]] = {"extra": arrived, "text": arrived, "cast text": list(cast or arrived)}
    return Case(column, literals, landed)


def characters(column: str, *literals: str) -> Case:
    """Return the case of a type of texts, none of which can be read as anything else."""
    return Case(column, literals, as_text(column, *literals).landed, unread=UNREADABLE)


def refused(column: str, *literals: str) -> Case:
    """Return the case of a type that has no way into a replica."""
    return Case(column, literals)


def integers(column: str, low: int, high: int, barred: MappingOf[str, str]) -> Case:
    """Return the case of a type of whole numbers."""
    numbers, texts = [low, high, 0], [str(low), str(high), "0"]
    ways: dict[str, Sequence[Any]] = {
        "extra": numbers,
        "text": texts,
        "cast text": texts,
        "integer": numbers,
        "cast integer": numbers,
    }
    decimals = [Decimal(number) for number in numbers]
    landed = {**ways, "decimal": decimals, "cast decimal": decimals}
    kept = {way: values for way, values in landed.items() if way not in barred}
    return Case(column, texts, kept, {"cast boolean": f"value '{low}'", **barred}, "Nullable(Int64)")


CASES = [
    integers("smallint", -(2**15), 2**15 - 1, {}),
    integers("integer", -(2**31), 2**31 - 1, {}),
    integers(
        "bigint",
        -(2**63),
        2**63 - 1,
        {way: f"value {-(2**63)} does not fit Int32" for way in ("integer", "cast integer")},
    ),
    Case(
        "numeric(9,3)",
        ["999999.999", "-0.001"],
        {
            **alike(("extra", "decimal", "cast decimal"), [Decimal("999999.999"), Decimal("-0.001")]),
            **alike(("text", "cast text"), ["999999.999", "-0.001"]),
        },
        alike(("integer", "cast integer"), "does not fit Int32"),
        "Nullable(Decimal(9, 3))",
    ),
    Case(
        "numeric",
        ["1.50", "NaN", "-Infinity", "7"],
        {
            **alike(("extra", "decimal", "cast decimal"), [Decimal("1.5"), None, None, Decimal(7)]),
            **alike(("text", "cast text"), ["1.50", "NaN", "-Infinity", "7"]),
        },
        {"integer": "value 1.50 does not fit Int32", "cast integer": "value 1.50 does not fit Int32"},
        "Nullable(Decimal(38, 10))",
    ),
    Case(
        "numeric",
        ["9" * 40, "1e-12"],
        alike(("text", "cast text"), ["9" * 40, "0.000000000001"]),
        {
            **alike(("extra", "decimal", "cast decimal"), "does not fit Decimal(38, 10)"),
            **alike(("integer", "cast integer"), "does not fit Int32"),
        },
    ),
    Case(
        "double precision",
        ["0.1", "-12345678.9", "NaN", "Infinity", "0.30000000000000004"],
        {
            **alike(
                ("extra", "decimal", "cast decimal"),
                [Decimal("0.1"), Decimal("-12345678.9"), None, None, Decimal("0.30000000000000004")],
            ),
            "cast text": ["0.1", "-12345678.9", "NaN", "Infinity", "0.30000000000000004"],
        },
        {"cast integer": "value 0.1 does not fit Int32"},
        "Nullable(Decimal(38, 18))",
    ),
    Case(
        "double precision",
        ["5e-324", "1.7976931348623157e+308", "-0"],
        {"cast text": ["5e-324", "1.7976931348623157e+308", "-0"]},
        {
            **alike(("extra", "decimal", "cast decimal"), "does not fit Decimal(38, 18)"),
            "cast integer": "does not fit Int32",
        },
    ),
    Case(
        "real",
        ["0.1", "16777216", "-2.5"],
        {
            **alike(("extra", "decimal", "cast decimal"), [Decimal("0.1"), Decimal("16777216"), Decimal("-2.5")]),
            "cast text": ["0.1", "1.6777216e+07", "-2.5"],
        },
        {"cast integer": "value 0.1 does not fit Int32"},
        "Nullable(Decimal(38, 18))",
    ),
    Case(
        "boolean",
        ["true", "false"],
        {
            **alike(("extra", "boolean", "cast boolean"), [True, False]),
            **alike(("text", "cast text"), ["true", "false"]),
        },
        {},
        "Nullable(Bool)",
    ),
    Case(
        "date",
        ["2024-02-29", "infinity", "0044-03-15 BC", "20250-01-01"],
        {
            **alike(("extra", "date", "cast date"), [date(2024, 2, 29), None, None, None]),
            "cast timestamp": [datetime(2024, 2, 29), None, None, None],
            "cast text": ["2024-02-29", "infinity", "0044-03-15 BC", "20250-01-01"],
        },
        {},
        "Nullable(Date32)",
    ),
    Case(
        "timestamp",
        ["2024-02-29 23:59:59.999999", "-infinity", "0044-03-15 12:00:00 BC", "2400-01-01 00:00:00"],
        {
            **alike(
                ("extra", "timestamp", "cast timestamp"), [datetime(2024, 2, 29, 23, 59, 59, 999999), None, None, None]
            ),
            "cast date": [date(2024, 2, 29), None, None, None],
            "cast text": [
                "2024-02-29 23:59:59.999999",
                "-infinity",
                "0044-03-15 12:00:00.000000 BC",
                "2400-01-01 00:00:00.000000",
            ],
        },
        {},
        MOMENT,
    ),
    Case(
        "timestamptz",
        ["2024-02-29 23:59:59.999999+05:30", "infinity", "0044-03-15 12:00:00+00 BC", "12024-01-01 00:00:00+00"],
        {
            **alike(
                ("extra", "timestamp", "cast timestamp"), [datetime(2024, 2, 29, 18, 29, 59, 999999), None, None, None]
            ),
            "cast date": [date(2024, 2, 29), None, None, None],
            "cast text": [
                "2024-02-29 18:29:59.999999",
                "infinity",
                "0044-03-15 12:00:00.000000 BC",
                "12024-01-01 00:00:00.000000",
            ],
        },
        {},
        MOMENT,
    ),
    as_text("time", "24:00:00", "00:00:00.000001"),
    as_text("timetz", "23:59:59.999999-15:59", "12:00:00+00", "12:00:00+05:30"),
    as_text(
        "interval",
        *("1 year 2 mons 3 days 04:05:06.789", "-1 mons +30 days -00:00:00.5", "0", "24:00:00", "1 day"),
        *("-14 mons", "2562047788:00:54.775807", "infinity", "-infinity"),
        shown=[
            *("P1Y2M3DT4H5M6.789S", "P-1M30DT-0.5S", "PT0S", "PT24H", "P1D"),
            *("P-1Y-2M", "PT2562047788H54.775807S", "infinity", "-infinity"),
        ],
    ),
    characters(
        "text", "tab\there", "line\nbreak\r\n", "\\", "\\N", "\\x41", "\x01\x08\x1d\x1e\x1f\x7f", "é e\u0301", "𐍈👩‍👩‍👧"
    ),
    characters("varchar(12)", "Привет, мир", ""),
    characters("email", "a@b.example"),
    characters("mood", "so so", "Отлично", '"odd"\\'),
    characters("name", "n" * 63),
    Case(
        "text",
        ["2025-02-03"],
        {
            **alike(("extra", "text", "cast text"), ["2025-02-03"]),
            "cast timestamp": [datetime(2025, 2, 3)],
            "cast date": [date(2025, 2, 3)],
        },
        alike(("cast decimal", "cast integer", "cast boolean"), "cannot be read as"),
    ),
    Case(
        "char(5)",
        ["ab", "a b c", " x"],
        {**alike(("extra", "text"), ["ab   ", "a b c", " x   "]), "cast text": ["ab", "a b c", " x"]},
        unread=UNREADABLE,
    ),
    Case(
        "code",
        ["ab"],
        {**alike(("extra", "text"), ["ab  "]), "cast text": ["ab"]},
        unread=UNREADABLE,
    ),
    as_text("uuid", "0b0e7a3c-1c6e-4a55-9d0e-1f6b8f9b7f11"),
    as_text("bytea", "\\x", "\\x00ff5c0a09", shown=["\\x", "\\x00ff5c0a09"]),
    as_text("json", '{"b": 1.10, "a":1, "a":\t"\\u0041"}', "null", '"\\\\n"', "1e400"),
    as_text("jsonb", '{"b": 1.10, "a": 1, "a": "\\u0041\\n"}', "null", shown=['{"a": "A\\n", "b": 1.10}', "null"]),
    as_text("jsonpath", '$."a"[*]?(@ > 1)', shown=['$."a"[*]?(@ > 1)']),
    as_text("bit(4)", "0101"),
    as_text("varbit", "", "010"),
    as_text("inet", "10.1.2.3", "10.1.2.3/8", "2001:db8::1"),
    as_text("cidr", "10.0.0.0/8", "2001:db8::/32", "10.1.2.3/32"),
    as_text("macaddr", "08:00:2b:01:02:03"),
    as_text("macaddr8", "08:00:2b:01:02:03:04:05"),
    as_text("oid", "4294967295"),
    as_text("pg_lsn", "16/B374D848"),
    as_text("tsvector", "'a':1A 'it''s':2,3B"),
    as_text("tsquery", "'a' & !'b':*"),
    as_text("point", "(0.1,-2)"),
    as_text("line", "{1,-1,0}"),
    as_text("lseg", "[(0,0),(1,0.30000000000000004)]"),
    as_text("box", "(1,1),(0,0)"),
    as_text("path", "((0,0),(1,1))", "[(0,0),(1,1)]"),
    as_text("polygon", "((0,0),(1,1),(1,0))"),
    as_text("circle", "<(0,0),1.5>"),
    as_text("int4range", "[1,10)", "(,)", "empty"),
    as_text("int8range", "[-9223372036854775808,)"),
    as_text("numrange", "(1.50,2.0]", "[NaN,NaN]"),
    as_text("daterange", "[2024-02-29,infinity)", '["0044-03-15 BC",)'),
    as_text("tsrange", '["2024-02-29 23:59:59.999999",)'),
    as_text("tstzrange", '["2024-02-29 12:00:00+00",infinity)'),
    as_text("span", "[0.1,0.30000000000000004)"),
    as_text("int4multirange", "{[1,3),[5,7)}", "{}"),
    as_text("tstzmultirange", '{["2024-02-29 12:00:00+00","2024-03-01 00:00:00+00")}'),
    as_text("integer[]", "{1,2,NULL}", "{}", "[0:1]={1,2}", "{{1,2},{3,4}}"),
    as_text("text[]", '{"a,b","q\\"","NULL",NULL,"",\\\\N}', shown=['{"a,b","q\\"","NULL",NULL,"","\\\\N"}']),
    as_text("tags", "{новый,old}"),
    as_text("mood[]", '{"so so",Отлично}'),
    as_text("char(3)[]", '{"a  ",abc}'),
    as_text("inet[]", "{10.0.0.1,10.0.0.0/8}"),
    as_text("numeric[]", "{1.50,NaN,-Infinity}"),
    as_text("double precision[]", "{0.1,0.30000000000000004,NaN}"),
    as_text("bytea[]", '{"\\\\x00ff"}'),
    as_text("timestamptz[]", '{"2024-02-29 12:00:00+00",infinity,"0044-03-15 12:00:00+00 BC"}'),
    as_text("jsonb[]", '{"{\\"a\\": 1}"}'),
    as_text("address", '("Main, 1",7,2024-02-29,0.30000000000000004)', "(,,,)"),
    as_text("address[]", '{"(a,1,,)"}'),
    as_text("nested", '("(a,1,2024-02-29,0.1)","{""so so""}")'),
    refused("money", "1.23"),
    refused("money[]", "{1.23}"),
    refused("wallet", "(me,1.23)"),
    refused("interval[]", "{1 day}"),
    refused('"char"', "x"),
    refused("regclass", "pg_class"),
    refused("tid", "(0,1)"),
    refused("pg_snapshot", "10:20:10,14"),
    refused("aclitem", "=r/postgres"),
]


@pytest.fixture
def typed(bench: Bench) -> Bench:
    bench.crm.execute(TYPES)
    return bench


def fill(crm: Connection, column: str, literals: Sequence[str]) -> None:
    """Make `things`, a row per value and an empty one, and `filled_things`, the same without the empty one."""
    crm.execute(f"create table things (id int, v {column}, born timestamptz default '2025-01-01Z')")
    rows = [*enumerate(literals), (len(literals), None)]
    crm.cursor().executemany(f"insert into things (id, v) values (%s, %s::text::{column})", rows)
    crm.execute("create view filled_things as select * from things where v is not null")


def way_mapping(*ways: str, source: str = "things", column: str = "v", timezone: str = "UTC") -> Mapping:
    """Return a mapping that takes a column by the given ways, all into the same table."""
    table = WAYS[ways[0]][0]
    columns = {name: f"{{literal: {value}}}" for name, value in OTHERS[table].items()} | {"id": "id"}
    if table in CREATED:
        columns["created_at"] = "born"
    extra = ""
    for way in ways:
        if way == "extra":
            extra = f"    extra: {{v: {column}}}\n"
        else:
            columns[WAYS[way][1]] = f"{{cast: {{column: {column}, to: {way.split()[1]}}}}}" if "cast" in way else column
    source = f"filled_{source}" if FILLED_ONLY & set(ways) else source
    lines = "".join(f"      {name}: {value}\n" for name, value in columns.items())
    text = f"  {table}:\n    source: public.{source}\n{extra}    columns:\n{lines}"
    return bench_mapping(text, timezone=timezone)


def plan_way(crm: Connection, way: str) -> TablePlan:
    mapping = way_mapping(way)
    return plan_table(mapping, WAYS[way][0], read_source_catalog(crm, mapping))


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {case.column}" for number, case in enumerate(CASES)])
def test_each_type_lands_exactly_or_is_refused_by_name(typed: Bench, case: Case) -> None:
    fill(typed.crm, case.column, case.literals)
    for way in WAYS:
        if way in case.barred:
            with pytest.raises(ExtractionError) as failure:
                typed.load(way_mapping(way), WAYS[way][0])
            check_message(str(failure.value), f"{'.'.join(WAYS[way])}: value ", case.barred[way])
        elif way not in (*case.landed, *case.unread):
            with pytest.raises(ExtractionError) as failure:
                plan_way(typed.crm, way)
            check_message(str(failure.value), f"{'.'.join(WAYS[way])}: public.", "things.v is ", ("cast", "view"))
    for ways in together(case):
        table = WAYS[ways[0]][0]
        result = typed.load(way_mapping(*ways), table, full=True)
        columns = [WAYS[way][1] for way in ways]
        rows = typed.replica(table, f"toInt64(id), {', '.join(columns)}")
        empty = [] if FILLED_ONLY & set(ways) else [None]
        expected = [[*case.landed[way], *empty] for way in ways]
        assert rows == [(index, *row) for index, row in enumerate(zip(*expected, strict=True))]
        assert [[type(value) for value in row] for row in rows] == [
            [int, *map(type, row)] for row in zip(*expected, strict=True)
        ]
        lost = {column: column_lost(case, way) for column, way in zip(columns, ways, strict=True)}
        assert result.not_representable == {column: count for column, count in lost.items() if count}
    if "extra" in case.landed:
        assert typed.replica("deals", "distinct toTypeName(v)") == [(case.extra_type,)]


def check_message(message: str, *parts: str | tuple[str, ...]) -> None:
    """Check that a message is one line and holds each part, of a tuple any."""
    assert "\n" not in message
    for part in parts:
        assert any(text in message for text in ([part] if isinstance(part, str) else part)), message


def together(case: Case) -> list[list[str]]:
    """Return the ways in which a case lands, those of one table together."""
    tables: dict[tuple[str, bool], list[str]] = {}
    for way in case.landed:
        tables.setdefault((WAYS[way][0], way in FILLED_ONLY), []).append(way)
    return list(tables.values())


def column_lost(case: Case, way: str) -> int:
    """Return how many values of a column became empty; a replica reports them."""
    return sum(value is None for value in case.landed[way])


@dataclass(frozen=True)
class Spelled:
    """Texts, or numbers that stand for something else, and what is read in them.

    Attributes:
        way: into a replica.
        column: type of the values.
        read: each value that can be read, and as what.
        unread: values that must bar their row from the replica, each by its name.
    """

    way: str
    column: str
    read: MappingOf[str, Any]
    unread: Sequence[str] = ()


SPELLED = [
    Spelled(
        "cast timestamp",
        "text",
        {
            " 2025-01-02T03:04:05.123456+03:00 ": datetime(2025, 1, 2, 0, 4, 5, 123456),
            "2025-01-02 03:04:05.1000000Z": datetime(2025, 1, 2, 3, 4, 5, 100000),
            "2025-01-02 03:04 -0330": datetime(2025, 1, 2, 6, 34),
            "2025-07-01 12:00": datetime(2025, 7, 1, 9),
            "2024-02-29": datetime(2024, 2, 28, 21),
            "infinity": None,
        },
        [
            *("01/02/2025", "2025-02-29", "2025-13-01", "2025-01-02 25:00", "2025-01-02 03:04:05.1234567", "now"),
            *("20250102", "2025-01-02 12:00 Europe/Berlin", "0000-01-01", "2025-01-02 12:00+16", ""),
        ],
    ),
    Spelled(
        "cast date",
        "char(20)",
        {"2000-02-29": date(2000, 2, 29), "-infinity": None},
        ["2025-01-02 03:04", "2.1.2025", "J2451187", "epoch", "2100-02-29", "2025-04-31", "2025-1-2"],
    ),
    Spelled(
        "cast decimal",
        "varchar(20)",
        {" -2.5e3 ": Decimal(-2500), ".5": Decimal("0.5"), "NaN": None},
        ["1,5", "0x1F", "1_000", "1.5 EUR", "٣", "--1", ".", ""],
    ),
    Spelled("cast integer", "text", {"7.0": 7, "+8": 8}, ["seven", "1\x1e2", "1\t2"]),
    Spelled("cast boolean", "text", {" YES ": True, "f": False}, ["2", "ja", "tr"]),
    Spelled("cast boolean", "smallint", {"1": True, "0": False}, ["2", "-1"]),
]


@pytest.mark.parametrize("spelled", SPELLED, ids=[f"{spelled.way} of {spelled.column}" for spelled in SPELLED])
def test_what_is_not_spelled_in_full_is_not_guessed(bench: Bench, spelled: Spelled) -> None:
    table, column = WAYS[spelled.way]
    mapping = way_mapping(spelled.way, timezone="Europe/Moscow")
    fill(bench.crm, spelled.column, list(spelled.read))
    bench.load(mapping, table)
    rows = bench.replica(table, f"toInt64(id), {column}")
    assert rows[: len(spelled.read)] == list(enumerate(spelled.read.values()))
    bench.crm.execute("drop table things cascade")
    fill(bench.crm, spelled.column, spelled.unread)
    with pytest.raises(ExtractionError) as failure:
        bench.load(mapping, table, full=True)
    message = str(failure.value)
    shown = min(len(spelled.unread), 3)
    check_message(message, f"{table}.{column}: value ", f"cannot be read as {spelled.way.split()[1]} (1 row)")
    assert message.count("cannot be read as") == shown
    if len(spelled.unread) > shown:
        assert message.endswith(f"; and {len(spelled.unread) - shown} more like these")


HOSTILE = {
    "extra_float_digits": (
        "0",
        {"double precision", "real", "point", "line", "lseg", "box", "path", "polygon", "circle", "span"}
        | {"double precision[]", "address", "address[]", "nested"},
    ),
    "datestyle": (
        "German, DMY",
        {"daterange", "tsrange", "tstzrange", "tstzmultirange", "timestamptz[]", "address", "address[]", "nested"},
    ),
    "timezone": ("Asia/Kathmandu", {"tstzrange", "tstzmultirange", "timestamptz[]"}),
    "bytea_output": ("escape", {"bytea[]"}),
    "intervalstyle": ("sql_standard", set[str]()),
    "standard_conforming_strings": ("off", set[str]()),
    "transform_null_equals": ("on", set[str]()),
    "xmloption": ("document", set[str]()),
}
"""A setting, a value of it that changes texts, and the types that are then refused."""


@pytest.mark.parametrize("setting", HOSTILE)
def test_no_setting_of_a_session_changes_a_text(typed: Bench, setting: str) -> None:
    """A session that ClickHouse opens is not prepared, and what its user or server sets by default applies."""
    value, refusing = HOSTILE[setting]
    wide(typed.crm)
    prepare_session(typed.crm)
    selects = wide_selects(typed.crm)
    exact = {name: copied(typed.crm, select) for name, (_, select) in selects.items()}
    typed.crm.execute("select set_config(%s, %s, false)", [setting, value])
    refused_types = set()
    for name, (column, select) in selects.items():
        try:
            assert copied(typed.crm, select) == exact[name], column
        except psycopg.Error as error:
            check_message(str(error).splitlines()[0], f"public.wide.{name} is ", "set it to", f"now it is {value}")
            refused_types.add(column)
    assert refused_types == refusing
    prepare_session(typed.crm)
    assert {name: copied(typed.crm, select) for name, (_, select) in selects.items()} == exact


def wide(crm: Connection) -> None:
    """Make `wide`: a column per case, named after its place in the list."""
    names = [f"v{number}" for number in range(len(CASES))]
    columns = ", ".join(f"{name} {case.column}" for name, case in zip(names, CASES, strict=True))
    crm.execute(f"create table wide (id int, born timestamptz default '2025-01-01Z', {columns})")
    for row in range(max(len(case.literals) for case in CASES)):
        present = [(name, case) for name, case in zip(names, CASES, strict=True) if row < len(case.literals)]
        values = ", ".join(f"%s::text::{case.column}" for _, case in present)
        crm.execute(
            f"insert into wide (id, {', '.join(name for name, _ in present)}) values ({row}, {values})",
            [case.literals[row] for _, case in present],
        )


def wide_selects(crm: Connection) -> dict[str, tuple[str, str]]:
    """Return per column of `wide` its type and the SELECT that reads it in all ways into deals that it can take."""
    selects = {}
    for number, case in enumerate(CASES):
        ways = [way for way in case.landed if WAYS[way][0] == "deals"]
        if ways:
            mapping = way_mapping(*ways, source="wide", column=f"v{number}")
            plan = plan_table(mapping, "deals", read_source_catalog(crm, mapping))
            select = render_select(plan, extracted_at=datetime(2025, 1, 1, tzinfo=UTC))
            texts = [f"x.{identifier(column.name)}" for column in plan.columns if column.kind is Kind.TEXT]
            # Other kinds leave it as values; the hash is made of all.
            selects[f"v{number}"] = case.column, f"select {', '.join(texts)}, x._row_hash from ({select}) as x"
    return selects


def copied(crm: Connection, select: str) -> bytes:
    with crm.cursor().copy(f"copy ({select}) to stdout (encoding 'UTF8')") as copy:
        return b"".join(bytes(row) for row in copy)


@pytest.mark.parametrize(("transport", "large_rows"), [("push", 1000), ("pull", 0), ("push", 0)])
def test_all_types_of_a_table_land_by_every_transport(
    typed: Bench, transport: Literal["push", "pull"], large_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of so many rows is pushed as COPY binary."""
    monkeypatch.setattr(transports, "LARGE_ROWS", large_rows)
    wide(typed.crm)
    landed = {f"v{number}": case.landed["extra"] for number, case in enumerate(CASES) if "extra" in case.landed}
    text = f"""
  contacts:
    source: public.wide
    columns: {{id: id, created_at: born}}
    extra: {{{", ".join(f"{name}: {name}" for name in landed)}}}
"""
    # What does not depend on a prepared session is what a session of ClickHouse reads.
    typed.crm.execute("alter role current_user set intervalstyle = 'sql_standard'")
    typed.crm.execute("alter role current_user set timezone = 'Asia/Kathmandu'")
    typed.crm.execute("alter role current_user set datestyle = 'German'")
    typed.crm.execute("alter role current_user set extra_float_digits = 0")
    typed.crm.execute("alter role current_user set bytea_output = 'escape'")
    try:
        mapping = bench_mapping(text)
        result = load_table(typed.crm, typed.warehouse, mapping, "contacts", run_id="test", transport=transport)
    finally:
        typed.crm.execute("alter role current_user reset all")
    assert result.transport == transport
    rows = typed.replica("contacts", f"toInt64(id), {', '.join(landed)}")
    expected = [(index, *row) for index, row in enumerate(zip_longest(*landed.values()))]
    assert rows == [*expected, *((index, *[None] * len(landed)) for index in range(len(expected), len(rows)))]


TEXTS_OF_TYPES = {
    "char(5)": ("ab", "ab"),
    "interval": ("1 day -1 sec", "P1DT-1S"),
    "bytea": ("\\x00ff", "\\x00ff"),
    "inet": ("10.0.0.1", "10.0.0.1"),
    "date": ("infinity", "infinity"),
    "timestamp": ("2025-07-01 12:00", "2025-07-01 09:00:00.000000"),
    "timestamptz": ("2025-07-01 12:00+03", "2025-07-01 09:00:00.000000"),
    "real": ("0.1", "0.1"),
    "numeric": ("1.50", "1.50"),
    "boolean": ("t", "true"),
    "integer[]": ("{1,NULL}", "{1,NULL}"),
}
"""Per type a value, and the text by which a mapping refers to it."""


@pytest.mark.parametrize("column", TEXTS_OF_TYPES)
def test_a_value_of_any_type_is_found_by_its_text(bench: Bench, column: str) -> None:
    literal, spelled = TEXTS_OF_TYPES[column]
    fill(bench.crm, column, [literal])
    text = f"""
  deals:
    source: public.things
    deleted: {{column: v, equals: '{spelled}'}}
    columns:
      id: id
      title: {{column: v, values: {{'{spelled}': found, null: empty}}}}
      pipeline_id: {{literal: p}}
      stage_id: {{literal: s}}
      currency: {{literal: EUR}}
      created_at: born
"""
    bench.load(bench_mapping(text, timezone="Europe/Moscow"), "deals")
    rows = bench.warehouse.rows(f"select title, _deleted from {bench.warehouse.replica('deals')} order by id")
    assert rows == [("found", 1), ("empty", 0)]


@pytest.mark.parametrize("use", ["deleted: {column: v, equals: 1}", "extra: {w: v}"])
def test_a_type_without_a_text_is_refused_wherever_it_stands(bench: Bench, use: str) -> None:
    fill(bench.crm, "money", ["1"])
    text = f"  contacts:\n    source: public.things\n    {use}\n    columns: {{id: id, created_at: born}}\n"
    with pytest.raises(ExtractionError) as failure:
        bench.load(bench_mapping(text), "contacts")
    check_message(str(failure.value), "public.things.v is money, whose digits depend on the server's lc_monetary")


def test_a_number_of_an_extra_column_that_does_not_fit_is_refused_with_a_way_out(bench: Bench) -> None:
    fill(bench.crm, "numeric", ["1e-11"])
    with pytest.raises(ExtractionError) as failure:
        bench.load(way_mapping("extra"), "deals")
    check_message(
        str(failure.value),
        "deals.v: value 0.00000000001 does not fit Decimal(38, 10) (1 row, such as 0); read it rounded, or as text, in",
    )


ODD_NAMES = [
    'Имя "клиента"',
    "50% o'f",
    "a\\b",
    "select",
    "tab\there",
    "я" * 31,
    " blanks ",
    "$1",
    "{x}",
    "--",
    "'",
    "`",
]


def test_names_may_be_spelled_in_any_way(bench: Bench) -> None:
    schema, table = 'Мой "CRM"', "Сделки; drop table x"
    name = sql.Identifier(schema, table)
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(column)) for column in ODD_NAMES)
    bench.crm.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    bench.crm.execute(
        sql.SQL('create table {} ("№" int, {}, "Создано" timestamptz default \'2025-01-01Z\')').format(name, columns)
    )
    values = [f"value of {column}" for column in ODD_NAMES]
    row = sql.SQL(", ").join(map(sql.Literal, [7, *values]))
    bench.crm.execute(sql.SQL("insert into {} values ({})").format(name, row))
    table_mapping = {
        "source": f"{schema}.{table}",
        "changed_at": "Создано",
        "deleted": {"column": ODD_NAMES[0], "equals": "x"},
        "columns": {"id": "№", "full_name": {"concat": [ODD_NAMES[1], ODD_NAMES[2]]}, "created_at": "Создано"},
        "extra": {f"c{number}": column for number, column in enumerate(ODD_NAMES)},
    }
    lines = yaml.safe_dump({"contacts": table_mapping}).splitlines()
    mapping = bench_mapping("".join(f"  {line}\n" for line in lines))
    for _ in range(2):
        bench.load(mapping, "contacts")
        extras = ", ".join(f"c{number}" for number in range(len(ODD_NAMES)))
        assert bench.replica("contacts", f"id, full_name, {extras}") == [("7", values[1] + values[2], *values)]


def test_generated_columns_are_columns(bench: Bench) -> None:
    bench.crm.execute("""
        create table things (
            id int generated always as identity, born timestamptz default '2025-01-01Z', net numeric(9, 2),
            gross numeric(9, 3) generated always as (net * 1.2) stored,
            twice numeric(9, 2) generated always as (net * 2)
        );
        insert into things (net) values (1.25), (null)
    """)
    text = "  contacts:\n    source: public.things\n    columns: {id: id, created_at: born}\n"
    bench.load(bench_mapping(text + "    extra: {gross: gross, twice: twice}\n"), "contacts")
    assert bench.replica("contacts", "id, gross, twice") == [
        ("1", Decimal("1.500"), Decimal("2.50")),
        ("2", None, None),
    ]


def test_a_text_may_be_very_long(bench: Bench) -> None:
    unit = "Привет, 𐍈!\t\n\\ e\u0301 \x1d\x1e\x1f "
    long = unit * (10_000_000 // len(unit.encode()) + 1)
    fill(bench.crm, "text", [])
    bench.crm.execute("insert into things (id, v) values (1, %s), (2, 'short')", [long])
    bench.load(way_mapping("extra", "text"), "deals")
    found = {key: texts for key, *texts in bench.replica("deals", "toInt64(id), v, title")}
    # Compared as a whole, so that a failure does not print it.
    assert (found[1] == [long, long]) is True
    assert found[2] == ["short", "short"]


@pytest.mark.parametrize("encoding", ["WIN1251", "KOI8R", "SQL_ASCII"])
def test_the_crm_may_be_in_another_encoding(bench: Bench, postgres: PostgresSettings, encoding: str) -> None:
    database = f"in_{encoding.lower()}"
    with connect_postgres(postgres) as server:
        server.execute(f"create database {database} encoding '{encoding}' locale 'C' template template0")
    try:
        with connect_postgres(postgres.model_copy(update={"database": database})) as crm:
            fill(crm, "text", ["Привет"])
            other, mapping = Bench(crm, bench.warehouse), way_mapping("extra", "text", "cast text")
            for transport in ("push", "auto"):
                load_table(crm, bench.warehouse, mapping, "deals", run_id="test", full=True, transport=transport)
                assert other.replica("deals", "v, title, owner_user_id")[0] == ("Привет",) * 3
            # ClickHouse takes the bytes of its session for UTF-8, whatever they are.
            with pytest.raises(ExtractionError, match=f"impossible: the CRM's texts are in {encoding}"):
                load_table(crm, bench.warehouse, mapping, "deals", run_id="test", full=True, transport="pull")
    finally:
        with connect_postgres(postgres) as server:
            server.execute(f"drop database {database} with (force)")


CHANGES = [
    ("numeric(18,2)", "100.25", "-100.25"),
    ("numeric", "-1", "1"),
    ("numeric", None, "NaN"),
    ("numeric", "-Infinity", None),
    ("double precision", "0.5", "-0.5"),
    ("bigint", "0", "4294967297"),
    ("bigint", "-1", "4294967295"),
    ("integer", "0", None),
    ("timestamptz", None, "infinity"),
    ("timestamptz", "2025-01-01 00:00:00+00", "2025-01-01 00:00:00.000001+00"),
    ("date", "0044-03-15 BC", None),
    ("text", "a", "A"),
    ("text", "é", "e\u0301"),
    ("text", "", None),
    ("text", "a", "a "),
    ("boolean", "false", None),
    ("bytea", "\\x", "\\x00"),
    ("interval", "24:00:00", "1 day"),
    ("interval", "1 mon", "30 days"),
    ("inet", "10.0.0.1", "10.0.0.1/8"),
    ("jsonb", "1.0", "1.00"),
    ("integer[]", "{}", "{NULL}"),
]
"""Two values of a type that are easily taken for the same, by PostgreSQL itself or by its hash functions."""


@pytest.mark.parametrize(("column", "first", "second"), CHANGES)
def test_the_smallest_change_reaches_the_replica(bench: Bench, column: str, first: Any, second: Any) -> None:
    bench.crm.execute(f"create table things (id int, v {column}, born timestamptz default clock_timestamp())")
    bench.crm.execute(f"insert into things (id, v) values (1, %s::text::{column})", [first])
    text = "  contacts:\n    source: public.things\n    changed_at: born\n    columns: {id: id, created_at: same}\n"
    bench.crm.execute("alter table things add same timestamptz default '2025-01-01Z'")
    mapping = bench_mapping(text + "    extra: {v: v}\n")
    bench.load(mapping, "contacts")
    before = bench.replica("contacts", "v, _not_representable")
    bench.crm.execute(f"update things set v = %s::text::{column}, born = clock_timestamp()", [second])
    result = bench.load(mapping, "contacts")
    assert (result.mode, result.rows, result.rows_changed) == ("incremental", 1, 1)
    after = bench.replica("contacts", "v, _not_representable")
    assert len(after) == 1
    assert after != before
    bench.crm.execute("update things set born = clock_timestamp()")
    assert bench.load(mapping, "contacts").rows_changed == 0
