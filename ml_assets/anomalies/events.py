"""From anomalous points to events: one per stretch of trouble, with a lasting identity and a severity, told once.

A day joins the event before it if it points the same way and few quiet days lie between. An event is told once, by its
widest series and its finest grain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from ml_assets.anomalies.config import (
    DAY,
    DEPARTMENT,
    DOWN,
    MANAGER,
    RATIO,
    SEVERITIES,
    TOTAL,
    UP,
    WEEK,
    AnomalyConfig,
)
from ml_assets.anomalies.scoring import Grain, Scored
from ml_assets.anomalies.series import Panel, SeriesKey

NEW, ONGOING, ENDED = "new", "ongoing", "ended"
FEEDBACK_COLUMNS = ("event_id", "is_false_positive")
"""What every row of feedback has; `was_alerted` and all of `SPAN_COLUMNS` may be there too."""
SPAN_COLUMNS = ("metric", "dimension", "member", "grain", "direction", "first_day", "last_day")
"""Of which series and days a known event is, so that it keeps its identity when restated figures move its first day."""
_WEEK = 7
# Distances from the expected, in standard deviations, and shares of a usual week from which an event is more severe.
_SIZES = (3.5, 5.0, 8.0)
_EFFECTS = (0.05, 0.15, 0.40)
_USUAL_WEEKS = 8
_MONEY_DAYS = 84
_WIDTH = {TOTAL: 0, DEPARTMENT: 1, MANAGER: 2}


@dataclass(frozen=True)
class Event:
    """One stretch of anomalous periods of one series, all in one direction.

    Attributes:
        event_id: the same in every night in which the event has the same series, grain, direction and first day.
        key: whose it is.
        kind: `amount`, `count` or `ratio`.
        grain: `day` or `week`.
        direction: `up` or `down`.
        positions: of its anomalous periods, in the grain's tables.
        first_day, last_day: of the first and the last anomalous period.
        peak_day: first day of the period with the highest score.
        periods: anomalous ones.
        value, expected: sums over the anomalous periods; of a ratio, the ratio over them.
        effect: value minus expected; of a ratio, in units of its numerator.
        effect_money: the same in money, or None.
        effect_share: the effect as a share of the tenant's usual week of the metric.
        score, distance: of the peak.
        severity: one of `SEVERITIES`.
        status: `new` in the night after its first period, then `ongoing`, then `ended`.
        is_false_positive: a reader said so.
        is_alert: it is to be told this night.
        told_by: the event that says it already, or an empty text.
    """

    event_id: str
    key: SeriesKey
    kind: str
    grain: str
    direction: str
    positions: tuple[int, ...]
    first_day: date
    last_day: date
    peak_day: date
    periods: int
    value: float
    expected: float
    effect: float
    effect_money: float | None
    effect_share: float
    score: float
    distance: float
    severity: str
    status: str
    is_false_positive: bool = False
    is_alert: bool = False
    told_by: str = ""

    @property
    def deviation(self) -> float | None:
        """The difference as a share of what was expected; None if nothing was."""
        return (self.value - self.expected) / abs(self.expected) if self.expected else None


@dataclass(frozen=True)
class Feedback:
    """What readers and earlier nights said of events.

    Attributes:
        false_positives: ids that were marked.
        alerted: ids that were told.
        knows_alerts: the frame says which events were told; else only a new event is an alert.
        spans: first day, last day and id of known events, by series, grain and direction.
    """

    false_positives: frozenset[str] = frozenset()
    alerted: frozenset[str] = frozenset()
    knows_alerts: bool = False
    spans: Mapping[tuple[str, ...], tuple[tuple[date, date, str], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame | None) -> Feedback:
        """Read a frame with the columns `event_id`, `is_false_positive`, perhaps `was_alerted` and `SPAN_COLUMNS`.

        Raises:
            ValueError: one of the first two is missing.
        """
        if frame is None:
            return cls()
        missing = set(FEEDBACK_COLUMNS) - set(frame.columns)
        if missing:
            raise ValueError(f"feedback lacks the columns {', '.join(sorted(missing))}")
        ids = frame["event_id"].astype(str)
        marked = _flags(frame["is_false_positive"])
        told = _flags(frame["was_alerted"]) if "was_alerted" in frame else pd.Series(False, index=frame.index)
        return cls(frozenset(ids[marked]), frozenset(ids[told]), "was_alerted" in frame, _spans(frame))

    def identified(self, events: Iterable[Event]) -> list[Event]:
        """Give events that continue a known one its id; each id goes to one event, the earliest."""
        taken: set[str] = set()
        found = []
        for event in sorted(events, key=lambda each: (each.first_day, each.event_id)):
            spans = self.spans.get(
                (event.key.metric, event.key.dimension, event.key.member, event.grain, event.direction), ()
            )
            ids = [known for first, last, known in spans if first <= event.last_day and last >= event.first_day]
            new = [known for known in ids if known not in taken]
            found.append(event if event.event_id in ids or not new else replace(event, event_id=new[0]))
            taken.add(found[-1].event_id)
        return found


def _spans(frame: pd.DataFrame) -> dict[tuple[str, ...], tuple[tuple[date, date, str], ...]]:
    if set(SPAN_COLUMNS) - set(frame.columns):
        return {}
    found: dict[tuple[str, ...], tuple[tuple[date, date, str], ...]] = {}
    ordered = frame.sort_values("first_day", kind="stable")
    for *series, first, last, known in ordered[[*SPAN_COLUMNS, "event_id"]].itertuples(index=False):
        key = tuple("" if pd.isna(part) else str(part) for part in series)
        found[key] = (*found.get(key, ()), (pd.Timestamp(first).date(), pd.Timestamp(last).date(), str(known)))
    return found


def _flags(column: pd.Series) -> pd.Series:
    return column.map(lambda each: bool(each) if pd.notna(each) else False).astype(bool)


def find_events(scored: Scored, feedback: Feedback, config: AnomalyConfig) -> list[Event]:
    """Events that touch the window, the most telling first."""
    found = [
        event
        for grain in (scored.day, scored.week)
        for row in range(len(scored.panel.keys))
        for event in _events_of(scored.panel, grain, row, config)
        if event.positions[-1] in scored.shown(grain.name, config) and event.effect_share >= config.smallest_effect
    ]
    marked = [
        replace(event, is_false_positive=event.event_id in feedback.false_positives)
        for event in feedback.identified(found)
    ]
    told = _told_by_others(marked, scored.panel, config)
    return _alerts(sorted(told, key=_importance), feedback, config)


def _events_of(panel: Panel, grain: Grain, row: int, config: AnomalyConfig) -> Iterator[Event]:
    gap = config.longest_gap_days if grain.name == DAY else 0
    runs: dict[str, list[list[int]]] = {UP: [], DOWN: []}
    for position in np.flatnonzero(grain.is_anomaly[row]):
        direction = UP if grain.value[row, position] > grain.expected[row, position] else DOWN
        known = runs[direction]
        if known and position - known[-1][-1] <= gap + 1:
            known[-1].append(int(position))
        else:
            known.append([int(position)])
    for direction, each in runs.items():
        for positions in each:
            yield _event(panel, grain, row, direction, positions, config)


def _event(
    panel: Panel, grain: Grain, row: int, direction: str, positions: Sequence[int], config: AnomalyConfig
) -> Event:
    key, kind, places = panel.keys[row], panel.kinds[row], list(positions)
    length = 1 if grain.name == DAY else _WEEK
    peak = places[int(np.argmax(grain.score[row, places]))]
    value, expected, effect = _sums(grain, row, kind, places)
    share = abs(effect) / usual_week(panel, key, kind, grain.periods[places[0]])
    first = grain.periods[places[0]].date()
    last = (grain.periods[places[-1]] + timedelta(days=length - 1)).date()
    distance = float(grain.distance[row, peak])
    return Event(
        event_id=_identity(panel.tenant_id, key, grain.name, direction, first),
        key=key,
        kind=kind,
        grain=grain.name,
        direction=direction,
        positions=tuple(places),
        first_day=first,
        last_day=last,
        peak_day=grain.periods[peak].date(),
        periods=len(places),
        value=value,
        expected=expected,
        effect=effect,
        effect_money=money(panel, key, kind, effect, grain.periods[places[0]], config),
        effect_share=share,
        score=float(grain.score[row, peak]),
        distance=distance,
        severity=severity(distance, share, direction),
        status=_status(panel, grain, places, last, config),
    )


def _sums(grain: Grain, row: int, kind: str, places: Sequence[int]) -> tuple[float, float, float]:
    value, expected = grain.value[row, list(places)], grain.expected[row, list(places)]
    if kind != RATIO:
        return float(value.sum()), float(expected.sum()), float((value - expected).sum())
    weights = grain.denominator[row, list(places)]
    over = float(weights.sum())
    effect = float(((value - expected) * weights).sum())
    return float((value * weights).sum()) / over, float((expected * weights).sum()) / over, effect


def _identity(tenant_id: str, key: SeriesKey, grain: str, direction: str, first: date) -> str:
    parts = (tenant_id, key.metric, key.dimension, key.member, grain, direction, first.isoformat())
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def usual_week(panel: Panel, key: SeriesKey, kind: str, before: pd.Timestamp) -> float:
    """The tenant's mean week of the metric in the eight weeks before; of the series itself if there is no total."""
    row = panel.row(SeriesKey(key.metric, TOTAL, ""))
    sums = np.abs(_sum_before(panel, panel.row(key) if row is None else row, before, _USUAL_WEEKS * _WEEK))
    return max(float(sums) / _USUAL_WEEKS, 1e-9)


def _sum_before(panel: Panel, row: int | None, before: pd.Timestamp, days: int) -> float:
    end = int(np.searchsorted(panel.days.to_numpy(), before.to_datetime64()))
    return 0.0 if row is None else float(np.nansum(panel.values[row, max(end - days, 0) : end]))


def money(
    panel: Panel, key: SeriesKey, kind: str, effect: float, before: pd.Timestamp, config: AnomalyConfig
) -> float | None:
    """An effect in money: itself, or what a lead (a conversion) brought in sales in the twelve weeks before.

    None for metrics of which a unit brings nothing that could be told, such as activities.
    """
    if key.metric == config.money_metric:
        return effect
    if key.metric != "leads" and kind != RATIO:
        return None
    sales = _sum_before(panel, panel.row(SeriesKey(config.money_metric, TOTAL, "")), before, _MONEY_DAYS)
    units = _sum_before(panel, panel.row(SeriesKey(key.metric, TOTAL, "")), before, _MONEY_DAYS)
    return effect * sales / units if sales > 0 and units > 0 else None


def severity(distance: float, effect_share: float, direction: str) -> str:
    """The mean rank, rounded down, of how far off and how much of the business; good news is never critical."""
    size = int(np.searchsorted(_SIZES, abs(distance), side="right"))
    effect = int(np.searchsorted(_EFFECTS, effect_share, side="right"))
    rank = (size + effect) // 2
    return SEVERITIES[min(rank, 2) if direction == UP else rank]


def _status(panel: Panel, grain: Grain, places: Sequence[int], last: date, config: AnomalyConfig) -> str:
    newest = len(grain.periods) - 1
    # A week is new in the night after its Sunday, and not in the six nights that follow.
    if places[0] == newest and last == panel.days[-1].date():
        return NEW
    gap = config.longest_gap_days if grain.name == DAY else 0
    return ONGOING if newest - places[-1] <= gap else ENDED


def _importance(event: Event) -> tuple[object, ...]:
    return (-SEVERITIES.index(event.severity), _WIDTH.get(event.key.dimension, 3), -event.effect_share, event.event_id)


def _told_by_others(events: list[Event], panel: Panel, config: AnomalyConfig) -> list[Event]:
    """Name, for each event, the one that says the same at a wider dimension, or of the same series by its days."""
    found = []
    for event in events:
        sayers = [other for other in events if _says(other, event, panel, config)]
        best = min(sayers, key=lambda other: (_WIDTH.get(other.key.dimension, 3), other.grain != DAY, other.first_day))
        found.append(replace(event, told_by="" if best is event else best.event_id))
    return found


def _says(other: Event, event: Event, panel: Panel, config: AnomalyConfig) -> bool:
    if other is event:
        return True
    if SEVERITIES.index(other.severity) < SEVERITIES.index(config.least_alert_severity):
        return False
    if other.is_false_positive or other.key.metric != event.key.metric or other.direction != event.direction:
        return False
    if other.first_day > event.last_day or other.last_day < event.first_day:
        return False
    if other.key == event.key:
        return other.grain == DAY and event.grain == WEEK
    if other.key.dimension == TOTAL:
        return True
    return (
        other.key.dimension == DEPARTMENT
        and event.key.dimension == MANAGER
        and panel.parents.get(event.key.member) == other.key.member
    )


def _alerts(events: list[Event], feedback: Feedback, config: AnomalyConfig) -> list[Event]:
    left, found = config.most_alerts, []
    least = SEVERITIES.index(config.least_alert_severity)
    for event in events:
        fresh = event.status != ENDED and event.event_id not in feedback.alerted
        fresh = fresh if feedback.knows_alerts else event.status == NEW
        wanted = (
            fresh
            and not event.is_false_positive
            and not event.told_by
            and SEVERITIES.index(event.severity) >= least
            and left > 0
        )
        left -= wanted
        found.append(replace(event, is_alert=wanted))
    return found
