"""Scores of one tenant's open leads or deals on a day, from a trained model: rows to publish, and how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.probability.frames import check_rows, drift_rows, importance_rows, quality_rows, reliability_rows
from ml_assets.probability.reasons import Reason, top_reasons
from ml_assets.probability.snapshots import Values
from ml_assets.probability.training import MODEL
from ml_assets.scoring import deal_features, lead_features
from ml_assets.scoring.config import ScoringConfig
from ml_assets.scoring.events import NONE, SalesEvents, prepare
from ml_assets.scoring.model import DEAL, LEAD, ScoringModel, identity_of
from ml_assets.scoring.reasons import HIGH, LOW, MEDIUM, reasons_json, reasons_text, suggest_for_deal, suggest_for_lead

_SCORES = (
    "as_of", "horizon_days", "probability", "baseline_probability", "method", "priority", "age_days", "reasons",
    "reasons_ru", "reasons_en", "action", "action_ru", "action_en", "expected_value", "is_cold_start", "low_history",
    "model_id",
)  # fmt: skip
LEAD_SCORE_COLUMNS = ("tenant_id", "lead_id", *_SCORES)
DEAL_SCORE_COLUMNS = ("tenant_id", "deal_id", *_SCORES)


@dataclass(frozen=True)
class ScoringResult:
    """Frames of one run.

    Attributes:
        scores: one row per open lead or deal, columns `LEAD_SCORE_COLUMNS` or `DEAL_SCORE_COLUMNS`.
        metrics, reliability, drift, importance, checks: columns as named in `ml_assets.probability.frames`.
    """

    scores: pd.DataFrame
    metrics: pd.DataFrame
    reliability: pd.DataFrame
    drift: pd.DataFrame
    importance: pd.DataFrame
    checks: pd.DataFrame


def score_leads(model: ScoringModel, events: SalesEvents, as_of: date) -> ScoringResult:
    """Score the open leads that are not older than `model.oldest_days`.

    `expected_value` is the chance times what a converted lead brought on average.

    Raises:
        ValueError: a column is missing, the events are another tenant's or the model is of deals.
    """
    return _score(LEAD, model, events, as_of)


def score_deals(model: ScoringModel, events: SalesEvents, as_of: date) -> ScoringResult:
    """Score the open deals; `expected_value` is the chance times the amount, the usual one where it is empty.

    Raises:
        ValueError: a column is missing, the events are another tenant's or the model is of leads.
    """
    return _score(DEAL, model, events, as_of)


def _score(subject: str, model: ScoringModel, events: SalesEvents, as_of: date) -> ScoringResult:
    if model.subject != subject:
        raise ValueError(f"the model is of {model.subject}s: give one of {subject}s")
    now = pd.Timestamp(as_of)
    prepared = prepare(events, now)
    if prepared.tenant_id not in ("", model.tenant_id):
        raise ValueError(f"the model is of tenant {model.tenant_id!r}, the events of {prepared.tenant_id!r}")
    if subject == LEAD:
        facts = lead_features.lead_facts(prepared, now, model.oldest_days)
        baseline = lead_features.usual_rates(prepared, now, facts, model.horizon_days)
        features, reason_of = lead_features.features_of(facts, baseline), lead_features.REASON_OF
        values = np.full(len(facts), model.value_per_conversion)
    else:
        facts = deal_features.deal_facts(prepared, now)
        baseline = deal_features.usual_rates(prepared, now, facts, model.horizon_days)
        features, reason_of = deal_features.features_of(facts, baseline), deal_features.REASON_OF
        values = facts["amount"].fillna(facts["usual_amount"]).fillna(0.0).clip(lower=0).to_numpy(dtype=float)
    trained, identity = model.trained, identity_of(model, as_of)
    published = trained.probabilities(features) if trained.published == MODEL else None
    chances = baseline if published is None else published
    reasons = top_reasons(trained.contributions(features), reason_of, len(facts), model.config.most_reasons)
    shared = {
        "tenant_id": model.tenant_id, "as_of": as_of, "horizon_days": model.horizon_days,
        "method": "baseline" if published is None else "model", "is_cold_start": published is None,
        "low_history": trained.low_history, "model_id": str(identity["model_id"]),
    }  # fmt: skip
    priorities = _priorities(chances, model.config)
    rows = [
        shared
        | {
            f"{subject}_id": identifier, "probability": float(chances[position]),
            "baseline_probability": float(baseline[position]), "priority": priorities[position],
            "age_days": int(fact["age_days"]), "expected_value": float(chances[position] * values[position]),
        }
        | _words(subject, fact, reasons[position], priorities[position], as_of, model.config)
        for position, (identifier, fact) in enumerate(zip(facts.index, facts.to_dict("records"), strict=True))
    ]  # fmt: skip
    columns = LEAD_SCORE_COLUMNS if subject == LEAD else DEAL_SCORE_COLUMNS
    return ScoringResult(
        scores=pd.DataFrame(rows, columns=list(columns)),
        metrics=quality_rows(trained, identity),
        reliability=reliability_rows(trained, identity),
        drift=drift_rows(trained, features, identity),
        importance=importance_rows(trained, identity),
        checks=check_rows(trained.check, trained.calibrated_on, trained.judged_by == "rehearsal", identity),
    )


def _priorities(chances: Values, config: ScoringConfig) -> list[str]:
    """By rank among today's: equal chances share the better one."""
    above = np.array([np.sum(chances > chance) for chance in np.unique(chances)], dtype=float)
    place = dict(zip(np.unique(chances), above / max(len(chances), 1), strict=True))
    return [
        HIGH if place[chance] < config.high_share else MEDIUM if place[chance] < config.medium_share else LOW
        for chance in chances
    ]


def _words(
    subject: str, fact: dict[str, Any], reasons: list[Reason], priority: str, as_of: date, config: ScoringConfig
) -> dict[str, str]:
    owner = fact["handler"] if subject == LEAD else fact["owner"]
    known = fact | {"subject": subject, "owner_known": owner != NONE, "currency": config.currency}
    action = (suggest_for_lead if subject == LEAD else suggest_for_deal)(known, priority, as_of)
    return {
        "reasons": reasons_json(subject, reasons, known),
        "reasons_ru": reasons_text(subject, "ru", reasons, known),
        "reasons_en": reasons_text(subject, "en", reasons, known),
        "action": action.name,
        "action_ru": action.ru,
        "action_en": action.en,
    }
