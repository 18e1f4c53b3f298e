"""Leads and deals of one month: who came from where, what became of it, and the histories that record it.

All leads that were created in the month, the deals that came of them (also in later months), and the direct deals of
the month. Activities and messages about them belong in `activities`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.demo_crm import rows
from deploy.demo_crm.clock import DAY, Clock, Flags, Floats, Integers, time_of_day
from deploy.demo_crm.customers import Customers, Tables, new_customers
from deploy.demo_crm.directory import CODES, LOST, NEVER, PAID, WON, Directory, Ids
from deploy.demo_crm.profile import TenantProfile
from deploy.demo_crm.vocabulary import VOCABULARIES

_DIRECT = 0.12
_SECOND_DEAL = 0.04
_NEW_CUSTOMER = 0.45
_MAX_MOVES = 16
_FIRST_STEP = -1
_NOBODY = -1


@dataclass(frozen=True)
class Company:
    """Everything about a tenant that its months share. Nothing is generated before the local moment `since`."""

    profile: TenantProfile
    clock: Clock
    directory: Directory
    ids: Ids
    since: int = 0


@dataclass(frozen=True)
class Leads:
    """Leads of a month. `owner` is a position in the staff or -1; `customer` a position in the customers or -1."""

    ids: Integers
    created: Integers
    source: Integers
    owner: Integers
    customer: Integers
    deal_created: Integers


@dataclass(frozen=True)
class Deals:
    """Deals of a month. Times are local microseconds; `closed` is NEVER for deals that were never closed.

    Attributes:
        owner_before: owner until `owner_changed` (the same as `owner` where it never changed).
        state: code of the current stage within `pipeline`.
        last_move: moment of the last history row.
        moves: number of history rows.
    """

    ids: Integers
    created: Integers
    pipeline: Integers
    state: Integers
    owner: Integers
    owner_before: Integers
    owner_changed: Integers
    customer: Integers
    contact: Integers
    lead: Integers
    lead_id: Integers
    product: Integers
    amount_cents: Integers
    amount_missing: Flags
    currency: Integers
    closed: Integers
    last_move: Integers
    moves: Integers


@dataclass(frozen=True)
class _Moves:
    """History rows: position of the deal, codes before (-1: the creation) and after, and the moment; in order."""

    deal: Integers
    before: Integers
    after: Integers
    at: Integers


@dataclass(frozen=True)
class _Start:
    """What is decided about a deal before it takes its course."""

    created: Integers
    lead: Integers
    source: Integers
    owner: Integers


def month_of_sales(
    company: Company, customers: Customers, span: tuple[int, int], deals: int, generator: np.random.Generator
) -> tuple[Leads, Deals, Customers, Tables]:
    """Generate about `deals` deals whose leads were created on the days [start, end) of `span`, and all those leads.

    Returns:
        The leads, the deals, the customers known after the month, and the rows by table.
    """
    leads, starts = _leads_and_starts(company, span, deals, generator)
    is_new, customer = _choose_customers(company, customers, starts, generator)
    arrivals, tables = new_customers(
        company.profile,
        company.clock,
        company.directory,
        company.ids,
        starts.created[is_new],
        starts.owner[is_new],
        generator,
    )
    customer[is_new] = len(customers.ids) + np.arange(len(arrivals.ids))
    customers = customers.joined(arrivals)
    leads.customer[starts.lead[starts.lead >= 0]] = customer[starts.lead >= 0]
    made, moves, moved_from = _make_deals(company, customers, starts, customer, is_new, leads.ids, generator)
    tables["leads"] = _lead_rows(company, customers, leads, generator)
    tables["deals"] = _deal_rows(company, customers, made, generator)
    tables["deal_stage_history"] = _stage_history_rows(company, made, moves, moved_from, generator)
    tables["deal_owner_history"] = _owner_history_rows(company, made)
    return leads, made, customers, tables


def _sample_moments(clock: Clock, span: tuple[int, int], size: int, generator: np.random.Generator) -> Integers:
    weights = clock.weights(*span)
    day = span[0] + generator.choice(len(weights), size, p=weights / weights.sum())
    moments = day * DAY + time_of_day(size, generator)
    result: Integers = np.sort(moments).astype(np.int64)
    return result


def _leads_and_starts(
    company: Company, span: tuple[int, int], deals: int, generator: np.random.Generator
) -> tuple[Leads, _Start]:
    profile, clock, staff = company.profile, company.clock, company.directory.staff
    direct = int(generator.binomial(deals, _DIRECT))
    second = int(generator.binomial(deals - direct, _SECOND_DEAL))
    converting = deals - direct - second
    failing = round(converting * (1 - profile.conversion) / profile.conversion)
    total = converting + failing
    created = _sample_moments(clock, span, total, generator)
    converts = np.zeros(total, dtype=np.bool_)
    converts[generator.permutation(total)[:converting]] = True
    share = np.array([source.share for source in profile.sources])
    chance = np.minimum(0.9, profile.conversion * np.array([source.quality for source in profile.sources]))
    source = np.where(converts, _draw(share * chance, total, generator), _draw(share * (1 - chance), total, generator))
    owner = staff.draw(total, span[0], generator)
    deal_created = np.full(total, NEVER)
    lag = np.minimum(generator.lognormal(np.log(3.2), 1.15, total), 300)
    deal_created[converts] = clock.later(created[converts], lag[converts], generator)
    known = (created < clock.as_of) & (created >= company.since)
    created, source, owner, deal_created = created[known], source[known], owner[known], deal_created[known]
    deal_created = np.where(deal_created < clock.as_of, deal_created, NEVER)
    converted = np.flatnonzero(deal_created < NEVER)
    orphan = (deal_created == NEVER) & (generator.random(len(created)) < 0.3)
    leads = Leads(
        ids=company.ids.take("leads", len(created)),
        created=created,
        source=np.where(generator.random(len(created)) < 0.02, _NOBODY, source),
        owner=np.where(orphan, _NOBODY, owner),
        customer=np.full(len(created), _NOBODY),
        deal_created=deal_created,
    )
    again = generator.choice(converted, second) if len(converted) else converted
    later = clock.later(deal_created[again], 5 + generator.exponential(45, len(again)), generator)
    alone = _sample_moments(clock, span, direct, generator)
    lead = np.concatenate([converted, again, np.full(direct, _NOBODY)])
    moment = np.concatenate([deal_created[converted], later, alone])
    handed_over = generator.random(len(lead)) < 0.08
    deal_owner = np.where(
        (lead < 0) | handed_over, staff.draw(len(lead), span[0], generator), np.append(owner, _NOBODY)[lead]
    )
    keep = np.flatnonzero((moment < clock.as_of) & (moment >= company.since))
    keep = keep[np.argsort(moment[keep], kind="stable")]
    return leads, _Start(moment[keep], lead[keep], np.append(source, _NOBODY)[lead][keep], deal_owner[keep])


def _draw(weights: Floats, size: int, generator: np.random.Generator) -> Integers:
    return generator.choice(len(weights), size, p=weights / weights.sum()).astype(np.int64)


def _choose_customers(
    company: Company, customers: Customers, starts: _Start, generator: np.random.Generator
) -> tuple[Flags, Integers]:
    """Return for each deal whether it is a new customer's, and otherwise the position of the customer who is back."""
    size = len(starts.created)
    known = len(customers.ids)
    if known == 0:
        return np.ones(size, dtype=np.bool_), np.full(size, _NOBODY)
    customer = np.full(size, _NOBODY)
    wants_old = generator.random(size) >= _NEW_CUSTOMER
    for _ in range(4):
        # Squaring makes some customers come back again and again; the recent ones are likelier to be remembered.
        candidate = known - 1 - (known * generator.random(size) ** 1.5).astype(np.int64)
        loyal = candidate - candidate % 3
        candidate = np.where(generator.random(size) < 0.6, loyal, candidate)
        fits = wants_old & (customer < 0) & (customers.leaves[candidate] > starts.created)
        customer = np.where(fits, candidate, customer)
    # A second deal of one lead is the same customer's.
    first_of_lead: dict[int, int] = {}
    for position in np.flatnonzero(starts.lead >= 0).tolist():
        first = first_of_lead.setdefault(int(starts.lead[position]), position)
        if first != position and customer[first] >= 0:
            customer[position] = customer[first]
    return customer < 0, customer


def _make_deals(
    company: Company,
    customers: Customers,
    starts: _Start,
    customer: Integers,
    is_new: Flags,
    lead_ids: Integers,
    generator: np.random.Generator,
) -> tuple[Deals, _Moves, Integers]:
    profile, directory = company.profile, company.directory
    size = len(starts.created)
    owner = _replace_leavers(company, starts.owner, starts.created, generator)
    pipeline = _choose_pipelines(profile, is_new, generator)
    currency, amount, size_score = _amounts(company, customers, customer, pipeline, starts.created, generator)
    wins = generator.random(size) < _win_chances(
        profile, directory, pipeline, starts.source, owner, ~is_new, size_score
    )
    state, closed, last_move, moves = _run(company, pipeline, owner, starts.created, wins, generator)
    counts = np.bincount(moves.deal, minlength=size)
    moved_from = _moved_pipelines(profile, directory, pipeline, counts, generator)
    changed, owner_after = _owner_changes(company, owner, starts.created, last_move, state, generator)
    contact_offset = (customers.contact_counts[customer] * generator.random(size)).astype(np.int64)
    deals = Deals(
        ids=company.ids.take("deals", size),
        created=starts.created,
        pipeline=pipeline,
        state=state,
        owner=owner_after,
        owner_before=owner,
        owner_changed=changed,
        customer=customer,
        contact=customers.contacts[customer] + contact_offset,
        lead=starts.lead,
        lead_id=np.append(lead_ids, _NOBODY)[starts.lead],
        product=generator.integers(0, len(VOCABULARIES[profile.vocabulary].products), size),
        amount_cents=amount,
        amount_missing=(state == 0) & (generator.random(size) < 0.25),
        currency=currency,
        closed=closed,
        last_move=last_move,
        moves=counts,
    )
    return deals, moves, moved_from


def _replace_leavers(company: Company, owner: Integers, at: Integers, generator: np.random.Generator) -> Integers:
    """Give what would go to someone who had left by then to someone who still works."""
    staff = company.directory.staff
    still_here = staff.draw(len(owner), company.clock.as_of_day, generator)
    return np.where(staff.left[owner] <= at, still_here, owner)


def _choose_pipelines(profile: TenantProfile, is_new: Flags, generator: np.random.Generator) -> Integers:
    share = np.array([pipeline.share for pipeline in profile.pipelines])
    for_new = np.array([0.0 if pipeline.repeat_only else pipeline.share for pipeline in profile.pipelines])
    size = len(is_new)
    return np.where(is_new, _draw(for_new, size, generator), _draw(share, size, generator))


def _amounts(
    company: Company,
    customers: Customers,
    customer: Integers,
    pipeline: Integers,
    created: Integers,
    generator: np.random.Generator,
) -> tuple[Integers, Integers, Floats]:
    """Return the currency of each deal (0: the tenant's own), its amount in hundredths and how unusual its size is."""
    profile, clock = company.profile, company.clock
    size = len(pipeline)
    score = 0.5 * customers.scale[customer] + np.sqrt(0.75) * generator.normal(0, 1, size)
    median = np.array([one.amount for one in profile.pipelines])[pipeline]
    spread = np.array([one.spread for one in profile.pipelines])[pipeline]
    years = (created // DAY - clock.first_day) / 365
    value = median * np.exp(spread * np.clip(score, -3, 3.4) + 0.06 * years)
    shares = np.array([1 - sum(one.share for one in profile.currencies), *(one.share for one in profile.currencies)])
    currency = _draw(shares, size, generator)
    for position, rates in enumerate(company.directory.rates, start=1):
        rate = rates[np.clip(created // DAY - clock.first_day, 0, len(rates) - 1)]
        value = np.where(currency == position, value / rate, value)
    style = generator.random(size)
    step = 10.0 ** (np.floor(np.log10(np.maximum(value, 1))) - 2)
    rounded = np.where(style < 0.7, np.round(value / step) * step, np.where(style < 0.9, np.round(value), value))
    return currency, np.round(rounded * 100).astype(np.int64), score


def _win_chances(
    profile: TenantProfile,
    directory: Directory,
    pipeline: Integers,
    source: Integers,
    owner: Integers,
    is_repeat: Flags,
    size_score: Floats,
) -> Floats:
    base = np.array([one.win_rate for one in profile.pipelines])[pipeline]
    quality = np.array([*(one.quality for one in profile.sources), 1.1])[source]
    odds = np.log(base / (1 - base)) + 0.55 * np.log(quality) + directory.staff.strength[owner]
    odds = odds + np.where(is_repeat, 0.3, -0.25) - 0.12 * size_score
    chances: Floats = 1 / (1 + np.exp(-odds))
    return chances


def _run(
    company: Company,
    pipeline: Integers,
    owner: Integers,
    created: Integers,
    wins: Flags,
    generator: np.random.Generator,
) -> tuple[Integers, Integers, Integers, _Moves]:
    """Let the deals take their course until as-of.

    Returns:
        The current stage code, the moment of the last close (NEVER if none), that of the last move, and all moves.
    """
    clock, directory = company.clock, company.directory
    size = len(created)
    last_open = directory.open_stages[pipeline] - 1
    # Losses thin out along the pipeline; the stage before a loss is somewhere on the way.
    fails_at = np.minimum(last_open, np.floor(generator.exponential(0.36, size) * (last_open + 1)).astype(np.int64))
    course = _Course(
        goal=np.where(wins, last_open, fails_at),
        wins=wins.copy(),
        last_open=last_open,
        has_paid=directory.has_paid[pipeline],
        came_back=np.zeros(size, dtype=np.bool_),
        reopened=np.zeros(size, dtype=np.bool_),
    )
    per_stage = np.array([one.cycle_days for one in company.profile.pipelines])[pipeline] / (last_open + 1)
    per_stage = per_stage * directory.staff.pace[owner]
    state = np.zeros(size, dtype=np.int64)
    at = created.copy()
    closed = np.full(size, NEVER)
    pieces = [(np.arange(size), np.full(size, _FIRST_STEP), state.copy(), at.copy())]
    alive = np.arange(size)
    for _ in range(_MAX_MOVES):
        # Some deals are forgotten in their stage for ever.
        alive = alive[generator.random(len(alive)) > 0.008]
        following = course.next(alive, state, generator)
        alive, following = alive[following >= 0], following[following >= 0]
        if len(alive) == 0:
            break
        wait = _waits(state[alive], following, per_stage[alive], generator)
        pace = np.array(company.profile.pace)[clock.month_of_year(at[alive]) - 1]
        moment = clock.later(at[alive], wait * pace, generator)
        happened = moment < clock.as_of
        alive, following, moment = alive[happened], following[happened], moment[happened]
        pieces.append((alive, state[alive], following, moment))
        state[alive], at[alive] = following, moment
        closing = following >= WON
        closed[alive[closing]] = moment[closing]
    deal, before, after, moments = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(deal, kind="stable")
    return state, closed, at, _Moves(deal[order], before[order], after[order], moments[order])


@dataclass(frozen=True)
class _Course:
    """Where each deal is heading; `goal` is the last open stage before its close."""

    goal: Integers
    wins: Flags
    last_open: Integers
    has_paid: Flags
    came_back: Flags
    reopened: Flags

    def next(self, deal: Integers, state: Integers, generator: np.random.Generator) -> Integers:
        """Return the next stage of each deal, -1 where it rests for good."""
        now = state[deal]
        chance = generator.random(len(deal))
        goal = self.goal[deal]
        end = np.where(self.wins[deal], WON, LOST)
        backward = (now > 0) & (chance < 0.04) & ~self.came_back[deal]
        skip = (chance > 0.91) & (now + 2 <= goal)
        forward = np.where(skip, now + 2, now + 1)
        following = np.where(now >= goal, end, np.where(backward, now - 1, forward))
        self.came_back[deal[backward & (now < goal)]] = True
        return np.where(now >= WON, self._after_close(deal, now, chance, generator), following)

    def _after_close(self, deal: Integers, now: Integers, chance: Floats, generator: np.random.Generator) -> Integers:
        reopens = ~self.reopened[deal] & (chance < np.select([now == WON, now == PAID], [0.012, 0.006], 0.022))
        back = np.where(now == LOST, np.minimum(1, self.last_open[deal]), self.last_open[deal])
        again = deal[reopens]
        self.reopened[again] = True
        self.goal[again] = self.last_open[again]
        self.wins[again] = generator.random(len(again)) < np.where(now[reopens] == LOST, 0.35, 0.7)
        pays = (now == WON) & self.has_paid[deal] & (chance < 0.92)
        return np.where(reopens, back, np.where(pays, PAID, -1))


def _waits(now: Integers, following: Integers, per_stage: Floats, generator: np.random.Generator) -> Floats:
    """Return the days that a deal stays in its stage before the move."""
    days = per_stage * generator.lognormal(0, 0.75, len(now))
    days = np.where(following == LOST, days * 1.5, days)
    days = np.where(following == PAID, generator.uniform(2, 21, len(now)), days)
    return np.minimum(np.where((now >= WON) & (following < WON), generator.uniform(6, 75, len(now)), days), 400)


def _moved_pipelines(
    profile: TenantProfile, directory: Directory, pipeline: Integers, moves: Integers, generator: np.random.Generator
) -> Integers:
    """Return for each deal how many of its first history rows lie in the pipeline before its own; 0: it never moved."""
    size = len(pipeline)
    if len(profile.pipelines) < 2:
        return np.zeros(size, dtype=np.int64)
    moved = (moves > 2) & (generator.random(size) < 0.025)
    return np.where(moved, generator.integers(1, 3, size), 0)


def _owner_changes(
    company: Company,
    owner: Integers,
    created: Integers,
    last_move: Integers,
    state: Integers,
    generator: np.random.Generator,
) -> tuple[Integers, Integers]:
    """Return when each deal got another owner (NEVER: not at all) and its owner now."""
    clock, staff = company.clock, company.directory.staff
    size = len(owner)
    end = np.where(state < WON, clock.as_of, last_move)
    by_wish = created + ((end - created) * generator.uniform(0.1, 0.95, size)).astype(np.int64)
    changed = np.where(generator.random(size) < 0.05, by_wish, NEVER)
    inherited = (staff.left[owner] < end) & (staff.left[owner] > created) & (generator.random(size) < 0.85)
    changed = np.where(inherited, staff.left[owner], changed)
    changed = np.where(changed <= created, NEVER, changed)
    heir = staff.draw(size, clock.as_of_day, generator)
    return np.where(heir == owner, NEVER, changed), np.where((changed < NEVER) & (heir != owner), heir, owner)


def _lead_rows(
    company: Company, customers: Customers, leads: Leads, generator: np.random.Generator
) -> dict[str, rows.Column]:
    profile, clock = company.profile, company.clock
    words = VOCABULARIES[profile.vocabulary]
    size = len(leads.ids)
    converted = leads.deal_created < NEVER
    age = (clock.as_of - leads.created) // DAY
    fate = generator.choice(3, size, p=(0.16, 0.14, 0.7)) + 1
    status = np.where(converted, 4, np.where(age < 3, 0, np.where(age < 20, np.minimum(fate, 2), fate)))
    touched = leads.created + (generator.exponential(4, size) * DAY).astype(np.int64)
    updated = np.minimum(np.where(converted, leads.deal_created, touched), clock.as_of - 1)
    deleted = ~converted & (generator.random(size) < 0.004)
    stamped = converted & (generator.random(size) < 0.2)
    titles = [title.format(product=product) for title in words.lead_titles for product in words.products]
    customer = np.maximum(leads.customer, 0)
    unknown = leads.customer < 0
    with_customers = len(customers.ids) > 0
    return {
        "id": rows.numbers(leads.ids),
        "tenant_id": rows.constant(profile.id, size),
        "title": rows.choices(generator.integers(0, len(titles), size), titles),
        "source_id": rows.numbers(company.directory.sources[leads.source], leads.source < 0),
        "status": rows.choices(status, ("new", "working", "qualified", "unqualified", "converted")),
        "owner_user_id": rows.numbers(company.directory.staff.ids[leads.owner], leads.owner < 0),
        "company_id": rows.numbers(customers.ids[customer] if with_customers else customer, unknown),
        "contact_id": rows.numbers(customers.contacts[customer] if with_customers else customer, unknown),
        "is_duplicate": rows.flags(~converted & (generator.random(size) < 0.012)),
        "converted_at": rows.moments(leads.deal_created, clock, ~stamped),
        "created_at": rows.moments(leads.created, clock),
        "updated_at": rows.moments(updated, clock),
        "deleted_at": rows.moments(updated, clock, ~deleted),
    }


def _deal_rows(
    company: Company, customers: Customers, deals: Deals, generator: np.random.Generator
) -> dict[str, rows.Column]:
    profile, clock, directory = company.profile, company.clock, company.directory
    words = VOCABULARIES[profile.vocabulary]
    size = len(deals.ids)
    titles = [title.format(product=product) for product in words.products for title in words.deal_titles]
    title = deals.product * len(words.deal_titles) + generator.integers(0, len(words.deal_titles), size)
    changed = np.where(deals.owner_changed < NEVER, deals.owner_changed, 0)
    touched = np.maximum(deals.last_move, changed)
    edited = touched + (generator.exponential(3, size) * DAY).astype(np.int64) * (generator.random(size) < 0.3)
    updated = np.minimum(edited, clock.as_of - 1)
    cycle = np.array([one.cycle_days for one in profile.pipelines])[deals.pipeline]
    expected = deals.created // DAY + (cycle * generator.uniform(0.6, 2.2, size)).astype(np.int64) + 1
    currencies = (profile.currency, *(one.code for one in profile.currencies))
    return {
        "id": rows.numbers(deals.ids),
        "tenant_id": rows.constant(profile.id, size),
        "title": rows.choices(title, titles),
        "pipeline_id": rows.numbers(directory.pipelines[deals.pipeline]),
        "stage_id": rows.choices(deals.pipeline * CODES + deals.state, directory.stage_words),
        "owner_user_id": rows.numbers(directory.staff.ids[deals.owner]),
        "company_id": rows.numbers(customers.ids[deals.customer]),
        "contact_id": rows.numbers(deals.contact),
        "lead_id": rows.numbers(deals.lead_id, deals.lead_id < 0),
        "amount": rows.cents(deals.amount_cents, deals.amount_missing),
        "currency": rows.choices(deals.currency, currencies),
        "expected_close_on": rows.days(expected, generator.random(size) < 0.15),
        "closed_at": rows.moments(deals.closed, clock, deals.closed == NEVER),
        "created_at": rows.moments(deals.created, clock),
        "updated_at": rows.moments(updated, clock),
        "deleted_at": rows.moments(updated, clock, generator.random(size) > 0.004),
    }


def _stage_history_rows(
    company: Company, deals: Deals, moves: _Moves, moved_from: Integers, generator: np.random.Generator
) -> dict[str, rows.Column]:
    directory = company.directory
    size = len(moves.deal)
    starts = np.cumsum(deals.moves) - deals.moves
    step = np.arange(size) - starts[moves.deal]
    own = deals.pipeline[moves.deal]
    former = (own + 1) % len(directory.pipelines)
    pipeline = np.where(step < moved_from[moves.deal], former, own)
    before_pipeline = np.where(step <= moved_from[moves.deal], np.where(moved_from[moves.deal] > 0, former, own), own)
    user = np.where(moves.at < deals.owner_changed[moves.deal], deals.owner_before[moves.deal], deals.owner[moves.deal])
    words = directory.stage_words
    stamps = rows.moments(moves.at, company.clock)
    return {
        "id": rows.numbers(company.ids.take("deal_stage_history", size)),
        "tenant_id": rows.constant(company.profile.id, size),
        "deal_id": rows.numbers(deals.ids[moves.deal]),
        "pipeline_id": rows.numbers(directory.pipelines[pipeline]),
        "from_stage_id": rows.choices(
            before_pipeline * CODES + _fitting(directory, before_pipeline, moves.before), words, moves.before < 0
        ),
        "stage_id": rows.choices(pipeline * CODES + _fitting(directory, pipeline, moves.after), words),
        "user_id": rows.numbers(directory.staff.ids[user], generator.random(size) < 0.02),
        "changed_at": stamps,
        "updated_at": stamps,
    }


def _fitting(directory: Directory, pipeline: Integers, code: Integers) -> Integers:
    """Return codes that exist in the given pipelines, which may be shorter than the one the code comes from."""
    code = np.where((code == PAID) & ~directory.has_paid[pipeline], WON, code)
    return np.where(code < WON, np.clip(code, 0, directory.open_stages[pipeline] - 1), code)


def _owner_history_rows(company: Company, deals: Deals) -> dict[str, rows.Column]:
    """Most deals record their first owner; some only record the change, and some that never changed record nothing."""
    staff = company.directory.staff
    changed = deals.owner_changed < NEVER
    records_first = deals.ids % 10 < 7
    deal = np.concatenate([np.flatnonzero(records_first), np.flatnonzero(changed)])
    is_change = np.concatenate([np.zeros(int(records_first.sum()), np.bool_), np.ones(int(changed.sum()), np.bool_)])
    at = np.where(is_change, deals.owner_changed[deal], deals.created[deal])
    order = np.lexsort((at, deal))
    deal, is_change, at = deal[order], is_change[order], at[order]
    owner = np.where(is_change, deals.owner[deal], deals.owner_before[deal])
    stamps = rows.moments(at, company.clock)
    return {
        "id": rows.numbers(company.ids.take("deal_owner_history", len(deal))),
        "tenant_id": rows.constant(company.profile.id, len(deal)),
        "deal_id": rows.numbers(deals.ids[deal]),
        "from_owner_user_id": rows.numbers(staff.ids[deals.owner_before[deal]], ~is_change),
        "owner_user_id": rows.numbers(staff.ids[owner]),
        "changed_at": stamps,
        "updated_at": stamps,
    }
