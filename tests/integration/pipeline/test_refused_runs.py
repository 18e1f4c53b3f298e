"""What a run says when it cannot work: one clear line, a non-zero exit code, no half-built marts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import sql

from deploy.connections import connect_postgres
from deploy.demo_crm import fill
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import REPOSITORY, ClickHouseSettings, PostgresSettings
from tests.integration.pipeline.conftest import Company, create_database


def run_with(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "CLICKHOUSE_"))}
    return subprocess.run(
        [sys.executable, "-m", "orchestration", "run", *arguments],
        cwd=REPOSITORY,
        env={**bare, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def settings(postgres: PostgresSettings, clickhouse: ClickHouseSettings, tmp_path: Path) -> dict[str, str]:
    return Company(postgres, clickhouse, tmp_path).environment()


def assert_one_line(finished: subprocess.CompletedProcess[str], *parts: str) -> None:
    lines = finished.stderr.strip().splitlines()
    assert finished.returncode == 1, finished.stderr
    assert len(lines) == 1, finished.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0], lines[0]


def test_missing_settings_are_all_named(settings: dict[str, str]) -> None:
    del settings["DB_HOST"], settings["CLICKHOUSE_PASSWORD"]
    assert_one_line(run_with(settings), "DB_HOST is not set", "CLICKHOUSE_PASSWORD is not set", ".env.example")


def test_a_malformed_port_is_named(settings: dict[str, str]) -> None:
    assert_one_line(run_with(settings | {"DB_PORT": "five"}), "DB_PORT")


def test_an_unreachable_postgres_is_named(settings: dict[str, str]) -> None:
    assert_one_line(run_with(settings | {"DB_PORT": "1"}), "PostgreSQL at 127.0.0.1:1", "DB_HOST")


def test_a_refusing_postgres_is_named(settings: dict[str, str]) -> None:
    finished = run_with(settings | {"DB_PASSWORD": "wrong-secret"})
    assert_one_line(finished, "PostgreSQL", "password authentication failed")
    assert "wrong-secret" not in finished.stderr


def test_an_unreachable_clickhouse_is_named(settings: dict[str, str]) -> None:
    assert_one_line(run_with(settings | {"CLICKHOUSE_PORT": "1"}), "ClickHouse at 127.0.0.1:1", "CLICKHOUSE_HOST")


def test_a_refusing_clickhouse_is_named(settings: dict[str, str]) -> None:
    finished = run_with(settings | {"CLICKHOUSE_PASSWORD": "wrong-secret"})
    assert_one_line(finished, "ClickHouse", "Authentication failed")
    assert "wrong-secret" not in finished.stderr


@pytest.fixture(scope="module")
def small_company(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company with a warehouse of its own, which its tests may leave half-built."""
    crm = create_database(postgres, "small_company")
    with connect_postgres(crm) as connection:
        fill(connection, deals=300, as_of=datetime.now(UTC))
    folder = tmp_path_factory.mktemp("small_company")
    with start_clickhouse(folder / "data", user="warehouse", password="secret") as server:
        found = {"host": server.host, "port": server.port, "username": "warehouse", "password": "secret"}
        yield Company(crm, ClickHouseSettings.model_validate(found), folder)


def change(company: Company, statement: str) -> None:
    with connect_postgres(company.crm) as connection:
        connection.execute(sql.SQL(statement))


def test_an_unknown_time_zone_stops_the_run_by_name(small_company: Company) -> None:
    change(small_company, "update tenants set timezone = 'Europe/Moskow', updated_at = now() where id = 'volga'")
    finished = small_company.run("hourly")
    assert finished.returncode == 1
    assert "error: " in finished.stderr
    assert "tenant 'volga': time zone 'Europe/Moskow' is unknown" in finished.stderr
    assert "Traceback" not in finished.stderr
    change(small_company, "update tenants set timezone = 'Europe/Moscow', updated_at = now() where id = 'volga'")
    assert small_company.run("hourly").returncode == 0


def test_an_unmapped_status_stops_the_run_by_name(small_company: Company) -> None:
    change(
        small_company,
        "update activities set status = 'paused', updated_at = now() where id = (select min(id) from activities)",
    )
    finished = small_company.run("hourly")
    assert finished.returncode == 1
    assert "activities.status" in finished.stderr
    assert "'paused'" in finished.stderr
    change(small_company, "update activities set status = 'done', updated_at = now() where status = 'paused'")
    assert small_company.run("hourly").returncode == 0
