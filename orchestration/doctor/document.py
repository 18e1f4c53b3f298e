"""The result as a JSON document, for programs: stable names, and texts in the reader's language."""

from __future__ import annotations

from typing import Any

from orchestration.doctor.diagnosis import Diagnosis, Finding, LanguageCode, TableCoverage, Verdict
from orchestration.doctor.words import headline, report_titles


def to_document(diagnosis: Diagnosis, language: LanguageCode) -> dict[str, Any]:
    """Return a diagnosis as values that JSON can hold."""
    return {
        "crm": diagnosis.crm,
        "mapping": diagnosis.mapping,
        "exit_code": diagnosis.exit_code,
        "seconds": round(diagnosis.seconds, 1),
        "tables": [_table(coverage) for coverage in diagnosis.tables],
        "findings": [_finding(finding, language) for finding in diagnosis.findings],
        "reports": [_verdict(verdict, language) for verdict in diagnosis.verdicts],
    }


def _table(coverage: TableCoverage) -> dict[str, Any]:
    return {
        "table": coverage.table,
        "form": coverage.form,
        "source": coverage.source,
        "rows": coverage.rows,
        "live": coverage.live,
        "deleted": coverage.deleted,
        "changes_found_by": coverage.changes_found or None,
        "changed_at_indexed": coverage.changed_at_indexed,
        "created_at_indexed": coverage.created_at_indexed,
        "boundary": coverage.boundary or None,
        "first_load_seconds": round(coverage.first_load_seconds, 1),
    }


def _finding(finding: Finding, language: LanguageCode) -> dict[str, Any]:
    count = finding.counted
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "table": finding.table,
        "title": finding.title.to(language),
        "rows": count.rows if count else None,
        "of": count.of if count else None,
        "share": count.share if count else None,
        "example": count.example if count else "",
        "example_tenant": count.example_tenant if count else "",
        "values": [{"value": value, "rows": rows} for value, rows in finding.values],
        "not_mapped": list(finding.unmapped),
        "effects": {report.value: effect.to(language) for report, effect in finding.effects.items()},
        "remedy": finding.remedy.to(language),
        "detail": finding.detail,
    }


def _verdict(verdict: Verdict, language: LanguageCode) -> dict[str, Any]:
    return {
        "report": verdict.report.value,
        "title": report_titles()[verdict.report].to(language),
        "status": verdict.status.value,
        "not_mapped": list(verdict.missing),
        "because": [{"code": finding.code, "text": headline(language, finding)} for finding in verdict.because],
    }
