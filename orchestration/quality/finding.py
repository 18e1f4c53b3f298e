"""What measuring a table gives: counts and named rows per rule. Only values travel here, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

EXAMPLES = 10
"""At most so many rows are named per rule; the count is of all."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that breaks a rule.

    Attributes:
        tenant: its tenant.
        key: its key without the tenant, parts joined by `/`.
        value: what is wrong with it, as text.
    """

    tenant: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How one rule about rows was kept.

    Attributes:
        broken: rows that break it, all tenants together.
        examples: some of them, in order, at most EXAMPLES.
        skipped: why it was not looked at, if so.
        by_tenant: rows that break it per tenant.
    """

    broken: int
    examples: tuple[Example, ...] = ()
    skipped: str | None = None
    by_tenant: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TenantRows:
    """The rows of one tenant in one replica.

    Attributes:
        live: rows that are not deleted.
        first_created: oldest creation; None without rows or where the table has no such moment.
        newest_created: newest creation, likewise.
    """

    live: int
    first_created: datetime | None = None
    newest_created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one pass over a replica gave.

    Attributes:
        table: the replica.
        rows: live rows.
        findings: per name of a rule about rows or references.
        tenants: rows per tenant.
    """

    table: str
    rows: int
    findings: Mapping[str, Finding]
    tenants: Mapping[str, TenantRows] = field(default_factory=dict)
