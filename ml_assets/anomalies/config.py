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
_WEEK = 7
# The first level and spread need eight weeks (four weeks of days), and a forest some periods after that.
_LEAST_HISTORY = 10


def _usual_kinds() -> Mapping[str, str]:
    return MappingProxyType({"sales": AMOUNT, "leads": COUNT, "conversion": RATIO, "activity": COUNT})


@dataclass(frozen=True)
class GrainConfig:
    """What is asked of the periods of one grain.

    Attributes:
        window: the newest periods whose points are returned; events that touch them are returned whole.
        shortest_history: periods that a series needs before one of them is scored.
        sparsest_share: the share of the past half year's periods (of working days) with a value that a series needs.
        budget: how many points a month of the past may bring beyond the threshold, for each metric and dimension, over
            all members together.
        least_threshold, greatest_threshold: the score an anomaly needs lies between these, whatever the budget says.
        band_confidence: of the band between `lower` and `upper`; what lies inside is no anomaly.
        forest_share: how much of the score is the forest's; the rest is the distance from what is expected.
    """

    window: int
    shortest_history: int
    sparsest_share: float
    budget: float
    least_threshold: float
    greatest_threshold: float
    band_confidence: float
    forest_share: float

    def problem(self) -> str | None:
        """What is wrong with a setting, and what it may be; the first one only."""
        if self.window < 1:
            return f"window is {self.window}: give at least 1 period"
        if self.shortest_history < _LEAST_HISTORY:
            return f"shortest_history is {self.shortest_history}: give at least {_LEAST_HISTORY} periods"
        if self.budget < 0:
            return f"budget is {self.budget}: give at least 0"
        if not 0 < self.least_threshold <= self.greatest_threshold:
            return (
                f"the thresholds are {self.least_threshold} and {self.greatest_threshold}: "
                "give positive ones, the greatest no smaller than the least"
            )
        if not 0 < self.band_confidence < 1:
            return f"band_confidence is {self.band_confidence}: give a level between 0 and 1, such as 0.98"
        for name in ("sparsest_share", "forest_share"):
            if not 0 <= getattr(self, name) <= 1:
                return f"{name} is {getattr(self, name)}: give a share from 0 to 1"
        return None


DAYS = GrainConfig(
    window=35, shortest_history=84, sparsest_share=0.7, budget=1.0, least_threshold=2.7, greatest_threshold=4.5,
    band_confidence=0.98, forest_share=0.5,
)  # fmt: skip
# Few weeks teach a forest little, and a soft week is near the usual: more weight on the distance, a narrower band.
WEEKS = GrainConfig(
    window=12, shortest_history=16, sparsest_share=0.9, budget=1.0, least_threshold=1.45, greatest_threshold=3.0,
    band_confidence=0.93, forest_share=0.2,
)  # fmt: skip


@dataclass(frozen=True)
class AnomalyConfig:
    """Settings of `detect_anomalies`.

    Attributes:
        country: `ru`, `us` or `kz`, whose holidays are no anomalies; None knows no holidays.
        currency: ISO code of money in the explanations; None prints bare numbers.
        metric_kinds: `amount`, `count` or `ratio` by metric; any other is a ratio if it has denominators, a count if
            all of its values are whole, else an amount.
        money_metric: the metric whose values are money; effects on leads and conversion are valued by it.
        presence_metric: the metric of which a manager who has nothing is absent.
        day, week: what is asked of the periods of each grain.
        memory_days: the newest days that are scored, so that an event keeps its first day while it goes on.
        history_months: what is read before those days.
        longest_gap_days: quiet days inside one event, at most.
        smallest_count: by how many a count must differ from what is expected.
        smallest_effect: the share of the tenant's usual week by which an event must differ from what is expected.
        most_alerts: alerts of one night at most, the most severe first; events without an alert stay in the table.
        least_alert_severity: what an event needs to be an alert.
        trees: of each Isolation Forest.
        most_training_rows: of one forest, drawn with the seed.
        seed: of everything that is drawn.
    """

    country: str | None = None
    currency: str | None = None
    metric_kinds: Mapping[str, str] = field(default_factory=_usual_kinds)
    money_metric: str = "sales"
    presence_metric: str = "activity"
    day: GrainConfig = DAYS
    week: GrainConfig = WEEKS
    memory_days: int = 120
    history_months: int = 18
    longest_gap_days: int = 3
    smallest_count: float = 3.0
    smallest_effect: float = 0.01
    most_alerts: int = 10
    least_alert_severity: str = "medium"
    trees: int = 100
    most_training_rows: int = 20_000
    seed: int = 1

    def grain(self, name: str) -> GrainConfig:
        """What is asked of days or of weeks."""
        return self.day if name == DAY else self.week

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
        for grain, asked in ((DAY, self.day), (WEEK, self.week)):
            if problem := asked.problem():
                raise ValueError(f"{grain}: {problem}")
        shown = max(self.day.window, _WEEK * (self.week.window + 1))
        if self.memory_days < shown:
            raise ValueError(f"memory_days is {self.memory_days}: the windows need at least {shown}")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {least}")


_LEAST: Mapping[str, float] = MappingProxyType(
    {
        "history_months": 6, "longest_gap_days": 0, "smallest_count": 0, "smallest_effect": 0, "most_alerts": 0,
        "trees": 1, "most_training_rows": 256,
    }
)  # fmt: skip
