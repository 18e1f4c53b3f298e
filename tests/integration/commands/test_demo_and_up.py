"""`make demo` and `make up` as their user runs them, on a small demo CRM."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deploy.free_port import free_port
from deploy.settings import REPOSITORY


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "CLICKHOUSE_", "LANG"))}
    # Not in pytest's folder: another start of pytest closes it to the user that PostgreSQL runs as under root.
    with tempfile.TemporaryDirectory(prefix="crm-analytics-") as home:
        # So wide that no cell wraps: the numbers then stand in one order in both languages.
        yield {**bare, "CRM_ANALYTICS_HOME": home, "LC_ALL": "C.UTF-8", "COLUMNS": "400"}


@pytest.fixture(scope="module")
def first_demo(environment: dict[str, str]) -> str:
    """Return what the first demo printed, in whose CRM a day passes: its "now" lies ahead of the clock."""
    return run_demo(environment, "--deals", "600", "--days", "1")


def run_demo(environment: dict[str, str], *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "deploy.demo", *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def reports_of(output: str) -> str:
    """Return the part of the output between the headings of the reports and of the stages."""
    return output[output.index("== reports") : output.index("What each stage took")]


def test_the_demo_prints_five_reports_for_each_tenant(first_demo: str) -> None:
    for title in ("Sales by month", "Manager activity", "Leads by source", "Lead to deal conversion", "Sales funnel"):
        assert len(re.findall(rf"^{title}", first_demo, re.MULTILINE)) >= 3
    for stage in ("engines", "demo CRM", "extraction", "dbt build", "reports", "Total"):
        assert re.search(rf"^\s*{stage}\s+\d+\.\d", first_demo, re.MULTILINE), stage
    assert "What next" in first_demo


def test_a_second_demo_prints_the_same_numbers_in_russian(environment: dict[str, str], first_demo: str) -> None:
    second = run_demo(environment, "--language", "ru")
    assert "already filled" in second
    for title in ("Продажи по месяцам", "Активность менеджеров", "Лиды по источникам", "Воронка продаж"):
        assert title in second
    assert numbers_of(reports_of(second)) == numbers_of(reports_of(first_demo))


def numbers_of(reports: str) -> list[str]:
    """Return the digits of each number in their order: the languages differ in signs and words.

    Of a note, those behind its colon: "add 0" is said in words in the other language.
    """
    lines = [re.sub(r"^\s+\w+( \w+)?: .*: ", "", line) for line in reports.splitlines()]
    return [re.sub(r"\D", "", number) for number in re.findall(r"\d[\d.,\xa0]*", "\n".join(lines))]


@pytest.fixture
def up(
    environment: dict[str, str], first_demo: str, unused_port: int, another_unused_port: int
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.up"],
        cwd=REPOSITORY,
        env={**environment, "DAGSTER_PORT": str(unused_port), "SUPERSET_PORT": str(another_unused_port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture
def another_unused_port() -> int:
    return free_port()


def test_up_serves_dagster_with_the_nightly_schedule_on_and_stops_whole(
    up: subprocess.Popen[str], unused_port: int, environment: dict[str, str]
) -> None:
    statuses = wait_for_schedules(up, unused_port)
    assert statuses == {"nightly": "RUNNING", "hourly": "STOPPED"}
    family = psutil.Process(up.pid).children(recursive=True)
    assert len(family) >= 4
    os.killpg(up.pid, signal.SIGINT)
    output, _ = up.communicate(timeout=90)
    assert up.returncode == 0, output
    assert f"http://127.0.0.1:{unused_port}" in output
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert not (Path(environment["CRM_ANALYTICS_HOME"]) / "running.json").exists()


def wait_for_schedules(up: subprocess.Popen[str], port: int) -> dict[str, str]:
    """Return the schedules' states once the UI tells them: in less than a minute, or in several on a busy machine."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        assert up.poll() is None, up.communicate()[0]
        with suppress(OSError, KeyError):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/graphql",
                data=json.dumps({"query": _REPOSITORIES}).encode(),
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=10) as response:
                nodes = json.load(response)["data"]["repositoriesOrError"]["nodes"]
            if nodes:
                return {
                    schedule["name"]: schedule["scheduleState"]["status"]
                    for node in nodes
                    for schedule in node["schedules"]
                }
        time.sleep(1)
    os.killpg(up.pid, signal.SIGINT)
    raise AssertionError(f"Dagster's webserver did not list the schedules: {up.communicate(timeout=90)[0]}")


_REPOSITORIES = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { name scheduleState { status } } } } } }
"""
