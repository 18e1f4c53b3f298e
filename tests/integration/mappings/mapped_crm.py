"""A CRM built from the SQL files of its folder, and its replicas compared with plain SQL over its own tables.

A folder holds `schema.sql`, `rows.sql`, `changes.sql` (every write stamps its row), `silent_changes.sql` (writes that
no stamp tells) and `expected.sql`: per canonical table, the live rows that the mapping has to give, in SQL written by
hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.extraction.load import LoadResult, load_table
from orchestration.extraction.mapping import Mapping, load_mapping
from orchestration.extraction.plan import METADATA_COLUMNS
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.reconciliation_log import Reconciliation
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection

_FOLDER = Path(__file__).parent
_METADATA = {name for name, _ in METADATA_COLUMNS} | {"_checksum"}


@dataclass(frozen=True)
class MappedCrm:
    """A CRM, its shipped mapping and a warehouse."""

    name: str
    crm: Connection
    warehouse: Warehouse
    mapping: Mapping

    @property
    def read_tables(self) -> list[str]:
        """Return the canonical tables that are read from the CRM."""
        return [name for name, table in self.mapping.tables.items() if not table.snapshot]

    def play(self, file: str) -> None:
        """Run a SQL file of the CRM's folder, as one transaction."""
        with self.crm.transaction():
            self.crm.execute((_FOLDER / self.name / file).read_bytes())

    def load(self, table: str) -> LoadResult:
        """Load one table."""
        return load_table(self.crm, self.warehouse, self.mapping, table, run_id="test")

    def load_all(self) -> dict[str, str]:
        """Load every mapped table and return how."""
        return {table: self.load(table).mode for table in self.mapping.tables}

    def reconcile(self, table: str) -> Reconciliation:
        """Compare one table with the CRM and repair it."""
        found = reconcile_table(self.crm, self.warehouse, self.mapping, table, run_id="test")
        assert found is not None
        return found

    def replica(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Return the live rows of a replica, ordered by all columns."""
        query = f"select {columns} from {self.warehouse.replica(table)} final order by all"
        return [tuple(row) for row in self.warehouse.rows(query)]

    def plain_rows(self, file: str) -> dict[str, Counter[tuple[Any, ...]]]:
        """Return the rows of each query of a SQL file of the CRM's folder, in their comparable form."""
        queries = _queries((_FOLDER / self.name / file).read_text(encoding="utf-8"))
        return {title: Counter(map(self.comparable, self.crm.execute(sql.encode()))) for title, sql in queries.items()}

    def assert_replicas_are_as_expected(self) -> None:
        """Compare every replica, column by column, with the SQL that was written by hand."""
        expected = _queries((_FOLDER / self.name / "expected.sql").read_text(encoding="utf-8"))
        assert set(expected) == set(self.read_tables)
        for table, query in expected.items():
            self._assert_equal(table, query)

    def _assert_equal(self, table: str, query: str) -> None:
        cursor = self.crm.execute(query.encode())
        columns = [column.name for column in cursor.description or ()]
        names = [name for name, *_ in self.warehouse.rows(f"describe table {self.warehouse.replica(table)}")]
        assert set(columns) <= set(names), table
        expected, found = (
            Counter(map(self.comparable, rows)) for rows in (cursor.fetchall(), self.replica(table, ", ".join(columns)))
        )
        assert found, f"{table} has no rows to compare"
        missing, surplus = expected - found, found - expected
        assert not missing and not surplus, (
            f"{table} {columns}\nmissing: {list(missing.items())[:3]}\nsurplus: {list(surplus.items())[:3]}"
        )
        for name in set(names).difference(columns, _METADATA):
            assert self.replica(table, f"count({name})") == [(0,)], f"{table}.{name} is filled, but not in expected.sql"

    @staticmethod
    def comparable(row: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row of either database in the form in which equal values are equal."""
        return tuple(map(_plain, row))


def build_crm(name: str, connection: Connection, warehouse: Warehouse) -> MappedCrm:
    """Build the CRM with its first rows in an empty database."""
    built = MappedCrm(name, connection, warehouse, load_mapping(name))
    built.play("schema.sql")
    built.play("rows.sql")
    return built


def _queries(text: str) -> MappingOf[str, str]:
    parts = re.split(r"^-- table: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _plain(value: Any) -> Any:
    """Return a value in the form in which both sides are equal."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value).normalize()
    return value
