"""How scores are judged against labelled events: VUS-PR and event-F1. Nothing about how the scores came about.

VUS-PR: Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin: Volume Under the Surface: A New Accuracy Evaluation
Measure for Time-Series Anomaly Detection. PVLDB 15(11), 2022.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


def runs_of(marked: Mask, longest_gap: int = 0) -> list[tuple[int, int]]:
    """First and last position of each run; runs no further apart than the gap are one."""
    found: list[tuple[int, int]] = []
    for position in np.flatnonzero(marked):
        if found and position - found[-1][1] <= longest_gap + 1:
            found[-1] = (found[-1][0], int(position))
        else:
            found.append((int(position), int(position)))
    return found


def vus_pr(labels: Mask, scores: Values, longest_buffer: int) -> float:
    """The mean of `range_auc_pr` over buffers of 0 to `longest_buffer` days; NaN without a labelled event."""
    return float(np.mean([range_auc_pr(labels, scores, buffer) for buffer in range(longest_buffer + 1)]))


def range_auc_pr(labels: Mask, scores: Values, buffer: int) -> float:
    """Area under precision against recall, with labels that fade out over half a buffer on both sides of an event.

    At distance d <= buffer // 2 from an event a day counts sqrt(1 - d / buffer). Positives are the mean of the labels'
    sums before and after fading; recall is multiplied by the share of (buffered) events that are touched at all.
    Every distinct score is a threshold; the curve starts at precision 1 and recall 0 and is joined by straight lines.
    """
    if not labels.any():
        return float("nan")
    faded, events = _faded(labels, buffer), _buffered_events(labels, buffer)
    positives = (labels.sum() + faded.sum()) / 2
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(faded[order])[ends]
    best = np.sort([scores[first : last + 1].max() for first, last in events])
    touched = (len(best) - np.searchsorted(best, ranked[ends], side="left")) / len(best)
    recall = np.append(0.0, np.minimum(true / positives, 1.0) * touched)
    precision = np.append(1.0, true / (ends + 1))
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def _faded(labels: Mask, buffer: int) -> Values:
    faded = labels.astype(float)
    for first, last in runs_of(labels):
        for distance in range(1, buffer // 2 + 1):
            for position in (first - distance, last + distance):
                if 0 <= position < len(faded):
                    faded[position] += np.sqrt(1 - distance / buffer)
    np.minimum(faded, 1.0, out=faded)
    return faded


def _buffered_events(labels: Mask, buffer: int) -> list[tuple[int, int]]:
    reach, last_position = buffer // 2, len(labels) - 1
    buffered = np.zeros(len(labels), dtype=bool)
    for first, last in runs_of(labels):
        buffered[max(first - reach, 0) : min(last + reach, last_position) + 1] = True
    return runs_of(buffered)


@dataclass(frozen=True)
class EventScore:
    """Found and false events of all series together, at one threshold for all of them."""

    f1: float
    precision: float
    recall: float
    threshold: float


def event_score(truth: Iterable[Mask], alarms: Iterable[Mask], threshold: float, longest_gap: int = 1) -> EventScore:
    """An event is found when an alarm touches it; a run of alarms that touches none is one false event."""
    found = events = right = told = 0
    for labels, marked in zip(truth, alarms, strict=True):
        true_runs, alarm_runs = runs_of(labels), runs_of(marked, longest_gap)
        events, told = events + len(true_runs), told + len(alarm_runs)
        found += sum(bool(marked[first : last + 1].any()) for first, last in true_runs)
        right += sum(bool(labels[first : last + 1].any()) for first, last in alarm_runs)
    recall = found / events if events else 0.0
    precision = right / told if told else 0.0
    both = precision + recall
    return EventScore(2 * precision * recall / both if both else 0.0, precision, recall, threshold)


def best_event_score(truth: list[Mask], scores: list[Values], steps: int = 200) -> EventScore:
    """The best F1 over thresholds, each the same for all series, that call at most a fifth of all days.

    A detector that calls everything would have one alarm, and a right one.
    """
    pooled = np.concatenate(scores)
    levels = np.unique(np.quantile(pooled, np.linspace(0.8, 1.0, steps)))
    thresholds = [level for level in levels if np.mean(pooled >= level) <= 0.2 + 1 / len(pooled)]
    return max(
        (event_score(truth, [each >= level for each in scores], float(level)) for level in thresholds),
        key=lambda each: each.f1,
    )
