"""How anomalies are found: one frozen object, checked once; nothing that depends on data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ml_assets.calendars import check_country

TOTAL, DEPARTMENT, MANAGER = "total", "department", "manager"
DAY, WEEK = "day", "week"
UP, DOWN = "up", "down"
AMOUNT, COUNT, RATIO = "amount", "count", "ratio"
SEVERITIES = ("low", "medium", "high", "critical")
_KINDS = (AMOUNT, COUNT, RATIO)


def _usual_kinds() -> Mapping[str, str]:
    return MappingProxyType({"sales": AMOUNT, "leads": COUNT, "conversion": RATIO, "activity": COUNT})


@dataclass(frozen=True)
class AnomalyConfig:
    """Settings of `detect_anomalies`.

    Attributes:
        country: `ru`, `us` or `kz`, whose holidays are no anomalies; None knows no holidays.
        currency: ISO code of money in the explanations; None prints bare numbers.
        metric_kinds: `amount`, `count` or `ratio` by metric; any other metric is a ratio if it has denominators, a count
            if all of its values are whole, else an amount.
        money_metric: the metric whose values are money; effects on leads and conversion are valued by it.
        presence_metric: the metric of which a manager who has nothing is absent.
        window_days: the newest days whose points are returned; events that touch them are returned whole.
        memory_days: the newest days that are scored, so that an event keeps its first day while it goes on.
        history_months: what is read before those days.
        shortest_history_days, shortest_history_weeks: what a series needs before one of its periods is scored.
        sparsest_share: the share of working days (or weeks) with a value that a series needs to be scored at a grain.
        band_confidence: of the band between `lower` and `upper`; what lies inside is no anomaly.
        daily_budget, weekly_budget: how many points a month of the past may bring beyond the threshold, for each metric
            and dimension, over all members together.
        least_threshold, greatest_threshold: the score an anomaly needs lies between these, whatever the budget says.
        longest_gap_days: quiet days inside one event, at most.
        smallest_count: by how many a count must differ from what is expected.
        smallest_effect: the share of the tenant's usual week by which an event must differ from what is expected.
        most_alerts: alerts of one night at most, the most severe first; events without an alert stay in the table.
        least_alert_severity: what an event needs to be an alert.
        forest_share: how much of the score is the forest's; the rest is the distance from what is expected.
        trees: of each Isolation Forest.
        most_training_rows: of one forest, drawn with the seed.
        seed: of everything that is drawn.
    """

    country: str | None = None
    currency: str | None = None
    metric_kinds: Mapping[str, str] = field(default_factory=_usual_kinds)
    money_metric: str = "sales"
    presence_metric: str = "activity"
    window_days: int = 35
    memory_days: int = 120
    history_months: int = 18
    shortest_history_days: int = 84
    shortest_history_weeks: int = 16
    sparsest_share: float = 0.6
    band_confidence: float = 0.98
    daily_budget: float = 1.0
    weekly_budget: float = 0.4
    least_threshold: float = 2.5
    greatest_threshold: float = 4.5
    longest_gap_days: int = 3
    smallest_count: float = 3.0
    smallest_effect: float = 0.01
    most_alerts: int = 10
    least_alert_severity: str = "medium"
    forest_share: float = 0.5
    trees: int = 100
    most_training_rows: int = 20_000
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise `ValueError` with the setting, its value and what it may be."""
        if self.country is not None:
            check_country(self.country)
        wrong = {metric: kind for metric, kind in self.metric_kinds.items() if kind not in _KINDS}
        if wrong:
            raise ValueError(f"metric_kinds are {wrong}: give one of {', '.join(_KINDS)} for each")
        if self.least_alert_severity not in SEVERITIES:
            raise ValueError(
                f"least_alert_severity is {self.least_alert_severity!r}: give one of {', '.join(SEVERITIES)}"
            )
        for name in ("sparsest_share", "forest_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give a share from 0 to 1")
        if not 0 < self.band_confidence < 1:
            raise ValueError(f"band_confidence is {self.band_confidence}: give a level between 0 and 1, such as 0.98")
        if not 1 <= self.window_days <= self.memory_days:
            raise ValueError(
                f"window_days is {self.window_days} and memory_days {self.memory_days}: "
                "give at least one day, and a memory that is no shorter than the window"
            )
        if not 0 < self.least_threshold <= self.greatest_threshold:
            raise ValueError(
                f"least_threshold is {self.least_threshold} and greatest_threshold {self.greatest_threshold}: "
                "give positive ones, the greatest no smaller than the least"
            )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {least}")


# The first level and spread need four weeks of days and eight weeks; the forest needs some rows after that.
_LEAST: Mapping[str, float] = MappingProxyType(
    {
        "history_months": 6, "shortest_history_days": 35, "shortest_history_weeks": 10, "daily_budget": 0,
        "weekly_budget": 0, "longest_gap_days": 0, "smallest_count": 0, "smallest_effect": 0, "most_alerts": 0,
        "trees": 1, "most_training_rows": 256,
    }
)  # fmt: skip
