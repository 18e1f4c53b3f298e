"""Open leads and deals by their chance: that a lead converts, that a deal is won."""

from ml_assets.scoring.config import ScoringConfig
from ml_assets.scoring.events import SalesEvents
from ml_assets.scoring.model import ScoringModel, check_scoring, train_deals, train_leads
from ml_assets.scoring.quarter_chances import win_chances
from ml_assets.scoring.scoring import ScoringResult, score_deals, score_leads

__all__ = [
    "SalesEvents", "ScoringConfig", "ScoringModel", "ScoringResult", "check_scoring", "score_deals", "score_leads",
    "train_deals", "train_leads", "win_chances",
]  # fmt: skip
