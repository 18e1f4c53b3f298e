"""How good chances are against what came: AUC, Brier, calibration error, lift, reliability bins. No fitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from ml_assets.probability.snapshots import Values

BINS = 10
RELIABILITY_COLUMNS = ("bin", "lower", "upper", "mean_probability", "observed_rate", "n")


@dataclass(frozen=True)
class Quality:
    """Figures of one set of chances.

    Attributes:
        n: entities judged.
        base_rate: share for which the event came.
        mean_probability: what was said on average.
        auc: chance that one with the event was given more than one without; empty where all came out alike.
        brier: mean squared difference to what came; lower is better.
        ece: mean absolute difference between said and observed over ten bins of equal width, weighted by their size.
        lift: base rate among the tenth with the highest chance over the whole's; empty without any event.
    """

    n: int
    base_rate: float | None
    mean_probability: float | None
    auc: float | None
    brier: float | None
    ece: float | None
    lift: float | None


def measure(probabilities: Values, labels: Values) -> Quality:
    """Compare chances with labels of 0 and 1; empty figures where there is nothing to compare."""
    if not len(labels):
        return Quality(0, None, None, None, None, None, None)
    both = 0 < labels.sum() < len(labels)
    return Quality(
        n=len(labels),
        base_rate=float(labels.mean()),
        mean_probability=float(probabilities.mean()),
        auc=float(roc_auc_score(labels, probabilities)) if both else None,
        brier=float(np.mean((probabilities - labels) ** 2)),
        ece=expected_calibration_error(probabilities, labels),
        lift=_lift(probabilities, labels),
    )


def bin_numbers(probabilities: Values) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Ten bins of equal width; 1 belongs to the last."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def expected_calibration_error(probabilities: Values, labels: Values) -> float:
    """Sum over bins of |said - observed|, weighted by size (Naeini and others, 2015)."""
    gaps = np.bincount(bin_numbers(probabilities), weights=probabilities - labels, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def reliability(probabilities: Values, labels: Values) -> pd.DataFrame:
    """One row per bin that is not empty; columns as in `RELIABILITY_COLUMNS`."""
    numbers = bin_numbers(probabilities)
    rows = [
        (
            number, number / BINS, (number + 1) / BINS, float(probabilities[numbers == number].mean()),
            float(labels[numbers == number].mean()), int((numbers == number).sum()),
        )
        for number in np.unique(numbers)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))


def _lift(probabilities: Values, labels: Values) -> float | None:
    if not labels.sum():
        return None
    top = np.argsort(-probabilities, kind="stable")[: max(1, len(labels) // 10)]
    return float(labels[top].mean() / labels.mean())
