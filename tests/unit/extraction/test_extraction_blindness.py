"""The boundary is only trusted where every open transaction can be seen."""

from __future__ import annotations

import pytest

from orchestration.extraction.boundary import why_blind


def test_a_primary_whose_transactions_are_visible_is_trusted() -> None:
    assert why_blind(in_recovery=False, may_see=True, all_tracked=True, subscribes=False) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"in_recovery": True}, "standby"),
        ({"may_see": False}, "pg_read_all_stats"),
        ({"all_tracked": False}, "track_activities"),
        ({"subscribes": True}, "logical replication"),
    ],
)
def test_everything_that_hides_transactions_is_named(change: dict[str, bool], reason: str) -> None:
    trusted = {"in_recovery": False, "may_see": True, "all_tracked": True, "subscribes": False}
    assert reason in why_blind(**trusted | change)
