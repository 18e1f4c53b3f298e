"""Words of the demo: names of people and companies, cities, industries and products, by country.

The words themselves are in vocabulary.yaml. Sentences that people write to each other belong in `conversations`.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter


class People(BaseModel):
    """First names with the family names that fit them (Russian family names have a gender)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: tuple[str, ...]
    family: tuple[str, ...]


class Vocabulary(BaseModel):
    """What things are called in one country.

    Attributes:
        company_patterns: names of companies; slots {stem} and {person}.
        deal_titles: titles of deals, lead_titles those of leads; slot {product}.
        subjects: subjects of activities by kind.
        phone: beginning of every phone number.
        amount: how money is written; slot {amount}.
        thousands: what separates groups of three digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: tuple[People, ...]
    company_patterns: tuple[str, ...]
    stems_first: tuple[str, ...]
    stems_second: tuple[str, ...]
    cities: tuple[str, ...]
    industries: tuple[str, ...]
    products: tuple[str, ...]
    deal_titles: tuple[str, ...]
    lead_titles: tuple[str, ...]
    subjects: dict[str, tuple[str, ...]]
    mail_domains: tuple[str, ...]
    phone: str
    amount: str
    thousands: str


VOCABULARIES = TypeAdapter(dict[str, Vocabulary]).validate_python(
    yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
)


def person(words: Vocabulary, number: int) -> str:
    """Return the full name of the person with this number; always the same one for the same number."""
    mixed = number * 2_654_435_761 % 2**32 // 7
    people = words.people[mixed % len(words.people)]
    mixed //= len(words.people)
    return f"{people.first[mixed % len(people.first)]} {people.family[mixed // len(people.first) % len(people.family)]}"
