"""Prints the records behind a figure: `python -m api.reports.drill --report NAME --tenant ID --measure NAME ...`."""

from __future__ import annotations

import argparse
import sys
from typing import cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from rich.console import Console

from api.reports.__main__ import NARROWEST_READABLE, TABLE_OR_DATABASE_UNKNOWN, fail, reader_language
from api.reports.console import print_reports
from api.reports.drill_down import (
    DEFAULT_LIMIT,
    DrillDown,
    DrillDownError,
    FilterValue,
    Record,
    Records,
    RecordView,
    build_page_query,
    find_view,
    list_records,
    read_day,
    read_filter,
    record_views,
)
from api.reports.language import Language, load_language
from api.reports.table import Column, ReportTable, Value
from api.reports.tenants import read_tenants
from catalogue.formats import Format
from catalogue.texts import LanguageCode
from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.settings import SettingsError, load_clickhouse_settings


def main() -> int:
    """Print the records behind one figure of one tenant; return the exit code."""
    arguments = _parse_arguments()
    language = load_language(cast(LanguageCode, arguments.language))
    try:
        return _print_records(connect_clickhouse(load_clickhouse_settings()), arguments, language)
    except DrillDownError as error:
        return fail(_message(error, language))
    except (SettingsError, ConnectionFailed) as error:
        return fail(str(error))
    except DatabaseError as error:
        if any(name in str(error) for name in TABLE_OR_DATABASE_UNKNOWN):
            return fail(language.word("not_built"))
        raise


def _print_records(client: Client, arguments: argparse.Namespace, language: Language) -> int:
    views = record_views(language.catalogue)
    view = find_view(views, arguments.report)
    request = _request(view, arguments)
    # What is wrong with the request is told before anything is read.
    build_page_query(view, request)
    tenants = {tenant.id: tenant for tenant in read_tenants(client)}
    if request.tenant not in tenants:
        known = ", ".join(tenants)
        return fail(language.word("unknown_tenant", tenant=request.tenant, tenants=known))
    table = _table(view, request, list_records(client, views, request), language)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, NARROWEST_READABLE))
    print_reports(console, tenants[request.tenant], [table], language)
    return 0


def _request(view: RecordView, arguments: argparse.Namespace) -> DrillDown:
    written = [condition for text in arguments.where for condition in text.split(";") if condition.strip()]
    pairs = [tuple(part.strip() for part in condition.partition("=")) for condition in written]
    for name, sign, _ in pairs:
        if not sign:
            raise DrillDownError("bad_value", name="where", value=name, expected="word:expected_condition")
    wanted = {name: text for name, _, text in pairs}
    for name in ("month", "day"):
        if getattr(arguments, name) is not None:
            wanted[name] = getattr(arguments, name)
    return DrillDown(
        report=view.report,
        tenant=arguments.tenant,
        measure=arguments.measure,
        filters={name: read_filter(view, name, text) for name, text in wanted.items()},
        since=read_day("since", arguments.since) if arguments.since else None,
        until=read_day("until", arguments.until) if arguments.until else None,
        limit=arguments.limit,
        offset=arguments.offset,
    )


def _table(view: RecordView, request: DrillDown, found: Records, language: Language) -> ReportTable:
    declared = language.catalogue.record_views[view.report]
    listed = view.listed.get(request.measure)
    measure = declared.measures[listed.value if listed else request.measure]
    shown = tuple(name for name in view.dimensions if _is_shown(view, name))
    headings = ("record_type", "record_id", *shown)
    return ReportTable(
        title=declared.title.said_in(language.code),
        scope=_scope(request, language),
        columns=(
            *(Column(declared.dimensions[name].label.said_in(language.code), Format.TEXT) for name in headings),
            Column(measure.label.said_in(language.code), measure.format),
        ),
        rows=tuple(_row(record, shown, language) for record in found.records),
        total=(language.word("total"), *(None,) * (len(headings) - 1), found.total) if found.count else None,
        note=_note(request, found, language),
    )


def _is_shown(view: RecordView, name: str) -> bool:
    """Leave out what another column says better: the id beside a name, the month beside the day."""
    return name != "month" and not (name.endswith("_id") and f"{name.removesuffix('_id')}_name" in view.dimensions)


def _row(record: Record, shown: tuple[str, ...], language: Language) -> tuple[Value, ...]:
    places = (_written(record.dimensions[name], language) for name in shown)
    return (language.word(f"record_{record.kind}"), record.id, *places, record.contribution)


def _written(value: FilterValue, language: Language) -> str:
    if value is None:
        return language.word("none")
    if isinstance(value, bool):
        return language.word("yes" if value else "no")
    return str(value)


def _scope(request: DrillDown, language: Language) -> str:
    conditions = [f"{name} = {_written(value, language)}" for name, value in request.filters.items()]
    conditions += [f"day >= {request.since}"] if request.since else []
    conditions += [f"day <= {request.until}"] if request.until else []
    return ", ".join(conditions)


def _note(request: DrillDown, found: Records, language: Language) -> str:
    count = language.count(found.count)
    if not found.count:
        return language.word("records_none")
    if not found.records:
        return language.word("records_past_the_end", count=count)
    first, last = request.offset + 1, request.offset + len(found.records)
    return language.word("records_shown", first=language.count(first), last=language.count(last), count=count)


def _message(error: DrillDownError, language: Language) -> str:
    values = {
        name: language.word(value.removeprefix("word:")) if value.startswith("word:") else value
        for name, value in error.values.items()
    }
    return language.word(error.key, **values)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m api.reports.drill", description="Print the records behind a figure of a report."
    )
    parser.add_argument("--report", required=True, help="name of the mart, for example sales_by_month")
    parser.add_argument("--tenant", required=True, help="id of the tenant")
    parser.add_argument("--measure", required=True, help="column of the mart, for example won_deals")
    parser.add_argument("--month", help="such as 2026-03, or (none)")
    parser.add_argument("--day", help="such as 2026-03-31, or (none)")
    parser.add_argument("--since", help="first day")
    parser.add_argument("--until", help="last day")
    parser.add_argument("--where", action="append", default=[], help="column=value, several separated by semicolons")
    parser.add_argument("--limit", type=int, default=DEFAULT_LIMIT, help="how many records to list")
    parser.add_argument("--offset", type=int, default=0, help="how many to leave out before them")
    parser.add_argument("--language", choices=("en", "ru"), default=reader_language())
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
