"""Runs the judge's SQL, reads a mart, and tells cell by cell where the two disagree.

The metric rules live in the SQL files beside this module, one per report. Nothing here knows how a mart is built, and
`compare_report` touches no database, so that its own tests need none.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

import psycopg
from clickhouse_connect.driver.client import Client

MART_DATABASE: Final = "analytics"
SQL_FOLDER: Final = Path(__file__).resolve().parent
STREAM_CHUNK_ROWS: Final = 2000

Scalar = str | int | Decimal | date | None
Value = Scalar | tuple[int, ...]
Row = tuple[Value, ...]


@dataclass(frozen=True)
class ReportColumns:
    """Which columns of a report form its grain, which are functions of the grain, and which add up.

    Attributes:
        key: dimension ids, day and flags; after aggregation there is one row per key.
        attributes: names and other functions of the key; compared, never summed.
        measures: summed per key; arrays of integers are joined and sorted instead.
        outside: SQL condition of rows that hold nothing the CRM knows of, which the judge cannot have.
    """

    key: tuple[str, ...]
    attributes: tuple[str, ...]
    measures: tuple[str, ...]
    outside: str = "false"

    @property
    def names(self) -> tuple[str, ...]:
        """The order of the values in every `Row` of the report."""
        return self.key + self.attributes + self.measures


_OWNER_KEY: Final = ("department_id", "manager_id")
_OWNER_NAMES: Final = ("department_name", "manager_name")
_SOURCE_NAMES: Final = ("source_name", "source_type")

REPORTS: Final[Mapping[str, ReportColumns]] = {
    "sales_by_month": ReportColumns(
        key=("tenant_id", "day", *_OWNER_KEY, "manager_at_close_id", "pipeline_id", "is_future"),
        attributes=("month", *_OWNER_NAMES, "manager_at_close_name", "pipeline_name"),
        measures=("won_deals", "won_amount_base", "deals_without_amount", "deals_without_rate"),
        # A plan comes from a seed; test_sales_targets compares it.
        outside="won_deals = 0 and (target_amount_base != 0 or target_deals != 0)",
    ),
    "manager_activity": ReportColumns(
        key=("tenant_id", "day", *_OWNER_KEY),
        attributes=("month", *_OWNER_NAMES),
        measures=(
            *("tasks", "calls", "meetings", "emails", "other", "total", "minutes"),
            *("overdue_open_tasks", "completed_without_date"),
        ),
    ),
    "leads_by_source": ReportColumns(
        key=("tenant_id", "day", "source_id", *_OWNER_KEY),
        attributes=("month", *_SOURCE_NAMES, *_OWNER_NAMES),
        measures=("leads", "duplicate_leads"),
    ),
    "lead_conversion": ReportColumns(
        key=("tenant_id", "day", "source_id", *_OWNER_KEY, "is_mature"),
        attributes=("month", *_SOURCE_NAMES, *_OWNER_NAMES),
        measures=(
            *("leads", "converted_leads", "converted_30d", "converted_60d", "converted_90d", "won_leads"),
            *("period_converted_leads", "negative_lag_leads", "direct_deals"),
        ),
    ),
    "sales_funnel": ReportColumns(
        key=("tenant_id", "mode", "day", "pipeline_id", "stage_id", *_OWNER_KEY),
        attributes=("month", "pipeline_name", "stage_name", "stage_position", "outcome", *_OWNER_NAMES),
        measures=(
            *("deals", "amount_base", "deals_without_amount", "deals_without_rate", "lost_stage_unknown"),
            *("stage_visits", "seconds_in_stage", "seconds_in_stage_values"),
        ),
    ),
}


@dataclass(frozen=True)
class Difference:
    """One disagreement between the judge and a mart.

    Attributes:
        report: name of the mart.
        key: (column, value) pairs of the row's grain, tenant_id first.
        column: the cell that differs; None when the whole row is missing or unexpected.
        expected: what the judge computed; None as well when the judge has no such row.
        actual: what the mart holds; None as well when the mart has no such row.
    """

    report: str
    key: tuple[tuple[str, Value], ...]
    column: str | None
    expected: object
    actual: object

    @property
    def tenant_id(self) -> Value:
        """The tenant whose figure differs."""
        return dict(self.key)["tenant_id"]

    @property
    def kind(self) -> str:
        """`missing row` (the mart lacks it), `unexpected row` (the judge lacks it), or the cell's column."""
        if self.column is not None:
            return self.column
        return "missing row" if self.actual is None else "unexpected row"

    def __str__(self) -> str:
        """Return the disagreement as one line."""
        where = " ".join(f"{column}={_text(value)}" for column, value in self.key)
        if self.column is None:
            return f"{self.report}: {self.kind} at {where}: {self.expected if self.actual is None else self.actual}"
        return f"{self.report}: {self.column} at {where}: expected {_text(self.expected)}, actual {_text(self.actual)}"


@dataclass(slots=True)
class _Aggregate:
    attributes: Row
    sums: list[Any]
    further_attributes: set[Row] = field(default_factory=set)


def compare_report(name: str, judge_rows: Iterable[Row], mart_rows: Iterable[Row]) -> list[Difference]:
    """Compare every cell of a report, after adding up the rows of each key on both sides.

    Args:
        name: a key of `REPORTS`.
        judge_rows: the expected rows, values ordered as `REPORTS[name].names`.
        mart_rows: the actual rows, in the same order.

    Returns:
        Every disagreement, ordered by key; empty when all cells of all rows agree exactly. Of a row that one side lacks
        there is one difference, which carries the other side's figures. Both sides empty is agreement: a caller that
        expects rows asserts that there are some.

    Raises:
        KeyError: there is no report of that name.
    """
    columns = REPORTS[name]
    expected_by_key = _aggregate(columns, judge_rows)
    actual_by_key = _aggregate(columns, mart_rows)
    differences: list[Difference] = []
    for key in expected_by_key.keys() | actual_by_key.keys():
        differences.extend(_compare_key(name, columns, key, expected_by_key.get(key), actual_by_key.get(key)))
    return sorted(differences, key=lambda difference: (str(difference.key), str(difference.column)))


def format_differences(differences: Sequence[Difference], limit: int = 20) -> str:
    """Return the total, the count per kind of difference, and the first `limit` differences, one a line."""
    if not differences:
        return "no differences"
    kinds = Counter(difference.kind for difference in differences)
    counts = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common())
    lines = [f"{len(differences)} differences ({counts})", *(str(difference) for difference in differences[:limit])]
    if len(differences) > limit:
        lines.append(f"... and {len(differences) - limit} more")
    return "\n".join(lines)


def run_judge(connection: psycopg.Connection[Any], name: str, as_of: datetime) -> list[Row]:
    """Recompute a report from the CRM.

    Args:
        connection: an open connection to the CRM's PostgreSQL, its tables on the search path.
        name: a key of `REPORTS`.
        as_of: the moment that "now" means; must carry a time zone.

    Returns:
        All rows for all tenants, values ordered as `REPORTS[name].names`, one row per key.

    Raises:
        ValueError: `as_of` is naive, or the SQL file returns other columns than the report has.
        psycopg.Error: PostgreSQL refused the query.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of {as_of.isoformat()} has no time zone: pass an aware datetime")
    query = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    with connection.transaction(), connection.cursor() as cursor:
        # A CRM that was just filled has no statistics; the planner then expects few rows and joins in quadratic time.
        cursor.execute("set local enable_nestloop = off")
        stream = cursor.stream(query, {"as_of": as_of}, size=STREAM_CHUNK_ROWS)
        rows: list[Row] = []
        order: tuple[int, ...] | None = None
        for raw in stream:
            if order is None:
                order = _column_order(name, [column.name for column in cursor.description or ()])
            rows.append(_normalized(raw[index] for index in order))
        return rows


def read_mart(client: Client, name: str) -> list[Row]:
    """Read the mart `analytics.<name>` but for rows outside, values ordered as `REPORTS[name].names`.

    Raises:
        KeyError: there is no report of that name.
        clickhouse_connect.driver.exceptions.ClickHouseError: the mart or one of its columns does not exist.
    """
    columns = ", ".join(f"`{column}`" for column in REPORTS[name].names)
    query = f"SELECT {columns} FROM {MART_DATABASE}.{name} WHERE NOT ({REPORTS[name].outside})"
    with client.query_rows_stream(query) as stream:
        return [_normalized(raw) for raw in stream]


def _column_order(name: str, returned: Sequence[str]) -> tuple[int, ...]:
    expected = REPORTS[name].names
    if sorted(returned) != sorted(expected):
        difference = ", ".join(sorted(set(returned) ^ set(expected)))
        raise ValueError(f"{name}.sql does not return the columns of the report, look at: {difference}")
    return tuple(returned.index(column) for column in expected)


def _normalized(values: Iterable[Any]) -> Row:
    """Return hashable values; a name that occurs in 100 000 rows is kept in memory once."""
    return tuple(_normalized_value(value) for value in values)


def _normalized_value(value: Any) -> Value:
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, list | tuple):
        return tuple(int(item) for item in value)
    return cast(Value, value)


def _aggregate(columns: ReportColumns, rows: Iterable[Row]) -> dict[Row, _Aggregate]:
    attributes_at = len(columns.key)
    measures_at = attributes_at + len(columns.attributes)
    aggregates: dict[Row, _Aggregate] = {}
    for row in rows:
        attributes = row[attributes_at:measures_at]
        aggregate = aggregates.get(row[:attributes_at])
        if aggregate is None:
            aggregates[row[:attributes_at]] = _Aggregate(attributes, list(row[measures_at:]))
            continue
        if attributes != aggregate.attributes:
            aggregate.further_attributes.add(attributes)
        for index, value in enumerate(row[measures_at:]):
            aggregate.sums[index] = _added(aggregate.sums[index], value)
    for aggregate in aggregates.values():
        aggregate.sums = [tuple(sorted(value)) if isinstance(value, tuple) else value for value in aggregate.sums]
    return aggregates


def _added(left: Any, right: Any) -> Any:
    """Return the sum; an absent measure is never taken for 0, so it makes the whole sum absent."""
    return None if left is None or right is None else left + right


def _compare_key(
    name: str, columns: ReportColumns, key: Row, expected: _Aggregate | None, actual: _Aggregate | None
) -> Iterator[Difference]:
    named_key = tuple(zip(columns.key, key, strict=True))
    if expected is None or actual is None:
        described = [None if side is None else _described(columns, side) for side in (expected, actual)]
        yield Difference(name, named_key, None, *described)
        return
    if expected.further_attributes or actual.further_attributes:
        both = [sorted(map(str, {side.attributes, *side.further_attributes})) for side in (expected, actual)]
        yield Difference(name, named_key, "+".join(columns.attributes), *(" and ".join(side) for side in both))
    if expected.attributes == actual.attributes and expected.sums == actual.sums:
        return
    expected_values = (*expected.attributes, *expected.sums)
    actual_values = (*actual.attributes, *actual.sums)
    for column, left, right in zip(columns.names[len(key) :], expected_values, actual_values, strict=True):
        if left != right:
            yield Difference(name, named_key, column, left, right)


def _described(columns: ReportColumns, aggregate: _Aggregate) -> str:
    return " ".join(f"{column}={_text(value)}" for column, value in zip(columns.measures, aggregate.sums, strict=True))


def _text(value: object) -> str:
    return "NULL" if value is None else str(value)
