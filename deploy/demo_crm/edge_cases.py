"""Every awkward case that the reports must get right, in small numbers and written row by row.

Each case has a name, the rows that make it, and a query that counts it in the whole demo; the query is what tests and
the summary of a fill use. Believable everyday data belong in the other modules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from deploy.demo_crm import rows
from deploy.demo_crm.directory import Ids
from deploy.demo_crm.edge_scene import Scene, read_scenes
from deploy.demo_crm.storage import Connection

# What the counting queries start from: deals and history rows with what is known of their stages and neighbours.
_DEALS: LiteralString = """
create temporary table d on commit drop as
select deals.*, stages.outcome, tenants.timezone as zone, tenants.currency as own_currency,
    exists (select from deal_stage_history h where h.deal_id = deals.id) as has_history
from deals
join stages on stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id
join tenants on tenants.id = deals.tenant_id
"""
_HISTORY: LiteralString = """
create temporary table h on commit drop as
select
    rows.deal_id, rows.pipeline_id, rows.stage_id, rows.from_stage_id, rows.changed_at, stages.outcome, stages.position,
    tenants.timezone as zone,
    row_number() over by_time as number,
    count(*) over (partition by deal_id) - row_number() over by_time + 1 as number_from_end,
    lag(outcome) over by_time as outcome_before,
    lag(changed_at) over by_time as changed_before,
    lag(rows.pipeline_id) over by_time as pipeline_before,
    lag(stages.position) over by_time as position_before
from deal_stage_history rows
join stages on stages.pipeline_id = rows.pipeline_id and stages.id = rows.stage_id
join tenants on tenants.id = rows.tenant_id
window by_time as (partition by deal_id order by changed_at, rows.id)
"""


@dataclass(frozen=True)
class EdgeCase:
    """One awkward case: `add` writes it into a tenant's scene, `count` counts it, with `d` and `h` as above."""

    name: str
    count: LiteralString
    add: Callable[[Scene], None]
    tenants: tuple[str, ...]


EDGE_CASES: list[EdgeCase] = []
_ALL = ("volga", "hudson", "alatau")


def _case(count: LiteralString, *tenants: str) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    def register(add: Callable[[Scene], None]) -> Callable[[Scene], None]:
        EDGE_CASES.append(EdgeCase(add.__name__.strip("_"), count, add, tenants or _ALL))
        return add

    return register


def add_edge_cases(connection: Connection, ids: Ids, as_of: datetime) -> dict[str, int]:
    """Write every case into the tenants where it makes sense and return the number of rows by table."""
    written: dict[str, int] = {}
    for scene in read_scenes(connection, ids, as_of):
        for case in EDGE_CASES:
            if scene.tenant in case.tenants:
                case.add(scene)
        for table, records in scene.records.items():
            written[table] = written.get(table, 0) + rows.copy_records(connection, table, records)
    return written


def count_edge_cases(connection: Connection) -> dict[str, int]:
    """Return how often each case occurs in the demo, by name."""
    counts = {}
    with connection.transaction():
        connection.execute(_DEALS)
        connection.execute(_HISTORY)
        connection.execute("analyze d, h")
        for case in EDGE_CASES:
            row = connection.execute(case.count).fetchone()
            assert row is not None
            counts[case.name] = int(row[0])
        connection.execute("drop table d, h")
    return counts


@_case(
    "select count(*) from h where number_from_end = 1 and outcome = 'won'"
    " and (changed_at at time zone zone)::time >= '23:50'"
    " and extract(day from (changed_at at time zone zone) + interval '1 day') = 1"
)
def _won_just_before_midnight_at_month_end(scene: Scene) -> None:
    for months_back in (1, 2, 3):
        scene.won_deal(scene.month_end(months_back, minutes=-3))


@_case(
    "select count(*) from h where number_from_end = 1 and outcome = 'won'"
    " and (changed_at at time zone zone)::time < '00:10' and extract(day from changed_at at time zone zone) = 1"
)
def _won_just_after_midnight_at_month_start(scene: Scene) -> None:
    for months_back in (1, 2, 3):
        scene.won_deal(scene.month_end(months_back, minutes=4))


@_case(
    "select count(*) from h where number_from_end = 1 and outcome = 'won' and zone = 'America/New_York'"
    " and (changed_at at time zone zone)::time between '00:30' and '03:30'"
    " and extract(isodow from changed_at at time zone zone) = 7"
    " and ((changed_at - interval '4 hours') at time zone zone) - (changed_at - interval '4 hours') at time zone 'UTC'"
    " <> ((changed_at + interval '4 hours') at time zone zone) - (changed_at + interval '4 hours') at time zone 'UTC'",
    "hudson",
)
def _won_around_daylight_saving_change(scene: Scene) -> None:
    for moment in scene.daylight_saving_changes():
        scene.won_deal(moment)


@_case("select count(*) from d where outcome = 'won' and amount is null and deleted_at is null")
def _won_without_amount(scene: Scene) -> None:
    scene.won_deal(scene.ago(40), amount=None)
    scene.won_deal(scene.ago(75), amount=None)


@_case("select count(*) from d where outcome = 'won' and amount = 0")
def _won_for_nothing(scene: Scene) -> None:
    scene.won_deal(scene.ago(33), amount=0)


@_case("select count(*) from d where outcome = 'won' and not has_history and closed_at is null")
def _won_without_close_date(scene: Scene) -> None:
    """Imported from an older system that kept no dates."""
    for _ in range(3):
        scene.deal(stage="won", created_at=scene.ago(190), history=())


@_case("select count(*) from d where outcome = 'won' and not has_history and closed_at is not null")
def _won_imported_with_close_date(scene: Scene) -> None:
    for days in (120, 150, 180):
        scene.deal(stage="won", created_at=scene.ago(days + 9), closed_at=scene.ago(days), history=())


@_case("select count(*) from d, demo_generation where outcome = 'won' and closed_at > as_of")
def _won_in_the_future(scene: Scene) -> None:
    scene.deal(stage="won", created_at=scene.ago(20), closed_at=scene.ago(-12), history=())
    scene.deal(stage="won", created_at=scene.ago(20), closed_at=scene.ago(-45), history=())


@_case("select count(*) from d where outcome = 'lost' and not has_history")
def _lost_without_history(scene: Scene) -> None:
    scene.deal(stage="lost", created_at=scene.ago(80), closed_at=scene.ago(60), history=())
    scene.deal(stage="lost", created_at=scene.ago(85), history=())


@_case("select count(*) from d where outcome = 'lost' and has_history")
def _lost_with_history(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(70)), ("proposal", scene.ago(62)), ("lost", scene.ago(50))))


@_case("select count(distinct d.id) from d join h on h.deal_id = d.id where d.outcome = 'open' and h.outcome = 'won'")
def _won_and_reopened(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(100)), ("won", scene.ago(80)), ("proposal", scene.ago(15))))


@_case(
    "select count(distinct d.id) from d join h on h.deal_id = d.id"
    " where d.outcome = 'won' and h.outcome = 'won' and h.outcome_before = 'open'"
    " and exists (select from h e where e.deal_id = d.id and e.number < h.number and e.outcome = 'won')"
)
def _won_reopened_and_won_again(scene: Scene) -> None:
    history = (("new", scene.ago(130)), ("won", scene.ago(110)), ("proposal", scene.ago(90)), ("won", scene.ago(20)))
    scene.deal(history=history)


@_case("select count(*) from h where outcome = 'won' and outcome_before = 'won'", "volga", "hudson")
def _won_to_won(scene: Scene) -> None:
    """Won in one month and paid in another: it stays in the first."""
    scene.deal(
        history=(("new", scene.ago(90)), ("won", scene.ago(70)), ("paid", scene.ago(20))), pipeline=scene.paid_pipeline
    )


@_case("select count(*) from d where outcome = 'open' and closed_at is not null")
def _open_with_a_close_date(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(30)), ("proposal", scene.ago(22))), closed_at=scene.ago(10))


@_case(
    "select count(*) from d join h on h.deal_id = d.id and number_from_end = 1"
    " where (h.pipeline_id, h.stage_id) <> (d.pipeline_id, d.stage_id)"
)
def _history_that_does_not_cover_the_deal(scene: Scene) -> None:
    scene.deal(stage="won", closed_at=scene.ago(25), history=(("new", scene.ago(60)), ("proposal", scene.ago(50))))
    scene.deal(stage="lost", history=(("new", scene.ago(60)), ("proposal", scene.ago(52))))
    scene.deal(stage="proposal", history=(("new", scene.ago(44)),))


@_case("select count(*) from h where number = 1 and from_stage_id is not null")
def _history_without_the_creation(scene: Scene) -> None:
    history = (("proposal", scene.ago(40)), ("won", scene.ago(28)))
    scene.deal(history=history, created_at=scene.ago(65), first_from="new")


@_case("select count(*) from h where changed_at = changed_before")
def _history_with_equal_moments(scene: Scene) -> None:
    """One click moved the deal through several stages: only the ids tell the order."""
    same = scene.ago(35)
    scene.deal(history=(("new", scene.ago(50)), ("proposal", same), ("won", same)))


@_case(
    "select count(*) from h"
    " where position > position_before + 10 and outcome = 'open' and pipeline_before = pipeline_id"
)
def _skipped_stage(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(21)), (scene.last_open_stage(), scene.ago(12))))


@_case("select count(*) from h where position < position_before and outcome = 'open' and outcome_before = 'open'")
def _returned_stage(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(26)), ("proposal", scene.ago(18)), ("new", scene.ago(9))))


@_case("select count(distinct deal_id) from h where pipeline_before <> pipeline_id", "volga", "hudson")
def _moved_between_pipelines(scene: Scene) -> None:
    scene.deal(
        pipeline=1,
        history=(
            ("new", scene.ago(46)),
            ("proposal", scene.ago(40)),
            ("proposal", scene.ago(31)),
            ("won", scene.ago(22)),
        ),
        history_pipelines=(0, 0, 1, 1),
    )


@_case(
    "select count(*) from d join stages s on s.pipeline_id = d.pipeline_id and s.id = d.stage_id"
    " where s.deleted_at is not null",
    "volga",
    "hudson",
)
def _deal_on_a_deleted_stage(scene: Scene) -> None:
    scene.deleted_stage("parked", outcome="open")
    scene.deal(history=(("new", scene.ago(95)), ("parked", scene.ago(88))))
    scene.deal(history=(("new", scene.ago(93)), ("parked", scene.ago(86)), ("won", scene.ago(60))))


@_case("select count(*) from d join pipelines p on p.id = d.pipeline_id where p.deleted_at is not null", "volga")
def _deal_in_a_deleted_pipeline(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(140)), ("won", scene.ago(121))), pipeline=scene.deleted_pipeline())


@_case("select count(*) from d where owner_user_id is null")
def _deal_without_owner(scene: Scene) -> None:
    scene.won_deal(scene.ago(27), owner_user_id=None)


@_case("select count(*) from d join users on users.id = d.owner_user_id where users.deleted_at is not null")
def _deal_of_a_deleted_user(scene: Scene) -> None:
    user = scene.user("manager", is_active=False, deactivated_at=scene.ago(30), deleted_at=scene.ago(29))
    scene.won_deal(scene.ago(45), owner_user_id=user)
    scene.deal(history=(("new", scene.ago(48)),), owner_user_id=user)


@_case(
    "select count(*) from (select distinct on (deal_id) from_owner_user_id, changed_at, deal_id"
    " from deal_owner_history order by deal_id, changed_at, id) first"
    " join h on h.deal_id = first.deal_id and number_from_end = 1 and outcome = 'won'"
    " where from_owner_user_id is not null and first.changed_at > h.changed_at"
)
def _owner_changed_only_after_the_close(scene: Scene) -> None:
    """No row tells the first owner, only the change does."""
    scene.won_deal(scene.ago(52), owner_change=(scene.managers[1], scene.ago(30)), owner_user_id=scene.managers[0])


@_case(
    "select count(*) from users where role = 'manager' and is_active and deleted_at is null"
    " and not exists (select from activities where assignee_user_id = users.id)"
)
def _manager_who_did_nothing(scene: Scene) -> None:
    scene.user("manager")


@_case(
    "select count(*) from users, demo_generation,"
    " (select assignee_user_id, max(completed_at) as latest from activities group by assignee_user_id) work"
    " where role = 'manager' and is_active and deleted_at is null"
    " and assignee_user_id = users.id and latest < as_of - interval '100 days'"
)
def _manager_with_nothing_in_recent_months(scene: Scene) -> None:
    user = scene.user("manager")
    for days in (130, 145, 160, 161):
        scene.activity("call", "done", scene.ago(days), assignee_user_id=user, duration_minutes=6)


@_case("select count(*) from users where not is_active and deactivated_at is not null and deleted_at is null")
def _inactive_user_with_date(scene: Scene) -> None:
    user = scene.user("manager", is_active=False, deactivated_at=scene.ago(50))
    scene.activity("meeting", "done", scene.ago(70), assignee_user_id=user, duration_minutes=60)


@_case("select count(*) from users where not is_active and deactivated_at is null")
def _inactive_user_without_date(scene: Scene) -> None:
    user = scene.user("manager", is_active=False)
    scene.activity("call", "done", scene.ago(64), assignee_user_id=user, duration_minutes=3)


@_case("select count(*) from users where is_active and deactivated_at is not null", "hudson")
def _active_user_with_deactivation_date(scene: Scene) -> None:
    scene.user("manager", deactivated_at=scene.ago(15))


@_case("select count(*) from users where deleted_at is not null")
def _deleted_user(scene: Scene) -> None:
    user = scene.user("manager", is_active=False, deleted_at=scene.ago(90))
    scene.activity("todo", "done", scene.ago(95), assignee_user_id=user)


@_case("select count(*) from users where role = 'manager' and department_id is null and deleted_at is null")
def _manager_without_department(scene: Scene) -> None:
    user = scene.user("manager", department_id=None)
    scene.won_deal(scene.ago(36), owner_user_id=user)
    scene.activity("email", "done", scene.ago(37), assignee_user_id=user)


@_case(
    "select count(*) from users join departments on departments.id = department_id"
    " where departments.deleted_at is not null and users.deleted_at is null"
)
def _manager_in_a_deleted_department(scene: Scene) -> None:
    user = scene.user("manager", department_id=scene.department(deleted_at=scene.ago(80)))
    scene.won_deal(scene.ago(38), owner_user_id=user)
    scene.activity("call", "done", scene.ago(39), assignee_user_id=user, duration_minutes=11)


@_case("select count(*) from leads where source_id is null and deleted_at is null")
def _lead_without_source(scene: Scene) -> None:
    scene.lead(scene.ago(24), source_id=None)


@_case(
    "select count(*) from leads join lead_sources on lead_sources.id = source_id"
    " where lead_sources.deleted_at is not null"
)
def _lead_of_a_deleted_source(scene: Scene) -> None:
    source = scene.deleted_source()
    lead = scene.lead(scene.ago(57), source_id=source)
    scene.lead(scene.ago(56), source_id=source)
    scene.deal(history=(("new", scene.ago(55)),), lead_id=lead)


@_case("select count(*) from lead_sources where name = 'unknown'", "volga", "hudson")
def _source_named_unknown(scene: Scene) -> None:
    """A person typed it; the companies' own sources hold it. Never to be merged with a missing source."""


@_case("select count(*) from lead_sources where source_type is null and deleted_at is null")
def _source_without_type(scene: Scene) -> None:
    """Part of the companies' own sources."""


@_case(
    "select count(*) from (select tenant_id from lead_sources"
    " group by tenant_id, regexp_replace(lower(btrim(name)), '[^a-z]', '', 'g')"
    " having count(*) > 1 and max(name) ~ '[a-z]') several",
    "hudson",
)
def _source_spelled_in_several_ways(scene: Scene) -> None:
    """Part of the companies' own sources."""


@_case("select count(*) from leads where owner_user_id is null and deleted_at is null")
def _lead_without_owner(scene: Scene) -> None:
    scene.lead(scene.ago(13), owner_user_id=None)


@_case("select count(*) from leads where is_duplicate and deleted_at is null")
def _duplicate_lead(scene: Scene) -> None:
    scene.lead(scene.ago(17), is_duplicate=True)
    scene.deal(history=(("new", scene.ago(14)),), lead_id=scene.lead(scene.ago(16), is_duplicate=True))


@_case("select count(*) from leads where converted_at is not null and deleted_at is null")
def _lead_with_the_crms_own_conversion_moment(scene: Scene) -> None:
    lead = scene.lead(scene.ago(42), status="converted", converted_at=scene.ago(41))
    scene.deal(history=(("new", scene.ago(33)),), lead_id=lead)


@_case(
    "select count(*) from leads where converted_at is not null and deleted_at is null"
    " and not exists (select from deals where lead_id = leads.id)"
)
def _lead_stamped_converted_without_a_deal(scene: Scene) -> None:
    scene.lead(scene.ago(43), status="converted", converted_at=scene.ago(42))


@_case(
    "select count(*) from (select from deals where lead_id is not null group by lead_id having count(*) > 1) several"
)
def _several_deals_for_one_lead(scene: Scene) -> None:
    lead = scene.lead(scene.ago(77))
    for days in (75, 60, 20):
        scene.deal(history=(("new", scene.ago(days)),), lead_id=lead)


@_case("select count(*) from d join leads on leads.id = d.lead_id where d.created_at < leads.created_at")
def _deal_before_its_lead(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(66)), ("proposal", scene.ago(61))), lead_id=scene.lead(scene.ago(63)))


@_case("select count(*) from d where lead_id is null")
def _deal_without_lead(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(18)),))


@_case(
    "select count(*) from leads where exists (select from d where lead_id = leads.id)"
    " and not exists (select from d where lead_id = leads.id and outcome <> 'lost')"
)
def _lead_whose_only_deal_was_lost(scene: Scene) -> None:
    lead = scene.lead(scene.ago(58))
    scene.deal(history=(("new", scene.ago(54)), ("lost", scene.ago(30))), lead_id=lead)


@_case(
    "select count(*) from leads where exists (select from deals where lead_id = leads.id and deleted_at is not null)"
    " and not exists (select from deals where lead_id = leads.id and deleted_at is null)"
)
def _lead_whose_only_deal_was_deleted(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(49)),), lead_id=scene.lead(scene.ago(51)), deleted_at=scene.ago(47))


@_case(
    "select count(*) from d join leads on leads.id = d.lead_id"
    " where leads.deleted_at is not null and d.deleted_at is null"
)
def _deal_of_a_deleted_lead(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(29)),), lead_id=scene.lead(scene.ago(31), deleted_at=scene.ago(28)))


@_case("select count(*) from leads where deleted_at is not null")
def _deleted_lead(scene: Scene) -> None:
    scene.lead(scene.ago(34), deleted_at=scene.ago(32))


@_case("select count(*) from deals where deleted_at is not null")
def _deleted_deal(scene: Scene) -> None:
    scene.won_deal(scene.ago(53), deleted_at=scene.ago(46))


@_case(
    "select count(*) from activities, demo_generation where kind = 'todo' and status in ('planned', 'in_progress')"
    " and due_at < as_of and isfinite(due_at) and deleted_at is null"
)
def _overdue_open_task(scene: Scene) -> None:
    scene.activity("todo", "planned", scene.ago(19), due_at=scene.ago(11))
    scene.activity("todo", "in_progress", scene.ago(19), due_at=scene.month_end(1, minutes=-1))


@_case("select count(*) from activities where status = 'done' and completed_at is null and deleted_at is null")
def _done_without_completion_moment(scene: Scene) -> None:
    scene.activity("call", "done", scene.ago(23), completed_at=None, duration_minutes=None)
    scene.activity("todo", "done", scene.ago(8), completed_at=None)


@_case("select count(*) from activities where status = 'cancelled' and completed_at is not null")
def _cancelled_with_completion_moment(scene: Scene) -> None:
    scene.activity("meeting", "cancelled", scene.ago(23), completed_at=scene.ago(22), duration_minutes=45)


@_case("select count(*) from activities where status = 'deferred' and completed_at is not null")
def _deferred_with_completion_moment(scene: Scene) -> None:
    scene.activity("visit", "deferred", scene.ago(25), completed_at=scene.ago(24), duration_minutes=90)


@_case("select count(*) from activities where status in ('planned', 'in_progress') and completed_at is not null")
def _reopened_activity(scene: Scene) -> None:
    scene.activity("call", "planned", scene.ago(12), completed_at=scene.ago(11), duration_minutes=5)


@_case("select count(*) from activities where assignee_user_id is null and deleted_at is null")
def _activity_without_assignee(scene: Scene) -> None:
    scene.activity("email", "done", scene.ago(21), assignee_user_id=None)


@_case("select count(*) from activities where deleted_at is not null")
def _deleted_activity(scene: Scene) -> None:
    scene.activity("call", "done", scene.ago(14), deleted_at=scene.ago(13), duration_minutes=7)


@_case(
    "select count(*) from activities join tenants on tenants.id = activities.tenant_id where status = 'done'"
    " and (completed_at at time zone timezone)::time >= '23:50'"
)
def _done_just_before_midnight(scene: Scene) -> None:
    scene.activity("call", "done", scene.month_end(1, minutes=-2), duration_minutes=4)


@_case("select count(*) from activities where due_at = 'infinity'", "volga")
def _due_at_infinity(scene: Scene) -> None:
    scene.activity("todo", "planned", scene.ago(16), due_at="infinity")


@_case("select count(*) from activities where due_at = '-infinity'", "hudson")
def _due_at_minus_infinity(scene: Scene) -> None:
    scene.activity("todo", "planned", scene.ago(16), due_at="-infinity")


@_case("select count(*) from activities where isfinite(due_at) and due_at < '1900-01-01'", "alatau")
def _due_in_another_century(scene: Scene) -> None:
    scene.activity("todo", "planned", scene.ago(16), due_at="0202-03-11 10:00:00+00")


@_case("select count(*) from deals where expected_close_on > '2299-12-31'", "volga")
def _expected_to_close_in_the_far_future(scene: Scene) -> None:
    scene.deal(history=(("new", scene.ago(10)),), expected_close_on="9999-12-31")


@_case(
    "select count(*) from d where currency <> own_currency"
    " and not exists (select from exchange_rates r where r.tenant_id = d.tenant_id and r.currency = d.currency)"
)
def _deal_in_a_currency_without_any_rate(scene: Scene) -> None:
    currency = {"volga": "TRY", "hudson": "GBP", "alatau": "CNY"}[scene.tenant]
    scene.won_deal(scene.ago(59), currency=currency, amount=12_000)
    scene.deal(history=(("new", scene.ago(17)),), currency=currency, amount=8_000)


@_case(
    "select count(*) from d join h on h.deal_id = d.id and number_from_end = 1 and h.outcome = 'won'"
    " where currency in (select r.currency from exchange_rates r where r.tenant_id = d.tenant_id)"
    " and not exists (select from exchange_rates r where r.tenant_id = d.tenant_id and r.currency = d.currency"
    " and rate_on between (changed_at at time zone h.zone)::date - 14 and (changed_at at time zone h.zone)::date)",
    "volga",
)
def _won_while_rates_were_missing(scene: Scene) -> None:
    """The yuan's rates pause for 24 days; on the last days of the pause no rate is recent enough."""
    scene.won_deal(scene.ago(8 * 30 - 20), currency="CNY", amount=40_000)


@_case(
    "select count(*) from d join h on h.deal_id = d.id and number_from_end = 1 and h.outcome = 'won'"
    " where currency <> own_currency and extract(isodow from changed_at at time zone h.zone) = 7"
)
def _won_in_foreign_currency_on_a_sunday(scene: Scene) -> None:
    currency = {"volga": "USD", "hudson": "EUR", "alatau": "RUB"}[scene.tenant]
    scene.won_deal(scene.last_sunday(), currency=currency, amount=1_234.56)


# --- Odd texts ---

ODD_TEXTS = (
    "tab\there",
    "line\nbreak and\r\ncarriage return",
    "back\\slash and \\t that is no tab",
    "\\N",
    "'single' \"double\" `back` «ёлочки» “curly”",
    "emoji 🚚💥👩‍💼 and combining é",
    "control \x01\x07\x1b\x7f characters",
    "  leading and trailing blanks  ",
    "",
    "semi;colon, comma | pipe % percent {brace} $1 :name",
    "<script>alert('x')</script> & entities &amp;",
    "=1+1",
    "long " + "слово " * 3000,
)


@_case("select count(*) from deals where title ~ E'[\\t\\n\\\\\\\\]' or title = ''")
def _odd_deal_title(scene: Scene) -> None:
    for text in ODD_TEXTS:
        scene.deal(history=(("new", scene.ago(6)),), title=text)


@_case("select count(*) from companies where name ~ E'[\\t\\n\\\\\\\\]' or name <> btrim(name)")
def _odd_company_name(scene: Scene) -> None:
    for text in ODD_TEXTS[:8]:
        scene.company(text)


@_case("select count(*) from activities where subject ~ E'[\\t\\n\\\\\\\\]' or subject <> btrim(subject)")
def _odd_subject(scene: Scene) -> None:
    for text in ODD_TEXTS:
        scene.activity("todo", "done", scene.ago(5), subject=text)


@_case("select count(*) from messages where body ~ E'[\\t\\\\\\\\\\x01]' or length(body) > 10000")
def _odd_message(scene: Scene) -> None:
    for text in ODD_TEXTS:
        scene.message(text, scene.ago(4))
