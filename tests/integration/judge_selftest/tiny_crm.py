"""A demo CRM of a few rows, built by hand, on which the judge's figures can be computed in one's head.

Holds the row builders and the reading of a report; the expected figures belong in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any

import psycopg
from psycopg import sql

from tests.judge.compare import REPORTS, Row, Value, run_judge

LONG_AGO = "2026-01-01T00:00:00Z"
NOON_OF_15_JUNE = "2026-06-15T12:00:00Z"


class TinyCrm:
    """Writes rows into an open transaction and reads the judge's reports of them.

    Every builder returns the new row's id and takes any further column by name. Moments are ISO texts with an offset.
    """

    def __init__(self, connection: psycopg.Connection[Any], as_of: str = NOON_OF_15_JUNE) -> None:
        """Work on the demo CRM's empty tables behind `connection`; `as_of` is the moment that "now" means."""
        self._connection = connection
        self._ids = count(1)
        self.as_of = as_of

    def number_from(self, first_id: int) -> None:
        """Give the next row the id `first_id`, the one after it the next number, and so on."""
        self._ids = count(first_id)

    def tenant(self, tenant_id: str, timezone: str = "UTC", currency: str = "USD", **columns: Any) -> str:
        """Add a tenant."""
        stamps = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
        named = {"id": tenant_id, "name": tenant_id.title(), "timezone": timezone, "currency": currency, "locale": "en"}
        self._write("tenants", {**named, **stamps, **columns})
        return tenant_id

    def department(self, name: str, tenant_id: str = "acme", **columns: Any) -> int:
        """Add a department."""
        return self._insert("departments", tenant_id=tenant_id, name=name, **columns)

    def user(self, full_name: str, tenant_id: str = "acme", role: str = "manager", **columns: Any) -> int:
        """Add a user."""
        return self._insert("users", tenant_id=tenant_id, full_name=full_name, role=role, **columns)

    def pipeline(
        self, name: str, stages: Mapping[str, tuple[int, str]], tenant_id: str = "acme", **columns: Any
    ) -> int:
        """Add a pipeline; `stages` maps a stage id to its position and outcome."""
        pipeline_id = self._insert("pipelines", tenant_id=tenant_id, name=name, position=1, **columns)
        for stage_id, (position, outcome) in stages.items():
            placed = {"id": stage_id, "pipeline_id": pipeline_id, "tenant_id": tenant_id, "position": position}
            stamps = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
            self._write("stages", {**placed, "name": stage_id.title(), "outcome": outcome, **stamps})
        return pipeline_id

    def source(self, name: str, source_type: str | None = None, tenant_id: str = "acme", **columns: Any) -> int:
        """Add a lead source."""
        return self._insert("lead_sources", tenant_id=tenant_id, name=name, source_type=source_type, **columns)

    def lead(self, created_at: str = LONG_AGO, tenant_id: str = "acme", **columns: Any) -> int:
        """Add a lead."""
        return self._insert("leads", tenant_id=tenant_id, status="new", created_at=created_at, **columns)

    def deal(
        self, pipeline_id: int, stage_id: str, created_at: str = LONG_AGO, tenant_id: str = "acme", **columns: Any
    ) -> int:
        """Add a deal of 100 in US dollars, without history."""
        placed = {"tenant_id": tenant_id, "pipeline_id": pipeline_id, "stage_id": stage_id, "created_at": created_at}
        return self._insert("deals", **{**placed, "amount": 100, "currency": "USD", **columns})

    def moved(
        self,
        deal_id: int,
        pipeline_id: int,
        *stages: tuple[str, str],
        from_stage_id: str | None = None,
        tenant_id: str = "acme",
    ) -> None:
        """Add history rows, one per (stage, moment); `from_stage_id` is that of the first row."""
        for stage_id, changed_at in stages:
            where = {"tenant_id": tenant_id, "deal_id": deal_id, "pipeline_id": pipeline_id, "stage_id": stage_id}
            row = {**where, "from_stage_id": from_stage_id, "changed_at": changed_at, "updated_at": changed_at}
            self._write("deal_stage_history", {"id": next(self._ids), **row})
            from_stage_id = stage_id

    def handed_over(
        self,
        deal_id: int,
        owner_user_id: int,
        changed_at: str,
        from_owner_user_id: int | None = None,
        tenant_id: str = "acme",
    ) -> None:
        """Add a row of a deal's owner history."""
        owners = {"from_owner_user_id": from_owner_user_id, "owner_user_id": owner_user_id}
        row = {"tenant_id": tenant_id, "deal_id": deal_id, **owners, "changed_at": changed_at, "updated_at": changed_at}
        self._write("deal_owner_history", {"id": next(self._ids), **row})

    def activity(
        self, kind: str, status: str, created_at: str = LONG_AGO, tenant_id: str = "acme", **columns: Any
    ) -> int:
        """Add an activity."""
        named = {"tenant_id": tenant_id, "kind": kind, "status": status, "created_at": created_at}
        return self._insert("activities", **{**named, **columns})

    def rate(self, currency: str, rate_on: str, rate: str, tenant_id: str = "acme") -> None:
        """Add an exchange rate into the tenant's currency."""
        row = {"tenant_id": tenant_id, "currency": currency, "rate_on": rate_on, "rate": rate, "updated_at": LONG_AGO}
        self._write("exchange_rates", row)

    def delete(self, table: str, row_id: int) -> None:
        """Mark a row as deleted."""
        self.change(table, row_id, deleted_at=LONG_AGO)

    def change(self, table: str, row_id: int | str, **columns: Any) -> None:
        """Overwrite columns of a row."""
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder()) for column in columns
        )
        statement = sql.SQL("update {} set {} where id = %s").format(sql.Identifier(table), assignments)
        changed = self._connection.execute(statement, [*columns.values(), row_id])
        assert changed.rowcount >= 1, f"{table} has no row {row_id}"

    def delete_stage(self, pipeline_id: int, stage_id: str) -> None:
        """Mark a stage as deleted."""
        self._connection.execute(
            "update stages set deleted_at = %s where pipeline_id = %s and id = %s", [LONG_AGO, pipeline_id, stage_id]
        )

    def rows(self, report: str) -> list[dict[str, Value]]:
        """Return the judge's rows of a report, column by name."""
        return [dict(zip(REPORTS[report].names, row, strict=True)) for row in self.values(report)]

    def values(self, report: str) -> list[Row]:
        """Return the judge's rows of a report as the comparison takes them."""
        return run_judge(self._connection, report, datetime.fromisoformat(self.as_of))

    def figures(self, report: str, *columns: str) -> list[tuple[Value, ...]]:
        """Return `columns` of the rows that count something, in order."""
        return self._chosen(report, columns, zero=False)

    def zero_rows(self, report: str, *columns: str) -> list[tuple[Value, ...]]:
        """Return `columns` of the rows that count nothing, in order."""
        return self._chosen(report, columns, zero=True)

    def _chosen(self, report: str, columns: tuple[str, ...], *, zero: bool) -> list[tuple[Value, ...]]:
        measures = REPORTS[report].measures
        rows = [row for row in self.rows(report) if zero is not any(row[measure] for measure in measures)]
        return sorted((tuple(row[column] for column in columns) for row in rows), key=str)

    def _insert(self, table: str, **columns: Any) -> int:
        row_id = columns.pop("id", None) or next(self._ids)
        created_at = columns.pop("created_at", LONG_AGO)
        self._write(table, {"id": row_id, "created_at": created_at, "updated_at": created_at, **columns})
        return int(row_id)

    def _write(self, table: str, row: Mapping[str, Any]) -> None:
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        self._connection.execute(statement, list(row.values()))
