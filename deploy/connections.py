"""Opens the CRM and the warehouse from settings, and turns every failure to do so into one clear line.

Queries belong to the packages that own them; this module only connects.
"""

from __future__ import annotations

import logging
from typing import Any

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from deploy.settings import ClickHouseSettings, PostgresSettings

CONNECT_TIMEOUT_SECONDS = 10
# A peer that vanished without a word is noticed within a minute; one that is only slow keeps acknowledging.
_NOTICE_A_DEAD_PEER = "keepalives=1 keepalives_idle=30 keepalives_interval=10 keepalives_count=3 tcp_user_timeout=60000"
# The driver logs a failed connection before it raises; whoever catches the error says it once, in one line.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


class ConnectionFailed(Exception):
    """A database could not be reached or refused us; the message is one line that says which, where and why."""


def connect_postgres(settings: PostgresSettings, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection to the CRM with the session in UTF-8, UTC and ISO dates.

    Raises:
        ConnectionFailed: the server is unreachable, refuses the credentials, or has no such database.
    """
    try:
        return psycopg.connect(
            _NOTICE_A_DEAD_PEER,
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=settings.username,
            password=settings.password.get_secret_value(),
            sslmode=settings.sslmode,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="crm-analytics",
            client_encoding="UTF8",
            options="-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=1",
            autocommit=autocommit,
        )
    except psycopg.OperationalError as error:
        where = f"PostgreSQL at {settings.host}:{settings.port}, database {settings.database}, user {settings.username}"
        raise ConnectionFailed(
            f"{where}: {_first_line(error)} (check DB_HOST, DB_PORT, DB_NAME, DB_USERNAME, DB_PASSWORD)"
        ) from None


def connect_clickhouse(settings: ClickHouseSettings, *, database: str | None = None, **options: Any) -> Client:
    """Open a client of the warehouse; `options` go to `clickhouse_connect.get_client` (settings, timeouts).

    Raises:
        ConnectionFailed: the server is unreachable or refuses the credentials.
    """
    # A session would stay locked for a moment after a broken-off request; who needs one asks for it.
    options.setdefault("autogenerate_session_id", False)
    try:
        return clickhouse_connect.get_client(
            host=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password.get_secret_value(),
            secure=settings.secure,
            database=database or "default",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            client_name="crm-analytics",
            **options,
        )
    except (ClickHouseError, OSError) as error:
        where = f"ClickHouse at {settings.host}:{settings.port}, user {settings.username}"
        hint = "check CLICKHOUSE_HOST, CLICKHOUSE_PORT, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD, CLICKHOUSE_SECURE"
        raise ConnectionFailed(f"{where}: {_reason(error)} ({hint})") from None


def _reason(error: BaseException) -> str:
    """Return what the network said, where the HTTP library wraps it into a sentence of its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NewConnectionError | NameResolutionError | ConnectTimeoutError):
            return str(cause).rpartition(": ")[2].rstrip(")").removeprefix("[Errno 111] ")
        cause = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
