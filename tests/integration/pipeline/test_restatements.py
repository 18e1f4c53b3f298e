"""Nights after which figures of closed months differ: the log names exactly these, with the records behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from orchestration.dbt_manifest import load_dbt_project
from orchestration.extraction.replica import Warehouse
from orchestration.restatement_log import create_restatement_log
from orchestration.restatements import Restatement, log_restatements, read_restated_marts
from tests.integration.judge_selftest.tiny_crm import TinyCrm
from tests.integration.pipeline.building import build, extract
from tests.integration.pipeline.conftest import create_database

STAGES = {"new": (10, "open"), "signed": (20, "won"), "lost": (30, "lost")}
MARTS = read_restated_marts(load_dbt_project().manifest_path)
CLOSED_BEFORE = "2026-06-01"
BUILT = {"tenants": "analytics.dim_tenants", "rebuilt_records": "ops.rebuilt_records"}

Sums = dict[tuple[str, str, str, str], Decimal]
Logged = tuple[str, str, str, Decimal, Decimal, tuple[tuple[str, Decimal, Decimal, str], ...]]


@dataclass
class Nights:
    """What three nights left: the log after each, and the marts' months before and after the second."""

    ids: dict[str, int]
    client: Client
    baseline: list[Logged]
    logged: list[Logged]
    quiet: list[Logged]
    before: Sums
    after: Sums
    places: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def own_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """Return a ClickHouse of this module: in the shared one, dbt's databases belong to the demo CRM."""
    access: dict[str, Any] = {"username": "warehouse", "password": "warehouse-password"}
    folder = tmp_path_factory.mktemp("clickhouse")
    with start_clickhouse(folder / "data", user=access["username"], password=access["password"]) as server:
        yield ClickHouseSettings.model_validate({"host": server.host, "port": server.port, **access})


@pytest.fixture(scope="module")
def nights(
    postgres: PostgresSettings, own_clickhouse: ClickHouseSettings, tmp_path_factory: pytest.TempPathFactory
) -> Nights:
    """Return what three nights left."""
    client, folder = connect_clickhouse(own_clickhouse, autogenerate_session_id=False), tmp_path_factory.mktemp("dbt")
    with connect_postgres(create_database(postgres, "restated")) as connection:
        connection.execute((REPOSITORY / "deploy" / "demo_crm" / "schema.sql").read_bytes())
        crm, warehouse = TinyCrm(connection), Warehouse(client)

        def pass_night() -> None:
            extract(connection, warehouse)
            create_restatement_log(warehouse)
            build(own_clickhouse, folder, datetime.fromisoformat(crm.as_of))
            restate(warehouse)

        ids = first_day(crm)
        pass_night()
        baseline, before = read_log(client), month_sums(client)
        second_day(crm, ids)
        pass_night()
        logged, after = read_log(client), month_sums(client)
        pass_night()
    places = {
        record: (place_from, place_to)
        for record, place_from, place_to in client.query(
            "select record_id, place_from, place_to from analytics.restatement_records where reason = 'moved'"
        ).result_rows
    }
    return Nights(ids, client, baseline, logged, read_log(client), before, after, places)


def first_day(crm: TinyCrm) -> dict[str, int]:
    """Write a CRM whose months are closed up to May 2026."""
    crm.tenant("acme")
    ids = {"manager": crm.user("Ann"), "pipeline": crm.pipeline("Main", STAGES)}
    ids["web"], ids["fair"] = crm.source("Web"), crm.source("Fair")
    for name, day, amount, currency in (
        ("reopened", "2026-03-10", 100, "USD"),
        ("deleted", "2026-03-20", 200, "USD"),
        ("kept", "2026-03-25", 1000, "USD"),
        ("repriced", "2026-04-05", 300, "USD"),
        ("rated late", "2026-04-10", 400, "EUR"),
        ("of the open month", "2026-06-03", 500, "USD"),
    ):
        ids[name] = crm.deal(ids["pipeline"], "signed", amount=amount, currency=currency, owner_user_id=ids["manager"])
        crm.moved(ids[name], ids["pipeline"], ("new", "2026-01-01T10:00:00Z"), ("signed", f"{day}T10:00:00Z"))
    ids["lead"] = crm.lead("2026-02-10T00:00:00Z", source_id=ids["web"], owner_user_id=ids["manager"])
    ids["other lead"] = crm.lead("2026-02-11T00:00:00Z", source_id=ids["web"])
    # It stands in its month twice: on the day that it came, and on the day of its deal.
    ids["converted"] = crm.lead("2025-11-03T00:00:00Z", source_id=ids["web"])
    ids["its deal"] = crm.deal(ids["pipeline"], "new", "2025-11-20T00:00:00Z", lead_id=ids["converted"])
    for name in ("call", "other call"):
        ids[name] = crm.activity(
            "call", "done", completed_at="2026-05-05T09:00:00Z", duration_minutes=30,
            assignee_user_id=ids["manager"],
        )  # fmt: skip
    return ids


def second_day(crm: TinyCrm, ids: dict[str, int]) -> None:
    """Change what lies in closed months, and in the open one."""
    crm.moved(ids["reopened"], ids["pipeline"], ("new", "2026-06-14T10:00:00Z"), from_stage_id="signed")
    crm.change("deals", ids["reopened"], stage_id="new")
    crm.delete("deals", ids["deleted"])
    crm.change("deals", ids["repriced"], amount=350)
    crm.rate("EUR", "2026-04-09", "1.10")
    crm.change("deals", ids["of the open month"], amount=501)
    crm.change("leads", ids["lead"], source_id=ids["fair"])
    crm.delete("activities", ids["call"])
    crm.delete("deals", ids["its deal"])
    ids["backdated"] = crm.deal(
        ids["pipeline"], "signed", "2026-06-14T00:00:00Z", closed_at="2025-12-30T10:00:00Z", amount=70
    )


def read_log(client: Client) -> list[Logged]:
    """Return the log as readers see it: what is found later of a figure comes later, ids in order."""
    rows = client.query("""
        select mart, toString(month), measure, value_from, value_to,
            arraySort(groupArray((record_id, contribution_from, contribution_to, reason)))
        from analytics.restatements as log
        inner join analytics.restatement_records as behind using (tenant_id, mart, month, measure, run_id)
        where tenant_id = 'acme'
        group by mart, month, measure, value_from, value_to, run_id, log.detected_at
        order by mart, month, measure, log.detected_at
    """).result_rows
    return [(*row[:5], tuple(tuple(record) for record in row[5])) for row in rows]


def month_sums(client: Client) -> Sums:
    """Return the watched figures of closed months from the marts themselves."""
    return {
        (mart.mart, tenant, month, measure): Decimal(total)
        for mart in MARTS
        for measure in mart.measures
        for tenant, month, total in client.query(
            f"select tenant_id, toString(month), sum({measure}) as total from analytics.{mart.mart} "
            f"where month < '{CLOSED_BEFORE}' group by all having total != 0"
        ).result_rows
    }


def test_the_first_night_only_remembers(nights: Nights) -> None:
    assert nights.baseline == []
    assert len(nights.before) > 8


def test_the_log_names_exactly_what_changed(nights: Nights) -> None:
    def left(name: str, amount: int) -> tuple[str, Decimal, Decimal, str]:
        return str(nights.ids[name]), Decimal(amount), Decimal(0), "left"

    def entered(name: str, amount: int) -> tuple[str, Decimal, Decimal, str]:
        return str(nights.ids[name]), Decimal(0), Decimal(amount), "entered"

    def kept(name: str, before: int, after: int, reason: str) -> tuple[str, Decimal, Decimal, str]:
        return str(nights.ids[name]), Decimal(before), Decimal(after), reason

    expected: list[tuple[str, str, str, float, float, tuple[tuple[str, Decimal, Decimal, str], ...]]] = [
        ("lead_conversion", "2025-11-01", "period_converted_leads", 1, 0, (kept("converted", 1, 0, "changed"),)),
        ("lead_conversion", "2026-01-01", "direct_deals", 6, 5, (left("deleted", 1),)),
        ("lead_conversion", "2026-02-01", "leads", 2, 2, (kept("lead", 1, 1, "moved"),)),
        ("leads_by_source", "2026-02-01", "leads", 2, 2, (kept("lead", 1, 1, "moved"),)),
        ("manager_activity", "2026-05-01", "calls", 2, 1, (left("call", 1),)),
        ("manager_activity", "2026-05-01", "minutes", 60, 30, (left("call", 30),)),
        ("manager_activity", "2026-05-01", "total", 2, 1, (left("call", 1),)),
        ("sales_by_month", "2025-12-01", "won_amount_base", 0, 70, (entered("backdated", 70),)),
        ("sales_by_month", "2025-12-01", "won_deals", 0, 1, (entered("backdated", 1),)),
        ("sales_by_month", "2026-03-01", "won_amount_base", 1300, 1000, (left("reopened", 100), left("deleted", 200))),
        ("sales_by_month", "2026-03-01", "won_deals", 3, 1, (left("reopened", 1), left("deleted", 1))),
        (
            "sales_by_month", "2026-04-01", "won_amount_base", 300, 790,
            (kept("repriced", 300, 350, "changed"), kept("rated late", 0, 440, "changed")),
        ),
    ]  # fmt: skip
    assert nights.logged == [
        (mart, month, measure, Decimal(value_from), Decimal(value_to), tuple(sorted(records)))
        for mart, month, measure, value_from, value_to, records in expected
    ]


def test_a_moved_record_says_from_where_to_where(nights: Nights) -> None:
    assert nights.places == {str(nights.ids["lead"]): (str(nights.ids["web"]), str(nights.ids["fair"]))}


def test_the_difference_of_the_marts_is_the_sum_of_the_log(nights: Nights) -> None:
    differences = {
        key: nights.after.get(key, Decimal(0)) - nights.before.get(key, Decimal(0))
        for key in nights.before.keys() | nights.after.keys()
    }
    logged: Sums = {}
    for mart, month, measure, value_from, value_to, records in nights.logged:
        logged[mart, "acme", month, measure] = value_to - value_from
        assert sum(record[2] - record[1] for record in records) == value_to - value_from
    assert {key: change for key, change in differences.items() if change} == {
        key: change for key, change in logged.items() if change
    }


def test_a_quiet_night_adds_nothing(nights: Nights) -> None:
    assert nights.quiet == nights.logged


class Mortal(Warehouse):
    """A warehouse whose writer dies before its n-th statement."""

    lives = 0

    def run(self, statement: str, settings: dict[str, Any] | None = None, **parameters: Any) -> None:
        """Execute the statement, or die."""
        if Mortal.lives == 0:
            raise InterruptedError
        Mortal.lives -= 1
        super().run(statement, settings, **parameters)


def test_a_run_that_dies_neither_loses_nor_doubles_a_restatement(nights: Nights) -> None:
    """At every statement; the figure even moves on between a death and the run that recovers."""
    client, warehouse, before = nights.client, Warehouse(nights.client), len(read_log(nights.client))
    kept = nights.ids["kept"]
    deaths = 0
    while True:
        reprice(client, kept, 2000 + deaths)
        Mortal.lives = deaths
        try:
            found = log_restatements(Mortal(client), MARTS, **BUILT, run_id="mortal")
        except InterruptedError:
            deaths += 1
            if len(read_log(client)) != before:
                break
        else:
            raise AssertionError(f"{found} after {deaths} statements, and still not logged before the end")
    # It died after its commit: what it logged stands.
    final = 2000 + deaths - 1
    march = [entry for entry in read_log(client) if entry[:3] == ("sales_by_month", "2026-03-01", "won_amount_base")]
    assert [(entry[3], entry[4]) for entry in march[1:]] == [(Decimal(1000), Decimal(final))]
    assert deaths > 2 * len(MARTS)
    assert restate(warehouse) == []
    reprice(client, kept, 1000)
    (back,) = restate(warehouse)
    assert (back.measure, back.records) == ("won_amount_base", 1)
    assert (back.value_from, back.value_to) == (Decimal(final), Decimal(1000))
    ((left_behind,),) = client.query("""
        select count()
        from ops.month_records as records
        inner join (
            select mart, tenant_id, month, argMax(records_since, batch) as since from ops.month_totals group by all
        ) as months using (mart, tenant_id, month)
        where records.batch < months.since
    """).result_rows
    assert left_behind == 0


def test_a_month_that_closes_is_remembered_in_silence_and_watched_from_then_on(nights: Nights) -> None:
    warehouse = Warehouse(nights.client)
    look_from(nights.client, "2026-07-02")
    assert restate(warehouse) == []
    reprice(nights.client, nights.ids["of the open month"], 900)
    (june,) = restate(warehouse)
    assert (june.month.isoformat(), june.value_from, june.value_to) == ("2026-06-01", Decimal(501), Decimal(900))
    # A run that looks from an earlier day again does not open the month.
    look_from(nights.client, "2026-05-20")
    assert restate(warehouse) == []


def test_a_figure_that_is_watched_from_now_on_has_no_past(nights: Nights) -> None:
    warehouse = Warehouse(nights.client, ops="ops_of_fewer")
    nights.client.command("create database ops_of_fewer")
    fewer = tuple(mart for mart in MARTS if mart.mart == "sales_by_month")
    narrow = replace(fewer[0], measures=("won_deals",), places=("pipeline_id",))
    log_restatements(warehouse, (narrow,), **BUILT, run_id="narrow")
    assert log_restatements(warehouse, fewer, **BUILT, run_id="wide") == []
    reprice(nights.client, nights.ids["kept"], 1001)
    (found,) = log_restatements(warehouse, fewer, **BUILT, run_id="wide again")
    assert (found.measure, found.value_to - found.value_from) == ("won_amount_base", Decimal(1))


def test_only_records_that_were_built_anew_are_compared(nights: Nights) -> None:
    warehouse, kept = Warehouse(nights.client), nights.ids["kept"]
    restate(warehouse)
    reprice(nights.client, kept, 1500)
    (found,) = restate(warehouse)
    assert (found.measure, found.value_to - found.value_from) == ("won_amount_base", Decimal(499))
    set_amount(nights.client, kept, 1600)
    assert restate(warehouse) == []
    # A whole build tells no records: all are compared.
    nights.client.command("insert into ops.rebuilt_records values ('sales_by_month', '', '', '', now64(6, 'UTC'))")
    (found,) = restate(warehouse)
    assert (found.measure, found.value_to - found.value_from) == ("won_amount_base", Decimal(100))
    # Of the other months it found what had been added up record by record.
    months = nights.client.query(
        "select distinct mart, toString(month) from ops.month_totals "
        "where batch = (select max(batch) from ops.month_totals)"
    ).result_rows
    assert months == [("sales_by_month", "2026-03-01")]


def test_a_record_that_moves_to_another_closed_month_leaves_one_and_enters_the_other(nights: Nights) -> None:
    warehouse, moved = Warehouse(nights.client), nights.ids["repriced"]
    restate(warehouse)
    for day in ("2026-02-05", "2026-04-05"):
        rebuild(nights.client, moved)
        nights.client.command(
            "alter table analytics.fct_deals update closed_day = {day:Date32} where deal_id = {id:String}",
            parameters={"day": day, "id": str(moved)},
            settings={"mutations_sync": 2},
        )
        found = {
            (entry.month.isoformat(), entry.measure): entry.value_to - entry.value_from for entry in restate(warehouse)
        }
        sign = -1 if day == "2026-02-05" else 1
        assert found == {
            ("2026-04-01", "won_deals"): sign, ("2026-04-01", "won_amount_base"): 350 * sign,
            ("2026-02-01", "won_deals"): -sign, ("2026-02-01", "won_amount_base"): -350 * sign,
        }  # fmt: skip
    assert restate(warehouse) == []


def test_a_log_of_an_older_version_goes_on(nights: Nights) -> None:
    """Then each batch held the records of its months whole, and nothing said so."""
    warehouse, client, kept = Warehouse(nights.client), nights.client, nights.ids["kept"]
    # As that version would have left it: of all months all records, under the batch of their totals.
    for table in ("month_baselines", "month_totals", "month_records", "comparisons"):
        client.command(f"truncate table ops.{table}")
    assert restate(warehouse) == []
    client.command("alter table ops.month_totals drop column records_since")
    reprice(client, kept, 1700)
    (found,) = restate(warehouse)
    assert (found.measure, found.records) == ("won_amount_base", 1)
    reprice(client, kept, 1600)
    (back,) = restate(warehouse)
    assert (back.value_from, back.value_to) == (found.value_to, found.value_from)


def restate(warehouse: Warehouse) -> list[Restatement]:
    return log_restatements(warehouse, MARTS, **BUILT, run_id="by hand")


def reprice(client: Client, deal_id: int, amount: int) -> None:
    """Give a deal another amount, as a build would, which logs the record."""
    set_amount(client, deal_id, amount)
    rebuild(client, deal_id)


def rebuild(client: Client, deal_id: int) -> None:
    """Log that a deal was built anew."""
    client.command(
        "insert into ops.rebuilt_records select 'sales_by_month', tenant_id, record_type, record_id, now64(6, 'UTC') "
        "from analytics.sales_by_month_records where record_id = {id:String}",
        parameters={"id": str(deal_id)},
    )


def set_amount(client: Client, deal_id: int, amount: int) -> None:
    """Give a deal another amount in its fact."""
    statement = "alter table analytics.fct_deals update amount_base = {amount:Int64} where deal_id = {id:String}"
    client.command(statement, parameters={"amount": amount, "id": str(deal_id)}, settings={"mutations_sync": 2})


def look_from(client: Client, day: str) -> None:
    """Let the marts be built as of another day."""
    statement = "alter table analytics.dim_tenants update as_of_day = {day:Date32} where true"
    client.command(statement, parameters={"day": day}, settings={"mutations_sync": 2})
