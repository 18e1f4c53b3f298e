"""Snapshots: what was known at a cut-off and what came of it within the window after it. No features, no learning.

A snapshot is closed once the longest window has passed; only closed ones have labels that can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Snapshot:
    """Entities as they were at a cut-off.

    Attributes:
        cutoff: nothing dated at or after it may be in `features` or `baseline`.
        features: one row per entity, its id as the index.
        baseline: a chance per entity that needs no learning from snapshots.
        labels: 1 where the event happened in the window; meaningless unless the snapshot is closed.
    """

    cutoff: pd.Timestamp
    features: pd.DataFrame
    baseline: Values
    labels: Values


SnapshotAt = Callable[[pd.Timestamp], Snapshot]


def closed_cutoffs(
    as_of: pd.Timestamp, window_days: float, first: pd.Timestamp | None, step_days: int, most: int
) -> tuple[pd.Timestamp, ...]:
    """Cut-offs whose windows end by `as_of`, newest first, none before `first`; empty where there is no history."""
    if first is None or pd.isna(first):
        return ()
    newest = as_of - pd.Timedelta(days=window_days)
    cutoffs = (newest - pd.Timedelta(days=step_days * back) for back in range(most))
    return tuple(cutoff for cutoff in cutoffs if cutoff > first)


def moments(column: pd.Series) -> pd.Series:
    """Timestamps without a zone (those with one become UTC); what is no timestamp is empty."""
    found = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    # Nanoseconds everywhere, so that comparing and merging never mixes units.
    result: pd.Series = found.dt.tz_localize(None).astype("datetime64[ns]")
    return result


def require(frames: Mapping[str, tuple[pd.DataFrame, Sequence[str]]]) -> None:
    """Check each frame's columns.

    Raises:
        ValueError: a column is missing, named with its frame, or the frames hold more than one tenant.
    """
    tenants: set[str] = set()
    for name, (frame, columns) in frames.items():
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise ValueError(f"{name} lack the columns {', '.join(missing)}: give {', '.join(columns)}")
        if "tenant_id" in frame.columns:
            tenants |= set(frame["tenant_id"].dropna().astype(str))
    if len(tenants) > 1:
        raise ValueError(f"the frames hold {len(tenants)} tenants ({', '.join(sorted(tenants)[:3])}): give one's rows")


def days_between(later: pd.Timestamp, earlier: pd.Series) -> pd.Series:
    """Days with fractions from each moment to `later`."""
    found: pd.Series = (later - earlier).dt.total_seconds() / 86400
    return found
