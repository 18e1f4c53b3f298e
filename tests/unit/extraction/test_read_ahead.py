"""Blocks that are made in another thread arrive whole, in order, and with the failure of whoever makes them."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from orchestration.extraction.copy_push import read_ahead


class Source:
    """Makes blocks, fails behind the last one if told to, and remembers what became of it."""

    def __init__(self, count: int, failure: Exception | None = None) -> None:
        self.count, self.failure = count, failure
        self.threads: set[int] = set()
        self.closed = False

    def blocks(self) -> Generator[bytes, None, None]:
        try:
            for number in range(self.count):
                self.threads.add(threading.get_ident())
                yield bytes([number])
            if self.failure:
                raise self.failure
        finally:
            self.closed = True


def test_all_blocks_arrive_in_order_from_another_thread() -> None:
    source = Source(5)
    assert list(read_ahead(source.blocks())) == [bytes([number]) for number in range(5)]
    assert source.closed and source.threads and threading.get_ident() not in source.threads


def test_a_failure_arrives_behind_the_blocks_before_it() -> None:
    found = read_ahead(Source(2, ValueError("the line was cut")).blocks())
    assert [next(found), next(found)] == [b"\0", b"\1"]
    with pytest.raises(ValueError, match="the line was cut"):
        next(found)


def test_whoever_stops_early_ends_the_source() -> None:
    source = Source(100)
    # Held here, as Python would end a generator that nobody holds by itself.
    blocks = source.blocks()
    found = read_ahead(blocks)
    next(found)
    found.close()
    assert source.closed
