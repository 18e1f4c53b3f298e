"""Both embedded engines of one machine: where their data lies, which ports they take, how others reach them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.clickhouse import ClickHouseStartError, RunningClickHouse, start_clickhouse
from deploy.embedded.clickhouse.reader import READER
from deploy.embedded.postgres import PostgresStartError, RunningPostgres, start_postgres
from deploy.kept_secrets import kept_secret

HOST = "127.0.0.1"
LOGIN = "crm"
PREFERRED_CLICKHOUSE_PORT = 8123
# Not 5432: a laptop often has a PostgreSQL of its own.
PREFERRED_POSTGRES_PORT = 5433
_RUNNING = "running.json"


class EngineStartError(Exception):
    """An engine did not start; the message is one line."""


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """Where the engines will run; made before they start, so that other processes can be told at once.

    Attributes:
        home: folder of both engines' data.
        clickhouse_port: port of the warehouse.
        postgres_port: port of the CRM.
        password: of the login `crm` in both.
        reader_password: of the warehouse's account `reader`.
    """

    home: Path
    clickhouse_port: int
    postgres_port: int
    password: str
    reader_password: str

    def environment(self) -> dict[str, str]:
        """Return the variables of `.env.example` that lead to these engines."""
        return {
            "DB_HOST": HOST,
            "DB_PORT": str(self.postgres_port),
            "DB_NAME": LOGIN,
            "DB_USERNAME": LOGIN,
            "DB_PASSWORD": self.password,
            "CLICKHOUSE_HOST": HOST,
            "CLICKHOUSE_PORT": str(self.clickhouse_port),
            "CLICKHOUSE_USER": LOGIN,
            "CLICKHOUSE_PASSWORD": self.password,
            "CLICKHOUSE_SECURE": "false",
            "CLICKHOUSE_READER_USER": READER,
            "CLICKHOUSE_READER_PASSWORD": self.reader_password,
            "CRM_MAPPING": "demo",
        }


@dataclass(frozen=True, slots=True)
class RunningEngines:
    """Both servers, running."""

    postgres: RunningPostgres
    clickhouse: RunningClickHouse

    def ended(self) -> str | None:
        """Return the name of an engine that ended by itself, if one did."""
        if self.postgres.has_ended():
            return "PostgreSQL"
        return "ClickHouse" if self.clickhouse.has_ended() else None


def plan_engines(home: Path, environ: Mapping[str, str] = os.environ) -> EnginePlan:
    """Choose ports and password; `EMBEDDED_CLICKHOUSE_PORT` and `EMBEDDED_POSTGRES_PORT` fix the ports.

    Without them the usual ports are taken if they are free, else any free ones.
    """
    home.mkdir(parents=True, exist_ok=True)
    return EnginePlan(
        home=home,
        clickhouse_port=_port(environ.get("EMBEDDED_CLICKHOUSE_PORT"), PREFERRED_CLICKHOUSE_PORT),
        postgres_port=_port(environ.get("EMBEDDED_POSTGRES_PORT"), PREFERRED_POSTGRES_PORT),
        password=kept_secret(home / "password"),
        reader_password=kept_secret(home / "reader_password"),
    )


@contextmanager
def running_engines(plan: EnginePlan, *, max_memory: int | None = None) -> Iterator[RunningEngines]:
    """Start both engines at once and stop them at the end of the block.

    Args:
        plan: where they run.
        max_memory: bytes for all queries of ClickHouse together; by default half of the machine's, at most 8 GiB.

    Raises:
        EngineStartError: one of them did not start; the other one is stopped.
    """
    with ThreadPoolExecutor(max_workers=2) as starters:
        postgres_start = starters.submit(
            start_postgres,
            plan.home / "postgres",
            port=plan.postgres_port,
            username=LOGIN,
            password=plan.password,
            database=LOGIN,
        )
        clickhouse_start = starters.submit(
            start_clickhouse,
            plan.home / "clickhouse",
            port=plan.clickhouse_port,
            user=LOGIN,
            password=plan.password,
            reader_password=plan.reader_password,
            log=plan.home / "clickhouse.log",
            max_memory=max_memory,
        )
    try:
        engines = RunningEngines(postgres_start.result(), clickhouse_start.result())
    except (PostgresStartError, ClickHouseStartError) as error:
        for start in (postgres_start, clickhouse_start):
            with suppress(PostgresStartError, ClickHouseStartError):
                start.result().stop()
        raise EngineStartError(str(error)) from None
    record = plan.home / _RUNNING
    record.write_text(
        json.dumps({"clickhouse": plan.clickhouse_port, "postgres": plan.postgres_port}), encoding="ascii"
    )
    try:
        yield engines
    finally:
        record.unlink(missing_ok=True)
        engines.clickhouse.stop()
        engines.postgres.stop()


def running_environment(home: Path) -> dict[str, str] | None:
    """Return the variables that lead to the engines that run in `home`; None where none do."""
    try:
        ports = json.loads((home / _RUNNING).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    plan = EnginePlan(
        home,
        ports["clickhouse"],
        ports["postgres"],
        password=kept_secret(home / "password"),
        reader_password=kept_secret(home / "reader_password"),
    )
    return plan.environment()


def _port(fixed: str | None, preferred: int) -> int:
    if fixed:
        return int(fixed)
    for candidate in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((HOST, candidate))
                return int(probe.getsockname()[1])
    raise EngineStartError(f"no free port on {HOST}")
