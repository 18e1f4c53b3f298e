"""Embedded PostgreSQL as its callers see it: the real server, started, killed, restarted and refused."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from deploy.embedded.postgres import PostgresStartError, RunningPostgres, start_postgres

REPOSITORY = Path(__file__).resolve().parents[3]
PASSWORD = 'p\'a\\ss "word"'


def start(data: Path, *, port: int = 0, password: str = PASSWORD, database: str = "crm") -> RunningPostgres:
    return start_postgres(data, port=port, username="crm", password=password, database=database)


def connect(
    server: RunningPostgres, *, password: str = PASSWORD, database: str = "crm", user: str = "crm"
) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=server.host, port=server.port, user=user, password=password, dbname=database, autocommit=True
    )


def value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder that others may pass through, unlike pytest's: under root the server runs as somebody else."""
    path = Path(tempfile.mkdtemp(prefix="embedded-postgres-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder whose `data` one test's server after the other uses; making one takes longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="embedded-postgres-"))
    path.chmod(0o711)
    start(path / "data").stop()
    yield path
    shutil.rmtree(path)


def test_login_database_and_settings(folder: Path) -> None:
    with start(folder / "data") as server, connect(server) as connection:
        assert server.host == "127.0.0.1"
        assert value(connection, "select current_setting('server_version_num')::int / 10000") == 18
        assert value(connection, "select current_setting('timezone')") == "UTC"
        assert int(value(connection, "select current_setting('max_prepared_transactions')")) > 0
        assert value(connection, "select current_setting('fsync')") == "on"
        assert value(connection, "select lower('ПРИВЕТ')") == "привет"
        assert value(connection, "select '2026-07-01 12:00Z'::timestamptz at time zone 'America/New_York'").hour == 8
        assert value(connection, "select pg_has_role('pg_read_all_stats', 'usage')") is True
        assert value(connection, "select rolsuper from pg_roles where rolname = current_user") is False
        connection.execute("create table t (i int)")
        connection.execute("begin; insert into t values (1); prepare transaction 'demo'")
        connection.execute("commit prepared 'demo'")
        assert value(connection, "select count(*) from t") == 1


def test_a_server_for_tests_does_not_wait_for_the_disk(folder: Path) -> None:
    server = start_postgres(folder / "data", username="crm", password=PASSWORD, database="crm", durable=False)
    with server, connect(server) as connection:
        assert value(connection, "select current_setting('fsync')") == "off"


def test_tcp_asks_for_the_password(folder: Path) -> None:
    with start(folder / "data") as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(server, password="wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(server, user="postgres", password="postgres")


def test_data_survives_a_restart_with_a_new_password_and_a_second_database(folder: Path) -> None:
    with start(folder / "data") as server, connect(server) as connection:
        connection.execute("drop table if exists kept; create table kept as select 42 as answer")
    with start(folder / "data", password="another", database="second") as server:
        with connect(server, password="another") as connection:
            assert value(connection, "select answer from kept") == 42
        with connect(server, password="another", database="second") as connection:
            assert value(connection, "select current_database()") == "second"
        with pytest.raises(psycopg.OperationalError):
            connect(server, password=PASSWORD)


def test_committed_data_survives_kill_9_of_the_server(folder: Path) -> None:
    server = start(folder / "data")
    connection = connect(server)
    connection.execute("drop table if exists kept; create table kept as select 42 as answer")
    os.kill(server.pid, signal.SIGKILL)
    wait_until_gone(server.pid)
    with start(folder / "data") as again, connect(again) as reader:
        assert value(reader, "select answer from kept") == 42
    server.stop()


def test_closed_parent_folder_is_no_obstacle_and_is_not_opened_for_reading(empty: Path) -> None:
    empty.chmod(0o700)
    with start(empty / "data") as server, connect(server) as connection:
        assert value(connection, "select 1") == 1
    assert empty.stat().st_mode & 0o066 == 0


def test_stop_ends_the_server_despite_open_sessions_and_can_be_repeated(folder: Path) -> None:
    server = start(folder / "data")
    connection = connect(server)
    connection.execute("begin")
    server.stop()
    server.stop()
    assert server.has_ended()
    assert not psutil.pid_exists(server.pid)


def test_taken_port_is_named(empty: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PostgresStartError, match=f"cannot listen on 127.0.0.1:{port}"):
            start(empty / "data", port=port)


def test_folder_in_use_names_the_process(folder: Path) -> None:
    with start(folder / "data") as server:
        with pytest.raises(PostgresStartError, match=f"in use by the PostgreSQL with process id {server.pid}"):
            start(folder / "data")
        with connect(server) as connection:
            assert value(connection, "select 1") == 1


def test_folder_of_another_version_is_refused(empty: Path) -> None:
    (empty / "cluster").mkdir()
    (empty / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresStartError, match="made by PostgreSQL 16, this is PostgreSQL 18"):
        start(empty)


def test_foreign_data_folder_is_refused(empty: Path) -> None:
    (empty / "PG_VERSION").write_text("18\n")
    with pytest.raises(PostgresStartError, match="did not make"):
        start(empty)


def test_interrupted_creation_is_begun_anew(empty: Path) -> None:
    (empty / "cluster.partial").mkdir()
    (empty / "cluster.partial" / "PG_VERSION").write_text("18\n")
    with start(empty) as server, connect(server) as connection:
        assert value(connection, "select 1") == 1


def test_stale_process_id_of_another_program_does_not_block_the_start(folder: Path) -> None:
    (folder / "data" / "cluster" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{folder}/data/cluster\n0\n5432\n\n127.0.0.1\n\nready\n"
    )
    with start(folder / "data") as server, connect(server) as connection:
        assert value(connection, "select 1") == 1


def test_ordinary_user_runs_the_server_as_itself(empty: Path) -> None:
    become_ordinary = ""
    home = empty / "home"
    home.mkdir()
    expected = os.geteuid()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        expected = nobody.pw_uid
        become_ordinary = f"os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})"
    # Everything is imported before the change of user, since the interpreter may be out of that user's reach.
    script = f"""
import os, encodings.idna, psutil
from pathlib import Path
from deploy.embedded.postgres import start_postgres
os.chdir("/")
{become_ordinary}
with start_postgres(Path({str(home / "data")!r}), username="crm", password="x", database="crm") as server:
    print(psutil.Process(server.pid).uids().real)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, env={"HOME": "/"}, capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == str(expected), result.stderr


def run_command(data: Path, *, port: int = 0, password: str | None = PASSWORD) -> subprocess.Popen[str]:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DB_")}
    if password is not None:
        environment["DB_PASSWORD"] = password
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded.postgres", "--data", str(data), "--port", str(port)],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def server_pid(data: Path) -> int:
    return int((data / "cluster" / "postmaster.pid").read_text().splitlines()[0])


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_command_prints_one_ready_line_and_stops_cleanly(folder: Path, stop_signal: signal.Signals) -> None:
    log = folder / "data" / "postgres.log"
    logged_before = len(log.read_text())
    command = run_command(folder / "data")
    assert command.stdout is not None
    line = command.stdout.readline()
    assert line.startswith("PostgreSQL is ready on 127.0.0.1:"), line
    pid = server_pid(folder / "data")
    assert PASSWORD not in " ".join(psutil.Process(command.pid).cmdline() + psutil.Process(pid).cmdline())
    command.send_signal(stop_signal)
    output, errors = command.communicate(timeout=60)
    assert (command.returncode, output, errors) == (0, "", "")
    assert not psutil.pid_exists(pid)
    assert "database system is shut down" in log.read_text()[logged_before:]


def test_server_does_not_outlive_a_killed_command(empty: Path) -> None:
    command = run_command(empty / "data")
    assert command.stdout is not None
    command.stdout.readline()
    pid = server_pid(empty / "data")
    command.kill()
    command.communicate(timeout=60)
    wait_until_gone(pid)
    assert "database system is shut down" in (empty / "data" / "postgres.log").read_text()


def test_command_reports_the_end_of_its_server(folder: Path) -> None:
    command = run_command(folder / "data")
    assert command.stdout is not None
    command.stdout.readline()
    os.kill(server_pid(folder / "data"), signal.SIGKILL)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 1
    assert errors.strip() == "error: PostgreSQL ended unexpectedly with exit code -9"


def test_command_names_a_missing_password(empty: Path) -> None:
    command = run_command(empty / "data", password=None)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 1
    assert errors.strip() == "error: DB_PASSWORD is not set (see .env.example)"


def test_command_prints_a_start_error_as_one_line(folder: Path) -> None:
    with start(folder / "data"):
        command = run_command(folder / "data")
        _, errors = command.communicate(timeout=60)
    assert command.returncode == 1
    assert errors.count("\n") == 1
    assert "in use by" in errors
