"""Great Expectations judges what was measured, and writes Data Docs: one suite and one validation per table.

It is given the rows to name and a figure per tenant, not the tables: run on ClickHouse itself it scans a table twice
per expectation (docs/quality.md). Its telemetry is switched off before it is imported.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_null import ExpectColumnValuesToBeNull
from great_expectations.expectations.expectation import Expectation

from orchestration.quality.data_docs import finish_pages, write_index
from orchestration.quality.finding import EXAMPLES, Example, Finding
from orchestration.quality.suite import (
    FreshnessRule,
    ReferenceRule,
    RowRule,
    RowsAddedRule,
    RowsLostRule,
    SuiteKind,
    TableSuite,
)
from orchestration.quality.verdict import Evidence, RuleOutcome, TableVerdict

_SITE = "data_docs"
_KEY = ("tenant_id", "row")
_EMPTY = "(empty)"

logging.getLogger("great_expectations").setLevel(logging.ERROR)


class Judge:
    """Judges tables one after the other; then the docs of all of them are written at once."""

    def __init__(self, docs: Path) -> None:
        """Keep the Data Docs in the folder `docs`, whose old pages stay until the new ones are whole."""
        self._docs = docs
        docs.parent.mkdir(parents=True, exist_ok=True)
        self._building = Path(tempfile.mkdtemp(prefix="data_docs_", dir=docs.parent))
        self._context = _context(self._building)
        self._frames = self._context.data_sources.add_pandas("measured")

    def judge(self, suite: TableSuite, evidence: Evidence) -> TableVerdict:
        """Return the verdict on one table."""
        expected = self._context.suites.add(gx.ExpectationSuite(name=f"crm.{suite.table}"))
        for kind, rule in suite.rules():
            expected.add_expectation(_expectation(kind, rule, evidence))
        expected.save()
        batch = self._frames.add_dataframe_asset(suite.table).add_batch_definition_whole_dataframe("live rows")
        definition = self._context.validation_definitions.add(
            ValidationDefinition(name=f"crm.{suite.table}", data=batch, suite=expected)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = definition.run(
                batch_parameters={"dataframe": evidence_frame(suite, evidence)},
                result_format={
                    "result_format": "COMPLETE",
                    "partial_unexpected_count": EXAMPLES,
                    "unexpected_index_column_names": list(_KEY),
                },
            )
        return TableVerdict(
            suite.table,
            evidence.measurement.rows,
            tuple(_outcomes(suite, evidence, _judged(result))),
        )

    def write_docs(self, verdicts: Iterable[TableVerdict], moment: str) -> Path:
        """Write the Data Docs of all judged tables in place of those before; return the page to open."""
        self._context.build_data_docs(site_names=[_SITE])
        finish_pages(self._building)
        write_index(self._building, verdicts, moment)
        shutil.rmtree(self._docs, ignore_errors=True)
        self._building.replace(self._docs)
        self._docs.chmod(0o755)
        return self._docs / "index.html"


def evidence_frame(suite: TableSuite, evidence: Evidence) -> pd.DataFrame:
    """Return the frame that is judged: a row per row to name and per figure of a tenant, a column per rule.

    Each row has a value in the column of its rule only. Without anything to name it still has one row.
    """
    records: list[dict[str, object]] = []
    for name, finding in evidence.measurement.findings.items():
        for example in finding.examples:
            records.append({"tenant_id": example.tenant, "row": example.key, name: example.value or _EMPTY})
    for name, figures in evidence.figures.items():
        for figure in figures:
            records.append({"tenant_id": figure.tenant, "row": figure.told, name: figure.value})
    columns = [*_KEY, *(rule.name for _, rule in suite.rules())]
    return pd.DataFrame(records or [{}], columns=columns)


def _expectation(kind: SuiteKind, rule: Any, evidence: Evidence) -> Expectation:
    shared: dict[str, Any] = {
        "column": rule.name,
        "notes": f"{rule.severity}: {rule.reason}",
        "severity": "critical" if rule.severity == "error" else "warning",
        "meta": {"rule": rule.name, "suite": kind.value},
    }
    limit = _limit(rule)
    if limit is not None:
        largest = max(evidence.figures[rule.name], key=lambda figure: figure.value, default=None)
        seen = f"largest {largest.value:g}, {largest.tenant}: {largest.told}" if largest else "nothing to compare yet"
        described = f"{rule.name}: {_told(rule)} — {seen}"
        return ExpectColumnValuesToBeBetween(**shared, max_value=limit, description=described)
    finding = evidence.measurement.findings.get(rule.name, Finding(0))
    counted = finding.skipped or f"{finding.broken:,} of {evidence.measurement.rows:,} live rows break it"
    return ExpectColumnValuesToBeNull(**shared, description=f"{rule.name}: {_told(rule)} — {counted}")


def _limit(rule: object) -> int | None:
    if isinstance(rule, FreshnessRule):
        return rule.at_most_hours
    if isinstance(rule, RowsLostRule):
        return rule.at_most_percent
    if isinstance(rule, RowsAddedRule):
        return rule.at_most_deviations
    return None


def _told(rule: object) -> str:
    """Return what a rule asks for, in words of a reader of the docs."""
    if isinstance(rule, RowRule):
        said = rule.model_dump(exclude_none=True, exclude={"name", "column", "severity", "reason"})
        return f"{rule.column} {', '.join(f'{form}: {_value(value)}' for form, value in said.items())}"
    if isinstance(rule, ReferenceRule):
        return f"{', '.join(rule.columns)} in crm.{rule.in_table}" + (
            " (deleted ones too)" if rule.deleted_count else ""
        )
    if isinstance(rule, FreshnessRule):
        return f"newest {rule.newest} at most {rule.at_most_hours} hours old"
    if isinstance(rule, RowsLostRule):
        return f"at most {rule.at_most_percent} % of a tenant's rows lost since the last accepted night"
    assert isinstance(rule, RowsAddedRule)
    return f"rows of the last day within {rule.at_most_deviations} spreads of the same weekday, {rule.weeks} weeks"


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _judged(result: ExpectationSuiteValidationResult) -> dict[str, bool]:
    """Return per rule whether Great Expectations found it kept.

    Raises:
        RuntimeError: an expectation could not be evaluated; that is a defect here, not in the data.
    """
    judged = {}
    for each in result.results:
        if each.exception_info and each.exception_info.get("raised_exception", False):
            raise RuntimeError(
                f"Great Expectations could not evaluate {each.expectation_config}: {each.exception_info}"
            )
        assert each.expectation_config is not None
        judged[each.expectation_config.kwargs["column"]] = bool(each.success)
    return judged


def _outcomes(suite: TableSuite, evidence: Evidence, judged: Mapping[str, bool]) -> Iterable[RuleOutcome]:
    for kind, rule in suite.rules():
        limit = _limit(rule)
        if limit is None:
            finding = evidence.measurement.findings[rule.name]
            count, examples, skipped = finding.broken, finding.examples, finding.skipped
            by_tenant = finding.by_tenant
        else:
            over = [figure for figure in evidence.figures[rule.name] if figure.value > limit]
            examples = tuple(Example(figure.tenant, "", figure.told) for figure in over)
            count, skipped = len(over), None
            by_tenant = dict.fromkeys((figure.tenant for figure in over), 1)
        kept = judged[rule.name]
        yield RuleOutcome(kind, rule.name, rule.severity, rule.reason, kept, count, examples, by_tenant, skipped)


def _context(folder: Path) -> AbstractDataContext:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    for site in list(context.get_site_names()):
        context.delete_data_docs_site(site)
    context.add_data_docs_site(
        site_name=_SITE,
        site_config={
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        },
    )
    return context
