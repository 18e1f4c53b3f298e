"""What a run of the benchmark found, as it is written to JSON, and the verdicts on it.

Rendering belongs in `report`, measuring in `benchmarks.extraction`.
"""

from __future__ import annotations

from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict

# From the goals of the project; a missed one is said, never asserted.
CPU_LIMIT = 2.8
MEMORY_LIMIT_MB = 300
CHANGED_LIMIT_SECONDS = 1.0
RECONCILIATION_LIMIT_SECONDS = 10.0
# "Independent of the table's size" needs room for the noise of a tenth of a second.
QUIET_LIMIT = 1.5

BASE = "copy-binary"
PULL = "pull"
PUSH = "push"
QUICKHOUSE = "quickhouse"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Measured(_Model):
    """One run: wall seconds, CPU seconds by part, the worker's peak memory, and what servers did afterwards.

    Attributes:
        seconds: wall time.
        worker_cpu: CPU seconds of the worker.
        postgres_cpu: CPU seconds of PostgreSQL.
        clickhouse_cpu: CPU seconds of ClickHouse.
        later_cpu: CPU seconds of both servers after the answer, until they were idle: merges above all.
        peak_mb: peak resident memory of the worker, in millions of bytes.
    """

    seconds: float
    worker_cpu: float
    postgres_cpu: float
    clickhouse_cpu: float
    later_cpu: float = 0.0
    peak_mb: float

    @property
    def cpu(self) -> float:
        """CPU seconds of all parts, up to the answer."""
        return self.worker_cpu + self.postgres_cpu + self.clickhouse_cpu


class Contender(_Model):
    """A way to copy the whole table, and its runs.

    Attributes:
        name: `copy-binary`, `pull`, `push`, `quickhouse`, `dlt` or `loop`.
        title: what a reader calls it.
        runs: one per round that it took part in, in order.
        wrong: how the copy differs from the CRM; empty when it is exact.
        failed: why it did not run to its end; empty when it did.
        compared: its copy was compared with the CRM.
    """

    name: str
    title: str
    runs: tuple[Measured, ...] = ()
    wrong: str = ""
    failed: str = ""
    compared: bool = True


class Step(_Model):
    """A smaller job of ours on a table that is already loaded.

    Attributes:
        title: what was done.
        runs: each repetition.
        said: what the job reported in the end.
        wrong: how the replica differed from the CRM afterwards, or what else was not as it must be.
        failed: why it did not run.
    """

    title: str
    runs: tuple[Measured, ...] = ()
    said: str = ""
    wrong: str = ""
    failed: str = ""


class Results(_Model):
    """Everything that one run of the benchmark found."""

    rows: int
    small_rows: int
    changed_rows: int
    measured_on: str
    cores: int
    memory_gib: float
    load_average: float
    versions: dict[str, str]
    contenders: tuple[Contender, ...]
    quiet_small: Step
    quiet: Step
    changed: Step
    reconciled_quiet: Step
    reconciled_damaged: Step

    def contender(self, name: str) -> Contender:
        """Return a contender by name."""
        return next(contender for contender in self.contenders if contender.name == name)

    def cpu_ratio(self, contender: Contender) -> float | None:
        """Return the median over the rounds of CPU seconds as a multiple of the base's in the same round."""
        base = self.contender(BASE).runs
        # A contender that ran fewer rounds ran after them all.
        if len(contender.runs) < len(base):
            return _ratio(_median([run.cpu for run in contender.runs]), _median([run.cpu for run in base]))
        return _median([run.cpu / other.cpu for run, other in zip(contender.runs, base, strict=True)])

    def wall_ratios(self, contender: Contender, other: Contender) -> list[float]:
        """Return wall seconds as a multiple of another contender's, pair by pair."""
        return [run.seconds / rival.seconds for run, rival in zip(contender.runs, other.runs, strict=False)]


Verdict = Literal["met", "missed", "not measured"]


class Limit(_Model):
    """One limit, what was measured against it, and the verdict."""

    what: str
    limit: str
    measured: str
    verdict: Verdict


def seconds(runs: tuple[Measured, ...]) -> float | None:
    """Return the median of wall seconds."""
    return _median([run.seconds for run in runs])


def cpu(runs: tuple[Measured, ...]) -> float | None:
    """Return the median of CPU seconds."""
    return _median([run.cpu for run in runs])


def peak(runs: tuple[Measured, ...]) -> float | None:
    """Return the highest peak of memory."""
    return max((run.peak_mb for run in runs), default=None)


def limits(results: Results) -> list[Limit]:
    """Return every limit with its verdict."""
    return [
        *(_cpu_limit(results, name) for name in (PULL, PUSH)),
        *(_wall_limit(results, name) for name in (PULL, PUSH)),
        _memory_limit(results),
        _below(
            f"{results.changed_rows:,} changed rows of {results.rows:,}, end to end",
            CHANGED_LIMIT_SECONDS,
            seconds(results.changed.runs),
        ),
        _quiet_limit(results),
        _below(
            f"reconciliation of {results.rows:,} rows, nothing differs",
            RECONCILIATION_LIMIT_SECONDS,
            seconds(results.reconciled_quiet.runs),
        ),
        _below(
            "the same with changed and deleted rows to repair",
            RECONCILIATION_LIMIT_SECONDS,
            seconds(results.reconciled_damaged.runs),
        ),
    ]


def _cpu_limit(results: Results, name: str) -> Limit:
    contender = results.contender(name)
    ratio = results.cpu_ratio(contender)
    return Limit(
        what=f"{contender.title}: CPU of all parts against COPY binary to nowhere",
        limit=f"at most {CPU_LIMIT} x",
        measured="" if ratio is None else f"{ratio:.2f} x",
        verdict=_verdict(ratio, CPU_LIMIT),
    )


def _wall_limit(results: Results, name: str) -> Limit:
    contender, rival = results.contender(name), results.contender(QUICKHOUSE)
    ratios = results.wall_ratios(contender, rival)
    ratio = _median(ratios)
    pairs = ", ".join(f"{value:.2f}" for value in ratios)
    return Limit(
        what=f"{contender.title}: wall time against quickhouse, median of {len(ratios)} pairs",
        limit="below 1 x",
        measured="" if ratio is None else f"{ratio:.2f} x ({pairs})",
        verdict="not measured" if ratio is None else "met" if ratio < 1 else "missed",
    )


def _memory_limit(results: Results) -> Limit:
    steps = (results.quiet, results.changed, results.reconciled_quiet, results.reconciled_damaged)
    loads = (results.contender(PULL), results.contender(PUSH))
    highest = peak(tuple(run for part in (*steps, *loads) for run in part.runs))
    return Limit(
        what="our worker's peak memory, all jobs",
        limit=f"below {MEMORY_LIMIT_MB} MB",
        measured="" if highest is None else f"{highest:.0f} MB",
        verdict=_verdict(highest, MEMORY_LIMIT_MB),
    )


def _quiet_limit(results: Results) -> Limit:
    ratio = _ratio(seconds(results.quiet.runs), seconds(results.quiet_small.runs))
    return Limit(
        what=f"quiet incremental load: {results.rows:,} rows against {results.small_rows:,}",
        limit=f"independent: at most {QUIET_LIMIT} x",
        measured="" if ratio is None else f"{ratio:.2f} x",
        verdict=_verdict(ratio, QUIET_LIMIT),
    )


def _below(what: str, limit: float, value: float | None) -> Limit:
    return Limit(
        what=what,
        limit=f"below {limit:g} s",
        measured="" if value is None else f"{value:.2f} s",
        verdict=_verdict(value, limit),
    )


def _verdict(value: float | None, limit: float) -> Verdict:
    if value is None:
        return "not measured"
    return "met" if value <= limit else "missed"


def _median(values: list[float]) -> float | None:
    return median(values) if values else None


def _ratio(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value / other
