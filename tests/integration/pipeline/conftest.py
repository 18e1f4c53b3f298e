"""A demo company whose CRM lives through two days, with the nightly job run after each, as its user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import sql

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import begin_late_commit, fill, play_day, read_as_of
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from tests.judge.compare import JUDGED, Difference, compare_report, prepare_steering, read_mart, run_judge

DEALS = 1_000


@dataclass(frozen=True)
class Verdict:
    """What the judge found in one report after one run."""

    rows: int
    differences: list[Difference]


@dataclass(frozen=True)
class Company:
    """A CRM database, the warehouse beside it, and how to run the pipeline between them."""

    crm: PostgresSettings
    warehouse: ClickHouseSettings
    home: Path
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    late_lead: list[bool] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the variables of `.env.example`, and a folder for what a run needs no longer than itself."""
        self.temporary_folder.mkdir(exist_ok=True)
        return {
            "DB_HOST": self.crm.host,
            "DB_PORT": str(self.crm.port),
            "DB_NAME": self.crm.database,
            "DB_USERNAME": self.crm.username,
            "DB_PASSWORD": self.crm.password.get_secret_value(),
            "CLICKHOUSE_HOST": self.warehouse.host,
            "CLICKHOUSE_PORT": str(self.warehouse.port),
            "CLICKHOUSE_USER": self.warehouse.username,
            "CLICKHOUSE_PASSWORD": self.warehouse.password.get_secret_value(),
            "CRM_ANALYTICS_HOME": str(self.home),
            "TMPDIR": str(self.temporary_folder),
        }

    @property
    def temporary_folder(self) -> Path:
        """Return that folder."""
        return self.home.parent / f"{self.home.name}_temporary"

    def run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the pipeline's command line and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "orchestration", "run", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment(), **(extra or {})},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def has_lead(self, lead_id: int) -> bool:
        """Tell whether the replica holds that lead."""
        query = "select count() from crm.leads final where id = {id:String}"
        result = connect_clickhouse(self.warehouse).query(query, parameters={"id": str(lead_id)})
        return bool(result.result_rows[0][0])

    def run_and_judge(self, label: str, *arguments: str) -> None:
        """Run the nightly job and keep the judge's verdict on every judged mart under `label`."""
        with connect_postgres(self.crm) as connection:
            as_of = read_as_of(connection)
            finished = self.run("nightly", *arguments, extra={"AS_OF": as_of.isoformat()})
            assert finished.returncode == 0, finished.stdout + finished.stderr
            self.outputs[label] = finished.stdout
            client = connect_clickhouse(self.warehouse)
            prepare_steering(connection, client, as_of)
            for report in JUDGED:
                expected = run_judge(connection, report, as_of)
                actual = read_mart(client, report)
                self.verdicts[label, report] = Verdict(len(expected), compare_report(report, expected, actual))


def create_database(server: PostgresSettings, name: str) -> PostgresSettings:
    """Create a database in the server and return how to reach it."""
    with connect_postgres(server) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return server.model_copy(update={"database": name})


@pytest.fixture(scope="session")
def company(
    postgres: PostgresSettings, clickhouse: ClickHouseSettings, tmp_path_factory: pytest.TempPathFactory
) -> Company:
    """Return the company after a first night, a quiet one, two with a day before each, and a full refresh."""
    crm = create_database(postgres, "company")
    company = Company(crm, clickhouse, tmp_path_factory.mktemp("home"))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connect_postgres(crm) as connection:
        fill(connection, seed=7, deals=DEALS, as_of=today)
    company.run_and_judge("first night")
    company.run_and_judge("quiet night")
    with connect_postgres(crm) as connection, connect_postgres(crm) as another:
        play_day(connection, stamp="now")
        late = begin_late_commit(another, stamp="now")
        company.run_and_judge("night after a day")
        company.late_lead.append(company.has_lead(late.inserted["leads"]))
        late.commit()
        play_day(connection, stamp="now")
    company.run_and_judge("night after a second day")
    company.late_lead.append(company.has_lead(late.inserted["leads"]))
    company.run_and_judge("full refresh", "--full-refresh")
    return company
