"""Verdicts on bands: chance is not called a fault, and a fault is not called chance."""

from __future__ import annotations

import pytest

from orchestration.ml.health import judge_coverage


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        ([("a", 10, 2)], True),
        ([("a", 12, 12), ("b", 12, 11)], True),
        ([("a", 40, 36)], True),
        ([("a", 12, 12), ("b", 12, 6)], False),
        ([("a", 60, 50)], False),
    ],
)
def test_too_few_within_their_band_is_told(rows: list[tuple[str, int, int]], passed: bool) -> None:
    verdict = judge_coverage(rows, level=0.95)
    assert verdict.passed is passed, verdict.sentence


def test_the_worst_tenant_is_named_first() -> None:
    verdict = judge_coverage([("good", 30, 30), ("bad", 30, 12)], level=0.95)
    assert (
        verdict.sentence
        == "42 of 60 finished months lay within the 95% band: too few for chance; bad 12 of 30, good 30 of 30"
    )


def test_before_a_year_of_facts_nothing_is_judged() -> None:
    assert judge_coverage([], level=0.95).sentence == "0 finished months: too few to judge, 12 are needed"
