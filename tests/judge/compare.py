"""Runs the judge's SQL, reads a mart, and tells cell by cell where the two disagree.

The metric rules live in the SQL files beside this module, one per report; those of the marts of steering lie in
`steering` and share tables that are prepared once. Nothing here knows how a mart is built, and `compare_report` touches
no database, so that its own tests need none.
"""

from __future__ import annotations

import csv
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
from psycopg import sql

MART_DATABASE: Final = "analytics"
SQL_FOLDER: Final = Path(__file__).resolve().parent
TARGETS: Final = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "sales_targets.csv"
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

_DEAL_KEY: Final = (*_OWNER_KEY, "pipeline_id")
_CUSTOMER: Final = ("customer_kind", "customer_id")

STEERING: Final[Mapping[str, ReportColumns]] = {
    "closed_deals": ReportColumns(
        key=("tenant_id", "day", *_DEAL_KEY, "source_id", "is_future"),
        attributes=("month", *_OWNER_NAMES, "pipeline_name", "source_name"),
        measures=(
            *("closed_deals", "won_deals", "lost_deals", "won_amount_base", "lost_amount_base", "closed_amount_base"),
            *("deals_without_amount", "deals_without_rate"),
            *("cycle_days", "cycle_deals", "negative_cycle_deals", "cycle_days_values"),
        ),
    ),
    "open_deals": ReportColumns(
        key=("tenant_id", "deal_id"),
        attributes=(
            *(*_DEAL_KEY, "stage_id", "stage_name", *_CUSTOMER, "customer_name", "created_day", "age"),
            *("chance_band", "chance_from", "expected_close_on", "expected_month", "is_past_expected_close"),
            *("last_activity_day", "next_activity_day", "is_to_touch"),
        ),
        measures=(
            *("open_deals", "open_amount_base", "weighted_amount_base", "expected_wins", "deals_with_chance"),
            *("deals_without_amount", "deals_without_rate", "past_due_deals", "past_due_amount_base"),
            *("deals_to_touch", "overdue_tasks", "age_days", "untouched_days"),
        ),
    ),
    "open_tasks": ReportColumns(
        key=("tenant_id", "activity_id"),
        attributes=(
            *("activity_type", *_OWNER_KEY, "deal_id", "deal_title", "customer_name", "due_day", "due", "is_overdue"),
        ),
        measures=("open_tasks", "overdue_tasks", "due_today", "days_late"),
    ),
    "customer_revenue": ReportColumns(
        key=("tenant_id", "month", *_CUSTOMER, *_DEAL_KEY),
        attributes=("customer_name", "customer_rank", "rank_band"),
        measures=("won_deals", "won_amount_base", "largest_amount_base", "top10_amount_base"),
    ),
    "team_results": ReportColumns(
        key=("tenant_id", "month", "manager_id"),
        attributes=("department_id", *_OWNER_NAMES),
        measures=(
            *("manager_months", "won_deals", "lost_deals", "won_amount_base", "target_deals", "target_amount_base"),
            *("completed_activities", "median_amount_base", "median_won_deals", "median_activities"),
        ),
    ),
    "sales_growth": ReportColumns(
        key=("tenant_id", "month", *_DEAL_KEY),
        attributes=(),
        measures=(
            *("won_deals", "won_amount_base", "year_before_won_deals", "year_before_amount_base"),
            *("growth_deals", "growth_amount_base"),
        ),
    ),
    "pipeline_coverage": ReportColumns(
        key=("tenant_id", "month", *_OWNER_KEY),
        attributes=("is_this_month", "is_this_quarter"),
        measures=(
            *("open_deals", "open_amount_base", "weighted_amount_base"),
            *("target_amount_base", "won_amount_base", "left_amount_base"),
        ),
        # Zeros of the sales by month, which has a judge of its own.
        outside="open_deals = 0 and target_amount_base = 0 and won_amount_base = 0",
    ),
    "usual_day": ReportColumns(
        key=("tenant_id", "weekday", "quarter"),
        attributes=("days",),
        measures=(
            *("usual_leads", "usual_deals", "usual_won_deals", "usual_won_amount_base"),
            "usual_completed_activities",
        ),
    ),
}
JUDGED: Final[Mapping[str, ReportColumns]] = {**REPORTS, **STEERING}


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
        name: a key of `JUDGED`.
        judge_rows: the expected rows, values ordered as `JUDGED[name].names`.
        mart_rows: the actual rows, in the same order.

    Returns:
        Every disagreement, ordered by key; empty when all cells of all rows agree exactly. Of a row that one side lacks
        there is one difference, which carries the other side's figures. Both sides empty is agreement: a caller that
        expects rows asserts that there are some.

    Raises:
        KeyError: there is no report of that name.
    """
    columns = JUDGED[name]
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


def prepare_steering(connection: psycopg.Connection[Any], client: Client, as_of: datetime) -> None:
    """Make the tables that the judges of `STEERING` read, in this session of the CRM's PostgreSQL.

    The plan comes from its seed and the chances of winning from the models' own table, since no CRM holds them.

    Args:
        connection: to the CRM, its tables on the search path.
        client: to the warehouse that holds `ml.deal_scores`.
        as_of: the moment that "now" means; must carry a time zone.
    """
    with TARGETS.open(encoding="utf-8", newline="") as file:
        targets = [tuple(row.values()) for row in csv.DictReader(file)]
    scores = client.query(
        "select tenant_id, deal_id, probability from ml.deal_scores as scores inner join "
        "(select tenant_id, max(as_of) as as_of from ml.deal_scores group by tenant_id) as newest "
        "on scores.tenant_id = newest.tenant_id and scores.as_of = newest.as_of"
    ).result_rows
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("select set_config('judge.as_of', %s, false)", [as_of.isoformat()])
        cursor.execute(
            "drop table if exists judge_target, judge_score; "
            "create temporary table judge_target (tenant_id text, manager_id text, month date, "
            "target_amount numeric, target_deals bigint); "
            "create temporary table judge_score (tenant_id text, deal_id text, probability double precision)"
        )
        for table, rows in (("judge_target", targets), ("judge_score", scores)):
            with cursor.copy(sql.SQL("copy {} from stdin").format(sql.Identifier(table))) as copy:
                for row in rows:
                    copy.write_row(row)
        cursor.execute((SQL_FOLDER / "steering" / "prepare.sql").read_text(encoding="utf-8"))


def run_judge(connection: psycopg.Connection[Any], name: str, as_of: datetime) -> list[Row]:
    """Recompute a report from the CRM.

    Args:
        connection: an open connection to the CRM's PostgreSQL, its tables on the search path.
        name: a key of `JUDGED`.
        as_of: the moment that "now" means; must carry a time zone.

    Returns:
        All rows for all tenants, values ordered as `JUDGED[name].names`, one row per key.

    Raises:
        ValueError: `as_of` is naive, or the SQL file returns other columns than the report has.
        psycopg.Error: PostgreSQL refused the query.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of {as_of.isoformat()} has no time zone: pass an aware datetime")
    folder = SQL_FOLDER / "steering" if name in STEERING else SQL_FOLDER
    query = (folder / f"{name}.sql").read_text(encoding="utf-8")
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
    """Read the mart `analytics.<name>` but for rows outside, values ordered as `JUDGED[name].names`.

    Raises:
        KeyError: there is no report of that name.
        clickhouse_connect.driver.exceptions.ClickHouseError: the mart or one of its columns does not exist.
    """
    columns = ", ".join(f"`{column}`" for column in JUDGED[name].names)
    query = f"SELECT {columns} FROM {MART_DATABASE}.{name} WHERE NOT ({JUDGED[name].outside})"
    with client.query_rows_stream(query) as stream:
        return [_normalized(raw) for raw in stream]


def _column_order(name: str, returned: Sequence[str]) -> tuple[int, ...]:
    expected = JUDGED[name].names
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
