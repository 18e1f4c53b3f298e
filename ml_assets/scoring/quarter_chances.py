"""Chances that open deals are won before a quarter ends, for `ml_assets.forecasting.quarter`; nothing is published.

A forecast of the quarter asks on its own day and on the same day of earlier quarters. Each time a classifier
learns anew, from what was closed by then; snapshots stand on days that all of them share, so that each is made once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from ml_assets.probability.classifier import BoostingConfig
from ml_assets.probability.snapshots import Snapshot
from ml_assets.probability.training import TrainingConfig, learn
from ml_assets.scoring import deal_features
from ml_assets.scoring.events import PreparedSales, SalesEvents, prepare

# Fewer snapshots, folds and trees than a score has: nobody reads these chances deal by deal.
QUARTER_TRAINING = TrainingConfig(
    most_snapshots=6, step_days=30, calibration_folds=2, boosting=BoostingConfig(trees=100)
)
_FIRST_DAY = pd.Timestamp("2000-01-01")


def win_chances(
    events: SalesEvents, as_of: pd.Timestamp, config: TrainingConfig = QUARTER_TRAINING
) -> Callable[[pd.Timestamp, pd.Timestamp], pd.Series]:
    """Return the function that `forecast_quarter` asks: chances by deal at a moment, to be won before an end.

    Args:
        events: one tenant's.
        as_of: the latest moment that will be asked for; what is dated at it or later is not looked at.
        config: how a classifier learns. A moment with too little to learn from gets no chances.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    prepared = prepare(events, as_of)
    step = pd.Timedelta(days=config.step_days)

    @cache
    def features_at(moment: pd.Timestamp, rates_days: int) -> pd.DataFrame:
        facts = deal_features.deal_facts(prepared, moment)
        # Rates are counted on the shared days too, of windows of whole steps.
        rates = deal_features.usual_rates(
            prepared, _FIRST_DAY + (moment - _FIRST_DAY) // step * step, facts, rates_days
        )
        return deal_features.features_of(facts, rates)

    def chances(moment: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        days = max(1, int(np.ceil((end - moment) / pd.Timedelta(days=1))))
        rates_days = -(-days // config.step_days) * config.step_days
        newest = _FIRST_DAY + (moment - pd.Timedelta(days=days) - _FIRST_DAY) // step * step
        moments = [newest - step * back for back in range(config.most_snapshots)]
        snapshots = [
            _snapshot(prepared, each, features_at(each, rates_days), days)
            for each in moments
            if each > prepared.deals["created_at"].min()
        ]
        now = features_at(moment, rates_days)
        learnt = learn(snapshots, now, deal_features.FEATURES, config)
        return pd.Series(dtype=float) if isinstance(learnt, str) else pd.Series(learnt.chances(now), index=now.index)

    return chances


def _snapshot(events: PreparedSales, moment: pd.Timestamp, features: pd.DataFrame, days: int) -> Snapshot:
    won = deal_features.won_within(events, features.index, moment, days)
    return Snapshot(moment, features, np.full(len(won), won.mean() if len(won) else 0.0), won)
