"""The demo's command line, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.embedded.postgres import RunningPostgres
from tests.integration.demo_crm.conftest import PASSWORD, Connection, Databases
from tests.integration.demo_crm.demo_queries import value

REPOSITORY = Path(__file__).resolve().parents[3]


def run(
    server: RunningPostgres, connection: Connection, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("DB_")},
        "DB_HOST": server.host,
        "DB_PORT": str(server.port),
        "DB_NAME": connection.info.dbname,
        "DB_USERNAME": "crm",
        "DB_PASSWORD": PASSWORD,
        **variables,
    }
    command = [sys.executable, "-m", "deploy.demo_crm", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def test_fill_refuse_replace_and_play(server: RunningPostgres, make_database: Databases) -> None:
    connection = make_database()
    filling = ["fill", "--deals", "300", "--as-of", "2026-01-15"]
    first = run(server, connection, *filling)
    assert first.returncode == 0, first.stderr
    assert "Hudson Supply Co." in first.stdout
    assert "won without close date" in first.stdout
    again = run(server, connection, *filling)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "--replace" in again.stderr
    assert run(server, connection, *filling, "--replace").returncode == 0
    played = run(server, connection, "day", "--days", "2")
    assert played.returncode == 0, played.stderr
    assert "day 2, as of 2026-01-17 00:00 UTC" in played.stdout
    assert value(connection, "select days_played from demo_generation") == 2


def test_failures_are_one_line_and_name_what_to_check(server: RunningPostgres, make_database: Databases) -> None:
    connection = make_database()
    empty = run(server, connection, "day")
    assert (empty.returncode, empty.stderr.count("\n")) == (1, 1)
    assert "fill" in empty.stderr
    refused = run(server, connection, "fill", DB_PASSWORD="wrong")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "DB_PASSWORD" in refused.stderr
    unset = run(server, connection, "fill", DB_NAME="")
    assert "DB_NAME is not set" in unset.stderr
