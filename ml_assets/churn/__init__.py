"""Customers about to leave: the tenant's definition, snapshots, model, scores, reasons and actions."""

from ml_assets.churn.config import ChurnConfig
from ml_assets.churn.events import ChurnEvents, events_from_marts
from ml_assets.churn.model import ChurnModel, check_churn, train_churn
from ml_assets.churn.scoring import ChurnResult, score_churn

__all__ = [
    "ChurnConfig", "ChurnEvents", "ChurnModel", "ChurnResult", "check_churn", "events_from_marts", "score_churn",
    "train_churn",
]  # fmt: skip
