"""Every form of a mapping file does what it says in PostgreSQL, and what does not fit is refused by name."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg import sql

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping
from tests.integration.extraction.bench import Bench, bench_mapping

OFFERS = """
create type state as enum ('draft', 'sent');
create table offers (
    id int, first text, last text, state state, flag smallint,
    cents bigint, micros numeric(20,0), price double precision,
    due date, made timestamp, typed text, created_at timestamptz default '2025-01-01Z'
);
insert into offers values
    (1, 'Ann', 'Lee', 'draft', 1, 12345, 9223372036854775807, 2.675, '2025-03-01', '2025-07-01 01:00', '7', default),
    (2, null, 'Ray', 'sent', 0, -1, null, null, null, null, null, default),
    (3, null, null, null, null, null, null, null, null, null, null, default);
"""
HOSTILE = ["'; drop table offers; --", 'a"b`c', "\\'", "%s %(x)s {since}", "$$ {0}", "\x1d\x1e\x1f", "E'\\n'"]


@pytest.fixture
def offers(bench: Bench) -> Bench:
    bench.crm.execute(OFFERS)
    return bench


def deals(column: str, expression: str, *, extra: str = "", timezone: str = "Europe/Berlin") -> Mapping:
    columns = {
        "id": "id",
        "pipeline_id": "{literal: p}",
        "stage_id": "{literal: s}",
        "currency": "{literal: EUR}",
        "created_at": "created_at",
        column: expression,
    }
    lines = "\n".join(f"      {name}: {value}" for name, value in columns.items())
    text = f"  deals:\n    source: public.offers\n{extra}    columns:\n{lines}\n"
    return bench_mapping(text, timezone=timezone)


def values(offers: Bench, column: str, expression: str) -> list[Any]:
    offers.load(deals(column, expression), "deals")
    return [value for _, value in offers.replica("deals", f"id, {column}")]


@pytest.mark.parametrize(
    ("column", "expression", "expected"),
    [
        ("title", '{literal: "it\'s"}', ["it's"] * 3),
        ("title", "{literal: null}", [None] * 3),
        ("title", "{literal: 7}", ["7"] * 3),
        ("title", "{concat: [first, {literal: ' '}, last]}", ["Ann Lee", " Ray", " "]),
        ("title", "{coalesce: [first, last, {literal: nobody}]}", ["Ann", "Ray", "nobody"]),
        ("title", "{column: state, values: {draft: entwurf, sent: gesendet}}", ["entwurf", "gesendet", None]),
        ("title", "{column: state, values: {draft: d, sent: null, null: none}}", ["d", None, "none"]),
        ("title", "{column: flag, values: {1: one, 0: zero}}", ["one", "zero", None]),
        ("title", "{coalesce: [{column: flag, values: {1: one, 0: null}}, last]}", ["one", "Ray", None]),
        ("title", "{cast: {column: due, to: text}}", ["2025-03-01", None, None]),
        ("title", "{cast: {column: made, to: text}}", ["2025-06-30 23:00:00.000000", None, None]),
        ("title", "{cast: {column: price, to: text}}", ["2.675", None, None]),
        ("title", "{cast: {column: price, to: 'decimal(9,2)'}}", ["2.68", None, None]),
        ("amount", "cents", [Decimal(12345), Decimal(-1), None]),
        ("amount", "{literal: 0.10}", [Decimal("0.1")] * 3),
        ("amount", "{divide: {column: cents, by_power_of_ten: 2}}", [Decimal("123.45"), Decimal("-0.01"), None]),
        ("amount", "{divide: {column: cents, by_power_of_ten: 0}}", [Decimal(12345), Decimal(-1), None]),
        ("amount", "{divide: {column: micros, by_power_of_ten: 6}}", [Decimal("9223372036854.775807"), None, None]),
        ("amount", "{divide: {column: price, by_power_of_ten: 1}}", [Decimal("0.2675"), None, None]),
        ("amount", "price", [Decimal("2.675"), None, None]),
        ("amount", "{cast: {column: price, to: 'decimal(18,2)'}}", [Decimal("2.68"), None, None]),
        ("amount", "{cast: {column: typed, to: decimal}}", [Decimal(7), None, None]),
        ("amount", "{column: state, values: {draft: 0.5, sent: 100}}", [Decimal("0.5"), Decimal(100), None]),
        (
            "amount",
            "{coalesce: [{divide: {column: cents, by_power_of_ten: 2}}, micros, {literal: 1}]}",
            [Decimal("123.45"), Decimal("-0.01"), Decimal(1)],
        ),
        ("closed_at", "made", [datetime(2025, 6, 30, 23), None, None]),
        ("closed_at", "{column: made, timezone: UTC}", [datetime(2025, 7, 1, 1), None, None]),
        ("closed_at", "{cast: {column: due, to: timestamp}}", [datetime(2025, 2, 28, 23), None, None]),
        ("closed_at", "{coalesce: [made, created_at]}", [datetime(2025, 6, 30, 23), *[datetime(2025, 1, 1)] * 2]),
        ("closed_on", "due", [date(2025, 3, 1), None, None]),
        ("closed_on", "{literal: 2025-01-02}", [date(2025, 1, 2)] * 3),
        ("closed_on", "{cast: {column: made, to: date}}", [date(2025, 7, 1), None, None]),
        (
            "closed_on",
            "{cast: {column: created_at, to: date, timezone: America/New_York}}",
            [date(2024, 12, 31)] * 3,
        ),
    ],
)
def test_every_form_means_what_it_says(offers: Bench, column: str, expression: str, expected: list[Any]) -> None:
    assert values(offers, column, expression) == expected


def test_integers_and_booleans_can_be_made_from_text_and_numbers(offers: Bench) -> None:
    table = """
  pipelines:
    source: public.offers
    columns: {id: id, name: {literal: x}, position: %s}
"""
    offers.crm.execute("delete from offers where id > 1")
    for expression in (
        "{cast: {column: typed, to: integer}}",
        "{literal: 7}",
        "{coalesce: [{literal: null}, {literal: 7}]}",
    ):
        offers.load(bench_mapping(table % expression), "pipelines")
        assert offers.replica("pipelines", "position") == [(7,)]
    leads = """
  leads:
    source: public.offers
    columns: {id: id, status: {literal: new}, created_at: created_at, is_duplicate: %s}
"""
    for expression in ("{cast: {column: flag, to: boolean}}", "{column: flag, values: {1: true}}", "{literal: true}"):
        offers.load(bench_mapping(leads % expression), "leads")
        assert offers.replica("leads", "is_duplicate") == [(True,)]


@pytest.mark.parametrize(
    ("column", "expression", "message"),
    [
        ("title", "absent", "public.offers has no column 'absent'"),
        ("title", "{concat: [first, absent]}", "public.offers has no column 'absent'"),
        ("title", "created_at", "public.offers.created_at is timestamp with time zone, which does not fill a text"),
        ("amount", "typed", "public.offers.typed is text, which does not fill a decimal column as it is"),
        ("amount", "{concat: [first]}", "concat makes text, which does not fill a decimal column"),
        ("amount", "{cast: {column: typed, to: text}}", "a cast to text does not fill a decimal column"),
        ("amount", "{cast: {column: typed, to: 'decimal(80,2)'}}", "decimal(80,2) needs 1 to 76 digits"),
        ("amount", "{divide: {column: typed, by_power_of_ten: 2}}", "divide makes a decimal of a number"),
        ("amount", "{literal: ten}", "the value 'ten' does not fill a decimal column"),
        ("amount", "{literal: true}", "the value True does not fill a decimal column"),
        ("closed_at", "due", "public.offers.due is date, which does not fill a timestamp column as it is"),
        ("closed_on", "made", "public.offers.made is timestamp without time zone, which does not fill a date"),
        ("closed_on", "{column: state, values: {draft: 5}}", "the value 5 does not fill a date column"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(offers: Bench, column: str, expression: str, message: str) -> None:
    with pytest.raises(ExtractionError) as refusal:
        offers.load(deals(column, expression), "deals")
    assert str(refusal.value).startswith(f"bench.yaml: deals.{column}: {message}")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("    changed_at: updated_at\n", "bench.yaml: deals.changed_at: public.offers has no column 'updated_at'"),
        ("    changed_at: due\n", "bench.yaml: deals.changed_at: public.offers.due is date, not a timestamp"),
        (
            "    deleted: {column: gone, is_null: true}\n",
            "bench.yaml: deals.deleted: public.offers has no column 'gone'",
        ),
        ("    tenant: {column: firm}\n", "bench.yaml: deals.tenant_id: public.offers has no column 'firm'"),
        ("    extra: {region: region}\n", "bench.yaml: deals.region: public.offers has no column 'region'"),
    ],
)
def test_a_missing_column_is_named_wherever_it_stands(offers: Bench, extra: str, message: str) -> None:
    with pytest.raises(ExtractionError) as refusal:
        offers.load(deals("title", "first", extra=extra), "deals")
    assert str(refusal.value).startswith(message)


def test_a_missing_table_is_named_and_spares_the_others(offers: Bench) -> None:
    mapping = bench_mapping("""
  leads:
    source: public.leads
    columns: {id: id, status: status, is_duplicate: {literal: false}, created_at: created_at}
""")
    with pytest.raises(ExtractionError, match=r"^bench\.yaml: leads: the CRM has no table public\.leads, or this user"):
        offers.load(mapping, "leads")
    offers.crm.execute("create table firms (name text, created_at timestamptz)")
    assert offers.load(mapping, "tenants").mode == "full"


@pytest.mark.parametrize(
    ("condition", "deleted"),
    [
        ("{column: first, is_null: true}", [0, 1, 1]),
        ("{column: first, is_not_null: true}", [1, 0, 0]),
        ("{column: flag, equals: 1}", [1, 0, 0]),
        ("{column: state, equals: sent}", [0, 1, 0]),
    ],
)
def test_deleted_is_what_the_mapping_says(offers: Bench, condition: str, deleted: list[int]) -> None:
    offers.load(deals("title", "first", extra=f"    deleted: {condition}\n"), "deals")
    rows = offers.warehouse.rows(f"select _deleted from {offers.warehouse.replica('deals')} order by id")
    assert [row[0] for row in rows] == deleted


def test_an_unmapped_value_fails_by_name_before_the_replica_changes(offers: Bench) -> None:
    mapping = deals("title", "{column: state, values: {draft: d, sent: s}}", extra="    changed_at: created_at\n")
    offers.load(mapping, "deals")
    before = offers.replica("deals")
    offers.crm.execute("alter table offers alter state type text")
    offers.crm.execute(
        "insert into offers (id, state, created_at) select g, 'on hold', now() from generate_series(10, 21) g"
    )
    offers.crm.execute("insert into offers (id, state, created_at) values (22, E'a\\x1d\\x1e\\x1fb\\n', now())")
    for full in (True, False):
        with pytest.raises(ExtractionError) as refusal:
            offers.load(mapping, "deals", full=full)
        assert str(refusal.value) == (
            "deals.title: value 'on hold' is not mapped (12 rows); add it to bench.yaml; "
            "deals.title: value 'a\\x1db\\n' is not mapped (1 row); add it to bench.yaml"
        )
        assert offers.replica("deals") == before


def test_a_value_that_is_not_allowed_fails_by_name(offers: Bench) -> None:
    mapping = bench_mapping("""
  messages:
    source: public.offers
    columns: {id: id, channel: {literal: call}, direction: first, body: {literal: x}, sent_at: created_at}
""")
    offers.crm.execute("update offers set first = case when id = 2 then 'in' else 'inbound' end")
    with pytest.raises(ExtractionError) as refusal:
        offers.load(mapping, "messages")
    assert str(refusal.value) == (
        "messages.direction: value 'in' is not one of inbound, outbound (1 row); translate it in bench.yaml"
    )
    offers.crm.execute("update offers set first = 'outbound'")
    assert offers.load(mapping, "messages").rows == 3


def test_many_reasons_are_not_all_listed(offers: Bench) -> None:
    offers.crm.execute("insert into offers (id, first) select g, 'value ' || g from generate_series(10, 100) g")
    with pytest.raises(ExtractionError, match=r"; and 17 more like these$"):
        offers.load(deals("title", "{column: first, values: {Ann: a}}"), "deals")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_of_a_mapping_becomes_sql(bench: Bench, hostile: str) -> None:
    name = sql.Identifier(hostile)
    bench.crm.execute("create table offers (id int)")
    bench.crm.execute(sql.SQL("create schema {}").format(name))
    bench.crm.execute(sql.SQL("create table {}.{} ({} text, made timestamptz default now())").format(name, name, name))
    bench.crm.execute(sql.SQL("insert into {}.{} values ({})").format(name, name, sql.Literal(hostile)))
    mapping = deals("title", "id")
    table = mapping.tables["deals"].model_dump()
    table |= {
        "source": f"{hostile}.{hostile}",
        "tenant": {"constant": hostile},
        "changed_at": {"column": "made"},
        "deleted": {"column": hostile, "equals": f"not {hostile}"},
        "extra": {"copy": hostile},
        "columns": {
            "id": hostile,
            "pipeline_id": {"column": hostile, "values": {hostile: hostile}},
            "stage_id": {"concat": [hostile, {"literal": hostile}]},
            "currency": {"cast": {"column": hostile, "to": "text"}},
            "title": {"coalesce": [{"literal": None}, hostile]},
            "created_at": "made",
        },
    }
    content = mapping.model_dump() | {"tables": {"tenants": mapping.tables["tenants"].model_dump(), "deals": table}}
    hostile_mapping = Mapping.model_validate(content | {"file": "bench.yaml"})
    for _ in range(2):
        bench.load(hostile_mapping, "deals")
        columns = "tenant_id, id, pipeline_id, stage_id, currency, title, copy"
        assert bench.replica("deals", columns) == [(hostile, hostile, hostile, hostile * 2, hostile, hostile, hostile)]
    assert bench.crm.execute("select to_regclass('offers') is not null").fetchone() == (True,)
