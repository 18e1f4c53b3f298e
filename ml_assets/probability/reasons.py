"""Which reasons stand behind a chance: Shapley values of features added up by what is said about them. No words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

# A smaller effect on the log-odds moves a chance by about a percentage point and is not worth a word.
_LEAST_EFFECT = 0.05

Direction = Literal["raises", "lowers"]


@dataclass(frozen=True)
class Reason:
    """One reason of one entity.

    Attributes:
        name: what is said about it is looked up by this.
        direction: whether it raises or lowers the chance.
        effect: on the log-odds, against the mean entity of training.
    """

    name: str
    direction: Direction
    effect: float


def top_reasons(
    contributions: pd.DataFrame | None, reason_of: Mapping[str, str], rows: int, most: int
) -> list[list[Reason]]:
    """The strongest reasons of each row, largest effect first; none where there is no classifier."""
    if contributions is None:
        return [[] for _ in range(rows)]
    grouped: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for name in contributions.columns:
        reason = reason_of[str(name)]
        grouped[reason] = grouped.get(reason, 0.0) + contributions[name].to_numpy(dtype=float)
    names = sorted(grouped)
    effects = np.column_stack([grouped[name] for name in names]) if names else np.zeros((rows, 0))
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")
    return [
        [
            Reason(names[column], "raises" if effects[row, column] > 0 else "lowers", float(effects[row, column]))
            for column in order[row][:most]
            if abs(effects[row, column]) >= _LEAST_EFFECT
        ]
        for row in range(rows)
    ]
