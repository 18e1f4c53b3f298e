"""The moves that most tests of the extraction make: map a small table, load it, read the replica back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestration.extraction.load import LoadResult, load_table
from orchestration.extraction.mapping import Mapping, parse_mapping
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection

_HEAD = """
name: bench
timezone: {timezone}
tenant: {{constant: acme}}
overlap_seconds: {overlap}
tables:
  tenants:
    source: public.firms
    columns:
      name: name
      timezone: {{literal: UTC}}
      currency: {{literal: EUR}}
      locale: {{literal: en}}
      is_active: {{literal: true}}
      created_at: created_at
      updated_at: created_at
"""


NOTES = """
  contacts:
    source: public.notes
    changed_at: updated_at
    created_at: created_at
    deleted: {column: gone, equals: true}
    columns: {id: id, created_at: created_at, updated_at: updated_at}
    extra: {note: note}
"""
"""A table of notes with everything that a load goes by, as contacts."""


def bench_mapping(tables: str, *, timezone: str = "UTC", overlap: int = 0) -> Mapping:
    """Return a mapping of the given tables, written as they stand under `tables:`."""
    return parse_mapping(_HEAD.format(timezone=timezone, overlap=overlap) + tables, "bench.yaml")


@dataclass(frozen=True)
class Bench:
    """A CRM and a warehouse."""

    crm: Connection
    warehouse: Warehouse

    def load(self, mapping: Mapping, table: str, *, full: bool = False, wait: timedelta = timedelta()) -> LoadResult:
        """Load one table."""
        return load_table(self.crm, self.warehouse, mapping, table, run_id="test", full=full, wait=wait)

    def replica(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Return the live rows of a replica as readers see them, ordered by all columns."""
        query = f"select {columns} from {self.warehouse.replica(table)} final order by all"
        return [tuple(row) for row in self.warehouse.rows(query)]

    def tables(self) -> set[str]:
        """Return the names of the tables in the database of the replicas."""
        query = "select name from system.tables where database = {database:String}"
        return {name for (name,) in self.warehouse.rows(query, database=self.warehouse.crm)}
