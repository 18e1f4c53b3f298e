"""One task for many tenants: read, compute in other processes, write; what fails is recorded and stops nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Generic, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.extraction.replica import Warehouse
from orchestration.ml.marts import Tenant
from orchestration.ml.model_run import Computed, ModelRun
from orchestration.ml.parallel import Answer, Workers, one_line
from orchestration.ml.store import write_run

Given = TypeVar("Given")


@dataclass(frozen=True)
class Task(Generic[Given]):
    """What is done for each tenant.

    Attributes:
        name: as `ml.model_runs` knows it; `tables` says which tables it fills.
        read: reads what is needed of one tenant, cut at a day; runs in the process that holds the connection.
        compute: makes the rows; a function of a module, since it runs in another process.
    """

    name: str
    read: Callable[[Warehouse, Tenant, date], Given]
    compute: Callable[[Given], Computed]


def refresh(
    warehouse: Warehouse,
    workers: Workers,
    task: Task[Given],
    tenants: Iterable[Tenant],
    day: date,
    *,
    dagster_run_id: str,
    tell: Callable[[str], None],
) -> list[ModelRun]:
    """Do a task for every tenant and write what came of it.

    Args:
        warehouse: whose marts are read and whose database `ml` is written.
        workers: the processes to compute in.
        task: what to do.
        tenants: for whom.
        day: the day to stand on; a tenant whose own day has not begun stands on the day before.
        dagster_run_id: recorded with each run.
        tell: is given a line as each tenant is done.

    Returns:
        One run per tenant, in the order in which they were done.

    Raises:
        ClickHouseError: not even a failure could be recorded.
    """
    chosen = {tenant.id: tenant for tenant in tenants}
    started: dict[str, datetime] = {}
    unread: list[tuple[str, Answer[Computed]]] = []

    def pieces() -> Iterator[tuple[str, Given]]:
        for tenant in chosen.values():
            started[tenant.id] = datetime.now(UTC)
            try:
                given = task.read(warehouse, tenant, tenant.day(day))
            except Exception as error:  # bad rows of one tenant must not stop the next
                unread.append((tenant.id, Answer(None, one_line(error))))
                continue
            yield tenant.id, given

    def answers() -> Iterator[tuple[str, Answer[Computed]]]:
        yield from workers.each(task.compute, pieces())
        yield from unread

    runs = []
    for tenant_id, answer in answers():
        run = ModelRun(
            task=task.name,
            tenant_id=tenant_id,
            as_of=chosen[tenant_id].day(day),
            started_at=started[tenant_id],
            dagster_run_id=dagster_run_id,
            computed=answer.made,
            error=answer.error,
        )
        runs.append(_written(warehouse, run))
        tell(f"{task.name}: {len(runs)} of {len(chosen)} tenants, {_outcome(runs[-1])}")
    return runs


def _written(warehouse: Warehouse, run: ModelRun) -> ModelRun:
    try:
        write_run(warehouse, run)
    except (ClickHouseError, ValueError, TypeError, KeyError, OverflowError) as error:
        if not run.succeeded:
            raise
        # A figure that no column can hold, for example; the rows are in no run that counts.
        run = replace(run, computed=None, error=one_line(error), finished_at=datetime.now(UTC))
        write_run(warehouse, run)
    return run.without_rows()


def _outcome(run: ModelRun) -> str:
    if run.computed is None:
        return f"{run.tenant_id} FAILED: {run.error}"
    return f"{run.tenant_id}: {sum(run.written.values()):,} rows, {run.seconds:.1f} s"
