"""Runs embedded PostgreSQL as a child process: start, wait until it answers, stop, never outlive the parent.

What the data folder holds belongs in `cluster`; the command line in `__main__`.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from deploy.embedded.postgres.cluster import Cluster, prepare_cluster, running_pid, server_environment, set_login
from deploy.embedded.postgres.errors import PostgresStartError
from deploy.free_port import free_port

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 60.0
# After a kill -9 of the server, its orphans need a moment to notice and to let go of the shared memory.
ORPHAN_TIMEOUT_SECONDS = 15.0

_SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "max_prepared_transactions": "20",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Sleeps on its standard input. A word means that the server was stopped in order; an end of file without one means that
# the parent died: then the server is told to shut down, unless its process id is no longer that of this server.
_WATCH_PARENT = """\
read -r word
[ -n "$word" ] && exit 0
read -r pid < "$2/postmaster.pid" && [ "$pid" = "$1" ] && kill -INT "$1"
"""


class RunningPostgres:
    """A running server. As a context manager it stops the server at the end of the block.

    Attributes:
        host: the loopback address it listens on.
        port: the TCP port it listens on.
        pid: the server's process id.
    """

    def __init__(self, cluster: Cluster, process: subprocess.Popen[bytes], port: int) -> None:
        """Take charge of a server process that answers on `port`."""
        self.host = HOST
        self.port = port
        self.pid = process.pid
        self._process = process
        self._watch = _watch_parent(cluster, process.pid)

    def wait(self) -> int:
        """Block until the server ends by itself and return its exit code (negative: the signal that killed it)."""
        return self._process.wait()

    def has_ended(self) -> bool:
        """Tell whether the server is gone."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Shut the server down (running transactions are rolled back) and wait for its end; harmless when repeated."""
        _shut_down(self._process)
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


def start_postgres(
    data: Path,
    *,
    port: int = 0,
    username: str,
    password: str,
    database: str,
    log: Path | None = None,
    durable: bool = True,
) -> RunningPostgres:
    """Start PostgreSQL on loopback TCP and return once `username` can log in to `database`.

    Data survives restarts and kill -9. The login and the database are created when missing, and an existing login gets
    this password. Should this process die without `stop()`, the server shuts down by itself.

    Args:
        data: folder of the server; created when missing. Under root the server runs as an unprivileged user.
        port: TCP port; 0 takes a free one.
        username: login that owns the database; no superuser, but it may create databases and roles.
        password: its password, asked for over TCP (scram-sha-256).
        database: name of the database.
        log: file that the server's messages are appended to; by default `postgres.log` in `data`.
        durable: wait for the disk. False is for tests: a crash of the machine, though not of the server, loses data.

    Raises:
        PostgresStartError: one line; the port is taken, the folder is in use, of another version, not ours, and so on.
    """
    if port:
        _check_port_is_free(port)
    cluster = prepare_cluster(data, username=username, password=password, durable=durable)
    log_file = log or data / "postgres.log"
    chosen_port = port or free_port()
    settings = {**_SERVER_SETTINGS, **({} if durable else _NOT_DURABLE), "port": str(chosen_port)}
    process = _launch(cluster, settings, log_file)
    try:
        if not _accepts_login(process, chosen_port, username, password, log_file):
            _shut_down(process)
            set_login(cluster, username=username, password=password)
            process = _launch(cluster, settings, log_file)
            if not _accepts_login(process, chosen_port, username, password, log_file):
                raise PostgresStartError(f"PostgreSQL at {HOST}:{chosen_port} does not accept the login {username}")
        _ensure_database(chosen_port, username, password, database)
        return RunningPostgres(cluster, process, chosen_port)
    except BaseException:
        _shut_down(process)
        raise


def _launch(cluster: Cluster, settings: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start the server process; where orphans of a killed server still hold the folder, wait for their end."""
    deadline = time.monotonic() + ORPHAN_TIMEOUT_SECONDS
    while True:
        log_start = log.stat().st_size if log.exists() else 0
        process = _spawn(cluster, settings, log)
        try:
            if _owns_folder(process, cluster):
                return process
        except BaseException:
            _shut_down(process)
            raise
        messages = log.read_bytes()[log_start:].decode(errors="replace")
        if "shared memory block" not in messages or time.monotonic() > deadline:
            raise PostgresStartError(_explain(messages, cluster, int(settings["port"]), log))
        time.sleep(0.2)


def _owns_folder(process: subprocess.Popen[bytes], cluster: Cluster) -> bool:
    """Wait until the server has locked its folder and port, or has given up; tell which."""
    while process.poll() is None:
        if running_pid(cluster.folder) == process.pid:
            # It locks the folder first: one that cannot have the port ends right after.
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
            return process.poll() is None
        time.sleep(0.02)
    return False


def _spawn(cluster: Cluster, settings: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # A session of its own: Ctrl-C and a killed process group reach us, and we stop the server in order.
            return subprocess.Popen(
                [str(cluster.binaries / "postgres"), "-D", str(cluster.folder), *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=dict(server_environment()),
                start_new_session=True,
                user=cluster.account.uid if cluster.account else None,
                group=cluster.account.gid if cluster.account else None,
                extra_groups=[] if cluster.account else None,
            )
    except OSError as error:
        raise PostgresStartError(f"cannot start PostgreSQL: {error.filename}: {error.strerror}") from error


def _accepts_login(process: subprocess.Popen[bytes], port: int, username: str, password: str, log: Path) -> bool:
    """Wait until the server answers; return False if it refuses the password."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            _connect(port, username, password, "postgres").close()
            return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                return False
        if process.poll() is not None:
            raise PostgresStartError(f"PostgreSQL ended while starting, exit code {process.returncode} (see {log})")
        if time.monotonic() > deadline:
            raise PostgresStartError(f"PostgreSQL did not answer within {START_TIMEOUT_SECONDS:.0f} s (see {log})")
        time.sleep(0.05)


def _ensure_database(port: int, username: str, password: str, database: str) -> None:
    with _connect(port, username, password, "postgres") as connection:
        if connection.execute("select from pg_database where datname = %s", [database]).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))


def _connect(port: int, username: str, password: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=HOST,
        port=port,
        user=username,
        password=password,
        dbname=database,
        sslmode="disable",
        gssencmode="disable",
        connect_timeout=10,
        autocommit=True,
    )


def _shut_down(process: subprocess.Popen[bytes]) -> None:
    for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)


def _watch_parent(cluster: Cluster, pid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCH_PARENT, "sh", str(pid), str(cluster.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=dict(server_environment()),
        start_new_session=True,
    )


def _check_port_is_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PostgresStartError(_port_message(port, error.strerror or str(error))) from error


def _port_message(port: int, reason: str) -> str:
    return f"cannot listen on {HOST}:{port}: {reason}; stop what uses the port, or choose another one"


def _explain(messages: str, cluster: Cluster, port: int, log: Path) -> str:
    if "could not bind" in messages:
        return _port_message(port, "Address already in use")
    pid = running_pid(cluster.folder)
    if pid is not None:
        return f"{cluster.folder.parent} is in use by the PostgreSQL with process id {pid}: stop it first"
    fatal = [line for line in messages.splitlines() if "FATAL:" in line]
    return f"PostgreSQL did not start: {fatal[0] if fatal else 'no message'} (see {log})"
