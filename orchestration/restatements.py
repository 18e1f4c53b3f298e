"""Finds figures of closed months that changed since the last build, and logs them with the records behind the change.

Which figures of a closed month ought to stand still is declared in the YAML of the record views (`restated: true` of a
measure), and so is the place of a record within the month (`restated: true` of a dimension). Compared are the records
that the report was built by since the last comparison (dbt logs them), and stored are those that differ. Where nothing
tells which these are, and of months that have closed since, whole months are compared by a digest of their records, and
stored whole where it differs. A record may stand in a month more than once, as a lead does that came and was converted
in it; all of its rows are compared and stored together, and it has one place in all of them. What counts on which day
belongs in the dbt models, the tables of the log in `orchestration.restatement_log`.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from clickhouse_connect.driver.binding import format_str, quote_identifier

from orchestration.extraction.replica import GROUP_SETTINGS, INSERT_SETTINGS, Warehouse, microseconds
from orchestration.restatement_log import FIGURE, create_restatement_log, log_table, staged_tables

_SETTINGS: dict[str, Any] = {**GROUP_SETTINGS, **INSERT_SETTINGS}
# Of what a record says of its month; the sum of two is that of their records in any order.
_DIGEST = "cityHash64(record_type, record_id, place, mapKeys(contributions), mapValues(contributions))"
# Names a record by one number: grouping by it costs a fifth of grouping by four texts. A record that has the number of
# another comes along with it, and drops out where figures are compared.
_RECORD = "cityHash64(tenant_id, month, record_type, record_id)"
# The same without the month: in which months a record stood before, and stands now, is what is asked.
_KEY = "cityHash64(tenant_id, record_type, record_id)"
# Of the condition on months that are compared whole.
_NO_MONTH = "false"


@dataclass(frozen=True, slots=True)
class RestatedMart:
    """A mart of which closed months are watched.

    Attributes:
        mart: its name.
        records: its record view, quoted.
        measures: figures that ought to stand still once a month is closed.
        places: dimensions that ought to; a record that moves between them is logged though the month's sum stands.
        is_built_by_slices: whether dbt logs which records it built the mart by; else each build may change any.
    """

    mart: str
    records: str
    measures: tuple[str, ...]
    places: tuple[str, ...]
    is_built_by_slices: bool


@dataclass(frozen=True, slots=True)
class Restatement:
    """A closed month's figure that changed.

    Attributes:
        mart: where.
        tenant: whose.
        month: first day of the month.
        measure: which figure.
        value_from: before.
        value_to: now.
        records: how many records are behind it.
    """

    mart: str
    tenant: str
    month: date
    measure: str
    value_from: Decimal
    value_to: Decimal
    records: int


def read_restated_marts(manifest: Path) -> tuple[RestatedMart, ...]:
    """Read from the dbt manifest which marts are watched; a mart without restated measures is not."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    by_slices = {node["name"] for node in nodes if node["config"].get("materialized") == "changed_keys"}
    marts = (_restated_mart(node, by_slices) for node in nodes if "records_of" in node["config"].get("meta", {}))
    return tuple(sorted((mart for mart in marts if mart.measures), key=lambda mart: mart.mart))


def log_restatements(
    warehouse: Warehouse, marts: tuple[RestatedMart, ...], *, tenants: str, rebuilt_records: str, run_id: str
) -> list[Restatement]:
    """Compare the records that were built anew with what was seen last, log what changed, and remember the rest.

    One writer at a time. What a run that died had begun is cleared away first; nothing of it counted.

    Args:
        warehouse: that holds marts and log.
        marts: to compare.
        tenants: quoted name of `dim_tenants`, whose as-of day says which months are closed.
        rebuilt_records: quoted name of the log of records that reports were built by, as dbt writes it; what is
            compared is deleted from it.
        run_id: of the run.

    Returns:
        What this run logged, largest change first.
    """
    create_restatement_log(warehouse)
    batch = _next_batch(warehouse)
    _clear_unfinished(warehouse, batch)
    # Before anything is read: what is built from now on is compared next time.
    built = {mart: _last_rebuilt(warehouse, mart, rebuilt_records) for mart in marts}
    for mart in marts:
        warehouse.run(baseline_statement(warehouse, mart, tenants=tenants), settings=_SETTINGS, batch=batch)
        for statement in _comparisons(warehouse, mart, rebuilt_records, batch):
            warehouse.run(statement, settings=_SETTINGS, batch=batch)
    if not _is_empty(warehouse, batch):
        _commit(warehouse, batch, run_id)
        _forget_replaced_records(warehouse, batch)
    for mart, built_until in built.items():
        _remember_comparison(warehouse, mart, built_until, rebuilt_records)
    return read_batch(warehouse, batch)


def baseline_statement(warehouse: Warehouse, mart: RestatedMart, *, tenants: str) -> str:
    """Return the insert of the tenants whose closed months, measures or places differ from those of the last batch.

    A month closes when the tenant's as-of day leaves it, and stays closed should a later run look from an earlier day.
    """
    return f"""
insert into {log_table(warehouse, "month_baselines")}
with last as ({_last_baselines(warehouse, mart)})
select {format_str(mart.mart)}, tenants.tenant_id,
    greatest(toDate32(toStartOfMonth(tenants.as_of_day)), ifNull(last.closed_before, toDate32('1900-01-01')))
        as closed,
    {_array(mart.measures)} as all_measures, {_array(mart.places)} as all_places, {{batch:UInt64}}
from {tenants} as tenants
left join last on tenants.tenant_id = last.tenant_id
where last.tenant_id is null or last.closed_before != closed or last.measures != all_measures
    or last.places != all_places
"""


def totals_statement(warehouse: Warehouse, mart: RestatedMart, months: str) -> str:
    """Return the insert of the closed months whose digest differs from the last one; a month that emptied has 0.

    Args:
        warehouse: that holds marts and log.
        mart: to compare.
        months: condition on tenant_id and month that the months to compare whole meet.
    """
    # Added up as columns: adding up maps takes seven times as long, half as long again for the query as a whole.
    totals = ", ".join(
        f"{format_str(name)}, sum(figures.{position})" for position, name in enumerate(mart.measures, start=1)
    )
    return f"""
insert into {log_table(warehouse, "month_totals")} (mart, tenant_id, month, totals, digest, batch)
with
    last as (select * from ({_last_totals(warehouse, mart)}) where {months}),
    present as (
        select tenant_id, month, mapFilter((measure, figure) -> figure != 0, map({totals})) as totals,
            sum({_DIGEST}) as digest
        from ({_closed_records(warehouse, mart, months)})
        group by tenant_id, month
    )
select {format_str(mart.mart)}, tenant_id, month, anyIf(totals, is_present) as totals_now,
    anyIf(digest, is_present) as digest_now, {{batch:UInt64}}
from (
    select tenant_id, month, totals, digest, true as is_present from present
    union all
    select tenant_id, month, totals, digest, false as is_present from last
)
group by tenant_id, month
having digest_now != anyIf(digest, not is_present)
"""


def records_statement(warehouse: Warehouse, mart: RestatedMart) -> str:
    """Return the insert of the records of the months that differ; before any record that is compared by itself."""
    months = f"(tenant_id, month) in ({_months_of_batch(warehouse, mart)})"
    return f"""
insert into {log_table(warehouse, "month_records")}
select {format_str(mart.mart)}, tenant_id, month, record_type, record_id, place, contributions, {{batch:UInt64}}
from ({_closed_records(warehouse, mart, months)})
"""


def changed_statements(warehouse: Warehouse, mart: RestatedMart, months: str, rebuilt: str) -> tuple[str, str, str]:
    """Return the inserts of what differs of the records that the mart was built by: rows before and now, rows, months.

    Args:
        warehouse: that holds marts and log.
        mart: to compare.
        months: condition on tenant_id and month of the months that are compared whole, and so not here.
        rebuilt: where the records that the mart was built by are read.
    """
    of_rebuilt = f"record_id in (select record_id {rebuilt}) and {_KEY} in (select {_KEY} {rebuilt})"
    # Once for all that follows: where a record stood before is known by its id alone, so the whole log is asked for it.
    differing = f"""
insert into {log_table(warehouse, "differing_records")}
select {format_str(mart.mart)}, tenant_id, month, record_type, record_id,
    groupArrayIf((place, contributions), not is_now), groupArrayIf((place, contributions), is_now), {{batch:UInt64}}
from (
    select tenant_id, month, record_type, record_id, place, contributions, true as is_now
    from ({_closed_records(warehouse, mart, of_rebuilt)})
    union all
    select tenant_id, month, record_type, record_id, place, contributions, false as is_now
    from ({_known_records(warehouse, mart, of_rebuilt)})
)
group by tenant_id, month, record_type, record_id
having sumIf({_DIGEST}, is_now) != sumIf({_DIGEST}, not is_now)
    -- Within an aggregate function, or it would be asked of every record first.
    and not max({months})
"""
    records = f"""
insert into {log_table(warehouse, "month_records")}
select {format_str(mart.mart)}, tenant_id, month, record_type, record_id, place, contributions, {{batch:UInt64}}
from ({_differing_records(warehouse, mart, "now")})
"""
    # What the month was, less what its records were, and what they are now: of numbers of 64 bits as of figures.
    totals = f"""
insert into {log_table(warehouse, "month_totals")}
with terms as (
    select tenant_id, month, totals as figures, digest as term, records_since
    from ({_last_totals(warehouse, mart)})
    where (tenant_id, month) in (select tenant_id, month from ({_differing_records(warehouse, mart, "now")}))
    union all
    select tenant_id, month, contributions as figures, {_DIGEST} as term, 0 as records_since
    from ({_differing_records(warehouse, mart, "now")})
    where notEmpty(contributions)
    union all
    select tenant_id, month, mapApply((measure, figure) -> (measure, -figure), contributions) as figures,
        bitNot({_DIGEST}) + 1 as term, 0 as records_since
    from ({_differing_records(warehouse, mart, "before")})
    where notEmpty(contributions)
)
select {format_str(mart.mart)}, tenant_id, month,
    mapFilter((measure, figure) -> figure != 0, sumMap(figures)) as totals_now,
    sum(term) as digest_now, {{batch:UInt64}}, max(records_since)
from terms
group by tenant_id, month
"""
    return differing, records, totals


def entries_statement(warehouse: Warehouse, mart: RestatedMart) -> str:
    """Return the insert of what changed in months that were closed before.

    A measure that was not compared before has no past to differ from; neither have places. Most records of a month that
    was compared whole are as they were: they are told by their digests, as adding up their figures costs far more.
    """
    of_mart = f"where mart = {format_str(mart.mart)} and batch = {{batch:UInt64}}"
    of_batch = f"from {log_table(warehouse, 'month_records')} {of_mart}"
    # Of a month that was compared whole each record, of another one those that were found to differ.
    of_whole_months = f"from {log_table(warehouse, 'month_totals')} {of_mart} and records_since = {{batch:UInt64}}"
    in_whole_months = f"(tenant_id, month) in (select tenant_id, month {of_whole_months})"
    return f"""
insert into {log_table(warehouse, "restatement_entries")}
with
    closed as ({_last_baselines(warehouse, mart)}),
    before as ({_last_totals(warehouse, mart)}),
    now as (
        select tenant_id, month, totals from {log_table(warehouse, "month_totals")}
        where mart = {format_str(mart.mart)} and batch = {{batch:UInt64}}
    ),
    states as (
        select * from (
            select tenant_id, month, record_type, record_id, place, contributions, true as is_now {of_batch}
            union all
            select tenant_id, month, record_type, record_id, place, contributions, false as is_now
            from ({_known_records(warehouse, mart, in_whole_months)})
            union all
            select tenant_id, month, record_type, record_id, place, contributions, false as is_now
            from ({_differing_records(warehouse, mart, "before")})
        )
        -- The first time that a tenant is seen nothing has changed, and all of its records are new.
        where tenant_id in (select tenant_id from closed)
    ),
    differing as (
        select {_RECORD} as record
        from states
        group by record
        having sumIf({_DIGEST}, is_now) != sumIf({_DIGEST}, not is_now)
    ),
    changes as (
        select tenant_id, month, record_type, record_id,
            sumMapIf(contributions, not is_now) as figures_from, sumMapIf(contributions, is_now) as figures_to,
            anyIf(place, not is_now) as place_from, anyIf(place, is_now) as place_to
        from states
        where {_RECORD} in (select * from differing)
        group by tenant_id, month, record_type, record_id
    ),
    by_measure as (
        select changes.tenant_id as tenant_id, changes.month as month, changes.record_type as record_type,
            changes.record_id as record_id, arrayJoin({_array(mart.measures)}) as measure,
            changes.figures_from[measure] as contribution_from, changes.figures_to[measure] as contribution_to,
            changes.place_from as place_from, changes.place_to as place_to,
            multiIf(
                empty(changes.figures_from), 'entered', empty(changes.figures_to), 'left',
                contribution_from != contribution_to, 'changed', 'moved'
            ) as reason
        from changes
        inner join closed on changes.tenant_id = closed.tenant_id
        where
            changes.month < closed.closed_before and has(closed.measures, measure)
            and (
                contribution_from != contribution_to
                or (contribution_from != 0 and place_from != place_to and closed.places = {_array(mart.places)})
            )
    )
select {format_str(mart.mart)}, by_measure.tenant_id, by_measure.month, by_measure.measure,
    any(before.totals)[by_measure.measure], any(now.totals)[by_measure.measure],
    arraySort(
        record -> (record.1, record.2),
        groupArray((
            by_measure.record_type, by_measure.record_id, by_measure.contribution_from, by_measure.contribution_to,
            by_measure.place_from, by_measure.place_to, by_measure.reason
        ))
    ),
    {{batch:UInt64}}
from by_measure
inner join now on by_measure.tenant_id = now.tenant_id and by_measure.month = now.month
left join before on by_measure.tenant_id = before.tenant_id and by_measure.month = before.month
group by by_measure.tenant_id, by_measure.month, by_measure.measure
settings join_use_nulls = 0
"""


def read_batch(warehouse: Warehouse, batch: int) -> list[Restatement]:
    """Return what a batch logged, largest change first."""
    rows = warehouse.rows(
        f"select mart, tenant_id, month, measure, value_from, value_to, length(records) "
        f"from {log_table(warehouse, 'restatement_entries')} where batch = {{batch:UInt64}} "
        f"order by abs(value_to - value_from) desc, mart, tenant_id, month, measure",
        batch=batch,
    )
    return [Restatement(*row) for row in rows]


def _restated_mart(node: Mapping[str, Any], built_by_slices: Container[str]) -> RestatedMart:
    columns = {name: column["config"]["meta"] for name, column in node["columns"].items()}
    restated = {name: meta["kind"] for name, meta in columns.items() if meta.get("restated")}
    return RestatedMart(
        mart=node["config"]["meta"]["records_of"],
        records=f"{quote_identifier(node['schema'])}.{quote_identifier(node['alias'])}",
        measures=tuple(name for name, kind in restated.items() if kind == "measure"),
        places=tuple(name for name, kind in restated.items() if kind == "dimension"),
        is_built_by_slices=node["config"]["meta"]["records_of"] in built_by_slices,
    )


def _last_rebuilt(warehouse: Warehouse, mart: RestatedMart, rebuilt_records: str) -> int:
    """Return when the mart was last built, in microseconds since 1970; 0 where no build is on record."""
    query = f"select max(built_at) from {rebuilt_records} where report = {format_str(mart.mart)}"
    return int(warehouse.rows(f"select toUnixTimestamp64Micro(({query}))")[0][0])


def _comparisons(warehouse: Warehouse, mart: RestatedMart, rebuilt_records: str, batch: int) -> list[str]:
    """Return the statements that compare a mart, in their order; after its baseline was written."""
    months, rebuilt = _to_compare(warehouse, mart, rebuilt_records, batch)
    statements = []
    # Without them the views would be read whole to find no month.
    if months != _NO_MONTH:
        statements += [totals_statement(warehouse, mart, months), records_statement(warehouse, mart)]
    if rebuilt:
        statements += changed_statements(warehouse, mart, months, rebuilt)
    return [*statements, entries_statement(warehouse, mart)] if statements else []


def _to_compare(warehouse: Warehouse, mart: RestatedMart, rebuilt_records: str, batch: int) -> tuple[str, str]:
    """Return which months are compared whole, and which records by themselves.

    Months, by a condition on tenant_id and month: those that have closed since the mart was last compared; all of them
    where nothing tells what changed, or where other figures are watched. Records, by where they are read: those that
    the mart was built by since then; an empty text where there is none.
    """
    query = f"select max(built_until) from {log_table(warehouse, 'comparisons')} where mart = {format_str(mart.mart)}"
    rebuilt = f"from {rebuilt_records} where report = {format_str(mart.mart)} and built_at > ({query})"
    if (
        not mart.is_built_by_slices
        or not warehouse.rows(f"select count() from ({query} having count() > 0)")[0][0]
        or warehouse.rows(f"select count() {rebuilt} and tenant_id = ''")[0][0]
    ):
        return "true", ""
    pairs = (
        f"from ({_baselines(warehouse, mart)}) as baselines "
        f"left join ({_last_baselines(warehouse, mart)}) as last on baselines.tenant_id = last.tenant_id"
    )
    tenants = f"""
select baselines.tenant_id {pairs}
where last.tenant_id is null or last.measures != baselines.measures or last.places != baselines.places
"""
    closed = f"""
select baselines.tenant_id, addMonths(assumeNotNull(last.closed_before), number) {pairs}
array join range(toUInt16(dateDiff('month', assumeNotNull(last.closed_before), baselines.closed_before))) as number
where last.tenant_id is not null
"""
    months = f"(tenant_id in ({tenants}) or (tenant_id, month) in ({closed}))"
    found = f"select (select count() from ({tenants})) + (select count() from ({closed}))"
    return (
        months if warehouse.rows(found, batch=batch)[0][0] else _NO_MONTH,
        rebuilt if warehouse.rows(f"select count() {rebuilt}")[0][0] else "",
    )


def _remember_comparison(warehouse: Warehouse, mart: RestatedMart, built_until: int, rebuilt_records: str) -> None:
    table, name = log_table(warehouse, "comparisons"), format_str(mart.mart)
    known = warehouse.rows(f"select toUnixTimestamp64Micro(max(built_until)) from {table} where mart = {name}")[0][0]
    if known < built_until:
        warehouse.run(
            f"insert into {table} select {name}, fromUnixTimestamp64Micro({{built:Int64}}, 'UTC')",
            settings=INSERT_SETTINGS,
            built=built_until,
        )
    # Those of the last build stay: the next one is to be later, whatever the clock says.
    compared = f"report = {name} and built_at < fromUnixTimestamp64Micro({built_until}, 'UTC')"
    if warehouse.rows(f"select count() from {rebuilt_records} where {compared}")[0][0]:
        _delete(warehouse, rebuilt_records, compared)


def _closed_records(warehouse: Warehouse, mart: RestatedMart, months: str) -> str:
    """Return the query of the records that add anything to a watched figure of a closed month.

    Args:
        warehouse: that holds marts and log.
        mart: whose records.
        months: condition on tenant_id, month, record_type and record_id of the records to read.
    """
    figures = ", ".join(f"cast({quote_identifier(name)} as {FIGURE})" for name in mart.measures)
    named = ", ".join(f"{format_str(name)}, figures.{position}" for position, name in enumerate(mart.measures, start=1))
    places = ", ".join(f"toString({quote_identifier(name)})" for name in mart.places)
    return f"""
select records.tenant_id as tenant_id, assumeNotNull(records.month) as month, records.record_type as record_type,
    records.record_id as record_id, records.place as place, records.contributions as contributions,
    records.figures as figures
from (
    select tenant_id, month, record_type, record_id, [{places}] as place, tuple({figures}) as figures,
        mapFilter((measure, figure) -> figure != 0, map({named})) as contributions
    from {mart.records}
    where month is not null and {months}
) as records
inner join ({_baselines(warehouse, mart)}) as closed on records.tenant_id = closed.tenant_id
where records.month < closed.closed_before and notEmpty(records.contributions)
"""


def _known_records(warehouse: Warehouse, mart: RestatedMart, condition: str) -> str:
    """Return the query of the records behind closed months as the batches before this one left them.

    Args:
        warehouse: that holds marts and log.
        mart: whose records.
        condition: on tenant_id, month, record_type and record_id of the records to read.
    """
    return f"""
select tenant_id, month, record_type, record_id, tupleElement(state, 2) as place,
    tupleElement(state, 3) as contributions
from (
    select known.tenant_id as tenant_id, known.month as month, known.record_type as record_type,
        known.record_id as record_id, groupArray((known.batch, known.place, known.contributions)) as states
    from (
        select * from {log_table(warehouse, "month_records")}
        where mart = {format_str(mart.mart)} and batch < {{batch:UInt64}} and ({condition})
    ) as known
    inner join ({_last_totals(warehouse, mart)}) as months
        on known.tenant_id = months.tenant_id and known.month = months.month
    where known.batch >= months.records_since
    group by known.tenant_id, known.month, known.record_type, known.record_id
)
array join arrayFilter(state -> state.1 = arrayMax(states.1), states) as state
where notEmpty(contributions)
"""


def _differing_records(warehouse: Warehouse, mart: RestatedMart, when: Literal["before", "now"]) -> str:
    """Return the query of the rows that this batch's differing records had, or have; without contributions if none."""
    return (
        f"select tenant_id, month, record_type, record_id, row.place as place, row.contributions as contributions "
        f"from {log_table(warehouse, 'differing_records')} left array join rows_{when} as row "
        f"where mart = {format_str(mart.mart)} and batch = {{batch:UInt64}}"
    )


def _last_baselines(warehouse: Warehouse, mart: RestatedMart) -> str:
    """Return the query of the baselines of the batches before this one."""
    return _baselines(warehouse, mart, batches="<")


def _baselines(warehouse: Warehouse, mart: RestatedMart, batches: Literal["<", "<="] = "<=") -> str:
    """Return the query of the latest baseline of each tenant, this batch's where it has one."""
    return (
        f"select tenant_id, argMax(closed_before, batch) as closed_before, argMax(measures, batch) as measures, "
        f"argMax(places, batch) as places from {log_table(warehouse, 'month_baselines')} "
        f"where mart = {format_str(mart.mart)} and batch {batches} {{batch:UInt64}} group by tenant_id"
    )


def _last_totals(warehouse: Warehouse, mart: RestatedMart) -> str:
    return (
        f"select tenant_id, month, argMax(totals, batch) as totals, argMax(digest, batch) as digest, "
        f"argMax(records_since, batch) as records_since from {log_table(warehouse, 'month_totals')} "
        f"where mart = {format_str(mart.mart)} and batch < {{batch:UInt64}} group by tenant_id, month"
    )


def _months_of_batch(warehouse: Warehouse, mart: RestatedMart) -> str:
    return (
        f"select tenant_id, month from {log_table(warehouse, 'month_totals')} "
        f"where mart = {format_str(mart.mart)} and batch = {{batch:UInt64}}"
    )


def _array(names: tuple[str, ...]) -> str:
    return f"cast([{', '.join(map(format_str, names))}] as Array(String))"


def _next_batch(warehouse: Warehouse) -> int:
    committed = warehouse.rows(f"select max(batch) from {log_table(warehouse, 'restatement_batches')}")
    return int(committed[0][0]) + 1


def _is_empty(warehouse: Warehouse, batch: int) -> bool:
    return not any(_has_rows(warehouse, table, batch) for table in ("month_baselines", "month_totals"))


def _has_rows(warehouse: Warehouse, table: str, batch: int) -> bool:
    query = f"select count() from {log_table(warehouse, table)} where batch = {{batch:UInt64}}"
    return bool(warehouse.rows(query, batch=batch)[0][0])


def _clear_unfinished(warehouse: Warehouse, batch: int) -> None:
    """Delete what an earlier run wrote under this batch's number without committing it, and what only it needed."""
    for table in staged_tables():
        if _has_rows(warehouse, table, batch):
            _delete(warehouse, log_table(warehouse, table), f"batch = {batch}")
    warehouse.run(f"truncate table {log_table(warehouse, 'differing_records')}")


def _forget_replaced_records(warehouse: Warehouse, batch: int) -> None:
    """Delete the records of months that the batch recorded whole; nothing reads them any more, should this fail.

    Records that were replaced one by one stay until then: they are few, and to look for them costs as much as all else.
    """
    months = f"select mart, tenant_id, month from {log_table(warehouse, 'month_totals')} where batch = {batch}"
    condition = f"batch < {batch} and (mart, tenant_id, month) in ({months} and records_since = {batch})"
    query = f"select count() from {log_table(warehouse, 'month_records')} where {condition}"
    if warehouse.rows(query)[0][0]:
        _delete(warehouse, log_table(warehouse, "month_records"), condition)


def _delete(warehouse: Warehouse, table: str, condition: str) -> None:
    warehouse.run(f"delete from {table} where {condition}", settings={"lightweight_deletes_sync": 2})


def _commit(warehouse: Warehouse, batch: int, run_id: str) -> None:
    warehouse.run(
        f"insert into {log_table(warehouse, 'restatement_batches')} select {{batch:UInt64}}, {{run_id:String}}, "
        f"fromUnixTimestamp64Micro({{now:Int64}}, 'UTC'), count() "
        f"from {log_table(warehouse, 'restatement_entries')} where batch = {{batch:UInt64}}",
        settings=INSERT_SETTINGS,
        batch=batch,
        run_id=run_id,
        now=microseconds(datetime.now(UTC)),
    )
