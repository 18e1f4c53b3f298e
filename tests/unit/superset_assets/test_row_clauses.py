"""The clauses that Superset runs: qualified, quoted, keyed by the identity, and closed where the rule is."""

from __future__ import annotations

import re

import pytest

from catalogue.access import Rows, TableRule
from superset_assets.server.aliases import SUFFIX_PATTERN, suffixed
from superset_assets.server.row_clauses import EVERY_ROW, NO_ROWS, clause

DEALS = TableRule("analytics.fct_deals", "tenant_id", "manager_id")
# As Superset looks for calls that change the key of its cache.
KEYED = re.compile(r"(\{\{|\{%)[^{}]*?cache_key_wrapper\([^)]*\)[^{}]*?(\}\}|%\})")


@pytest.mark.parametrize("rows", ["tenant", "own", "guest"])
def test_every_column_is_qualified_and_the_key_names_the_identity(rows: Rows) -> None:
    text = clause(DEALS, rows, "fct_deals")
    assert KEYED.search(text)
    assert not re.findall(r"(?<!fct_deals\.)\b(?:tenant_id|manager_id)\b", text)
    assert text.count("|where_in") == {"tenant": 1, "own": 2, "guest": 3}[rows]


def test_closed_tables_are_closed() -> None:
    assert clause(TableRule("ops.x", None, None, closed=True, closed_to_own=True), "tenant", "x") == NO_ROWS
    without_manager = TableRule("analytics.x", "tenant_id", None, closed_to_own=True)
    assert clause(without_manager, "own", "x").endswith(NO_ROWS)
    assert "{% if crm_manager() %}1 = 0{% else %}" in clause(without_manager, "guest", "x")


def test_shared_tables_are_open() -> None:
    shared = TableRule("analytics.dim_dates", None, None)
    for rows in ("tenant", "own", "guest"):
        assert clause(shared, rows, "dim_dates").endswith(EVERY_ROW)


def test_labels_end_so_that_no_column_is_meant() -> None:
    assert suffixed("tenant_id") == suffixed("tenant_id") != suffixed("manager_id")
    assert re.search(SUFFIX_PATTERN, suffixed("Выручка"))
