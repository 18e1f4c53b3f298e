"""What is known of open deals at a cut-off, the features made of it, and the snapshot: was it won in time?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets.probability.classifier import Feature
from ml_assets.probability.snapshots import Snapshot, Values, days_between
from ml_assets.probability.training import baseline_log_odds
from ml_assets.scoring.events import LOST, NONE, WON, PreparedSales

REASON_OF = {
    "stage": "stage", "pipeline": "stage", "days_in_stage": "stage", "rate": "stage", "moves": "stage",
    "age": "age", "owner": "owner", "source": "source",
    "activity_days": "activity", "activities_14": "activity", "activities_60": "activity", "meetings_60": "activity",
    "messages_30": "messages", "customer_won": "customer", "customer_lost": "customer",
    "amount": "amount", "amount_known": "amount",
}  # fmt: skip
_CATEGORIES = {"stage", "pipeline", "owner", "source"}
_GUARDED = {"amount", "amount_known", "pipeline"}
FEATURES = tuple(
    Feature(name, kind="category" if name in _CATEGORIES else "number", guarded=name in _GUARDED) for name in REASON_OF
)

_PRIOR_DEALS = 15.0
_PRIOR_RATE = 0.2
_LANDMARKS, _LANDMARK_DAYS = 4, 30


def open_deals(events: PreparedSales, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Deals open at the cut-off with the stage, pipeline and owner that they had then; `deal_id` is the index."""
    key = ("open deals", cutoff)
    if key not in events.derived:
        events.derived[key] = _open_deals(events, cutoff)
    return events.derived[key].copy()


def _open_deals(events: PreparedSales, cutoff: pd.Timestamp) -> pd.DataFrame:
    deals = events.deals
    is_open = (deals["created_at"] < cutoff) & ~(deals["closed_at"] < cutoff)
    found = deals[is_open].set_index("deal_id")
    entries = events.stage_entries
    entries = entries[(entries["at"] < cutoff) & entries["deal_id"].isin(found.index)]
    latest = entries.groupby("deal_id").last().reindex(found.index)
    stage, pipeline = latest["stage"].fillna(NONE), latest["pipeline"].fillna(found["pipeline"])
    facts = found[["customer", "lead_id", "created_at", "amount"]].copy()
    facts["pipeline"] = pipeline.astype(str)
    facts["stage"] = pipeline.astype(str) + "|" + stage.astype(str)
    facts["stage_name"] = latest["stage_name"].fillna(NONE)
    facts["days_in_stage"] = days_between(cutoff, latest["at"].fillna(found["created_at"]))
    facts["age_days"] = days_between(cutoff, found["created_at"])
    facts["moves"] = entries.groupby("deal_id").size().reindex(found.index).fillna(0).astype(float)
    facts["owner"] = _owners(events, found, cutoff)
    result: pd.DataFrame = facts
    return result


def _owners(events: PreparedSales, found: pd.DataFrame, cutoff: pd.Timestamp) -> pd.Series:
    """By recorded changes: after the latest before the cut-off, else before the first after it, else today's."""
    if events.owner_changes is None:
        if events.activities is None:
            return pd.Series(NONE, index=found.index)
        done = events.activities[events.activities["at"] < cutoff]
        handlers: pd.Series = done.groupby("deal_id")["manager_id"].last().reindex(found.index).fillna(NONE)
        return handlers
    changes = events.owner_changes
    before = changes[changes["at"] < cutoff].groupby("deal_id")["owner"].last()
    after = changes[changes["at"] >= cutoff].groupby("deal_id")["before"].first()
    owners = before.combine_first(after).reindex(found.index)
    known: pd.Series = owners.where(owners.notna(), found["owner_now"]).astype(str)
    return known


def deal_facts(events: PreparedSales, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Open deals with what had happened to them and to their customers before the cut-off."""
    facts = open_deals(events, cutoff)
    sources = events.leads.set_index("lead_id")
    facts["source"] = facts["lead_id"].map(sources["source"]).fillna(NONE)
    facts["source_name"] = facts["lead_id"].map(sources["source_name"]).fillna(NONE)
    closed = events.deals[events.deals["closed_at"] < cutoff]
    for outcome, name in ((WON, "customer_won"), (LOST, "customer_lost")):
        counts = closed[closed["outcome"] == outcome].groupby("customer").size()
        facts[name] = facts["customer"].map(counts).fillna(0).astype(float)
    # Against what is usual in the pipeline among deals known by then, whatever became of them.
    known = events.deals[events.deals["created_at"] < cutoff]
    usual = known.groupby("pipeline")["amount"].median()
    facts["usual_amount"] = facts["pipeline"].map(usual).fillna(known["amount"].median())
    _count_activities(facts, events, cutoff)
    return facts


def _count_activities(facts: pd.DataFrame, events: PreparedSales, cutoff: pd.Timestamp) -> None:
    names = ("activities_14", "activities_60", "meetings_60", "activity_days")
    if events.activities is None:
        facts[list(names)] = np.nan
    else:
        done = events.activities[(events.activities["at"] < cutoff) & events.activities["deal_id"].isin(facts.index)]
        ago = days_between(cutoff, done["at"])
        for name, rows in (
            ("activities_14", done[ago <= 14]),
            ("activities_60", done[ago <= 60]),
            ("meetings_60", done[(ago <= 60) & (done["activity_type"] == "meeting")]),
        ):
            facts[name] = rows.groupby("deal_id").size().reindex(facts.index).fillna(0).astype(float)
        facts["activity_days"] = ago.groupby(done["deal_id"]).min().reindex(facts.index)
    if events.messages is None:
        facts["messages_30"] = np.nan
    else:
        came = events.messages[(events.messages["at"] < cutoff) & (events.messages["direction"] == "in")]
        came = came[came["at"] >= cutoff - pd.Timedelta(days=30)]
        facts["messages_30"] = came.groupby("deal_id").size().reindex(facts.index).fillna(0).astype(float)


def usual_rates(events: PreparedSales, cutoff: pd.Timestamp, facts: pd.DataFrame, horizon_days: int) -> Values:
    """The cold-start baseline: how often deals that stood in the same stage were won in time.

    Counted on days so long ago that their windows had passed before the cut-off.
    """
    moments = [cutoff - pd.Timedelta(days=horizon_days + _LANDMARK_DAYS * back) for back in range(_LANDMARKS)]
    rows = pd.concat([_stages_and_wins(events, moment, horizon_days) for moment in moments])
    general = (rows["won"].sum() + _PRIOR_DEALS * _PRIOR_RATE) / (len(rows) + _PRIOR_DEALS)
    grouped = rows.groupby("stage")["won"]
    rates = (grouped.sum() + _PRIOR_DEALS * general) / (grouped.count() + _PRIOR_DEALS)
    result: Values = np.clip(facts["stage"].map(rates).fillna(general).to_numpy(dtype=float), 0.001, 0.999)
    return result


def _stages_and_wins(events: PreparedSales, moment: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
    """Of the deals open at a moment: the stage that they stood in, and whether they were won in time."""
    key = ("stages and wins", moment, horizon_days)
    if key not in events.derived:
        stood = open_deals(events, moment)
        won = won_within(events, stood.index, moment, horizon_days)
        events.derived[key] = pd.DataFrame({"stage": stood["stage"], "won": won})
    return events.derived[key]


def won_within(events: PreparedSales, deals: pd.Index, moment: pd.Timestamp, horizon_days: int) -> Values:
    """1 for the deals that were won before the window's end."""
    rows = events.deals.set_index("deal_id").reindex(deals)
    ends = moment + pd.Timedelta(days=horizon_days)
    result: Values = ((rows["outcome"] == WON) & (rows["closed_at"] < ends)).to_numpy(dtype=float)
    return result


def features_of(facts: pd.DataFrame, rates: Values) -> pd.DataFrame:
    """Features of the classifier; categories stay texts."""
    found = facts[["stage", "pipeline", "owner", "source"]].copy()
    found["rate"] = baseline_log_odds(rates)
    found["age"] = np.log1p(facts["age_days"])
    found["amount_known"] = facts["amount"].notna().astype(float)
    found["amount"] = np.log1p(facts["amount"].clip(lower=0)) - np.log1p(facts["usual_amount"].clip(lower=0))
    for name in REASON_OF:
        if name not in found:
            found[name] = np.log1p(facts[name])
    result: pd.DataFrame = found[list(REASON_OF)]
    return result


def snapshot_at(events: PreparedSales, cutoff: pd.Timestamp, horizon_days: int) -> Snapshot:
    """Open deals at the cut-off, labelled 1 where they were won within the horizon."""
    facts = deal_facts(events, cutoff)
    rates = usual_rates(events, cutoff, facts, horizon_days)
    return Snapshot(cutoff, features_of(facts, rates), rates, won_within(events, facts.index, cutoff, horizon_days))
