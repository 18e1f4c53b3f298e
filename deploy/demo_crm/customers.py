"""The companies a tenant sells to and their contacts: how they come, how large and loyal they are, and when they leave.

What they buy belongs in `sales`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from deploy.demo_crm import rows
from deploy.demo_crm.clock import DAY, Clock, Flags, Floats, Integers
from deploy.demo_crm.directory import NEVER, Directory, Ids
from deploy.demo_crm.profile import TenantProfile
from deploy.demo_crm.rows import Column
from deploy.demo_crm.vocabulary import VOCABULARIES, Vocabulary, person

Tables = dict[str, dict[str, Column]]
# Part of the customers that stop buying one day, and their typical stay in days.
_LEAVING = 0.45
_STAY_DAYS = 260.0


@dataclass(frozen=True)
class Customers:
    """Customers of a tenant; all arrays run parallel.

    Attributes:
        ids: company ids.
        contacts: id of the first contact; the others follow.
        contact_counts: number of contacts.
        leaves: local moment after which the customer buys nothing more; NEVER for those who stay.
        scale: size of its orders (log, standard normal).
        foreign_tongue: whether it writes the tenant's other language.
    """

    ids: Integers
    contacts: Integers
    contact_counts: Integers
    leaves: Integers
    scale: Floats
    foreign_tongue: Flags

    def joined(self, others: Customers) -> Customers:
        """Return these customers followed by `others`."""
        pairs = {one.name: (getattr(self, one.name), getattr(others, one.name)) for one in fields(self)}
        return Customers(**{name: np.concatenate(pair) for name, pair in pairs.items()})


def no_customers() -> Customers:
    """Return the customers of a company before its first day."""
    whole = np.empty(0, dtype=np.int64)
    return Customers(whole, whole, whole, whole, np.empty(0), np.empty(0, dtype=np.bool_))


def new_customers(
    profile: TenantProfile,
    clock: Clock,
    directory: Directory,
    ids: Ids,
    created: Integers,
    owners: Integers,
    generator: np.random.Generator,
) -> tuple[Customers, Tables]:
    """Return one new customer for each local moment of `created`, and the rows of companies and contacts.

    `owners` are positions in the directory's staff.
    """
    size = len(created)
    leaving = generator.random(size) < _LEAVING
    stay = 45 + generator.exponential(_STAY_DAYS, size)
    counts = generator.choice(3, size, p=(0.6, 0.28, 0.12)) + 1
    contact_ids = ids.take("contacts", int(counts.sum()))
    customers = Customers(
        ids=ids.take("companies", size),
        contacts=contact_ids[np.cumsum(counts) - counts],
        contact_counts=counts.astype(np.int64),
        leaves=np.where(leaving, created + (stay * DAY).astype(np.int64), NEVER),
        scale=generator.normal(0, 1, size),
        foreign_tongue=generator.random(size) < profile.other_language_share,
    )
    words = VOCABULARIES[profile.vocabulary]
    other = VOCABULARIES["america" if profile.language == "ru" else "russia"]
    tables = {
        "companies": {
            "id": rows.numbers(customers.ids),
            "tenant_id": rows.constant(profile.id, size),
            "name": _company_names(words, size, generator),
            "industry": rows.choices(
                generator.integers(0, len(words.industries), size), words.industries, generator.random(size) < 0.2
            ),
            "city": rows.choices(
                _skewed(len(words.cities), size, generator), words.cities, generator.random(size) < 0.1
            ),
            "owner_user_id": rows.numbers(directory.staff.ids[owners]),
            "created_at": rows.moments(created, clock),
            "updated_at": rows.moments(created, clock),
        },
        "contacts": _contacts(profile, clock, customers, contact_ids, created, (words, other), generator),
    }
    return customers, tables


def _contacts(
    profile: TenantProfile,
    clock: Clock,
    customers: Customers,
    contact_ids: Integers,
    created: Integers,
    words: tuple[Vocabulary, Vocabulary],
    generator: np.random.Generator,
) -> dict[str, Column]:
    size = len(contact_ids)
    company = np.repeat(np.arange(len(created)), customers.contact_counts)
    names = [
        person(words[is_foreign], id_)
        for id_, is_foreign in zip(contact_ids.tolist(), customers.foreign_tongue[company].tolist(), strict=True)
    ]
    domains = words[0].mail_domains
    numbers = generator.integers(10**8, 10**9, size).tolist()
    stamps = rows.moments(created[company], clock)
    return {
        "id": rows.numbers(contact_ids),
        "tenant_id": rows.constant(profile.id, size),
        "company_id": rows.numbers(customers.ids[company]),
        "full_name": names,
        "email": [f"contact{id_}@{domains[id_ % len(domains)]}" for id_ in contact_ids.tolist()],
        "phone": [f"{words[0].phone}{number}" for number in numbers],
        "created_at": stamps,
        "updated_at": stamps,
    }


def _company_names(words: Vocabulary, size: int, generator: np.random.Generator) -> list[str]:
    picks = generator.integers(0, 2**31, (size, 4)).tolist()
    joint = " " if words.stems_first[0].isascii() else ""
    names = []
    for pattern, first, second, third in picks:
        stem = (
            words.stems_first[first % len(words.stems_first)]
            + joint
            + words.stems_second[second % len(words.stems_second)]
        )
        if third % 2:
            stem = f"{words.stems_first[third % len(words.stems_first)]}{joint or '-'}{stem}"
        first_name, family = person(words, first).split(" ", 1)
        signature = family if joint else f"{family} {first_name[0]}."
        names.append(words.company_patterns[pattern % len(words.company_patterns)].format(stem=stem, person=signature))
    return names


def _skewed(options: int, size: int, generator: np.random.Generator) -> Integers:
    """Return positions of which the first ones are the most frequent."""
    return (options * generator.random(size) ** 1.8).astype(np.int64)
