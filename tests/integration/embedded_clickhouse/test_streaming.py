"""Results larger than the memory, results that fail half-way, and clients that leave."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import quote

import psutil
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.embedded.clickhouse import RunningClickHouse
from tests.integration.embedded_clickhouse.server_access import MEMORY, PASSWORD, USER, ask, connect, wait_until

MEBIBYTE = 1024 * 1024
FAILS_LATE = "select number, throwIf(number = 3000000) from numbers(4000000)"


def is_running(client: Client, query_id: str) -> bool:
    query = "select count() from system.processes where Settings['log_comment'] = {id:String}"
    return bool(client.query(query, parameters={"id": query_id}).result_rows == [(1,)])


@pytest.mark.parametrize("wait", [0, 1], ids=["streamed", "waited for"])
def test_a_result_larger_than_the_memory(server: RunningClickHouse, wait: int) -> None:
    process, peak = psutil.Process(server.pid), 0
    before = process.memory_info().rss
    size = MEMORY + 100 * MEBIBYTE
    query = quote(f"select repeat('x', 10239) from numbers({size // 10240}) settings max_block_size = 1000 format TSV")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    connection.request("POST", f"/?query={query}&wait_end_of_query={wait}", headers=headers)
    answer = connection.getresponse()
    received = 0
    while block := answer.read(4 * MEBIBYTE):
        received += len(block)
        peak = max(peak, process.memory_info().rss)
    connection.close()
    assert received == size // 10240 * 10240
    assert peak - before < 300 * MEBIBYTE


def test_the_client_streams_blocks(client: Client) -> None:
    query = "select number, toString(number) from numbers(1000000)"
    with client.query_row_block_stream(query) as blocks:
        assert sum(row[0] for block in blocks for row in block) == sum(range(1_000_000))


@pytest.mark.parametrize("compression", [False, "lz4", "zstd", "gzip"])
def test_an_error_in_the_middle_reaches_the_streaming_client(
    server: RunningClickHouse, compression: str | bool
) -> None:
    with connect(server.port, compress=compression) as client:
        with pytest.raises(ClickHouseError, match="throwIf"), client.query_row_block_stream(FAILS_LATE) as blocks:
            for _ in blocks:
                pass
        assert client.command("select 1") == 1


def test_an_error_in_the_middle_is_no_complete_answer(server: RunningClickHouse) -> None:
    with pytest.raises(http.client.IncompleteRead) as broken:
        ask(server.port, f"{FAILS_LATE} format TSV")
    assert b"\r\n__exception__\r\n" in broken.value.partial[-1000:]
    assert b"Code: 395" in broken.value.partial[-1000:]


def test_wait_end_of_query_gives_the_error_its_status(server: RunningClickHouse) -> None:
    answer = ask(server.port, f"{FAILS_LATE} format TSV", wait_end_of_query=1)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "395")


def test_a_kill_in_the_middle_is_an_error(server: RunningClickHouse, client: Client) -> None:
    query = quote("select sleepEachRow(0.001) from numbers(100000) settings max_block_size = 100 format TSV")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    connection.request("POST", f"/?query={query}&query_id=killed-stream", headers=headers)
    answer = connection.getresponse()
    assert answer.read(1) == b"0"
    client.command("kill query where query_id = 'killed-stream'")
    with pytest.raises(http.client.IncompleteRead) as broken:
        answer.read()
    assert b"Code: 394" in broken.value.partial[-1000:]
    connection.close()


@pytest.mark.parametrize(
    "query",
    [
        "select count() from numbers(1000000000000) where not ignore(sipHash64(number))",
        "select number from numbers(1000000000000)",
        "create table {database}.long engine = Memory as select sum(sipHash64(number)) from numbers(1000000000000)",
    ],
    ids=["aggregate", "stream", "create"],
)
@pytest.mark.parametrize("session", ["", "&session_id=leaver"], ids=["plain", "session"])
def test_the_query_of_a_client_that_left_is_cancelled(
    server: RunningClickHouse, client: Client, database: str, query: str, session: str
) -> None:
    raw = socket.create_connection(("127.0.0.1", server.port))
    target = f"/?query={quote(query.format(database=database))}&query_id=left{session}"
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {USER}\r\nX-ClickHouse-Key: {PASSWORD}\r\n"
    raw.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
    wait_until(lambda: is_running(client, "left"), "the query runs")
    raw.close()
    wait_until(lambda: not is_running(client, "left"), "the query is cancelled", 5)
    wait_until(lambda: ask(server.port, "select 1", session_id="leaver").status == 200, "the session is free", 5)
