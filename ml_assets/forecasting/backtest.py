"""Rolling origins: what every candidate said at earlier cut-offs, and how far off it was.

Weights and verdicts drawn from it belong in `combination`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ml_assets.forecasting.candidates import SEASON, History, Prediction, Values, predict
from ml_assets.forecasting.config import ForecastConfig

NAIVE = "seasonal_naive"
_LEAST_KNOWN = 6


def cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children: Prophet computes in a child."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@dataclass(frozen=True)
class Trials:
    """Predictions of all candidates at all cut-offs.

    Attributes:
        values: the whole history.
        cuts: cut-offs as months before its end, nearest first; 0, the end itself, is not among them.
        squared: judged by squared errors, as series with many empty months are.
        predictions: by candidate and cut-off, 0 included.
        failures: why a candidate was left out, by its name.
        seconds: CPU seconds by candidate.
    """

    values: Values
    cuts: tuple[int, ...]
    squared: bool
    predictions: dict[tuple[str, int], Prediction] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Candidates that answered for the coming months."""
        return [name for name, cut in self.predictions if cut == 0]

    def actual(self, cut: int, steps: int) -> Values:
        """What came after a cut-off."""
        start = len(self.values) - cut
        return self.values[start : start + steps]

    def error(self, forecast: Values, cut: int, steps: int) -> float:
        """Mean absolute error of the first steps after a cut-off; root mean square where most months are empty.

        The absolute error would favour a forecast of nothing at all for a series that is mostly zero.
        """
        off = forecast[:steps] - self.actual(cut, steps)
        return float(np.sqrt(np.mean(off**2))) if self.squared else float(np.mean(np.abs(off)))

    def mean_error(self, forecasts: Mapping[int, Prediction], config: ForecastConfig) -> float:
        """Mean error of one model's forecasts, given by cut-off, in the unit of the series.

        All months that are judged count alike, but for those after a cut-off that had much less history than there is
        now: what a model could do with twelve months tells little of what it does with thirty. So a cut-off counts by
        the share of today's history that it had, to the power of `ForecastConfig.verdict_power`; from
        `ForecastConfig.verdict_enough` months on, more history makes no difference.
        """
        errors = [self.error(found.mean, cut, len(found.mean)) for cut, found in forecasts.items()]
        months = len(self.values)
        enough = min(months, config.verdict_enough)
        says = [
            len(found.mean) * (min(months - cut, enough) / enough) ** config.verdict_power
            for cut, found in forecasts.items()
        ]
        return float(np.average(errors, weights=says))

    def steps(self, cut: int) -> int:
        """How many months after a cut-off are judged."""
        return len(self.predictions[NAIVE, cut].mean)

    def scale(self, cut: int = 0) -> float:
        """The unit of MASE from what was known at a cut-off; never zero."""
        known = self.values[: len(self.values) - cut]
        steps = known[SEASON:] - known[:-SEASON] if len(known) > SEASON else np.diff(known)
        found = float(np.mean(np.abs(steps))) if len(steps) else 0.0
        return found or float(np.mean(np.abs(known))) or 1.0


def run_trials(
    values: Values,
    names: tuple[str, ...],
    config: ForecastConfig,
    *,
    first_month: int = 0,
    factors: Values | None = None,
    squared: bool = False,
) -> Trials:
    """Ask every candidate at the end of the history and at each cut-off that leaves at least six months.

    Args:
        values: the history, at least one month.
        names: candidates; one that fails is left out and noted.
        config: horizon, cut-offs, engine, seed.
        first_month: number of the first month, 0 for January.
        factors: one per month of history and horizon: candidates see the values divided by them.
        squared: judge by squared errors.
    """
    cuts = tuple(cut for cut in config.cut_offs(len(values)) if len(values) - cut >= _LEAST_KNOWN)
    trials = Trials(values, cuts, squared)
    every = np.ones(len(values) + config.horizon) if factors is None else factors
    for name in dict.fromkeys((NAIVE, *names)):
        started = cpu_seconds()
        for cut in (0, *cuts):
            try:
                trials.predictions[name, cut] = _ask(name, trials, cut, every, first_month, config)
            except Exception as failure:  # engines raise whatever they like, and none may stop the rest
                if cut == 0:
                    trials.failures[name] = f"{type(failure).__name__}: {failure}"[:200]
                    break
        trials.seconds[name] = cpu_seconds() - started
    return trials


def _ask(name: str, trials: Trials, cut: int, factors: Values, first_month: int, config: ForecastConfig) -> Prediction:
    known = len(trials.values) - cut
    horizon = min(cut, config.backtest_months) if cut else config.horizon
    history = History(trials.values[:known] / factors[:known], first_month, config.arima_engine, config.seed)
    found = predict(name, history, horizon)
    ahead = factors[known : known + horizon]
    return Prediction(found.mean * ahead, found.sd * ahead)
