"""Scores of one tenant's customers on a day, from a trained model: rows to publish, and what says how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.churn.config import FIXED, ChurnConfig
from ml_assets.churn.events import ChurnEvents, prepare
from ml_assets.churn.features import REASON_OF, customer_facts, features_of, rhythm_chances
from ml_assets.churn.model import ChurnModel, identity_of
from ml_assets.churn.reasons import CRITICAL, HIGH, LAPSED, LOW, MEDIUM, reasons_json, reasons_text, suggest
from ml_assets.probability.frames import check_rows, drift_rows, importance_rows, quality_rows, reliability_rows
from ml_assets.probability.reasons import Reason, top_reasons
from ml_assets.probability.snapshots import Values
from ml_assets.probability.training import MODEL

SCORE_COLUMNS = (
    "tenant_id", "customer_kind", "customer_id", "as_of", "horizon_days", "silent_until", "probability",
    "baseline_probability", "method", "risk_level", "is_lapsed", "silence_days", "usual_pause_days",
    "allowed_silence_days", "last_purchase_on", "purchases", "reasons", "reasons_ru", "reasons_en", "action",
    "action_ru", "action_en", "value_per_year", "expected_value_at_risk", "is_cold_start", "low_history", "model_id",
)  # fmt: skip


@dataclass(frozen=True)
class ChurnResult:
    """Frames of one run.

    Attributes:
        scores: one row per customer, columns `SCORE_COLUMNS`.
        metrics: columns `frames.QUALITY_COLUMNS`, of the model and of the baseline.
        reliability: `frames.RELIABILITY_ROW_COLUMNS`.
        drift: `frames.DRIFT_ROW_COLUMNS`: today's customers against those that the model was calibrated on.
        importance: `frames.IMPORTANCE_COLUMNS`.
        checks: `frames.CHECK_COLUMNS`: whether the calibration held when the model was rehearsed.
    """

    scores: pd.DataFrame
    metrics: pd.DataFrame
    reliability: pd.DataFrame
    drift: pd.DataFrame
    importance: pd.DataFrame
    checks: pd.DataFrame


def score_churn(model: ChurnModel, events: ChurnEvents, as_of: date) -> ChurnResult:
    """Score every customer who has bought before `as_of` and is not forgotten.

    Raises:
        ValueError: a column is missing, or the events are another tenant's.
    """
    prepared = prepare(events, pd.Timestamp(as_of))
    if prepared.tenant_id not in ("", model.tenant_id):
        raise ValueError(f"the model is of tenant {model.tenant_id!r}, the events of {prepared.tenant_id!r}")
    facts = customer_facts(prepared, model.definition, pd.Timestamp(as_of), model.config.forgotten_days)
    baseline = rhythm_chances(facts, model.definition)
    features = features_of(facts, baseline)
    trained, identity = model.trained, identity_of(model, as_of)
    return ChurnResult(
        scores=_scores(model, facts, features, baseline, as_of, str(identity["model_id"])),
        metrics=quality_rows(trained, identity),
        reliability=reliability_rows(trained, identity),
        drift=drift_rows(trained, features, identity),
        importance=importance_rows(trained, identity),
        checks=check_rows(trained.check, trained.calibrated_on, trained.judged_by == "rehearsal", identity),
    )


def _scores(
    model: ChurnModel, facts: pd.DataFrame, features: pd.DataFrame, baseline: Values, as_of: date, model_id: str
) -> pd.DataFrame:
    trained, config = model.trained, model.config
    published = trained.probabilities(features) if trained.published == MODEL else None
    chances = baseline if published is None else published
    explained = trained.contributions(features)
    reasons = top_reasons(explained, REASON_OF, len(facts), config.most_reasons)
    lapsed = (facts["silence_days"] > facts["allowed_days"]).to_numpy() & (model.definition.kind != FIXED)
    usual = trained.model_quality.base_rate if trained.model_quality else None
    rows = []
    for position, (customer, fact) in enumerate(zip(facts.index, facts.to_dict("records"), strict=True)):
        kind, _, identifier = str(customer).partition(":")
        risk = LAPSED if lapsed[position] else _level(chances[position], usual, config)
        rows.append(
            {
                "tenant_id": model.tenant_id, "customer_kind": kind, "customer_id": identifier, "as_of": as_of,
                "horizon_days": int(fact["window_days"]),
                "silent_until": as_of + timedelta(days=int(fact["window_days"])),
                "probability": float(chances[position]), "baseline_probability": float(baseline[position]),
                "method": "model" if published is not None else "baseline",
                "risk_level": risk, "is_lapsed": bool(lapsed[position]),
                "silence_days": int(fact["silence_days"]),
                "usual_pause_days": float(fact["usual_pause_days"]),
                "allowed_silence_days": int(fact["allowed_days"]),
                "last_purchase_on": fact["last_on"].date(), "purchases": int(fact["purchases"]),
                "value_per_year": float(fact["value_per_year"]),
                "expected_value_at_risk": float(chances[position] * fact["value_per_year"]),
                "is_cold_start": published is None, "low_history": trained.low_history, "model_id": model_id,
            }
            | _words(fact, reasons[position], risk, as_of, config)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def _words(fact: dict[str, Any], reasons: list[Reason], risk: str, as_of: date, config: ChurnConfig) -> dict[str, str]:
    known = fact | {
        "last_on": fact["last_on"].date(), "first_on": fact["first_on"].date(), "as_of": as_of,
        "currency": config.currency,
    }  # fmt: skip
    action = suggest(known, reasons, risk, as_of)
    return {
        "reasons": reasons_json(reasons, known),
        "reasons_ru": reasons_text("ru", reasons, known, risk),
        "reasons_en": reasons_text("en", reasons, known, risk),
        "action": action.name,
        "action_ru": action.ru,
        "action_en": action.en,
    }


def _level(probability: float, usual: float | None, config: ChurnConfig) -> str:
    """By the chance; one level lower for who is less likely to leave than the tenant's average customer."""
    bounds = (config.medium_risk, config.high_risk, config.critical_risk)
    level = int(np.searchsorted(bounds, probability, side="right"))
    if usual is not None and probability < usual:
        level = max(level - 1, 0)
    return (LOW, MEDIUM, HIGH, CRITICAL)[level]
