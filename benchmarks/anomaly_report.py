"""The tables of `benchmarks.anomalies`: limits, contenders, kinds of events and of series. Nothing is detected here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.anomaly_data import DAYS, EVENT_KINDS, KINDS, SCORED_DAYS, Mask, Series, Values
from benchmarks.anomaly_scores import EventScore, best_event_score, event_score, runs_of, vus_pr

OURS = "**ours**"
_FIRST = DAYS - SCORED_DAYS
_LONGEST_BUFFER = 7
_MONTHS = SCORED_DAYS / 30.44
_VUS_PR, _EVENT_F1, _SOFT_WEEKS = 0.25, 0.50, 0.5


@dataclass(frozen=True)
class Answer:
    """What a contender said of one series.

    Attributes:
        scores: one per scored day.
        cpu_seconds: for all of the series.
        alarms: days that it calls anomalies at its own threshold, if it has one.
        week_starts, low_weeks: numbers of the first days of scored weeks, and which of them it calls too low, if it
            scores weeks.
    """

    scores: Values
    cpu_seconds: float
    alarms: Mask | None = None
    week_starts: tuple[int, ...] = ()
    low_weeks: tuple[bool, ...] = ()


@dataclass(frozen=True)
class _SoftWeeks:
    """Soft bad weeks that were found, and other weeks that were called too low."""

    found: int
    there: int
    false: int


def render(drawn: list[Series], answers: dict[str, list[Answer]]) -> str:
    """The limits first, then the contenders, then what ours finds of which event and in which series."""
    truth = [series.labels[_FIRST:] for series in drawn]
    areas = {
        name: np.array(
            [vus_pr(labels, each.scores, _LONGEST_BUFFER) for labels, each in zip(truth, found, strict=True)]
        )
        for name, found in answers.items()
    }
    best = {name: best_event_score(truth, [each.scores for each in found]) for name, found in answers.items()}
    ours = answers[OURS]
    alarms = [each.alarms if each.alarms is not None else each.scores > np.inf for each in ours]
    operating = event_score(truth, alarms, 0.0)
    soft = _soft_weeks(drawn, ours)
    return "\n\n".join(
        [
            _limits(areas, best, soft),
            _contenders(areas, best, answers),
            _operating(operating, truth, alarms, soft, len(drawn)),
            _by_event(drawn, answers, best, alarms),
            _by_kind(drawn, areas),
        ]
    )


def _soft_weeks(drawn: list[Series], ours: list[Answer]) -> _SoftWeeks:
    found = there = false = 0
    for series, answer in zip(drawn, ours, strict=True):
        low = dict(zip(answer.week_starts, answer.low_weeks, strict=True))
        soft = {event.first for event in series.events if event.kind == "soft_week" and event.first >= _FIRST}
        there += len(soft)
        found += sum(low.get(first, False) for first in soft)
        false += sum(is_low and not series.labels[first : first + 7].any() for first, is_low in low.items())
    return _SoftWeeks(found, there, false)


def _limits(areas: dict[str, Values], best: dict[str, EventScore], soft: _SoftWeeks) -> str:
    area, score, share = float(areas[OURS].mean()), best[OURS].f1, soft.found / max(soft.there, 1)
    peers = {name: float(each.mean()) for name, each in areas.items() if name != OURS}
    next_best = max(peers, key=lambda name: peers[name])
    next_score = max((name for name in best if name != OURS), key=lambda name: best[name].f1)
    return "\n".join(
        [
            "### Limits",
            "| what | limit | measured | verdict |",
            "| --- | --- | --- | --- |",
            f"| VUS-PR, daily | at least {_VUS_PR} | {area:.3f} ({area / peers[next_best]:.2f} x {next_best}) "
            f"| {_verdict(area >= _VUS_PR)} |",
            f"| best event-F1, daily | at least {_EVENT_F1:.2f} | {score:.3f} "
            f"({score / best[next_score].f1:.2f} x {next_score}) | {_verdict(score >= _EVENT_F1)} |",
            f"| soft bad weeks found, weekly | at least half | {soft.found} of {soft.there} ({share:.0%}) "
            f"| {_verdict(share >= _SOFT_WEEKS)} |",
        ]
    )


def _contenders(areas: dict[str, Values], best: dict[str, EventScore], answers: dict[str, list[Answer]]) -> str:
    lines = [
        "### Daily scores",
        "| contender | VUS-PR | x ours | difference | best event-F1 | precision | recall | CPU s per series |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = areas[OURS]
    for name, area in sorted(areas.items(), key=lambda each: (each[0] != OURS, -float(each[1].mean()))):
        apart = area - ours
        difference = "" if name == OURS else f"{apart.mean():+.3f} ± {2 * apart.std() / np.sqrt(len(apart)):.3f}"
        spent = float(np.mean([each.cpu_seconds for each in answers[name]]))
        lines.append(
            f"| {name} | {area.mean():.3f} | {area.mean() / ours.mean():.2f} | {difference} | {best[name].f1:.3f} "
            f"| {best[name].precision:.2f} | {best[name].recall:.2f} | {spent:.3f} |"
        )
    return "\n".join(lines)


def _operating(score: EventScore, truth: list[Mask], alarms: list[Mask], soft: _SoftWeeks, series: int) -> str:
    false = sum(
        not labels[first : last + 1].any()
        for labels, marked in zip(truth, alarms, strict=True)
        for first, last in runs_of(marked, 1)
    )
    return "\n".join(
        [
            "### Ours at its own thresholds",
            "| what | measured |",
            "| --- | --- |",
            f"| event-F1 of days | {score.f1:.3f} (precision {score.precision:.2f}, recall {score.recall:.2f}) |",
            f"| false daily events per series and month | {false / series / _MONTHS:.2f} |",
            f"| false low weeks per series and year | {soft.false / series / _MONTHS * 12:.2f} |",
        ]
    )


def _by_event(
    drawn: list[Series], answers: dict[str, list[Answer]], best: dict[str, EventScore], alarms: list[Mask]
) -> str:
    lines = [
        "### Events found, by kind",
        "| contender | " + " | ".join(kind.replace("_", " ") for kind in EVENT_KINDS) + " |",
        "| --- |" + " --- |" * len(EVENT_KINDS),
    ]
    rows = {
        f"{name}, best F1": [each.scores >= best[name].threshold for each in found] for name, found in answers.items()
    }
    rows = {f"{OURS}, own thresholds": alarms} | rows
    for name, marked in rows.items():
        found = [_found(drawn, marked, kind) for kind in EVENT_KINDS]
        lines.append(f"| {name} | " + " | ".join(f"{share:.2f}" for share in found) + " |")
    return "\n".join(lines)


def _found(drawn: list[Series], marked: list[Mask], kind: str) -> float:
    hits = [
        bool(each[event.first - _FIRST : event.last + 1 - _FIRST].any())
        for series, each in zip(drawn, marked, strict=True)
        for event in series.events
        if event.kind == kind and event.first >= _FIRST
    ]
    return float(np.mean(hits)) if hits else 0.0


def _by_kind(drawn: list[Series], areas: dict[str, Values]) -> str:
    lines = [
        "### VUS-PR by kind of series",
        "| contender | " + " | ".join(kind.replace("_", " ") for kind in KINDS) + " |",
        "| --- |" + " --- |" * len(KINDS),
    ]
    for name, area in areas.items():
        means = [
            np.mean([each for series, each in zip(drawn, area, strict=True) if series.name.startswith(f"{kind} ")])
            for kind in KINDS
        ]
        lines.append(f"| {name} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    return "\n".join(lines)


def _verdict(met: bool) -> str:
    return "met" if met else "missed"
