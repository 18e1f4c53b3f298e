"""Lets ClickHouse read PostgreSQL itself: no row passes through this process.

ClickHouse opens a session of its own, read-only and with nothing set, so the query brings what it needs of the session.
The CRM's password is in the statement: ClickHouse hides it in its logs, and here it is taken out of every error.
Choosing between the ways to move rows belongs in `transport`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from clickhouse_connect.driver.binding import format_str
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.httpclient import HttpClient
from clickhouse_connect.driver.summary import QuerySummary
from urllib3.util.timeout import Timeout

from orchestration.extraction.errors import first_line
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse, column_names
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.wire import typed_query

# Changes whenever the server starts, to the microsecond: two servers never share it.
_WHICH_SERVER = "select extract(epoch from pg_postmaster_start_time())::text || ' ' || current_database() as server"
# A session starts with the encoding of its database unless it asks for another, which ClickHouse does not.
_WHICH_ENCODING = "select current_setting('client_encoding') as encoding"
_MAY_BE_PLAIN = ("disable", "allow", "prefer")
_CRM_ERROR = re.compile(r"pqxx::(?P<kind>\w+): (?:[^\n]*?(?P<severity>ERROR|FATAL):\s*)?(?P<message>[^\n]*)")
_UNREACHABLE = "POSTGRESQL_CONNECTION_FAILURE"
_GONE = "server closed the connection"

# Said in full, so that no server profile can change what lands. Nothing that is sent depends on a time zone.
_LANDING_SETTINGS: dict[str, Any] = {"insert_null_as_default": 1, "optimize_on_insert": 0}


def pull_rows(
    connection: Connection, warehouse: Warehouse, plan: TablePlan, select: str, extracted_at: datetime
) -> int:
    """Let ClickHouse insert the rows of a SELECT into the staging table, and return how many there were.

    Args:
        connection: to the CRM; its address and login are used, not its session.
        warehouse: where the staging table is.
        plan: of the table.
        select: over it, from `render_select`.
        extracted_at: the boundary that it was made with.

    Raises:
        psycopg.Error: the CRM failed; ClickHouse may have kept part of the rows.
        ClickHouseError: ClickHouse failed, likewise.
    """
    typed = typed_query(plan, select, extracted_at)
    statement = (
        f"insert into {warehouse.loading(plan.table.name)} ({column_names(typed.columns)}) "
        f"select {', '.join(typed.landing)} from {_remote(connection, typed.query)}"
    )
    settings = {**INSERT_SETTINGS, **_LANDING_SETTINGS, "max_query_size": len(statement.encode()) + 1024}
    try:
        with unlimited_patience(warehouse.client):
            summary = warehouse.client.command(statement, settings=settings)
    except ClickHouseError as error:
        raise _without_password(error, connection) from None
    if not isinstance(summary, QuerySummary):
        raise AssertionError(f"ClickHouse answered an insert with {summary!r}")
    return summary.written_rows


def why_not(connection: Connection, warehouse: Warehouse) -> str:
    """Return why ClickHouse cannot read this CRM as this process does; empty when it can."""
    host, sslmode = connection.info.host, connection.info.get_parameters().get("sslmode", "prefer")
    if host.startswith("/"):
        return "the CRM is reached through a local socket"
    if sslmode not in _MAY_BE_PLAIN:
        return f"DB_SSLMODE is {sslmode}, which cannot be demanded of ClickHouse"
    expected = connection.execute(_WHICH_SERVER).fetchall()
    try:
        found = warehouse.client.query(f"select * from {_remote(connection, _WHICH_SERVER)}").result_rows
        encoding = warehouse.client.query(f"select * from {_remote(connection, _WHICH_ENCODING)}").result_rows[0][0]
    except ClickHouseError as error:
        return f"ClickHouse cannot read the CRM: {first_line(_without_password(error, connection))}"
    if [tuple(row) for row in found] != expected:
        return f"{host}:{connection.info.port} is another server for ClickHouse"
    if encoding != "UTF8":
        return f"the CRM's texts are in {encoding}, which ClickHouse would take for UTF-8"
    return ""


@contextmanager
def unlimited_patience(client: Client) -> Iterator[None]:
    """Let the client wait as long as it takes; a server that is gone is still noticed, by the connection's probes."""
    if not isinstance(client, HttpClient):
        raise TypeError(f"{type(client).__name__} is no client of ClickHouse's HTTP interface")
    usual = client.timeout
    client.timeout = Timeout(connect=None, read=None)
    try:
        yield
    finally:
        client.timeout = usual


def _remote(connection: Connection, query: str) -> str:
    info = connection.info
    arguments = (format_str(f"{info.host}:{info.port}"), format_str(info.dbname), f"query({format_str(query)})")
    return f"postgresql({', '.join(arguments)}, {format_str(info.user)}, {format_str(info.password)})"


def _without_password(error: ClickHouseError, connection: Connection) -> Exception:
    """Return the error as the one of the two databases that failed would have raised it, without the password."""
    message = str(error)
    for spelling in (format_str(connection.info.password)[1:-1], connection.info.password):
        message = message.replace(spelling, "[HIDDEN]") if spelling else message
    if _UNREACHABLE in message:
        return psycopg.OperationalError(message)
    crm_error = _CRM_ERROR.search(message)
    if crm_error is None:
        return DatabaseError(message)
    broken = crm_error["kind"] == "broken_connection" or crm_error["severity"] == "FATAL" or _GONE in message
    return (psycopg.OperationalError if broken else psycopg.DatabaseError)(crm_error["message"])
