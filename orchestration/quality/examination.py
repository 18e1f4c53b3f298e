"""Examines tables: measure, compare with earlier nights, let Great Expectations judge, write the docs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestration.extraction.replica import Warehouse
from orchestration.quality.finding import Measurement
from orchestration.quality.freshness import (
    Landing,
    load_age,
    read_landing,
    row_ages,
)
from orchestration.quality.measure import measure
from orchestration.quality.rule_log import append_outcomes, create_rule_log
from orchestration.quality.suite import SuiteKind, TableSuite
from orchestration.quality.verdict import Evidence, TableVerdict
from orchestration.quality.volume import (
    TenantFigure,
    accepted_counts,
    append_counts,
    create_row_counts,
    rows_added,
    rows_lost,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What examining tables gave.

    Attributes:
        verdicts: per table, in the order asked for; tables that the mapping does not fill have none.
        not_mapped: the tables that were asked for and are not filled from the CRM.
        docs: the page to open in a browser.
    """

    verdicts: dict[str, TableVerdict]
    not_mapped: frozenset[str]
    docs: Path


def examine(
    warehouse: Warehouse, suites: Iterable[TableSuite], *, now: datetime, run_id: str, docs: Path
) -> Examination:
    """Examine tables, log their row counts and outcomes, and replace the Data Docs in folder `docs`."""
    # Great Expectations takes seconds to import: who only reads suites must not wait for it.
    from orchestration.quality.expectations import Judge

    create_row_counts(warehouse)
    create_rule_log(warehouse)
    asked = list(suites)
    landing = read_landing(warehouse)
    judge = Judge(docs)
    verdicts = {}
    for suite in (suite for suite in asked if suite.table not in landing.not_mapped):
        evidence = gather(warehouse, suite, now=now, landing=landing)
        verdict = judge.judge(suite, evidence)
        _log_counts(warehouse, suite, evidence, verdict, run_id)
        append_outcomes(warehouse, verdict, examined_at=now, run_id=run_id)
        verdicts[suite.table] = verdict
    page = judge.write_docs(verdicts.values(), f"{now:%Y-%m-%d %H:%M}")
    return Examination(verdicts, frozenset(suite.table for suite in asked) & landing.not_mapped, page)


def gather(warehouse: Warehouse, suite: TableSuite, *, now: datetime, landing: Landing) -> Evidence:
    """Return everything that the rules of a suite are judged by."""
    measurement = measure(warehouse, suite, now=now, not_mapped=landing.without_rows)
    figures: dict[str, list[TenantFigure]] = {}
    for rule in suite.freshness:
        if rule.newest == "load":
            figures[rule.name] = load_age(landing.loads.get(suite.table), now)
        else:
            figures[rule.name] = row_ages(rule, measurement.tenants, landing.active_tenants, now)
    if suite.volume.rows_lost is not None:
        before = accepted_counts(warehouse, suite.table)
        figures[suite.volume.rows_lost.name] = rows_lost(suite.volume.rows_lost, measurement.tenants, before)
    if suite.volume.rows_added is not None:
        added = rows_added(warehouse, suite, suite.volume.rows_added, measurement.tenants, now)
        figures[suite.volume.rows_added.name] = added
    return Evidence(measurement, figures)


def _log_counts(
    warehouse: Warehouse, suite: TableSuite, evidence: Evidence, verdict: TableVerdict, run_id: str
) -> None:
    rule = suite.volume.rows_lost
    outcomes = {outcome.name: outcome for outcome in verdict.of(SuiteKind.VOLUME)}
    lost = [example.tenant for example in outcomes[rule.name].examples] if rule else []
    counts = _counts(evidence.measurement)
    # A tenant without a row any more is counted too: a later night must still see what was lost.
    gone = {tenant: 0 for tenant in accepted_counts(warehouse, suite.table) if tenant not in counts}
    append_counts(warehouse, suite.table, counts | gone, refused=lost, run_id=run_id)


def _counts(measurement: Measurement) -> dict[str, int]:
    return {tenant: rows.live for tenant, rows in measurement.tenants.items()}
