"""Drift: how far today's entities lie from those that a model was calibrated on (population stability index).

The reference is a few shares per feature, small enough to be stored with the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

NO_DRIFT, STRONG_DRIFT = 0.1, 0.25
DRIFT_COLUMNS = ("feature", "psi", "drift")
_BINS = 10
_MOST_CATEGORIES = 20
_SMALLEST_SHARE = 1e-4
# Of sets this small the index says more about chance than about drift.
_LEAST_ROWS = 30
_SURE = 0.99

Reference = Mapping[str, Mapping[str, Any]]


def reference_of(features: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Bounds or categories of each feature with the share that lies in each; missing values are a bin of their own."""
    return {str(name): _reference(features[name]) for name in features.columns}


def _reference(column: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_numeric_dtype(column):
        values = column.dropna().to_numpy(dtype=float)
        bounds = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(values) else np.zeros(0)
        shape: dict[str, Any] = {"bounds": [float(bound) for bound in bounds]}
    else:
        counts = column.dropna().astype(str).value_counts()
        ordered = sorted(counts.index, key=lambda name: (-counts[name], name))
        shape = {"categories": ordered[:_MOST_CATEGORIES]}
    return shape | {"shares": _shares(column, shape), "n": len(column)}


def _shares(column: pd.Series, shape: Mapping[str, Any]) -> list[float]:
    missing = column.isna().to_numpy()
    if "bounds" in shape:
        found = np.searchsorted(shape["bounds"], column.to_numpy(dtype=float), side="right")
        size = len(shape["bounds"]) + 1
    else:
        codes = {name: code for code, name in enumerate(shape["categories"])}
        size = len(codes) + 1
        found = np.array([codes.get(str(value), size - 1) for value in column], dtype=np.int64)
    counts = np.bincount(np.where(missing, size, found), minlength=size + 1)
    return [float(count) / max(len(column), 1) for count in counts]


def psi(reference: Mapping[str, Any], column: pd.Series) -> float | None:
    """Population stability index of one feature: below 0.1 none, above 0.25 strong; empty for very few rows."""
    if len(column) < _LEAST_ROWS or reference["n"] < _LEAST_ROWS:
        return None
    before = np.maximum(np.array(reference["shares"]), _SMALLEST_SHARE)
    # Chance alone moves shares of small sets; half a row per bin keeps an empty one from deciding.
    now = np.maximum(np.array(_shares(column, reference)), max(_SMALLEST_SHARE, 0.5 / len(column)))
    before = np.maximum(before, 0.5 / reference["n"])
    return float(np.sum((now - before) * np.log(now / before)))


def by_chance(reference: Mapping[str, Any], rows: int) -> float:
    """What the index of 99 of 100 undrifted sets stays below: chi-squared, scaled by both sizes (Yurdakul 2018)."""
    bins = max(len(reference["shares"]) - 1, 2)
    limit = float(chdtri(bins - 1, 1 - _SURE))
    return limit * float(1 / max(reference["n"], 1) + 1 / max(rows, 1))


def level(value: float | None, chance: float) -> str:
    """`none`, `moderate` or `strong`, never for what chance explains; `unknown` for an empty index."""
    if value is None:
        return "unknown"
    if value < max(NO_DRIFT, chance):
        return "none"
    return "moderate" if value < max(STRONG_DRIFT, chance) else "strong"


def drift(reference: Reference, features: pd.DataFrame) -> pd.DataFrame:
    """One row per feature of the reference, strongest first; columns as in `DRIFT_COLUMNS`."""
    rows = []
    for name, shape in reference.items():
        value = psi(shape, features[name]) if name in features.columns else None
        rows.append((name, value, level(value, by_chance(shape, len(features)))))
    found = pd.DataFrame(rows, columns=list(DRIFT_COLUMNS))
    return found.sort_values(["psi", "feature"], ascending=[False, True], na_position="last", ignore_index=True)
