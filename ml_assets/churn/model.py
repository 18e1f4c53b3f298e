"""The churn model of one tenant: training, storing, and the check that its chances still hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pandas as pd

from ml_assets.churn.config import ChurnConfig
from ml_assets.churn.definition import ChurnDefinition, fit_definition
from ml_assets.churn.events import ChurnEvents, prepare
from ml_assets.churn.features import FEATURES, snapshot_at
from ml_assets.probability.calibration import check_calibration
from ml_assets.probability.classifier import BoostingConfig
from ml_assets.probability.frames import check_rows
from ml_assets.probability.manifest import data_hash, signed, verified
from ml_assets.probability.snapshots import closed_cutoffs
from ml_assets.probability.training import MODEL, Trained, TrainingConfig, train

KIND = "churn"


@dataclass(frozen=True)
class ChurnModel:
    """A trained model; `to_manifest` writes it as JSON values.

    Attributes:
        tenant_id: whose customers.
        as_of: the day of the training, ISO.
        config: the settings.
        definition: when a customer of this tenant counts as gone.
        trained: classifier, calibration, verdict.
        data_hash: of the purchases before `as_of` and of what the newest closed snapshot was made of.
    """

    tenant_id: str
    as_of: str
    config: ChurnConfig
    definition: ChurnDefinition
    trained: Trained
    data_hash: str

    @property
    def model_id(self) -> str:
        """The hash of the manifest: the same model has the same."""
        return str(self.to_manifest()["sha256"])

    def to_manifest(self) -> dict[str, Any]:
        """JSON values, signed by their hash."""
        return signed(
            {
                "kind": KIND,
                "tenant_id": self.tenant_id,
                "as_of": self.as_of,
                "config": asdict(self.config),
                "definition": self.definition.to_manifest(),
                "trained": self.trained.to_manifest(),
                "data_hash": self.data_hash,
            }
        )

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> ChurnModel:
        """The model that was written.

        Raises:
            ValueError: the manifest is of another kind or was changed.
        """
        content = verified(manifest, KIND)
        return cls(
            tenant_id=content["tenant_id"],
            as_of=content["as_of"],
            config=_config(content["config"]),
            definition=ChurnDefinition.from_manifest(content["definition"]),
            trained=Trained.from_manifest(content["trained"]),
            data_hash=content["data_hash"],
        )


def _config(content: Mapping[str, Any]) -> ChurnConfig:
    training = content["training"]
    boosting = BoostingConfig(**training["boosting"])
    return ChurnConfig(**{**content, "training": TrainingConfig(**{**training, "boosting": boosting})})


def train_churn(events: ChurnEvents, as_of: date, config: ChurnConfig | None = None) -> ChurnModel:
    """Learn one tenant's model from what happened before `as_of`; the same input and settings give the same model.

    A tenant with too little history gets a model without a classifier, which scores by the baseline and says so.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    settings = config or ChurnConfig()
    now = pd.Timestamp(as_of)
    prepared = prepare(events, now)
    definition = fit_definition(prepared.purchases, settings)
    first = prepared.purchases["at"].min()

    def cutoffs_at(moment: pd.Timestamp) -> tuple[pd.Timestamp, ...]:
        training = settings.training
        return closed_cutoffs(moment, definition.longest_window, first, training.step_days, training.most_snapshots)

    trained = train(
        lambda cutoff: snapshot_at(prepared, definition, cutoff, settings.forgotten_days),
        cutoffs_at, now, FEATURES, settings.training,
    )  # fmt: skip
    parts = [prepared.purchases, *(part for part in (prepared.deals, prepared.activities, prepared.messages)
                                   if part is not None)]  # fmt: skip
    return ChurnModel(prepared.tenant_id, as_of.isoformat(), settings, definition, trained, data_hash(*parts))


def check_churn(model: ChurnModel, events: ChurnEvents, as_of: date) -> pd.DataFrame:
    """Compare what a stored model says about the newest closed snapshot with what came.

    Returns:
        One row (`CHECK_COLUMNS`). `is_out_of_sample` is true where the model was trained no later than the snapshot's
        cut-off; for a younger model the check says little, and `model.trained.check` is the one to look at.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    now = pd.Timestamp(as_of)
    prepared = prepare(events, now)
    identity = identity_of(model, as_of)
    cutoffs = closed_cutoffs(now, model.definition.longest_window, prepared.purchases["at"].min(), 1, 1)
    if not cutoffs:
        return check_rows(check_calibration(*_nothing()), None, False, identity)
    snapshot = snapshot_at(prepared, model.definition, cutoffs[0], model.config.forgotten_days)
    chances = model.trained.probabilities(snapshot.features) if model.trained.published == MODEL else None
    check = check_calibration(snapshot.baseline if chances is None else chances, snapshot.labels)
    out_of_sample = pd.Timestamp(model.as_of) <= cutoffs[0]
    return check_rows(check, cutoffs[0].date().isoformat(), out_of_sample, identity)


def _nothing() -> tuple[Any, Any]:
    return pd.Series(dtype=float).to_numpy(), pd.Series(dtype=float).to_numpy()


def identity_of(model: ChurnModel, as_of: date) -> dict[str, Any]:
    """The first columns of every frame."""
    return {"tenant_id": model.tenant_id, "subject": KIND, "as_of": as_of, "model_id": model.model_id}
