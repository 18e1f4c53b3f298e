"""Leads and deals with all that happened to them, as scoring reads it; columns are named as in the marts.

Only what carries its own moment says what was known at a cut-off. A lead's owner and status, a deal's stage and a
lead's company are today's values without one, often filled in *because* of the outcome, so they are not read at all:
the owner comes from recorded changes or from who worked on it, the stage from recorded entries. A deal's amount and
pipeline are today's too; they are guarded (`Feature.guarded`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ml_assets.probability.snapshots import moments, require

LEAD_INPUT = ("tenant_id", "lead_id", "source_id", "source_type", "created_at", "conversion_moment", "is_duplicate")
DEAL_INPUT = (
    "tenant_id", "deal_id", "pipeline_id", "manager_id", "company_id", "contact_id", "lead_id", "created_at",
    "closed_at", "outcome", "amount_base",
)  # fmt: skip
STAGE_ENTRY_INPUT = ("tenant_id", "deal_id", "pipeline_id", "stage_id", "entered_at")
ACTIVITY_INPUT = ("tenant_id", "activity_type", "manager_id", "deal_id", "lead_id", "completed_at")
MESSAGE_INPUT = ("tenant_id", "deal_id", "lead_id", "direction", "sent_at")
OWNER_CHANGE_INPUT = ("tenant_id", "deal_id", "from_owner_user_id", "owner_user_id", "changed_at")
NONE = "(none)"
OPEN, WON, LOST = "open", "won", "lost"


@dataclass(frozen=True)
class SalesEvents:
    """One tenant's events; an optional frame is left out where the CRM does not map it.

    Attributes:
        leads: `LEAD_INPUT` (`fct_leads`); `source_name` is used in texts where it is given.
        deals: `DEAL_INPUT` (`fct_deals`).
        stage_entries: `STAGE_ENTRY_INPUT` (`int_deal_stage_entries`); `stage_name` is used in texts.
        activities: completed ones, `ACTIVITY_INPUT` (`fct_activities`).
        messages: `MESSAGE_INPUT` (`stg_crm__messages`).
        owner_changes: `OWNER_CHANGE_INPUT` (`stg_crm__deal_owner_history`). Without it the owner of a deal at a
            cut-off is not known, and whoever completed its latest activity stands in.
    """

    leads: pd.DataFrame
    deals: pd.DataFrame
    stage_entries: pd.DataFrame | None = None
    activities: pd.DataFrame | None = None
    messages: pd.DataFrame | None = None
    owner_changes: pd.DataFrame | None = None


@dataclass(frozen=True)
class PreparedSales:
    """Checked events before one moment; ids are texts, empty ones `(none)`; a deal closed later is open.

    `derived` keeps frames that were made of these events, by name and moment: the snapshots of a training, those of its
    rehearsal and the days that rates are counted on are often the same days.
    """

    tenant_id: str
    as_of: pd.Timestamp
    leads: pd.DataFrame
    deals: pd.DataFrame
    stage_entries: pd.DataFrame
    activities: pd.DataFrame | None
    messages: pd.DataFrame | None
    owner_changes: pd.DataFrame | None
    derived: dict[tuple[object, ...], pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)


def prepare(events: SalesEvents, as_of: pd.Timestamp) -> PreparedSales:
    """Check columns, read timestamps, drop all that is dated at `as_of` or later.

    Raises:
        ValueError: a column is missing or there is more than one tenant. Odd values never raise.
    """
    given = (
        ("leads", events.leads, LEAD_INPUT), ("deals", events.deals, DEAL_INPUT),
        ("stage_entries", events.stage_entries, STAGE_ENTRY_INPUT),
        ("activities", events.activities, ACTIVITY_INPUT), ("messages", events.messages, MESSAGE_INPUT),
        ("owner_changes", events.owner_changes, OWNER_CHANGE_INPUT),
    )  # fmt: skip
    frames = {name: (frame, columns) for name, frame, columns in given if frame is not None}
    require(frames)
    tenants = [str(tenant) for frame, _ in frames.values() for tenant in frame["tenant_id"].dropna().head(1)]
    return PreparedSales(
        tenant_id=tenants[0] if tenants else "",
        as_of=as_of,
        leads=_leads(events.leads, as_of),
        deals=_deals(events.deals, as_of),
        stage_entries=_entries(events.stage_entries, as_of),
        activities=_dated(events.activities, "completed_at", as_of, ("activity_type", "manager_id")),
        messages=_dated(events.messages, "sent_at", as_of, ("direction",)),
        owner_changes=_changes(events.owner_changes, as_of),
    )


def texts(column: pd.Series) -> pd.Series:
    """Ids as texts, empty ones `(none)`."""
    return column.astype(object).where(column.notna(), NONE).astype(str)


def _leads(frame: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    names = frame["source_name"] if "source_name" in frame.columns else frame["source_id"]
    converted = moments(frame["conversion_moment"])
    found = pd.DataFrame(
        {
            "lead_id": texts(frame["lead_id"]),
            "source": texts(frame["source_id"]),
            "source_name": texts(names),
            "source_type": texts(frame["source_type"]),
            "created_at": moments(frame["created_at"]),
            "converted_at": converted.where(converted < as_of),
            "is_duplicate": frame["is_duplicate"].isin([True]),
        }
    )
    kept = found[(found["created_at"] < as_of) & ~found["is_duplicate"]]
    result: pd.DataFrame = kept.drop_duplicates("lead_id").sort_values("lead_id", ignore_index=True)
    return result


def _deals(frame: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    outcome = frame["outcome"].astype(str)
    closed = moments(frame["closed_at"]).where(outcome != OPEN)
    amounts = pd.to_numeric(frame["amount_base"], errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)
    company, contact = frame["company_id"], frame["contact_id"]
    customer = ("company:" + texts(company)).where(company.notna(), "contact:" + texts(contact))
    found = pd.DataFrame(
        {
            "deal_id": texts(frame["deal_id"]),
            "pipeline": texts(frame["pipeline_id"]),
            "owner_now": texts(frame["manager_id"]),
            "customer": customer.where(company.notna() | contact.notna(), None),
            "lead_id": texts(frame["lead_id"]),
            "created_at": moments(frame["created_at"]),
            "closed_at": closed.where(closed < as_of),
            "outcome": outcome.where(closed < as_of, OPEN),
            "amount": amounts,
        }
    )
    # A closed deal without a date was open at no moment that can be told.
    kept = found[(found["created_at"] < as_of) & ((outcome == OPEN) | closed.notna())]
    result: pd.DataFrame = kept.drop_duplicates("deal_id").sort_values("deal_id", ignore_index=True)
    return result


def _entries(frame: pd.DataFrame | None, as_of: pd.Timestamp) -> pd.DataFrame:
    if frame is None:
        return pd.DataFrame(
            {name: pd.Series(dtype=str) for name in ("deal_id", "pipeline", "stage", "stage_name")}
            | {"at": pd.Series(dtype="datetime64[ns]")}
        )
    names = frame["stage_name"] if "stage_name" in frame.columns else frame["stage_id"]
    found = pd.DataFrame(
        {
            "deal_id": texts(frame["deal_id"]),
            "pipeline": texts(frame["pipeline_id"]),
            "stage": texts(frame["stage_id"]),
            "stage_name": texts(names),
            "at": moments(frame["entered_at"]),
        }
    )
    kept = found[found["at"] < as_of]
    # By what is in it and not by how it came: rows of one moment keep one order.
    result: pd.DataFrame = kept.sort_values(["deal_id", "at", "pipeline", "stage"], ignore_index=True)
    return result


def _dated(frame: pd.DataFrame | None, column: str, as_of: pd.Timestamp, kept: tuple[str, ...]) -> pd.DataFrame | None:
    if frame is None:
        return None
    found = pd.DataFrame(
        {name: texts(frame[name]) for name in ("deal_id", "lead_id", *kept)} | {"at": moments(frame[column])}
    )
    found = found[found["at"] < as_of]
    result: pd.DataFrame = found.sort_values(["at", "deal_id", "lead_id", *kept], ignore_index=True)
    return result


def _changes(frame: pd.DataFrame | None, as_of: pd.Timestamp) -> pd.DataFrame | None:
    if frame is None:
        return None
    found = pd.DataFrame(
        {
            "deal_id": texts(frame["deal_id"]),
            "before": texts(frame["from_owner_user_id"]),
            "owner": texts(frame["owner_user_id"]),
            "at": moments(frame["changed_at"]),
        }
    )
    # A later change tells who the owner was until then, so it is read for that and nothing else.
    result: pd.DataFrame = found[found["at"].notna()].sort_values(["deal_id", "at", "owner"], ignore_index=True)
    return result
