"""Labels of ClickHouse queries that can never be taken for a column.

ClickHouse resolves a name in WHERE to an alias of SELECT before a column. Superset 6.1 labels a truncated date with the
column's own name, so that a range filter compares the truncated date, and lets a reader label a constant `tenant_id`,
so that a row rule compares the constant. A suffix that no column of the warehouse carries ends both; the names in
results stay as they are.
"""

from __future__ import annotations

import hashlib

SUFFIX_PATTERN = r"_[0-9a-f]{6}$"


def suffixed(label: str) -> str:
    """Return the label with the suffix that sets it apart; the same label always gets the same one."""
    return f"{label}_{hashlib.md5(label.encode(), usedforsecurity=False).hexdigest()[:6]}"


def keep_aliases_apart() -> None:
    """Make every ClickHouse dialect of this process label its columns so."""
    from superset.db_engine_specs.clickhouse import ClickHouseConnectEngineSpec, ClickHouseEngineSpec

    for specification in (ClickHouseConnectEngineSpec, ClickHouseEngineSpec):
        specification._mutate_label = staticmethod(suffixed)
