"""Which days models may stand on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestration.partitions import days_ahead

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        (None, 0),
        ("", 0),
        ("yesterday", 0),
        ("2026-03-09T00:00:00+00:00", 0),
        ("2026-03-10T23:59:59+00:00", 0),
        ("2026-03-11T01:00:00+03:00", 0),
        ("2026-03-11T00:00:00+00:00", 1),
        ("2026-03-13T09:00:00+05:00", 3),
    ],
)
def test_a_moment_ahead_of_the_clock_opens_its_days(as_of: str | None, days: int) -> None:
    assert days_ahead(as_of, NOON) == days
