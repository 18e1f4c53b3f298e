"""The freshly started engines of a run, and the workers that are started on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from psycopg import sql

from benchmarks.peers import crm
from benchmarks.peers.measure import Engines, Worker
from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.engines import EnginePlan, plan_engines, running_engines
from deploy.settings import REPOSITORY, load_clickhouse_settings, load_postgres_settings

PEER_PYTHON = REPOSITORY / ".venv-benchmark" / "bin" / "python"
PEER_DATABASE = "peers"
PEER_TABLE = "deals"

# For contenders that do not create it themselves; as a careful author would write it.
_PEER_CREATE = f"""
create table {PEER_TABLE}
(
    id Int64,
    tenant_id String,
    title Nullable(String),
    pipeline_id Int64,
    stage_id String,
    owner_user_id Nullable(Int64),
    company_id Nullable(Int64),
    contact_id Nullable(Int64),
    lead_id Nullable(Int64),
    amount Nullable(Decimal(18, 2)),
    currency String,
    expected_close_on Nullable(Date32),
    closed_at Nullable(DateTime64(6, 'UTC')),
    created_at DateTime64(6, 'UTC'),
    updated_at DateTime64(6, 'UTC'),
    deleted_at Nullable(DateTime64(6, 'UTC'))
)
engine = MergeTree
order by (tenant_id, id)
"""


def crm_database(source: str) -> str:
    """Return the database of our replicas of a CRM database."""
    return f"{source}_crm"


def _ops_database(source: str) -> str:
    return f"{source}_ops"


@dataclass(frozen=True, slots=True)
class Stand:
    """Both engines, running.

    Attributes:
        plan: how to reach them.
        engines: their process ids.
        client: of the ClickHouse, for what is not measured.
    """

    plan: EnginePlan
    engines: Engines
    client: Client

    @contextmanager
    def crm(self, database: str) -> Iterator[crm.Connection]:
        """Hold a connection to a CRM database, for what is not measured."""
        with connect_postgres(load_postgres_settings({**self.plan.environment(), "DB_NAME": database})) as connection:
            yield connection

    def make_crm(self, database: str, rows: int) -> None:
        """Create a CRM database and fill it."""
        with self.crm(self.plan.environment()["DB_NAME"]) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        with self.crm(database) as connection:
            crm.fill_deals(connection, rows)

    def drop_copies(self, source: str) -> None:
        """Drop every copy of a CRM database, ours and the peers'."""
        for database in (crm_database(source), _ops_database(source), PEER_DATABASE):
            self.client.command(f"drop database if exists {quote_identifier(database)} sync")
        self.client.command(f"create database {PEER_DATABASE} engine = Atomic")

    def worker(self, source: str, module: str, *arguments: str, peer: bool = False, **environment: str) -> Worker:
        """Start a contender on a CRM database.

        Args:
            source: name of the CRM database.
            module: the contender's, below `benchmarks.peers`.
            arguments: of its command.
            peer: it lives in the environment of the other projects.
            environment: further variables.
        """
        return Worker(
            [str(PEER_PYTHON) if peer else sys.executable, "-m", f"benchmarks.peers.{module}", *arguments],
            {**os.environ, **self._environment(source), **environment},
            self.engines,
        )

    def _environment(self, source: str) -> dict[str, str]:
        return {
            **self.plan.environment(),
            "DB_NAME": source,
            "PYTHONPATH": str(REPOSITORY),
            "CRM_DATABASE": crm_database(source),
            "OPS_DATABASE": _ops_database(source),
            "PEER_DATABASE": PEER_DATABASE,
            "PEER_TABLE": PEER_TABLE,
            "PEER_CREATE": _PEER_CREATE,
            "COPY_COLUMNS": crm.MAPPED_COLUMNS,
            "PSQL": str(Path(psutil.Process(self.engines.postgres).exe()).with_name("psql")),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }


@contextmanager
def running_stand(home: Path) -> Iterator[Stand]:
    """Start both engines on empty folders below `home` and stop them at the end of the block."""
    with ExitStack() as running:
        plan = plan_engines(home, {})
        servers = running.enter_context(running_engines(plan))
        client = connect_clickhouse(load_clickhouse_settings(plan.environment()))
        running.callback(client.close)
        yield Stand(plan, Engines(servers.postgres.pid, servers.clickhouse.pid), client)
