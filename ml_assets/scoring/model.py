"""The lead model and the deal model of one tenant: training, storing, the check that their chances still hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.probability.calibration import check_calibration
from ml_assets.probability.classifier import BoostingConfig, Feature
from ml_assets.probability.frames import check_rows
from ml_assets.probability.manifest import data_hash, signed, verified
from ml_assets.probability.snapshots import Snapshot, closed_cutoffs
from ml_assets.probability.training import MODEL, Trained, TrainingConfig, train
from ml_assets.scoring import deal_features, lead_features
from ml_assets.scoring.config import ScoringConfig
from ml_assets.scoring.events import WON, PreparedSales, SalesEvents, prepare

LEAD, DEAL = "lead", "deal"
_FEATURES: Mapping[str, tuple[Feature, ...]] = {LEAD: lead_features.FEATURES, DEAL: deal_features.FEATURES}
# Leads of more than so many horizons are as good as given up: neither learnt from nor scored.
_OLDEST_HORIZONS = 3
_UNKNOWN_HORIZON_DAYS = 60


@dataclass(frozen=True)
class ScoringModel:
    """A trained model of leads or of deals; `to_manifest` writes it as JSON values.

    Attributes:
        subject: `lead` or `deal`.
        tenant_id: whose.
        as_of: the day of the training, ISO.
        config: the settings.
        horizon_days: the event counts when it comes within so many days.
        value_per_conversion: what a converted lead brought on average, in the tenant's currency; 0 for deals.
        trained: classifier, calibration, verdict.
        data_hash: of the events before `as_of`.
    """

    subject: str
    tenant_id: str
    as_of: str
    config: ScoringConfig
    horizon_days: int
    value_per_conversion: float
    trained: Trained
    data_hash: str

    @property
    def oldest_days(self) -> int:
        """Older leads are not scored."""
        return self.horizon_days * _OLDEST_HORIZONS

    @property
    def model_id(self) -> str:
        """The hash of the manifest: the same model has the same."""
        return str(self.to_manifest()["sha256"])

    def snapshot_at(self, events: PreparedSales, cutoff: pd.Timestamp) -> Snapshot:
        """The snapshot that the model's chances are about."""
        return _snapshot_at(self.subject, events, cutoff, self.horizon_days)

    def to_manifest(self) -> dict[str, Any]:
        """JSON values, signed by their hash."""
        return signed(
            {
                "kind": self.subject,
                "tenant_id": self.tenant_id,
                "as_of": self.as_of,
                "config": asdict(self.config),
                "horizon_days": self.horizon_days,
                "value_per_conversion": self.value_per_conversion,
                "trained": self.trained.to_manifest(),
                "data_hash": self.data_hash,
            }
        )

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> ScoringModel:
        """The model that was written.

        Raises:
            ValueError: the manifest is of another kind or was changed.
        """
        kind = manifest.get("kind")
        content = verified(manifest, str(kind) if kind in _FEATURES else f"{LEAD} or {DEAL}")
        training = content["config"]["training"]
        training = TrainingConfig(**{**training, "boosting": BoostingConfig(**training["boosting"])})
        return cls(
            subject=content["kind"],
            tenant_id=content["tenant_id"],
            as_of=content["as_of"],
            config=ScoringConfig(**{**content["config"], "training": training}),
            horizon_days=content["horizon_days"],
            value_per_conversion=content["value_per_conversion"],
            trained=Trained.from_manifest(content["trained"]),
            data_hash=content["data_hash"],
        )


def train_leads(events: SalesEvents, as_of: date, config: ScoringConfig | None = None) -> ScoringModel:
    """Learn which open leads convert; the same input and settings give the same model.

    A tenant with too little history gets a model without a classifier, which scores by the baseline and says so.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    return _train(LEAD, events, as_of, config or ScoringConfig())


def train_deals(events: SalesEvents, as_of: date, config: ScoringConfig | None = None) -> ScoringModel:
    """Learn which open deals are won; otherwise as `train_leads`."""
    return _train(DEAL, events, as_of, config or ScoringConfig())


def check_scoring(model: ScoringModel, events: SalesEvents, as_of: date) -> pd.DataFrame:
    """Compare what a stored model says about the newest closed snapshot with what came.

    Returns:
        One row (`frames.CHECK_COLUMNS`). `is_out_of_sample` is true where the model was trained no later than the
        snapshot's cut-off; for a younger model, `model.trained.check` is the one to look at.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    now = pd.Timestamp(as_of)
    prepared = prepare(events, now)
    identity = identity_of(model, as_of)
    cutoffs = closed_cutoffs(now, model.horizon_days, _first(model.subject, prepared), 1, 1)
    if not cutoffs:
        return check_rows(check_calibration(np.zeros(0), np.zeros(0)), None, False, identity)
    snapshot = model.snapshot_at(prepared, cutoffs[0])
    chances = model.trained.probabilities(snapshot.features) if model.trained.published == MODEL else None
    check = check_calibration(snapshot.baseline if chances is None else chances, snapshot.labels)
    out_of_sample = pd.Timestamp(model.as_of) <= cutoffs[0]
    return check_rows(check, cutoffs[0].date().isoformat(), out_of_sample, identity)


def identity_of(model: ScoringModel, as_of: date) -> dict[str, Any]:
    """The first columns of every frame."""
    return {"tenant_id": model.tenant_id, "subject": model.subject, "as_of": as_of, "model_id": model.model_id}


def _train(subject: str, events: SalesEvents, as_of: date, config: ScoringConfig) -> ScoringModel:
    now = pd.Timestamp(as_of)
    prepared = prepare(events, now)
    horizon = config.horizon_days or _horizon(subject, prepared, config)
    first, training = _first(subject, prepared), config.training

    def cutoffs_at(moment: pd.Timestamp) -> tuple[pd.Timestamp, ...]:
        # Short windows pass sooner: their snapshots may stand closer together.
        return closed_cutoffs(moment, horizon, first, min(training.step_days, horizon), training.most_snapshots)

    trained = train(
        lambda cutoff: _snapshot_at(subject, prepared, cutoff, horizon), cutoffs_at, now, _FEATURES[subject], training
    )
    parts = (
        prepared.leads, prepared.deals, prepared.stage_entries, prepared.activities, prepared.messages,
        prepared.owner_changes,
    )  # fmt: skip
    return ScoringModel(
        subject=subject,
        tenant_id=prepared.tenant_id,
        as_of=as_of.isoformat(),
        config=config,
        horizon_days=horizon,
        value_per_conversion=_value_per_conversion(prepared) if subject == LEAD else 0.0,
        trained=trained,
        data_hash=data_hash(*(part for part in parts if part is not None)),
    )


def _snapshot_at(subject: str, events: PreparedSales, cutoff: pd.Timestamp, horizon_days: int) -> Snapshot:
    if subject == LEAD:
        return lead_features.snapshot_at(events, cutoff, horizon_days, horizon_days * _OLDEST_HORIZONS)
    return deal_features.snapshot_at(events, cutoff, horizon_days)


def _first(subject: str, events: PreparedSales) -> pd.Timestamp | None:
    created = (events.leads if subject == LEAD else events.deals)["created_at"]
    return created.min() if len(created) else None


def _horizon(subject: str, events: PreparedSales, config: ScoringConfig) -> int:
    if subject == LEAD:
        rows = events.leads
        lag = rows["converted_at"] - rows["created_at"]
    else:
        rows = events.deals[events.deals["outcome"] == WON]
        lag = rows["closed_at"] - rows["created_at"]
    days = (lag.dt.total_seconds() / 86400).dropna()
    needed = float(days.clip(lower=0).quantile(config.covered_share)) if len(days) else _UNKNOWN_HORIZON_DAYS
    return int(np.clip(np.ceil(needed), config.shortest_horizon_days, config.longest_horizon_days))


def _value_per_conversion(events: PreparedSales) -> float:
    """Won amount per converted lead, over the leads all of whose deals are closed."""
    converted = events.leads.loc[events.leads["converted_at"].notna(), "lead_id"]
    deals = events.deals[events.deals["lead_id"].isin(converted)]
    decided = deals.groupby("lead_id")["closed_at"].apply(lambda closed: bool(closed.notna().all()))
    settled = set(decided[decided].index)
    won = deals[(deals["outcome"] == WON) & deals["lead_id"].isin(settled)]
    return float(won["amount"].clip(lower=0).sum() / len(settled)) if settled else 0.0
