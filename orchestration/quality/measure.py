"""Measures a replica in one pass of ClickHouse: counts per rule, the rows to name, rows and moments per tenant.

Only aggregates leave ClickHouse, so the memory of this process does not grow with the table. What is done with the
figures belongs in `expectations` and `volume`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.canonical import CanonicalTable
from orchestration.extraction.replica import Warehouse
from orchestration.quality.finding import EXAMPLES, Example, Finding, Measurement, TenantRows
from orchestration.quality.suite import ReferenceRule, RowRule, TableSuite

# Grouping and sets spill or stop before they take the server's memory with them.
_SETTINGS = {"max_bytes_before_external_group_by": 1 << 30, "join_use_nulls": 1}
_NOT_FILLED = "{} is not filled from the CRM"


@dataclass(slots=True)
class _Parameters:
    """The values of a query, bound by name."""

    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: object, kind: str) -> str:
        """Return the placeholder of a new parameter."""
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{kind}}}"


def measure(
    warehouse: Warehouse, suite: TableSuite, *, now: datetime, not_mapped: Set[str] = frozenset()
) -> Measurement:
    """Measure the live rows of a replica against the rules of its suite.

    Args:
        warehouse: where the replica lies.
        suite: the rules.
        now: the moment that "future" is measured from (aware).
        not_mapped: tables that the CRM's mapping does not fill; references to them are skipped.
    """
    parameters = _Parameters()
    rules = _conditions(warehouse, suite, now, not_mapped, parameters)
    query = _query(warehouse, suite.canonical, [condition for _, condition, _ in rules], [shown for *_, shown in rules])
    rows = warehouse.client.query(query, parameters=parameters.values, settings=_SETTINGS).result_rows
    findings = {name: _finding(rows, 4 + 2 * index) for index, (name, *_) in enumerate(rules)}
    for rule in suite.referential_integrity:
        if rule.in_table in not_mapped:
            findings[rule.name] = Finding(0, skipped=_NOT_FILLED.format(rule.in_table))
    tenants = {row[0]: TenantRows(row[1], _aware(row[2]), _aware(row[3])) for row in rows}
    return Measurement(suite.table, sum(row[1] for row in rows), findings, tenants)


def creation_column(table: CanonicalTable) -> str | None:
    """Return the column that says when a row of the table came to be, if it has one."""
    return table.partition_column or ("created_at" if table.column("created_at") else None)


def _conditions(
    warehouse: Warehouse, suite: TableSuite, now: datetime, not_mapped: Set[str], parameters: _Parameters
) -> list[tuple[str, str, str]]:
    """Return name, condition of a broken row, and what to show of it, per rule."""
    found = [(rule.name, _broken(rule, now, parameters), _text(rule.column, rule)) for rule in suite.types_and_ranges]
    for reference in suite.referential_integrity:
        if reference.in_table not in not_mapped:
            found.append((reference.name, _orphan(warehouse, reference), _referred(reference)))
    return found


def _query(warehouse: Warehouse, table: CanonicalTable, broken: Sequence[str], shown: Sequence[str]) -> str:
    key = [f"toString({quote_identifier(column)})" for column in table.key if column != "tenant_id"]
    key_text = f"concatWithSeparator('/', {', '.join(key)})" if key else "tenant_id"
    created = creation_column(table)
    moments = (
        [f"min(toNullable({created})) as first_created", f"max(toNullable({created})) as newest_created"]
        if created
        else ["null as first_created", "null as newest_created"]
    )
    measured = [
        part
        for index, (condition, value) in enumerate(zip(broken, shown, strict=True))
        for part in (
            f"countIf(ifNull({condition}, false)) as broken_{index}",
            f"groupArraySortedIf({EXAMPLES})(({key_text}, {value}), ifNull({condition}, false)) as examples_{index}",
        )
    ]
    body = ",\n    ".join(["tenant_id", "count() as live_rows", *moments, *measured])
    return f"select\n    {body}\nfrom {warehouse.replica(table.name)} final\ngroup by tenant_id\norder by tenant_id"


def _broken(rule: RowRule, now: datetime, parameters: _Parameters) -> str:
    column = quote_identifier(rule.column)
    if rule.not_empty:
        return f"({column} is null or toString({column}) = '')"
    if rule.one_of is not None:
        return f"not has({parameters.bind(list(rule.one_of), 'Array(String)')}, assumeNotNull(toString({column})))" + (
            f" and {column} is not null"
        )
    if rule.matches is not None:
        return f"not match(toString({column}), {parameters.bind(rule.matches, 'String')})"
    if rule.not_in_future is not None:
        latest = parameters.bind(int(now.timestamp()) + 3600 * rule.not_in_future, "Int64")
        return f"toUnixTimestamp64Micro(toDateTime64({column}, 6, 'UTC')) > {latest} * 1000000"
    if rule.not_before is not None:
        return f"{column} < {quote_identifier(rule.not_before)}"
    if rule.holds is not None:
        return f"not ({rule.holds})"
    bounds = [f"{column} < {rule.at_least}"] if rule.at_least is not None else []
    bounds += [f"{column} > {rule.at_most}"] if rule.at_most is not None else []
    return f"({' or '.join(bounds)})"


def _text(column: str, rule: RowRule) -> str:
    own = f"ifNull(toString({quote_identifier(column)}), '')"
    if rule.not_before is None:
        return own
    return f"concat({own}, ' before ', ifNull(toString({quote_identifier(rule.not_before)}), ''))"


def _orphan(warehouse: Warehouse, rule: ReferenceRule) -> str:
    """Return the condition that a row refers to nothing.

    A set of 64 bit hashes takes a tenth of the memory of a set of texts; that an orphan hides behind a row with the
    same hash has a chance of one in ten billion at a hundred million rows.
    """
    own = [f"toString({quote_identifier(column)})" for column in rule.columns]
    theirs = [f"toString({quote_identifier(column)})" for column in rule.columns.values()]
    there = " and ".join(f"{quote_identifier(column)} is not null" for column in rule.columns)
    final = "" if rule.deleted_count else " final"
    return (
        f"({there} and sipHash64(tenant_id, {', '.join(f'assumeNotNull({column})' for column in own)}) not in "
        f"(select sipHash64(tenant_id, {', '.join(f'assumeNotNull({column})' for column in theirs)}) "
        f"from {warehouse.replica(rule.in_table)}{final}))"
    )


def _referred(rule: ReferenceRule) -> str:
    parts = [f"ifNull(toString({quote_identifier(column)}), '')" for column in rule.columns]
    return f"concatWithSeparator('/', {', '.join(parts)})"


def _finding(rows: Sequence[Sequence[Any]], position: int) -> Finding:
    examples = [Example(row[0], key, value) for row in rows for key, value in row[position + 1]]
    by_tenant = {row[0]: row[position] for row in rows}
    return Finding(sum(by_tenant.values()), tuple(examples[:EXAMPLES]), by_tenant=by_tenant)


def _aware(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
