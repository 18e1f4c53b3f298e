"""What a replica really holds, compared with what the CRM has: sums of hashes, differing rows, tombstones.

Each row of a replica carries the hash that PostgreSQL made of it and a checksum that ClickHouse made as it was loaded.
A row whose checksum no longer fits was changed by hand; it counts with a hash that the CRM's row cannot have. When to
compare, and with what, belongs in `reconciliation` and `months`; how rows are stored, in `replica`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.extraction.plan import TablePlan
from orchestration.extraction.replica import (
    CHECKSUM_COLUMN,
    GROUP_SETTINGS,
    Warehouse,
    aliased,
    changed_rows,
    checksum,
    column_names,
    insert_rows,
    microseconds,
)


@dataclass(frozen=True, slots=True)
class Changes:
    """Why rows of the CRM differ from the replica; each row counts once.

    Attributes:
        damaged: the replica's row does not hold what was loaded into it.
        missing: the replica does not have the row though it should have been loaded.
        unstamped: the row changed and its last stamped change did not.
        recent: the row changed after the last load.
    """

    damaged: int = 0
    missing: int = 0
    unstamped: int = 0
    recent: int = 0

    @property
    def total(self) -> int:
        """All rows that differ."""
        return self.damaged + self.missing + self.unstamped + self.recent


def bucket_sums(warehouse: Warehouse, plan: TablePlan, mask: int) -> dict[int, tuple[int, int]]:
    """Return count and XOR of the hashes of each bucket: a row's bucket are the bits of `mask` in its hash."""
    rows = _query(
        warehouse,
        f"select bitAnd(row_hash, {mask}) as bucket, count(), groupBitXor(row_hash) "
        f"from ({_newest(warehouse, plan, 'row_hash')}) where row_hash != 0 group by bucket",
    )
    return {bucket: (count, xor) for bucket, count, xor in rows}


def in_buckets(mask: int, buckets: Iterable[int]) -> str:
    """Return the condition of what may differ where some buckets do, for `held_rows`.

    A row that the CRM has in one of them, and the replica in none, has left no more than a tombstone there.
    """
    return f"row_hash = 0 or bitAnd(row_hash, {mask}) in ({', '.join(map(str, buckets))})"


def in_month_or_staged(warehouse: Warehouse, plan: TablePlan, month: date) -> str:
    """Return the condition of the keys that any version of a row has in a month or that are staged, for `held_rows`."""
    key = column_names(plan.table.key)
    partition = f"toYYYYMM({plan.table.partition_column}) = {month:%Y%m}"
    in_month = f"({key}) in (select {key} from {warehouse.replica(plan.table.name)} where {partition})"
    return f"{in_month} or {_is_staged(warehouse, plan)}"


@contextmanager
def held_rows(warehouse: Warehouse, plan: TablePlan, *, versions: str = "true", newest: str = "true") -> Iterator[str]:
    """Hold a table of what the replica has of some rows, and yield its quoted name.

    One row per key, with the key's columns, `version`, `row_hash` (0 for a tombstone) and `damaged`. It is a table, as
    several steps read it and each reading of the replica costs as much as a scan.

    Args:
        warehouse: where.
        plan: of the replica.
        versions: condition on the versions of a row that are looked at; must choose all versions of a key or none.
        newest: condition on the newest version of each row. Both together must choose every key that is staged and
            that the replica has with another hash.
    """
    name = f"{quote_identifier(warehouse.crm)}.{quote_identifier(f'{plan.table.name}__held')}"
    key = column_names(plan.table.key)
    warehouse.run(f"drop table if exists {name} sync")
    try:
        warehouse.run(
            f"create table {name} engine = MergeTree order by ({key}) as "
            f"select * from ({_newest(warehouse, plan, f'{key}, version, row_hash, damaged', versions)}) "
            f"where {newest}",
            settings=GROUP_SETTINGS,
        )
        yield name
    finally:
        # Where the warehouse itself is gone, the next comparison drops it.
        with suppress(ClickHouseError):
            warehouse.run(f"drop table if exists {name} sync")


def unstaged_keys(warehouse: Warehouse, plan: TablePlan, held: str) -> list[tuple[str, ...]]:
    """Return the keys of held rows that are not staged."""
    return [tuple(map(str, row)) for row in _query(warehouse, f"{_unstaged(warehouse, plan, held)} order by all")]


def classify_changes(warehouse: Warehouse, plan: TablePlan, held: str, loaded_until: datetime) -> Changes:
    """Tell why staged rows differ from the held ones, before they are published.

    Args:
        warehouse: where.
        plan: of the staged table.
        held: table of `held_rows`.
        loaded_until: the boundary of the last load, up to which every stamped change should be in the replica.
    """
    query = f"""
select countIf(was_damaged), countIf(not was_damaged and old and not had), countIf(not was_damaged and old and had),
    countIf(not was_damaged and not old)
from (
    select ifNull(present.damaged, false) as was_damaged, ifNull(present.row_hash, 0) != 0 as had,
        staged._version < {microseconds(loaded_until)} as old
    {changed_rows(warehouse, plan, held)}
)
"""
    return Changes(*map(int, _query(warehouse, query)[0]))


def bury_missing(warehouse: Warehouse, plan: TablePlan, held: str, *, extracted_at: datetime) -> int:
    """Insert a tombstone over each held row that is not staged, as the CRM has it no more; return how many.

    A tombstone keeps the row's last values; its `_row_hash` of 0 tells it from a row that the CRM has and calls
    deleted.

    Args:
        warehouse: where.
        plan: of the replica.
        held: table of `held_rows`.
        extracted_at: the boundary at which they were missing.
    """
    key, replica = column_names(plan.table.key), warehouse.replica(plan.table.name)
    values = {name: f"latest.{quote_identifier(name)}" for name, _ in plan.replica_columns}
    values |= {
        "_version": "latest._version + 1",
        "_deleted": "toUInt8(1)",
        "_row_hash": "toInt64(0)",
        "_extracted_at": f"fromUnixTimestamp64Micro({microseconds(extracted_at)}, 'UTC')",
    }
    gone = _unstaged(warehouse, plan, held)
    latest = f"select * from {replica} where ({key}) in ({gone}) order by _version desc limit 1 by {key}"
    return insert_rows(warehouse, plan, f"select {aliased(values)} from ({latest}) as latest")


def equals_staged(warehouse: Warehouse, plan: TablePlan, held: str) -> bool:
    """Tell whether the replica now has what the CRM has of every row that was published or buried.

    The other held rows were found equal, by hash and checksum, when they were held.
    """
    key, sums, changed = column_names(plan.table.key), "count(), groupBitXor", changed_rows(warehouse, plan, held)
    written = f"({key}) in (select {key} {changed} union all {_unstaged(warehouse, plan, held)})"
    newest = _newest(warehouse, plan, "row_hash", written)
    now = _query(warehouse, f"select {sums}(row_hash) from ({newest}) where row_hash != 0")
    staged = _query(
        warehouse, f"select {sums}(_row_hash) from (select staged._row_hash {changed}) where _row_hash != 0"
    )
    return now == staged


def _newest(warehouse: Warehouse, plan: TablePlan, columns: str, versions: str = "true") -> str:
    """Return a query of the newest version of each row: some of the key's columns, `version`, `row_hash`, `damaged`."""
    key = column_names(plan.table.key)
    # Of two rows with the newest version, one was written by hand: the damaged one is to be seen.
    return f"""
select {columns} from (
    select {key}, max(_version) as version, argMax(hash, rank) as row_hash, toBool(argMax(is_damaged, rank)) as damaged
    from (
        select {key}, _version, {checksum(plan)} != {CHECKSUM_COLUMN[0]} as is_damaged,
            if(is_damaged, bitNot(_row_hash), _row_hash) as hash, bitShiftLeft(_version, 1) + is_damaged as rank
        from {warehouse.replica(plan.table.name)}
        where {versions}
    )
    group by {key}
)
"""


def _unstaged(warehouse: Warehouse, plan: TablePlan, held: str) -> str:
    key = column_names(plan.table.key)
    return f"select {key} from {held} where row_hash != 0 and not {_is_staged(warehouse, plan)}"


def _is_staged(warehouse: Warehouse, plan: TablePlan) -> str:
    key = column_names(plan.table.key)
    return f"({key}) in (select {key} from {warehouse.loading(plan.table.name)})"


def _query(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in warehouse.client.query(query, settings=GROUP_SETTINGS).result_rows]
