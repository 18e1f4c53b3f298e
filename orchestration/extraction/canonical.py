"""The canonical CRM: the tables of database `crm` that every mapping fills and every dbt model reads.

Only the target belongs here: names, kinds, what may be empty, which values are allowed. How one kind of CRM fills it
belongs in its mapping (`mapping`); ClickHouse types and table settings belong in `select` and `replica`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a column holds. Ids are text, as the CRM spells them; dates are local and never shifted."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    DATE = "date"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class CanonicalColumn:
    """One column of a canonical table.

    Attributes:
        name: its name in the replica.
        kind: what it holds.
        nullable: it may be empty, and a mapping may leave it out.
        allowed: the only values it may hold; empty when any value is fine.
        unmapped_decimal: precision and scale of a decimal column that no mapping fills.
        only_if_mapped: the replica has this column only when a mapping asks for it, as it holds personal data.
    """

    name: str
    kind: Kind
    nullable: bool = False
    allowed: tuple[str, ...] = ()
    unmapped_decimal: tuple[int, int] = (18, 2)
    only_if_mapped: bool = False


@dataclass(frozen=True, slots=True)
class CanonicalTable:
    """One canonical table.

    Attributes:
        name: its name in database `crm`.
        columns: every column, `tenant_id` first.
        key: the columns that identify a row; also the sorting key of the replica.
        partition_column: immutable moment whose month is the partition; None for tables too small to be partitioned.
        required: every mapping must fill this table.
        snapshot_of: the table whose changes extraction can record here itself, where the CRM keeps no such history.
    """

    name: str
    columns: tuple[CanonicalColumn, ...]
    key: tuple[str, ...] = ("tenant_id", "id")
    partition_column: str | None = None
    required: bool = False
    snapshot_of: str | None = None

    def column(self, name: str) -> CanonicalColumn | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


def _texts(*names: str) -> tuple[CanonicalColumn, ...]:
    return tuple(CanonicalColumn(name, Kind.TEXT) for name in names)


def _optional_texts(*names: str) -> tuple[CanonicalColumn, ...]:
    return tuple(CanonicalColumn(name, Kind.TEXT, nullable=True) for name in names)


def _moment(name: str, *, nullable: bool = False) -> CanonicalColumn:
    return CanonicalColumn(name, Kind.TIMESTAMP, nullable=nullable)


_CREATED_AND_UPDATED = (_moment("created_at"), _moment("updated_at", nullable=True))
_SOMETIMES_CREATED_AND_UPDATED = (_moment("created_at", nullable=True), _moment("updated_at", nullable=True))

_TABLES = (
    CanonicalTable(
        "tenants",
        (
            *_texts("tenant_id", "name", "timezone", "currency", "locale"),
            CanonicalColumn("is_active", Kind.BOOLEAN),
            _moment("created_at"),
            _moment("updated_at"),
        ),
        key=("tenant_id",),
        required=True,
    ),
    CanonicalTable(
        "departments",
        (
            *_texts("tenant_id", "id", "name"),
            *_optional_texts("parent_id", "head_user_id"),
            *_SOMETIMES_CREATED_AND_UPDATED,
        ),
    ),
    CanonicalTable(
        "users",
        (
            *_texts("tenant_id", "id", "full_name"),
            *_optional_texts("department_id"),
            CanonicalColumn("role", Kind.TEXT, allowed=("administrator", "director", "manager", "other")),
            CanonicalColumn("is_active", Kind.BOOLEAN),
            _moment("deactivated_at", nullable=True),
            *_CREATED_AND_UPDATED,
        ),
    ),
    CanonicalTable(
        "pipelines",
        (
            *_texts("tenant_id", "id", "name"),
            CanonicalColumn("position", Kind.INTEGER),
            *_SOMETIMES_CREATED_AND_UPDATED,
        ),
    ),
    CanonicalTable(
        "stages",
        (
            *_texts("tenant_id", "pipeline_id", "id", "name"),
            CanonicalColumn("position", Kind.INTEGER),
            CanonicalColumn("outcome", Kind.TEXT, allowed=("open", "won", "lost")),
            CanonicalColumn("probability", Kind.DECIMAL, nullable=True, unmapped_decimal=(5, 2)),
            *_SOMETIMES_CREATED_AND_UPDATED,
        ),
        key=("tenant_id", "pipeline_id", "id"),
    ),
    CanonicalTable(
        "lead_sources",
        (
            *_texts("tenant_id", "id", "name"),
            *_optional_texts("source_type"),
            *_SOMETIMES_CREATED_AND_UPDATED,
        ),
    ),
    CanonicalTable(
        "companies",
        (
            *_texts("tenant_id", "id", "name"),
            *_optional_texts("industry", "city", "owner_user_id"),
            *_CREATED_AND_UPDATED,
        ),
        partition_column="created_at",
    ),
    CanonicalTable(
        "contacts",
        (
            *_texts("tenant_id", "id"),
            *_optional_texts("company_id"),
            *(
                CanonicalColumn(name, Kind.TEXT, nullable=True, only_if_mapped=True)
                for name in ("full_name", "email", "phone")
            ),
            *_CREATED_AND_UPDATED,
        ),
        partition_column="created_at",
    ),
    CanonicalTable(
        "leads",
        (
            *_texts("tenant_id", "id"),
            *_optional_texts("source_id"),
            *_texts("status"),
            *_optional_texts("owner_user_id", "company_id", "contact_id"),
            CanonicalColumn("is_duplicate", Kind.BOOLEAN),
            _moment("converted_at", nullable=True),
            *_CREATED_AND_UPDATED,
        ),
        partition_column="created_at",
    ),
    CanonicalTable(
        "deals",
        (
            *_texts("tenant_id", "id"),
            *_optional_texts("title"),
            *_texts("pipeline_id", "stage_id"),
            *_optional_texts("owner_user_id", "company_id", "contact_id", "lead_id"),
            CanonicalColumn("amount", Kind.DECIMAL, nullable=True),
            *_texts("currency"),
            CanonicalColumn("expected_close_on", Kind.DATE, nullable=True),
            _moment("closed_at", nullable=True),
            CanonicalColumn("closed_on", Kind.DATE, nullable=True),
            *_CREATED_AND_UPDATED,
        ),
        partition_column="created_at",
    ),
    CanonicalTable(
        "deal_stage_history",
        (
            *_texts("tenant_id", "id", "deal_id", "pipeline_id"),
            *_optional_texts("from_stage_id"),
            *_texts("stage_id"),
            *_optional_texts("user_id"),
            _moment("changed_at"),
            _moment("updated_at", nullable=True),
        ),
        partition_column="changed_at",
        snapshot_of="deals",
    ),
    CanonicalTable(
        "deal_owner_history",
        (
            *_texts("tenant_id", "id", "deal_id"),
            *_optional_texts("from_owner_user_id", "owner_user_id"),
            _moment("changed_at"),
            _moment("updated_at", nullable=True),
        ),
        partition_column="changed_at",
        snapshot_of="deals",
    ),
    CanonicalTable(
        "activities",
        (
            *_texts("tenant_id", "id"),
            CanonicalColumn("activity_type", Kind.TEXT, allowed=("task", "call", "meeting", "email", "other")),
            CanonicalColumn("status", Kind.TEXT, allowed=("open", "completed", "cancelled", "deferred")),
            *_optional_texts("subject", "assignee_user_id", "deal_id", "lead_id", "company_id"),
            _moment("due_at", nullable=True),
            _moment("completed_at", nullable=True),
            CanonicalColumn("duration_minutes", Kind.INTEGER, nullable=True),
            *_CREATED_AND_UPDATED,
        ),
        partition_column="created_at",
    ),
    CanonicalTable(
        "messages",
        (
            *_texts("tenant_id", "id"),
            *_optional_texts("activity_id", "deal_id", "lead_id", "contact_id", "user_id"),
            *_texts("channel"),
            CanonicalColumn("direction", Kind.TEXT, allowed=("inbound", "outbound")),
            *_optional_texts("language"),
            *_texts("body"),
            _moment("sent_at"),
            _moment("updated_at", nullable=True),
        ),
        partition_column="sent_at",
    ),
    CanonicalTable(
        "exchange_rates",
        (
            *_texts("tenant_id", "currency"),
            CanonicalColumn("rate_on", Kind.DATE),
            CanonicalColumn("rate", Kind.DECIMAL, unmapped_decimal=(18, 8)),
            _moment("updated_at", nullable=True),
        ),
        key=("tenant_id", "currency", "rate_on"),
    ),
)

CANONICAL_TABLES: Mapping[str, CanonicalTable] = MappingProxyType({table.name: table for table in _TABLES})
"""Every canonical table by name, tables that others refer to first."""
