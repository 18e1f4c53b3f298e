"""When a customer counts as gone, per tenant, without any contract: silent for longer than is usual for that customer.

A customer's usual pause is the geometric mean of the own pauses, drawn to the tenant's, which counts as two. It is
multiplied by the tenant's tolerance: so many times the usual pause that most pauses of its customers ended earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.churn.config import FIXED, ChurnConfig
from ml_assets.probability.snapshots import Values

_TENANT_PAUSES = 2.0
_LEAST_PAUSES = 20
_UNKNOWN_PAUSE_DAYS = 60.0
_TOLERANCE = (1.5, 6.0)
_USUAL_TOLERANCE = 3.0
# The longest window is what most customers need: a snapshot cannot close before it.
_COVERED = 0.9


@dataclass(frozen=True)
class ChurnDefinition:
    """The definition of one tenant.

    Attributes:
        kind: `usual_silence` or `fixed`.
        usual_pause_days: between two purchases, over all of the tenant's customers.
        tolerance: how many times the usual pause a customer may be silent.
        notice_days: the shortest window.
        longest_days: the longest window and the longest silence that may be usual.
        horizon_days: of the kind `fixed`.
    """

    kind: str
    usual_pause_days: float
    tolerance: float
    notice_days: int
    longest_days: int
    horizon_days: int

    def usual_pauses(self, pauses: Values, mean_log_pause: Values) -> Values:
        """A customer's usual pause in days, from the number and mean logarithm of the own ones."""
        own = np.where(pauses > 0, mean_log_pause, 0.0) * pauses
        found: Values = np.exp((own + _TENANT_PAUSES * np.log(self.usual_pause_days)) / (pauses + _TENANT_PAUSES))
        return found

    def allowed_silence(self, usual_pauses: Values) -> Values:
        """Days of silence that are still usual."""
        return np.clip(np.ceil(self.tolerance * usual_pauses), self.notice_days, self.longest_days)

    def windows(self, silence: Values, allowed: Values) -> Values:
        """Whole days from now until the customer counts as gone, if nothing comes; never shorter than the notice."""
        if self.kind == FIXED:
            return np.full(len(silence), float(self.horizon_days))
        return np.clip(np.ceil(allowed - silence), self.notice_days, self.longest_days)

    @property
    def longest_window(self) -> int:
        """Days after which every window has passed."""
        return self.horizon_days if self.kind == FIXED else self.longest_days

    def to_manifest(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> ChurnDefinition:
        """What was written."""
        return cls(**manifest)


def fit_definition(purchases: pd.DataFrame, config: ChurnConfig) -> ChurnDefinition:
    """Learn a tenant's definition from its pauses; few pauses give the usual tolerance and 60 days.

    Args:
        purchases: `customer` and `at`, sorted by both, one row per customer and day.
        config: shares and bounds.
    """
    days = purchases.groupby("customer")["at"].diff().dt.days
    pauses = purchases.assign(pause=days).dropna(subset=["pause"])
    logs = np.log(pauses["pause"].to_numpy(dtype=float).clip(1.0))
    enough = len(logs) >= _LEAST_PAUSES
    usual = float(np.exp((logs.sum() + 5 * np.log(_UNKNOWN_PAUSE_DAYS)) / (len(logs) + 5)))
    grouped = pauses.assign(log=logs).groupby("customer")["log"]
    earlier, before = grouped.cumcount().to_numpy(dtype=float), (grouped.cumsum() - logs).to_numpy(dtype=float)
    expected = (before + _TENANT_PAUSES * np.log(usual)) / (earlier + _TENANT_PAUSES)
    ratios = np.exp(logs - expected)
    tolerance = float(np.quantile(ratios, config.returning_share)) if enough else _USUAL_TOLERANCE
    tolerance = float(np.clip(tolerance, *_TOLERANCE))
    own = np.exp((grouped.sum() + _TENANT_PAUSES * np.log(usual)) / (grouped.count() + _TENANT_PAUSES))
    needed = float(np.quantile(tolerance * own, _COVERED)) if len(own) else tolerance * usual
    return ChurnDefinition(
        kind=config.definition,
        usual_pause_days=usual,
        tolerance=tolerance,
        notice_days=config.notice_days,
        longest_days=int(np.clip(np.ceil(needed), config.notice_days, config.longest_silence_days)),
        horizon_days=config.horizon_days,
    )
