"""What a mapping can read from: conditions, a SELECT of one's own, a join for the tenant, a schema per tenant."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg import sql

from deploy.settings import REPOSITORY
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping, parse_mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.select import render_select
from orchestration.extraction.source_catalog import prepare_session, read_source_catalog
from tests.integration.extraction.bench import Bench

OFFERS = """
create type state as enum ('draft', 'sent');
create domain price as numeric(12, 3);
create table sellers (id int primary key, email text, tenant text);
create table offers (
    id int, seller int, state state, flag boolean, size smallint, code uuid, amount price, due date,
    created_at timestamptz default '2025-01-01Z', updated_at timestamptz default '2025-01-02Z'
);
insert into sellers values (1, 'a@x', 'acme'), (2, 'b@x', 'umbrella');
insert into offers values
    (1, 1, 'draft', true, 7, '0b0e7a3c-1c6e-4a55-9d0e-1f6b8f9b7f11', 1.125, '2025-03-01'),
    (2, 2, 'sent', false, 8, null, -2, null),
    (3, 1, null, null, null, null, null, null);
"""
NEEDED = "pipeline_id: {literal: p}, stage_id: {literal: s}, currency: {literal: EUR}, created_at: created_at"


HEAD = """
name: bench
timezone: UTC
tenant: {}
overlap_seconds: 0
tables:
  tenants:
    source: public.firms
    tenant: {{constant: acme}}
    columns:
      name: name
      timezone: {{literal: UTC}}
      currency: {{literal: EUR}}
      locale: {{literal: en}}
      is_active: {{literal: true}}
      created_at: created_at
      updated_at: created_at
"""


@pytest.fixture
def offers(bench: Bench) -> Bench:
    bench.crm.execute(OFFERS)
    return bench


def deals(head: str, *, columns: str = "", tenant: str = "{constant: acme}") -> Mapping:
    """Return a mapping of deals: `head` is what stands before its columns, `tenant` the file's tenancy."""
    indented = "".join(f"    {line}\n" for line in head.strip().splitlines())
    text = f"  deals:\n{indented}    columns: {{id: id, {NEEDED}{columns}}}\n"
    return parse_mapping(HEAD.format(tenant) + text, "bench.yaml")


def plan(bench: Bench, mapping: Mapping) -> TablePlan:
    return plan_table(mapping, "deals", read_source_catalog(bench.crm, mapping))


def loaded(bench: Bench, mapping: Mapping, columns: str = "tenant_id, id") -> list[tuple[Any, ...]]:
    bench.load(mapping, "deals", full=True)
    return bench.replica("deals", columns)


def refusal(bench: Bench, mapping: Mapping) -> str:
    with pytest.raises(ExtractionError) as error:
        bench.load(mapping, "deals")
    assert "\n" not in str(error.value)
    return str(error.value)


CONDITIONS = [
    ("{column: state, equals: draft}", [1]),
    ("{column: state, not_equals: draft}", [2, 3]),
    ("{column: state, in: [draft, sent]}", [1, 2]),
    ("{column: state, not_in: [draft, archived]}", [2, 3]),
    ("{column: flag, equals: false}", [2]),
    ("{column: flag, not_equals: 'false'}", [1, 3]),
    ("{column: size, in: [7, '8']}", [1, 2]),
    ("{column: size, not_in: [8]}", [1, 3]),
    ("{column: code, equals: 0b0e7a3c-1c6e-4a55-9d0e-1f6b8f9b7f11}", [1]),
    ("{column: amount, equals: '-2.000'}", [2]),
    ("{column: due, equals: '2025-03-01'}", [1]),
    ("{column: due, is_null: true}", [2, 3]),
    ("{column: due, is_not_null: true}", [1]),
]


@pytest.mark.parametrize(("condition", "ids"), CONDITIONS)
def test_a_condition_holds_for_the_rows_it_names(offers: Bench, condition: str, ids: list[int]) -> None:
    planned = plan(offers, deals(f"source: public.offers\nwhere: [{condition}]"))
    prepare_session(offers.crm)
    query = f"select s.id, {planned.filter} from {planned.relation} as s"
    found: dict[int, bool] = dict(offers.crm.execute(query.encode()).fetchall())
    assert set(found.values()) <= {True, False}
    assert sorted(key for key, holds in found.items() if holds) == ids
    deleted = plan(offers, deals(f"source: public.offers\ndeleted: {condition}")).deleted
    assert deleted == planned.filter


def test_rows_that_fail_any_condition_are_not_loaded(offers: Bench) -> None:
    mapping = deals(
        "source: public.offers\nwhere:\n- {column: state, not_equals: sent}\n- {column: flag, equals: true}"
    )
    assert loaded(offers, mapping) == [("acme", "1")]


def test_a_row_outside_of_where_leaves_the_replica_and_may_come_back(offers: Bench) -> None:
    head = "source: public.offers\nchanged_at: updated_at\nwhere: [{column: state, in: [draft, sent]}]"
    mapping = deals(head, columns=", amount: amount")
    assert loaded(offers, mapping) == [("acme", "1"), ("acme", "2")]
    for state, ids in ((None, ["2"]), ("sent", ["1", "2"])):
        offers.crm.execute("update offers set state = %s, amount = 5, updated_at = now() where id = 1", [state])
        assert offers.load(mapping, "deals").mode == "incremental"
        assert [key for (key,) in offers.replica("deals", "id")] == ids


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("{column: flag, equals: 1}", "public.offers.flag is boolean, which never reads '1'"),
        ("{column: size, in: [7, seven]}", "public.offers.size is smallint, which never reads 'seven'"),
        ("{column: size, equals: '07'}", "public.offers.size is smallint, which never reads '07'"),
        ("{column: code, not_equals: 0B0E}", "public.offers.code is uuid, which never reads '0B0E'"),
        ("{column: shape, equals: x}", "public.offers has no column 'shape'"),
    ],
)
def test_a_condition_that_no_row_could_pass_is_refused(offers: Bench, condition: str, message: str) -> None:
    expected = f"bench.yaml: deals.where: {message}"
    assert refusal(offers, deals(f"source: public.offers\nwhere: [{condition}]")) == expected


JOINED = """
query: |
  /* with its seller */
  with live as (select * from offers where id % 10 < 9)
  select live.*, sellers.email, '{"a": 1}'::jsonb as note, 'x' as fixed, sellers.id
  from live join sellers on sellers.id = live.seller -- no newline follows
"""


def test_a_query_is_read_with_its_types(offers: Bench) -> None:
    mapping = deals(
        JOINED.replace(", sellers.id\n", "\n"),
        columns=", amount: amount, title: {column: state, values: {draft: d, sent: s}}, "
        "company_id: fixed, lead_id: note, expected_close_on: due, owner_user_id: email",
    )
    columns = "id, title, company_id, lead_id, amount, expected_close_on, owner_user_id, toTypeName(amount)"
    assert loaded(offers, mapping, columns)[0] == (
        *("1", "d", "x", '{"a": 1}', Decimal("1.125"), datetime(2025, 3, 1).date(), "a@x"),
        "Nullable(Decimal(12, 3))",
    )
    assert plan(offers, mapping).source == "the query"


def test_a_query_may_return_a_name_twice_but_nobody_may_read_it(offers: Bench) -> None:
    assert refusal(offers, deals(JOINED)) == (
        "bench.yaml: deals.query: returns several columns 'id'; name each of them by `as`"
    )
    twice = "query: select 1 as flag, 2 as flag, offers.id, created_at from offers"
    assert len(loaded(offers, deals(twice))) == 3


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select * from absent", 'relation "absent" does not exist'),
        ("select * from offers wher id = 1", 'syntax error at or near "id"'),
        ("select 1; drop table offers", "cannot insert multiple commands into a prepared statement"),
        ("select 1) as a, (select 2", 'syntax error at or near ")"'),
        ("select * from offers for update", "cannot execute SELECT FOR UPDATE in a read-only transaction"),
        ("select * into copy from offers", "SELECT ... INTO is not allowed here"),
        (
            "with gone as (delete from offers returning *) select * from gone",
            "WITH clause containing a data-modifying statement must be at the top level",
        ),
        ("with gone as (select 1) delete from offers returning *", 'relation "gone" does not exist'),
        ("select $1::int as id", "requires 1"),
    ],
)
def test_a_query_that_is_not_one_select_is_refused(offers: Bench, query: str, message: str) -> None:
    mapping = deals(f"query: {json.dumps(query)}")
    found = refusal(offers, mapping)
    assert found.startswith("bench.yaml: deals.query: PostgreSQL refuses it: "), found
    if "delete from" not in query or "top level" in message:
        assert message in found
    assert offers.crm.execute("select count(*) from offers").fetchone() == (3,)
    offers.crm.execute("create table firms (name text, created_at timestamptz)")
    assert offers.load(mapping, "tenants").mode == "full"


def test_a_column_that_a_query_lacks_is_named(offers: Bench) -> None:
    mapping = deals("query: select id, created_at from offers", columns=", title: name")
    assert refusal(offers, mapping) == "bench.yaml: deals.title: the query has no column 'name'"


JOIN = "source: public.offers\ntenant: {join: {table: public.sellers, on: {seller: id}, column: tenant}}"
OF_EACH_TENANT = [("acme", "1"), ("acme", "3"), ("umbrella", "2")]


@pytest.mark.parametrize("key", ["primary key", "unique", "none", "partial", "expression", "inherited", "partitioned"])
def test_a_join_brings_each_row_its_tenant(offers: Bench, key: str) -> None:
    offers.crm.execute("alter table sellers drop constraint sellers_pkey")
    offers.crm.execute(
        {
            "primary key": "alter table sellers add primary key (id)",
            "unique": "create unique index on sellers (id) include (tenant)",
            "none": "",
            "partial": "create unique index on sellers (id) where id > 0",
            "expression": "create unique index on sellers (id, abs(id))",
            "inherited": "alter table sellers add primary key (id); create table more () inherits (sellers)",
            "partitioned": """
                alter table sellers rename to old;
                create table sellers (id int primary key, email text, tenant text) partition by range (id);
                create table part partition of sellers default;
                insert into sellers select * from old
            """,
        }[key]
    )
    mapping = deals(JOIN)
    assert loaded(offers, mapping) == OF_EACH_TENANT
    is_sure = key in ("primary key", "unique", "partitioned")
    assert ("count(*)" in plan(offers, mapping).relation) is not is_sure


def test_a_join_works_for_a_query_and_with_columns_called_like_its_own(offers: Bench) -> None:
    offers.crm.execute("alter table sellers drop constraint sellers_pkey")
    offers.crm.execute("create table shop (tenant int, partners int, id int, created_at timestamptz)")
    offers.crm.execute("insert into shop values (2, 5, 77, now())")
    tenant = "tenant: {join: {table: public.sellers, on: {tenant: id}, column: tenant}}"
    for place in ("source: public.shop", "query: select * from shop"):
        assert loaded(
            offers,
            deals(f"{place}\n{tenant}", columns=", title: tenant, lead_id: partners"),
            "tenant_id, title, lead_id",
        ) == [("umbrella", "2", "5")]


def test_a_row_without_partner_is_refused_by_name(offers: Bench) -> None:
    offers.crm.execute("insert into offers (id, seller) values (4, 9), (5, null); update sellers set tenant = null")
    assert refusal(offers, deals(JOIN)) == (
        "deals.tenant_id: no row of public.sellers with a tenant matches seller (5 rows, such as 1); "
        "correct it in the CRM, or leave such rows out by `where` in bench.yaml"
    )


def test_a_row_with_several_partners_is_refused_by_name(offers: Bench) -> None:
    offers.crm.execute(
        "alter table sellers drop constraint sellers_pkey; insert into sellers values (1, 'c@x', 'acme')"
    )
    assert refusal(offers, deals(JOIN)) == (
        "deals.tenant_id: several rows of public.sellers match seller '1' (2 rows); "
        "join on columns that identify one row, in bench.yaml"
    )
    both = JOIN.replace("{seller: id}", "{seller: id, state: email}")
    offers.crm.execute("alter table sellers alter email type state using null")
    offers.crm.execute("insert into sellers values (1, 'draft', 'acme'), (2, 'sent', 'acme'), (3, 'sent', 'acme')")
    offers.crm.execute("delete from offers where id = 3")
    assert loaded(offers, deals(both)) == [("acme", "1"), ("acme", "2")]


@pytest.mark.parametrize(
    ("join", "message"),
    [
        (
            "{table: public.firm, on: {seller: id}, column: tenant}",
            "the CRM has no table public.firm, or this user may",
        ),
        ("{table: public.sellers, on: {vendor: id}, column: tenant}", "public.offers has no column 'vendor'"),
        ("{table: public.sellers, on: {seller: key}, column: tenant}", "public.sellers has no column 'key'"),
        ("{table: public.sellers, on: {seller: id}, column: firm}", "public.sellers has no column 'firm'"),
        (
            "{table: public.sellers, on: {code: email}, column: tenant}",
            "public.offers.code is uuid but public.sellers.email is text; convert one of them in a `query`",
        ),
    ],
)
def test_a_join_that_cannot_work_is_refused_by_name(offers: Bench, join: str, message: str) -> None:
    found = refusal(offers, deals(f"source: public.offers\ntenant: {{join: {join}}}"))
    assert found.startswith(f"bench.yaml: deals.tenant: {message}")


WORKSPACE = """
create schema {0};
create type {0}.state as enum ('draft', 'sent');
create table {0}.offer (
    id int, name text, state {0}.state, tags {0}.state[], amount numeric({1}), created_at timestamptz default now(),
    updated_at timestamptz
);
"""
BY_SCHEMA = "{schema: ws_*_crm}"
PER_SCHEMA = 'source: "*.offer"\nchanged_at: updated_at\ncreated_at: created_at\nextra: {tags: tags}'
COLUMNS = ", title: {column: state, values: {draft: d, sent: s}}, amount: amount"


def workspace(bench: Bench, name: str, digits: str = "10, 2") -> str:
    """Create the schema of a tenant and return its quoted name."""
    quoted = sql.Identifier(f"ws_{name}_crm").as_string(None)
    bench.crm.execute(WORKSPACE.format(quoted, digits).encode())
    return quoted


def put(bench: Bench, schema: str, rows: str) -> None:
    bench.crm.execute(f"insert into {schema}.offer (id, name, state, tags, amount) values {rows}".encode())


def test_a_schema_per_tenant_is_one_table_of_all_tenants(bench: Bench) -> None:
    first, second = workspace(bench, "a"), workspace(bench, "b", "12, 4")
    bench.crm.execute("create schema ws__crm; create schema xws_c_crm; create schema ws_c_crmx")
    bench.crm.execute(f"alter table {second}.offer drop name, add name text, add custom text")
    put(bench, first, "(1, 'one', 'draft', '{draft,sent}', 12345678.25), (2, 'two', null, null, null)")
    put(bench, second, "(1, 'eins', 'sent', '{}', 1.0625)")
    mapping = deals(PER_SCHEMA + "\nwhere: [{column: state, equals: draft}]", columns=COLUMNS, tenant=BY_SCHEMA)
    assert plan(bench, mapping).source == "*.offer"
    mapping = deals(PER_SCHEMA, columns=f"{COLUMNS}, company_id: name", tenant=BY_SCHEMA)
    rows = loaded(bench, mapping, "tenant_id, id, title, company_id, amount, tags, toTypeName(amount)")
    digits = "Nullable(Decimal(12, 4))"
    assert rows == [
        ("a", "1", "d", "one", Decimal("12345678.25"), "{draft,sent}", digits),
        ("a", "2", None, "two", None, None, digits),
        ("b", "1", "s", "eins", Decimal("1.0625"), "{}", digits),
    ]


def test_the_tenants_schema_appears_and_vanishes_by_itself(bench: Bench) -> None:
    put(bench, workspace(bench, "a"), "(1, 'one', 'draft', null, 1)")
    mapping = deals(PER_SCHEMA, columns=COLUMNS, tenant=BY_SCHEMA)
    bench.load(mapping, "deals")
    assert bench.load(mapping, "deals").mode == "incremental"
    hostile = workspace(bench, "b'\"; %s {0}")
    bench.crm.execute(f"insert into {hostile}.offer (id, updated_at) values (9, '2001-01-01Z')".encode())
    assert bench.load(mapping, "deals").mode == "full"
    assert bench.replica("deals", "tenant_id, id") == [("a", "1"), ("b'\"; %s {0}", "9")]
    bench.crm.execute("drop schema ws_a_crm cascade")
    bench.load(mapping, "deals")
    assert bench.replica("deals", "tenant_id, id") == [("b'\"; %s {0}", "9")]


def test_a_query_is_read_from_each_schema(bench: Bench) -> None:
    for name in ("a", "B'\"%"):
        put(bench, workspace(bench, name), "(1, 'one', 'sent', null, 1), (2, 'two', 'draft', null, 1)")
    query = (
        "select distinct on (id) o.*, '{1,2}'::int[] as list from {schema}.offer o join {schema}.offer p using (id);"
    )
    mapping = deals(f"query: {json.dumps(query)}\nextra: {{list: list}}", columns=COLUMNS, tenant=BY_SCHEMA)
    rows = loaded(bench, mapping, "tenant_id, id, title, list")
    assert rows == [(name, key, title, "{1,2}") for name in ("B'\"%", "a") for key, title in (("1", "s"), ("2", "d"))]
    bench.crm.execute("alter table ws_a_crm.offer drop id")
    assert refusal(bench, mapping) == (
        "bench.yaml: deals.query: PostgreSQL refuses it in schema ws_a_crm: "
        'column "id" specified in USING clause does not exist in left table'
    )


def test_a_table_outside_of_the_schemas_has_a_tenant_of_its_own(bench: Bench) -> None:
    workspace(bench, "a")
    bench.crm.execute("create table firms (name text, created_at timestamptz)")
    bench.crm.execute("insert into firms values ('Acme', now())")
    bench.load(deals(PER_SCHEMA, tenant=BY_SCHEMA), "tenants")
    assert bench.replica("tenants", "tenant_id, name") == [("acme", "Acme")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "drop table ws_b_crm.offer",
            "deals: the CRM has no table ws_b_crm.offer, or this user may not see its schema",
        ),
        ("alter table ws_b_crm.offer drop name", "deals.company_id: ws_b_crm.offer has no column 'name'"),
        ("alter table ws_b_crm.offer drop updated_at", "deals.changed_at: ws_b_crm.offer has no column 'updated_at'"),
        (
            "alter table ws_b_crm.offer alter name type int using 1",
            "deals.company_id: column 'name' is text in schema ws_a_crm but integer in schema ws_b_crm; "
            "the schemas must agree",
        ),
        (
            "alter table ws_b_crm.offer alter tags type int[] using null",
            "deals.tags: column 'tags' is ws_a_crm.state[] in schema ws_a_crm but integer[] in schema ws_b_crm; "
            "the schemas must agree",
        ),
        ("drop schema ws_a_crm cascade; drop schema ws_b_crm cascade", "deals: the CRM has no schema ws_*_crm"),
    ],
)
def test_schemas_that_differ_are_refused_by_name(bench: Bench, change: str, message: str) -> None:
    for name in ("a", "b"):
        workspace(bench, name)
    mapping = deals(PER_SCHEMA, columns=f"{COLUMNS}, company_id: name", tenant=BY_SCHEMA)
    bench.load(mapping, "deals")
    bench.crm.execute(change.encode())
    assert refusal(bench, mapping) == f"bench.yaml: {message}"


@pytest.mark.parametrize(
    "form",
    ["table", "join", "join without key", "query", "schemas", "query of schemas"],
)
def test_changed_rows_are_found_by_index_through_every_form(bench: Bench, form: str) -> None:
    bench.crm.execute(OFFERS)
    names = {"a": workspace(bench, "a"), "b": workspace(bench, "b")}
    for table in ("public.offers", *(f"{name}.offer" for name in names.values())):
        bench.crm.execute(
            f"insert into {table} (id, created_at, updated_at) "
            f"select g, '2025-01-01Z', '2025-01-01Z'::timestamptz + g * interval '1 minute' "
            f"from generate_series(1, 10000) g".encode()
        )
        bench.crm.execute(f"create index on {table} (updated_at); create index on {table} (created_at)".encode())
        bench.crm.execute(f"analyze {table}".encode())
    if form == "join without key":
        bench.crm.execute("alter table sellers drop constraint sellers_pkey")
    stamped = "\nchanged_at: updated_at\ncreated_at: created_at"
    mapping = {
        "table": lambda: deals(f"source: public.offers{stamped}"),
        "join": lambda: deals(JOIN + stamped),
        "join without key": lambda: deals(JOIN + stamped),
        "query": lambda: deals(
            f"query: select o.*, s.email from offers o left join sellers s on s.id = seller{stamped}"
        ),
        "schemas": lambda: deals(PER_SCHEMA, columns=COLUMNS, tenant=BY_SCHEMA),
        "query of schemas": lambda: deals(
            f'query: "select *, upper(name) from {{schema}}.offer"{stamped}', columns=COLUMNS, tenant=BY_SCHEMA
        ),
    }[form]()
    since = datetime(2025, 1, 7, 22, tzinfo=UTC)
    select = render_select(plan(bench, mapping), extracted_at=datetime.now(UTC), since=since)
    result = bench.crm.execute(f"explain (format json, costs off) {select}".encode()).fetchone()
    assert result is not None
    steps = nodes(result[0][0]["Plan"])
    scans = [step["Node Type"] for step in steps if step.get("Relation Name") in ("offers", "offer")]
    indexes = sum(step["Node Type"] == "Bitmap Index Scan" for step in steps)
    assert set(scans) == {"Bitmap Heap Scan"}, result[0]
    assert form == "join without key" or not {"Unique", "Aggregate", "Sort"} & {step["Node Type"] for step in steps}
    assert indexes >= (4 if "schemas" in form else 2)


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(inner for child in node.get("Plans", ()) for inner in nodes(child))]


def test_a_history_without_source_is_planned_as_a_snapshot(offers: Bench) -> None:
    text = (
        HEAD.format("{constant: acme}")
        + f"""
  deals: {{source: public.offers, columns: {{id: id, {NEEDED}}}}}
  deal_stage_history: {{snapshot: true}}
"""
    )
    mapping = parse_mapping(text, "bench.yaml")
    catalog = read_source_catalog(offers.crm, mapping)
    planned = plan_table(mapping, "deal_stage_history", catalog)
    unmapped = plan_table(mapping, "deal_owner_history", catalog)
    assert (planned.snapshot, planned.source, unmapped.snapshot, unmapped.source) == (True, None, False, None)
    assert ("stage_id", "String") in planned.replica_columns


def test_an_extra_column_is_cast_translated_and_read_in_a_staging_model(offers: Bench) -> None:
    extra = (
        "{region: state, half: {cast: {column: amount, to: 'decimal(9,1)'}}, flag: {cast: {column: flag, to: text}}, "
    )
    extra += "word: {column: size, values: {7: seven, 8: eight}}, days: {cast: {column: size, to: integer}}}"
    mapping = deals(f"source: public.offers\nextra: {extra}", columns=", amount: amount")
    assert loaded(offers, mapping, "id, region, half, flag, word, days")[:2] == [
        ("1", "draft", Decimal("1.1"), "true", "seven", 7),
        ("2", "sent", Decimal("-2.0"), "false", "eight", 8),
    ]
    page = (REPOSITORY / "docs" / "connecting-your-crm.md").read_text(encoding="utf-8")
    example = re.search(r"```sql\n\s*(\w+),\n(.*?)```", page, re.DOTALL)
    assert example is not None
    model = (REPOSITORY / "dbt_project" / "models" / "staging" / "stg_crm__deals.sql").read_text(encoding="utf-8")
    edited = model.replace(f"{example[1]}\nfrom", f"{example[1]},\n{example[2]}from")
    query = edited.replace("{{ source('crm', 'deals') }}", offers.warehouse.replica("deals"))
    assert {(row[1], row[-1]) for row in offers.warehouse.rows(query)} == {("1", "draft"), ("2", "sent"), ("3", None)}


def test_what_cannot_be_cast_exactly_is_refused_by_name(offers: Bench) -> None:
    for cast, value in (("{column: amount, to: integer}", "1.125"), ("{column: size, to: 'decimal(2,1)'}", "99")):
        offers.crm.execute("update offers set size = 99 where id = 3")
        mapping = deals(f"source: public.offers\nextra: {{odd: {{cast: {cast}}}}}")
        assert refusal(offers, mapping).startswith(f"deals.odd: value {value}")


def test_types_of_a_query_without_a_binary_form_are_read_too(offers: Bench) -> None:
    query = "select relacl, id, offers.created_at from offers left join pg_class on relname = 'offers'"
    assert len(loaded(offers, deals(f"query: {query}"))) == 3
    mapping = deals(f"query: {query}\nextra: {{rights: relacl}}")
    assert refusal(offers, mapping).startswith("bench.yaml: deals.rights: the query.relacl is aclitem[], which has no")


def test_a_query_that_writes_by_a_function_fails_and_writes_nothing(offers: Bench) -> None:
    offers.crm.execute(
        "create function touched(int) returns int language plpgsql as "
        "'begin update offers set size = 0; return $1; end'"
    )
    mapping = deals("query: select touched(offers.id) as id, created_at from offers")
    assert refusal(offers, mapping) == ("deals: the CRM's PostgreSQL: cannot execute UPDATE in a read-only transaction")
    assert offers.crm.execute("select count(*) from offers where size = 0").fetchone() == (0,)
    offers.crm.execute("update offers set size = 1")
