"""Inserts in every form that clients use, and what is left of those that break off."""

from __future__ import annotations

import gzip
import http.client
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import lz4.frame
import psutil
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.summary import QuerySummary

from deploy.embedded.clickhouse import RunningClickHouse
from tests.integration.embedded_clickhouse.server_access import MEMORY, PASSWORD, USER, ask, connect, wait_until

LZ4: Any = lz4.frame
MEBIBYTE = 1024 * 1024


def rows(client: Client, table: str) -> list[tuple[int, str]]:
    return [(int(id_), str(text)) for id_, text in client.query(f"select * from {table} order by id").result_rows]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
def test_native_insert_of_the_client(server: RunningClickHouse, table: str, compression: str | None) -> None:
    with connect(server.port, compress=compression or False) as client:
        client.insert(table, [[number, f"текст {number}"] for number in range(1000)], column_names=["id", "text"])
        assert rows(client, table)[-1] == (999, "текст 999")


@pytest.mark.parametrize("format_", ["TSV", "CSV"])
def test_rows_streamed_by_a_generator(client: Client, table: str, format_: str) -> None:
    separator = {"TSV": "\t", "CSV": ","}[format_]
    lines = (f"{number}{separator}row {number}\n".encode() for number in range(100_000))
    summary = client.raw_insert(table, ["id", "text"], lines, fmt=format_)
    assert summary.written_rows == 100_000
    assert client.query(f"select count(), max(id), sum(text = 'row ' || id) from {table}").result_rows == [
        (100_000, 99_999, 100_000)
    ]


VALUES = [
    "insert into {table} values (1, 'a'), (2, 'format CSV')",
    "/* {{\"app\": \"dbt\"}} */\n-- insert\n  INSERT INTO {table} (id, text)\nVALUES\n(1, 'a'),\n(2, 'format CSV');",
    "insert into {table} settings max_insert_threads = 1 values (1, 'a') (2, 'format CSV')",
    "insert into {table} format Values (1, 'a'), (2, 'format CSV')",
    "insert into {table} format CSV\n1,a\n2,format CSV\n",
    "insert into {table} format TSV 1\ta\n2\tformat CSV\n",
    'insert into {table} format JSONEachRow\n{{"id": 1, "text": "a"}} {{"id": 2, "text": "format CSV"}}',
    "insert into {table} select number + 1, ['a', 'format CSV'][number + 1] from numbers(2)",
    "insert into {table} (select number + 1, ['a', 'format CSV'][number + 1] from numbers(2))",
    "insert into {table} with 2 as n select number + 1, ['a', 'format CSV'][number + 1] from numbers(n)",
]


@pytest.mark.parametrize("in_url", [False, True], ids=["body", "url"])
@pytest.mark.parametrize("statement", VALUES)
def test_statement_with_its_rows(
    server: RunningClickHouse, client: Client, table: str, statement: str, in_url: bool
) -> None:
    text = statement.format(table=table)
    answer = ask(server.port, text) if in_url else ask(server.port, body=text.encode())
    assert answer.status == 200, answer.body
    assert rows(client, table) == [(1, "a"), (2, "format CSV")]


def test_insert_into_a_table_function(server: RunningClickHouse, database: str) -> None:
    target = f"file('{database}.csv', 'CSV', 'id UInt64, text String')"
    assert ask(server.port, f"insert into table function {target} format TSV", b"1\ta\n").status == 200
    assert ask(server.port, f"select * from {target}").body == b"1\ta\n"
    assert not Path(f"{database}.csv").exists()


@pytest.mark.parametrize("format_", ["TSV", "JSONEachRow", "CSV"])
def test_statement_in_url_and_rows_in_body(server: RunningClickHouse, client: Client, table: str, format_: str) -> None:
    body = {"TSV": b"1\ta\n2\tb\n", "CSV": b"1,a\n2,b\n", "JSONEachRow": b'{"id":1,"text":"a"}{"id":2,"text":"b"}'}
    answer = ask(server.port, f"insert into {table} format {format_}", body[format_])
    assert answer.status == 200, answer.body
    assert '"written_rows": "2"' in answer.headers["X-ClickHouse-Summary"]
    assert rows(client, table) == [(1, "a"), (2, "b")]


def test_parameters_inside_an_insert(server: RunningClickHouse, client: Client, table: str) -> None:
    database, _, name = table.partition(".")
    given: dict[str, Any] = {"param_table": name, "param_text": "it\\'s\\tодин"}
    insert = "insert into {table:Identifier} values (1, {text:String})"
    assert ask(server.port, insert, database=database, **given).status == 200
    assert ask(server.port, body=insert.encode(), database=database, **given).status == 200
    streamed = ask(server.port, "insert into {table:Identifier} format TSV", b"2\tz\n", database=database, **given)
    assert streamed.status == 200
    assert rows(client, table) == [(1, "it's\tодин"), (1, "it's\tодин"), (2, "z")]


def test_values_of_more_than_a_mebibyte(client: Client, table: str) -> None:
    text = "x') format CSV, ('" * 20
    literal = text.replace("'", "\\'")
    client.command(f"insert into {table} values " + ",".join(f"({number}, '{literal}')" for number in range(5000)))
    assert client.query(f"select count(), any(text) from {table}").result_rows == [(5000, text)]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("lz4", LZ4.compress), ("zstd", zstandard.ZstdCompressor().compress), ("gzip", gzip.compress)],
)
def test_compressed_rows(server: RunningClickHouse, table: str, encoding: str, pack: object) -> None:
    assert callable(pack)
    body = pack(b"".join(b"%d\tx\n" % number for number in range(300_000)))
    answer = ask(server.port, f"insert into {table} format TSV", body, headers={"Content-Encoding": encoding})
    assert answer.status == 200, answer.body
    assert ask(server.port, f"select count(), max(id) from {table}").body == b"300000\t299999\n"


def test_a_body_larger_than_the_memory_is_streamed(server: RunningClickHouse) -> None:
    process, peak = psutil.Process(server.pid), 0
    chunk = (b"1\t" + b"x" * 10_000 + b"\n") * 105
    number = 2 * MEMORY // len(chunk)

    def chunks(size: int) -> Iterator[bytes]:
        nonlocal peak
        for _ in range(size):
            peak = max(peak, process.memory_info().rss)
            yield chunk

    # A target that keeps nothing: merges of a table would take memory of their own.
    insert = "insert into function null('id UInt64, text String') format TSV"
    ask(server.port, insert, chunks(100), max_insert_block_size=2000)
    before = process.memory_info().rss
    answer = ask(server.port, insert, chunks(number), max_insert_block_size=2000)
    assert answer.status == 200, answer.body[:300]
    assert f'"written_rows": "{number * 105}"' in answer.headers["X-ClickHouse-Summary"]
    assert peak - before < 200 * MEBIBYTE


@pytest.mark.parametrize("breaks", ["between-chunks", "inside-chunk", "inside-length"])
def test_a_body_that_breaks_off_leaves_nothing_and_a_retry_works(
    server: RunningClickHouse, client: Client, table: str, breaks: str
) -> None:
    lines = b"".join(b"%d\tx\n" % number for number in range(10_000))
    announced = len(lines) * (1 if breaks == "between-chunks" else 2)
    length = f"Content-Length: {announced}" if breaks == "inside-length" else "Transfer-Encoding: chunked"
    begin = b"" if breaks == "inside-length" else b"%x\r\n" % announced
    end = b"\r\n" if breaks == "between-chunks" else b""
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        target = f"/?query=insert+into+{table}+format+TSV&query_id=broken-{breaks}"
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {USER}\r\nX-ClickHouse-Key: {PASSWORD}\r\n"
        raw.sendall(f"{head}{length}\r\n\r\n".encode() + begin + lines + end)
        running = f"select count() from system.processes where Settings['log_comment'] = 'broken-{breaks}'"
        wait_until(lambda: client.query(running).result_rows == [(1,)], "the insert runs")
    wait_until(lambda: client.query(running).result_rows == [(0,)], "the insert ended")
    assert rows(client, table) == []
    client.raw_insert(table, insert_block=lines, fmt="TSV")
    assert len(rows(client, table)) == 10_000


def test_a_client_whose_rows_fail_does_not_leave_half_of_them(client: Client, table: str) -> None:
    def lines() -> Generator[bytes, None, None]:
        yield b"1\tx\n" * 1000
        raise RuntimeError("the source broke")

    with pytest.raises(Exception, match="the source broke"):
        client.raw_insert(table, insert_block=lines(), fmt="TSV")
    assert rows(client, table) == []
    assert client.command("select 1") == 1


def test_a_wrong_row_is_reported_though_much_more_was_sent(client: Client, table: str) -> None:
    lines = (b"1\tx\n" * 1000 if number != 3 else b"wrong\n" for number in range(5000))
    with pytest.raises(DatabaseError, match="Cannot parse input"):
        client.raw_insert(table, insert_block=lines, fmt="TSV")
    assert rows(client, table) == []
    assert client.command("select 1") == 1


@pytest.mark.parametrize(
    ("column", "code"),
    [("x UInt8 default throwIf(id = 2)", 395), ("x Int64 default id, constraint small check x < 2", 469)],
)
def test_a_row_refused_behind_the_parser_is_an_error(client: Client, table: str, column: str, code: int) -> None:
    client.command(f"create or replace table {table} (id Int64, {column}) engine = MergeTree order by id")
    with pytest.raises(DatabaseError, match=f"[Cc]ode: {code}"):
        client.raw_insert(table, ["id"], b"1\n2\n", fmt="TSV")
    assert client.query(f"select * from {table}").result_rows == []
    client.raw_insert(table, ["id"], b"1\n", fmt="TSV")


def test_an_insert_from_a_query_tells_how_much_it_wrote(client: Client, table: str) -> None:
    summary = client.command(f"insert into {table} select number, 'x' from numbers(7)")
    assert isinstance(summary, QuerySummary)
    assert summary.written_rows == 7
    assert client.command(f"select id from {table} where id = 99") == ""


def test_a_client_that_asks_before_it_sends_the_body(server: RunningClickHouse, table: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.putrequest("POST", f"/?query=insert+into+{table}+format+TSV")
    for name, value in {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD, "Expect": "100-continue"}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", "4")
    connection.endheaders()
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 100")
    connection.send(b"1\tx\n")
    assert connection.getresponse().status == 200
    connection.close()
