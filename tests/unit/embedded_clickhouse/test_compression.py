"""Bodies of several frames arrive whole; truncated ones are refused."""

from __future__ import annotations

import pytest

from deploy.embedded.clickhouse.compression import compress, decompress
from deploy.embedded.clickhouse.errors import ClickHouseError

ENCODINGS = ["lz4", "zstd", "gzip", "deflate"]
PARTS = [b"first " * 1000, b"second " * 1000, b"third"]


def frames(encoding: str) -> bytes:
    return b"".join(b"".join(compress([part], encoding)) for part in PARTS)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_several_frames_arrive_whole(encoding: str, size: int) -> None:
    body = frames(encoding)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert b"".join(decompress(chunks, encoding)) == b"".join(PARTS)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_truncated_body_is_refused(encoding: str) -> None:
    with pytest.raises(ClickHouseError, match="ends inside a frame"):
        b"".join(decompress([frames(encoding)[:-2]], encoding))
