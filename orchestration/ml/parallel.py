"""Runs one function for many tenants in processes of their own, so that a tenant that fails stops no other.

What is computed belongs elsewhere; this module knows neither tenants nor models.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Made]):
    """What became of one piece of work: what was made, or why nothing was, in one line."""

    made: Made | None
    error: str = ""


@dataclass
class Workers:
    """Processes that are started when first needed and kept until the end of the `with` block.

    Attributes:
        count: how many; 0 computes in this process, one after the other.
    """

    count: int = 2
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    def __enter__(self) -> Workers:
        """Return itself; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes."""
        self._stop()

    def each(
        self, work: Callable[[Given], Made], pieces: Iterable[tuple[str, Given]]
    ) -> Iterator[tuple[str, Answer[Made]]]:
        """Yield an answer for every named piece, as they are finished.

        Args:
            work: a function of a module; it must be found by its name in another process.
            pieces: name and argument of each; they are taken one by one while others are being worked on.
        """
        if not self.count:
            for name, given in pieces:
                yield name, _tried(work, given)
            return
        alone: list[tuple[str, Given]] = []
        waiting: dict[Future[Answer[Made]], tuple[str, Given]] = {}
        coming = iter(pieces)
        while True:
            # Enough to keep every process busy, and no more in memory than that.
            for piece in islice(coming, 2 * self.count - len(waiting)):
                waiting[self._submit(work, piece[1])] = piece
            if not waiting:
                break
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                piece = waiting.pop(future)
                try:
                    yield piece[0], future.result()
                except BrokenProcessPool:
                    # A process was killed, for want of memory for example; which piece did it is not known.
                    alone.append(piece)
        yield from self._one_by_one(work, alone)

    def _one_by_one(
        self, work: Callable[[Given], Made], pieces: list[tuple[str, Given]]
    ) -> Iterator[tuple[str, Answer[Made]]]:
        for name, given in pieces:
            self._stop()
            try:
                yield name, self._submit(work, given).result()
            except BrokenProcessPool:
                yield name, Answer(None, "its process was killed; the machine may have too little memory")
                self._stop()

    def _submit(self, work: Callable[[Given], Made], given: Given) -> Future[Answer[Made]]:
        if self._pool is None:
            self._pool = _start(self.count)
        try:
            return self._pool.submit(_tried, work, given)
        except BrokenProcessPool:
            self._stop()
            return self._submit(work, given)

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _start(count: int) -> ProcessPoolExecutor:
    # As many processes as cores, so each computes in one thread; libraries read this when they are loaded.
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    # A forked child of a process with threads, as Dagster's is, may wait for a lock for ever.
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    """Keep the models' own warnings from the console: what matters of them is in their rows."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


def _tried(work: Callable[[Given], Made], given: Given) -> Answer[Made]:
    try:
        return Answer(work(given))
    except Exception as error:  # whatever a model raises must not stop the next tenant
        return Answer(None, one_line(error))


def one_line(error: Exception) -> str:
    """Return what an error says, with its kind, in one line."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:500]}" if text else type(error).__name__
