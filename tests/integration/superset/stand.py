"""A small demo company in a warehouse, and a Superset over it, as `make up` would start them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.embedded.clickhouse import start_clickhouse
from deploy.embedded.clickhouse.reader import READER
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from deploy.superset.environment import embedded_variables, process_environment
from deploy.superset.server import python, start_superset
from orchestration.extraction.replica import Warehouse
from tests.integration.superset.model_rows import fill_model_rows

DEALS = 600
# Of a page that may embed dashboards.
ORIGIN = "http://crm.example"


@dataclass(frozen=True)
class Stand:
    """A running Superset and the warehouse under it.

    Attributes:
        url: where Superset answers.
        variables: what its processes were started with, secrets included.
        warehouse: the account that may do everything.
        log: what Superset's processes said.
    """

    url: str
    variables: dict[str, str]
    warehouse: ClickHouseSettings
    log: Path

    def run_inside(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a module in Superset's environment and return what it printed."""
        finished = subprocess.run(
            [python(), "-m", *arguments],
            cwd=REPOSITORY,
            env=process_environment(self.variables),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert not check or finished.returncode == 0, finished.stdout + finished.stderr
        return finished


@contextmanager
def running_stand(crm: PostgresSettings, folder: Path, home: Path, port: int) -> Iterator[Stand]:
    """Fill a CRM, run the nightly job once, start Superset, and yield the stand until the end of the block."""
    password = "warehouse-password"
    with start_clickhouse(folder, user="warehouse", password=password, reader_password="reader-password") as server:
        warehouse = ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "warehouse", "password": password}
        )
        variables = {
            "CRM_ANALYTICS_HOME": str(home),
            "DB_HOST": crm.host,
            "DB_PORT": str(crm.port),
            "DB_NAME": crm.database,
            "DB_USERNAME": crm.username,
            "DB_PASSWORD": crm.password.get_secret_value(),
            **warehouse.environment(),
            "CLICKHOUSE_READER_USER": READER,
            "CLICKHOUSE_READER_PASSWORD": "reader-password",
            "SUPERSET_PORT": str(port),
            "SUPERSET_ALLOWED_ORIGINS": ORIGIN,
            "SUPERSET_REPORTS": "true",
        }
        _build_the_marts(crm, warehouse, variables)
        variables |= embedded_variables(variables)
        log = home / "superset.log"
        with start_superset(variables, log=log) as superset:
            yield Stand(superset.url, variables, warehouse, log)


def _build_the_marts(crm: PostgresSettings, warehouse: ClickHouseSettings, variables: dict[str, str]) -> None:
    as_of = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connect_postgres(crm) as connection:
        fill(connection, seed=7, deals=DEALS, as_of=as_of)
    finished = subprocess.run(
        [sys.executable, "-m", "orchestration", "run", "hourly"],
        cwd=REPOSITORY,
        env={**os.environ, **variables, "AS_OF": as_of.isoformat()},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    with connect_clickhouse(warehouse, autogenerate_session_id=False) as client:
        fill_model_rows(Warehouse(client), as_of.date())
