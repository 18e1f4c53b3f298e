"""The reference rows of a tenant: departments, users, pipelines, stages, sources and exchange rates.

Customers, leads and deals belong in `customers` and `sales`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from deploy.demo_crm.clock import DAY, EPOCH, HOUR, Clock, Flags, Floats, Integers
from deploy.demo_crm.profile import CurrencyProfile, TenantProfile
from deploy.demo_crm.vocabulary import VOCABULARIES, person

NEVER = np.iinfo(np.int64).max // 4
# Positions of the closed stages in a pipeline's code space; open stages are 0, 1, 2, ...
WON, PAID, LOST = 13, 14, 15
CODES = 16

Record = dict[str, Any]
Records = dict[str, list[Record]]


class Ids:
    """The next free id of each table. Ids are unique within a table across tenants."""

    def __init__(self, taken: Mapping[str, int] | None = None) -> None:
        """Start after the highest id taken in each table; at 1 where none is."""
        self._next: Counter[str] = Counter(taken)

    def take(self, table: str, size: int) -> Integers:
        """Return `size` consecutive new ids."""
        start = self._next[table] + 1
        self._next[table] += size
        return np.arange(start, start + size, dtype=np.int64)

    def one(self, table: str) -> int:
        """Return one new id."""
        return int(self.take(table, 1)[0])


@dataclass(frozen=True)
class Staff:
    """The sales managers of a tenant; all arrays run parallel.

    Attributes:
        hired: day number of the first working day.
        left: local moment of the last working day's end; NEVER for those who stay.
        strength: log-odds added to the chance of winning a deal.
        pace: factor on the days a deal spends in a stage (below 1 is quick).
        load: relative number of deals taken.
    """

    ids: Integers
    names: list[str]
    hired: Integers
    left: Integers
    strength: Floats
    pace: Floats
    load: Floats

    def draw(self, size: int, day: int, generator: np.random.Generator) -> Integers:
        """Return the positions of `size` managers who work on `day`, busy ones more often."""
        works = (self.hired <= day) & (self.left > (day + 1) * DAY)
        chances = np.where(works, self.load, 0.0)
        return generator.choice(len(self.ids), size, p=chances / chances.sum()).astype(np.int64)


@dataclass(frozen=True)
class Directory:
    """What the generating modules need of the reference rows.

    Attributes:
        pipelines: ids in the order of the profile.
        stage_words: stage id of pipeline p and code c at p * CODES + c.
        open_stages: number of open stages of each pipeline.
        has_paid: whether the pipeline has a second won stage.
        sources: ids in the order of the profile.
        rates: rate of each foreign currency on each day since the first day of the history, in the profile's order.
    """

    staff: Staff
    pipelines: Integers
    stage_words: list[str]
    open_stages: Integers
    has_paid: Flags
    sources: Integers
    rates: list[Floats]


def build_directory(
    profile: TenantProfile, clock: Clock, ids: Ids, size: float, generator: np.random.Generator
) -> tuple[Directory, Records]:
    """Return the directory of a tenant and its rows by table.

    Args:
        profile: the company.
        clock: its calendar.
        ids: id counters, advanced.
        size: size of the company relative to the default demo; larger ones employ more managers.
        generator: source of randomness.
    """
    founded = from_local(clock, np.array([(clock.first_day - 40) * DAY + 9 * HOUR]))[0]
    common: Record = {"created_at": founded, "updated_at": founded}
    rows: Records = {"tenants": [_tenant(profile, common)]}
    staff, rows["departments"], rows["users"] = _people(profile, clock, ids, size, generator, common)
    pipelines = ids.take("pipelines", len(profile.pipelines))
    rows["pipelines"], rows["stages"] = _pipelines(profile, pipelines, common)
    sources = ids.take("lead_sources", len(profile.sources))
    rows["lead_sources"] = [
        {"id": int(id_), "tenant_id": profile.id, "name": source.name, "source_type": source.source_type, **common}
        for id_, source in zip(sources, profile.sources, strict=True)
    ]
    rates = [_rate_walk(currency, clock, generator) for currency in profile.currencies]
    rows["exchange_rates"] = [
        row
        for currency, walk in zip(profile.currencies, rates, strict=True)
        for row in _rate_rows(profile, currency, walk, clock)
    ]
    words = [""] * (len(profile.pipelines) * CODES)
    for position, pipeline in enumerate(profile.pipelines):
        for code, stage in zip(stage_codes(profile, position), pipeline.stages, strict=True):
            words[position * CODES + code] = stage.id
    directory = Directory(
        staff=staff,
        pipelines=pipelines,
        stage_words=words,
        open_stages=np.array([sum(s.outcome == "open" for s in p.stages) for p in profile.pipelines], dtype=np.int64),
        has_paid=np.array([sum(s.outcome == "won" for s in p.stages) > 1 for p in profile.pipelines]),
        sources=sources,
        rates=rates,
    )
    return directory, rows


def stage_codes(profile: TenantProfile, pipeline: int) -> list[int]:
    """Return the codes of a pipeline's stages in their order: 0, 1, ... for open ones, then WON, PAID and LOST."""
    codes = []
    for position, stage in enumerate(profile.pipelines[pipeline].stages):
        if stage.outcome == "open":
            codes.append(position)
        elif stage.outcome == "won":
            codes.append(PAID if WON in codes else WON)
        else:
            codes.append(LOST)
    return codes


def from_local(clock: Clock, moments: Integers) -> list[datetime]:
    """Return local moments as aware UTC datetimes, for the few rows that are written one by one."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [epoch + timedelta(microseconds=value) for value in clock.utc(moments).tolist()]


def person_name(profile: TenantProfile, generator: np.random.Generator) -> str:
    """Return a full name that fits the tenant's country."""
    return person(VOCABULARIES[profile.vocabulary], int(generator.integers(1, 2**31)))


def _tenant(profile: TenantProfile, common: Mapping[str, Any]) -> Record:
    return {
        "id": profile.id,
        "name": profile.name,
        "timezone": profile.timezone,
        "currency": profile.currency,
        "locale": profile.locale,
        "is_active": True,
        **common,
    }


def _people(
    profile: TenantProfile,
    clock: Clock,
    ids: Ids,
    size: float,
    generator: np.random.Generator,
    common: Mapping[str, Any],
) -> tuple[Staff, list[Record], list[Record]]:
    departments: dict[str, Record] = {}
    users: list[Record] = []
    managers: list[Record] = []

    def add_user(name: str, role: str, department: int | None) -> Record:
        user = {
            "id": ids.one("users"),
            "tenant_id": profile.id,
            "department_id": department,
            "full_name": name,
            "role": role,
            "is_active": True,
            "deactivated_at": None,
            **common,
        }
        users.append(user)
        return user

    add_user(person_name(profile, generator), "administrator", None)
    add_user("1С-обмен" if profile.language == "ru" else "ERP sync", "service", None)
    growth = max(1.0, size**0.6)
    for department in profile.departments:
        id_ = ids.one("departments")
        parent = departments[department.parent]["id"] if department.parent else None
        head = add_user(person_name(profile, generator), "director", id_)["id"] if department.has_director else None
        departments[department.name] = {
            "id": id_,
            "tenant_id": profile.id,
            "name": department.name,
            "parent_id": parent,
            "head_user_id": head,
            **common,
        }
        managers += [
            add_user(person_name(profile, generator), "manager", id_)
            for _ in range(round(department.managers * growth))
        ]
    return _employ(managers, clock, generator), list(departments.values()), users


def _employ(managers: list[Record], clock: Clock, generator: np.random.Generator) -> Staff:
    """Give every manager a working life, stamped into its row, and a talent."""
    size = len(managers)
    span = clock.as_of_day - clock.first_day
    order = np.arange(size)
    # Every fifth joined later, every seventh has left; those at the front always worked, so that someone does.
    hired = np.where(order % 5 == 4, clock.first_day + (span * generator.uniform(0.1, 0.8, size)).astype(np.int64), 0)
    hired = np.where(hired == 0, clock.first_day - 30, hired)
    left_day = clock.first_day + (span * generator.uniform(0.5, 0.95, size)).astype(np.int64)
    leaves = (order % 7 == 3) & (left_day > hired + 60)
    left = np.where(leaves, left_day * DAY + 18 * HOUR, NEVER)
    for position, user in enumerate(managers):
        created = from_local(clock, np.array([hired[position] * DAY + 9 * HOUR]))[0]
        user["created_at"] = user["updated_at"] = created
        if leaves[position]:
            gone = from_local(clock, left[position : position + 1])[0]
            user.update(is_active=False, deactivated_at=gone, updated_at=gone)
    return Staff(
        ids=np.array([user["id"] for user in managers], dtype=np.int64),
        names=[user["full_name"] for user in managers],
        hired=hired.astype(np.int64),
        left=left.astype(np.int64),
        strength=generator.normal(0, 0.38, size),
        pace=np.exp(generator.normal(0, 0.22, size)),
        load=np.exp(generator.normal(0, 0.3, size)),
    )


def _pipelines(
    profile: TenantProfile, pipeline_ids: Integers, common: Mapping[str, Any]
) -> tuple[list[Record], list[Record]]:
    pipelines: list[Record] = []
    stages: list[Record] = []
    for position, (id_, pipeline) in enumerate(zip(pipeline_ids.tolist(), profile.pipelines, strict=True)):
        row = {"id": id_, "tenant_id": profile.id, "name": pipeline.name, "position": position + 1, **common}
        pipelines.append(row)
        for place, stage in enumerate(pipeline.stages):
            stages.append(
                {
                    "id": stage.id,
                    "pipeline_id": id_,
                    "tenant_id": profile.id,
                    "name": stage.name,
                    "position": (place + 1) * 10,
                    "outcome": stage.outcome,
                    "probability": stage.probability,
                    **common,
                }
            )
    return pipelines, stages


def _rate_walk(currency: CurrencyProfile, clock: Clock, generator: np.random.Generator) -> Floats:
    days = clock.as_of_day - clock.first_day + 1
    steps = generator.normal(0, currency.volatility, days)
    # Pulled back a little every day: three years of a free walk could end anywhere.
    log_rate = np.empty(days)
    level = 0.0
    for day in range(days):
        level = level * 0.995 + float(steps[day])
        log_rate[day] = level
    walk: Floats = np.round(currency.rate * np.exp(log_rate), 4)
    return walk


def _rate_rows(profile: TenantProfile, currency: CurrencyProfile, walk: Floats, clock: Clock) -> list[Record]:
    gap_start = clock.as_of_day - 30 * currency.gap_months_ago if currency.gap_months_ago else NEVER
    rows = []
    for index, rate in enumerate(walk.tolist()):
        day = clock.first_day + index
        date = EPOCH + timedelta(days=day)
        if gap_start <= day < gap_start + currency.gap_days or (date.weekday() >= 5 and not profile.rate_on_weekends):
            continue
        published = from_local(clock, np.array([day * DAY + 2 * HOUR]))[0]
        if day * DAY + 2 * HOUR < clock.as_of:
            row = {"tenant_id": profile.id, "currency": currency.code, "rate_on": date, "rate": rate}
            rows.append({**row, "updated_at": published})
    return rows
