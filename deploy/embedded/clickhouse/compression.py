"""Compression of HTTP bodies, in both directions, chunk by chunk."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import lz4.frame
import zstandard

from deploy.embedded.clickhouse.errors import ClickHouseError

# The library has no types.
_LZ4: Any = lz4.frame
_GZIP_WINDOW = zlib.MAX_WBITS | 16


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


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


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": lambda: zlib.decompressobj(_GZIP_WINDOW),
    "deflate": zlib.decompressobj,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "lz4": _LZ4.LZ4FrameDecompressor,
}
_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "lz4": _Lz4Frames,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW),
    "deflate": lambda: zlib.compressobj(1),
}


def decompress(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the plain bytes of a body; `encoding` is the Content-Encoding, empty for a plain body.

    Raises:
        ClickHouseError: the encoding is unknown or the bytes are not of that encoding.
    """
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in _DECOMPRESSORS:
        raise ClickHouseError.named(48, "NOT_IMPLEMENTED", f"Content-Encoding '{encoding}' is not supported")
    decompressor = _DECOMPRESSORS[encoding]()
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if decompressor.eof:
                    # A body may consist of several frames: clients compress block by block.
                    decompressor = _DECOMPRESSORS[encoding]()
                begun = True
                plain = decompressor.decompress(rest)
                rest = (decompressor.unused_data or b"") if decompressor.eof else b""
                if plain:
                    yield plain
        if begun and not decompressor.eof:
            raise ClickHouseError.named(432, "CANNOT_DECOMPRESS", f"The {encoding} body ends inside a frame")
    except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
        raise ClickHouseError.named(432, "CANNOT_DECOMPRESS", f"The body is not {encoding}: {error}") from None


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
