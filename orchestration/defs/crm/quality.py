"""One check per replica and suite of rules, after reconciliation and before any model is built on the replica.

The rules are data (`orchestration/quality/suites`); measuring and judging belongs in `orchestration.quality`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    Failure,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
    multi_asset_check,
)

from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.dagster_home import local_home
from orchestration.extraction.replica import Warehouse
from orchestration.quality.data_docs import docs_folder, table_page
from orchestration.quality.examination import Examination, examine
from orchestration.quality.suite import SuiteKind, TableSuite, load_suites
from orchestration.quality.verdict import RuleOutcome, TableVerdict, broken
from orchestration.resources import PipelineResource

_SUITES = load_suites()
_DESCRIPTIONS = {
    SuiteKind.TYPES_AND_RANGES: "Every live row holds values that can be true.",
    SuiteKind.REFERENTIAL_INTEGRITY: "What a live row refers to exists in the same tenant.",
    SuiteKind.FRESHNESS: "The last load and the newest rows are as recent as expected.",
    SuiteKind.VOLUME: "No tenant lost rows since the last accepted night, and the last day's rows are as usual.",
}
_COLUMNS = TableSchema(
    columns=[TableColumn(name) for name in ("severity", "rule", "tenant", "row", "value", "why_this_severity")]
)


@multi_asset_check(
    name="quality_suites",
    specs=[
        AssetCheckSpec(
            kind.value,
            asset=AssetKey(["crm", table]),
            # Only a broken rule of severity error keeps the models back; Dagster lets a failed warning pass.
            blocking=True,
            description=f"{_DESCRIPTIONS[kind]} Rules: {', '.join(suite.names(kind))}.",
        )
        for table, suite in _SUITES.items()
        for kind in suite.kinds()
    ],
    can_subset=True,
    # After reconciliation, which repairs what a load missed: rules are for rows that are as the CRM has them.
    op_tags={"dagster/priority": "-1"},
)
def quality(context: AssetCheckExecutionContext, pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
    """Examine the chosen tables and answer the chosen checks."""
    chosen = context.selected_asset_check_keys
    tables = {key.asset_key.path[-1] for key in chosen}
    suites = [suite for table, suite in _SUITES.items() if table in tables]
    started = datetime.now(UTC)
    now = max(started, pipeline.run_moment(started))
    try:
        settings = pipeline.settings().clickhouse
        warehouse = Warehouse(connect_clickhouse(settings), cluster=settings.cluster)
    except ConnectionFailed as error:
        raise Failure(description=str(error), allow_retries=False) from None
    docs = docs_folder(local_home())
    found = examine(warehouse, suites, now=now, run_id=context.op_execution_context.run_id, docs=docs)
    for suite in suites:
        for kind in suite.kinds():
            if AssetCheckKey(AssetKey(["crm", suite.table]), kind.value) in chosen:
                yield _answer(suite, kind, found)


def _answer(suite: TableSuite, kind: SuiteKind, found: Examination) -> AssetCheckResult:
    if suite.table in found.not_mapped:
        return AssetCheckResult(
            asset_key=AssetKey(["crm", suite.table]),
            check_name=kind.value,
            passed=True,
            description="not filled from the CRM",
        )
    return check_answer(found.verdicts[suite.table], kind, found)


def check_answer(verdict: TableVerdict, kind: SuiteKind, found: Examination) -> AssetCheckResult:
    """Return what the Dagster UI shows of one suite of a table: the broken rules and the rows that break them."""
    outcomes = verdict.of(kind)
    not_kept = broken(outcomes)
    is_error = any(outcome.severity == "error" for outcome in not_kept)
    page = table_page(found.docs.parent, verdict.table) or found.docs
    metadata: dict[str, Any] = {
        "live_rows": verdict.rows,
        "rules": len(outcomes),
        "data_docs": MetadataValue.url(page.as_uri()),
        **{outcome.name: outcome.broken for outcome in not_kept},
    }
    if not_kept:
        metadata["rows_that_break_rules"] = MetadataValue.table(_records(not_kept), schema=_COLUMNS)
    return AssetCheckResult(
        asset_key=AssetKey(["crm", verdict.table]),
        check_name=kind.value,
        passed=not not_kept,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        description="; ".join(outcome.sentence() for outcome in not_kept) or f"{len(outcomes)} rules kept",
        metadata=metadata,
    )


def _records(outcomes: tuple[RuleOutcome, ...]) -> list[TableRecord]:
    return [
        TableRecord(
            {
                "severity": outcome.severity,
                "rule": outcome.name,
                "tenant": example.tenant,
                "row": example.key,
                "value": example.value,
                "why_this_severity": outcome.reason,
            }
        )
        for outcome in outcomes
        for example in outcome.examples
    ]


def quality_checks() -> list[AssetCheckKey]:
    """Return the keys of all these checks."""
    return [
        AssetCheckKey(AssetKey(["crm", table]), kind.value)
        for table, suite in _SUITES.items()
        for kind in suite.kinds()
    ]
