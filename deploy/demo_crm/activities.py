"""The work around leads and deals (tasks, calls, meetings, e-mails, visits) and the messages exchanged meanwhile.

Leads and deals themselves come from `sales`; the sentences from `conversations`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.demo_crm import rows
from deploy.demo_crm.clock import DAY, EPOCH, HOUR, MINUTE, Flags, Floats, Integers
from deploy.demo_crm.conversations import PHRASES, Occasion, call_text, chat_text, email_text
from deploy.demo_crm.customers import Customers, Tables
from deploy.demo_crm.directory import NEVER, WON
from deploy.demo_crm.profile import Language, TenantProfile
from deploy.demo_crm.sales import Company, Deals, Leads
from deploy.demo_crm.vocabulary import VOCABULARIES, person

KINDS = ("todo", "call", "meeting", "email", "visit")
_TODO, _CALL, _MEETING, _EMAIL, _VISIT = range(5)
STATUSES = ("planned", "in_progress", "done", "cancelled", "deferred")
_PLANNED, _IN_PROGRESS, _DONE, _CANCELLED, _DEFERRED = range(5)
_CALL_CHANNEL, _EMAIL_CHANNEL, _CHAT_CHANNEL = range(3)
CHANNELS = ("call", "email", "chat")
_WRITERS = (call_text, email_text, chat_text)
_MAX_PER_DEAL = 40
_UNHAPPY_DAYS = 120
_NOBODY = -1


@dataclass(frozen=True)
class Subjects:
    """What work and messages are about: deals first, then leads without a deal; -1 stands for nothing."""

    deal: Integers
    lead: Integers
    customer: Integers
    contact: Integers
    owner: Integers
    product: Integers
    amount: Integers
    start: Integers
    end: Integers
    activities: Integers
    chats: Integers


@dataclass(frozen=True)
class _Work:
    """Activities; `about` is a position in the subjects, `at` the moment of the work, done or planned."""

    ids: Integers
    about: Integers
    kind: Integers
    status: Integers
    assignee: Integers
    created: Integers
    at: Integers
    completed: Integers


def month_of_work(
    company: Company, customers: Customers, leads: Leads, deals: Deals, generator: np.random.Generator
) -> Tables:
    """Generate the activities and messages of a month's leads and deals and return their rows by table."""
    subjects = _subjects(company, customers, leads, deals, generator)
    leads_never = np.full(len(leads.ids), NEVER)
    owner_before = np.concatenate([deals.owner_before, leads.owner])
    work = _work(company, subjects, owner_before, np.concatenate([deals.owner_changed, leads_never]), generator)
    return {
        "activities": _activity_rows(company, customers, subjects, work, generator),
        "messages": _message_rows(company, customers, subjects, work, generator),
    }


def work_on(company: Company, customers: Customers, subjects: Subjects, generator: np.random.Generator) -> Tables:
    """Generate the activities and messages of subjects whose owners do not change meanwhile; return rows by table."""
    work = _work(company, subjects, subjects.owner, np.full(len(subjects.owner), NEVER), generator)
    return {
        "activities": _activity_rows(company, customers, subjects, work, generator),
        "messages": _message_rows(company, customers, subjects, work, generator),
    }


def _subjects(
    company: Company, customers: Customers, leads: Leads, deals: Deals, generator: np.random.Generator
) -> Subjects:
    clock = company.clock
    products = len(VOCABULARIES[company.profile.vocabulary].products)
    closes = (deals.closed < NEVER) & (deals.state >= WON)
    # Open deals are worked on for a while after their last move, and have plans beyond as-of.
    deal_end = np.where(
        closes, deals.last_move + 6 * DAY, np.minimum(deals.last_move + 70 * DAY, clock.as_of + 12 * DAY)
    )
    deal_work = generator.poisson(1.6 + 0.93 * deals.moves)
    lead_work = generator.poisson(0.75, len(leads.ids))
    nothing = np.full(len(leads.ids), _NOBODY)
    converted = leads.deal_created < NEVER
    lead_end = np.where(converted, leads.deal_created, leads.created + 25 * DAY)
    contact = customers.contacts[np.maximum(leads.customer, 0)] if len(customers.ids) else nothing
    return Subjects(
        deal=np.concatenate([deals.ids, nothing]),
        lead=np.concatenate([np.where(deals.moves % 3 == 0, deals.lead_id, _NOBODY), leads.ids]),
        customer=np.concatenate([deals.customer, leads.customer]),
        contact=np.concatenate([deals.contact, np.where(leads.customer >= 0, contact, _NOBODY)]),
        owner=np.concatenate([deals.owner, leads.owner]),
        product=np.concatenate([deals.product, generator.integers(0, products, len(leads.ids))]),
        amount=np.concatenate([deals.amount_cents // 100, _lead_amounts(company.profile, len(leads.ids), generator)]),
        start=np.concatenate([deals.created, leads.created]),
        end=np.concatenate([deal_end, lead_end]),
        activities=np.concatenate([np.minimum(deal_work, _MAX_PER_DEAL), np.where(leads.owner >= 0, lead_work, 0)]),
        chats=np.concatenate([generator.poisson(0.36, len(deals.ids)), generator.poisson(0.05, len(leads.ids))]),
    )


def _lead_amounts(profile: TenantProfile, size: int, generator: np.random.Generator) -> Integers:
    return (profile.pipelines[0].amount * generator.lognormal(0, 0.8, size)).astype(np.int64) // 100 * 100


def _work(
    company: Company,
    subjects: Subjects,
    owner_before: Integers,
    owner_changed: Integers,
    generator: np.random.Generator,
) -> _Work:
    clock = company.clock
    about = np.repeat(np.arange(len(subjects.deal)), subjects.activities)
    size = len(about)
    span = (subjects.end - subjects.start)[about] / DAY
    at = clock.later(subjects.start[about], np.maximum(span, 0.2) * generator.random(size), generator)
    ahead = (generator.exponential(1.6, size) * DAY).astype(np.int64)
    created = np.maximum(subjects.start[about] + MINUTE, at - ahead)
    kept = created < clock.as_of
    about, at, created = about[kept], at[kept], created[kept]
    order = np.argsort(created, kind="stable")
    about, at, created = about[order], at[order], created[order]
    size = len(about)
    kind = generator.choice(5, size, p=(0.22, 0.38, 0.1, 0.22, 0.08)).astype(np.int64)
    status = _statuses(at, clock.as_of, generator)
    completed = at + (np.abs(generator.normal(0, 1.4, size)) * HOUR).astype(np.int64)
    unfinished = (status == _DONE) & (completed >= clock.as_of)
    status = np.where(unfinished, _IN_PROGRESS, status)
    return _Work(
        ids=company.ids.take("activities", size),
        about=about,
        kind=kind,
        status=status,
        assignee=np.where(at < owner_changed[about], owner_before[about], subjects.owner[about]),
        created=created,
        at=at,
        completed=np.where(status == _DONE, completed, NEVER),
    )


def _statuses(at: Integers, as_of: int, generator: np.random.Generator) -> Integers:
    size = len(at)
    past = generator.choice(5, size, p=(0.004, 0.001, 0.92, 0.05, 0.025))
    recent = generator.choice(5, size, p=(0.09, 0.02, 0.82, 0.045, 0.025))
    coming = np.where(generator.random(size) < 0.04, _IN_PROGRESS, _PLANNED)
    return np.select([at >= as_of, at >= as_of - 45 * DAY], [coming, recent], past).astype(np.int64)


def _activity_rows(
    company: Company, customers: Customers, subjects: Subjects, work: _Work, generator: np.random.Generator
) -> dict[str, rows.Column]:
    clock = company.clock
    size = len(work.ids)
    words = VOCABULARIES[company.profile.vocabulary].subjects
    titles = [title for kind in KINDS for title in words[kind]]
    counts = np.array([len(words[kind]) for kind in KINDS], dtype=np.int64)
    title = (np.cumsum(counts) - counts)[work.kind] + (counts[work.kind] * generator.random(size)).astype(np.int64)
    finished = work.completed < NEVER
    stopped = (work.status == _CANCELLED) | (work.status == _DEFERRED)
    updated = np.where(finished, work.completed, np.where(stopped, work.at, work.created))
    updated = np.minimum(updated + 20 * MINUTE * (generator.random(size) < 0.2), clock.as_of - 1)
    updated = np.maximum(updated, work.created)
    deleted = generator.random(size) < 0.003
    deal, lead, customer = subjects.deal[work.about], subjects.lead[work.about], subjects.customer[work.about]
    company_ids = customers.ids[np.maximum(customer, 0)] if len(customers.ids) else customer
    return {
        "id": rows.numbers(work.ids),
        "tenant_id": rows.constant(company.profile.id, size),
        "kind": rows.choices(work.kind, KINDS),
        "status": rows.choices(work.status, STATUSES),
        "subject": rows.choices(title, titles),
        "assignee_user_id": rows.numbers(company.directory.staff.ids[work.assignee]),
        "deal_id": rows.numbers(deal, deal < 0),
        "lead_id": rows.numbers(lead, lead < 0),
        "company_id": rows.numbers(company_ids, customer < 0),
        "due_at": rows.moments(work.at, clock, generator.random(size) < 0.08),
        "completed_at": rows.moments(work.completed, clock, ~finished),
        "duration_minutes": rows.numbers(*_durations(work, generator)),
        "created_at": rows.moments(work.created, clock),
        "updated_at": rows.moments(updated, clock),
        "deleted_at": rows.moments(updated, clock, ~deleted),
    }


def _durations(work: _Work, generator: np.random.Generator) -> tuple[Integers, Flags]:
    """Return minutes, and where there are none: nothing is timed before it is done, and e-mails never are."""
    size = len(work.ids)
    call = np.clip(generator.lognormal(np.log(4.5), 0.8, size), 1, 75)
    meeting = generator.choice((30, 45, 60, 60, 90), size)
    visit = generator.choice((60, 90, 120, 180), size)
    minutes = np.select([work.kind == _CALL, work.kind == _MEETING, work.kind == _VISIT], [call, meeting, visit], 15)
    untimed = (work.kind == _EMAIL) | ((work.kind == _TODO) & (generator.random(size) < 0.8))
    return minutes.astype(np.int64), untimed | (work.completed == NEVER)


@dataclass(frozen=True)
class _Exchange:
    """Messages to be worded; parallel arrays. `activity` is the activity's id or -1."""

    about: Integers
    activity: Integers
    user: Integers
    channel: Integers
    inbound: Flags
    at: Integers


def _message_rows(
    company: Company, customers: Customers, subjects: Subjects, work: _Work, generator: np.random.Generator
) -> dict[str, rows.Column]:
    clock, staff = company.clock, company.directory.staff
    exchange = _exchange(company, subjects, work, generator)
    size = len(exchange.about)
    deal, lead = subjects.deal[exchange.about], subjects.lead[exchange.about]
    contact = subjects.contact[exchange.about]
    english, bodies = _bodies(company, customers, subjects, exchange, generator)
    stamps = rows.moments(exchange.at, clock)
    return {
        "id": rows.numbers(company.ids.take("messages", size)),
        "tenant_id": rows.constant(company.profile.id, size),
        "activity_id": rows.numbers(exchange.activity, exchange.activity < 0),
        "deal_id": rows.numbers(deal, deal < 0),
        "lead_id": rows.numbers(lead, lead < 0),
        "contact_id": rows.numbers(contact, contact < 0),
        "user_id": rows.numbers(staff.ids[exchange.user], exchange.user < 0),
        "channel": rows.choices(exchange.channel, CHANNELS),
        "direction": rows.choices(exchange.inbound.astype(np.int64), ("out", "in")),
        "language": rows.choices(english, ("ru", "en"), generator.random(size) < 0.15),
        "body": bodies,
        "sent_at": stamps,
        "updated_at": stamps,
    }


def _exchange(company: Company, subjects: Subjects, work: _Work, generator: np.random.Generator) -> _Exchange:
    done = work.completed < NEVER
    chance = generator.random(len(work.ids))
    told = np.flatnonzero(
        done & np.select([work.kind == _CALL, work.kind == _EMAIL], [chance < 0.3, chance < 0.55], False)
    )
    chat = np.repeat(np.arange(len(subjects.deal)), subjects.chats)
    span = np.maximum(np.minimum(subjects.end, company.clock.as_of) - subjects.start, 0)[chat] / DAY
    chat_at = company.clock.later(subjects.start[chat], span * generator.random(len(chat)), generator)
    chat, chat_at = chat[chat_at < company.clock.as_of], chat_at[chat_at < company.clock.as_of]
    channel = np.where(work.kind[told] == _CALL, _CALL_CHANNEL, _EMAIL_CHANNEL)
    parts = _Exchange(
        about=np.concatenate([work.about[told], chat]),
        activity=np.concatenate([work.ids[told], np.full(len(chat), _NOBODY)]),
        user=np.concatenate([work.assignee[told], subjects.owner[chat]]),
        channel=np.concatenate([channel, np.full(len(chat), _CHAT_CHANNEL)]),
        inbound=generator.random(len(told) + len(chat)) < 0.58,
        at=np.concatenate([work.completed[told], chat_at]),
    )
    order = np.argsort(parts.at, kind="stable")
    return _Exchange(*(getattr(parts, name)[order] for name in _Exchange.__dataclass_fields__))


def _bodies(
    company: Company, customers: Customers, subjects: Subjects, exchange: _Exchange, generator: np.random.Generator
) -> tuple[Integers, rows.Column]:
    """Return for each message whether it is in English (1) or in Russian (0), and its escaped text."""
    profile, staff = company.profile, company.directory.staff
    foreign, unhappy = _moods(profile, customers, subjects, exchange, generator)
    english = foreign ^ (profile.language == "en")
    own, other = VOCABULARIES[profile.vocabulary], VOCABULARIES["russia" if profile.language == "en" else "america"]
    size = len(exchange.about)
    contact, lead = subjects.contact[exchange.about], subjects.lead[exchange.about]
    writer = np.where(contact >= 0, contact, lead).tolist()
    product = subjects.product[exchange.about].tolist()
    amount = subjects.amount[exchange.about].tolist()
    day = exchange.at // DAY + generator.integers(-6, 9, size)
    calendar = (np.datetime64(EPOCH) + day).astype("datetime64[D]").tolist()
    choice = generator.integers(0, 2**60, size).tolist()
    intents = _intents(english, unhappy, generator)
    channels = exchange.channel.tolist()
    texts = []
    for index, (tongue, inbound, user) in enumerate(
        zip(foreign.tolist(), exchange.inbound.tolist(), exchange.user.tolist(), strict=True)
    ):
        occasion = Occasion(
            language="en" if english[index] else "ru",
            intent=intents[index],
            inbound=inbound,
            choice=choice[index],
            client=person(other if tongue else own, writer[index]),
            agent=staff.names[user],
            company=profile.name,
            product=own.products[product[index]],
            city=own.cities[choice[index] % len(own.cities)],
            amount=own.amount.format(amount=f"{amount[index]:,}".replace(",", own.thousands)),
            month=calendar[index].month,
            day=calendar[index].day,
        )
        texts.append(rows.escape(_WRITERS[channels[index]](occasion)))
    return english.astype(np.int64), texts


def _moods(
    profile: TenantProfile,
    customers: Customers,
    subjects: Subjects,
    exchange: _Exchange,
    generator: np.random.Generator,
) -> tuple[Flags, Flags]:
    """Return which messages are in the tenant's other language, and which come from customers about to leave."""
    size = len(exchange.about)
    customer = subjects.customer[exchange.about]
    foreign = generator.random(size) < profile.other_language_share
    if len(customers.ids) == 0:
        return foreign, np.zeros(size, dtype=np.bool_)
    position = np.maximum(customer, 0)
    rest = customers.leaves[position] - exchange.at
    unhappy = (customer >= 0) & (rest > -30 * DAY) & (rest < _UNHAPPY_DAYS * DAY)
    return np.where(customer >= 0, customers.foreign_tongue[position], foreign), unhappy


def _intents(english: Flags, unhappy: Flags, generator: np.random.Generator) -> list[int]:
    languages: tuple[Language, Language] = ("ru", "en")
    result = np.zeros(len(english), dtype=np.int64)
    for is_english, language in enumerate(languages):
        intents = PHRASES[language].intents
        for is_unhappy in (False, True):
            weights: Floats = np.array([one.weight_unhappy if is_unhappy else one.weight for one in intents])
            drawn = generator.choice(len(intents), len(english), p=weights / weights.sum())
            result = np.where((english == bool(is_english)) & (unhappy == is_unhappy), drawn, result)
    return [int(value) for value in result]
