"""Why an event happened, as far as figures say: the usual, the parts that account for it, managers who are absent.

Facts only; their words in two languages are in `wording`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from ml_assets.anomalies.config import DAY, DEPARTMENT, MANAGER, RATIO, TOTAL, AnomalyConfig
from ml_assets.anomalies.events import Event
from ml_assets.anomalies.scoring import Scored
from ml_assets.anomalies.series import NONE_MEMBER, Mask, Panel, SeriesKey
from ml_assets.calendars import DayKind

_WEEK = 7
_USUAL_WEEKS = 8
_MOST_PARTS = 3
# A part is named if it accounts for as much of the difference.
_LEAST_PART = 0.2
# A manager who is expected to do as little on a day may well do nothing.
_SURELY_PRESENT = 2.0


@dataclass(frozen=True)
class Part:
    """A department or manager whose difference from the expected has the event's direction.

    Attributes:
        dimension, member, name: who; the name falls back to the member.
        difference: in units of the metric, of a ratio in units of its numerator.
        share: of the whole difference; may exceed 1 where others went the other way.
    """

    dimension: str
    member: str
    name: str
    difference: float
    share: float


@dataclass(frozen=True)
class Explanation:
    """What is known of an event.

    Attributes:
        name: of the member whose series it is; empty for the total.
        usual_weekday: the median of the same weekday in eight weeks, without holidays; of a one-day event only.
        usual_weekdays: how many such days there were.
        numerator, denominator: of a ratio, sums over the event.
        parts: who accounts for the difference, the largest first.
        absent, of_managers: managers who did nothing on all working days of the event, of those who usually do.
        absent_names: of at most five of them.
        free_days: holidays and bridge days inside the event.
    """

    name: str
    usual_weekday: float | None
    usual_weekdays: int
    numerator: float | None
    denominator: float | None
    parts: tuple[Part, ...]
    absent: int
    of_managers: int
    absent_names: tuple[str, ...]
    free_days: int

    def as_json(self, event: Event) -> str:
        """With the event's own figures, for readers that are programs."""
        facts = {
            "metric": event.key.metric,
            "grain": event.grain,
            "direction": event.direction,
            "value": event.value,
            "expected": event.expected,
            "deviation": event.deviation,
            "effect": event.effect,
            "effect_money": event.effect_money,
            "effect_share_of_week": event.effect_share,
        }
        return json.dumps(facts | asdict(self), ensure_ascii=False)


def explain(event: Event, scored: Scored, config: AnomalyConfig) -> Explanation:
    """Look up the facts; nothing later than the event is used."""
    panel = scored.panel
    row = panel.keys.index(event.key)
    places = _days_of(event, scored)
    usual, count = _usual_weekday(event, scored, row)
    absent, of = _absent(event, scored, places, config)
    top = float(np.nansum(panel.values[row, places])) if event.kind == RATIO else None
    bottom = float(np.nansum(panel.denominators[row, places])) if event.kind == RATIO else None
    return Explanation(
        name=name_of(panel, event.key),
        usual_weekday=usual,
        usual_weekdays=count,
        numerator=top,
        denominator=bottom,
        parts=_parts(event, scored, places),
        absent=len(absent),
        of_managers=of,
        absent_names=tuple(sorted(absent)[:5]),
        free_days=int(_free(panel)[places].sum()),
    )


def name_of(panel: Panel, key: SeriesKey) -> str:
    """What a member is called; empty for the total."""
    return "" if key.dimension == TOTAL else panel.names.get((key.dimension, key.member), key.member)


def _days_of(event: Event, scored: Scored) -> list[int]:
    """Positions of the days that the event's figures are summed over."""
    if event.grain == DAY:
        return list(event.positions)
    starts = scored.panel.days.get_indexer(scored.week.periods[list(event.positions)])
    return [int(start) + day for start in starts for day in range(_WEEK)]


def _free(panel: Panel) -> Mask:
    found: Mask = np.isin(panel.day_kinds, (DayKind.HOLIDAY, DayKind.BRIDGE))
    return found


def _usual_weekday(event: Event, scored: Scored, row: int) -> tuple[float | None, int]:
    if event.grain != DAY or event.periods != 1:
        return None, 0
    place, panel = event.positions[0], scored.panel
    before = np.arange(place - _WEEK, max(place - _WEEK * (_USUAL_WEEKS + 1), -1), -_WEEK)
    values = scored.day.value[row, before[~_free(panel)[before]]] if len(before) else np.array([])
    values = values[~np.isnan(values)]
    return (float(np.median(values)), len(values)) if len(values) else (None, 0)


def _parts(event: Event, scored: Scored, places: list[int]) -> tuple[Part, ...]:
    """Departments of a total, else managers; managers of a department."""
    panel = scored.panel
    found: list[Part] = []
    for dimension in {TOTAL: (DEPARTMENT, MANAGER), DEPARTMENT: (MANAGER,)}.get(event.key.dimension, ()):
        for row, key in enumerate(panel.keys):
            if key.metric != event.key.metric or key.dimension != dimension or not _belongs(event, key, panel):
                continue
            difference = _difference(scored, row, places, event.kind)
            share = difference / event.effect if event.effect else 0.0
            if share >= _LEAST_PART:
                found.append(Part(dimension, key.member, name_of(panel, key), difference, share))
        if found:
            break
    return tuple(sorted(found, key=lambda part: (-part.share, part.member))[:_MOST_PARTS])


def _belongs(event: Event, key: SeriesKey, panel: Panel) -> bool:
    if event.key.dimension == TOTAL:
        return True
    return panel.parents.get(key.member, NONE_MEMBER) == event.key.member


def _difference(scored: Scored, row: int, places: list[int], kind: str) -> float:
    day = scored.day
    difference = day.value[row, places] - day.expected[row, places]
    if kind == RATIO:
        difference = difference * np.nan_to_num(day.denominator[row, places])
    return float(np.nansum(difference))


def _absent(event: Event, scored: Scored, places: list[int], config: AnomalyConfig) -> tuple[list[str], int]:
    """Managers without any activity, and how many usually have some; nobody where activities are not measured."""
    panel, day = scored.panel, scored.day
    working = [place for place in places if not _free(panel)[place]]
    absent, of = [], 0
    for row, key in enumerate(panel.keys):
        if key.metric != config.presence_metric or key.dimension != MANAGER or not working:
            continue
        if event.key.dimension != TOTAL and not _concerns(event, key, panel):
            continue
        expected = np.nansum(day.expected[row, working])
        if not expected >= _SURELY_PRESENT:
            continue
        of += 1
        if not np.nansum(np.abs(panel.values[row, working])):
            absent.append(name_of(panel, key))
    return absent, of


def _concerns(event: Event, key: SeriesKey, panel: Panel) -> bool:
    if event.key.dimension == MANAGER:
        return key.member == event.key.member
    return event.key.dimension == DEPARTMENT and panel.parents.get(key.member) == event.key.member
