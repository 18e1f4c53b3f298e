"""Chances that open deals are won before a quarter ends, for `ml_assets.forecasting.quarter`; nothing is published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd

from ml_assets.probability.training import MODEL, TrainingConfig
from ml_assets.scoring import deal_features
from ml_assets.scoring.config import ScoringConfig
from ml_assets.scoring.events import SalesEvents, prepare
from ml_assets.scoring.model import train_deals


def win_chances(
    events: SalesEvents, config: ScoringConfig | None = None
) -> Callable[[pd.Timestamp, pd.Timestamp], pd.Series]:
    """Return the function that `forecast_quarter` asks: chances by deal at a moment, to be won before an end.

    A model is trained for each moment, from what was known then, with as many days as the window has.
    """
    settings = config or ScoringConfig(training=TrainingConfig(most_snapshots=12, step_days=14))

    def chances(moment: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        days = max(1, int(np.ceil((end - moment) / timedelta(days=1))))
        wanted = ScoringConfig(**{**vars(settings), "horizon_days": days})
        model = train_deals(events, moment.date(), wanted)
        prepared = prepare(events, pd.Timestamp(moment))
        facts = deal_features.deal_facts(prepared, moment)
        rates = deal_features.usual_rates(prepared, moment, facts, days)
        learnt = model.trained.probabilities(deal_features.features_of(facts, rates))
        use_model = model.trained.published == MODEL and learnt is not None
        return pd.Series(learnt if use_model else rates, index=facts.index, dtype=float)

    return chances
