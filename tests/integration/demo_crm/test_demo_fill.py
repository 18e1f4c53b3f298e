"""The filled demo: reproducible, complete, consistent, and believable to somebody who knows such companies."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from deploy.demo_crm import DemoError, fill, read_as_of, read_generation, rows
from deploy.demo_crm.edge_cases import EDGE_CASES, ODD_TEXTS, count_edge_cases
from deploy.demo_crm.storage import SCHEMA_FILE, TABLES
from tests.integration.demo_crm.conftest import AS_OF, Connection, Databases
from tests.integration.demo_crm.demo_queries import checksums, table, value


def test_same_arguments_give_the_same_bytes_and_another_seed_others(make_database: Databases) -> None:
    sums = []
    for seed in (3, 3, 4):
        connection = make_database()
        fill(connection, seed=seed, deals=400, as_of=AS_OF)
        sums.append(checksums(connection))
    assert sums[0] == sums[1]
    same = {name for name in TABLES if sums[0][name] == sums[2][name]}
    assert same == {"tenants", "departments", "pipelines", "stages", "lead_sources"}


def test_every_edge_case_is_there(demo: Connection) -> None:
    counts = count_edge_cases(demo)
    assert set(counts) == {case.name for case in EDGE_CASES}
    assert [name for name, count in counts.items() if count == 0] == []


def test_a_fill_reports_its_rows_edge_cases_and_progress(make_database: Databases) -> None:
    lines: list[str] = []
    connection = make_database()
    filled = fill(connection, deals=300, as_of=AS_OF, progress=lines.append)
    assert filled.rows == {name: value(connection, f"select count(*) from {name}") for name in TABLES}
    assert filled.edge_cases == count_edge_cases(connection)
    assert any("Hudson" in line for line in lines)


def test_the_smallest_demo_has_every_edge_case_whatever_the_day(make_database: Databases) -> None:
    for as_of in (datetime(2024, 2, 29, 15, 37, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)):
        counts = fill(make_database(), seed=1, deals=300, as_of=as_of).edge_cases
        assert [name for name, count in counts.items() if count == 0] == []


def test_generation_is_recorded(demo: Connection) -> None:
    generation = read_generation(demo)
    assert (generation.seed, generation.deals, generation.days_played) == (7, 1_500, 0)
    assert generation.as_of == read_as_of(demo) == AS_OF


def test_number_of_deals_follows_the_size(demo: Connection, make_database: Databases) -> None:
    edge_deals = 230
    assert 1_500 * 0.95 < value(demo, "select count(*) from deals") < 1_500 + edge_deals
    activities, messages = (value(demo, f"select count(*) from {name}") for name in ("activities", "messages"))
    assert 5 < activities / 1_500 < 8
    assert 0.2 < messages / activities < 0.35


def test_keys_and_indexes_are_those_of_the_schema(demo: Connection, make_database: Databases) -> None:
    bare = make_database()
    bare.execute(SCHEMA_FILE.read_bytes())
    constraints = (
        "select conrelid::regclass::text, contype::text, pg_get_constraintdef(oid), convalidated from pg_constraint"
        " where connamespace = 'public'::regnamespace order by 1, 2, 3"
    )
    indexes = "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2"
    assert table(demo, constraints) == table(bare, constraints)
    assert table(demo, indexes) == table(bare, indexes)


def test_no_reference_leaves_its_tenant(demo: Connection) -> None:
    references = table(
        demo,
        """
        select c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f' and array_length(c.conkey, 1) = 1 and c.confrelid <> 'tenants'::regclass
        """,
    )
    references.append(("departments", "head_user_id", "users"))
    assert len(references) > 20
    for source, column, target in references:
        strangers = value(
            demo,
            f"select count(*) from {source} s left join {target} t on t.id = s.{column}"
            f" where s.{column} is not null and t.tenant_id is distinct from s.tenant_id",
        )
        assert strangers == 0, (source, column)


def test_updated_at_is_after_the_creation_and_not_after_as_of(demo: Connection) -> None:
    for name in TABLES:
        assert value(demo, f"select count(*) from {name} where updated_at > %(as_of)s", {"as_of": AS_OF}) == 0, name
    with_creation = [name for name in TABLES if name not in ("deal_stage_history", "deal_owner_history", "messages")]
    for name in set(with_creation) - {"exchange_rates"}:
        assert value(demo, f"select count(*) from {name} where updated_at < created_at") == 0, name
        assert value(demo, f"select count(*) from {name} where created_at > %(as_of)s", {"as_of": AS_OF}) == 0, name


def test_history_tells_how_each_ordinary_deal_got_where_it_is(demo: Connection) -> None:
    demo.execute(
        """
        create temporary table ordinary as
        select h.*, d.created_at, d.stage_id as now_stage, d.pipeline_id as now_pipeline, d.closed_at, d.title,
            lag(h.stage_id) over moves as stage_before,
            lag(h.pipeline_id) over moves as pipeline_before,
            lag(h.changed_at) over moves as moment_before,
            row_number() over (partition by h.deal_id order by h.changed_at desc, h.id desc) as from_end
        from deal_stage_history h join deals d on d.id = h.deal_id
        where d.title not like 'Edge case%%' and length(d.title) > 3
            and not exists (select from deals e where e.id = d.id and e.id >= (
                select min(id) from deals where title like 'Edge case%%'))
        window moves as (partition by h.deal_id order by h.changed_at, h.id)
        """
    )
    assert value(demo, "select count(*) from ordinary") > 5_000
    wrong_end = (
        "select count(*) from ordinary where from_end = 1 and (stage_id, pipeline_id) <> (now_stage, now_pipeline)"
    )
    assert value(demo, wrong_end) == 0
    assert value(demo, "select count(*) from ordinary where from_stage_id is distinct from stage_before") == 0
    assert (
        value(demo, "select count(*) from ordinary where changed_at <= moment_before or changed_at < created_at") == 0
    )
    assert value(demo, "select count(*) from ordinary where stage_before is null and changed_at <> created_at") == 0


def test_stage_ids_repeat_across_pipelines_with_other_names_and_positions(demo: Connection) -> None:
    repeated = table(
        demo,
        "select id, count(distinct position), count(distinct name) from stages where tenant_id = 'hudson'"
        " group by id having count(*) >= 3",
    )
    assert {"new", "won", "lost", "qualified", "proposal"} <= {row[0] for row in repeated}
    assert any(positions > 1 and names > 1 for _, positions, names in repeated)


def test_odd_texts_arrive_unchanged(demo: Connection) -> None:
    titles = {title for (title,) in table(demo, "select title from deals")}
    bodies = {body for (body,) in table(demo, "select body from messages")}
    assert set(ODD_TEXTS) <= titles
    assert set(ODD_TEXTS) <= bodies


def test_columns_of_the_generator_arrive_unchanged(make_database: Databases) -> None:
    connection = make_database()
    connection.execute("create table texts (place bigint, body text, amount numeric(18, 2), missing bigint)")
    places = np.arange(len(ODD_TEXTS))
    amounts = np.array([0, 5, 100, 12_345_678_901, *[99] * (len(places) - 4)])
    columns = {
        "place": rows.numbers(places),
        "body": rows.choices(places, ODD_TEXTS),
        "amount": rows.cents(amounts),
        "missing": rows.numbers(places, places % 2 == 0),
    }
    assert rows.copy_columns(connection, "texts", columns) == len(ODD_TEXTS)
    found = table(connection, "select body, amount, missing from texts order by place")
    assert [body for body, _, _ in found] == list(ODD_TEXTS)
    assert [str(amount) for _, amount, _ in found[:4]] == ["0.00", "0.05", "1.00", "123456789.01"]
    assert [missing for _, _, missing in found[:3]] == [None, 1, None]


def test_rates_are_published_on_bank_days_with_one_long_pause(demo: Connection) -> None:
    weekend = "select count(*) from exchange_rates where extract(isodow from rate_on) > 5"
    assert value(demo, weekend) == 0
    pause = (
        "select max(rate_on - before) from (select currency, rate_on,"
        " lag(rate_on) over (partition by currency order by rate_on) as before"
        " from exchange_rates where tenant_id = 'volga') r where currency = %(currency)s"
    )
    assert value(demo, pause, {"currency": "CNY"}) > 20
    assert value(demo, pause, {"currency": "USD"}) <= 4


def test_the_companies_look_like_companies(demo: Connection) -> None:
    won = dict(
        table(
            demo,
            "select d.tenant_id, avg((outcome = 'won')::int) from deals d"
            " join stages s on s.pipeline_id = d.pipeline_id and s.id = d.stage_id where outcome <> 'open' group by 1",
        )
    )
    assert all(0.15 < rate < 0.45 for rate in won.values()), won
    median = (
        "select tenant_id, percentile_cont(0.5) within group (order by amount) from deals where amount > 0 group by 1"
    )
    amounts = dict(table(demo, median))
    assert 50_000 < amounts["volga"] < 300_000
    assert 1_500 < amounts["hudson"] < 12_000
    assert 200_000 < amounts["alatau"] < 1_500_000
    assert value(demo, "select max(amount) from deals") < 100_000_000
    converted = dict(
        table(
            demo,
            "select s.name, avg((status = 'converted')::int) from leads join lead_sources s on s.id = source_id"
            " where leads.tenant_id = 'volga' group by 1",
        )
    )
    assert converted["Рекомендация"] > 2 * converted["Холодный звонок"]


def test_business_follows_the_calendar_of_the_tenant(demo: Connection) -> None:
    local = (
        "select {} from leads join tenants t on t.id = tenant_id"
        " where tenant_id = %(tenant)s and title not like 'Edge%%'"
    )
    moment = "(leads.created_at at time zone timezone)"
    for tenant in ("volga", "hudson", "alatau"):
        at_work = value(
            demo, local.format(f"avg((extract(hour from {moment}) between 9 and 18)::int)"), {"tenant": tenant}
        )
        weekdays = value(demo, local.format(f"avg((extract(isodow from {moment}) < 6)::int)"), {"tenant": tenant})
        assert at_work > 0.95, tenant
        assert 0.9 < weekdays < 1, tenant
    months = table(
        demo,
        local.format(f"extract(month from {moment})::int, count(*)") + " group by 1",
        {"tenant": "volga"},
    )
    by_month = dict(months)
    assert by_month[12] > 1.3 * by_month[1]
    years = (
        "count(*) filter (where leads.created_at < %(as_of)s - interval '2 years'),"
        " count(*) filter (where leads.created_at >= %(as_of)s - interval '1 year')"
    )
    first, last = table(demo, local.format(years), {"tenant": "volga", "as_of": AS_OF})[0]
    assert last > 1.1 * first


def test_messages_are_finished_texts_in_the_language_of_the_tenant(demo: Connection) -> None:
    assert value(demo, "select count(*) from messages where body ~ '[{}]' and body not like 'semi;colon%%'") == 0
    cyrillic = dict(
        table(
            demo,
            "select tenant_id || coalesce(language, ''), avg((body ~ '[а-я]')::int) from messages"
            " where language is not null group by 1",
        )
    )
    assert cyrillic["volgaru"] == 1
    assert cyrillic["hudsonru"] == 1
    assert cyrillic["volgaen"] < 1
    assert value(demo, "select count(distinct body) * 1.0 / count(*) from messages") > 0.9


def test_a_filled_demo_is_not_overwritten_unless_asked(copy: Connection) -> None:
    before = checksums(copy)
    with pytest.raises(DemoError, match="add --replace"):
        fill(copy, deals=300, as_of=AS_OF)
    assert checksums(copy) == before
    fill(copy, deals=300, as_of=AS_OF, replace=True)
    assert value(copy, "select count(*) from deals") < 700


def test_tables_of_somebody_else_are_never_touched(make_database: Databases) -> None:
    connection = make_database()
    connection.execute("create table deals (precious int); insert into deals values (1)")
    with pytest.raises(DemoError, match="tables that are not the demo's exist here"):
        fill(connection, deals=300, as_of=AS_OF, replace=True)
    assert value(connection, "select precious from deals") == 1


def test_a_failed_fill_leaves_the_database_as_it_was(copy: Connection) -> None:
    before = checksums(copy)

    def fail(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        fill(copy, deals=300, as_of=AS_OF, replace=True, progress=fail)
    assert checksums(copy) == before


@pytest.mark.parametrize(
    ("deals", "as_of", "message"), [(10, AS_OF, "at least 300"), (300, datetime(2026, 1, 1), "UTC offset")]
)
def test_senseless_arguments_are_refused(make_database: Databases, deals: int, as_of: datetime, message: str) -> None:
    with pytest.raises(DemoError, match=message):
        fill(make_database(), deals=deals, as_of=as_of)


def test_reading_without_a_demo_says_what_to_do(make_database: Databases) -> None:
    with pytest.raises(DemoError, match="fill"):
        read_as_of(make_database())
