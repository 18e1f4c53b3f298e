"""What production was last built from, kept in the warehouse that it describes: `ops.dbt_state`.

Whoever can read the marts can therefore compare with them, defer to them and build only what differs, on any machine.
Only the newest state counts. dbt's own commands belong in `orchestration.analyst`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from orchestration.extraction.replica import Warehouse

_PROJECT = "crm_analytics"


@dataclass(frozen=True, slots=True)
class ProductionState:
    """One successful build of all models.

    Attributes:
        manifest: dbt's manifest.json, as text.
        as_of: the moment that "now" meant to the build, aware.
        built_at: when the build was finished, aware.
    """

    manifest: str
    as_of: datetime
    built_at: datetime


def create_production_state(warehouse: Warehouse) -> None:
    """Create the table of the state where it is missing."""
    warehouse.run(f"create database if not exists ops{warehouse.on_cluster}")
    warehouse.run(f"""
create table if not exists ops.dbt_state{warehouse.on_cluster}
(
    project String,
    built_at DateTime64(6, 'UTC'),
    as_of DateTime64(6, 'UTC'),
    manifest String codec(ZSTD(6))
)
engine = {warehouse.engine("ReplacingMergeTree")}(built_at)
order by project
""")


def keep_production_state(client: Client, state: ProductionState, *, cluster: str = "") -> None:
    """Make this the state of production; the one before it is forgotten with the next merge."""
    create_production_state(Warehouse(client, cluster=cluster))
    row = [_PROJECT, state.built_at, state.as_of, state.manifest]
    client.insert("dbt_state", [row], database="ops", column_names=["project", "built_at", "as_of", "manifest"])


def read_production_state(client: Client) -> ProductionState | None:
    """Return the state of the last successful build, None before the first one."""
    exists = "select count() from system.tables where database = 'ops' and name = 'dbt_state'"
    if not client.query(exists).result_rows[0][0]:
        return None
    newest = "select manifest, as_of, built_at from ops.dbt_state order by built_at desc limit 1"
    rows = client.query(newest).result_rows
    if not rows:
        return None
    manifest, as_of, built_at = rows[0]
    return ProductionState(manifest, as_of.replace(tzinfo=UTC), built_at.replace(tzinfo=UTC))
