"""A day passes: what changes, how it is stamped, and what late transactions look like from outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.demo_crm import DemoError, begin_late_commit, fill, play_day, read_as_of, read_generation
from deploy.demo_crm.storage import TABLES
from tests.integration.demo_crm.conftest import AS_OF, Connection, Databases
from tests.integration.demo_crm.demo_queries import checksums, table, value

DAY = timedelta(days=1)
SIMPLE_TABLES = [name for name in TABLES if name not in ("stages", "exchange_rates")]


def keys(connection: Connection) -> dict[str, set[object]]:
    return {name: {id_ for (id_,) in table(connection, f"select id from {name}")} for name in SIMPLE_TABLES}


def test_days_bring_every_kind_of_change(copy: Connection) -> None:
    days = [play_day(copy) for _ in range(4)]
    totals = {name: sum(day.changes[name] for day in days) for name in days[0].changes}
    assert [name for name, count in totals.items() if count == 0] == []
    assert [day.number for day in days] == [1, 2, 3, 4]
    assert days[-1].as_of == read_as_of(copy) == AS_OF + 4 * DAY
    assert read_generation(copy).days_played == 4


def test_a_day_is_reproducible(make_database: Databases, filled: str) -> None:
    sums = []
    for _ in range(2):
        connection = make_database(filled)
        play_day(connection)
        play_day(connection)
        sums.append(checksums(connection))
    assert sums[0] == sums[1]


def test_everything_a_day_changes_is_stamped_within_it(copy: Connection) -> None:
    for name in TABLES:
        copy.execute(f"create table before_{name} as select * from {name}")
    for number in (0, 1):
        begins = AS_OF + number * DAY
        play_day(copy)
        for name in TABLES:
            changed = f"(select * from {name} except select * from before_{name}) changed"
            outside = f"select count(*) from {changed} where updated_at < %(from)s or updated_at >= %(to)s"
            assert value(copy, outside, {"from": begins, "to": begins + DAY}) == 0, name
            copy.execute(f"drop table before_{name}")
            copy.execute(f"create table before_{name} as select * from {name}")
    assert value(copy, "select count(*) from deals where updated_at >= %(at)s", {"at": AS_OF}) > 10


def test_a_day_keeps_the_demo_consistent(copy: Connection) -> None:
    last = [play_day(copy) for _ in range(5)][-1]
    assert value(copy, "select count(*) from deals where created_at > %(as_of)s", {"as_of": last.as_of}) == 0
    played = (
        "select d.id, d.stage_id, h.stage_id, d.pipeline_id, h.pipeline_id from deals d join lateral ("
        " select * from deal_stage_history where deal_id = d.id order by changed_at desc, id desc limit 1) h on true"
        " where h.changed_at >= %(at)s and (d.stage_id, d.pipeline_id) <> (h.stage_id, h.pipeline_id)"
    )
    assert table(copy, played, {"at": AS_OF}) == []
    chain = (
        "select count(*) from (select *, lag(stage_id) over (partition by deal_id order by changed_at, id) as before"
        " from deal_stage_history) h where changed_at >= %(at)s and from_stage_id is distinct from before"
        " and before is not null and deal_id in (select id from deals where title not like 'Edge case%%')"
    )
    assert value(copy, chain, {"at": AS_OF}) == 0
    work = "select count(*) from activities where created_at >= %(at)s and deal_id is not null"
    assert value(copy, work, {"at": AS_OF}) > 5


def test_won_deals_of_closed_months_are_reopened(copy: Connection) -> None:
    play_day(copy)
    reopened = value(
        copy,
        "select count(*) from deal_stage_history h join stages s on s.pipeline_id = h.pipeline_id and s.id = h.stage_id"
        " where h.changed_at >= %(at)s and h.from_stage_id in ('won', 'paid') and s.outcome = 'open'",
        {"at": AS_OF},
    )
    assert reopened >= 3


def test_deletions_are_soft_and_some_are_taken_back(copy: Connection) -> None:
    before = keys(copy)
    deleted = {id_ for (id_,) in table(copy, "select id from deals where deleted_at is not null")}
    play_day(copy)
    assert all(before[name] <= rows for name, rows in keys(copy).items())
    deleted_now = {id_ for (id_,) in table(copy, "select id from deals where deleted_at is not null")}
    assert deleted - deleted_now
    assert deleted_now - deleted


def test_hard_deletes_only_on_demand(copy: Connection) -> None:
    before = keys(copy)
    play_day(copy, hard_deletes=True)
    after = keys(copy)
    vanished = {name for name in SIMPLE_TABLES if before[name] - after[name]}
    assert {"deals", "activities", "deal_stage_history"} <= vanished
    assert "leads" not in vanished


def test_a_source_is_renamed_and_a_user_leaves(copy: Connection) -> None:
    names = set(table(copy, "select id, name from lead_sources"))
    active = value(copy, "select count(*) from users where is_active")
    leavers = value(copy, "select count(*) from users where deactivated_at >= %(at)s", {"at": AS_OF})
    play_day(copy)
    assert len(set(table(copy, "select id, name from lead_sources")) - names) == 3
    assert value(copy, "select count(*) from users where deactivated_at >= %(at)s", {"at": AS_OF}) == leavers + 1
    assert value(copy, "select count(*) from users where is_active") == active


def test_a_month_of_days_can_be_played_on_a_tiny_demo(make_database: Databases) -> None:
    connection = make_database()
    fill(connection, seed=2, deals=300, as_of=datetime(2025, 12, 30, 13, 45, tzinfo=UTC))
    for _ in range(10):
        play_day(connection)
    assert read_as_of(connection) == datetime(2026, 1, 9, 13, 45, tzinfo=UTC)


def test_stamp_now_uses_the_clock(copy: Connection) -> None:
    began = value(copy, "select clock_timestamp()")
    play_day(copy, stamp="now")
    assert value(copy, "select count(*) from deals where updated_at >= %(at)s", {"at": began}) > 10
    in_the_day = "select count(*) from deals where updated_at >= %(from)s and updated_at < %(to)s"
    assert value(copy, in_the_day, {"from": AS_OF, "to": AS_OF + DAY}) == 0


def test_late_commit_is_invisible_until_it_commits_and_does_not_block_a_day(
    copy: Connection, make_database: Databases
) -> None:
    other = make_database(again=copy.info.dbname)
    second = make_database(again=copy.info.dbname)
    copy.execute("set lock_timeout to '5s'")
    late = begin_late_commit(other)
    later = begin_late_commit(second, number=1)
    seen = "select count(*) from deals where id = any(%(ids)s)"
    ids = {"ids": [late.inserted["deals"], later.inserted["deals"]]}
    amounts = "select sum(amount) from deals where id = any(%(ids)s)"
    before = value(copy, amounts, {"ids": late.updated})
    played = play_day(copy, hard_deletes=True)
    assert value(copy, seen, ids) == 0
    assert value(copy, amounts, {"ids": late.updated}) == before
    late.commit()
    later.commit()
    assert value(copy, seen, ids) == 2
    assert value(copy, amounts, {"ids": late.updated}) == before + 3
    assert AS_OF < late.stamped_at < played.as_of
    early = "select count(*) from deals where updated_at = %(at)s"
    assert value(copy, early, {"at": late.stamped_at}) == 8
    play_day(copy)


def test_late_commit_can_be_rolled_back(copy: Connection, make_database: Databases) -> None:
    before = checksums(copy)
    begin_late_commit(make_database(again=copy.info.dbname)).rollback()
    assert checksums(copy) == before


def test_late_commit_needs_a_free_connection(copy: Connection) -> None:
    with copy.transaction(), pytest.raises(DemoError, match="outside a transaction"):
        begin_late_commit(copy)


def test_no_day_without_a_demo(make_database: Databases) -> None:
    with pytest.raises(DemoError, match="fill"):
        play_day(make_database())
