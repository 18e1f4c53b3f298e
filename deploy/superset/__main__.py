"""`python -m deploy.superset [server|worker|beat]`: one process of Superset in the foreground, until SIGTERM.

The server waits for its database, prepares it and serves. Worker and beat send scheduled reports; they wait for the
server's preparation. Their variables come from `deploy.up`, or from the environment and `.env`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

from deploy.settings import REPOSITORY, SettingsError, load_superset_settings, read_environment
from deploy.superset.environment import process_environment, superset_home
from deploy.superset.server import SupersetStartError, is_prepared, python, start_superset

_CHECK_SECONDS = 0.5
_PATIENCE_SECONDS = 300.0
# Nobody listens yet; or PostgreSQL does, and says that it "is starting up", shuts down, or recovers from a power cut.
_NOT_YET = ("onnection refused", "the database system is ")


class _Stopped(Exception):
    """SIGTERM or SIGINT came."""


def main() -> int:
    """Run until stopped; return the exit code."""
    role = sys.argv[1] if len(sys.argv) > 1 else "server"
    if role not in ("server", "worker", "beat"):
        print(f"error: there is no {role}: server, worker or beat", file=sys.stderr)
        return 1

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        variables = read_environment()
        load_superset_settings(variables)
        _wait_for_the_database(role, variables)
        if role == "server":
            return _serve(variables)
        _run_celery(role, variables)
    except _Stopped:
        return 0
    except (SettingsError, SupersetStartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(variables: dict[str, str]) -> int:
    with start_superset(variables) as server:
        print(f"Superset is ready on {server.url}", flush=True)
        while not server.has_ended():
            time.sleep(_CHECK_SECONDS)
    print(f"error: Superset ended by itself, exit code {server.process.returncode}", file=sys.stderr)
    return 1


def _run_celery(role: str, variables: dict[str, str]) -> None:
    home = superset_home(variables) / "celery"
    for folder in ("queue", "control", "results"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    command = [str(python()), "-m", "celery", "--app", "superset.tasks.celery_app:app", role, "--loglevel", "warning"]
    command += ["--concurrency", "1"] if role == "worker" else ["--schedule", str(home / "beat")]
    os.chdir(REPOSITORY)
    os.execve(command[0], command, process_environment(variables))


def _wait_for_the_database(role: str, variables: dict[str, str]) -> None:
    """Return once the database answers, `make up` starts it at the same time; a worker waits for the server's work."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            if is_prepared(variables) or role == "server":
                return
            reason = "the server has not prepared Superset's database"
        except SupersetStartError as error:
            if not any(words in str(error) for words in _NOT_YET):
                raise
            reason = str(error)
        if time.monotonic() > deadline:
            raise SupersetStartError(reason)
        time.sleep(_CHECK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
