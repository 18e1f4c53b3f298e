"""What PostgreSQL holds arrives in ClickHouse as it is, or is reported; nothing changes on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.extraction.errors import ExtractionError
from tests.integration.extraction.bench import Bench, bench_mapping

THINGS = """
  contacts:
    source: public.things
    columns: {id: id, created_at: created_at}
    extra: {%s}
"""
EARLY, LATE = datetime(1900, 1, 1), datetime(2299, 12, 31, 23, 59, 59, 999999)
ODD_TEXTS = [
    "",
    " ",
    "\\N",
    "\\n",
    "NULL",
    "a\tb",
    "a\nb\r\n",
    "\\",
    "\\\\t",
    "'quoted' \"twice\"",
    " both ends ",
    "\b\f\v\x01\x1e\x1f\x7f",
    "\u00a0\u200b\u202e\ufeff",
    "Привет, мир",
    "👩‍👩‍👧 𐍈",
    "é vs e\u0301",
    "x" * 70_000,
]

few = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
ids = count(1)


def things(bench: Bench, column: str, values: list[Any], *, timezone: str = "UTC") -> tuple[list[tuple[Any, ...]], Any]:
    """Put each value into a row of a table of its own, load it, and return (id, value) as read from ClickHouse."""
    bench.crm.execute("drop table if exists things")
    bench.crm.execute(f"create table things (id bigint, created_at timestamptz default now(), v {column})")
    bench.crm.cursor().executemany("insert into things (id, v) values (%s, %s)", list(enumerate(values)))
    result = bench.load(bench_mapping(THINGS % "v: v", timezone=timezone), "contacts", full=True)
    return bench.replica("contacts", "toInt64(id), v"), result


def utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def test_odd_texts_survive(bench: Bench) -> None:
    rows, _ = things(bench, "text", ODD_TEXTS)
    assert rows == list(enumerate(ODD_TEXTS))


@few
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.none(), max_size=60))
def test_any_text_survives(bench: Bench, values: list[str | None]) -> None:
    rows, _ = things(bench, "text", values)
    assert rows == list(enumerate(values))


def test_ids_are_spelled_as_the_crm_spells_them(bench: Bench) -> None:
    spelled = "0b0e7a3c-1c6e-4a55-9d0e-1f6b8f9b7f11"
    assert things(bench, "uuid", [spelled, None])[0] == [(0, spelled), (1, None)]
    bench.crm.execute("create table numbered (id bigint, created_at timestamptz default now())")
    bench.crm.execute("insert into numbered values (-9223372036854775808), (9223372036854775807)")
    bench.load(bench_mapping(THINGS.replace("things", "numbered") % ""), "contacts")
    assert [row[0] for row in bench.replica("contacts", "id")] == ["-9223372036854775808", "9223372036854775807"]


@few
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**27), max_value=10**27)))
def test_declared_decimals_survive(bench: Bench, values: list[Decimal]) -> None:
    rows, _ = things(bench, "numeric(38,10)", values)
    assert rows == list(enumerate(values))


@pytest.mark.parametrize(
    ("column", "type_name", "values"),
    [
        ("numeric(18,2)", "Decimal(18, 2)", ["-0.01", "9999999999999999.99", "0"]),
        ("numeric(76,38)", "Decimal(76, 38)", ["9" * 38 + "." + "9" * 38, "-0." + "0" * 37 + "1"]),
        ("numeric(3,-2)", "Decimal(5, 0)", ["99900", "-100"]),
        ("numeric(2,5)", "Decimal(5, 5)", ["0.00099", "-0.00001"]),
        ("numeric", "Decimal(38, 10)", ["9999999999999999999999999999.9999999999", "1.500000000000", "-3"]),
        ("double precision", "Decimal(38, 18)", ["0.1", "-12345678.9", "0.3333333333333333"]),
        ("real", "Decimal(38, 18)", ["0.1", "-2.5"]),
        ("bigint", "Int64", ["9223372036854775807", "-9223372036854775808"]),
    ],
)
def test_numbers_keep_every_digit(bench: Bench, column: str, type_name: str, values: list[str]) -> None:
    rows, _ = things(bench, column, [Decimal(value) for value in values])
    assert [value for _, value in rows] == [Decimal(value) for value in values]
    assert bench.replica("contacts", "distinct toTypeName(v)") == [(f"Nullable({type_name})",)]


def test_a_domain_counts_as_its_base_type(bench: Bench) -> None:
    bench.crm.execute("create domain money_sum as numeric(12,3); create domain price as money_sum check (value > 0)")
    assert things(bench, "price", [Decimal("1.125")])[0] == [(0, Decimal("1.125"))]
    assert bench.replica("contacts", "toTypeName(v)") == [("Nullable(Decimal(12, 3))",)]


@pytest.mark.parametrize("value", ["0.00000000001", "1e28", "-1e28"])
def test_a_decimal_that_does_not_fit_fails_by_name(bench: Bench, value: str) -> None:
    things(bench, "numeric", [Decimal("1.5")])
    with pytest.raises(
        ExtractionError, match=r"^contacts\.v: value .* does not fit Decimal\(38, 10\) \(1 row, such as 1\)"
    ):
        things(bench, "numeric", [Decimal("1.5"), Decimal(value)])
    assert bench.replica("contacts", "v") == [(Decimal("1.5"),)]


def test_numbers_that_are_none_become_empty_and_are_reported(bench: Bench) -> None:
    rows, result = things(
        bench, "numeric", [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(7), None]
    )
    assert rows == [(0, None), (1, None), (2, None), (3, Decimal(7)), (4, None)]
    assert result.not_representable == {"v": 3}
    reported = bench.replica("contacts", "toInt64(id), _not_representable")
    assert reported == [(0, "v"), (1, "v"), (2, "v"), (3, ""), (4, "")]
    assert things(bench, "numeric(5,2)", [Decimal("NaN"), Decimal("1.25")])[0] == [(0, None), (1, Decimal("1.25"))]
    assert things(bench, "double precision", [float("nan"), float("-inf"), 0.5])[0][2] == (2, Decimal("0.5"))


@few
@given(st.lists(st.datetimes(EARLY, LATE) | st.none(), max_size=60))
def test_moments_survive(bench: Bench, values: list[datetime | None]) -> None:
    moments = [value and value.replace(tzinfo=UTC) for value in values]
    assert things(bench, "timestamptz", moments)[0] == list(enumerate(values))


@few
@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)), max_size=60))
def test_local_times_are_read_in_the_zone_of_the_mapping(bench: Bench, values: list[datetime]) -> None:
    rows, _ = things(bench, "timestamp", values, timezone="Asia/Kathmandu")
    assert rows == [(index, value - timedelta(hours=5, minutes=45)) for index, value in enumerate(values)]


def test_local_times_follow_daylight_saving(bench: Bench) -> None:
    local_to_utc = {
        datetime(2025, 1, 15, 12): datetime(2025, 1, 15, 11),
        datetime(2025, 7, 15, 12, 0, 0, 1): datetime(2025, 7, 15, 10, 0, 0, 1),
        datetime(2025, 3, 30, 1, 59): datetime(2025, 3, 30, 0, 59),
        datetime(2025, 3, 30, 3, 0): datetime(2025, 3, 30, 1, 0),
        datetime(2025, 10, 26, 1, 59): datetime(2025, 10, 25, 23, 59),
        datetime(2025, 10, 26, 3, 0): datetime(2025, 10, 26, 2, 0),
        datetime(1975, 7, 1, 12): datetime(1975, 7, 1, 11),
    }
    rows, _ = things(bench, "timestamp", list(local_to_utc), timezone="Europe/Berlin")
    assert [value for _, value in rows] == list(local_to_utc.values())


def test_a_column_may_have_a_zone_of_its_own(bench: Bench) -> None:
    bench.crm.execute("create table calls (id int, made timestamp, due timestamp, created_at timestamp)")
    bench.crm.execute("insert into calls values (1, '2025-07-01 12:00', '2025-07-01 12:00', '2025-07-01 12:00')")
    mapping = bench_mapping(
        """
  activities:
    source: public.calls
    columns:
      id: id
      activity_type: {literal: call}
      status: {literal: completed}
      completed_at: {column: made, timezone: America/New_York}
      due_at: due
      created_at: {column: created_at, timezone: UTC}
""",
        timezone="Europe/Berlin",
    )
    bench.load(mapping, "activities")
    assert bench.replica("activities", "completed_at, due_at, created_at") == [
        (datetime(2025, 7, 1, 16), datetime(2025, 7, 1, 10), datetime(2025, 7, 1, 12))
    ]


def test_the_session_and_the_server_may_be_in_any_zone(bench: Bench) -> None:
    bench.crm.execute("set timezone = 'America/New_York'; set datestyle = 'German'; set extra_float_digits = -5")
    moment = datetime(2025, 7, 1, 12, 0, 0, 123456)
    assert things(bench, "timestamptz", [moment.replace(tzinfo=UTC)])[0] == [(0, moment)]
    assert things(bench, "date", [date(2025, 7, 1)])[0] == [(0, date(2025, 7, 1))]
    assert things(bench, "double precision", [0.30000000000000004])[0] == [(0, Decimal("0.30000000000000004"))]


@pytest.mark.parametrize("column", ["timestamptz", "timestamp"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_moments_that_clickhouse_cannot_hold_become_empty_and_are_reported(
    bench: Bench, column: str, zone: str
) -> None:
    odd = ["infinity", "-infinity", "0044-03-15 12:00:00 BC", "1899-12-28", "2300-01-05", "294276-12-31 23:59:59"]
    rows, result = things(bench, column, [*odd, None, "2025-01-02 03:04:05"], timezone=zone)
    assert [value for _, value in rows][:-1] == [None] * (len(odd) + 1)
    assert rows[-1][1] is not None
    assert result.not_representable == {"v": len(odd)}


def test_dates_are_never_shifted(bench: Bench) -> None:
    values = [date(1900, 1, 1), date(1969, 12, 31), date(2025, 3, 30), date(2299, 12, 31), None]
    assert things(bench, "date", values, timezone="Asia/Tokyo")[0] == list(enumerate(values))
    rows, result = things(bench, "date", ["infinity", "-infinity", "0044-03-15 BC", "1899-12-31", "2300-01-01"])
    assert rows == [(index, None) for index in range(5)]
    assert result.not_representable == {"v": 5}


def test_booleans_and_their_absence_survive(bench: Bench) -> None:
    values = [True, False, None]
    assert things(bench, "boolean", values)[0] == list(enumerate(values))


def test_a_moment_that_must_not_be_empty_fails_by_name(bench: Bench) -> None:
    bench.crm.execute("create table things (id int, created_at timestamptz)")
    mapping = bench_mapping(THINGS % "")
    bench.crm.execute("insert into things values (1, now()), (2, 'infinity'), (3, null)")
    with pytest.raises(ExtractionError) as failure:
        bench.load(mapping, "contacts")
    assert "contacts.created_at: value infinity cannot be held and must not become empty (1 row, such as 2)" in str(
        failure.value
    )
    assert "contacts.created_at: is empty but must not be (1 row, such as 3)" in str(failure.value)
    assert bench.tables() == set()


def test_an_integer_beyond_32_bits_fails_by_name(bench: Bench) -> None:
    bench.crm.execute("create table flows (id int, position bigint, fine numeric)")
    table = """
  pipelines:
    source: public.flows
    columns: {id: id, name: {literal: Flow}, position: %s}
"""
    bench.crm.execute("insert into flows values (1, 2147483647, 5.00), (2, -2147483648, 7)")
    bench.load(bench_mapping(table % "position"), "pipelines")
    assert bench.replica("pipelines", "position") == [(-2147483648,), (2147483647,)]
    bench.load(bench_mapping(table % "fine"), "pipelines")
    assert bench.replica("pipelines", "position") == [(5,), (7,)]
    bench.crm.execute("update flows set position = 2147483648, fine = 5.5 where id = 1")
    for column, value in (("position", "2147483648"), ("fine", "5.5")):
        with pytest.raises(
            ExtractionError, match=rf"^pipelines.position: value {value} does not fit Int32 \(1 row, such as 1\)"
        ):
            bench.load(bench_mapping(table % column), "pipelines", full=True)
