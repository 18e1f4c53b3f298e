"""Writes the results of a run into database `ml`: all of its rows become visible in one step, or none.

What the tables look like belongs in `tables`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.ml.model_run import ModelRun
from orchestration.ml.tables import DATABASE, RUN_COLUMNS, Table, tables_of


def write_run(warehouse: Warehouse, run: ModelRun) -> None:
    """Write a run; one that succeeded replaces the rows that the same task had for this tenant and day.

    A run that failed leaves them as they are and is recorded with its error. The caller holds the lock of the task.
    """
    if run.computed is not None:
        for table in tables_of(run.task):
            _insert(warehouse, table, run, run.computed.frames.get(table.name))
    names = [name for name, _ in RUN_COLUMNS]
    # This one row publishes all that was inserted above.
    warehouse.client.insert("model_runs", [run.row()], database=DATABASE, column_names=names, settings=INSERT_SETTINGS)
    if run.succeeded:
        _drop_replaced(warehouse, run)


def _insert(warehouse: Warehouse, table: Table, run: ModelRun, frame: pd.DataFrame | None) -> None:
    if frame is None or frame.empty:
        return
    names = [name for name, _ in table.columns]
    columns = [_values(frame[name], type_name) for name, type_name in table.columns]
    warehouse.client.insert(
        f"{table.name}_rows",
        [*columns, [run.task] * len(frame), [run.run_id] * len(frame)],
        database=DATABASE,
        column_names=[*names, "task", "run_id"],
        column_oriented=True,
        settings=INSERT_SETTINGS,
    )


# Of Decimal(18, 2); ClickHouse itself takes larger ones and shows others.
_TOO_MUCH = 1e16


def cents(amount: float) -> Decimal:
    """Return an amount to the cent, as the marts keep money.

    Raises:
        ValueError: it is larger than money can be.
    """
    if abs(amount) >= _TOO_MUCH:
        raise ValueError(f"{amount:.3g} does not fit into an amount of money")
    return Decimal(round(amount * 100)).scaleb(-2)


# By the beginning of the type inside Nullable and LowCardinality.
_WRITERS: Mapping[str, Callable[[Any], object]] = {
    "Decimal": cents,
    "UInt": int,
    "Bool": bool,
    "Float64": float,
    "Date32": lambda value: value.date() if isinstance(value, pd.Timestamp) else value,
    "String": str,
}


def _values(column: pd.Series, type_name: str) -> list[object]:
    """Return the values as the driver wants them; NaN and infinity are unknown."""
    inner = type_name.removeprefix("Nullable(").removeprefix("LowCardinality(")
    write = next((writer for prefix, writer in _WRITERS.items() if inner.startswith(prefix)), lambda value: value)
    return [None if _is_unknown(value) else write(value) for value in column.array]


def _is_unknown(value: object) -> bool:
    return value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value))


def _drop_replaced(warehouse: Warehouse, run: ModelRun) -> None:
    """Remove what no reader sees any more: rows of earlier runs of this tenant and day, finished or broken off."""
    key: dict[str, Any] = {"tenant": run.tenant_id, "as_of": run.as_of, "task": run.task, "run": run.run_id}
    where = "tenant_id = {tenant:String} and as_of = {as_of:Date32} and task = {task:String} and run_id != {run:String}"
    for table in tables_of(run.task):
        if warehouse.rows(f"select 1 from {table.stored} where {where} limit 1", **key):
            warehouse.run(f"delete from {table.stored} where {where}", **key)
