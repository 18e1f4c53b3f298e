"""What is known of customers at a cut-off: plain facts, the features made of them, and the snapshot with its labels.

Nothing dated at or after the cut-off is read for facts and features; labels read what lies after it and nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets.churn.definition import ChurnDefinition
from ml_assets.churn.events import PreparedEvents
from ml_assets.churn.rhythm import fit_rhythm
from ml_assets.probability.classifier import Feature
from ml_assets.probability.snapshots import Snapshot, Values, days_between
from ml_assets.probability.training import baseline_log_odds

# Why a customer is at risk, as it is said; each feature belongs to one reason.
REASON_OF = {
    "silence": "silence", "silence_ratio": "silence", "usual_pause": "silence", "rhythm": "silence",
    "window": "silence", "tenure": "history", "purchases": "history",
    "purchases_90": "pace", "purchases_prior_90": "pace", "purchases_365": "pace",
    "mean_amount": "amount", "last_amount": "amount", "amount_365": "amount",
    "contact_days": "contact", "contacts_30": "contact", "contacts_90": "contact", "contacts_prior_90": "contact",
    "calls_90": "contact", "meetings_90": "contact", "emails_90": "contact", "tasks_90": "contact",
    "message_days": "message", "messages_90": "message",
    "open_deals": "open_deals", "lost_since": "lost_deals",
}  # fmt: skip
# Of young customers these grow with every month that passes, beyond all that trees have seen.
_GROWING = {"tenure", "purchases_365", "amount_365"}
FEATURES = tuple(Feature(name, in_trees=name not in _GROWING) for name in REASON_OF)

_CONTACT_TYPES = {"call": "calls_90", "meeting": "meetings_90", "email": "emails_90", "task": "tasks_90"}
_NO_CONTACT = {"task"}


def customer_facts(
    events: PreparedEvents, definition: ChurnDefinition, cutoff: pd.Timestamp, forgotten_days: int
) -> pd.DataFrame:
    """One row per customer with a purchase before the cut-off and within `forgotten_days` of it, in plain units."""
    bought = events.purchases[events.purchases["at"] < cutoff]
    bought = bought.assign(
        log_pause=np.log(bought.groupby("customer")["at"].diff().dt.days.to_numpy(dtype=float).clip(1.0)),
        ago=days_between(cutoff, bought["at"]).to_numpy(),
    )
    grouped = bought.groupby("customer")
    facts = pd.DataFrame(
        {
            "first_on": grouped["at"].min(),
            "last_on": grouped["at"].max(),
            "purchases": grouped.size().astype(float),
            "mean_log_pause": grouped["log_pause"].mean(),
            "mean_amount": grouped["amount"].mean(),
            "last_amount": grouped["amount"].last(),
        }
    )
    facts["silence_days"] = days_between(cutoff, facts["last_on"])
    facts["tenure_days"] = days_between(cutoff, facts["first_on"])
    facts["usual_pause_days"] = definition.usual_pauses(
        facts["purchases"].to_numpy() - 1, facts["mean_log_pause"].to_numpy()
    )
    facts["allowed_days"] = definition.allowed_silence(facts["usual_pause_days"].to_numpy())
    facts["window_days"] = definition.windows(facts["silence_days"].to_numpy(), facts["allowed_days"].to_numpy())
    _count_purchases(facts, bought)
    facts = facts[facts["silence_days"] <= forgotten_days].copy()
    _count_contacts(facts, events, cutoff)
    _count_messages(facts, events, cutoff)
    _count_deals(facts, events, cutoff)
    result: pd.DataFrame = facts.sort_index()
    return result


def _count_purchases(facts: pd.DataFrame, bought: pd.DataFrame) -> None:
    for name, low, high in (
        ("purchases_90", 0, 90),
        ("purchases_prior_90", 90, 180),
        ("purchases_365", 0, 365),
    ):
        inside = bought[(bought["ago"] > low) & (bought["ago"] <= high)]
        facts[name] = inside.groupby("customer").size().reindex(facts.index).fillna(0).astype(float)
    inside = bought[bought["ago"] <= 365]
    facts["amount_365"] = inside.groupby("customer")["amount"].sum().reindex(facts.index).fillna(0.0)
    span = np.maximum(365.0, facts["allowed_days"])
    recent = bought[bought["ago"] <= bought["customer"].map(span)]
    brought = recent.groupby("customer")["amount"].sum().reindex(facts.index).fillna(0.0)
    facts["value_per_year"] = (brought * 365 / span).clip(lower=0.0)


def _count_contacts(facts: pd.DataFrame, events: PreparedEvents, cutoff: pd.Timestamp) -> None:
    names = ("contact_days", "contacts_30", "contacts_90", "contacts_prior_90", *_CONTACT_TYPES.values())
    if events.activities is None:
        facts[list(names)] = np.nan
        return
    done = events.activities[events.activities["at"] < cutoff]
    done = done.assign(ago=days_between(cutoff, done["at"]).to_numpy())
    contacts = done[~done["kind"].isin(_NO_CONTACT)]
    facts["contact_days"] = contacts.groupby("customer")["ago"].min().reindex(facts.index)
    for name, low, high in (
        ("contacts_30", 0, 30),
        ("contacts_90", 0, 90),
        ("contacts_prior_90", 90, 180),
    ):
        inside = contacts[(contacts["ago"] > low) & (contacts["ago"] <= high)]
        facts[name] = inside.groupby("customer").size().reindex(facts.index).fillna(0).astype(float)
    recent = done[done["ago"] <= 90]
    for kind, name in _CONTACT_TYPES.items():
        counts = recent[recent["kind"] == kind].groupby("customer").size()
        facts[name] = counts.reindex(facts.index).fillna(0).astype(float)


def _count_messages(facts: pd.DataFrame, events: PreparedEvents, cutoff: pd.Timestamp) -> None:
    if events.messages is None:
        facts[["message_days", "messages_90"]] = np.nan
        return
    came = events.messages[(events.messages["at"] < cutoff) & (events.messages["kind"] == "in")]
    ago = days_between(cutoff, came["at"])
    facts["message_days"] = ago.groupby(came["customer"]).min().reindex(facts.index)
    facts["messages_90"] = (ago <= 90).groupby(came["customer"]).sum().reindex(facts.index).fillna(0).astype(float)


def _count_deals(facts: pd.DataFrame, events: PreparedEvents, cutoff: pd.Timestamp) -> None:
    if events.deals is None:
        facts[["open_deals", "lost_since"]] = np.nan
        return
    known = events.deals[events.deals["created_at"] < cutoff]
    still_open = known[~(known["closed_at"] < cutoff)]
    facts["open_deals"] = still_open.groupby("customer").size().reindex(facts.index).fillna(0).astype(float)
    lost = known[(known["outcome"] == "lost") & (known["closed_at"] < cutoff)]
    lost = lost[lost["closed_at"] > lost["customer"].map(facts["last_on"])]
    facts["lost_since"] = lost.groupby("customer").size().reindex(facts.index).fillna(0).astype(float)


def rhythm_chances(facts: pd.DataFrame, definition: ChurnDefinition) -> Values:
    """The chance of silence from the rhythm of purchases alone, fitted on these very facts."""
    repeats = facts["purchases"].to_numpy(dtype=float) - 1
    recency = (facts["last_on"] - facts["first_on"]).dt.days.to_numpy(dtype=float)
    age, window = (facts[name].to_numpy(dtype=float) for name in ("tenure_days", "window_days"))
    return fit_rhythm(repeats, recency, age, definition.usual_pause_days).silent(repeats, recency, age, window)


def features_of(facts: pd.DataFrame, rhythm: Values) -> pd.DataFrame:
    """Features of the classifier, on scales on which a line makes sense."""
    found = pd.DataFrame(index=facts.index)
    silence = facts["silence_days"]
    found["silence"] = np.log1p(silence)
    found["silence_ratio"] = np.log((silence + 1) / facts["usual_pause_days"])
    found["usual_pause"] = np.log(facts["usual_pause_days"])
    found["rhythm"] = baseline_log_odds(rhythm)
    found["window"] = np.log(facts["window_days"])
    found["tenure"] = np.log1p(facts["tenure_days"])
    found["purchases"] = np.log(facts["purchases"])
    for name in ("mean_amount", "amount_365"):
        found[name] = np.log1p(facts[name].clip(lower=0))
    found["last_amount"] = np.log1p(facts["last_amount"].clip(lower=0)) - found["mean_amount"]
    for name in ("contact_days", "message_days"):
        found[name] = np.log1p(facts[name])
    for name in REASON_OF:
        if name not in found:
            found[name] = np.log1p(facts[name])
    result: pd.DataFrame = found[list(REASON_OF)]
    return result


def snapshot_at(
    events: PreparedEvents, definition: ChurnDefinition, cutoff: pd.Timestamp, forgotten_days: int
) -> Snapshot:
    """Customers at the cut-off, labelled 1 where nothing was bought within the customer's window."""
    facts = customer_facts(events, definition, cutoff, forgotten_days)
    rhythm = rhythm_chances(facts, definition)
    later = events.purchases[events.purchases["at"] >= cutoff]
    next_on = later.groupby("customer")["at"].min().reindex(facts.index)
    ends = cutoff + pd.to_timedelta(facts["window_days"], unit="D")
    return Snapshot(
        cutoff=cutoff,
        features=features_of(facts, rhythm),
        baseline=rhythm,
        labels=(~(next_on < ends)).to_numpy(dtype=float),
    )
