"""The boundary is only trusted where every open transaction can be seen."""

from __future__ import annotations

import pytest

from orchestration.extraction.boundary import why_blind
from orchestration.extraction.source_tables import reads_foreign_table


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


def test_a_foreign_table_is_recognised_wherever_it_stands_in_a_plan() -> None:
    """Plans as PostgreSQL prints them; the embedded one comes without a foreign data wrapper."""
    local = {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "deals"}
    foreign = {"Node Type": "Foreign Scan", "Operation": "Select", "Schema": "public", "Relation Name": "users"}
    assert reads_foreign_table(foreign)
    assert reads_foreign_table({"Node Type": "Hash Join", "Plans": [local, {"Node Type": "Hash", "Plans": [foreign]}]})
    assert reads_foreign_table({"Node Type": "Append", "Plans": [{"Node Type": "Async Foreign Scan"}, local]})
    assert not reads_foreign_table(
        {"Node Type": "Hash Join", "Plans": [local, {"Node Type": "Hash", "Plans": [local]}]}
    )
