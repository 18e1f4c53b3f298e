"""The records behind a figure: which deals, leads or activities add what to one cell of a report, or a sum of cells.

The record views of dbt (`analytics.<mart>_records`) hold what each record adds; the marts sum exactly these. So what is
listed here sums to what the report shows. No rule of what counts belongs here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client

from catalogue import entries
from catalogue.declaration import ListedValuesDeclared
from catalogue.entries import Catalogue

NONE: Final = "(none)"
"""How a person names the missing day or month; dimensions such as source hold this very text."""

DEFAULT_LIMIT: Final = 50

_OWN_COLUMNS: Final = ("tenant_id", "record_type", "record_id")

FilterValue = str | int | bool | date | None


class DrillDownError(ValueError):
    """A request that cannot be answered.

    Attributes:
        key: of the message among the words of `api.reports.language`.
        values: what the message names; a value that is itself a key of a word is given as `word:<key>`.
    """

    def __init__(self, key: str, **values: str) -> None:
        """Keep what the message needs."""
        super().__init__(f"{key}: {', '.join(f'{name}={value}' for name, value in values.items())}")
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record view as the catalogue declares it.

    Attributes:
        report: name of the mart that sums the view.
        relation: database and table, quoted.
        dimensions: ClickHouse type by column, those of the record itself left out.
        measures: ClickHouse type by column.
        listed: measures of the mart that keep one value per record.
        one_of: dimension of which a request must choose one value, if there is one.
    """

    report: str
    relation: str
    dimensions: Mapping[str, str]
    measures: Mapping[str, str]
    listed: Mapping[str, ListedValuesDeclared]
    one_of: str | None


@dataclass(frozen=True, slots=True)
class DrillDown:
    """A figure whose records are asked for.

    Attributes:
        report: name of the mart.
        tenant: id of the tenant; nothing crosses tenants.
        measure: column of the mart.
        filters: value by dimension, any subset of them. None is the missing day or month.
        since: first day, inclusive.
        until: last day, inclusive.
        limit: how many records to list, at least 1.
        offset: how many to leave out before them.
    """

    report: str
    tenant: str
    measure: str
    filters: Mapping[str, FilterValue] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """What one record adds to the figure.

    Attributes:
        kind: deal, lead or activity.
        id: as the CRM spells it.
        dimensions: where in the report it stands.
        contribution: its part of the figure; never 0, but for the time spent in a stage.
    """

    kind: str
    id: str
    dimensions: Mapping[str, FilterValue]
    contribution: int | Decimal


@dataclass(frozen=True, slots=True)
class Records:
    """One page of the records behind a figure.

    Attributes:
        records: of this page, by day, kind and id.
        count: of all pages. A record counts once per place in the report: a deal once per stage that it reached.
        total: sum of the contributions of all pages: the figure itself.
    """

    records: tuple[Record, ...]
    count: int
    total: int | Decimal


@dataclass(frozen=True, slots=True)
class Query:
    """A statement and its bound parameters."""

    sql: str
    parameters: Mapping[str, Any]


def record_views(catalogue: Catalogue) -> dict[str, RecordView]:
    """Return the record views of the catalogue, by the report that they explain."""
    return {report: _record_view(view, catalogue) for report, view in catalogue.record_views.items()}


def list_records(client: Client, views: Mapping[str, RecordView], request: DrillDown) -> Records:
    """Return a page of the records behind a figure, with the count and the sum of all.

    Raises:
        DrillDownError: the request names a report, measure or dimension that does not exist.
    """
    view = find_view(views, request.report)
    totals, page = build_total_query(view, request), build_page_query(view, request)
    ((count, total),) = client.query(totals.sql, parameters=dict(totals.parameters)).result_rows
    rows = client.query(page.sql, parameters=dict(page.parameters)).result_rows if count else []
    names = tuple(view.dimensions)
    return Records(
        records=tuple(Record(row[0], row[1], dict(zip(names, row[2:-1], strict=True)), row[-1]) for row in rows),
        count=count,
        total=total,
    )


def find_view(views: Mapping[str, RecordView], report: str) -> RecordView:
    """Return the view of a report, or raise `DrillDownError`."""
    if report not in views:
        raise DrillDownError("unknown_report", report=report, reports=", ".join(sorted(views)))
    return views[report]


def build_page_query(view: RecordView, request: DrillDown) -> Query:
    """Return the query of one page: kind, id, the dimensions in order, contribution."""
    if request.limit < 1 or request.offset < 0:
        raise DrillDownError("bad_window")
    value, where, parameters = _selection(view, request)
    columns = ", ".join(quote_identifier(column) for column in ("record_type", "record_id", *view.dimensions))
    # Every column of the grain takes part, so that pages neither repeat a record nor miss one.
    order = ", ".join(quote_identifier(column) for column in ("day", "record_type", "record_id", *view.dimensions))
    return Query(
        f"select {columns}, {value} as contribution from {view.relation} where {where} "
        f"order by {order} limit {{row_limit:UInt64}} offset {{row_offset:UInt64}}",
        {**parameters, "row_limit": request.limit, "row_offset": request.offset},
    )


def build_total_query(view: RecordView, request: DrillDown) -> Query:
    """Return the query of the number of records and of their sum."""
    value, where, parameters = _selection(view, request)
    return Query(f"select count(), sum({value}) from {view.relation} where {where}", parameters)


def read_filter(view: RecordView, name: str, text: str) -> FilterValue:
    """Return the value that a person wrote for a dimension, in the column's own type.

    Raises:
        DrillDownError: there is no such dimension, or the text is not a value of it.
    """
    column_type = _dimension_type(view, name)
    if column_type.startswith("Nullable(") and text == NONE:
        return None
    if "Date32" in column_type:
        return read_month(name, text) if name == "month" else read_day(name, text)
    if column_type == "Bool":
        if text not in ("true", "false"):
            raise DrillDownError("bad_value", name=name, value=text, expected="word:expected_flag")
        return text == "true"
    if column_type == "String":
        return text
    try:
        return int(text)
    except ValueError:
        raise DrillDownError("bad_value", name=name, value=text, expected="word:expected_whole") from None


def read_day(name: str, text: str) -> date:
    """Return the day that a person wrote as 2026-03-31, or raise `DrillDownError`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DrillDownError("bad_value", name=name, value=text, expected="word:expected_day") from None


def read_month(name: str, text: str) -> date:
    """Return the first day of the month that a person wrote as 2026-03, or raise `DrillDownError`."""
    try:
        return date.fromisoformat(f"{text}-01" if text.count("-") == 1 else text).replace(day=1)
    except ValueError:
        raise DrillDownError("bad_value", name=name, value=text, expected="word:expected_month") from None


def _record_view(view: entries.RecordView, catalogue: Catalogue) -> RecordView:
    return RecordView(
        report=view.report,
        relation=f"{quote_identifier(view.database)}.{quote_identifier(view.name)}",
        dimensions={n: column.data_type for n, column in view.dimensions.items() if n not in _OWN_COLUMNS},
        measures={name: column.data_type for name, column in view.measures.items()},
        listed=view.listed,
        one_of=catalogue.marts[view.report].one_of,
    )


def _selection(view: RecordView, request: DrillDown) -> tuple[str, str, dict[str, Any]]:
    """Return the expression of the contribution, the condition, and its parameters."""
    if view.one_of is not None and request.filters.get(view.one_of) is None:
        raise DrillDownError("mode_needed", report=view.report)
    value, counted = _contribution(view, request.measure)
    parameters: dict[str, Any] = {"tenant": request.tenant}
    conditions = ["tenant_id = {tenant:String}", counted]
    for position, (name, wanted) in enumerate(request.filters.items()):
        column_type = _dimension_type(view, name)
        if wanted is None:
            conditions.append(f"{quote_identifier(name)} is null")
            continue
        conditions.append(f"{quote_identifier(name)} = {{filter_{position}:{column_type}}}")
        parameters[f"filter_{position}"] = wanted
    for parameter, comparison, day in (("since", ">=", request.since), ("until", "<=", request.until)):
        if day is not None:
            conditions.append(f"day {comparison} {{{parameter}:Date32}}")
            parameters[parameter] = day
    return value, " and ".join(conditions), parameters


def _contribution(view: RecordView, measure: str) -> tuple[str, str]:
    """Return the expression of a record's part of the measure, and the condition that it has one."""
    if measure in view.listed:
        listed = view.listed[measure]
        return quote_identifier(listed.value), f"{quote_identifier(listed.counted)} = 1"
    if measure not in view.measures:
        raise DrillDownError(
            "unknown_measure", report=view.report, name=measure, names=_names((*view.measures, *view.listed))
        )
    column = quote_identifier(measure)
    return column, f"{column} != 0"


def _dimension_type(view: RecordView, name: str) -> str:
    if name not in view.dimensions:
        raise DrillDownError("unknown_dimension", report=view.report, name=name, names=_names(tuple(view.dimensions)))
    return view.dimensions[name]


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)
