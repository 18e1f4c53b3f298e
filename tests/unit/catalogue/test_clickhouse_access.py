"""The statements that give a real server its accounts and row policies, read by ClickHouse's own parser."""

from __future__ import annotations

import re
from typing import Any

import chdb
import pytest

from catalogue.access import shipped_access
from catalogue.clickhouse_access import Warehouse, access_statements

TENANTS = ["volga", "o'brien", "back\\slash", "a`b"]
WAREHOUSE = Warehouse(
    tables={
        "analytics.fct_deals": frozenset({"tenant_id", "manager_id"}),
        "analytics.dim_dates": frozenset({"date_day"}),
        "analytics.uncovered": frozenset({"x"}),
        "ops.reconciliation": frozenset({"table_name"}),
    },
    tenants=TENANTS,
    owner="warehouse",
    service="superset",
    password_hash="0" * 64,
    policies=[("crm_tenant_gone", "analytics.fct_deals"), ("crm_all", "analytics.fct_deals")],
)
# Typed nowhere in its package.
run: Any = chdb.query
STATEMENTS = access_statements(shipped_access(), WAREHOUSE)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_clickhouse_understands_it(statement: str) -> None:
    kind = str(run(f"explain ast {statement}", "TabSeparatedRaw")).splitlines()[0]
    assert re.search(r"(?i)policy|role|user|grant|profile", kind), kind


def test_a_word_out_of_place_is_not_understood() -> None:
    with pytest.raises(RuntimeError, match="Syntax error"):
        run("explain ast create row policy p on a.t for select usingg 1 to r", "TabSeparatedRaw")


def test_each_tenants_policy_holds_for_its_rows_and_no_others() -> None:
    found = [
        re.search(r"using (.*) to `crm_tenant_", statement)
        for statement in STATEMENTS
        if "row policy" in statement and "fct_deals" in statement and "crm_tenant_" in statement.split(" on ")[0]
    ]
    conditions = [match[1] for match in found if match]
    assert len(conditions) == len(TENANTS)
    rows = ", ".join("'" + tenant.replace("\\", "\\\\").replace("'", "\\'") + "'" for tenant in TENANTS)
    for tenant, condition in zip(TENANTS, conditions, strict=True):
        query = f"select tenant_id from (select arrayJoin([{rows}]) as tenant_id) where {condition}"
        assert str(run(query, "TabSeparatedRaw")).splitlines() == [tenant]


def test_what_no_rule_covers_is_closed_to_tenants() -> None:
    for table in ("uncovered", "reconciliation"):
        on_table = [statement for statement in STATEMENTS if f"`{table}`" in statement]
        assert len(on_table) == 2
        assert not [statement for statement in on_table if "crm_tenant" in statement]
    closed = [statement for statement in STATEMENTS if "as restrictive" in statement]
    assert len(closed) == len(WAREHOUSE.tables)


def test_the_service_may_read_three_databases_and_do_nothing_else() -> None:
    grants = [statement for statement in STATEMENTS if statement.startswith("grant") and "crm_service" in statement]
    assert grants == [
        "grant select on analytics.* to `crm_service`",
        "grant select on ml.* to `crm_service`",
        "grant select on ops.* to `crm_service`",
        "grant `crm_service` to `superset`",
    ]
    assert "readonly = 1 const" in STATEMENTS[0]


def test_policies_that_are_not_wanted_any_more_go() -> None:
    dropped = [statement for statement in STATEMENTS if statement.startswith("drop")]
    assert dropped == ["drop row policy if exists `crm_tenant_gone` on `analytics`.`fct_deals`"]
