"""How a forecast is made: one frozen object, checked once; nothing that depends on data."""

from __future__ import annotations

from dataclasses import dataclass

from ml_assets.forecasting.candidates import CANDIDATES

LONGEST_HORIZON = 12
_ENGINES = ("statsforecast", "pmdarima")


@dataclass(frozen=True)
class ForecastConfig:
    """Settings of `forecast_sales`.

    Attributes:
        horizon: months ahead, 1 to 12.
        confidences: levels of the bands, each between 0 and 1.
        candidates: models of ordinary series; `seasonal_naive` is always tried, because the gate needs it.
        intermittent_candidates: models of series with many empty months.
        arima_engine: `statsforecast`, or `pmdarima`, which is about thirty times slower.
        origins: cut-offs of the backtest, counted in months before the end of the history, nearest first.
        more_origins: cut-offs besides, where the history is short: few of the others leave enough to learn from there.
        more_origins_below: a history with fewer months than this counts as short for that.
        backtest_months: months that each cut-off is judged on, at most.
        weight_power, weight_floor: the weight of a model is 1 / (its error + floor) ** power, the power with a short
            history and with a long one (see `between_short_and_long`).
        structural_voices: how many candidates the structural model counts for, with a short history and with a long
            one.
        prior_origins: how many cut-offs the usual error of a model counts for beside its own; 0 ignores it.
        verdict_power: how much more the cut-offs with more history count in the verdict; 0 counts their months alike.
        verdict_enough: months of history from which on more of it makes no cut-off count more (see
            `Trials.mean_error`).
        naive_shares: shares of the seasonal naive forecast that are mixed in, in this order, until the gate is passed.
        usual_widening: by how much the bands of a combination are usually too narrow at 95 %, with a short history and
            with a long one (see `between_short_and_long`).
        widening_origins: how many cut-offs that usual factor counts for beside the series' own.
        low_history_months: a series with fewer months is flagged `low_history`.
        intermittent_share: the share of empty months from which a series is intermittent.
        country: `ru`, `us` or `kz`: months are compared per working day where the backtest gains by it.
        non_negative: no point and no bound below zero, unless the series itself has been negative.
        most_members: of a dimension, the largest by the last year's value are forecast one by one; the rest as one.
        seed: of everything that is drawn.
    """

    horizon: int = 6
    confidences: tuple[float, ...] = (0.80, 0.95)
    candidates: tuple[str, ...] = (
        "seasonal_naive", "drift", "ets", "ces", "theta", "mstl", "log_mstl", "seasonal_mean", "arima", "prophet",
        "structural",
    )  # fmt: skip
    intermittent_candidates: tuple[str, ...] = ("seasonal_naive", "croston_sba", "tsb", "zero")
    arima_engine: str = "statsforecast"
    origins: tuple[int, ...] = (3, 6, 9, 12, 18)
    more_origins: tuple[int, ...] = (15, 21)
    more_origins_below: int = 48
    backtest_months: int = 6
    weight_power: tuple[float, float] = (3.0, 5.0)
    weight_floor: float = 0.05
    structural_voices: tuple[float, float] = (1.0, 6.0)
    prior_origins: float = 2.0
    verdict_power: float = 6.0
    verdict_enough: int = 36
    naive_shares: tuple[float, ...] = tuple(percent / 100 for percent in range(0, 100, 5))
    usual_widening: tuple[float, float] = (1.25, 1.05)
    widening_origins: float = 20.0
    low_history_months: int = 24
    intermittent_share: float = 0.4
    country: str | None = None
    non_negative: bool = True
    most_members: int = 40
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise `ValueError` with the setting, its value and what it may be."""
        if not 1 <= self.horizon <= LONGEST_HORIZON:
            raise ValueError(f"horizon is {self.horizon}: give 1 to {LONGEST_HORIZON} months")
        if not self.confidences or not all(0 < level < 1 for level in self.confidences):
            raise ValueError(f"confidences are {self.confidences}: give levels between 0 and 1, such as 0.95")
        if self.arima_engine not in _ENGINES:
            raise ValueError(f"arima_engine is {self.arima_engine!r}: give one of {', '.join(_ENGINES)}")
        unknown = [name for name in (*self.candidates, *self.intermittent_candidates) if name not in CANDIDATES]
        if unknown:
            raise ValueError(f"unknown candidates {', '.join(unknown)}: there are {', '.join(CANDIDATES)}")
        if not self.origins or min(*self.origins, *self.more_origins, self.backtest_months) < 1:
            given = (*self.origins, *self.more_origins)
            raise ValueError(f"origins are {given}: give months before the end, each at least 1")
        if self.most_members < 1:
            raise ValueError(f"most_members is {self.most_members}: give at least 1")

    def cut_offs(self, months: int) -> tuple[int, ...]:
        """Return the cut-offs for a history of so many months, nearest first."""
        more = self.more_origins if months < self.more_origins_below else ()
        return tuple(sorted({*self.origins, *more}))
