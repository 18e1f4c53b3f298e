"""Reads an HTTP request of a ClickHouse client: its parameters, its credentials, its body as a stream."""

from __future__ import annotations

import base64
import binascii
import email.parser
import email.policy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

from deploy.embedded.clickhouse.engine import ExternalTable
from deploy.embedded.clickhouse.errors import ClickHouseError

_CHUNK_BYTES = 256 * 1024
_LONGEST_CHUNK_HEADER = 1024
# Parameters of the HTTP interface itself; every other one is a setting of the query.
_INTERFACE_PARAMETERS = {
    "query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "user",
    "password", "quota_key", "role", "buffer_size", "wait_end_of_query", "enable_http_compression", "compress",
    "decompress", "client_protocol_version", "close_session", "http_write_exception_in_output_format",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "http_response_buffer_size", "stacktrace",
    "cancel_http_readonly_queries_on_client_close",
}  # fmt: skip


class BrokenBody(OSError):
    """The client went away or sent a body that does not end as announced."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request's parameters, sorted by what they are for."""

    interface: Mapping[str, str]
    settings: Mapping[str, str]
    query_parameters: Mapping[str, str]
    external_tables: tuple[ExternalTable, ...] = ()

    def flag(self, name: str) -> bool:
        """Return whether an interface parameter is switched on."""
        return self.interface.get(name, "0") in ("1", "true")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the client says it is."""

    user: str
    password: str = field(repr=False)


def parse_target(target: str) -> tuple[str, dict[str, str]]:
    """Return the path and the parameters of a request target."""
    parts = urlsplit(target)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def sort_parameters(raw: Mapping[str, str], external_tables: tuple[ExternalTable, ...] = ()) -> Parameters:
    """Sort raw parameters into those of the interface, query parameters and settings."""
    interface = {name: value for name, value in raw.items() if name in _INTERFACE_PARAMETERS}
    query_parameters = {name.removeprefix("param_"): value for name, value in raw.items() if name.startswith("param_")}
    external = {f"{table.name}_{suffix}" for table in external_tables for suffix in ("format", "structure", "types")}
    settings = {
        name: value
        for name, value in raw.items()
        if name not in interface and not name.startswith("param_") and name not in external
    }
    return Parameters(interface, settings, query_parameters, external_tables)


def read_credentials(headers: Message, parameters: Mapping[str, str]) -> Credentials:
    """Return the credentials of the headers or, failing these, of the parameters; the default user without any."""
    authorization = headers.get("Authorization", "")
    if authorization.lower().startswith("basic "):
        try:
            user, _, password = base64.b64decode(authorization[6:]).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ClickHouseError.named(516, "AUTHENTICATION_FAILED", "Invalid Authorization header") from None
        return Credentials(user, password)
    if headers.get("X-ClickHouse-User") is not None:
        return Credentials(headers["X-ClickHouse-User"], headers.get("X-ClickHouse-Key", ""))
    return Credentials(parameters.get("user", "default"), parameters.get("password", ""))


def body_chunks(headers: Message, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the body as it arrives, chunked or of a known length.

    Raises:
        BrokenBody: the body ends before its announced end.
    """
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        yield from _chunked(stream)
        return
    announced = headers.get("Content-Length") or "0"
    if not announced.isdecimal():
        raise BrokenBody(f"Content-Length '{announced}' is not a number")
    left = int(announced)
    while left:
        chunk = stream.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise BrokenBody("the connection ended inside the body")
        left -= len(chunk)
        yield chunk


def _chunked(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        header = stream.readline(_LONGEST_CHUNK_HEADER)
        try:
            left = int(header.split(b";")[0], 16)
        except ValueError:
            raise BrokenBody("the connection ended inside the body") from None
        if left == 0:
            while stream.readline(_LONGEST_CHUNK_HEADER) not in (b"\r\n", b"\n", b""):
                pass
            return
        while left:
            chunk = stream.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise BrokenBody("the connection ended inside the body")
            left -= len(chunk)
            yield chunk
        stream.readline(_LONGEST_CHUNK_HEADER)


def parse_form(content_type: str, body: bytes, url_parameters: Mapping[str, str]) -> Parameters:
    """Read a multipart form: fields are parameters, files are external tables."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    fields = dict(url_parameters)
    files: dict[str, bytes] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if part.get_filename() is not None:
            files[name] = content
        else:
            fields[name] = content.decode("utf-8")
    tables = tuple(
        ExternalTable(
            name=name,
            structure=fields.get(f"{name}_structure") or _numbered(fields.get(f"{name}_types", "")),
            format=fields.get(f"{name}_format", "TabSeparated"),
            data=content,
        )
        for name, content in files.items()
    )
    return sort_parameters(fields, tables)


def _numbered(types: str) -> str:
    return ", ".join(f"_{position} {type_.strip()}" for position, type_ in enumerate(types.split(","), start=1))
