"""What customers did, as churn reads it: purchases, deals, contacts, messages of one tenant; nothing is counted here.

A customer is the deal's company, else its contact person. Times are taken as they come: shifting them into the
tenant's own zone belongs to whoever reads the marts, so that a day is the tenant's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.probability.snapshots import moments, require

COMPANY, CONTACT = "company", "contact"
_CUSTOMER = ("tenant_id", "customer_kind", "customer_id")
PURCHASE_INPUT = (*_CUSTOMER, "purchased_at", "amount")
DEAL_INPUT = (*_CUSTOMER, "created_at", "closed_at", "outcome")
ACTIVITY_INPUT = (*_CUSTOMER, "activity_type", "completed_at")
MESSAGE_INPUT = (*_CUSTOMER, "direction", "sent_at")
# What `events_from_marts` reads of `fct_deals`, `fct_activities` and `stg_crm__messages`.
MART_DEAL_INPUT = (
    "tenant_id", "deal_id", "company_id", "contact_id", "created_at", "closed_at", "outcome", "amount_base",
)  # fmt: skip
MART_ACTIVITY_INPUT = ("tenant_id", "activity_type", "completed_at", "deal_id", "company_id")
MART_MESSAGE_INPUT = ("tenant_id", "direction", "sent_at", "deal_id", "contact_id")


@dataclass(frozen=True)
class ChurnEvents:
    """One tenant's events; an optional frame is left out where the CRM does not map it.

    Attributes:
        purchases: one row per won deal: `PURCHASE_INPUT`, the amount in the tenant's currency.
        deals: every deal, open, won or lost: `DEAL_INPUT`.
        activities: completed ones: `ACTIVITY_INPUT`.
        messages: `MESSAGE_INPUT`; `direction` is `in` or `out`.
    """

    purchases: pd.DataFrame
    deals: pd.DataFrame | None = None
    activities: pd.DataFrame | None = None
    messages: pd.DataFrame | None = None


@dataclass(frozen=True)
class PreparedEvents:
    """Checked events before one moment, a `customer` instead of kind and id; several purchases of a day are one."""

    tenant_id: str
    as_of: pd.Timestamp
    purchases: pd.DataFrame
    deals: pd.DataFrame | None
    activities: pd.DataFrame | None
    messages: pd.DataFrame | None


def events_from_marts(
    deals: pd.DataFrame, activities: pd.DataFrame | None = None, messages: pd.DataFrame | None = None
) -> ChurnEvents:
    """Turn rows of `fct_deals`, completed `fct_activities` and `stg_crm__messages` into events of customers.

    Args:
        deals: `MART_DEAL_INPUT`.
        activities: `MART_ACTIVITY_INPUT`; the company, else the customer of the deal.
        messages: `MART_MESSAGE_INPUT`; the customer of the deal, else the contact person.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    frames: dict[str, tuple[pd.DataFrame, tuple[str, ...]]] = {"deals": (deals, MART_DEAL_INPUT)}
    if activities is not None:
        frames["activities"] = (activities, MART_ACTIVITY_INPUT)
    if messages is not None:
        frames["messages"] = (messages, MART_MESSAGE_INPUT)
    require(frames)
    of_deals = _customers(deals[list(MART_DEAL_INPUT)], deals["company_id"], deals["contact_id"])
    won = of_deals[of_deals["outcome"] == "won"]
    by_deal = of_deals.drop_duplicates("deal_id").set_index("deal_id")
    return ChurnEvents(
        purchases=won.rename(columns={"closed_at": "purchased_at", "amount_base": "amount"})[list(PURCHASE_INPUT)],
        deals=of_deals[list(DEAL_INPUT)],
        activities=None if activities is None else _linked(activities, by_deal, "company_id", COMPANY, ACTIVITY_INPUT),
        messages=None if messages is None else _linked(messages, by_deal, "contact_id", CONTACT, MESSAGE_INPUT),
    )


def _customers(frame: pd.DataFrame, companies: pd.Series, contacts: pd.Series) -> pd.DataFrame:
    found = frame.assign(
        customer_kind=np.where(companies.notna(), COMPANY, CONTACT),
        customer_id=companies.astype(object).where(companies.notna(), contacts.astype(object)),
    )
    kept: pd.DataFrame = found[found["customer_id"].notna()]
    return kept


def _linked(
    frame: pd.DataFrame, by_deal: pd.DataFrame, own_column: str, own_kind: str, columns: tuple[str, ...]
) -> pd.DataFrame:
    """The customer of the deal where there is one, else the row's own company or contact."""
    kinds = frame["deal_id"].map(by_deal["customer_kind"]).astype(object)
    ids = frame["deal_id"].map(by_deal["customer_id"]).astype(object)
    own = frame[own_column].astype(object)
    # A company on the activity itself is nearer than the deal's.
    prefer_own = own.notna() if own_kind == COMPANY else ids.isna()
    found = frame.assign(customer_kind=kinds.where(~prefer_own, own_kind), customer_id=ids.where(~prefer_own, own))
    kept: pd.DataFrame = found.loc[found["customer_id"].notna(), list(columns)]
    return kept


def prepare(events: ChurnEvents, as_of: pd.Timestamp) -> PreparedEvents:
    """Check columns, read timestamps, drop rows without customer or moment and all that is dated at `as_of` or later.

    Raises:
        ValueError: a column is missing or there is more than one tenant. Odd values never raise.
    """
    frames: dict[str, tuple[pd.DataFrame, tuple[str, ...]]] = {"purchases": (events.purchases, PURCHASE_INPUT)}
    for name, frame, columns in (
        ("deals", events.deals, DEAL_INPUT),
        ("activities", events.activities, ACTIVITY_INPUT),
        ("messages", events.messages, MESSAGE_INPUT),
    ):
        if frame is not None:
            frames[name] = (frame, columns)
    require(frames)
    tenants = [str(tenant) for frame, _ in frames.values() for tenant in frame["tenant_id"].dropna().head(1)]
    return PreparedEvents(
        tenant_id=tenants[0] if tenants else "",
        as_of=as_of,
        purchases=_purchases(events.purchases, as_of),
        deals=None if events.deals is None else _deals(events.deals, as_of),
        activities=_dated(events.activities, "completed_at", as_of, "activity_type"),
        messages=_dated(events.messages, "sent_at", as_of, "direction"),
    )


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    kept = frame[frame["customer_id"].notna()]
    result: pd.DataFrame = kept.assign(
        customer=kept["customer_kind"].astype(str) + ":" + kept["customer_id"].astype(str)
    )
    return result


def _purchases(frame: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    keyed = _keyed(frame)
    days = moments(keyed["purchased_at"])
    amounts = pd.to_numeric(keyed["amount"], errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)
    found = pd.DataFrame({"customer": keyed["customer"], "at": days.dt.normalize(), "amount": amounts})[days < as_of]
    # An unknown amount stays unknown; a known one beside it counts.
    summed = found.groupby(["customer", "at"], as_index=False)["amount"].sum(min_count=1)
    result: pd.DataFrame = summed.sort_values(["customer", "at"], ignore_index=True)
    return result


def _deals(frame: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    keyed = _keyed(frame)
    created, closed = moments(keyed["created_at"]), moments(keyed["closed_at"])
    outcome = keyed["outcome"].astype(str)
    # A closed deal without a date was open, or lost, at no moment that can be told.
    kept = (created < as_of) & ((outcome == "open") | closed.notna())
    found = pd.DataFrame(
        {
            "customer": keyed["customer"],
            "created_at": created,
            "closed_at": closed.where((outcome != "open") & (closed < as_of)),
            "outcome": outcome.where(closed < as_of, "open"),
        }
    )[kept]
    result: pd.DataFrame = found.sort_values(["customer", "created_at"], ignore_index=True)
    return result


def _dated(frame: pd.DataFrame | None, column: str, as_of: pd.Timestamp, kind: str) -> pd.DataFrame | None:
    if frame is None:
        return None
    keyed = _keyed(frame)
    at = moments(keyed[column])
    found = pd.DataFrame({"customer": keyed["customer"], "at": at, "kind": keyed[kind].astype(str)})[at < as_of]
    result: pd.DataFrame = found.sort_values(["customer", "at", "kind"], ignore_index=True)
    return result
