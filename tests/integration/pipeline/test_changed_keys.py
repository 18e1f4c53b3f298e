"""Models that are built by changed keys hold what a whole build would give, whatever it was that changed.

A company of its own, as every change below would disturb the nights of others. What changes many rows has a night of
its own, where it cannot hide that a smaller change was overlooked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill, play_day
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.dbt_manifest import load_dbt_project
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.restatements import Restatement, log_restatements, read_restated_marts
from tests.integration.conftest import engine_folder
from tests.integration.pipeline.building import Built, build, build_and_test, extract
from tests.integration.pipeline.conftest import create_database

DEALS = 600
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MODELS_BY_CHANGED_KEYS = 16
# Reports that the restatement log watches; each is built by slices.
WATCHED = ("lead_conversion", "leads_by_source", "manager_activity", "sales_by_month")
# They and what they are made of; what is made of them is built whole each time.
BY_CHANGED_KEYS = ("--select", "+config.materialized:changed_keys")

WON: LiteralString = (
    "select deals.id from deals join stages on stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id "
    "where outcome = 'won' and deals.deleted_at is null and amount is not null and stages.deleted_at "
    "is null order by deals.id"
)
OF_EACH_TENANT: LiteralString = "group by tenant_id"
SECOND_TENANT: LiteralString = "(select id from tenants order by id offset 1 limit 1)"

# Builds that end early, each before the models named here: what comes after them has not seen the changes.
BROKEN_OFF = (
    ("--exclude", "int_deal_history_closes+", "int_lead_conversions+"),
    ("--exclude", "int_lead_conversions+"),
)
FULL_REFRESH_BROKEN_OFF = (("--full-refresh", "--exclude", "int_deal_history_closes+", "int_lead_conversions+"),)

# One night per entry: what the CRM does before it.
NIGHTS: dict[str, tuple[LiteralString, ...]] = {
    "rows": (
        f"update deals set amount = amount + 100.01, updated_at = now() where id in ({WON} limit 3)",
        # Reopened by a row of the history, and one only by its stage.
        f"with reopened as (update deals set stage_id = (select id from stages where pipeline_id = deals.pipeline_id "
        f"and outcome = 'open' and deleted_at is null order by position limit 1), updated_at = now() "
        f"where id in ({WON} offset 5 limit 2) returning *) insert into deal_stage_history "
        "select (select max(id) from deal_stage_history) + row_number() over (), tenant_id, id, "
        "pipeline_id, null, stage_id, "
        f"null, now(), now() from reopened where id % 2 = 0",
        f"update deals set deleted_at = now(), updated_at = now() where id in ({WON} offset 11 limit 2)",
        "update leads set deleted_at = now(), updated_at = now() where id in (select max(lead_id) "
        f"from deals {OF_EACH_TENANT})",
        "update leads set source_id = (select min(id) from lead_sources where tenant_id = "
        "leads.tenant_id), updated_at = now() "
        f"where id in (select min(lead_id) from deals {OF_EACH_TENANT})",
        "update deals set lead_id = (select max(id) from leads where tenant_id = deals.tenant_id and "
        "deleted_at is null), "
        f"updated_at = now() where id in (select max(id) from deals where lead_id is not null {OF_EACH_TENANT})",
        "update activities set status = 'done', completed_at = now(), updated_at = now() where id in "
        f"(select max(id) from activities where status = 'planned' {OF_EACH_TENANT})",
        f"delete from messages where activity_id in (select min(id) from activities {OF_EACH_TENANT})",
        f"delete from activities where id in (select min(id) from activities {OF_EACH_TENANT})",
        # The last row of a covering history goes to another deal; both deals change and neither row of `deals` does.
        "update deal_stage_history set deal_id = (select min(id) from deals where tenant_id = "
        "deal_stage_history.tenant_id), "
        f"updated_at = now() where id in (select max(id) from deal_stage_history {OF_EACH_TENANT})",
        f"delete from deal_stage_history where id in (select max(id) - 50 from deal_stage_history {OF_EACH_TENANT})",
        # Of won deals, as the owner at the close is all that shows it.
        "update deal_owner_history set deal_id = (select min(id) from deals where tenant_id = "
        "deal_owner_history.tenant_id), "
        f"updated_at = now() where id in (select max(id) from deal_owner_history where deal_id in ({WON}) "
        f"{OF_EACH_TENANT})",
        f"delete from deal_owner_history where id in (select min(id) from deal_owner_history {OF_EACH_TENANT})",
    ),
    "after builds that broke off": (
        "update deal_stage_history set deal_id = (select min(id) + 1 from deals where tenant_id = "
        "deal_stage_history.tenant_id), "
        f"updated_at = now() where id in (select max(id) - 3 from deal_stage_history {OF_EACH_TENANT})",
        "update deal_owner_history set deal_id = (select min(id) + 1 from deals where tenant_id = "
        "deal_owner_history.tenant_id), "
        f"updated_at = now() where id in (select max(id) - 3 from deal_owner_history {OF_EACH_TENANT})",
        f"update deals set lead_id = null, updated_at = now() where id in (select min(id) from deals where lead_id in "
        f"(select lead_id from deals where deleted_at is null group by lead_id having count(*) = 1) {OF_EACH_TENANT})",
    ),
    "after a full refresh that broke off": (
        "update deal_stage_history set deal_id = (select min(id) + 2 from deals where tenant_id = "
        "deal_stage_history.tenant_id), "
        f"updated_at = now() where id in (select max(id) - 5 from deal_stage_history {OF_EACH_TENANT})",
        "update users set full_name = full_name || ' I', updated_at = now() where id in "
        f"(select max(owner_user_id) from deals {OF_EACH_TENANT})",
    ),
    "people and names": (
        "update users set full_name = full_name || ' II', updated_at = now() where id in "
        f"(select min(owner_user_id) from deals {OF_EACH_TENANT})",
        "update users set department_id = (select max(id) from departments where tenant_id = users.tenant_id), "
        f"updated_at = now() where id in (select max(owner_user_id) from leads {OF_EACH_TENANT})",
        "update users set deleted_at = now(), updated_at = now() where id in "
        f"(select max(assignee_user_id) from activities {OF_EACH_TENANT})",
        f"update departments set name = name || ' 2', updated_at = now() where tenant_id = {SECOND_TENANT}",
        "update lead_sources set name = 'Radio', updated_at = now() where id in (select max(id) from "
        f"lead_sources {OF_EACH_TENANT})",
        "update lead_sources set deleted_at = now(), updated_at = now() where id in (select min(id) "
        f"from lead_sources {OF_EACH_TENANT})",
    ),
    "stages": (
        "update stages set outcome = 'won', updated_at = now() where (pipeline_id, position) in (select pipeline_id, "
        "max(position) from stages where outcome = 'open' and pipeline_id in (select min(id) from "
        "pipelines group by tenant_id) "
        "group by pipeline_id)",
        "update stages set deleted_at = now(), updated_at = now() where (pipeline_id, position) in "
        "(select pipeline_id, "
        "min(position) from stages where pipeline_id in (select max(id) from pipelines group by "
        "tenant_id) group by pipeline_id)",
    ),
    "pipelines": (
        "update pipelines set name = name || ' 2', updated_at = now() where id in (select min(id) "
        "from pipelines group by tenant_id)",
        "update pipelines set deleted_at = now(), updated_at = now() where id = (select max(id) from "
        f"pipelines where tenant_id = {SECOND_TENANT})",
    ),
    "rates": (
        "update exchange_rates set rate = rate * 2, updated_at = now() where rate_on between "
        "current_date - 60 and current_date - 40",
        "delete from exchange_rates where rate_on between current_date - 100 and current_date - 80",
    ),
    # They count for open deals.
    "newest rates": ("update exchange_rates set rate = rate * 2, updated_at = now() where rate_on > current_date - 3",),
    "a tenant": (
        f"update tenants set timezone = 'Pacific/Auckland', updated_at = now() where id = {SECOND_TENANT}",
        "update tenants set currency = 'CHF', updated_at = now() where id = (select max(id) from tenants)",
    ),
    "nothing": (),
    "time only": (),
    # What a company does in some days, by chance: see deploy.demo_crm.day.
    "played days": (),
}
PLAYED_DAYS = 3
LATER = ("time only", "played days")
ENDED_EARLY = {
    "after builds that broke off": BROKEN_OFF,
    "after a full refresh that broke off": FULL_REFRESH_BROKEN_OFF,
}


@dataclass(frozen=True)
class Night:
    """What one night left behind.

    Attributes:
        built_whole: models that were not built by changed keys, with the reason.
        differing: tables whose rows are not those of a whole build at the same moment, with examples.
        changed: whether any table changed at all.
        found: keys that the build by changed keys found changed.
        listed: these, and those that were kept for tests.
        listed_again: the same of the whole build after it.
        restated: figures of closed months that changed, by the records that the reports were built by.
        overlooked: months in which all records, compared after the whole build, differ from what that left.
    """

    built_whole: dict[str, str]
    differing: dict[str, str]
    changed: bool
    found: int
    listed: int
    listed_again: int
    restated: int
    overlooked: list[tuple[str, str, str]]


@dataclass(frozen=True)
class ChangingCompany:
    """A company's CRM and its warehouse."""

    crm: Connection
    warehouse: Warehouse
    access: ClickHouseSettings
    folder: Path


@pytest.fixture(scope="module")
def company(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChangingCompany]:
    """Return a company whose models were built once."""
    folder = tmp_path_factory.mktemp("dbt")
    with engine_folder() as data, start_clickhouse(data, user="warehouse", password="warehouse-password") as server:
        access = ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "warehouse", "password": "warehouse-password"}
        )
        client = connect_clickhouse(access)
        with connect_postgres(create_database(postgres, "changing_company")) as crm:
            fill(crm, seed=11, deals=DEALS, as_of=TODAY)
            warehouse = Warehouse(client, crm="crm", ops="ops")
            extract(crm, warehouse)
            build(access, folder, TODAY, *BY_CHANGED_KEYS)
            restate(warehouse)
            yield ChangingCompany(crm, warehouse, access, folder)


@pytest.fixture(scope="module")
def nights(company: ChangingCompany) -> dict[str, Night]:
    """Return the nights of the company, each compared with a whole build."""
    return {
        title: live_through(
            company,
            changes,
            TODAY + timedelta(days=5 if title in LATER else 0),
            ENDED_EARLY.get(title, ()),
            PLAYED_DAYS if title == "played days" else 0,
        )
        for title, changes in NIGHTS.items()
    }


def live_through(
    company: ChangingCompany,
    changes: tuple[LiteralString, ...],
    as_of: datetime,
    broken_off: tuple[tuple[str, ...], ...],
    days: int,
) -> Night:
    """Change the CRM, build by changed keys, keep what came out, build whole, and compare."""
    crm, warehouse, access, folder = company.crm, company.warehouse, company.access, company.folder
    for change in changes:
        written = crm.execute(change).rowcount
        assert written > 0, f"changed nothing: {change}"
    for _ in range(days):
        play_day(crm, hard_deletes=True, stamp="now")
    extract(crm, warehouse)
    client = warehouse.client
    before = contents(client)
    for selection in broken_off:
        build(access, folder, as_of, *BY_CHANGED_KEYS, *selection)
    build(access, folder, as_of, *BY_CHANGED_KEYS)
    reasons = client.query(
        "select relation, argMax(reason_for_whole_build, built_at) as reason from ops.model_builds group by relation"
    ).result_rows
    assert len(reasons) == MODELS_BY_CHANGED_KEYS
    built, found, listed = contents(client), keys_listed(client, "is_new"), keys_listed(client)
    restated = restate(warehouse)
    keep(client)
    build(access, folder, as_of, *BY_CHANGED_KEYS, "--full-refresh")
    whole = contents(client)
    return Night(
        {relation: reason for relation, reason in reasons if reason},
        {table: example(client, table) for table in whole if whole[table] != built[table]},
        built != before,
        found,
        listed,
        keys_listed(client),
        len(restated),
        found_by_comparing_all(warehouse),
    )


def restate(warehouse: Warehouse) -> list[Restatement]:
    """Follow with the restatement log."""
    marts = read_restated_marts(load_dbt_project().manifest_path)
    assert [mart.mart for mart in marts if mart.is_built_by_slices] == list(WATCHED)
    return log_restatements(
        warehouse, marts, tenants="analytics.dim_tenants", rebuilt_records="ops.rebuilt_records", run_id="test"
    )


def found_by_comparing_all(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """Return mart, tenant and month of what a comparison of all records finds; after a whole build it is one."""
    last = "select max(batch) from ops.restatement_batches"
    ((before,),) = warehouse.rows(last)
    restate(warehouse)
    query = f"select mart, tenant_id, toString(month) from ops.month_totals where batch = ({last}) and batch > {before}"
    return [(str(mart), str(tenant), str(month)) for mart, tenant, month in warehouse.rows(query)]


def keys_listed(client: Client, condition: str = "true") -> int:
    """Return how many deals, leads and activities count as changed."""
    lists = " union all ".join(
        f"select tenant_id from staging.int_changed_{entity} where {condition}"
        for entity in ("deals", "leads", "activities")
    )
    return int(client.query(f"select count() from ({lists}) where tenant_id != ''").result_rows[0][0])


def tables(client: Client) -> list[str]:
    """Return the tables of the models, without lists of changed keys and views, which tell when they were made."""
    rows = client.query(
        "select concat(database, '.', name) from system.tables where database in ('staging', 'analytics') "
        "and engine like '%MergeTree' and name not like 'int_changed_%' and name != 'int_member_changes' "
        "and name not like '%_mv' and not match(name, '^[._]') order by 1"
    ).result_rows
    return [name for (name,) in rows]


def contents(client: Client) -> dict[str, tuple[int, int]]:
    """Return count and sum of hashes of the rows of each table."""
    query = "select count(), sum(cityHash64(tuple(*))) from {}"
    return {table: tuple(client.query(query.format(table)).result_rows[0]) for table in tables(client)}


def keep(client: Client) -> None:
    """Keep a copy of each table in database `kept`."""
    client.command("drop database if exists kept sync")
    client.command("create database kept")
    for table in tables(client):
        client.command(
            f"create table kept.{table.split('.')[1]} engine = MergeTree order by tuple() as select * from {table}"
        )


def example(client: Client, table: str) -> str:
    """Return rows of a table that only one of the two builds has."""
    kept = f"kept.{table.split('.')[1]}"
    by_keys = client.query(f"select * from (select * from {kept} except select * from {table}) limit 2").result_rows
    whole = client.query(f"select * from (select * from {table} except select * from {kept}) limit 2").result_rows
    return f"by changed keys {by_keys}, whole {whole}"


@pytest.mark.parametrize("title", NIGHTS)
def test_changed_keys_give_what_a_whole_build_gives(nights: dict[str, Night], title: str) -> None:
    assert not nights[title].differing


@pytest.mark.parametrize("title", NIGHTS)
def test_the_nights_are_built_by_changed_keys(nights: dict[str, Night], title: str) -> None:
    """Only what changes a third of the keys is worth a whole build, and then that of the reports that are made of them.

    So is the first repair of a replica after a full load: it may carry the boundary of that load.
    """
    whole = set(nights[title].built_whole.values())
    assert whole <= {"a third of the keys changed", "a model above was built whole"}
    if title in ("time only", "nothing"):
        assert not whole


@pytest.mark.parametrize("title", NIGHTS)
def test_something_changed(nights: dict[str, Night], title: str) -> None:
    """Without this a night could agree because nothing happened."""
    assert nights[title].changed == (title != "nothing")


@pytest.mark.parametrize("title", NIGHTS)
def test_a_full_refresh_takes_no_key_for_changed_that_is_not(nights: dict[str, Night], title: str) -> None:
    """All of them are more than the memory holds."""
    assert nights[title].listed_again <= nights[title].listed


@pytest.mark.parametrize("title", NIGHTS)
def test_no_restatement_is_overlooked(nights: dict[str, Night], title: str) -> None:
    """The log compares the records that a report was built by, and there is nothing for a comparison of all to find."""
    assert nights[title].overlooked == []
    if title in ("rows", "played days"):
        assert nights[title].restated > 0
    if title == "nothing":
        assert nights[title].restated == 0


def test_what_was_compared_is_forgotten(nights: dict[str, Night], company: ChangingCompany) -> None:
    """But for the last build of each watched report; of one that is not watched nothing is noted."""
    rows = company.warehouse.rows("select report, uniq(built_at) from ops.rebuilt_records group by report")
    assert {str(report): int(builds) for report, builds in rows} == dict.fromkeys(WATCHED, 1)


def test_where_nothing_changed_no_key_is_found(nights: dict[str, Night]) -> None:
    assert nights["nothing"].found == 0
    # Some closes of the CRM lay in the future and no longer do.
    assert nights["time only"].found > 0


def test_a_model_that_was_a_view_becomes_a_table(company: ChangingCompany) -> None:
    """In a warehouse that an older version of the project built."""
    client, model, before = company.warehouse.client, "analytics.fct_deal_outcomes", "analytics.outcomes_before"
    rows = f"select * from {model} order by all"
    expected = client.query(rows).result_rows
    client.command(f"rename table {model} to {before}")
    client.command(f"create view {model} as select * from {before}")
    build(company.access, company.folder, TODAY + timedelta(days=5), "--select", "fct_deal_outcomes")
    kind = client.query(
        "select engine from system.tables where database = 'analytics' and name = 'fct_deal_outcomes'"
    ).result_rows
    assert kind == [("MergeTree",)]
    assert client.query(rows).result_rows == expected
    client.command(f"drop table {before}")


def test_after_an_older_version_that_logged_months_everything_is_compared_once(company: ChangingCompany) -> None:
    client = company.warehouse.client

    def built() -> tuple[int, bool]:
        """Build anything; return how many builds of the report count as whole, and whether months are logged."""
        build(company.access, company.folder, TODAY + timedelta(days=5), "--select", "fct_deal_outcomes")
        query = (
            "select countIf(report = 'sales_by_month' and tenant_id = '' and record_id = ''), "
            "(select count() > 0 from system.tables where database = 'ops' and name = 'rebuilt_months') "
            "from ops.rebuilt_records"
        )
        return tuple(client.query(query).result_rows[0])

    before, is_old = built()
    assert not is_old
    client.command(
        "create table ops.rebuilt_months (report LowCardinality(String), tenant_id String, month Date32, "
        "built_at DateTime64(6, 'UTC')) engine = ReplacingMergeTree(built_at) order by (report, tenant_id, month)"
    )
    client.command("insert into ops.rebuilt_months select 'sales_by_month', 'acme', '2026-01-01', now64(6, 'UTC')")
    assert built() == (before + 1, False)
    assert built() == (before + 1, False)


# What stands between the activities of the CRM and their report.
OF_ACTIVITIES = ("--select", "stg_crm__activities", "int_member_changes", "int_changed_activities", "fct_activities",
    "int_changed_slices_of_manager_activity", "manager_activity")  # fmt: skip


@pytest.mark.usefixtures("nights")
def test_keys_that_only_wait_for_tests_are_not_built_again_and_are_tested(company: ChangingCompany) -> None:
    """As with `hourly`, which tests nothing."""
    client, as_of = company.warehouse.client, TODAY + timedelta(days=5)

    def waiting() -> dict[str, bool]:
        query = "select activity_id, is_new from staging.int_changed_activities where tenant_id != ''"
        return {activity: is_new for activity, is_new in client.query(query).result_rows}

    def duplicate(activity: str) -> None:
        fact = "analytics.fct_activities"
        client.command(f"insert into {fact} select * from {fact} where activity_id = '{activity}'")

    def built_and_tested() -> Built:
        return build_and_test(company.access, company.folder, as_of, *OF_ACTIVITIES)

    assert built_and_tested().succeeded
    # The other one last changed long ago: a load reads what is young once more, and what it reads counts as changed.
    last: LiteralString = "select id from activities where deleted_at is null order by updated_at {} limit 1"
    touched, other = (
        str(key) for order in ("desc", "asc") for (key,) in company.crm.execute(last.format(order)).fetchall()
    )
    company.crm.execute("update activities set subject = 'again', updated_at = now() where id = %s", (int(touched),))
    extract(company.crm, company.warehouse)
    build(company.access, company.folder, as_of, *OF_ACTIVITIES)
    assert waiting()[touched]
    build(company.access, company.folder, as_of, *OF_ACTIVITIES)
    assert waiting()[touched] is False
    assert not any(waiting().values()) and other not in waiting()
    # A row that was proven is not looked at again; the one that waits is, and goes on waiting.
    duplicate(other)
    duplicate(touched)
    failed = built_and_tested()
    assert not failed.succeeded
    assert "Got 1 result, configured to fail if != 0" in failed.output, failed.output[-4000:]
    assert waiting()[touched] is False
    client.command(f"delete from analytics.fct_activities where activity_id = '{touched}'")
    assert built_and_tested().succeeded
    build(company.access, company.folder, as_of, *OF_ACTIVITIES)
    assert waiting() == {}
