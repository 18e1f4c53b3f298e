"""Records changes of deals that the CRM itself keeps no history of: one row per changed stage, one per changed owner.

A load that is about to be published is compared with the replica; what differs in stage or owner becomes a row of the
history, from the old value to the new one. A deal that is seen for the first time leaves no row: the models infer its
first stage from its first change. What was recorded cannot be read again from anywhere, so nothing here deletes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.replica import (
    GROUP_SETTINGS,
    Warehouse,
    aliased,
    create_statement,
    existing_columns,
    insert_rows,
    microseconds,
    publish_whole,
    stored_columns,
)
from orchestration.extraction.source_catalog import SourceCatalog
from orchestration.extraction.state import latest_state

_logger = logging.getLogger(__name__)

_NOTHING_OF_THE_CRM = SourceCatalog(identity="", tables={})


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a history keeps of a deal.

    Attributes:
        watched: the columns of deals whose change makes a row; the history has the values after it under these names.
        nullable: they may be empty. Where they must not be, an empty one is a row that a `where` left out.
        before: the history's column of the value before, and its SQL over `old_` and `new_` watched columns.
    """

    watched: tuple[str, ...]
    nullable: bool
    before: tuple[str, str]


_RECORDED: MappingOf[str, _Recorded] = {
    "deal_stage_history": _Recorded(
        watched=("pipeline_id", "stage_id"),
        nullable=False,
        # A stage belongs to its pipeline, and the row names the new one only.
        before=("from_stage_id", "if(old_pipeline_id = new_pipeline_id, toNullable(old_stage_id), null)"),
    ),
    "deal_owner_history": _Recorded(
        watched=("owner_user_id",), nullable=True, before=("from_owner_user_id", "old_owner_user_id")
    ),
}
_WATCHED = tuple(column for recorded in _RECORDED.values() for column in recorded.watched)

# Where every tenth row or more is staged, a scan that leaves out unchanged ones pays.
_FEW = 10


def record_changes(warehouse: Warehouse, plan: TablePlan, mapping: Mapping) -> dict[str, int]:
    """Record what the staged rows change in the replica, before they are published.

    The moment of a change is the row's own stamp, kept between the last load and now: a stamp that is older is not that
    of this change, one of the future is wrong. Doing it again before the rows are published records only what has
    changed since.

    Args:
        warehouse: with the staged rows of `plan`.
        plan: of any table; only those that a history is recorded of matter.
        mapping: the plan is made from; says which histories are to be recorded.

    Returns:
        How many rows were added to each history that is recorded.
    """
    kept = [name for name, table in CANONICAL_TABLES.items() if table.snapshot_of == plan.table.name]
    if not kept or plan.source is None:
        return {}
    definition = _definition(mapping, plan.table.name)
    seen_before = _comment(warehouse, plan.table.name)
    # It goes with the staged rows when they take the place of the replica, in the same instant.
    warehouse.run(
        f"alter table {warehouse.loading(plan.table.name)}{warehouse.on_cluster} modify comment '{definition}'"
    )
    histories = [name for name in kept if name in mapping.tables and mapping.tables[name].snapshot]
    state = latest_state(warehouse, mapping.name, plan.table.name) if histories else None
    if state is None or not existing_columns(warehouse, plan.table.name):
        return dict.fromkeys(histories, 0)
    if seen_before not in ("", definition):
        _logger.warning(
            "%s: the mapping of its ids, stages or owners changed: what changed in the CRM since the last load cannot "
            "be told from that and is not in the history",
            plan.table.name,
        )
        return dict.fromkeys(histories, 0)
    plans = [plan_table(mapping, name, _NOTHING_OF_THE_CRM) for name in histories]
    for history in plans:
        create_history(warehouse, history)
    last_load = f"fromUnixTimestamp64Micro(toInt64({microseconds(state.boundary)}), 'UTC')"
    with _changed_rows(warehouse, plan, histories, last_load) as changed:
        return {
            history.table.name: insert_rows(warehouse, history, _changes(warehouse, history, changed, last_load))
            for history in plans
        }


def keep_history(warehouse: Warehouse, plan: TablePlan, mapping: Mapping) -> None:
    """Make sure that the table of a recorded history exists; its rows are left alone.

    Rows that another mapping loaded from its CRM make way for the empty staging table: they can be read again.

    Raises:
        ExtractionError: the rows were recorded for another mapping.
    """
    source, mode = _last_load(warehouse, plan.table.name)
    if existing_columns(warehouse, plan.table.name) and source not in ("", mapping.name):
        if mode == "snapshot" and _has_rows(warehouse, plan):
            raise ExtractionError(
                f"{plan.table.name}: holds changes that were recorded under the name {source!r}; if they are of this "
                f"CRM, give {mapping.file} that name, otherwise drop the table {_bare_name(warehouse, plan)}"
            )
        publish_whole(warehouse, plan, replaces=True)
    create_history(warehouse, plan)


def refuse_to_lose_history(warehouse: Warehouse, plan: TablePlan, mapping: Mapping) -> None:
    """Refuse to let anything take the place of recorded changes, which could not be read again.

    Raises:
        ExtractionError: `plan` is no longer that of a recorded history, and the replica holds one.
    """
    if plan.table.snapshot_of is None or plan.snapshot:
        return
    _, mode = _last_load(warehouse, plan.table.name)
    if mode == "snapshot" and existing_columns(warehouse, plan.table.name) and _has_rows(warehouse, plan):
        raise ExtractionError(
            f"{plan.table.name}: holds changes that were recorded and cannot be read again; write `snapshot: true` in "
            f"{mapping.file}, or rename or drop the table {_bare_name(warehouse, plan)} to go on without them"
        )


def create_history(warehouse: Warehouse, plan: TablePlan) -> None:
    """Create the table of a recorded history where it is missing, and columns that it does not have yet."""
    name = warehouse.replica(plan.table.name)
    warehouse.run(create_statement(warehouse, name, plan, if_missing=True))
    present = {column for column, _ in existing_columns(warehouse, plan.table.name)}
    for column, kind in stored_columns(plan):
        if column not in present:
            warehouse.run(f"alter table {name} add column if not exists {quote_identifier(column)} {kind}")


@contextmanager
def _changed_rows(warehouse: Warehouse, plan: TablePlan, histories: list[str], last_load: str) -> Iterator[str]:
    """Hold a table of staged rows beside the replica's, all that differ among them, and yield its quoted name.

    Columns: `tenant_id`, `deal`, each watched column as `new_` and `held_`, `new_hash`, `held_hash`, `extracted_at`,
    `held_at` (when the replica's row was extracted), and in microseconds since 1970 `stamp`, 0 for none.

    Args:
        warehouse: where.
        plan: of the deals.
        histories: rows that these recorded since the last load may be of a load that was never published.
        last_load: SQL of its boundary.
    """
    name = f"{quote_identifier(warehouse.crm)}.{quote_identifier(f'{plan.table.name}__changed')}"
    loading, replica = warehouse.loading(plan.table.name), warehouse.replica(plan.table.name)
    staged, present = (warehouse.rows(f"select count() from {table}")[0][0] for table in (loading, replica))
    among = ""
    if staged * _FEW > present:
        unchanged = (
            f"select cityHash64(tenant_id, id), argMax(_row_hash, _version) from {replica} group by tenant_id, id"
        )
        among = f"where (cityHash64(tenant_id, id), _row_hash) not in ({unchanged})"
        for history in histories:
            recent = f"from {warehouse.replica(history)} where changed_at >= {last_load}"
            among += f" or (tenant_id, id) in (select tenant_id, deal_id {recent})"
    held = {**{column: f"held_{column}" for column in _WATCHED}, "_row_hash": "held_hash", "_extracted_at": "held_at"}
    newest = f"argMax(tuple({', '.join(f'held.{column}' for column in held)}), held._version)"
    try:
        warehouse.run(f"drop table if exists {name} sync")
        warehouse.run(
            f"""
create table {name} engine = MergeTree order by tuple() as
select tenant_id, id as deal,
    {", ".join(f"any(staged.{column}) as new_{column}" for column in _WATCHED)},
    any(staged._row_hash) as new_hash, any(staged._extracted_at) as extracted_at, any(staged._version) as stamp,
    {", ".join(f"tupleElement({newest}, {place}) as {title}" for place, title in enumerate(held.values(), 1))}
from {replica} as held
inner join (
    select tenant_id, id, {", ".join(_WATCHED)}, _row_hash, _extracted_at, _version from {loading} {among}
) as staged using (tenant_id, id)
group by tenant_id, id
""",
            settings=GROUP_SETTINGS,
        )
        yield name
    finally:
        # Where the warehouse itself is gone, the next load drops it.
        with suppress(ClickHouseError):
            warehouse.run(f"drop table if exists {name} sync")


def _changes(warehouse: Warehouse, history: TablePlan, changed: str, last_load: str) -> str:
    """Return a query of the rows to add to a history, with all columns of its replica.

    A history row carries in `_row_hash` the hash of the replica's row that it was compared with. While the replica
    still holds that row, the load that recorded the change has not been published, and a later one goes on from what
    was recorded.

    Args:
        warehouse: where.
        history: plan of the history.
        changed: table of `_changed_rows`.
        last_load: SQL of the boundary of the last load: what is stamped earlier had been seen.
    """
    recorded = _RECORDED[history.table.name]
    before, value_before = recorded.before
    values = {
        **{name: "null" for name, kind in history.replica_columns if kind.startswith("Nullable(")},
        **{column: f"new_{column}" for column in recorded.watched},
        before: value_before,
        "tenant_id": "tenant",
        "id": "concat(deal, '-', toString(toUnixTimestamp64Micro(moment)))",
        "deal_id": "deal",
        "changed_at": "moment",
        "_version": "toUInt64(0)",
        "_deleted": "toUInt8(0)",
        "_extracted_at": "extracted_at",
        "_row_hash": "held_hash",
        "_not_representable": "''",
    }
    watched = recorded.watched
    differ = [f"old_{column} is distinct from new_{column}" for column in watched]
    # A row outside of a `where` is not held to its rules, so it may lack what it must not.
    told = [] if recorded.nullable else [f"{age}_{column} != ''" for column in watched for age in ("old", "new")]
    return f"""
select {aliased({name: values[name] for name, _ in history.replica_columns})}
from (
    select changed.tenant_id as tenant, changed.deal as deal, changed.extracted_at as extracted_at,
        changed.new_hash as new_hash, changed.held_hash as held_hash,
        ifNull(last.held_hash = changed.held_hash, false) as is_unpublished,
        {", ".join(f"if(is_unpublished, last.{column}, changed.held_{column}) as old_{column}" for column in watched)},
        {", ".join(f"changed.new_{column} as new_{column}" for column in watched)},
        greatest(toUnixTimestamp64Micro(changed.extracted_at), toUnixTimestamp64Micro(now64(6))) as now,
        fromUnixTimestamp64Micro(greatest(
            least(if(changed.stamp > 0, toInt64(changed.stamp), now), now),
            toUnixTimestamp64Micro(changed.held_at),
            toUnixTimestamp64Micro({last_load}),
            ifNull(last.changed + 1, toInt64(0))
        ), 'UTC') as moment
    from {changed} as changed
    left join (
        select tenant_id, deal_id, toUnixTimestamp64Micro(max(changed_at)) as changed,
            argMax(_row_hash, changed_at) as held_hash,
            {", ".join(f"tupleElement(argMax(tuple({column}), changed_at), 1) as {column}" for column in watched)}
        from {warehouse.replica(history.table.name)}
        where changed_at >= {last_load}
        group by tenant_id, deal_id
    ) as last on last.tenant_id = changed.tenant_id and last.deal_id = changed.deal
)
where {" and ".join(["(new_hash != held_hash or is_unpublished)", f"({' or '.join(differ)})", *told])}
"""


def _definition(mapping: Mapping, table: str) -> str:
    """Return a hash of what the mapping says about ids, stages and owners: with it, the same deal reads otherwise."""
    mapped = mapping.tables[table].model_dump(mode="json")
    watched = {"id", *_WATCHED}
    told = {
        "source": mapped["source"],
        "query": mapped["query"],
        "tenant": mapping.tenant_of(table).model_dump(mode="json"),
        "columns": {name: form for name, form in mapped["columns"].items() if name in watched},
    }
    return f"ids, stages and owners as in {hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]}"


def _comment(warehouse: Warehouse, table: str) -> str:
    rows = warehouse.rows(
        "select comment from system.tables where database = {database:String} and name = {table:String}",
        database=warehouse.crm,
        table=table,
    )
    return str(rows[0][0]) if rows else ""


def _last_load(warehouse: Warehouse, table: str) -> tuple[str, str]:
    """Return the mapping's name and the mode of the last load of a table; empty texts where none is on record."""
    rows = warehouse.rows(
        f"select source, mode from {quote_identifier(warehouse.ops)}.extraction_state "
        "where table_name = {table:String} order by finished_at desc limit 1",
        table=table,
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")


def _has_rows(warehouse: Warehouse, plan: TablePlan) -> bool:
    return bool(warehouse.rows(f"select 1 from {warehouse.replica(plan.table.name)} limit 1"))


def _bare_name(warehouse: Warehouse, plan: TablePlan) -> str:
    return f"{warehouse.crm}.{plan.table.name}"
