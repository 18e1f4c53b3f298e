"""Examines a CRM: plans its tables, runs the scans and turns what they count into findings.

The only module of the doctor that reads the CRM, apart from the indexes (`access`). It writes nothing, neither there
nor anywhere else, and what it keeps of a row is its id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from orchestration.doctor import scans
from orchestration.doctor.access import Indexes, creation_column, has_unique_key, is_indexed, read_indexes
from orchestration.doctor.catalogue import Check, catalogue
from orchestration.doctor.diagnosis import (
    EMPTIED,
    INPUTS,
    ROWS_WORTH_AN_INDEX,
    Counted,
    Diagnosis,
    Finding,
    Report,
    Severity,
    TableCoverage,
    diagnose,
)
from orchestration.doctor.plans import Planned, plan_all
from orchestration.extraction.boundary import Boundary, measure_boundary
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError, first_line
from orchestration.extraction.mapping import Mapping as CrmMapping
from orchestration.extraction.replica import Rejection
from orchestration.extraction.source_catalog import Connection, prepare_session, read_source_catalog
from orchestration.extraction.source_tables import plan_sources
from orchestration.extraction.staged_rows import rejection_message

ROWS_PER_SECOND = 250_000
"""Of a first load, roughly; see docs/benchmarks.md."""
_ROWS_WORTH_AN_INDEX_FOR_BACKFILLS = 1_000_000

Progress = Callable[[str], None]


@dataclass(slots=True)
class _Examined:
    """What is known so far.

    Attributes:
        mapping: that is examined.
        as_of: the moment that "now" means.
        plans: canonical table to its plan, for every mapped table.
        relations: canonical table to the SQL that stands for it, where there is a plan.
        nothing: canonical table to SQL of its columns without any row.
        figures: scan to the rows and an example of each condition.
        unreadable: canonical table to why PostgreSQL would not read it.
        findings: so far.
    """

    mapping: CrmMapping
    as_of: datetime
    plans: Mapping[str, Planned]
    relations: Mapping[str, str]
    nothing: Mapping[str, str]
    figures: dict[str, dict[str, scans.Figure]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def usable(self) -> set[str]:
        """Tables whose rows are here what a load would make of them."""
        return {name for name, planned in self.plans.items() if not planned.refusals and name not in self.unreadable}

    def note(
        self,
        code: str,
        table: str,
        *,
        counted: Counted | None = None,
        at_fault: tuple[tuple[str, int], ...] = (),
        reports: tuple[Report, ...] | None = None,
        detail: str = "",
        **values: str,
    ) -> None:
        """Add a finding of the catalogue's notices; `values` fill its placeholders, `at_fault` are its values."""
        notice = catalogue().notice(code)
        words = {"table": table, "file": self.mapping.file, **values}
        self.findings.append(
            Finding(
                code=code,
                severity=notice.severity,
                table=table,
                title=notice.title.wording().filled(**words),
                remedy=notice.remedy.wording().filled(**words),
                counted=counted,
                effects={
                    report: effect
                    for report, effect in notice.worded_effects(table).items()
                    if reports is None or report in reports
                },
                values=at_fault,
                detail=detail,
            )
        )


def examine(
    connection: Connection,
    mapping: CrmMapping,
    *,
    as_of: datetime,
    timeout: timedelta,
    progress: Progress = lambda line: None,
) -> Diagnosis:
    """Examine the CRM as a mapping sees it.

    Args:
        connection: to the CRM, in autocommit; its session is left read-only.
        mapping: from `load_mapping`.
        as_of: the moment that "now" means.
        timeout: of each statement.
        progress: receives a line of text after each step.

    Raises:
        ExtractionError: the server is older than what extraction supports.
        psycopg.Error: the connection broke.
    """
    began = time.monotonic()
    _prepare(connection, timeout)
    catalog = read_source_catalog(connection, mapping)
    plans = {name: plan_all(mapping, name, catalog) for name, table in mapping.tables.items() if not table.snapshot}
    relations = {name: scans.relation(made.plan, as_of) for name, made in plans.items() if made.plan is not None}
    nothing = {name: scans.nothing(name) for name in CANONICAL_TABLES}
    examined = _Examined(mapping, as_of, plans, relations, nothing)
    indexes = read_indexes(connection, mapping)
    boundary = measure_boundary(connection, fallback_lag=timedelta(seconds=mapping.fallback_lag_seconds), previous=None)
    _scan(connection, examined, progress)
    _find_refusals(examined)
    for name in plans:
        _find_rows_at_fault(connection, examined, indexes, name, progress)
    _find_gaps(connection, examined)
    _find_absences(examined)
    late = _find_late_rows(connection, examined, boundary)
    tables = tuple(_coverage(examined, indexes, late, name) for name in CANONICAL_TABLES)
    _find_slow_loads(examined, tables)
    info = connection.info
    server = info.parameter_status("server_version") or ""
    crm = f"{info.dbname} ({info.host}:{info.port}, PostgreSQL {server.split(' ')[0]})"
    return diagnose(crm, mapping.file, tables, examined.findings, time.monotonic() - began)


def _prepare(connection: Connection, timeout: timedelta) -> None:
    prepare_session(connection)
    milliseconds = str(int(timeout.total_seconds() * 1000))
    for name, value in (
        ("default_transaction_read_only", "on"),
        ("statement_timeout", milliseconds),
        ("lock_timeout", milliseconds),
        # One large statement per table: compiling it costs more than it gains, and its joins are with small tables.
        ("jit", "off"),
        ("work_mem", "64MB"),
        # PostgreSQL expects a handful of rows behind several conditions; a nested loop over millions would never end.
        ("enable_nestloop", "off"),
    ):
        connection.execute(sql.SQL("set {} to {}").format(sql.Identifier(name), sql.Literal(value)))


def _scan(connection: Connection, examined: _Examined, progress: Progress) -> None:
    """Run every scan; those that failed because of another table once more without it."""
    own = [name for name, planned in examined.plans.items() if planned.plan is not None]
    failed = []
    for name in [*own, *scans.TABLES_OF]:
        problem = _run_scan(connection, examined, name, progress)
        if not problem:
            continue
        if name in own and (alone := _run_scan(connection, examined, name, progress, alone=True)):
            examined.unreadable[name] = alone
        else:
            failed.append(name)
    for name in failed:
        if problem := _run_scan(connection, examined, name, progress):
            examined.note("not_counted", scans.TABLES_OF.get(name, (name,))[0], detail=problem)


def _run_scan(
    connection: Connection, examined: _Examined, name: str, progress: Progress, *, alone: bool = False
) -> str:
    """Run one scan and keep its figures; return why PostgreSQL would not, or nothing.

    Args:
        connection: to the CRM.
        examined: gets the figures.
        name: of the scan.
        progress: receives a line.
        alone: read this table only and count nothing but its rows.
    """
    conditions = () if alone else scans.conditions_of(name, _eligible(examined))
    if name in scans.TABLES_OF and not conditions:
        return ""
    scan = scans.render_scan(name, conditions, _present(examined, name, alone=alone), examined.as_of)
    began = time.monotonic()
    try:
        rows = connection.execute(scan.sql.encode()).fetchall()
    except psycopg.Error as error:
        if connection.broken:
            raise
        return first_line(error)
    examined.figures[name] = scans.figures(scan, rows)
    total = examined.figures[name][""].rows
    progress(f"{name}: {total:,} rows in {time.monotonic() - began:.1f} s")
    return ""


def _present(examined: _Examined, name: str, *, alone: bool = False) -> dict[str, str]:
    """Return what stands for each table in a scan: usable tables, and its own however little of that is planned."""
    tables = {name} if alone else {name, *examined.usable}
    return {
        table: examined.relations[table] if table in tables and table in examined.relations else nothing
        for table, nothing in examined.nothing.items()
    }


def _eligible(examined: _Examined) -> list[Check]:
    """Return the checks that everything they look at is there for."""
    usable, mapped = examined.usable, set(examined.plans)
    found = []
    for check in catalogue().checks:
        needed = {*scans.TABLES_OF.get(check.scan, (check.scan,)), *check.needs}
        if check.scan == "closes":
            # Without them a close day or a rate is missing; half of them would make the counts wrong.
            needed |= mapped & {"deal_stage_history", "exchange_rates"}
        if needed <= usable:
            found.append(check)
    return found


def _find_refusals(examined: _Examined) -> None:
    for name, planned in examined.plans.items():
        for refusal in planned.refusals:
            examined.note("plan_refused", name, detail=refusal)
        if name in examined.unreadable:
            examined.note("not_readable", name, detail=examined.unreadable[name])


def _find_rows_at_fault(
    connection: Connection, examined: _Examined, indexes: Indexes, name: str, progress: Progress
) -> None:
    """Find rows that a load would refuse or empty, in its own words."""
    planned, figures = examined.plans[name], examined.figures.get(name)
    if planned.plan is None or figures is None or name in examined.unreadable:
        return
    present, total = _present(examined, name, alone=True), figures[""].rows
    if figures[scans.REJECTED_ROWS].rows:
        rows = connection.execute(scans.render_rejections(name, present).encode()).fetchall()
        _note_rejections(examined, planned, [Rejection(*row) for row in rows], total)
    if figures[scans.EMPTIED_ROWS].rows:
        for column, count, example in connection.execute(scans.render_emptied(name, present).encode()).fetchall():
            counted = Counted(count, total, example or "")
            examined.note(
                "values_emptied", name, counted=counted, reports=EMPTIED.get((name, column), ()), column=column
            )
    if not has_unique_key(indexes, planned.plan, planned.mapping):
        progress(f"{name}: looking for repeated keys, as no index rules them out")
        row = connection.execute(scans.render_duplicates(name, present).encode()).fetchone()
        if row and row[0]:
            key = ", ".join(planned.plan.table.key)
            examined.note("duplicate_keys", name, counted=Counted(row[0], total, row[1] or ""), key=key)


def _note_rejections(examined: _Examined, planned: Planned, rejections: list[Rejection], total: int) -> None:
    if planned.plan is None:
        return
    table = planned.plan.table.name
    grouped: dict[tuple[str, str], list[Rejection]] = {}
    for rejection in rejections:
        grouped.setdefault((rejection.column, rejection.reason), []).append(rejection)
    for (column, _), group in grouped.items():
        counted = Counted(sum(rejection.rows for rejection in group), total, group[0].example)
        detail = rejection_message(planned.plan, planned.mapping, group[0])
        values = tuple((rejection.value, rejection.rows) for rejection in group if rejection.value)
        examined.note("rows_rejected", table, counted=counted, at_fault=values, detail=detail, column=column)


def _find_gaps(connection: Connection, examined: _Examined) -> None:
    """Turn the figures of the checks into findings."""
    for check in _eligible(examined):
        figures, among = examined.figures.get(check.scan), examined.figures.get(check.of_scan or check.scan)
        if figures is None or among is None or not (count := figures.get(check.count, scans.Figure())).rows:
            continue
        whole = among.get(check.of, scans.Figure())
        rows, of = (count.weight, whole.weight) if check.weighted else (count.rows, whole.rows)
        mapped = examined.mapping.tables[check.about].columns
        unmapped = check.columns if not set(check.columns) & set(mapped) else ()
        # What is said of some rows in passing limits a report when it holds for every row.
        limits = unmapped and check.effects and check.severity is Severity.INFO
        examined.findings.append(
            Finding(
                code=check.code,
                severity=Severity.WARNING if limits else check.severity,
                table=check.about,
                title=check.title.wording(),
                remedy=check.remedy.wording(),
                counted=Counted(rows, of, count.example, count.tenant),
                effects=check.worded_effects,
                values=tuple(_values(connection, examined, check)),
                unmapped=unmapped,
            )
        )


def _values(connection: Connection, examined: _Examined, check: Check) -> Iterator[tuple[str, int]]:
    if check.values:
        query = scans.render_values(check, _present(examined, check.scan), examined.as_of)
        for value, count in connection.execute(query.encode()).fetchall():
            yield value or "", count


def _find_absences(examined: _Examined) -> None:
    """Note tables that are not mapped, empty, or recorded by the loads."""
    notices = {notice.code for notice in catalogue().notices}
    needed = {"tenants", "users", *(table for tables in INPUTS.values() for table in tables)}
    absent = {report for report, tables in INPUTS.items() if not set(tables) <= set(examined.mapping.tables)}
    for name in CANONICAL_TABLES:
        mapped = examined.mapping.tables.get(name)
        if mapped is None:
            code = f"not_mapped_{name}"
            if code in notices and not absent.issuperset(catalogue().notice(code).worded_effects(name)):
                examined.note(code, name)
        elif mapped.snapshot:
            examined.note("history_recorded", name)
        elif name in needed and name in examined.figures and not examined.figures[name][scans.LIVE_ROWS].rows:
            examined.note("table_empty", name)


def _coverage(examined: _Examined, indexes: Indexes, late: set[str], name: str) -> TableCoverage:
    mapped = examined.mapping.tables.get(name)
    if mapped is None:
        return TableCoverage(name, "not mapped")
    if mapped.snapshot:
        return TableCoverage(name, "snapshot")
    planned = examined.plans[name]
    source = mapped.source or "query"
    figures = examined.figures.get(name)
    if planned.plan is None or figures is None:
        return TableCoverage(name, "refused", source)
    rows = figures[""].rows
    changed = mapped.changed_at.column if mapped.changed_at and planned.plan.changed_since else None
    return TableCoverage(
        table=name,
        form="refused" if planned.refusals else "mapped",
        source=source,
        rows=rows,
        deleted=rows - figures[scans.LIVE_ROWS].rows,
        changes_found=changed or "",
        changed_at_indexed=is_indexed(indexes, mapped, changed),
        created_at_indexed=is_indexed(indexes, mapped, creation_column(planned.plan, mapped)),
        boundary="lag" if name in late else "transactions",
        first_load_seconds=rows / ROWS_PER_SECOND,
    )


def _find_late_rows(connection: Connection, examined: _Examined, boundary: Boundary) -> set[str]:
    """Return the tables whose loads stay a lag behind, and say why."""
    lag = str(timedelta(seconds=examined.mapping.fallback_lag_seconds))
    if boundary.method == "lag":
        examined.note("boundary_lag", "", detail=boundary.note, lag=lag)
        return set(examined.plans)
    late = set()
    for name in examined.usable:
        try:
            why = plan_sources(connection, examined.mapping, name)[2].late
        except (psycopg.Error, ExtractionError):
            # Being altered at this moment; the examination is of a moment ago.
            continue
        if why:
            late.add(name)
            examined.note("rows_appear_late", name, detail=why, lag=lag)
    return late


def _find_slow_loads(examined: _Examined, tables: tuple[TableCoverage, ...]) -> None:
    for coverage in tables:
        if coverage.form != "mapped" or (coverage.rows or 0) < ROWS_WORTH_AN_INDEX:
            continue
        planned, mapped = examined.plans[coverage.table], examined.mapping.tables[coverage.table]
        if not coverage.changes_found:
            examined.note("changes_not_found", coverage.table)
        if coverage.changed_at_indexed is False:
            examined.note(
                "changed_at_not_indexed", coverage.table, source=coverage.source, column=coverage.changes_found
            )
        worth_it = (coverage.rows or 0) >= _ROWS_WORTH_AN_INDEX_FOR_BACKFILLS
        if worth_it and coverage.created_at_indexed is False and planned.plan is not None:
            column = creation_column(planned.plan, mapped) or ""
            examined.note("created_at_not_indexed", coverage.table, source=coverage.source, column=column)
