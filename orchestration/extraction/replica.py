"""The replicas in ClickHouse: where they live, how they are created, and how a staged load becomes visible.

Only statements on `crm` and `ops` belong here. What the columns are is decided in `select`; in which order the steps of
a load run, in `load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.summary import QuerySummary

from orchestration.extraction.drift import ColumnDrift
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.guards import ENTRY_SEPARATOR, FIELD_SEPARATOR, REJECTED
from orchestration.extraction.plan import TablePlan

# Said in full, so that no server profile can drop repeated rows, put them off, or refuse a table with many months.
INSERT_SETTINGS: dict[str, Any] = {"async_insert": 0, "insert_deduplicate": 0, "max_partitions_per_insert_block": 0}


# Grouping the keys of a large table spills to disk instead of failing.
GROUP_SETTINGS: dict[str, Any] = {"max_bytes_before_external_group_by": 1 << 30, "join_use_nulls": 1}

CHECKSUM_COLUMN = ("_checksum", "UInt64")
"""Of all the other columns, computed by ClickHouse while a row is loaded: what was changed by hand since then has a
checksum that no longer fits."""


# A month is mostly smaller, and a file per column and month costs a load more than all else that ClickHouse writes.
_WIDE_PART_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The ClickHouse that holds the replicas. One client serves one load at a time.

    Attributes:
        client: made with `autogenerate_session_id=False`: the server keeps the session of an insert that was broken off
            locked for a moment, and cleaning up after it would fail. Its user may create databases and tables.
        crm: database of the replicas.
        ops: database of the extraction state.
        cluster: ClickHouse cluster on all of whose replicas tables are made; empty for a single server. What is said to
            one replica after that, they tell each other: only what creates, drops, exchanges or renames is said to all.
    """

    client: Client
    crm: str = "crm"
    ops: str = "ops"
    cluster: str = ""

    def replica(self, table: str) -> str:
        """Return the quoted name of a replica."""
        return f"{quote_identifier(self.crm)}.{quote_identifier(table)}"

    def loading(self, table: str) -> str:
        """Return the quoted name of the table that a load of `table` is staged in."""
        return f"{quote_identifier(self.crm)}.{quote_identifier(f'{table}__loading')}"

    @property
    def on_cluster(self) -> str:
        """Return the clause, with a blank before it, that makes a statement run on every replica."""
        return f" on cluster {quote_identifier(self.cluster)}" if self.cluster else ""

    def engine(self, name: str = "MergeTree") -> str:
        """Return the name of a table engine, of its replicated kind in a cluster."""
        return f"Replicated{name}" if self.cluster else name

    def sync(self, table: str) -> None:
        """Wait until every replica of the cluster holds all rows of a table: an exchange would show readers a part."""
        if self.cluster:
            self.run(f"system sync replica{self.on_cluster} {table}")

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
        warehouse.run(
            f"create database if not exists {quote_identifier(database)}{warehouse.on_cluster} engine = Atomic"
        )
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


def stored_columns(plan: TablePlan) -> tuple[tuple[str, str], ...]:
    """Return name and type of each column that a replica of this plan has."""
    return (*plan.replica_columns, CHECKSUM_COLUMN)


def has_values(warehouse: Warehouse, table: str, column: str) -> bool:
    """Tell whether any row of a replica holds a value in a column."""
    name = quote_identifier(column)
    return bool(warehouse.rows(f"select 1 from {warehouse.replica(table)} where isNotNull({name}) limit 1"))


def widen_columns(warehouse: Warehouse, plan: TablePlan, widened: Iterable[ColumnDrift]) -> None:
    """Alter columns of a replica to wider types without reading the CRM; readers go on meanwhile.

    The checksums come first: with the old types they still tell which rows are damaged, and those stay so. Where this
    is broken off in between, doing it again does the rest.
    """
    types = {drift.column: drift.planned for drift in widened}
    if not types:
        return
    replica, wait = warehouse.replica(plan.table.name), {"mutations_sync": 2, "alter_sync": 2}
    stored, old = CHECKSUM_COLUMN[0], checksum(plan)
    new = checksum(plan, {name: f"cast({quote_identifier(name)} as {kind})" for name, kind in types.items()})
    warehouse.run(f"alter table {replica} update {stored} = {new} where {stored} = {old}", settings=wait)
    modify = ", ".join(f"modify column {quote_identifier(name)} {kind}" for name, kind in types.items())
    warehouse.run(f"alter table {replica} {modify}", settings=wait)


@contextmanager
def staging_table(warehouse: Warehouse, plan: TablePlan, *, whole: bool) -> Iterator[None]:
    """Hold the empty staging table of a load; one that a crashed load left behind is dropped.

    Args:
        warehouse: where.
        plan: of the table.
        whole: it will hold all rows and may take the place of the replica.
    """
    _drop_loading(warehouse, plan)
    loading = warehouse.loading(plan.table.name)
    statement = create_statement if whole else _changes_statement
    warehouse.run(statement(warehouse, loading, plan))
    try:
        yield
    finally:
        # Where the warehouse itself is gone, the next load drops it.
        with suppress(ClickHouseError):
            _drop_loading(warehouse, plan)


def _drop_loading(warehouse: Warehouse, plan: TablePlan) -> None:
    warehouse.run(f"drop table if exists {warehouse.loading(plan.table.name)}{warehouse.on_cluster} sync")


def create_statement(warehouse: Warehouse, name: str, plan: TablePlan, *, if_missing: bool = False) -> str:
    """Return the DDL of the staging table of a load, which becomes the replica when it is published whole."""
    body = ",\n    ".join(f"{quote_identifier(column)} {type_name}" for column, type_name in plan.replica_columns)
    stored = " ".join(CHECKSUM_COLUMN)
    key = column_names(plan.table.key)
    # The month of a creation date never changes, so all versions of a row meet in one partition.
    partition = f"\npartition by toYYYYMM({plan.table.partition_column})" if plan.table.partition_column else ""
    create = "create table if not exists" if if_missing else "create table"
    return (
        f"{create} {name}{warehouse.on_cluster}\n(\n    {body},\n    {stored} default {checksum(plan)}\n)\n"
        f"engine = {warehouse.engine('ReplacingMergeTree')}(_version, _deleted){partition}\norder by ({key})\n"
        f"settings min_bytes_for_wide_part = {_WIDE_PART_BYTES}"
    )


def _changes_statement(warehouse: Warehouse, name: str, plan: TablePlan) -> str:
    """Return the DDL of a staging table for some rows: without the partitions and checksums of a replica."""
    body = ",\n    ".join(f"{quote_identifier(column)} {type_name}" for column, type_name in plan.replica_columns)
    return (
        f"create table {name}{warehouse.on_cluster}\n(\n    {body}\n)\nengine = {warehouse.engine()}\n"
        f"order by ({column_names(plan.table.key)})"
    )


def inspect_loading(warehouse: Warehouse, plan: TablePlan) -> Staged:
    """Count what has been staged; a row that must not be loaded says so in `_not_representable`."""
    loading, key = warehouse.loading(plan.table.name), column_names(plan.table.key)
    # Counting different keys costs as much as loading them; where an index guarantees them, their number is known.
    keys = warehouse.rows(f"select {'count()' if plan.unique else f'uniqExact({key})'} from {loading}")[0][0]
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
    # Rows that arrive by hand must not get a checksum that fits.
    warehouse.run(f"alter table {loading} modify column {CHECKSUM_COLUMN[0]} remove default")
    warehouse.sync(loading)
    if replaces:
        warehouse.run(f"exchange tables {loading} and {replica}{warehouse.on_cluster}")
        _drop_loading(warehouse, plan)
    else:
        warehouse.run(f"rename table {loading} to {replica}{warehouse.on_cluster}")


def publish_changes(warehouse: Warehouse, plan: TablePlan, *, held: str | None = None) -> int:
    """Insert the staged rows that differ from the replica, and return how many did.

    What PostgreSQL says now is newer than what it said before, even where the application stamped two changes alike or
    its clock ran backwards. So a row that differs always gets a version above the one it replaces. A staged row that
    is no longer the CRM's (`_row_hash` 0) is of interest only where the replica has it.

    Args:
        warehouse: where.
        plan: of the staged table.
        held: table of what the replica really holds of these rows (see `held_rows`); without it, the hashes that they
            were loaded with are trusted.
    """
    values = {name: f"staged.{quote_identifier(name)}" for name, _ in plan.replica_columns}
    values["_version"] = "greatest(staged._version, ifNull(present.version + 1, 0))"
    return insert_rows(warehouse, plan, f"select {aliased(values)} {changed_rows(warehouse, plan, held)}")


def changed_rows(warehouse: Warehouse, plan: TablePlan, held: str | None = None) -> str:
    """Return FROM and WHERE of the staged rows (`staged`) that differ from the replica's (`present`)."""
    key, loading = column_names(plan.table.key), warehouse.loading(plan.table.name)
    # A number is found in a third of the time of a key. What shares the number of another key finds nothing to join.
    number = f"toUInt32(cityHash64({key}))"
    loaded = (
        f"(select {key}, max(_version) as version, argMax(_row_hash, _version) as row_hash "
        f"from {warehouse.replica(plan.table.name)} prewhere {number} in (select {number} from {loading}) "
        f"group by {key})"
    )
    return f"""
from {loading} as staged
left join {held or loaded} as present using ({key})
where ifNull(present.row_hash != staged._row_hash, staged._row_hash != 0)
"""


def checksum(plan: TablePlan, values: MappingOf[str, str] | None = None) -> str:
    """Return the checksum of a row; `values` are expressions to take the place of columns."""
    terms = [(values or {}).get(name) or quote_identifier(name) for name, _ in plan.replica_columns]
    # Within a tuple, as a function of a NULL would be NULL.
    return f"cityHash64(tuple({', '.join(terms)}))"


def insert_rows(warehouse: Warehouse, plan: TablePlan, rows: str) -> int:
    """Insert the result of a query, whose columns are the replica's, with the checksum of each row; return how many."""
    names = column_names(name for name, _ in plan.replica_columns)
    # The rows have different keys, so looking for the newest of each within a month would find nothing.
    settings = {**GROUP_SETTINGS, **INSERT_SETTINGS, "optimize_on_insert": 0}
    views = warehouse.rows(
        "select notEmpty(dependencies_table) from system.tables where database = {database:String} "
        "and name = {table:String}",
        database=warehouse.crm,
        table=plan.table.name,
    )
    # What ClickHouse reports as written includes what materialized views wrote; only then is it worth counting first.
    counted = None
    if views[0][0]:
        counted = int(warehouse.client.query(f"select count() from ({rows})", settings=settings).result_rows[0][0])
    summary = warehouse.client.command(
        f"insert into {warehouse.replica(plan.table.name)} ({names}, {CHECKSUM_COLUMN[0]}) "
        f"select {names}, {checksum(plan)} from ({rows})",
        settings=settings,
    )
    if not isinstance(summary, QuerySummary):
        raise AssertionError(f"ClickHouse answered an insert with {summary!r}")
    return summary.written_rows if counted is None else counted


def aliased(values: MappingOf[str, str]) -> str:
    """Return a select list of expressions under the names they are given."""
    return ", ".join(f"{value} as {quote_identifier(name)}" for name, value in values.items())


def microseconds(moment: datetime) -> int:
    """Return a moment as ClickHouse counts it: microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def column_names(columns: Iterable[str]) -> str:
    """Return quoted names, separated by commas."""
    return ", ".join(quote_identifier(column) for column in columns)


def _key_texts(plan: TablePlan) -> list[str]:
    """Return the texts of the key's columns without the tenant, which a message needs less."""
    return [f"toString({quote_identifier(name)})" for name in plan.table.key[1:] or plan.table.key]
