"""CPU seconds and peak memory of process trees over time, by sampling.

What a child used before it ended stays counted: its last sample is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil

_INTERVAL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment: CPU seconds used so far and resident bytes, by name of a process tree."""

    at: float
    cpu_seconds: Mapping[str, float]
    resident_bytes: Mapping[str, int]


@dataclass
class UsageSampler:
    """Samples named process trees in a thread until the end of its `with` block."""

    samples: list[Sample] = field(default_factory=list)
    _roots: dict[str, int] = field(default_factory=dict)
    _cpu_by_process: dict[tuple[str, int], float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def watch(self, name: str, pid: int) -> None:
        """Add the tree below process `pid` under `name`."""
        self._roots[name] = pid

    def between(self, started_at: float, ended_at: float) -> dict[str, tuple[float, int]]:
        """Return per tree the CPU seconds used and the peak of resident bytes between two moments (Unix seconds)."""
        inside = [sample for sample in self.samples if started_at <= sample.at <= ended_at]
        before = [sample for sample in self.samples if sample.at < started_at]
        result: dict[str, tuple[float, int]] = {}
        for name in self._roots:
            first = before[-1].cpu_seconds.get(name, 0.0) if before else 0.0
            last = inside[-1].cpu_seconds.get(name, first) if inside else first
            result[name] = (last - first, max((sample.resident_bytes.get(name, 0) for sample in inside), default=0))
        return result

    def __enter__(self) -> Self:
        """Start sampling."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sampling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            self.samples.append(self._sample())

    def _sample(self) -> Sample:
        resident: dict[str, int] = {}
        for name, pid in list(self._roots.items()):
            for process in _tree(pid):
                try:
                    times = process.cpu_times()
                    resident[name] = resident.get(name, 0) + _own_memory(process)
                except psutil.Error:
                    continue
                self._cpu_by_process[name, process.pid] = times.user + times.system
        cpu: dict[str, float] = {}
        for (name, _), seconds in self._cpu_by_process.items():
            cpu[name] = cpu.get(name, 0.0) + seconds
        return Sample(time.time(), cpu, resident)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _own_memory(process: psutil.Process) -> int:
    # PostgreSQL's processes share their buffers: adding up whole resident sets would count these once per process.
    memory = process.memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))
