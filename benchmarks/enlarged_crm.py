"""A large CRM's replicas: a small demo CRM is extracted, and ClickHouse copies what arrived many times over.

Millions of deals take hours to generate row by row, and a minute to copy. Each copy is whole: deals with their history,
leads and activities, under ids of their own, in companies of their own, so that the models find nothing unlike a real
CRM. A played day is copied alike. Only replicas and the log of loads are filled; measuring belongs in `marts`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from deploy.demo_crm import fill, play_day, read_as_of
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import load_mapping
from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.extraction.source_catalog import Connection

_LARGEST_DEMO, _SMALLEST_DEMO, _COPIES_OF_DEALS = 25_000, 5_000, 10
# What is copied within a company, by the columns that hold its ids; all else is shared by the copies.
_COPIED_IDS = {
    "deals": ("id", "lead_id"),
    "deal_stage_history": ("id", "deal_id"),
    "deal_owner_history": ("id", "deal_id"),
    "leads": ("id",),
    "activities": ("id", "deal_id", "lead_id"),
}
_MARK = "~"


class Enlargement(BaseModel):
    """How a demo CRM becomes a large one.

    Attributes:
        demo_deals: deals of the demo.
        copies: of each deal within its company, itself included.
        companies: copies of each company, itself included.
    """

    model_config = ConfigDict(frozen=True)

    demo_deals: int
    copies: int
    companies: int


def plan_enlargement(deals: int) -> Enlargement:
    """Return how to come near a number of deals."""
    demo = min(_LARGEST_DEMO, max(_SMALLEST_DEMO, deals // 200))
    copies = max(1, deals // demo)
    within = min(_COPIES_OF_DEALS, copies)
    return Enlargement(demo_deals=min(demo, deals), copies=within, companies=max(1, round(copies / within)))


def fill_enlarged(crm: Connection, warehouse: Warehouse, plan: Enlargement, progress: Callable[[str], None]) -> None:
    """Fill an empty CRM and its enlarged replicas."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    fill(crm, deals=plan.demo_deals, as_of=today)
    _extract(crm, warehouse)
    _enlarge(warehouse, plan, datetime(1970, 1, 1, tzinfo=UTC), progress)


def play_enlarged_day(
    crm: Connection, warehouse: Warehouse, plan: Enlargement, progress: Callable[[str], None]
) -> datetime:
    """Let a working day pass in the CRM and its enlarged replicas; return the moment that it leads up to.

    The demo renames a source in each company every day, to show what that does: it changes all leads of the source. It
    is no part of an ordinary day, so the names are put back.
    """
    known = warehouse.rows(f"select max(boundary) from {warehouse.ops}.extraction_state")[0][0].replace(tzinfo=UTC)
    crm.execute("create temporary table source_names as select id, name from lead_sources")
    while play_day(crm, stamp="now").changes["new_leads_and_deals"] == 0:
        pass
    crm.execute("update lead_sources set name = kept.name from source_names as kept where kept.id = lead_sources.id")
    _extract(crm, warehouse)
    _enlarge(warehouse, plan, known, progress)
    return read_as_of(crm)


def _extract(crm: Connection, warehouse: Warehouse) -> None:
    mapping = load_mapping("demo")
    # Not reconciled: the CRM knows nothing of the copies.
    for table in CANONICAL_TABLES:
        load_table(crm, warehouse, mapping, table, run_id="benchmark")


def _enlarge(warehouse: Warehouse, plan: Enlargement, since: datetime, progress: Callable[[str], None]) -> None:
    """Copy the rows that were loaded after `since`, first within each company, then with the company."""
    loaded = f"_extracted_at > fromUnixTimestamp64Micro({int(since.timestamp() * 1_000_000)}, 'UTC')"
    for table in CANONICAL_TABLES:
        if table in _COPIED_IDS:
            _copy(warehouse, table, _COPIED_IDS[table], plan.copies, f"{loaded} and position(id, '{_MARK}') = 0")
        _copy(warehouse, table, ("tenant_id",), plan.companies, loaded)
        progress(f"{table}: {warehouse.rows(f'select count() from {warehouse.replica(table)}')[0][0]:,} rows")


def _copy(warehouse: Warehouse, table: str, ids: tuple[str, ...], copies: int, condition: str) -> None:
    if copies == 1:
        return
    columns = (
        "select name from system.columns where database = {database:String} and table = {table:String} "
        "order by position"
    )
    names = [name for (name,) in warehouse.rows(columns, database=warehouse.crm, table=table)]
    values = ", ".join(f"concat({name}, '{_MARK}', toString(number))" if name in ids else name for name in names)
    warehouse.run(
        f"insert into {warehouse.replica(table)} ({', '.join(names)}) select {values} "
        f"from (select * from {warehouse.replica(table)} where {condition} and position(tenant_id, '{_MARK}') = 0) "
        f"as originals cross join (select number + 1 as number from numbers({copies - 1})) as copies",
        # No two copies are versions of one row, so there is nothing to look for within a block.
        settings={**INSERT_SETTINGS, "optimize_on_insert": 0},
    )
