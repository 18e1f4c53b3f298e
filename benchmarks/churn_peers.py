"""Other ways to tell who leaves, on the same snapshots as ours, as they come; and the purchases of CDNOW."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Values = NDArray[np.float64]

WINDOW_DAYS = 90
_SNAPSHOTS, _STEP_DAYS = 4, 30


@dataclass(frozen=True)
class Split:
    """Closed snapshots to learn from, newest first, and the one to judge: recency, frequency, amount and labels."""

    learnt: tuple[tuple[pd.DataFrame, Values], ...]
    judged: tuple[pd.DataFrame, Values]


def cdnow() -> pd.DataFrame:
    """Every purchase of the 23,570 customers of CDNOW's first quarter of 1997, until June 1998."""
    import lifetimes

    file = Path(lifetimes.__file__).parent / "datasets" / "CDNOW_master.txt"
    names = ["customer_id", "day", "cds", "amount"]
    rows = pd.read_csv(file, sep=r"\s+", skiprows=1, names=names, dtype={"customer_id": str, "day": str})
    return pd.DataFrame(
        {
            "tenant_id": "cdnow",
            "customer_kind": "contact",
            "customer_id": rows["customer_id"],
            "purchased_at": pd.to_datetime(rows["day"], format="%Y%m%d"),
            "amount": rows["amount"],
        }
    )


def split_at(purchases: pd.DataFrame, as_of: pd.Timestamp) -> Split:
    """What a peer may see: snapshots whose windows end by `as_of`; and the customers of `as_of` with what came."""
    cutoffs = [as_of - pd.Timedelta(days=WINDOW_DAYS + _STEP_DAYS * back) for back in range(_SNAPSHOTS)]
    return Split(tuple(_snapshot(purchases, cutoff) for cutoff in cutoffs), _snapshot(purchases, as_of))


def _snapshot(purchases: pd.DataFrame, cutoff: pd.Timestamp) -> tuple[pd.DataFrame, Values]:
    known = purchases[purchases["purchased_at"] < cutoff]
    days = known.groupby(["customer_id", "purchased_at"], as_index=False)["amount"].sum().groupby("customer_id")
    first, last = days["purchased_at"].min(), days["purchased_at"].max()
    frame = pd.DataFrame(
        {
            "silence": (cutoff - last).dt.days,
            "count": days.size(),
            "amount": days["amount"].mean(),
            "repeats": days.size() - 1,
            "recency": (last - first).dt.days,
            "age": (cutoff - first).dt.days,
        }
    ).astype(float)
    ends = cutoff + pd.Timedelta(days=WINDOW_DAYS)
    following = purchases[(purchases["purchased_at"] >= cutoff) & (purchases["purchased_at"] < ends)]
    return frame, (~frame.index.isin(following["customer_id"])).astype(float)


def _log_rfm(frame: pd.DataFrame) -> Values:
    return np.asarray(np.log1p(frame[["silence", "count", "amount"]].to_numpy(dtype=float)), dtype=float)


def _pooled(split: Split, features: Callable[[pd.DataFrame], Values]) -> tuple[Values, Values]:
    return (
        np.concatenate([features(frame) for frame, _ in split.learnt]),
        np.concatenate([labels for _, labels in split.learnt]),
    )


def logistic(split: Split) -> Values:
    """Logistic regression on the logarithms of recency, frequency and mean amount, nothing else."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(*_pooled(split, _log_rfm))
    return np.asarray(model.predict_proba(_log_rfm(split.judged[0]))[:, 1])


def boosting(split: Split) -> Values:
    """Histogram boosting of scikit-learn with its defaults, on recency, frequency, amount, age."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    def features(frame: pd.DataFrame) -> Values:
        return np.asarray(frame[["silence", "count", "amount", "recency", "age"]].to_numpy(dtype=float))

    model = HistGradientBoostingClassifier(random_state=1).fit(*_pooled(split, features))
    return np.asarray(model.predict_proba(features(split.judged[0]))[:, 1])


def _alive(frame: pd.DataFrame) -> Values:
    from lifetimes import BetaGeoFitter

    fitters: Any = BetaGeoFitter
    fitter = fitters(penalizer_coef=0.001)
    parts = [frame[name].to_numpy() for name in ("repeats", "recency", "age")]
    return np.asarray(fitter.fit(*parts).conditional_probability_alive(*parts))


def alive(split: Split) -> Values:
    """1 - P(alive) of the BG/NBD model of `lifetimes`, raw."""
    return 1 - _alive(split.judged[0])


def alive_calibrated(split: Split) -> Values:
    """The same, calibrated by a logistic curve on the newest closed snapshot."""
    from sklearn.linear_model import LogisticRegression

    def features(frame: pd.DataFrame) -> Values:
        kept = np.clip(_alive(frame), 1e-6, 1 - 1e-6)
        return np.asarray(np.log(kept / (1 - kept)))[:, None]

    frame, labels = split.learnt[0]
    model = LogisticRegression().fit(features(frame), labels)
    return np.asarray(model.predict_proba(features(split.judged[0]))[:, 1])


PEERS: dict[str, Callable[[Split], Values]] = {
    "logistic regression on log-RFM": logistic,
    "HistGradientBoosting default": boosting,
    "BG/NBD 1 - P(alive), raw": alive,
    "BG/NBD 1 - P(alive), calibrated": alive_calibrated,
}
