"""Our smaller jobs on a table that is already loaded: a load without changes, one with changes, and reconciliation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier

from benchmarks.peers import crm, results
from benchmarks.peers.exactness import differences, facts_of_copy, facts_of_crm
from benchmarks.peers.measure import WorkerFailed, wait_until_idle
from benchmarks.peers.stand import Stand, crm_database

_QUIET_REPETITIONS = 5
_REPETITIONS = 3


@dataclass(frozen=True, slots=True)
class Jobs:
    """What each job took."""

    quiet_small: results.Step
    quiet: results.Step
    changed: results.Step
    reconciled_quiet: results.Step
    reconciled_damaged: results.Step


def run_jobs(stand: Stand, *, large: str, small: str, rows: int, small_rows: int, changed_rows: int) -> Jobs:
    """Run every job.

    Args:
        stand: the engines.
        large: the CRM database whose replica is there.
        small: another one, not loaded yet.
        rows: deals in the large one.
        small_rows: deals in the small one.
        changed_rows: how many deals of the large one to change.
    """
    quiet_small, quiet = _quiet(stand, large, small, rows, small_rows)
    return Jobs(
        quiet_small=quiet_small,
        quiet=quiet,
        changed=_changed(stand, large, changed_rows),
        reconciled_quiet=_reconciled(stand, large, f"reconciliation of {rows:,} rows, nothing differs", _REPETITIONS),
        reconciled_damaged=_reconciled(
            stand,
            large,
            f"the same after {crm.SILENTLY_CHANGED_ROWS} silent changes and {crm.DELETED_ROWS} hard deletes",
            1,
            crm.change_silently,
        ),
    )


def _quiet(stand: Stand, large: str, small: str, rows: int, small_rows: int) -> tuple[results.Step, results.Step]:
    """Load both without changes, in turns."""
    titles = {
        source: f"quiet incremental load of {count:,} rows" for source, count in ((small, small_rows), (large, rows))
    }
    runs: dict[str, list[results.Measured]] = {small: [], large: []}
    try:
        with stand.worker(small, "extraction", "full") as worker:
            worker.run()
        with ExitStack() as open_workers:
            workers = {
                source: open_workers.enter_context(stand.worker(source, "extraction", "incremental"))
                for source in (small, large)
            }
            for repetition in range(_QUIET_REPETITIONS + 1):
                for source, worker in workers.items():
                    wait_until_idle(stand.engines)
                    measured, answer = worker.run()
                    _expect(answer, mode="incremental", rows=0)
                    # The first one warms both up.
                    if repetition:
                        runs[source].append(measured)
    except WorkerFailed as error:
        failed = (results.Step(title=titles[source], failed=str(error)) for source in (small, large))
        return next(failed), next(failed)
    steps = [
        _said(
            results.Step(
                title=titles[source], runs=tuple(runs[source]), said="0 rows read", wrong=_compare(stand, source)
            )
        )
        for source in (small, large)
    ]
    return steps[0], steps[1]


def _changed(stand: Stand, source: str, changed_rows: int) -> results.Step:
    """Change the same rows again before each load: each reads exactly these, in spite of the overlap."""
    title = f"incremental load of {changed_rows:,} changed rows"
    runs = []
    try:
        with stand.worker(source, "extraction", "incremental") as worker:
            for _ in range(_REPETITIONS):
                with stand.crm(source) as connection:
                    changed = crm.change_deals(connection, changed_rows)
                wait_until_idle(stand.engines)
                measured, answer = worker.run()
                _expect(answer, mode="incremental", rows=changed, rows_changed=changed)
                runs.append(measured)
    except WorkerFailed as error:
        return _said(results.Step(title=title, failed=str(error)))
    said = f"{changed:,} rows read and inserted"
    return _said(results.Step(title=title, runs=tuple(runs), said=said, wrong=_compare(stand, source)))


def _reconciled(
    stand: Stand,
    source: str,
    title: str,
    repetitions: int,
    damage: Callable[[crm.Connection], object] | None = None,
) -> results.Step:
    runs = []
    try:
        with stand.worker(source, "extraction", "reconcile") as worker:
            for _ in range(repetitions):
                if damage is not None:
                    with stand.crm(source) as connection:
                        damage(connection)
                wait_until_idle(stand.engines)
                measured, answer = worker.run()
                _expect(answer, clean=True)
                runs.append(measured)
    except WorkerFailed as error:
        return _said(results.Step(title=title, failed=str(error)))
    return _said(results.Step(title=title, runs=tuple(runs), said=answer["said"], wrong=_compare(stand, source)))


def _expect(answer: dict[str, Any], **expected: Any) -> None:
    """Refuse to count a run that did something else than it was meant to."""
    wrong = [
        f"{name} is {answer[name]!r} instead of {value!r}" for name, value in expected.items() if answer[name] != value
    ]
    if wrong:
        raise WorkerFailed("; ".join(wrong))


def _compare(stand: Stand, source: str) -> str:
    with stand.crm(source) as connection:
        expected = facts_of_crm(connection, live_only=True)
    replica = f"{quote_identifier(crm_database(source))}.deals final"
    return differences(expected, facts_of_copy(stand.client, replica))


def _said(step: results.Step) -> results.Step:
    """Print a step's line and return it."""
    took = ", ".join(f"{run.seconds:.2f}" for run in step.runs)
    print(f"{step.title}: {f'failed: {step.failed}' if step.failed else f'{took} s; {step.said}'}", flush=True)
    return step
