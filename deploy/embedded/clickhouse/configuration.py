"""What the server is started with, and the ClickHouse configuration file made from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import psutil

_LARGEST_DEFAULT_MEMORY = 8 * 1024**3


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of one server.

    Attributes:
        data: folder of everything that the server keeps.
        host: address to listen on.
        port: port to listen on; 0 lets the system choose.
        user: the user who may do everything.
        password: that user's password.
        reader_password: password of the account `reader`, which may only read what readers are shown; None: no such.
        max_memory: bytes that all queries together may use.
        max_queries: queries that may run at once.
        grace: seconds that running queries get at shutdown before they are cancelled.
        until_stdin_ends: stop when standard input ends, as it does when the parent dies.
    """

    data: Path
    host: str
    port: int
    user: str
    password: str
    max_memory: int
    max_queries: int
    grace: float
    until_stdin_ends: bool = False
    reader_password: str | None = None


def default_max_memory() -> int:
    """Return half of the machine's memory, at most 8 GiB: a laptop has other things to do."""
    return int(min(psutil.virtual_memory().total // 2, _LARGEST_DEFAULT_MEMORY))


def write_configuration(options: ServerOptions) -> Path:
    """Write the engine's configuration file into the data folder and return its path."""
    backups = options.data / "backups"
    for folder in (backups, options.data / "store", options.data / "tmp", options.data / "files"):
        folder.mkdir(parents=True, exist_ok=True)
    path = options.data / "config.xml"
    path.write_text(
        f"""<clickhouse>
    <tmp_path>{escape(str(options.data / "tmp"))}/</tmp_path>
    <max_server_memory_usage>{options.max_memory}</max_server_memory_usage>
    <mark_cache_size>134217728</mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <timezone>UTC</timezone>
    <query_log>
        <database>system</database>
        <table>query_log</table>
        <ttl>event_date + interval 14 day delete</ttl>
        <flush_interval_milliseconds>5000</flush_interval_milliseconds>
    </query_log>
    <backups>
        <allowed_path>{escape(str(backups))}</allowed_path>
    </backups>
</clickhouse>
""",
        encoding="utf-8",
    )
    return path
