"""Which canonical tables the CRM's mapping fills: a report without its inputs must say so instead of showing zeros."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

_NOT_MAPPED = """
select table_name
from ops.extraction_state
group by table_name
having argMax(mode, finished_at) = 'not mapped'
"""


def read_not_mapped(client: Client) -> frozenset[str]:
    """Return the canonical tables that the last load found without a mapping."""
    return frozenset(table for (table,) in client.query(_NOT_MAPPED).result_rows)
