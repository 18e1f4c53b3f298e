"""Runs both embedded engines in the foreground, with a filled demo CRM: `python -m deploy.embedded`.

Ports and password come from the environment that `deploy.up` prepared, so that the other processes know them.
"""

from __future__ import annotations

import signal
import sys
import threading
from datetime import UTC, datetime
from types import FrameType

from deploy.connections import connect_postgres
from deploy.dagster_home import local_home
from deploy.demo_crm import fill
from deploy.embedded.engines import EnginePlan, EngineStartError, running_engines
from deploy.kept_secrets import kept_secret
from deploy.settings import SettingsError, load_settings

_CHECK_SECONDS = 1.0


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        settings = load_settings()
        plan = EnginePlan(
            home=local_home(),
            clickhouse_port=settings.clickhouse.port,
            postgres_port=settings.postgres.port,
            password=settings.postgres.password.get_secret_value(),
            reader_password=kept_secret(local_home() / "reader_password"),
        )
        with running_engines(plan) as engines:
            _fill_when_empty(plan)
            print("engines are ready", flush=True)
            while not stopped.wait(_CHECK_SECONDS):
                ended = engines.ended()
                if ended:
                    print(f"error: {ended} ended by itself; see its log in {plan.home}", file=sys.stderr)
                    return 1
    except (SettingsError, EngineStartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _fill_when_empty(plan: EnginePlan) -> None:
    with connect_postgres(load_settings(plan.environment()).postgres) as connection:
        empty = connection.execute("select to_regclass('public.tenants') is null").fetchone()
        if empty == (True,):
            today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            fill(connection, as_of=today, progress=lambda line: print(line, flush=True))


if __name__ == "__main__":
    sys.exit(main())
