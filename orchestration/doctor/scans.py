"""Generates the SQL that counts: one statement per scan, whatever the number of checks. Pure functions.

Every scan reads rows through the SELECT of the extraction (`render_select`), so that a row is here what it is for a
load: translated, filtered, live or deleted, with what a replica cannot hold turned into NULL.

Each condition is one bit of a row's mask; rows are counted by mask. So a condition is computed once per row, and the
table is read once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from babel.numbers import list_currencies

from orchestration.doctor.catalogue import Check
from orchestration.extraction.canonical import CANONICAL_TABLES, Kind
from orchestration.extraction.expressions import identifier, literal
from orchestration.extraction.guards import ENTRY_SEPARATOR, FIELD_SEPARATOR, REJECTED
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.select import render_select

RATE_DAYS = 14
"""How many days after its own a rate is good for; see docs/metrics.md."""

_TYPES = {
    # One collation for all, as PostgreSQL refuses to compare texts of different ones.
    Kind.TEXT: 'text collate "C"',
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.TIMESTAMP: "timestamptz",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}
_METADATA = {"_version": "bigint", "_deleted": "boolean", "_not_representable": "text"}

_UNIT = chr(31)
_MOST_VALUES = 5

_STAGE = """(
    select distinct on (tenant_id, pipeline_id, id) tenant_id, pipeline_id, id, outcome, not _deleted as is_live
    from {stages} as all_stages
    order by tenant_id, pipeline_id, id, _version desc
)"""
_TENANT = "(select distinct on (tenant_id) * from {tenants} as all_tenants where not _deleted)"


def _ids(table: str) -> str:
    return f"(select distinct tenant_id, id from {{{table}}} as all_{table} where not _deleted)"


_SCANS: Mapping[str, str] = {
    "tenants": """
select t.*, not t._deleted as live, t.tenant_id as example, managers.tenant_id is not null as has_manager
from {tenants} as t
left join (
    select distinct tenant_id from {users} as all_users where not _deleted and role = 'manager'
) as managers on managers.tenant_id = t.tenant_id
""",
    "users": f"""
select u.*, not u._deleted as live, u.id as example, d.id is not null as department_is_live
from {{users}} as u
left join {_ids("departments")} as d on d.tenant_id = u.tenant_id and d.id = u.department_id
""",
    "pipelines": f"""
select p.*, not p._deleted as live, p.id as example, coalesce(s.stages, 0) as stages,
    coalesce(s.open_stages, 0) as open_stages, coalesce(s.won_stages, 0) as won_stages,
    coalesce(s.lost_stages, 0) as lost_stages
from {{pipelines}} as p
left join (
    select tenant_id, pipeline_id, count(*) as stages, count(*) filter (where outcome = 'open') as open_stages,
        count(*) filter (where outcome = 'won') as won_stages, count(*) filter (where outcome = 'lost') as lost_stages
    from {_STAGE} as stage
    where is_live
    group by tenant_id, pipeline_id
) as s on s.tenant_id = p.tenant_id and s.pipeline_id = p.id
""",
    "stages": f"""
select s.tenant_id, s.outcome, s._not_representable, not s._deleted as live, s.position as position,
    s.pipeline_id || ' / ' || s.id as example, p.id is not null as pipeline_is_live,
    count(*) filter (where not s._deleted and s.outcome <> 'lost')
        over (partition by s.tenant_id, s.pipeline_id, s.position) as same_position,
    min(s.position) filter (where not s._deleted and s.outcome = 'won')
        over (partition by s.tenant_id, s.pipeline_id) as first_won
from {{stages}} as s
left join {_ids("pipelines")} as p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
""",
    "leads": f"""
select l.*, not l._deleted as live, l.id as example, t.tenant_id is not null as tenant_is_known,
    s.id is not null as source_is_live, u.id is not null as owner_is_user
from {{leads}} as l
left join {_TENANT} as t on t.tenant_id = l.tenant_id
left join {_ids("lead_sources")} as s on s.tenant_id = l.tenant_id and s.id = l.source_id
left join {_ids("users")} as u on u.tenant_id = l.tenant_id and u.id = l.owner_user_id
""",
    # Rows without a lead stand for the deals of one that is deleted or unknown.
    "lead_deals": """
select coalesce(l.tenant_id, d.tenant_id) as tenant_id, true as live, coalesce(l.id, d.deal_id) as example,
    l.id is not null as is_lead, coalesce(not l.is_duplicate, false) as is_counted, l.created_at, l.converted_at,
    d.lead_id is not null as has_deal, d.first_deal_at,
    d.deals as weight
from (select * from {leads} as all_leads where not _deleted) as l
full join (
    select tenant_id, lead_id, min(created_at) as first_deal_at, count(*) as deals, min(id) as deal_id
    from {deals} as all_deals
    where not _deleted and lead_id is not null
    group by tenant_id, lead_id
) as d on d.tenant_id = l.tenant_id and d.lead_id = l.id
""",
    "deals": f"""
select d.*, not d._deleted as live, d.id as example, t.tenant_id is not null as tenant_is_known,
    s.id is not null as stage_is_known, s.is_live as stage_is_live, s.outcome, p.id is not null as pipeline_is_live,
    u.id is not null as owner_is_user
from {{deals}} as d
left join {_TENANT} as t on t.tenant_id = d.tenant_id
left join {_STAGE} as s on s.tenant_id = d.tenant_id and s.pipeline_id = d.pipeline_id and s.id = d.stage_id
left join {_ids("pipelines")} as p on p.tenant_id = d.tenant_id and p.id = d.pipeline_id
left join {_ids("users")} as u on u.tenant_id = d.tenant_id and u.id = d.owner_user_id
""",
    # Only deals whose close day decides something: won ones whose own columns do not tell it or tell one of the future,
    # and all in a foreign currency, as it chooses their rate.
    "closes": f"""
with candidate as materialized ({{candidates}})
select r.*, true as live, r.id as example, rates.tenant_id is not null as has_rate
from (
    select c.*, case
        when c.outcome not in ('won', 'lost') then null
        when h.covers then (h.entered_at at time zone c.zone)::date
        else coalesce(c.closed_on, (c.closed_at at time zone c.zone)::date)
    end as close_day
    from candidate as c
    left join (
        select tenant_id, deal_id,
            bool_or(from_end = 1 and pipeline_id = deal_pipeline_id and stage_id = deal_stage_id) as covers,
            min(changed_at) filter (where others_since = 0) as entered_at
        from (
            select h.tenant_id, h.deal_id, h.pipeline_id, h.stage_id, h.changed_at,
                c.pipeline_id as deal_pipeline_id, c.stage_id as deal_stage_id,
                row_number() over newest as from_end,
                count(*) filter (where s.outcome is distinct from c.outcome) over newest as others_since
            from {{deal_stage_history}} as h
            join candidate as c
                on c.tenant_id = h.tenant_id and c.id = h.deal_id and c.outcome in ('won', 'lost')
            left join {_STAGE} as s
                on s.tenant_id = h.tenant_id and s.pipeline_id = h.pipeline_id and s.id = h.stage_id
            where not h._deleted
            window newest as (
                partition by h.tenant_id, h.deal_id order by h.changed_at desc, length(h.id) desc, h.id desc
            )
        ) as visits
        group by tenant_id, deal_id
    ) as h on h.tenant_id = c.tenant_id and h.deal_id = c.id
) as r
left join (
    select distinct tenant_id, currency, rate_on + age as day
    from {{exchange_rates}} as all_rates cross join generate_series(0, {RATE_DAYS}) as age
    where not _deleted
) as rates on r.is_foreign and rates.tenant_id = r.tenant_id and rates.currency = r.currency
    and rates.day = coalesce(r.close_day, r.as_of_day)
""",
    "deal_histories": f"""
select d.tenant_id, true as live, d.id as example, s.outcome, h.deal_id is not null as has_history
from {{deals}} as d
left join {_STAGE} as s on s.tenant_id = d.tenant_id and s.pipeline_id = d.pipeline_id and s.id = d.stage_id
left join (
    select distinct tenant_id, deal_id from {{deal_stage_history}} as all_rows where not _deleted
) as h on h.tenant_id = d.tenant_id and h.deal_id = d.id
where not d._deleted
""",
    "deal_stage_history": f"""
select h.*, not h._deleted as live, h.id as example, s.id is not null as stage_is_known
from {{deal_stage_history}} as h
left join {_STAGE} as s on s.tenant_id = h.tenant_id and s.pipeline_id = h.pipeline_id and s.id = h.stage_id
""",
    "activities": f"""
select a.*, not a._deleted as live, a.id as example, t.tenant_id is not null as tenant_is_known,
    u.id is not null as owner_is_user
from {{activities}} as a
left join {_TENANT} as t on t.tenant_id = a.tenant_id
left join {_ids("users")} as u on u.tenant_id = a.tenant_id and u.id = a.assignee_user_id
""",
    "exchange_rates": """
select r.*, not r._deleted as live, r.currency || ' ' || r.rate_on as example from {exchange_rates} as r
""",
}

_CANDIDATES = f"""
    select * from (
        select d.tenant_id, d.id, d.pipeline_id, d.stage_id, d.closed_at, d.closed_on, d.currency, s.outcome,
            d.amount is not null and d.currency <> t.currency as is_foreign, zones.name as zone,
            ({{as_of}}::timestamptz at time zone zones.name)::date as as_of_day
        from {{deals}} as d
        join {_TENANT} as t on t.tenant_id = d.tenant_id
        join pg_catalog.pg_timezone_names as zones on zones.name = t.timezone
        left join {_STAGE} as s on s.tenant_id = d.tenant_id and s.pipeline_id = d.pipeline_id and s.id = d.stage_id
        where not d._deleted
    ) as dated
    where is_foreign
        or outcome = 'won' and (
            closed_at is null and closed_on is null
            or closed_at > {{as_of}}::timestamptz or closed_on > as_of_day
        )
"""

TABLES_OF: Mapping[str, tuple[str, ...]] = {
    "lead_deals": ("leads", "deals"),
    "closes": ("deals", "stages", "tenants"),
    "deal_histories": ("deals", "deal_stage_history"),
}
"""Tables without which a scan says nothing; any other scan is named after its one table."""

_WEIGHTED = frozenset({"lead_deals"})
REJECTED_ROWS, EMPTIED_ROWS, LIVE_ROWS = "rejected", "emptied", "live"
_BASE = {
    LIVE_ROWS: "x.live",
    REJECTED_ROWS: f"starts_with(x._not_representable, {literal(REJECTED)})",
    EMPTIED_ROWS: f"x._not_representable <> '' and not starts_with(x._not_representable, {literal(REJECTED)})",
}


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement that counts the rows of a relation by mask.

    Attributes:
        name: of the scan.
        bits: what each bit of the mask stands for: a condition, or the name of a base figure.
        sql: the statement; its columns are the mask, the number of rows, the sum of their weights, and the smallest
            example, tenant and id.
    """

    name: str
    bits: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Figure:
    """How many rows a condition holds for, of which weight, and tenant and id of one."""

    rows: int = 0
    weight: int = 0
    tenant: str = ""
    example: str = ""


def relation(plan: TablePlan, as_of: datetime) -> str:
    """Return what stands for a canonical table behind `from`: what its load reads."""
    name = plan.table.name
    return f"(select {_columns(name)} from ({render_select(plan, extracted_at=as_of)}) as loaded)"


def nothing(table: str) -> str:
    """Return what stands for a canonical table that nothing is read from: its columns without any row."""
    return f"(select {_columns(table, 'null')} where false)"


def _columns(table: str, value: str = "") -> str:
    """Return the canonical columns, each of one type whatever the CRM's is, so that they can be compared."""
    canonical = [(column.name, _TYPES[column.kind]) for column in CANONICAL_TABLES[table].columns]
    return ", ".join(
        f"({value or f'loaded.{identifier(name)}'})::{kind} as {identifier(name)}"
        for name, kind in [*canonical, *_METADATA.items()]
        if value or not _is_left_out(table, name)
    )


def _is_left_out(table: str, name: str) -> bool:
    column = CANONICAL_TABLES[table].column(name)
    return column is not None and column.only_if_mapped


def conditions_of(scan: str, checks: Iterable[Check]) -> tuple[str, ...]:
    """Return the conditions that these checks count in a scan."""
    of_scan = list(checks)
    found = dict.fromkeys(check.count for check in of_scan if check.scan == scan)
    return tuple(found | dict.fromkeys(check.of for check in of_scan if (check.of_scan or check.scan) == scan))


def render_scan(name: str, conditions: Iterable[str], present: Mapping[str, str], as_of: datetime) -> Scan:
    """Return the statement of a scan that counts all these conditions at once.

    Args:
        name: of the scan; one per canonical table, and those of `TABLES_OF`.
        conditions: each holds for live rows only.
        present: what stands for each canonical table: its `relation`, or `nothing`.
        as_of: the moment that "now" means.
    """
    bits = dict(_BASE) if name not in TABLES_OF else {LIVE_ROWS: _BASE[LIVE_ROWS]}
    bits |= {condition: f"x.live and ({_with_lists(condition)})" for condition in conditions}
    mask = " | ".join(f"case when {sql} then {1 << place} else 0 end" for place, sql in enumerate(bits.values()))
    # Most rows are ordinary, and making the text of an example costs more than counting.
    unremarkable = sum(1 << place for place, name in enumerate(bits) if name in ("true", LIVE_ROWS))
    example = f"case when m.mask & ~{unremarkable}::bigint <> 0 then m.tenant_id || {literal(_UNIT)} || m.example end"
    weight = "sum(m.weight)::bigint" if name in _WEIGHTED else "count(*)"
    weighed = ", x.weight" if name in _WEIGHTED else ""
    return Scan(
        name,
        tuple(bits),
        f'select m.mask, count(*), {weight}, min({example} collate "C") from ('
        f"select ({mask})::bigint as mask, x.tenant_id, x.example{weighed} "
        f"from ({_relation(name, present, as_of)} offset 0) as x) as m group by m.mask",
    )


def render_values(check: Check, present: Mapping[str, str], as_of: datetime) -> str:
    """Return a query of the most frequent values at fault, with their rows."""
    return (
        f"select left(({check.values})::text, 60) as value, count(*) "
        f"from ({_relation(check.scan, present, as_of)}) as x where x.live and ({_with_lists(check.count)}) "
        f"group by 1 order by 2 desc, 1 limit {_MOST_VALUES}"
    )


def render_rejections(table: str, present: Mapping[str, str]) -> str:
    """Return a query of why rows must not be loaded: column, reason, value, rows, and the key of one row."""
    return (
        f"select split_part(entry, {literal(FIELD_SEPARATOR)}, 1), split_part(entry, {literal(FIELD_SEPARATOR)}, 2), "
        f"split_part(entry, {literal(FIELD_SEPARATOR)}, 3), count(*), min(example) from ("
        f"select unnest(string_to_array(substr(x._not_representable, 2), {literal(ENTRY_SEPARATOR)})) as entry, "
        f"{_key(table)} as example from {present[table]} as x "
        f"where starts_with(x._not_representable, {literal(REJECTED)})) as entries "
        "group by 1, 2, 3 order by 4 desc, 1, 2, 3 limit 20"
    )


def render_emptied(table: str, present: Mapping[str, str]) -> str:
    """Return a query of the columns whose values cannot be held: column, rows, and the key of one row."""
    return (
        "select name, count(*), min(example) from ("
        f"select unnest(string_to_array(x._not_representable, ',')) as name, {_key(table)} as example "
        f"from {present[table]} as x where x._not_representable <> '' "
        f"and not starts_with(x._not_representable, {literal(REJECTED)})) as entries group by 1 order by 1"
    )


def render_duplicates(table: str, present: Mapping[str, str]) -> str:
    """Return a query of how many keys several rows have, and one of them."""
    key = ", ".join(f"x.{identifier(name)}" for name in CANONICAL_TABLES[table].key)
    return (
        f"select count(*), min(example) from (select {_key(table)} as example from {present[table]} as x "
        f"group by {key} having count(*) > 1) as repeated"
    )


def figures(scan: Scan, rows: Sequence[tuple[int, int, int | None, str | None]]) -> dict[str, Figure]:
    """Return the figure of each condition of a scan, and of all rows under the empty text.

    Args:
        scan: the statement.
        rows: what it returned.
    """
    found = {"": Figure(rows=sum(row[1] for row in rows))}
    for place, condition in enumerate(scan.bits):
        holding = [row for row in rows if row[0] >> place & 1]
        tenant, _, example = min((row[3] for row in holding if row[3]), default="").partition(_UNIT)
        weight = sum(row[2] or 0 for row in holding)
        found[condition] = Figure(sum(row[1] for row in holding), weight, tenant, example)
    return found


def _relation(name: str, present: Mapping[str, str], as_of: datetime) -> str:
    plain = "select x.*, not x._deleted as live, x.id as example from {" + name + "} as x"
    filled = {**present, "as_of": literal(as_of.isoformat())}
    candidates = _CANDIDATES.format_map(filled) if name == "closes" else ""
    return _SCANS.get(name, plain).format_map({**filled, "candidates": candidates})


def _key(table: str) -> str:
    """Return the text of a row's key without its tenant, as the extraction's messages show it."""
    key = CANONICAL_TABLES[table].key
    return f"concat_ws(', ', {', '.join(f'x.{identifier(name)}' for name in key[1:] or key)}) collate \"C\""


def _with_lists(condition: str) -> str:
    for name, values in _lists().items():
        condition = condition.replace(f"{{{name}}}", values)
    return condition


@cache
def _lists() -> Mapping[str, str]:
    return {"zones": _array(available_timezones()), "currencies": _array(list_currencies())}


def _array(values: Iterable[str]) -> str:
    return f"array[{', '.join(literal(value) for value in sorted(values))}]"
