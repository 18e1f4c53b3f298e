"""What a trained model says about itself, as rows: figures, reliability bins, drift, importance, calibration check."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from ml_assets.probability.calibration import CalibrationCheck
from ml_assets.probability.drift import DRIFT_COLUMNS, drift
from ml_assets.probability.quality import RELIABILITY_COLUMNS, Quality
from ml_assets.probability.training import BASELINE, MODEL, Trained

IDENTITY_COLUMNS = ("tenant_id", "subject", "as_of", "model_id")
QUALITY_COLUMNS = (
    *IDENTITY_COLUMNS, "method", "is_published", "reason", "judged_by", "judged_on", "n", "base_rate",
    "mean_probability", "auc", "brier", "ece", "lift",
)  # fmt: skip
RELIABILITY_ROW_COLUMNS = (*IDENTITY_COLUMNS, "method", *RELIABILITY_COLUMNS)
DRIFT_ROW_COLUMNS = (*IDENTITY_COLUMNS, *DRIFT_COLUMNS, "is_used", "reason")
IMPORTANCE_COLUMNS = (*IDENTITY_COLUMNS, "feature", "importance", "share")
CHECK_COLUMNS = (
    *IDENTITY_COLUMNS, "cutoff", "is_out_of_sample", "passed", "n", "expected", "observed", "ece", "ece_by_chance",
    "tolerated",
)  # fmt: skip


def quality_rows(trained: Trained, identity: dict[str, Any]) -> pd.DataFrame:
    """One row per method that could be judged; columns as in `QUALITY_COLUMNS`."""
    found: tuple[tuple[str, Quality | None], ...] = (
        (MODEL, trained.model_quality),
        (BASELINE, trained.baseline_quality),
    )
    rows = [
        identity
        | {
            "method": method, "is_published": method == trained.published,
            "reason": trained.reason if method == trained.published else "candidate",
            "judged_by": trained.judged_by, "judged_on": trained.calibrated_on, **asdict(quality),
        }
        for method, quality in found
        if quality is not None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def reliability_rows(trained: Trained, identity: dict[str, Any]) -> pd.DataFrame:
    """One row per method and bin; columns as in `RELIABILITY_ROW_COLUMNS`."""
    rows = [
        identity | {"method": method} | dict(zip(RELIABILITY_COLUMNS, row, strict=True))
        for method, bins in trained.reliability.items()
        for row in bins
    ]
    return pd.DataFrame(rows, columns=list(RELIABILITY_ROW_COLUMNS)).astype({"bin": int, "n": int})


def drift_rows(trained: Trained, features: pd.DataFrame, identity: dict[str, Any]) -> pd.DataFrame:
    """One row per feature: today's entities against the newest closed snapshot; columns as in `DRIFT_ROW_COLUMNS`.

    A guarded field that was left out keeps the drift that gave it away, with `is_used` false.
    """
    found = drift(trained.reference, features)
    rows = [identity | row | {"is_used": True, "reason": "feature"} for row in found.to_dict("records")]
    rows += [
        identity | {"feature": name, "psi": psi, "drift": "strong", "is_used": False, "reason": "changes_with_outcome"}
        for name, psi in trained.dropped.items()
    ]
    return pd.DataFrame(rows, columns=list(DRIFT_ROW_COLUMNS))


def importance_rows(trained: Trained, identity: dict[str, Any]) -> pd.DataFrame:
    """One row per feature, largest first; columns as in `IMPORTANCE_COLUMNS`."""
    whole = sum(trained.importance.values()) or 1.0
    rows = [
        identity | {"feature": name, "importance": size, "share": size / whole}
        for name, size in sorted(trained.importance.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return pd.DataFrame(rows, columns=list(IMPORTANCE_COLUMNS))


def check_rows(
    check: CalibrationCheck, cutoff: str | None, out_of_sample: bool, identity: dict[str, Any]
) -> pd.DataFrame:
    """One row; columns as in `CHECK_COLUMNS`."""
    row = identity | {"cutoff": cutoff, "is_out_of_sample": out_of_sample} | asdict(check)
    return pd.DataFrame([row], columns=list(CHECK_COLUMNS))
