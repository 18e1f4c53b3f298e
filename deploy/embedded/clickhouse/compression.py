"""Compression of HTTP bodies, in both directions, in bounded memory: a small body may unpack to many gigabytes.

ClickHouse's own compressed blocks (`compress=1`) belong in `native_blocks`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import lz4.frame
import zstandard

from deploy.embedded.clickhouse.errors import ClickHouseError

# The library has no types.
_LZ4: Any = lz4.frame
_GZIP_WINDOW = zlib.MAX_WBITS | 16
_PIECE = 1024 * 1024
# This decompressor cannot limit its output. A compressed block takes four bytes at least and holds 128 KiB at most.
_ZSTD_INPUT = 512


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Member(Protocol):
    """One compressed frame; a body may hold several, as clients write one per block of rows.

    Attributes:
        finished: the frame ended.
        rest: what followed the end of the frame.
    """

    @property
    def finished(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...

    def feed(self, data: bytes) -> Iterator[bytes]: ...


class _ZlibMember:
    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    @property
    def finished(self) -> bool:
        return self._inner.eof

    @property
    def rest(self) -> bytes:
        return self._inner.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            plain = self._inner.decompress(data, _PIECE)
            data = self._inner.unconsumed_tail
            if plain:
                yield plain
            if self._inner.eof or not (data or len(plain) == _PIECE):
                return


class _Lz4Member:
    def __init__(self) -> None:
        self._inner = _LZ4.LZ4FrameDecompressor()

    @property
    def finished(self) -> bool:
        return bool(self._inner.eof)

    @property
    def rest(self) -> bytes:
        return bytes(self._inner.unused_data or b"")

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            plain = bytes(self._inner.decompress(data, max_length=_PIECE))
            data = b""
            if plain:
                yield plain
            if self._inner.eof or self._inner.needs_input:
                return


class _ZstdMember:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()

    @property
    def finished(self) -> bool:
        return self._inner.eof

    @property
    def rest(self) -> bytes:
        return self._inner.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        plain = self._inner.decompress(data)
        if plain:
            yield plain


@dataclass(frozen=True, slots=True)
class _Unpacking:
    """How to unpack one encoding: a member's decompressor, and how many bytes it is given at a time."""

    member: Callable[[], _Member]
    input_bytes: int = _PIECE


class _Lz4Frames:
    """LZ4 in frames, with the begin and end that the library leaves to its caller."""

    def __init__(self) -> None:
        self._frames = _LZ4.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        head = b"" if self._begun else self._frames.begin()
        self._begun = True
        return bytes(head + self._frames.compress(data))

    def flush(self) -> bytes:
        return bytes(self._frames.flush()) if self._begun else b""


_UNPACKING: dict[str, _Unpacking] = {
    "gzip": _Unpacking(lambda: _ZlibMember(_GZIP_WINDOW)),
    "deflate": _Unpacking(lambda: _ZlibMember(zlib.MAX_WBITS)),
    "zstd": _Unpacking(_ZstdMember, _ZSTD_INPUT),
    "lz4": _Unpacking(_Lz4Member),
}
_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "lz4": _Lz4Frames,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW),
    "deflate": lambda: zlib.compressobj(1),
}


def decompress(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the plain bytes of a body in pieces; `encoding` is the Content-Encoding, empty for a plain body.

    Raises:
        ClickHouseError: the encoding is unknown, the bytes are not of that encoding, or they end inside a frame.
    """
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in _UNPACKING:
        raise ClickHouseError.named(48, "NOT_IMPLEMENTED", f"Content-Encoding '{encoding}' is not supported")
    try:
        yield from _unpack(chunks, _UNPACKING[encoding])
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise ClickHouseError.named(271, "CANNOT_DECOMPRESS", f"The body is not {encoding}: {error}") from None


def choose_encoding(accepted: str) -> str:
    """Return the cheapest encoding among those of an Accept-Encoding header, empty when none is known."""
    offered = {part.split(";")[0].strip() for part in accepted.split(",")}
    return next((name for name in _COMPRESSORS if name in offered), "")


def compress(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the chunks in that encoding; plain for an empty one."""
    if not encoding:
        yield from chunks
        return
    compressor = _COMPRESSORS[encoding]()
    for chunk in chunks:
        packed = compressor.compress(chunk)
        if packed:
            yield packed
    tail = compressor.flush()
    if tail:
        yield tail


def _unpack(chunks: Iterable[bytes], unpacking: _Unpacking) -> Iterator[bytes]:
    member: _Member | None = None
    for chunk in chunks:
        for start in range(0, len(chunk), unpacking.input_bytes):
            piece = chunk[start : start + unpacking.input_bytes]
            while piece:
                member = unpacking.member() if member is None or member.finished else member
                yield from member.feed(piece)
                piece = member.rest if member.finished else b""
    if member is not None and not member.finished:
        raise EOFError("it ends inside a frame")
