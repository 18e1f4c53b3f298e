"""Runs a contender's process and measures it: wall seconds, CPU seconds of all parts, peak memory of the worker.

CPU seconds are read from /proc before and after, while every process that worked is still there or was waited for, so
nothing that a short-lived one used is missed. What the contenders do belongs in their own modules.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil

from benchmarks.peers.protocol import GO, READY
from benchmarks.peers.results import Measured
from deploy.settings import REPOSITORY

# Listing the processes of a machine takes milliseconds; more often would disturb what is measured.
_SAMPLE_SECONDS = 0.25
_TAIL_LINES = 200


class WorkerFailed(Exception):
    """A worker ended without an answer; the message is the last line that it printed."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Process ids of the two servers."""

    postgres: int
    clickhouse: int


class Worker:
    """A started process of a contender. As a context manager it ends the process."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], engines: Engines) -> None:
        """Start the worker and wait until it has imported what it needs."""
        self._engines = engines
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._messages: list[str] = []
        self._reader = threading.Thread(target=self._collect, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        if self._line() != READY:
            raise self._failure()

    def run(self) -> tuple[Measured, dict[str, Any]]:
        """Let the worker work once; return what it used and what it answered.

        Raises:
            WorkerFailed: it ended instead of answering.
        """
        before = self._cpu()
        with _PeakMemory(self._process.pid) as memory:
            self._say(GO)
            line = self._line()
        after = self._cpu()
        if not line:
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        worker, postgres, clickhouse = (now - then for now, then in zip(after, before, strict=True))
        measured = Measured(
            seconds=answer.pop("seconds"),
            worker_cpu=worker,
            postgres_cpu=postgres,
            clickhouse_cpu=clickhouse,
            peak_mb=memory.peak_bytes / 1e6,
        )
        return measured, answer

    def __enter__(self) -> Self:
        """Return the worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker: its input ends, and so does its loop."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _cpu(self) -> tuple[float, float, float]:
        engines = self._engines
        return _tree_cpu(self._process.pid), _tree_cpu(engines.postgres), _tree_cpu(engines.clickhouse)

    def _say(self, word: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def _line(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout is not None else ""

    def _failure(self) -> WorkerFailed:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        said = [line for line in self._messages if line.strip()]
        return WorkerFailed(said[-1].strip() if said else f"ended with exit code {self._process.returncode}")

    def _collect(self, stream: IO[str] | None) -> None:
        for line in stream or ():
            self._messages.append(line)
            del self._messages[:-_TAIL_LINES]


def wait_until_idle(engines: Engines, *, limit: float = 120.0) -> float:
    """Wait until neither server works any more (merges, checkpoints); return the CPU seconds that they used meanwhile.

    Args:
        engines: the servers.
        limit: seconds after which to go on all the same.
    """
    begin = last = _tree_cpu(engines.postgres) + _tree_cpu(engines.clickhouse)
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        time.sleep(1)
        now = _tree_cpu(engines.postgres) + _tree_cpu(engines.clickhouse)
        if now - last < 0.05:
            return now - begin
        last = now
    return last - begin


class _PeakMemory:
    """Watches the resident memory of a worker until the end of its `with` block.

    The kernel keeps the peak of each process; only where there are children the sum over all of them is sampled.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        # Forgets the peak of an earlier run of the same process.
        Path(f"/proc/{self._pid}/clear_refs").write_text("5", encoding="ascii")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.peak_bytes = max(self.peak_bytes, _kernel_peak(self._pid))

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(_resident(process) for process in _tree(self._pid)))


def _kernel_peak(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _tree_cpu(pid: int) -> float:
    """Return the CPU seconds of a process, its living descendants, and of those of its children that it waited for.

    A child that ends between two looks is missed, never counted twice, so the highest of several looks is right.
    """
    looks = []
    for pause in (0.0, 0.03, 0.03):
        time.sleep(pause)
        looks.append(sum(_process_cpu(process) for process in _tree(pid)))
    return max(looks)


def _process_cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
