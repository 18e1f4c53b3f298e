"""Starts Superset as a child process, waits until it is healthy, stops it; prepares its database first."""

from __future__ import annotations

import hashlib
import hmac
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from deploy.settings import REPOSITORY, SupersetSettings, load_superset_settings
from deploy.superset.environment import VIRTUAL_ENVIRONMENT, process_environment, superset_home

START_TIMEOUT_SECONDS = 180.0
STOP_TIMEOUT_SECONDS = 20.0
_THREADS = 8
_REQUEST_TIMEOUT_SECONDS = 180
# Longer than clients and reverse proxies keep an idle connection (nginx: 60 s): whoever sends just when the server
# closes one loses the request, and a POST is not sent again by itself. gunicorn's own 2 s made that an every-day case.
_KEEP_ALIVE_SECONDS = 75
_FINGERPRINT = "CRM_SUPERSET_FINGERPRINT"


# Sleeps on its standard input, whose other end this process holds: when that ends without a word, so does the server.
_WATCH_PARENT = """\
read -r word
[ -n "$word" ] || kill -TERM "$1" 2>/dev/null
"""


class SupersetStartError(Exception):
    """Superset did not start; the message is one line that says what to do."""


class RunningSuperset:
    """A running Superset. As a context manager it stops it at the end of the block."""

    def __init__(self, process: subprocess.Popen[bytes], settings: SupersetSettings, log: Path | None) -> None:
        """Take charge of a server process that answers."""
        self.process = process
        self.url = f"http://127.0.0.1:{settings.port}"
        self.log = log
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH_PARENT, "sh", str(process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def has_ended(self) -> bool:
        """Tell whether the server is gone."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Let running requests finish and end the server; harmless when repeated."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._watch.stdin is not None and not self._watch.stdin.closed:
            with suppress(BrokenPipeError):
                self._watch.stdin.write(b"stopped\n")
                self._watch.stdin.close()
        self._watch.wait()

    def __enter__(self) -> Self:
        """Return the running server itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()


def python() -> Path:
    """Return the interpreter of Superset's environment. Raises SupersetStartError where it was not made."""
    path = VIRTUAL_ENVIRONMENT / "bin" / "python"
    if not path.exists():
        raise SupersetStartError(f"{VIRTUAL_ENVIRONMENT.name} is missing: run make {VIRTUAL_ENVIRONMENT.name}/ready")
    return path


def is_prepared(variables: Mapping[str, str]) -> bool:
    """Return whether the database is as this version of the project needs it. Raises SupersetStartError."""
    settings = load_superset_settings(variables)
    _ensure_database(settings)
    return _remembered(settings) == _fingerprint(settings)


def prepare(variables: Mapping[str, str], *, log: Path | None = None) -> bool:
    """Bring Superset's database up to date, and return whether anything had to be done.

    Raises:
        SupersetStartError: the database cannot be reached, or a step failed; the message holds its last line.
    """
    settings = load_superset_settings(variables)
    fingerprint = _fingerprint(settings)
    _ensure_database(settings)
    superset_home(variables).mkdir(parents=True, exist_ok=True)
    if _remembered(settings) == fingerprint:
        return False
    finished = subprocess.run(
        [python(), "-m", "superset_assets.server.bootstrap"],
        cwd=REPOSITORY,
        env={**process_environment(variables), _FINGERPRINT: fingerprint},
        capture_output=True,
        text=True,
        check=False,
    )
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(finished.stdout + finished.stderr)
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()]
        reason = lines[-1].removeprefix("error: ") if lines else f"exit code {finished.returncode}"
        raise SupersetStartError(f"Superset's database could not be prepared: {reason}")
    return True


def start_superset(variables: Mapping[str, str], *, log: Path | None = None) -> RunningSuperset:
    """Prepare the database, start the server and return once it is healthy.

    Args:
        variables: those of `.env.example`, complete (see `environment.embedded_variables`).
        log: file that its messages are appended to; without one they go where this process's go.

    Raises:
        SupersetStartError: one line; the database, the port, or whatever the server said last.
        SettingsError: a setting is missing or malformed.
    """
    settings = load_superset_settings(variables)
    prepare(variables, log=log)
    _check_port_is_free(settings.port)
    output = log.open("ab") if log is not None else None
    try:
        process = subprocess.Popen(
            gunicorn_command(settings),
            cwd=REPOSITORY,
            env=process_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        if output is not None:
            output.close()
    running = RunningSuperset(process, settings, log)
    try:
        wait_until_healthy(running)
    except BaseException:
        running.stop()
        raise
    return running


def gunicorn_command(settings: SupersetSettings) -> list[str]:
    """Return the command line of the server; it logs no requests: addresses hold what is nobody's business."""
    return [
        str(python()), "-m", "gunicorn",
        "--workers", str(settings.workers),
        "--worker-class", "gthread",
        "--threads", str(_THREADS),
        "--timeout", str(_REQUEST_TIMEOUT_SECONDS),
        "--keep-alive", str(_KEEP_ALIVE_SECONDS),
        "--bind", f"127.0.0.1:{settings.port}",
        "--log-level", "warning",
        "superset.app:create_app()",
    ]  # fmt: skip


def wait_until_healthy(server: RunningSuperset) -> None:
    """Return once /health answers. Raises SupersetStartError if the server ends or says nothing for too long."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    where = f" (see {server.log})" if server.log else ""
    while True:
        if server.has_ended():
            raise SupersetStartError(f"Superset ended while starting, exit code {server.process.returncode}{where}")
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=10) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if time.monotonic() > deadline:
            raise SupersetStartError(f"Superset did not answer within {START_TIMEOUT_SECONDS:.0f} s{where}")
        time.sleep(0.1)


def _ensure_database(settings: SupersetSettings) -> None:
    """Create Superset's database in a server that lets us; in one that does not it must exist."""
    address = make_url(settings.metadata_uri.get_secret_value())
    if not address.drivername.startswith("postgresql"):
        raise SupersetStartError("SUPERSET_METADATA_URI must be a postgresql+psycopg2:// address")
    try:
        _connect(settings).close()
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise SupersetStartError(
                f"Superset's database: {_first_line(error)} (check SUPERSET_METADATA_URI)"
            ) from None
        with _connect(settings, database="postgres") as connection:
            name = sql.Identifier(str(address.database))
            connection.execute(sql.SQL("create database {}").format(name))


def _remembered(settings: SupersetSettings) -> str | None:
    with _connect(settings) as connection:
        if connection.execute("select to_regclass('public.crm_state') is null").fetchone() == (True,):
            return None
        row = connection.execute("select value from crm_state where name = 'bootstrap'").fetchone()
        return None if row is None else str(row[0])


def _connect(settings: SupersetSettings, database: str | None = None) -> psycopg.Connection[tuple[object, ...]]:
    address = make_url(settings.metadata_uri.get_secret_value())
    conninfo = make_conninfo(
        host=address.host,
        port=address.port or 5432,
        user=address.username,
        password=address.password,
        dbname=database or address.database,
        connect_timeout=10,
    )
    return psycopg.connect(conninfo, autocommit=True)


def _fingerprint(settings: SupersetSettings) -> str:
    """Return what changes whenever the database may have to: packages, code, declaration, the operator's password."""
    digest = hashlib.sha256()
    folder = REPOSITORY / "superset_assets"
    for path in [
        REPOSITORY / "requirements" / "superset.txt",
        REPOSITORY / "catalogue" / "access.py",
        folder / "roles.yaml",
        folder / "rls.yaml",
        *sorted((folder / "server").glob("*.py")),
    ]:
        digest.update(path.read_bytes())
    secret = settings.secret_key.get_secret_value().encode()
    digest.update(hmac.digest(secret, settings.admin_password.get_secret_value().encode(), "sha256"))
    return digest.hexdigest()


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SupersetStartError(
                f"cannot listen on 127.0.0.1:{port}: {error.strerror}; stop what uses it, or set SUPERSET_PORT"
            ) from None


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
