"""The replicas in ClickHouse: where they live, how they are created, and how a staged load becomes visible.

Only statements on `crm` and `ops` belong here. What the columns are is decided in `select`; in which order the steps of
a load run, in `load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.guards import ENTRY_SEPARATOR, FIELD_SEPARATOR, REJECTED
from orchestration.extraction.plan import TablePlan

# Said in full, so that no server profile can drop repeated rows, put them off, or refuse a table with many months.
INSERT_SETTINGS: dict[str, Any] = {"async_insert": 0, "insert_deduplicate": 0, "max_partitions_per_insert_block": 0}


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The ClickHouse that holds the replicas. One client serves one load at a time.

    Attributes:
        client: made with `autogenerate_session_id=False`: the server keeps the session of an insert that was broken off
            locked for a moment, and cleaning up after it would fail. Its user may create databases and tables.
        crm: database of the replicas.
        ops: database of the extraction state.
    """

    client: Client
    crm: str = "crm"
    ops: str = "ops"

    def replica(self, table: str) -> str:
        """Return the quoted name of a replica."""
        return f"{quote_identifier(self.crm)}.{quote_identifier(table)}"

    def loading(self, table: str) -> str:
        """Return the quoted name of the table that a load of `table` is staged in."""
        return f"{quote_identifier(self.crm)}.{quote_identifier(f'{table}__loading')}"

    def rows(self, query: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Return the rows of a query; `{name:Type}` in it stands for a parameter."""
        return self.client.query(query, parameters=parameters).result_rows

    def run(self, statement: str, settings: dict[str, Any] | None = None, **parameters: Any) -> None:
        """Execute a statement that returns no rows."""
        self.client.command(statement, parameters=parameters or None, settings=settings)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Staged rows that must not be loaded for the same reason.

    Attributes:
        column: the canonical column at fault.
        reason: `unmapped`, `not_allowed`, `missing`, `not_representable` or `inexact`.
        value: the value at fault; empty when missing.
        rows: how many.
        example: the key of one, without its tenant.
    """

    column: str
    reason: str
    value: str
    rows: int
    example: str


@dataclass(frozen=True, slots=True)
class Staged:
    """What a staging table holds.

    Attributes:
        keys: different keys.
        rejected: what bars it from being published, the most frequent first, at most twenty.
        not_representable: per column, the number of values that became NULL as ClickHouse cannot hold them.
    """

    keys: int
    rejected: tuple[Rejection, ...]
    not_representable: dict[str, int]


def create_databases(warehouse: Warehouse) -> None:
    """Create the databases of replicas and state where they are missing.

    Raises:
        ExtractionError: one exists with an engine that cannot exchange tables.
    """
    for database in (warehouse.crm, warehouse.ops):
        warehouse.run(f"create database if not exists {quote_identifier(database)} engine = Atomic")
    wrong = warehouse.rows(
        "select name, engine from system.databases where name in ({crm:String}, {ops:String}) "
        "and engine not in ('Atomic', 'Replicated', 'Shared')",
        crm=warehouse.crm,
        ops=warehouse.ops,
    )
    for name, engine in wrong:
        raise ExtractionError(f"ClickHouse database {name} has engine {engine}; recreate it with engine Atomic")


def existing_columns(warehouse: Warehouse, table: str) -> tuple[tuple[str, str], ...]:
    """Return name and type of each column of the replica; nothing when there is no replica."""
    rows = warehouse.rows(
        "select name, type from system.columns where database = {database:String} and table = {table:String} "
        "order by position",
        database=warehouse.crm,
        table=table,
    )
    return tuple((name, type_name) for name, type_name in rows)


def create_loading(warehouse: Warehouse, plan: TablePlan) -> None:
    """Create the empty staging table of a load, dropping one that a crashed load left behind."""
    drop_loading(warehouse, plan)
    warehouse.run(create_statement(warehouse.loading(plan.table.name), plan))


def drop_loading(warehouse: Warehouse, plan: TablePlan) -> None:
    """Drop the staging table if there is one."""
    warehouse.run(f"drop table if exists {warehouse.loading(plan.table.name)} sync")


def create_statement(name: str, plan: TablePlan) -> str:
    """Return the DDL of a replica or of its staging table."""
    body = ",\n    ".join(f"{quote_identifier(column)} {type_name}" for column, type_name in plan.replica_columns)
    key = _names(plan.table.key)
    # The month of a creation date never changes, so all versions of a row meet in one partition.
    partition = f"\npartition by toYYYYMM({plan.table.partition_column})" if plan.table.partition_column else ""
    return (
        f"create table {name}\n(\n    {body}\n)\n"
        f"engine = ReplacingMergeTree(_version, _deleted){partition}\norder by ({key})"
    )


def inspect_loading(warehouse: Warehouse, plan: TablePlan) -> Staged:
    """Count what has been staged; a row that must not be loaded says so in `_not_representable`."""
    loading, key = warehouse.loading(plan.table.name), _names(plan.table.key)
    keys = warehouse.rows(f"select uniqExact({key}) from {loading}")[0][0]
    spelled = f"min(arrayStringConcat([{', '.join(_key_texts(plan))}], ', '))"
    rejected = warehouse.rows(
        f"select splitByChar('{FIELD_SEPARATOR}', entry) as fields, count(), {spelled} from {loading} "
        f"array join splitByChar('{ENTRY_SEPARATOR}', substring(_not_representable, 2)) as entry "
        f"where startsWith(_not_representable, '{REJECTED}') group by fields order by count() desc, fields limit 20"
    )
    lost = warehouse.rows(
        f"select column, count() from {loading} array join splitByChar(',', _not_representable) as column "
        f"where _not_representable != '' group by column order by column"
    )
    return Staged(
        keys=int(keys),
        rejected=tuple(
            Rejection(fields[0], fields[1], fields[2], int(count), example) for fields, count, example in rejected
        ),
        not_representable={column: int(count) for column, count in lost},
    )


def publish_whole(warehouse: Warehouse, plan: TablePlan, *, replaces: bool) -> None:
    """Let the staged rows take the place of the replica in one step; readers see the old rows or the new ones.

    Args:
        warehouse: where.
        plan: of the staged table.
        replaces: there is a replica already.
    """
    loading, replica = warehouse.loading(plan.table.name), warehouse.replica(plan.table.name)
    if replaces:
        warehouse.run(f"exchange tables {loading} and {replica}")
        drop_loading(warehouse, plan)
    else:
        warehouse.run(f"rename table {loading} to {replica}")


def publish_changes(warehouse: Warehouse, plan: TablePlan) -> int:
    """Insert the staged rows that differ from the replica, and return how many did.

    What PostgreSQL says now is newer than what it said before, even where the application stamped two changes alike or
    its clock ran backwards. So a row that differs always gets a version above the one it replaces.
    """
    loading, replica = warehouse.loading(plan.table.name), warehouse.replica(plan.table.name)
    key = _names(plan.table.key)
    names = [name for name, _ in plan.replica_columns]
    values = {name: f"staged.{quote_identifier(name)}" for name in names}
    values["_version"] = "greatest(staged._version, ifNull(present.version + 1, 0))"
    changed = f"""
from {loading} as staged
left join (
    select {key}, max(_version) as version, argMax(_row_hash, _version) as row_hash
    from {replica}
    where ({key}) in (select {key} from {loading})
    group by {key}
) as present using ({key})
where present.row_hash is null or present.row_hash != staged._row_hash
"""
    settings = {"join_use_nulls": 1}
    count = int(warehouse.client.query(f"select count() {changed}", settings=settings).result_rows[0][0])
    if count:
        warehouse.run(
            f"insert into {replica} ({_names(names)}) select {', '.join(values.values())} {changed}",
            settings={**settings, **INSERT_SETTINGS},
        )
    return count


def _names(columns: Iterable[str]) -> str:
    return ", ".join(quote_identifier(column) for column in columns)


def _key_texts(plan: TablePlan) -> list[str]:
    """Return the texts of the key's columns without the tenant, which a message needs less."""
    return [f"toString({quote_identifier(name)})" for name in plan.table.key[1:] or plan.table.key]
