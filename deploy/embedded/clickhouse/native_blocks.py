"""ClickHouse's own compressed blocks, which clients ask for by `compress=1` and send with `decompress=1`.

A block is a 16-byte checksum of what follows it, a byte for the method, the size of the packed data with the nine
bytes of this header, the size of the plain data, and the packed data. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import lz4.block
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.embedded.clickhouse.errors import ClickHouseError

# The library has no types.
_LZ4: Any = lz4.block
_PLAIN_METHOD, _LZ4_METHOD, _ZSTD_METHOD = 0x02, 0x82, 0x90
_HEADER = struct.Struct("<BII")
_CHECKSUM = struct.Struct("<QQ")
_BLOCK_BYTES = 1024 * 1024
# Clients write blocks of a mebibyte; a broken size must not make the server reserve gigabytes.
_LARGEST_BLOCK = 64 * 1024 * 1024


def pack_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks as LZ4 blocks."""
    for chunk in chunks:
        for start in range(0, len(chunk), _BLOCK_BYTES):
            plain = chunk[start : start + _BLOCK_BYTES]
            packed = bytes(_LZ4.compress(plain, store_size=False))
            block = _HEADER.pack(_LZ4_METHOD, _HEADER.size + len(packed), len(plain)) + packed
            yield _checksum(block) + block


def unpack_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the plain data of each block.

    Raises:
        ClickHouseError: a checksum is wrong (40), a block is too large (39), of an unknown method (89) or broken (271).
    """
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while (size := _complete_block(waiting)) > 0:
            block = bytes(waiting[:size])
            del waiting[:size]
            yield _unpack(block)
    if waiting:
        raise ClickHouseError.named(271, "CANNOT_DECOMPRESS", "The body ends inside a compressed block")


def _complete_block(waiting: bytearray) -> int:
    """Return the size of the block that `waiting` begins with, 0 if it is not complete yet."""
    if len(waiting) < _CHECKSUM.size + _HEADER.size:
        return 0
    _, packed_size, plain_size = _HEADER.unpack_from(waiting, _CHECKSUM.size)
    if packed_size < _HEADER.size or max(packed_size, plain_size) > _LARGEST_BLOCK:
        raise ClickHouseError.named(39, "TOO_LARGE_SIZE_COMPRESSED", "A compressed block has an impossible size")
    size = int(_CHECKSUM.size + packed_size)
    return size if len(waiting) >= size else 0


def _unpack(block: bytes) -> bytes:
    checked = block[_CHECKSUM.size :]
    if block[: _CHECKSUM.size] != _checksum(checked):
        raise ClickHouseError.named(40, "CHECKSUM_DOESNT_MATCH", "The checksum of a compressed block is wrong")
    method, _, plain_size = _HEADER.unpack_from(checked)
    packed = checked[_HEADER.size :]
    try:
        plain = _plain(method, packed, plain_size)
    except (zstandard.ZstdError, _LZ4.LZ4BlockError, ValueError) as error:
        raise ClickHouseError.named(271, "CANNOT_DECOMPRESS", f"A compressed block is broken: {error}") from None
    if len(plain) != plain_size:
        raise ClickHouseError.named(271, "CANNOT_DECOMPRESS", "A compressed block has another size than announced")
    return plain


def _plain(method: int, packed: bytes, plain_size: int) -> bytes:
    if method == _LZ4_METHOD:
        return bytes(_LZ4.decompress(packed, uncompressed_size=plain_size))
    if method == _ZSTD_METHOD:
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=plain_size)
    if method == _PLAIN_METHOD:
        return packed
    raise ClickHouseError.named(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method {method:#x}")


def _checksum(data: bytes) -> bytes:
    number = CityHash128(data)
    return _CHECKSUM.pack(number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF)
