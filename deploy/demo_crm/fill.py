"""Fills an empty database with the demo CRM: every tenant, month by month, then the edge cases, then the indexes.

The same arguments give the same bytes. What a later day adds belongs in `day`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from psycopg import sql

from deploy.demo_crm import rows
from deploy.demo_crm.activities import month_of_work
from deploy.demo_crm.clock import Clock
from deploy.demo_crm.companies import TENANTS
from deploy.demo_crm.customers import Tables, no_customers
from deploy.demo_crm.directory import Ids, build_directory
from deploy.demo_crm.edge_cases import add_edge_cases, count_edge_cases
from deploy.demo_crm.profile import TenantProfile
from deploy.demo_crm.sales import Company, month_of_sales
from deploy.demo_crm.storage import TABLES, Connection, DemoError, make_tables, postpone_indexes

DEFAULT_DEALS = 60_000
DEFAULT_SEED = 7
MINIMUM_DEALS = 300
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Filled:
    """How many rows each table got, and how often each edge case occurs."""

    rows: dict[str, int]
    edge_cases: dict[str, int]


def fill(
    connection: Connection,
    *,
    seed: int = DEFAULT_SEED,
    deals: int = DEFAULT_DEALS,
    as_of: datetime,
    replace: bool = False,
    progress: Progress = lambda line: None,
) -> Filled:
    """Create the demo's tables and fill them, in one transaction.

    Args:
        connection: to a database without the demo's tables, or with them when `replace` is given.
        seed: chooses one of many equally believable companies.
        deals: number of deals over all tenants, about; everything else grows with it.
        as_of: aware moment at which the history ends.
        replace: drop an earlier demo first.
        progress: receives a line of text after each step.

    Raises:
        DemoError: the tables exist, or an argument makes no sense.
    """
    if deals < MINIMUM_DEALS:
        raise DemoError(f"{deals} deals are too few for three companies: ask for at least {MINIMUM_DEALS}")
    if as_of.tzinfo is None:
        raise DemoError("as-of needs a UTC offset, for example 2026-03-01T00:00:00+00:00")
    written: Counter[str] = Counter()
    with connection.transaction():
        connection.execute("set local timezone to 'UTC'")
        connection.execute("set local maintenance_work_mem to '128MB'")
        make_tables(connection, replace=replace)
        rebuild = postpone_indexes(connection)
        ids = Ids()
        for number, profile in enumerate(TENANTS):
            _fill_tenant(connection, profile, number, seed=seed, deals=deals, as_of=as_of, ids=ids, written=written)
            progress(f"{profile.name}: written; {sum(written.values()):,} rows so far")
        written.update(add_edge_cases(connection, ids, as_of))
        connection.execute("insert into demo_generation values (%s, %s, 0, %s)", [seed, deals, as_of])
        for statement in rebuild:
            connection.execute(statement)
        progress("keys and indexes: built")
    for table in TABLES:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(table)))
    progress("statistics: gathered")
    edge_cases = count_edge_cases(connection)
    progress(f"done: {sum(written.values()):,} rows, {len(edge_cases)} kinds of edge cases")
    return Filled(dict(written), edge_cases)


def _fill_tenant(
    connection: Connection,
    profile: TenantProfile,
    number: int,
    *,
    seed: int,
    deals: int,
    as_of: datetime,
    ids: Ids,
    written: Counter[str],
) -> None:
    clock = Clock(profile, as_of)
    size = deals / DEFAULT_DEALS
    directory, records = build_directory(profile, clock, ids, size, np.random.default_rng([seed, number]))
    for table, table_rows in records.items():
        written[table] += rows.copy_records(connection, table, table_rows)
    company = Company(profile, clock, directory, ids)
    customers = no_customers()
    months = clock.months()
    for month, span, count in zip(range(len(months)), months, _deals_by_month(profile, clock, deals), strict=True):
        generator = np.random.default_rng([seed, number, month])
        leads, made, customers, tables = month_of_sales(company, customers, span, count, generator)
        _write(connection, tables, written)
        _write(connection, month_of_work(company, customers, leads, made, generator), written)


def _write(connection: Connection, tables: Tables, written: Counter[str]) -> None:
    for table, columns in tables.items():
        written[table] += rows.copy_columns(connection, table, columns)


def _deals_by_month(profile: TenantProfile, clock: Clock, deals: int) -> list[int]:
    """Return how many deals come of each month's business; the sum is the tenant's share of `deals`."""
    weights = np.array([clock.weights(*span).sum() for span in clock.months()])
    until = np.rint(np.cumsum(weights) / weights.sum() * deals * profile.share).astype(np.int64)
    return [int(count) for count in np.diff(until, prepend=0)]
