"""Lets a day pass in a filled demo CRM: new business, moves, corrections, deletions and what else a working day brings.

The same seed and day number bring the same changes. Everything commits at once; a transaction that stamps rows early
and commits late is made by `late`. How new leads and deals look belongs in `sales`, the work about them in
`activities`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, LiteralString

import numpy as np

from deploy.demo_crm import rows
from deploy.demo_crm.activities import Subjects, work_on
from deploy.demo_crm.clock import DAY, EPOCH, HOUR
from deploy.demo_crm.companies import TENANTS
from deploy.demo_crm.directory import person_name
from deploy.demo_crm.ongoing import Ongoing, next_day
from deploy.demo_crm.sales import month_of_sales
from deploy.demo_crm.storage import TABLES, Connection, read_generation
from deploy.demo_crm.vocabulary import VOCABULARIES

# A deal makes one move a day at most, so that its moves keep their order.
_UNMOVED: LiteralString = (
    "deleted_at is null and created_at < %(begins)s"
    " and pipeline_id in (select id from pipelines where deleted_at is null)"
    " and not exists (select from deal_stage_history moves where moves.deal_id = deals.id and changed_at >= %(begins)s)"
)


@dataclass(frozen=True)
class DayPlayed:
    """What a day brought: its number, the moment the demo now leads up to, and how many changes of each kind."""

    number: int
    as_of: datetime
    changes: dict[str, int]


def play_day(connection: Connection, *, hard_deletes: bool = False, stamp: Literal["day", "now"] = "day") -> DayPlayed:
    """Advance the demo by one day, in one transaction.

    Args:
        connection: to a database with a filled demo.
        hard_deletes: also delete some rows for good, which leaves nothing for an extraction by `updated_at` to see.
        stamp: "day" sets `updated_at` to moments of the played day, in keeping with all other dates; "now" sets it to
            the clock's time, as a live CRM would, so that an extraction that already ran sees the changes.

    Raises:
        DemoError: the database holds no filled demo.
    """
    with connection.transaction():
        generation = read_generation(connection)
        changes: Counter[str] = Counter()
        for ongoing in next_day(connection, generation):
            for change in (*_CHANGES, *([_delete_for_good] if hard_deletes else [])):
                changes[change.__name__.strip("_")] += change(connection, ongoing)
        ends = generation.as_of + timedelta(days=1)
        connection.execute("update demo_generation set as_of = %s, days_played = days_played + 1", [ends])
        if stamp == "now":
            _stamp_now(connection, generation.as_of, ends)
    return DayPlayed(generation.days_played + 1, ends, dict(changes))


def _stamp_now(connection: Connection, begins: datetime, ends: datetime) -> None:
    for table in TABLES:
        connection.execute(
            f"update {table} set updated_at = clock_timestamp() where updated_at >= %s and updated_at < %s",
            [begins, ends],
        )


def _some(ongoing: Ongoing, per_deal: float) -> int:
    """Return how many changes of a kind fit a day that brings so many deals; at least one."""
    return 1 + int(ongoing.generator.poisson(ongoing.deals_expected * per_deal))


def _recent(condition: LiteralString) -> LiteralString:
    """Narrow a condition that most rows fulfil, so that picking from millions stays quick."""
    return condition + " and created_at > %(begins)s - interval '150 days'"


def _insert(
    connection: Connection, table: LiteralString, id_: int, tenant: str, moment: datetime, values: dict[str, Any]
) -> None:
    rows.copy_records(connection, table, [{"id": id_, "tenant_id": tenant, **values, "updated_at": moment}])


def _move(
    connection: Connection, ongoing: Ongoing, deal: int, pipeline: int, before: str, after: str, user: int | None
) -> None:
    moment = ongoing.at()
    closes = after in ("won", "paid", "lost")
    connection.execute(
        "update deals set stage_id = %s, closed_at = case when %s then %s else closed_at end, updated_at = %s"
        " where id = %s",
        [after, closes, moment, moment, deal],
    )
    _record_move(connection, ongoing, deal, pipeline, before, after, user, moment)


def _record_move(
    connection: Connection,
    ongoing: Ongoing,
    deal: int,
    pipeline: int,
    before: str | None,
    after: str,
    user: int | None,
    moment: datetime,
) -> None:
    values = {
        "deal_id": deal,
        "pipeline_id": pipeline,
        "from_stage_id": before,
        "stage_id": after,
        "user_id": user,
        "changed_at": moment,
    }
    _insert(
        connection, "deal_stage_history", ongoing.company.ids.one("deal_stage_history"), ongoing.tenant, moment, values
    )


def _new_leads_and_deals(connection: Connection, ongoing: Ongoing) -> int:
    """New leads, the deals that come of them the same day, and direct deals."""
    deals = int(ongoing.generator.poisson(ongoing.deals_expected))
    span = (ongoing.day, ongoing.day + 1)
    leads, made, _, tables = month_of_sales(ongoing.company, ongoing.customers, span, deals, ongoing.generator)
    for table, columns in tables.items():
        rows.copy_columns(connection, table, columns)
    return len(leads.ids) + len(made.ids)


def _converted_leads(connection: Connection, ongoing: Ongoing) -> int:
    """Older leads become deals."""
    found = ongoing.pick(
        connection,
        "leads",
        "id, owner_user_id, company_id, contact_id, created_at",
        "deleted_at is null and not is_duplicate and status in ('new', 'working', 'qualified')"
        " and created_at < %(begins)s and not exists (select from deals where lead_id = leads.id)",
        _some(ongoing, 0.75),
    )
    staff, profile = ongoing.company.directory.staff, ongoing.company.profile
    for id_, owner, company, contact, _ in found:
        moment = ongoing.at()
        position = int(ongoing.generator.integers(len(profile.pipelines)))
        owner = owner or int(staff.ids[int(staff.draw(1, ongoing.day, ongoing.generator)[0])])
        amount = round(profile.pipelines[position].amount * float(ongoing.generator.lognormal(0, 0.8)), -1)
        words = VOCABULARIES[profile.vocabulary]
        product = words.products[int(ongoing.generator.integers(len(words.products)))]
        deal = ongoing.company.ids.one("deals")
        values = {
            "title": words.deal_titles[0].format(product=product),
            "pipeline_id": int(ongoing.company.directory.pipelines[position]),
            "stage_id": "new",
            "owner_user_id": owner,
            "company_id": company,
            "contact_id": contact,
            "lead_id": id_,
            "amount": Decimal(amount),
            "currency": profile.currency,
            "created_at": moment,
        }
        _insert(connection, "deals", deal, ongoing.tenant, moment, values)
        _record_move(connection, ongoing, deal, values["pipeline_id"], None, "new", owner, moment)
        connection.execute(
            "update leads set status = 'converted', owner_user_id = %s, updated_at = %s where id = %s",
            [owner, moment, id_],
        )
    return len(found)


def _worked_leads(connection: Connection, ongoing: Ongoing) -> int:
    """New leads are taken up, and some turn out to be none."""
    condition = "deleted_at is null and status in ('new', 'working') and created_at < %(begins)s"
    found = ongoing.pick(connection, "leads", "id, status", condition, _some(ongoing, 1.5))
    for id_, status in found:
        following = (
            "working" if status == "new" else ("unqualified" if ongoing.generator.random() < 0.7 else "qualified")
        )
        connection.execute(
            "update leads set status = %s, updated_at = %s where id = %s", [following, ongoing.at(), id_]
        )
    return len(found)


def _stage_moves(connection: Connection, ongoing: Ongoing) -> int:
    """Open deals move on, back, or to their end."""
    found = ongoing.pick(
        connection,
        "deals",
        "id, pipeline_id, stage_id, owner_user_id",
        _UNMOVED + " and exists (select from stages where stages.pipeline_id = deals.pipeline_id"
        " and stages.id = deals.stage_id and outcome = 'open' and deleted_at is null)",
        _some(ongoing, 3.4),
    )
    for id_, pipeline, stage, owner in found:
        _move(connection, ongoing, id_, pipeline, stage, _next_stage(ongoing, pipeline, stage), owner)
    return len(found)


def _next_stage(ongoing: Ongoing, pipeline: int, stage: str) -> str:
    position = list(map(int, ongoing.company.directory.pipelines)).index(pipeline)
    stages = [one.id for one in ongoing.company.profile.pipelines[position].stages if one.outcome == "open"]
    place = stages.index(stage)
    chance = float(ongoing.generator.random())
    if chance < 0.22:
        return "lost"
    if place == len(stages) - 1 or chance > 0.97:
        return "won" if chance < 0.75 or chance > 0.97 else "lost"
    return stages[max(place - 1, 0)] if chance < 0.26 and place else stages[place + 1]


def _payments(connection: Connection, ongoing: Ongoing) -> int:
    """Won deals go on to the second won stage."""
    paid = [
        int(id_)
        for id_, has in zip(ongoing.company.directory.pipelines, ongoing.company.directory.has_paid, strict=True)
        if has
    ]
    if not paid:
        return 0
    condition = (
        f"{_UNMOVED} and stage_id = 'won' and pipeline_id = {paid[0]} and closed_at > %(begins)s - interval '60 days'"
    )
    found = ongoing.pick(
        connection, "deals", "id, pipeline_id, stage_id, owner_user_id", condition, _some(ongoing, 0.2)
    )
    for id_, pipeline, stage, owner in found:
        _move(connection, ongoing, id_, pipeline, stage, "paid", owner)
    return len(found)


def _reopened_deals(connection: Connection, ongoing: Ongoing) -> int:
    """Deals that were won in an earlier month are open again."""
    found = ongoing.pick(
        connection,
        "deals",
        "id, pipeline_id, stage_id, owner_user_id",
        _UNMOVED + " and stage_id in ('won', 'paid') and closed_at < date_trunc('month', %(begins)s)",
        _some(ongoing, 0.02),
    )
    for id_, pipeline, stage, owner in found:
        position = list(map(int, ongoing.company.directory.pipelines)).index(pipeline)
        last_open = [one.id for one in ongoing.company.profile.pipelines[position].stages if one.outcome == "open"][-1]
        _move(connection, ongoing, id_, pipeline, stage, last_open, owner)
    return len(found)


def _changed_amounts(connection: Connection, ongoing: Ongoing) -> int:
    """Amounts of closed deals are corrected."""
    found = ongoing.pick(
        connection,
        "deals",
        "id",
        "deleted_at is null and amount > 0 and stage_id in ('won', 'paid', 'lost') and created_at < %(begins)s",
        _some(ongoing, 0.05),
    )
    for (id_,) in found:
        factor = Decimal(round(float(ongoing.generator.uniform(0.85, 1.2)), 3)).quantize(Decimal("0.001"))
        connection.execute(
            "update deals set amount = round(amount * %s, 2), updated_at = %s where id = %s",
            [factor, ongoing.at(), id_],
        )
    return len(found)


def _changed_owners(connection: Connection, ongoing: Ongoing) -> int:
    """Deals are handed to somebody else."""
    staff = ongoing.company.directory.staff
    condition = "deleted_at is null and owner_user_id is not null and created_at < %(begins)s"
    found = ongoing.pick(connection, "deals", "id, owner_user_id", condition, _some(ongoing, 0.05))
    for id_, owner in found:
        moment = ongoing.at()
        heir = int(staff.ids[int(staff.draw(1, ongoing.day, ongoing.generator)[0])])
        if heir == owner:
            continue
        connection.execute("update deals set owner_user_id = %s, updated_at = %s where id = %s", [heir, moment, id_])
        values = {"deal_id": id_, "from_owner_user_id": owner, "owner_user_id": heir, "changed_at": moment}
        number = ongoing.company.ids.one("deal_owner_history")
        _insert(connection, "deal_owner_history", number, ongoing.tenant, moment, values)
    return len(found)


def _soft_deletes(connection: Connection, ongoing: Ongoing) -> int:
    """A few deals, leads and activities are deleted."""
    count = 0
    for table in ("deals", "leads", "activities"):
        condition = "deleted_at is null and created_at < %(begins)s"
        for (id_,) in ongoing.pick(connection, table, "id", _recent(condition), _some(ongoing, 0.01)):
            moment = ongoing.at()
            connection.execute(
                f"update {table} set deleted_at = %s, updated_at = %s where id = %s", [moment, moment, id_]
            )
            count += 1
    return count


def _restored_rows(connection: Connection, ongoing: Ongoing) -> int:
    """Rows deleted on an earlier day come back."""
    count = 0
    for table in ("deals", "leads", "activities"):
        for (id_,) in ongoing.pick(connection, table, "id", "deleted_at < %(begins)s", 1):
            connection.execute(
                f"update {table} set deleted_at = null, updated_at = %s where id = %s", [ongoing.at(), id_]
            )
            count += 1
    return count


def _exchange_rates(connection: Connection, ongoing: Ongoing) -> int:
    """The day's rates are published, on bank days."""
    date = EPOCH + timedelta(days=ongoing.day)
    if date.weekday() >= 5 and not ongoing.company.profile.rate_on_weekends:
        return 0
    latest = connection.execute(
        "select distinct on (currency) currency, rate from exchange_rates where tenant_id = %s and rate_on < %s"
        " order by currency, rate_on desc",
        [ongoing.tenant, date],
    ).fetchall()
    for currency, rate in latest:
        factor = Decimal(float(np.exp(ongoing.generator.normal(0, 0.006))))
        connection.execute(
            "insert into exchange_rates (tenant_id, currency, rate_on, rate, updated_at) values (%s, %s, %s, %s, %s)"
            " on conflict (tenant_id, currency, rate_on)"
            " do update set rate = excluded.rate, updated_at = excluded.updated_at",
            [ongoing.tenant, currency, date, round(rate * factor, 4), ongoing.at((3.0, 6.0))],
        )
    return len(latest)


def _renamed_sources(connection: Connection, ongoing: Ongoing) -> int:
    """Somebody tidies up the name of a source."""
    found = ongoing.pick(connection, "lead_sources", "id, name", "deleted_at is null and name <> 'unknown'", 1)
    for id_, name in found:
        base = name.strip().removesuffix(" (new)").removesuffix(" (новый)")
        suffix = " (новый)" if ongoing.company.profile.language == "ru" else " (new)"
        renamed = base if base != name.strip() else base + suffix
        connection.execute(
            "update lead_sources set name = %s, updated_at = %s where id = %s", [renamed, ongoing.at(), id_]
        )
    return len(found)


def _corrected_lead_sources(connection: Connection, ongoing: Ongoing) -> int:
    """The source of a lead turns out to be another one."""
    sources = ongoing.company.directory.sources
    condition = _recent("deleted_at is null and created_at < %(begins)s")
    found = ongoing.pick(connection, "leads", "id, source_id", condition, _some(ongoing, 0.05))
    for id_, source in found:
        others = [int(one) for one in sources if int(one) != source]
        connection.execute(
            "update leads set source_id = %s, updated_at = %s where id = %s",
            [others[int(ongoing.generator.integers(len(others)))], ongoing.at(), id_],
        )
    return len(found)


def _departures(connection: Connection, ongoing: Ongoing) -> int:
    """A manager leaves and somebody new is hired, in one company after the other."""
    if ongoing.day % len(TENANTS) != [profile.id for profile in TENANTS].index(ongoing.tenant):
        return 0
    condition = "role = 'manager' and is_active and deleted_at is null and created_at < %(begins)s"
    staff = set(ongoing.company.directory.staff.ids.tolist())
    candidates = ongoing.pick(connection, "users", "id, department_id", condition, 10 * len(staff))
    id_, department = next(row for row in candidates if row[0] in staff)
    moment = ongoing.at((16.0, 18.5))
    connection.execute(
        "update users set is_active = false, deactivated_at = %s, updated_at = %s where id = %s", [moment, moment, id_]
    )
    values = {
        "department_id": department,
        "full_name": person_name(ongoing.company.profile, ongoing.generator),
        "role": "manager",
        "is_active": True,
        "created_at": moment,
    }
    _insert(connection, "users", ongoing.company.ids.one("users"), ongoing.tenant, moment, values)
    return 1


def _finished_activities(connection: Connection, ongoing: Ongoing) -> int:
    """Most of what was due is done; some of it is cancelled."""
    found = ongoing.pick(
        connection,
        "activities",
        "id, kind",
        "status in ('planned', 'in_progress') and deleted_at is null and created_at < %(begins)s"
        " and due_at < %(ends)s and due_at > %(begins)s - interval '20 days'",
        _some(ongoing, 6.0),
    )
    for id_, kind in found:
        moment = ongoing.at()
        if ongoing.generator.random() < 0.06:
            connection.execute(
                "update activities set status = 'cancelled', updated_at = %s where id = %s", [moment, id_]
            )
            continue
        minutes = int(ongoing.generator.integers(3, 60)) if kind in ("call", "meeting", "visit") else None
        connection.execute(
            "update activities set status = 'done', completed_at = %s, duration_minutes = %s, updated_at = %s"
            " where id = %s",
            [moment, minutes, moment, id_],
        )
    return len(found)


def _reopened_activities(connection: Connection, ongoing: Ongoing) -> int:
    """Work that was thought done is not."""
    condition = _recent("status = 'done' and deleted_at is null and completed_at < %(begins)s")
    found = ongoing.pick(connection, "activities", "id", condition, _some(ongoing, 0.03))
    for (id_,) in found:
        connection.execute(
            "update activities set status = 'in_progress', completed_at = null, updated_at = %s where id = %s",
            [ongoing.at(), id_],
        )
    return len(found)


def _new_work(connection: Connection, ongoing: Ongoing) -> int:
    """Activities and messages about deals that are open."""
    staff = ongoing.company.directory.staff
    positions = {int(id_): position for position, id_ in enumerate(staff.ids)}
    customers = {int(id_): position for position, id_ in enumerate(ongoing.customers.ids)}
    found = ongoing.pick(
        connection,
        "deals",
        "id, owner_user_id, company_id, contact_id, coalesce(amount, 0)::bigint",
        "deleted_at is null and stage_id not in ('won', 'paid', 'lost') and created_at < %(begins)s",
        _some(ongoing, 6.0),
    )
    deals = [row for row in found if row[1] in positions and row[2] in customers]
    if not deals:
        return 0
    size, generator, clock = len(deals), ongoing.generator, ongoing.company.clock
    start = max(clock.as_of - DAY, ongoing.day * DAY + 9 * HOUR)
    nothing = np.full(size, -1, dtype=np.int64)
    customer = np.array([customers[row[2]] for row in deals], dtype=np.int64)
    products = len(VOCABULARIES[ongoing.company.profile.vocabulary].products)
    subjects = Subjects(
        deal=np.array([row[0] for row in deals], dtype=np.int64),
        lead=nothing,
        customer=customer,
        contact=ongoing.customers.contacts[customer],
        owner=np.array([positions[row[1]] for row in deals], dtype=np.int64),
        product=generator.integers(0, products, size),
        amount=np.array([row[4] for row in deals], dtype=np.int64),
        start=np.full(size, start),
        end=np.full(size, start + DAY),
        activities=generator.poisson(1.1, size),
        chats=generator.poisson(0.15, size),
    )
    tables = work_on(ongoing.company, ongoing.customers, subjects, generator)
    return sum(rows.copy_columns(connection, table, columns) for table, columns in tables.items())


def _delete_for_good(connection: Connection, ongoing: Ongoing) -> int:
    """Rows vanish without a trace: an activity with its messages, and a deal with all that belongs to it."""
    count = 0
    deals = ongoing.pick(connection, "deals", "id", _recent("created_at < %(begins)s"), _some(ongoing, 0.01))
    for (id_,) in deals:
        for table in ("messages", "activities"):
            connection.execute(
                f"update {table} set deal_id = null, updated_at = %s where deal_id = %s", [ongoing.at(), id_]
            )
        for table in ("deal_stage_history", "deal_owner_history"):
            count += connection.execute(f"delete from {table} where deal_id = %s", [id_]).rowcount
        count += connection.execute("delete from deals where id = %s", [id_]).rowcount
    for (id_,) in ongoing.pick(
        connection, "activities", "id", _recent("created_at < %(begins)s"), _some(ongoing, 0.02)
    ):
        count += connection.execute("delete from messages where activity_id = %s", [id_]).rowcount
        count += connection.execute("delete from activities where id = %s", [id_]).rowcount
    return count


_CHANGES: tuple[Callable[[Connection, Ongoing], int], ...] = (
    _converted_leads,
    _worked_leads,
    _stage_moves,
    _payments,
    _reopened_deals,
    _changed_amounts,
    _changed_owners,
    _restored_rows,
    _soft_deletes,
    _finished_activities,
    _reopened_activities,
    _new_leads_and_deals,
    _new_work,
    _exchange_rates,
    _renamed_sources,
    _corrected_lead_sources,
    _departures,
)
