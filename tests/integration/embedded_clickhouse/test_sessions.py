"""Sessions: what they keep, what they must not keep, and who may use them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.embedded.clickhouse import RunningClickHouse
from tests.integration.embedded_clickhouse.server_access import ask, connect, wait_until


def threads(server: RunningClickHouse, **parameters: Any) -> str:
    return ask(server.port, "select getSetting('max_block_size')", **parameters).body.decode().strip()


def test_temporary_tables_live_in_their_session_only(server: RunningClickHouse) -> None:
    with connect(server.port, session_id="one") as one, connect(server.port, session_id="two") as two:
        one.command("create temporary table mine (a Int64)")
        one.insert("mine", [[1], [2]], column_names=["a"], column_type_names=["Int64"])
        assert one.query("select sum(a) from mine").result_rows == [(3,)]
        with pytest.raises(Exception, match="UNKNOWN_TABLE"):
            two.query("select * from mine")


def test_without_a_session_nothing_is_kept(server: RunningClickHouse) -> None:
    assert ask(server.port, "create temporary table lost (a Int64)").status == 200
    assert ask(server.port, "select * from lost").status == 404
    ask(server.port, "set max_block_size = 77")
    assert threads(server) != "77"


def test_settings_of_a_request_do_not_outlive_it(server: RunningClickHouse) -> None:
    default = threads(server, session_id="settings")
    assert threads(server, session_id="settings", max_block_size=1000) == "1000"
    assert threads(server, session_id="settings") == default
    ask(server.port, "set max_block_size = 500", session_id="settings", max_block_size=1000)
    assert threads(server, session_id="settings") == "500"
    assert threads(server, session_id="settings", max_block_size=1000) == "1000"
    assert threads(server, session_id="settings", max_threads=1) == "500"


def test_a_wrong_setting_spoils_neither_its_session_nor_the_others_of_the_request(server: RunningClickHouse) -> None:
    default = threads(server, session_id="wrong")
    for _ in range(2):
        refused = ask(server.port, "select 1", session_id="wrong", max_block_size=1000, no_such_setting=1)
        assert refused.headers["X-ClickHouse-Exception-Code"] == "115"
        assert threads(server, session_id="wrong") == default


def test_a_busy_session_is_refused_and_free_again_afterwards(server: RunningClickHouse, client: Client) -> None:
    slow = threading.Thread(
        target=ask, args=(server.port, "select sleepEachRow(1) from numbers(3) settings max_block_size = 1"),
        kwargs={"session_id": "busy", "query_id": "busy-query"},
    )  # fmt: skip
    slow.start()
    running = "select count() from system.processes where Settings['log_comment'] = 'busy-query'"
    wait_until(lambda: client.query(running).result_rows == [(1,)], "the query runs")
    answer = ask(server.port, "select 1", session_id="busy")
    assert (answer.headers["X-ClickHouse-Exception-Code"], answer.status) == ("373", 500)
    client.command("kill query where query_id = 'busy-query'")
    slow.join(20)
    assert ask(server.port, "select 1", session_id="busy").body == b"1\n"


def test_a_session_is_free_as_soon_as_its_answer_is_there(server: RunningClickHouse) -> None:
    with connect(server.port, session_id="quick") as client:
        for size in (1, 20_000, 100_000) * 10:
            assert len(client.query(f"select number from numbers({size})").result_rows) == size
            assert ask(server.port, "select 1", session_id="quick").status == 200


def test_session_check_wants_an_existing_session(server: RunningClickHouse) -> None:
    answer = ask(server.port, "select 1", session_id="unheard of", session_check=1)
    assert (answer.headers["X-ClickHouse-Exception-Code"], answer.status) == ("372", 404)


def test_an_idle_session_ends(server: RunningClickHouse) -> None:
    assert ask(server.port, "select 1", session_id="short", session_timeout=1).status == 200
    wait_until(
        lambda: ask(server.port, "select 1", session_id="idle", session_timeout=1).status == 200, "a session opens"
    )

    def ended() -> bool:
        answer = ask(server.port, "select 1", session_id="short", session_check=1, session_timeout=1)
        return answer.status == 404

    threading.Event().wait(1.5)
    wait_until(ended, "the session ended")
