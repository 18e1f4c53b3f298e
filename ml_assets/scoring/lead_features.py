"""What is known of open leads at a cut-off, the features made of it, and the snapshot: did it convert in time?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets.probability.classifier import Feature
from ml_assets.probability.snapshots import Snapshot, Values, days_between
from ml_assets.probability.training import baseline_log_odds
from ml_assets.scoring.events import NONE, PreparedSales

REASON_OF = {
    "source": "source", "source_type": "source", "handler": "owner", "age": "age", "rate": "age",
    "response": "response", "activity_days": "activity", "activities": "activity", "activities_14": "activity",
    "calls": "activity", "meetings": "activity", "emails": "activity", "messages": "messages",
}  # fmt: skip
_CATEGORIES = {"source", "source_type", "handler"}
FEATURES = tuple(Feature(name, kind="category" if name in _CATEGORIES else "number") for name in REASON_OF)

_AGES = np.array([0.0, 1.0, 3.0, 7.0, 14.0, 30.0, 60.0])
_TYPES = {"call": "calls", "meeting": "meetings", "email": "emails"}
_PRIOR_LEADS = 20.0
_PRIOR_RATE = 0.2


def lead_facts(events: PreparedSales, cutoff: pd.Timestamp, oldest_days: int) -> pd.DataFrame:
    """Leads created before the cut-off, not converted by then, not older than `oldest_days`, by `lead_id`."""
    leads = events.leads
    age = days_between(cutoff, leads["created_at"])
    is_open = (leads["created_at"] < cutoff) & ~(leads["converted_at"] < cutoff) & (age <= oldest_days)
    facts = leads[is_open].set_index("lead_id").drop(columns=["converted_at", "is_duplicate"])
    facts["age_days"] = age[is_open].to_numpy()
    _count_activities(facts, events, cutoff)
    if events.messages is None:
        facts["messages"] = np.nan
    else:
        came = events.messages[(events.messages["at"] < cutoff) & (events.messages["direction"] == "in")]
        facts["messages"] = came.groupby("lead_id").size().reindex(facts.index).fillna(0).astype(float)
    result: pd.DataFrame = facts
    return result


def _count_activities(facts: pd.DataFrame, events: PreparedSales, cutoff: pd.Timestamp) -> None:
    if events.activities is None:
        facts[["activities", "activities_14", "activity_days", "response_hours", *_TYPES.values()]] = np.nan
        facts["handler"] = NONE
        return
    done = events.activities
    done = done[(done["at"] < cutoff) & done["lead_id"].isin(facts.index)]
    grouped = done.groupby("lead_id")
    facts["activities"] = grouped.size().reindex(facts.index).fillna(0).astype(float)
    recent = done[done["at"] >= cutoff - pd.Timedelta(days=14)]
    facts["activities_14"] = recent.groupby("lead_id").size().reindex(facts.index).fillna(0).astype(float)
    facts["activity_days"] = days_between(cutoff, grouped["at"].max().reindex(facts.index))
    first = grouped["at"].min().reindex(facts.index)
    facts["response_hours"] = ((first - facts["created_at"]).dt.total_seconds() / 3600).clip(lower=0)
    for kind, name in _TYPES.items():
        counts = done[done["activity_type"] == kind].groupby("lead_id").size()
        facts[name] = counts.reindex(facts.index).fillna(0).astype(float)
    facts["handler"] = grouped["manager_id"].last().reindex(facts.index).fillna(NONE)


def usual_rates(events: PreparedSales, cutoff: pd.Timestamp, facts: pd.DataFrame, horizon_days: int) -> Values:
    """The cold-start baseline: how often a lead of that age still converted in time, and how its source differs.

    Only leads are counted whose window had passed before the cut-off.
    """
    leads = events.leads
    lag = (leads["converted_at"] - leads["created_at"]).dt.total_seconds() / 86400
    age_now = days_between(cutoff, leads["created_at"])
    lag = lag.where(leads["converted_at"] < cutoff)
    general = np.full(len(_AGES), _PRIOR_RATE)
    lifts: dict[str, tuple[float, float]] = {}
    for number, age in enumerate(_AGES):
        counted = (age_now >= age + horizon_days) & ~(lag < age)
        came = counted & (lag < age + horizon_days)
        before = general[number - 1] if number else _PRIOR_RATE
        general[number] = (came.sum() + _PRIOR_LEADS * before) / (counted.sum() + _PRIOR_LEADS)
        if not number:
            sums = pd.DataFrame({"source": leads["source"], "n": counted, "came": came}).groupby("source").sum()
            lifts = {str(name): (float(row["came"]), float(row["n"])) for name, row in sums.iterrows()}
    base = float(general[0])
    found = general[np.searchsorted(_AGES, facts["age_days"].to_numpy(), side="right") - 1]
    lift = np.array(
        [
            (came + _PRIOR_LEADS * base) / (n + _PRIOR_LEADS) / base if base else 1.0
            for came, n in (lifts.get(source, (0.0, 0.0)) for source in facts["source"])
        ],
        dtype=float,
    )
    result: Values = np.clip(found * lift, 0.001, 0.999)
    return result


def features_of(facts: pd.DataFrame, rates: Values) -> pd.DataFrame:
    """Features of the classifier; categories stay texts."""
    found = facts[["source", "source_type", "handler"]].copy()
    found["age"] = np.log1p(facts["age_days"])
    found["rate"] = baseline_log_odds(rates)
    found["response"] = np.log1p(facts["response_hours"])
    for name in ("activity_days", "activities", "activities_14", "calls", "meetings", "emails", "messages"):
        found[name] = np.log1p(facts[name])
    result: pd.DataFrame = found[list(REASON_OF)]
    return result


def snapshot_at(events: PreparedSales, cutoff: pd.Timestamp, horizon_days: int, oldest_days: int) -> Snapshot:
    """Open leads at the cut-off, labelled 1 where they converted within the horizon."""
    facts = lead_facts(events, cutoff, oldest_days)
    rates = usual_rates(events, cutoff, facts, horizon_days)
    converted = events.leads.set_index("lead_id")["converted_at"].reindex(facts.index)
    labels = (converted < cutoff + pd.Timedelta(days=horizon_days)).to_numpy(dtype=float)
    return Snapshot(cutoff, features_of(facts, rates), rates, labels)
