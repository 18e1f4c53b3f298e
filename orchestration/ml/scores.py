"""Trains and applies the models of customers, leads and deals of one tenant, in a process of its own.

What is learnt belongs in `ml_assets.churn` and `ml_assets.scoring`, where models are kept in `artefacts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any, Literal

import pandas as pd

from ml_assets.churn import (
    ChurnConfig,
    ChurnModel,
    ChurnResult,
    check_churn,
    events_from_marts,
    score_churn,
    train_churn,
)
from ml_assets.forecasting.backtest import cpu_seconds
from ml_assets.probability.plots import importance_plot, reliability_plot
from ml_assets.probability.training import PACKAGES, Trained
from ml_assets.scoring import (
    ScoringConfig,
    ScoringModel,
    ScoringResult,
    check_scoring,
    score_deals,
    score_leads,
    train_deals,
    train_leads,
)
from orchestration.extraction.replica import Warehouse
from orchestration.ml.artefacts import Artefact, ArtefactStore
from orchestration.ml.marts import Tenant
from orchestration.ml.model_run import Computed
from orchestration.ml.sales_events import MartEvents, read_mart_events

SUBJECTS = ("churn", "lead", "deal")
RETRAIN_AFTER = timedelta(days=7)
_MODEL_FILE = "model.json"

_NEWEST = """
select tenant_id, subject, argMax(address, as_of), argMax(sha256, as_of), max(as_of)
from ml.trained_models
where as_of <= {day:Date32}
group by tenant_id, subject
"""


class NoModel(Exception):
    """There is nothing to score with."""


@dataclass(frozen=True)
class TrainingInput:
    """One tenant's events, and where its models are to be kept."""

    tenant: Tenant
    as_of: date
    events: MartEvents
    store: ArtefactStore


@dataclass(frozen=True)
class ScoringInput:
    """One tenant's events, and the model to score them with."""

    tenant: Tenant
    as_of: date
    subject: str
    events: MartEvents
    store: ArtefactStore
    artefact: Artefact
    pictures: bool


def read_training_input(warehouse: Warehouse, tenant: Tenant, as_of: date, *, store: ArtefactStore) -> TrainingInput:
    """Read what models of one tenant are learnt from."""
    return TrainingInput(tenant, as_of, read_mart_events(warehouse, tenant, as_of), store)


def read_scoring_input(
    warehouse: Warehouse, tenant: Tenant, as_of: date, *, subject: str, store: ArtefactStore, pictures: bool
) -> ScoringInput:
    """Read what is scored, with the newest model that was trained on that day or before.

    Raises:
        NoModel: there is none: scoring with one that was trained later would look ahead.
    """
    newest = newest_models(warehouse, as_of).get((tenant.id, subject))
    if newest is None:
        raise NoModel(f"no {subject} model was trained by {as_of}: materialize ml/trained_models of that day first")
    events = read_mart_events(warehouse, tenant, as_of)
    return ScoringInput(tenant, as_of, subject, events, store, newest[0], pictures)


def newest_models(warehouse: Warehouse, day: date) -> Mapping[tuple[str, str], tuple[Artefact, date]]:
    """Return by tenant and subject the newest model that was trained on that day or before, and that day."""
    rows = warehouse.rows(_NEWEST, day=day)
    return {(tenant, subject): (Artefact(address, sha256), as_of) for tenant, subject, address, sha256, as_of in rows}


def is_due(models: Mapping[tuple[str, str], tuple[Artefact, date]], tenant: Tenant, day: date) -> bool:
    """Tell whether a tenant lacks a model that is at most a week old on that day."""
    found = [models.get((tenant.id, subject)) for subject in SUBJECTS]
    return any(each is None or tenant.day(day) - each[1] >= RETRAIN_AFTER for each in found)


def compute_training(given: TrainingInput) -> Computed:
    """Learn the three models and keep them. Raises whatever the libraries or the store raise."""
    started = cpu_seconds()
    models: dict[str, ChurnModel | ScoringModel] = {
        "churn": train_churn(_churn_events(given.events), given.as_of, ChurnConfig(currency=given.tenant.currency)),
        "lead": train_leads(given.events.of_sales(), given.as_of, ScoringConfig(currency=given.tenant.currency)),
        "deal": train_deals(given.events.of_sales(), given.as_of, ScoringConfig(currency=given.tenant.currency)),
    }
    rows = []
    for subject, model in models.items():
        kept = given.store.put(subject, given.tenant.id, given.as_of.isoformat(), {_MODEL_FILE: model.to_manifest()})
        rows.append(
            {
                "tenant_id": given.tenant.id, "as_of": given.as_of, "subject": subject, "model_id": model.model_id,
                "address": kept.address, "sha256": kept.sha256, "published": model.trained.published,
                "reason": model.trained.reason,
            }
        )  # fmt: skip
    return Computed(
        frames={"trained_models": pd.DataFrame(rows)},
        data_hash=models["churn"].data_hash,
        versions={name: version(name) for name in PACKAGES},
        parameters=json.dumps({subject: asdict(model.config) for subject, model in models.items()}, sort_keys=True),
        metrics={name: value for subject, model in models.items() for name, value in _told(subject, model.trained)},
        cpu_seconds=cpu_seconds() - started,
    )


def compute_scores(given: ScoringInput) -> Computed:
    """Score customers, leads or deals.

    Raises:
        ArtefactRefused: the model is not what was written.
    """
    started = cpu_seconds()
    manifest = given.store.get(given.artefact)[_MODEL_FILE]
    result, checks, trained = _SCORERS[given.subject](given, manifest)
    language: Literal["en", "ru"] = "ru" if given.tenant.locale.startswith("ru") else "en"
    plots = {
        "reliability": reliability_plot(result.reliability, language, given.tenant.name),
        "importance": importance_plot(result.importance, language, given.tenant.name),
    }
    strong = result.drift[(result.drift["drift"] == "strong") & result.drift["is_used"]]
    return Computed(
        frames={
            f"{given.subject}_scores": result.scores,
            "model_quality": result.metrics,
            "model_reliability": result.reliability,
            "model_drift": result.drift,
            "model_importance": result.importance,
            "model_checks": checks,
        },
        data_hash=str(manifest["data_hash"]),
        versions={name: version(name) for name in PACKAGES},
        parameters=json.dumps({"model_id": manifest["sha256"], "trained_on": manifest["as_of"]}),
        metrics={
            "scored": float(len(result.scores)),
            "drifted_features": float(len(strong)),
            **dict(_told(given.subject, trained)),
        },
        plots=plots if given.pictures else {},
        cpu_seconds=cpu_seconds() - started,
    )


def _score_churn(given: ScoringInput, manifest: Mapping[str, Any]) -> tuple[ChurnResult, pd.DataFrame, Trained]:
    model, events = ChurnModel.from_manifest(manifest), _churn_events(given.events)
    return score_churn(model, events, given.as_of), check_churn(model, events, given.as_of), model.trained


def _score_leads(given: ScoringInput, manifest: Mapping[str, Any]) -> tuple[ScoringResult, pd.DataFrame, Trained]:
    model, events = ScoringModel.from_manifest(manifest), given.events.of_sales()
    return score_leads(model, events, given.as_of), check_scoring(model, events, given.as_of), model.trained


def _score_deals(given: ScoringInput, manifest: Mapping[str, Any]) -> tuple[ScoringResult, pd.DataFrame, Trained]:
    model, events = ScoringModel.from_manifest(manifest), given.events.of_sales()
    return score_deals(model, events, given.as_of), check_scoring(model, events, given.as_of), model.trained


_SCORERS: Mapping[str, Callable[..., tuple[ChurnResult | ScoringResult, pd.DataFrame, Trained]]] = {
    "churn": _score_churn,
    "lead": _score_leads,
    "deal": _score_deals,
}


def _told(subject: str, trained: Trained) -> list[tuple[str, float]]:
    quality = trained.model_quality
    figures = {"rows": float(trained.rows), "snapshots": float(trained.snapshots)}
    if quality is not None:
        named = {name: getattr(quality, name) for name in ("auc", "brier", "ece")}
        figures |= {name: float(value) for name, value in named.items() if value is not None}
    return [(f"{subject}_{name}", value) for name, value in figures.items()]


def _churn_events(events: MartEvents) -> Any:
    return events_from_marts(events.deals, events.activities, events.messages)
