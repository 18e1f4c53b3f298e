"""A filled tenant as the generating modules see it: directory, customers and ids read back from the database.

What a day does with it belongs in `day`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

import numpy as np

from deploy.demo_crm.clock import DAY, HOUR, Clock
from deploy.demo_crm.companies import TENANTS
from deploy.demo_crm.customers import Customers, no_customers
from deploy.demo_crm.directory import NEVER, Directory, Ids, Staff, build_directory
from deploy.demo_crm.fill import DEFAULT_DEALS
from deploy.demo_crm.profile import TenantProfile
from deploy.demo_crm.sales import Company
from deploy.demo_crm.storage import TABLES, Connection, Generation
from deploy.demo_crm.vocabulary import VOCABULARIES, person

# Rows written by late transactions have ids from here on, so that both sides can take ids without seeing each other.
LATE_IDS = 9_000_000_000
# Rows whose id leaves this remainder belong to late transactions: a day never locks them.
LATE_MODULUS, LATE_REMAINDER = 97, 13
_REMEMBERED_CUSTOMERS = 3_000


@dataclass(frozen=True)
class Ongoing:
    """A tenant in whose life one more day begins.

    Attributes:
        company: its directory and calendar; the calendar ends with the new day.
        customers: its latest customers.
        day: number of the local day that is played.
        begins: the moment up to which everything is there already.
        ends: the moment up to which the day leads.
        deals_expected: deals that come of the business of such a day.
        generator: source of randomness of this tenant's day.
    """

    company: Company
    customers: Customers
    day: int
    begins: datetime
    ends: datetime
    deals_expected: float
    generator: np.random.Generator

    @property
    def tenant(self) -> str:
        """Return the tenant's id."""
        return self.company.profile.id

    def at(self, hours: tuple[float, float] = (9.0, 19.0)) -> datetime:
        """Return a random moment of the day's local working time, within the played 24 hours."""
        local = self.day * DAY + int(self.generator.uniform(*hours) * HOUR)
        utc = int(self.company.clock.utc(np.array([local]))[0])
        moment = datetime.fromtimestamp(0, self.begins.tzinfo) + timedelta(microseconds=utc)
        return min(max(moment, self.begins + timedelta(seconds=1)), self.ends - timedelta(seconds=1))

    def pick(
        self, connection: Connection, table: LiteralString, columns: LiteralString, condition: LiteralString, count: int
    ) -> list[tuple[Any, ...]]:
        """Return up to `count` random rows of the tenant that fulfil a condition, the same ones for the same seed.

        Rows reserved for late transactions are left out.
        """
        salt = int(self.generator.integers(2**31))
        return connection.execute(
            f"select {columns} from {table}"
            f" where tenant_id = %(tenant)s and id %% {LATE_MODULUS} <> {LATE_REMAINDER} and id < {LATE_IDS}"
            f" and {condition}"
            " order by md5(id::text || %(salt)s), id limit %(count)s",
            {"tenant": self.tenant, "salt": f"/{salt}", "count": count, "begins": self.begins, "ends": self.ends},
        ).fetchall()


def next_day(connection: Connection, generation: Generation) -> list[Ongoing]:
    """Return every tenant at the beginning of the day after `generation.as_of`."""
    begins, ends = generation.as_of, generation.as_of + timedelta(days=1)
    filled_at = generation.as_of - timedelta(days=generation.days_played)
    taken = _highest_ids(connection)
    directory_ids, ids = Ids(), Ids(taken)
    result = []
    for number, profile in enumerate(TENANTS):
        clock = Clock(profile, filled_at)
        size = generation.deals / DEFAULT_DEALS
        directory, _ = build_directory(
            profile, clock, directory_ids, size, np.random.default_rng([generation.seed, number])
        )
        until_fill = clock
        clock = Clock(profile, ends)
        # The local day that most of the 24 hours belong to.
        day = (clock.as_of - 12 * HOUR) // DAY
        history = sum(float(until_fill.weights(*span).sum()) for span in until_fill.months())
        directory = _with_current_staff(connection, directory, profile.id, filled_at)
        result.append(
            Ongoing(
                company=Company(profile, clock, directory, ids, since=clock.as_of - DAY),
                customers=_latest_customers(connection, profile),
                day=day,
                begins=begins,
                ends=ends,
                deals_expected=generation.deals * profile.share * float(until_fill.weights(day, day + 1)[0]) / history,
                generator=np.random.default_rng([generation.seed, number, 10_000 + generation.days_played]),
            )
        )
    return result


def _highest_ids(connection: Connection) -> dict[str, int]:
    highest = {}
    for table in TABLES:
        if table in ("tenants", "stages", "exchange_rates"):
            continue
        row = connection.execute(f"select coalesce(max(id), 0) from {table} where id < {LATE_IDS}").fetchone()
        assert row is not None
        highest[table] = int(row[0])
    return highest


def _with_current_staff(connection: Connection, directory: Directory, tenant: str, filled_at: datetime) -> Directory:
    """Let those who left since the fill take nothing new, and add those who were hired since."""
    staff = directory.staff
    found = connection.execute(
        "select id, full_name, id = any(%(known)s) from users"
        " where tenant_id = %(tenant)s and role = 'manager' and is_active and deleted_at is null"
        " and (id = any(%(known)s) or created_at >= %(filled_at)s) and id < %(late)s order by id",
        {"known": staff.ids.tolist(), "tenant": tenant, "filled_at": filled_at, "late": LATE_IDS},
    ).fetchall()
    active = np.isin(staff.ids, [id_ for id_, _, _ in found])
    hired = [(id_, name) for id_, name, known in found if not known]
    size = len(hired)
    current = Staff(
        ids=np.append(staff.ids, np.array([id_ for id_, _ in hired], dtype=np.int64)),
        names=[*staff.names, *(name for _, name in hired)],
        hired=np.append(staff.hired, np.zeros(size, dtype=np.int64)),
        left=np.append(np.where(active, NEVER, 0), np.full(size, NEVER)),
        strength=np.append(staff.strength, np.zeros(size)),
        pace=np.append(staff.pace, np.ones(size)),
        load=np.append(staff.load, np.full(size, 0.7)),
    )
    return replace(directory, staff=current)


def _latest_customers(connection: Connection, profile: TenantProfile) -> Customers:
    found = connection.execute(
        """
        select known.company_id, known.contact_id, known.contacts, contacts.full_name
        from (
            select company_id, min(id) as contact_id, count(*) as contacts
            from contacts
            where company_id in (
                select id from companies where tenant_id = %s and deleted_at is null order by id desc limit %s
            )
            group by company_id
        ) known
        join contacts on contacts.id = known.contact_id
        order by known.company_id
        """,
        [profile.id, _REMEMBERED_CUSTOMERS],
    ).fetchall()
    if not found:
        return no_customers()
    ids, contacts, counts = np.array([row[:3] for row in found], dtype=np.int64).T
    own = VOCABULARIES[profile.vocabulary]
    return Customers(
        ids=ids,
        contacts=contacts,
        contact_counts=counts,
        leaves=np.full(len(ids), NEVER),
        scale=np.random.default_rng(len(ids)).normal(0, 1, len(ids)),
        foreign_tongue=np.array([name != person(own, contact) for _, contact, _, name in found]),
    )
