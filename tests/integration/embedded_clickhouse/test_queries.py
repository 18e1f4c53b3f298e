"""Queries, parameters, formats, compression, errors and read-only requests, as clients send them."""

from __future__ import annotations

import base64
import gzip
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import clickhouse_connect
import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from deploy.embedded.clickhouse import RunningClickHouse
from tests.integration.embedded_clickhouse.server_access import PASSWORD, USER, ask, connect, wait_until

LZ4: Any = lz4.frame
AWKWARD = 'it\'s\ta \\ "line"\n🙂'


def test_values_of_many_types_come_back(client: Client) -> None:
    row = client.query("select 1::Int8, -2.5::Float64, 'ж', [1,2], null, toDate('2026-01-02'), map('a', 1)").result_rows
    assert [str(value) for value in row[0]] == ["1", "-2.5", "ж", "[1, 2]", "None", "2026-01-02", "{'a': 1}"]


@pytest.mark.parametrize("in_form", [False, True], ids=["url", "form"])
def test_query_parameters(server: RunningClickHouse, in_form: bool) -> None:
    with connect(server.port, form_encode_query_params=in_form) as client:
        found = client.query("select {a:String}, {b:Array(Int64)}", parameters={"a": AWKWARD, "b": [1, 2]})
    assert found.result_rows == [(AWKWARD, [1, 2])]


def test_external_data_is_visible_to_its_query_only(client: Client, server: RunningClickHouse) -> None:
    external = ExternalData(file_name="picked", fmt="CSV", structure="id UInt64, text String", data=b"1,a\n2,b\n")
    assert client.query("select sum(id) from picked", external_data=external).result_rows == [(3,)]
    assert ask(server.port, "select count() from picked").status == 404
    with connect(server.port, session_id="external") as session:
        for _ in range(2):
            assert session.query("select sum(id) from picked", external_data=external).result_rows == [(3,)]


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
def test_compressed_results(server: RunningClickHouse, encoding: str) -> None:
    with connect(server.port, compress=encoding) as client:
        rows = client.query("select number, toString(number) from numbers(200000)").result_rows
        assert rows[-1] == (199999, "199999") and len(rows) == 200000
        with client.query_row_block_stream("select number from numbers(200000)") as blocks:
            assert sum(len(block) for block in blocks) == 200000


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("lz4", LZ4.compress), ("zstd", zstandard.ZstdCompressor().compress), ("gzip", gzip.compress)],
)
def test_compression_over_plain_http(server: RunningClickHouse, encoding: str, pack: object) -> None:
    assert callable(pack)
    unpack = {"lz4": LZ4.decompress, "zstd": zstandard.ZstdDecompressor().decompressobj().decompress}
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    answer = ask(server.port, body=pack(b"select 'x'"), headers=headers, enable_http_compression=1)
    assert answer.headers["Content-Encoding"] == encoding
    assert unpack.get(encoding, gzip.decompress)(answer.body) == b"x\n"


def test_a_body_that_is_not_compressed_as_announced_is_refused(server: RunningClickHouse) -> None:
    answer = ask(server.port, body=b"select 1", headers={"Content-Encoding": "zstd"})
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "432")


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [
        ("select * from nowhere.missing", 81, 404),
        ("select * from system.missing", 60, 404),
        ("selec 1", 62, 400),
        ("", 62, 400),
        ("select throwIf(1)", 395, 500),
        ("select 1 settings no_such_setting = 1", 115, 404),
    ],
)
def test_errors_carry_code_and_status(server: RunningClickHouse, query: str, code: int, status: int) -> None:
    answer = ask(server.port, body=query.encode())
    assert (answer.headers["X-ClickHouse-Exception-Code"], answer.status) == (str(code), status)
    assert answer.body.decode().startswith(f"Code: {code}. DB::Exception: ")


def test_the_client_sees_the_server_s_error(client: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("select * from system.missing")


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        ({"session_timeout": "soon", "session_id": "x"}, {}),
        ({"no such setting": "1"}, {}),
        ({}, {"Content-Type": "multipart/form-data"}),
    ],
)
def test_odd_requests_get_an_error_and_not_a_broken_connection(
    server: RunningClickHouse, parameters: dict[str, Any], headers: dict[str, str]
) -> None:
    assert 400 <= ask(server.port, body=b"select \xff1", headers=headers, **parameters).status <= 500


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " "])
def test_a_wrong_password_is_refused(server: RunningClickHouse, password: str) -> None:
    answer = ask(server.port, "select 1", headers={"X-ClickHouse-Key": password})
    assert (answer.headers["X-ClickHouse-Exception-Code"], answer.status) == ("516", 403)
    assert (password or PASSWORD) not in answer.body.decode()
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(host="127.0.0.1", port=server.port, username=USER, password=password or "no")


def test_credentials_are_taken_from_basic_authorization_and_parameters(server: RunningClickHouse) -> None:
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/", b"select 1", {"Authorization": f"Basic {basic}"})
    assert connection.getresponse().read() == b"1\n"
    connection.close()


def test_get_is_read_only(server: RunningClickHouse, table: str) -> None:
    sessions: list[dict[str, Any]] = [{}, {"session_id": "reader"}]
    for session in sessions:
        assert ask(server.port, f"select count() from {table}", method="GET", **session).body == b"0\n"
        refused = ask(server.port, f"insert into {table} select 1, 'x'", method="GET", **session)
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164"
    assert ask(server.port, f"insert into {table} select 1, 'x'", session_id="reader").status == 200


def test_ping_needs_no_password_and_the_connection_stays_open_after_errors(server: RunningClickHouse) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"Ok.\n"
    opened = connection.sock
    assert ask(server.port, "select * from system.missing", connection=connection).status == 404
    unread = ask(server.port, body=b"x" * 2_000_000, headers={"X-ClickHouse-Key": "wrong"}, connection=connection)
    assert unread.status == 403
    assert ask(server.port, "select 7", connection=connection).body == b"7\n"
    assert connection.sock is opened and opened is not None
    connection.close()


@pytest.mark.parametrize("last_lines", ["format JSONEachRow", "format JSONEachRow -- done", "format JSONEachRow\n;"])
def test_format_clause_decides(server: RunningClickHouse, last_lines: str) -> None:
    answer = ask(server.port, f"select 1 as a {last_lines}")
    assert (answer.headers["X-ClickHouse-Format"], answer.body) == ("JSONEachRow", b'{"a":1}\n')


def test_words_in_strings_and_comments_are_no_format_clause(server: RunningClickHouse) -> None:
    answer = ask(server.port, "select 'x format CSV' /* format JSON */", default_format="JSONEachRow")
    assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert b"x format CSV" in answer.body


def test_query_log_names_the_query_by_the_client_s_id(client: Client) -> None:
    client.query("select 'logged'", settings={"query_id": "my-own-id"})
    client.command("system flush logs")
    found = client.query("select query from system.query_log where log_comment = 'my-own-id' and type = 'QueryFinish'")
    assert [row[0].split("\n")[0] for row in found.result_rows] == ["select 'logged'"]


def test_kill_query_by_the_client_s_id(server: RunningClickHouse, client: Client) -> None:
    answers: list[str] = []

    def long() -> None:
        query = "select count() from numbers(1000000000000) where not ignore(sipHash64(number))"
        answers.append(ask(server.port, query, query_id="to-kill").body.decode())

    thread = threading.Thread(target=long)
    thread.start()
    running = "select count() from system.processes where Settings['log_comment'] = 'to-kill'"
    wait_until(lambda: client.query(running).result_rows == [(1,)], "the query runs")
    assert ask(server.port, "select 1", query_id="to-kill").headers["X-ClickHouse-Exception-Code"] == "216"
    client.command("kill query where query_id = 'to-kill'")
    thread.join(20)
    assert "394" in answers[0]


def test_backup_and_restore(client: Client, table: str, database: str) -> None:
    client.command(f"insert into {table} values (1, 'kept')")
    client.command(f"backup database {database} to File('{database}')")
    client.command(f"truncate table {table}")
    client.command(f"restore database {database} from File('{database}') settings allow_non_empty_tables = 1")
    assert client.query(f"select text from {table}").result_rows == [("kept",)]


def test_eight_clients_at_once(server: RunningClickHouse, table: str) -> None:
    def work(number: int) -> int:
        with connect(server.port, session_id=f"worker-{number}") as client:
            for step in range(10):
                client.insert(table, [[number * 100 + step, f"w{number}"]])
            return int(client.query(f"select count() from {table} where text = 'w{number}'").result_rows[0][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [10] * 8
    assert ask(server.port, f"select uniqExact(id) from {table}").body == b"80\n"
