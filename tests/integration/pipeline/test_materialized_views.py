"""The materialized views agree with the marts, and today's totals with the CRM, after any sequence of changes.

Seeded sequences of inserts, wins, reopenings, deletes and their reversals are played in the CRM. After each, today's
totals follow the replicas alone and are compared with plain SQL in PostgreSQL; then the models are built, and the views
over the facts are compared with the marts while a reader looks on.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from tests.integration.conftest import engine_folder
from tests.integration.pipeline.building import build, extract
from tests.integration.pipeline.conftest import create_database

STEPS = 5
# The views and what they are made of.
VIEWS = ("--select", "+path:models/materialized_views")
CHANGES_PER_STEP = 12
PICK: LiteralString = "order by md5(id::text || %(seed)s) limit 2"
STAGE: LiteralString = (
    "(select id from stages where pipeline_id = deals.pipeline_id and outcome = {outcome} and deleted_at is null "
    "order by position limit 1)"
)
MOVE: LiteralString = (
    "with moved as (update deals set stage_id = " + STAGE + ", updated_at = now() where id in (select id from deals "
    "where exists (select from stages where pipeline_id = deals.pipeline_id and outcome = {outcome} and "
    "deleted_at is null) "
    + PICK
    + ") returning *) insert into deal_stage_history select (select max(id) from deal_stage_history) + "
    + "row_number() over (), "
    "tenant_id, id, pipeline_id, null, stage_id, null, now(), now() from moved"
)
CHANGES: tuple[LiteralString, ...] = (
    MOVE.replace("{outcome}", "'won'"),
    MOVE.replace("{outcome}", "'open'"),
    MOVE.replace("{outcome}", "'lost'"),
    # Won without a word in the history: the CRM's own moment counts.
    "update deals set stage_id = "
    + STAGE.replace("{outcome}", "'won'")
    + ", closed_at = now(), updated_at = now() where id in (select id from deals where exists (select from "
    + "stages where "
    "pipeline_id = deals.pipeline_id and outcome = 'won' and deleted_at is null) " + PICK + ")",
    f"update deals set amount = amount * 2, updated_at = now() where id in (select id from deals {PICK})",
    f"update deals set deleted_at = now(), updated_at = now() where id in (select id from deals {PICK})",
    "update deals set deleted_at = null, updated_at = now() where deleted_at is not null",
    "update deals set owner_user_id = (select min(id) from users where tenant_id = deals.tenant_id), "
    "updated_at = now() "
    f"where id in (select id from deals {PICK})",
    "insert into deals select (select max(id) from deals) + row_number() over (), tenant_id, title, "
    "pipeline_id, stage_id, "
    "owner_user_id, company_id, contact_id, null, amount, currency, null, null, now(), now(), null "
    f"from deals where deleted_at is null {PICK}",
    "insert into leads select (select max(id) from leads) + row_number() over (), tenant_id, title, source_id, 'new', "
    "owner_user_id, company_id, contact_id, is_duplicate, null, now(), now(), null from leads where deleted_at is null "
    f"{PICK}",
    "update leads set is_duplicate = not is_duplicate, updated_at = now() where created_at > now() - interval '1 day'",
    "update activities set status = 'done', completed_at = now(), updated_at = now() "
    f"where id in (select id from activities where deleted_at is null {PICK})",
    "update activities set status = 'planned', completed_at = null, updated_at = now() "
    f"where id in (select id from activities where status = 'done' {PICK})",
    # Done without a time: the last change counts.
    "update activities set status = 'done', completed_at = null, updated_at = now() where id in (select "
    f"id from activities {PICK})",
)

# What happened today by each tenant's clock, from the CRM's own tables.
TODAY = """
with clock as (select id as tenant_id, timezone, currency, (now() at time zone timezone)::date as today from tenants),
stage_rows as (
    select history.*, stages.outcome,
        row_number() over (partition by deal_id order by changed_at desc, history.id desc) as back
    from deal_stage_history as history
    join stages on stages.pipeline_id = history.pipeline_id and stages.id = history.stage_id
),
won as (
    select deals.*, case
        when last.pipeline_id = deals.pipeline_id and last.stage_id = deals.stage_id then (
            select min(changed_at) from stage_rows as run where run.deal_id = deals.id and run.back < coalesce((
                select min(back) from stage_rows as other where other.deal_id = deals.id and other.outcome <> 'won'
            ), 1000000)
        ) else deals.closed_at end as won_at
    from deals
    join stages on stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id and stages.outcome = 'won'
    left join stage_rows as last on last.deal_id = deals.id and last.back = 1
    where deals.deleted_at is null
),
sold as (
    select won.tenant_id, count(*) as won_deals,
        sum(round(coalesce(amount * case when won.currency = clock.currency then 1 else (
        select rate from exchange_rates as rates where rates.tenant_id = won.tenant_id and rates.currency = won.currency
        and rate_on <= today and rate_on >= today - 14 order by rate_on desc limit 1) end, 0), 2)) as amount
    from won join clock using (tenant_id) where (won_at at time zone timezone)::date = today group by won.tenant_id
)
select tenant_id,
    (select count(*) from leads where leads.tenant_id = clock.tenant_id and deleted_at is null and not is_duplicate
        and (created_at at time zone timezone)::date = today),
    (select count(*) from deals where deals.tenant_id = clock.tenant_id and deleted_at is null
        and (created_at at time zone timezone)::date = today),
    coalesce(won_deals, 0), coalesce(amount, 0),
    (select count(*) from activities where activities.tenant_id = clock.tenant_id and deleted_at is null
        and status = 'done' and (coalesce(completed_at, updated_at) at time zone timezone)::date = today)
from clock left join sold using (tenant_id) order by tenant_id
"""

USUAL = "usual_leads, usual_deals, usual_won_deals, usual_won_amount_base, usual_completed_activities"

# Per view: its cells, and the same cells of the mart, both without rows of zeros.
CELLS = {
    "monthly_sales_mv": (
        "tenant_id, month, department_id, manager_id, pipeline_id, is_future",
        "sum(won_deals), sum(won_amount_base), sum(deals_without_amount), sum(deals_without_rate)",
        "sales_by_month",
        "sum(won_deals) > 0",
    ),
    "daily_leads_mv": (
        "tenant_id, day, source_id, source_name, source_group, source_type",
        "sum(leads), sum(duplicate_leads)",
        "leads_by_source",
        "sum(leads) + sum(duplicate_leads) > 0",
    ),
    "daily_manager_activity_mv": (
        "tenant_id, day, department_id, manager_id",
        "sum(tasks), sum(calls), sum(meetings), sum(emails), sum(other), sum(total), sum(minutes), "
        "sum(overdue_open_tasks), "
        "sum(completed_without_date)",
        "manager_activity",
        "sum(total) + sum(overdue_open_tasks) > 0",
    ),
}


@dataclass
class Step:
    """What was seen in one step.

    Today's totals here and in the CRM, cells on which a view and its mart differ, and the usual figures that stand in
    the view of today beside those that hold at the moment of its refresh.
    """

    today: list[tuple[Any, ...]]
    today_in_crm: list[tuple[Any, ...]]
    differing: dict[str, list[tuple[Any, ...]]]
    usual: list[tuple[Any, ...]]
    usual_by_now: list[tuple[Any, ...]]
    seen_by_reader: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    before: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    after: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def steps(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Step]]:
    """Return the steps of one seeded sequence."""
    folder = tmp_path_factory.mktemp("dbt")
    with (
        engine_folder() as data,
        start_clickhouse(data, user="warehouse", password="warehouse-password") as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Here the views refresh beside all that happens, as they do for users.
        patch.delenv("TODAY_REFRESH_SECONDS")
        access = ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "warehouse", "password": "warehouse-password"}
        )
        with connect_postgres(create_database(postgres, "watched_company")) as crm:
            fill(crm, seed=5, deals=300, as_of=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
            warehouse = Warehouse(connect_clickhouse(access), crm="crm", ops="ops")
            extract(crm, warehouse)
            build(access, folder, datetime.now(UTC), *VIEWS)
            yield [take_step(crm, warehouse, access, folder, seed) for seed in range(STEPS)]


def take_step(crm: Connection, warehouse: Warehouse, access: ClickHouseSettings, folder: Path, seed: int) -> Step:
    """Change the CRM, follow it, and compare."""
    client, numbers = warehouse.client, random.Random(seed)
    for number in range(CHANGES_PER_STEP):
        crm.execute(numbers.choice(CHANGES), {"seed": f"{seed}-{number}"})
    extract(crm, warehouse)
    client.command("system refresh view analytics.today_totals_mv_mv")
    client.command("system wait view analytics.today_totals_mv_mv")
    today = client.query(
        "select tenant_id, leads, deals, won_deals, won_amount_base, completed_activities from "
        "analytics.today_totals_mv order by all"
    ).result_rows
    step = Step(
        [tuple(row) for row in today], crm.execute(TODAY).fetchall(), {}, *usual_figures(client), before=totals(client)
    )
    with looking_on(access, step):
        # The last step builds whole, which replaces every table that the views read.
        build(access, folder, datetime.now(UTC), *VIEWS, *(["--full-refresh"] if seed == STEPS - 1 else []))
    step.after = totals(client)
    for view, (key, measures, mart, filled) in CELLS.items():
        cells = f"select {key}, {measures} from analytics.{{}} group by {key} having {filled}"
        query = "({0} except {1}) union all ({1} except {0})".format(cells.format(view), cells.format(mart))
        step.differing[view] = [tuple(row) for row in client.query(query).result_rows[:3]]
    return step


def usual_figures(client: Client) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the usual figures in the view, and those of the quarter of an hour at which it was refreshed."""
    shown = client.query(
        f"select tenant_id, {USUAL}, timezone, refreshed_at from analytics.today_totals_mv as today "
        "inner join analytics.dim_tenants as tenants on today.tenant_id = tenants.tenant_id order by tenant_id"
    ).result_rows
    days = client.query(f"select tenant_id, weekday, quarter, {USUAL} from analytics.usual_day").result_rows
    usual = {tuple(row[:3]): tuple(row[3:]) for row in days}
    expected = []
    for tenant, *_, timezone, refreshed_at in shown:
        local = refreshed_at.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))
        found = usual.get((tenant, local.isoweekday(), local.hour * 4 + local.minute // 15), (None,) * 5)
        expected.append((tenant, *found))
    return [tuple(row[:6]) for row in shown], expected


def totals(client: Client) -> dict[str, tuple[Any, ...]]:
    """Return rows and sums of each view."""
    return {
        view: tuple(client.query(f"select count(), {measures} from analytics.{view}").result_rows[0])
        for view, (_, measures, _, _) in CELLS.items()
    }


@contextmanager
def looking_on(access: ClickHouseSettings, step: Step) -> Iterator[None]:
    """Read the views over and over, and keep what was seen."""
    ended = threading.Event()
    step.seen_by_reader = {view: set() for view in CELLS}

    def look() -> None:
        client = connect_clickhouse(access)
        while not ended.is_set():
            for view, seen in totals(client).items():
                step.seen_by_reader[view].add(seen)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def test_today_follows_the_replicas(steps: list[Step]) -> None:
    for number, step in enumerate(steps):
        assert step.today == step.today_in_crm, f"step {number}"
    won = [row[3] for step in steps for row in step.today]
    assert len(set(won)) > 2, "too little was won to tell anything"


def test_today_stands_beside_the_usual_day(steps: list[Step]) -> None:
    for step in steps:
        assert step.usual == step.usual_by_now
        assert all(row[1] is not None for row in step.usual), "there was nothing to compare with"


@pytest.mark.parametrize("view", CELLS)
def test_views_equal_the_marts(steps: list[Step], view: str) -> None:
    assert [step.differing[view] for step in steps] == [[]] * STEPS
    assert len({step.after[view] for step in steps}) > 1, "nothing changed"


@pytest.mark.parametrize("view", CELLS)
def test_a_reader_sees_the_rows_before_or_after(steps: list[Step], view: str) -> None:
    for step in steps:
        assert step.seen_by_reader[view] <= {step.before[view], step.after[view]}
        assert step.before[view][0] > 0
