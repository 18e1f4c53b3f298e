"""VUS-PR against its definition computed the long way and against what its authors compute; event-F1 by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.anomaly_scores import Mask, Values, best_event_score, event_score, runs_of, vus_pr


def drawn(seed: int) -> tuple[Mask, Values]:
    generator = np.random.default_rng(seed)
    labels = np.zeros(200, dtype=bool)
    for first, length in ((20, 3), (60, 1), (110, 7), (160, 2)):
        labels[first : first + length] = True
    return labels, np.round(generator.random(200) + 0.5 * labels, 3 + seed)


def by_definition(labels: Mask, scores: Values, longest: int) -> float:
    """Every buffer, every threshold, every day, one by one."""
    areas = []
    for buffer in range(longest + 1):
        faded = [
            min(
                1.0,
                float(labels[day])
                + sum(
                    np.sqrt(1 - distance / buffer)
                    for first, last in runs_of(labels)
                    for distance in (first - day, day - last)
                    if 0 < distance <= buffer // 2
                ),
            )
            for day in range(len(labels))
        ]
        events = runs_of(np.array([value > 0 for value in faded]))
        points = [(0.0, 1.0)]
        for threshold in sorted(set(scores), reverse=True):
            told = [day for day, score in enumerate(scores) if score >= threshold]
            true = sum(faded[day] for day in told)
            touched = sum(any(first <= day <= last for day in told) for first, last in events) / len(events)
            recall = min(true / ((labels.sum() + sum(faded)) / 2), 1.0) * touched
            points.append((recall, true / len(told)))
        areas.append(sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points)))
    return float(np.mean(areas))


@pytest.mark.parametrize("seed", range(3))
def test_vus_pr_is_its_definition(seed: int) -> None:
    labels, scores = drawn(seed)
    assert vus_pr(labels, scores, 7) == pytest.approx(by_definition(labels, scores, 7), rel=1e-12)


# `generate_curve` of the authors' repository TheDatumOrg/VUS at commit 3653887, buffers up to 7, 200 thresholds.
@pytest.mark.parametrize(
    ("seed", "published"),
    [(0, 0.3383876528026862), (1, 0.4061247455225941), (2, 0.463059452687369), (3, 0.39491898884109555)],
)
def test_vus_pr_is_what_its_authors_compute(seed: int, published: float) -> None:
    assert vus_pr(*drawn(seed), 7) == pytest.approx(published, rel=1e-9)


def test_vus_pr_of_the_perfect_score_and_without_events() -> None:
    labels, _ = drawn(0)
    assert vus_pr(labels, labels.astype(float), 0) == pytest.approx(1.0)
    assert np.isnan(vus_pr(labels & False, labels.astype(float), 7))


def test_an_event_counts_once_however_many_days_of_it_are_told() -> None:
    truth = np.array([0, 1, 1, 1, 0, 0, 0, 1, 0, 0], dtype=bool)
    told = np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 1], dtype=bool)
    found = event_score([truth], [told], 0.5, longest_gap=0)
    assert (found.recall, found.precision) == (1 / 2, 2 / 4)
    joined = event_score([truth], [told], 0.5, longest_gap=1)
    assert (joined.recall, joined.precision) == (1 / 2, 1 / 2)


def test_the_best_threshold_is_one_for_all_series() -> None:
    truth = [np.arange(40) == 7, np.arange(40) == 30]
    scores = [np.where(each, 5.0, 0.0) for each in truth]
    assert best_event_score(truth, scores).f1 == 1.0
    # The noise of the second series lies above the event of the first.
    scores[1] = np.where(truth[1], 50.0, np.where(np.arange(40) % 4 == 0, 10.0, 0.0))
    assert best_event_score(truth, scores).f1 == pytest.approx(2 / 3)
