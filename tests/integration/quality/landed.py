"""Rows that break one rule each: a copy of a landed row with a few columns replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from orchestration.extraction.replica import Warehouse
from orchestration.quality.suite import ReferenceRule, RowRule, TableSuite

BROKEN = "broken-row"
NOWHERE = "nowhere"

_FIRST_VERSION = 10**19  # above every version that a load gives
_versions = count(_FIRST_VERSION)

# What a free condition is broken by; every other form says by itself what breaks it.
_CONDITIONS = {
    "completed_has_a_date": {"status": "'completed'", "completed_at": "null"},
    "rate_is_positive": {"rate": "toDecimal64(0, 8)"},
}


@dataclass(frozen=True)
class Breach:
    """Columns to replace by SQL expressions, and the key and tenant under which the row must be named."""

    columns: dict[str, str]
    key: str


def breach_of_row_rule(suite: TableSuite, rule: RowRule) -> Breach:
    """Return a row that breaks `rule`."""
    if rule.holds is not None:
        return _named(suite, _CONDITIONS[rule.name])
    if rule.not_empty:
        return _named(suite, {rule.column: "''"})
    if rule.one_of is not None or rule.matches is not None:
        return _named(suite, {rule.column: "'?'"})
    if rule.not_in_future is not None:
        moment = f"now64(6, 'UTC') + toIntervalHour({rule.not_in_future + 49})"
        is_date = rule.column.endswith("_on")
        return _named(suite, {rule.column: f"toDate32({moment})" if is_date else moment})
    if rule.not_before is not None:
        return _named(suite, {rule.column: f"{rule.not_before} - toIntervalDay(1)"})
    worse = rule.at_most + 1 if rule.at_most is not None else (rule.at_least or 0) - 1
    return _named(suite, {rule.column: str(worse)})


def breach_of_reference(suite: TableSuite, rule: ReferenceRule) -> Breach:
    """Return a row that refers to nothing."""
    return _named(suite, {column: f"'{NOWHERE}'" for column in rule.columns})


def land(warehouse: Warehouse, suite: TableSuite, breach: Breach) -> None:
    """Write the row into the replica."""
    table = warehouse.replica(suite.table)
    copy_rows(warehouse, suite, breach.columns, f"(select * from {table} final limit 1)")


def copy_rows(warehouse: Warehouse, suite: TableSuite, columns: Mapping[str, str], source: str) -> None:
    """Write rows of `source` into the replica with columns replaced."""
    replaced = ", ".join(f"{sql} as {column}" for column, sql in {**columns, "_version": str(next(_versions))}.items())
    warehouse.run(
        f"insert into {warehouse.replica(suite.table)} select {_columns(warehouse, suite)} from "
        f"(select * replace ({replaced}) from {source} as copied)"
    )


def withdraw(warehouse: Warehouse, suite: TableSuite) -> None:
    """Make every row that was written here a tombstone; a mutation of a table with many months takes seconds."""
    table = warehouse.replica(suite.table)
    own = f"(select * from {table} final where _version >= {_FIRST_VERSION})"
    copy_rows(warehouse, suite, {"_deleted": "toUInt8(1)"}, own)


def _columns(warehouse: Warehouse, suite: TableSuite) -> str:
    rows = warehouse.rows(f"describe table {warehouse.replica(suite.table)}")
    return ", ".join(row[0] for row in rows)


def _named(suite: TableSuite, columns: dict[str, str]) -> Breach:
    key = [column for column in suite.canonical.key if column != "tenant_id"]
    named = dict(columns)
    if "id" in key:
        named.setdefault("id", f"'{BROKEN}'")
    elif "currency" in key:
        named.setdefault("currency", f"'{BROKEN}'")
    elif not key:
        named.setdefault("tenant_id", f"'{BROKEN}'")
    identity = named["id" if "id" in key else "currency" if key else "tenant_id"]
    return Breach(named, identity.strip("'"))
