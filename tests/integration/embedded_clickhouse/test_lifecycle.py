"""Start, refusal, shutdown and sudden death of the server process."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import psutil
import pytest

from deploy.embedded.clickhouse import ClickHouseStartError, start_clickhouse
from deploy.settings import REPOSITORY
from tests.integration.embedded_clickhouse.server_access import PASSWORD, USER, Answer, ask, launch, port_of, wait_until

CREATE = "create database kept engine = Atomic; create table kept.rows (id UInt64) engine = MergeTree order by id"
RUNNING = "select count() from system.processes where Settings['log_comment'] = 'running'"


def create(port: int) -> None:
    for statement in CREATE.split("; "):
        assert ask(port, statement).status == 200


@pytest.mark.parametrize(
    ("arguments", "password", "message"),
    [
        (("--host", "0.0.0.0"), PASSWORD, "--allow-remote"),
        (("--host", "0.0.0.0", "--allow-remote"), "", "CLICKHOUSE_PASSWORD"),
        (("--host", "example.org"), PASSWORD, "--allow-remote"),
    ],
)
def test_an_address_for_others_must_be_allowed(
    tmp_path: Path, arguments: tuple[str, ...], password: str, message: str
) -> None:
    process = launch(tmp_path / "data", *arguments, password=password)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in errors.splitlines()[-1]
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = launch(tmp_path / "data", "--port", str(port))
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert errors.splitlines()[-1].startswith(f"error: cannot listen on 127.0.0.1:{port}: Address already in use")
        with pytest.raises(ClickHouseStartError, match=f"cannot listen on 127.0.0.1:{port}"):
            start_clickhouse(tmp_path / "data", port=port, user=USER, password=PASSWORD)


def test_a_taken_folder_is_named_and_a_dead_server_s_folder_is_free(tmp_path: Path) -> None:
    server = start_clickhouse(tmp_path / "data", user=USER, password=PASSWORD)
    try:
        create(server.port)
        assert ask(server.port, "insert into kept.rows format TSV", b"1\n2\n").status == 200
        process = launch(tmp_path / "data", "--port", "0")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert f"in use by process {server.pid}" in errors.splitlines()[-1]
    finally:
        server.kill()
    with start_clickhouse(tmp_path / "data", user=USER, password=PASSWORD) as again:
        assert ask(again.port, "select sum(id) from kept.rows").body == b"3\n"
        assert again.stop() == 0
        assert again.has_ended()


def test_the_password_is_neither_in_the_process_list_nor_in_a_file(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path / "data", user=USER, password="s3cret-word") as server:
        ask(server.port, "select 1", headers={"X-ClickHouse-Key": "s3cret-word"})
        ask(server.port, "select 1", headers={"X-ClickHouse-Key": "wr0ng-word"})
        assert ask(server.port, "system flush logs", headers={"X-ClickHouse-Key": "s3cret-word"}).status == 200
        process = psutil.Process(server.pid)
        assert "s3cret-word" not in " ".join(process.cmdline())
    assert (tmp_path / "data" / "server.log").exists()
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert b"s3cret-word" not in content and b"wr0ng-word" not in content, file


def stopped_while(
    tmp_path: Path,
    query: str,
    body: Iterator[bytes] | None,
    *,
    told: threading.Event | None = None,
    ended: threading.Event | None = None,
) -> tuple[int, list[object]]:
    """Send SIGTERM while the query runs; set `told` when it is sent and `ended` when the server is gone.

    Returns:
        The exit code, and the query's answer or error.
    """
    process = launch(tmp_path / "data", "--port", "0", "--grace", "1")
    port = port_of(process)
    create(port)
    assert ask(port, "insert into kept.rows format TSV", b"1\n2\n").status == 200
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(ask(port, query, body, query_id="running"))
        except (OSError, HTTPException) as error:
            outcome.append(error)

    # Does not keep the tests from ending, should the server fail before the body goes on.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    wait_until(lambda: ask(port, RUNNING).body == b"1\n", "the query runs")
    process.send_signal(signal.SIGTERM)
    if told is not None:
        told.set()
    try:
        code = process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    finally:
        if ended is not None:
            ended.set()
    thread.join(20)
    assert process.stderr is not None and "Traceback" not in process.stderr.read()
    return code, outcome


def rows_afterwards(tmp_path: Path) -> bytes:
    with start_clickhouse(tmp_path / "data", user=USER, password=PASSWORD) as server:
        return ask(server.port, "select count(), sum(id) from kept.rows").body


def test_shutdown_during_a_long_query(tmp_path: Path) -> None:
    query = "select count() from numbers(1000000000000) where not ignore(sipHash64(number))"
    code, outcome = stopped_while(tmp_path, query, None)
    assert code == 0
    assert isinstance(outcome[0], Answer) and b"Code: 394" in outcome[0].body
    assert rows_afterwards(tmp_path) == b"2\t3\n"


def test_shutdown_during_an_insert_that_ends_in_time(tmp_path: Path) -> None:
    told = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"10\n"
        told.wait()
        time.sleep(0.3)
        yield b"20\n"

    code, outcome = stopped_while(tmp_path, "insert into kept.rows format TSV", body(), told=told)
    assert code == 0
    assert isinstance(outcome[0], Answer) and outcome[0].status == 200
    assert rows_afterwards(tmp_path) == b"4\t33\n"


def test_shutdown_does_not_wait_for_a_client_that_sends_no_more(tmp_path: Path) -> None:
    ended = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"10\n"
        ended.wait()
        yield b"20\n"

    code, outcome = stopped_while(tmp_path, "insert into kept.rows format TSV", body(), ended=ended)
    assert code == 0
    assert not (isinstance(outcome[0], Answer) and outcome[0].status == 200)
    assert rows_afterwards(tmp_path) == b"2\t3\n"


def test_too_many_queries_are_refused(tmp_path: Path) -> None:
    process = launch(tmp_path / "data", "--port", "0", "--max-queries", "1")
    try:
        port = port_of(process)
        query = "select count() from numbers(1000000000000) where not ignore(sipHash64(number))"
        head = f"X-ClickHouse-User: {USER}\r\nX-ClickHouse-Key: {PASSWORD}\r\nContent-Length: {len(query)}"
        address = ("127.0.0.1", port)
        # Two endless queries, not one and a question after another: the question may hold the only place itself.
        with socket.create_connection(address) as one, socket.create_connection(address) as other:
            for raw in (one, other):
                raw.sendall(f"POST / HTTP/1.1\r\n{head}\r\n\r\n{query}".encode())
            answered, _, _ = select.select([one, other], [], [], 60)
            assert len(answered) == 1
            assert b"X-ClickHouse-Exception-Code: 202" in answered[0].recv(65536)
        wait_until(lambda: ask(port, "select 1").status == 200, "the server is free again")
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_server_ends_when_the_process_that_started_it_dies(tmp_path: Path) -> None:
    starter = (
        "import os, pathlib, sys; from deploy.embedded.clickhouse import start_clickhouse; "
        "server = start_clickhouse(pathlib.Path(sys.argv[1]), user='u', password='p'); "
        "print(server.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", starter, str(tmp_path / "data")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    server = psutil.Process(int(finished.stdout)) if psutil.pid_exists(int(finished.stdout)) else None
    assert server is None or server.wait(timeout=20) in (None, 0)
