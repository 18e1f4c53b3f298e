"""What the doctor may say, checked without a database: complete in both languages and true to the canonical tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestration.doctor.catalogue import Check, Notice, Words, catalogue
from orchestration.doctor.diagnosis import (
    EMPTIED,
    INPUTS,
    READERS,
    Counted,
    Finding,
    Report,
    Severity,
    Status,
    TableCoverage,
    Wording,
    diagnose,
)
from orchestration.doctor.words import percent, report_titles
from orchestration.extraction.canonical import CANONICAL_TABLES

CHECKS = catalogue().checks
NOTICES = catalogue().notices


ENTRIES: tuple[Check | Notice, ...] = (*CHECKS, *NOTICES)


def texts() -> Iterator[tuple[str, Words]]:
    """Yield every text with where it stands."""
    for entry in ENTRIES:
        yield f"{entry.code} title", entry.title
        yield f"{entry.code} remedy", entry.remedy
    for check in CHECKS:
        yield from ((f"{check.code} effect", effect) for effect in check.effects)
    for notice in NOTICES:
        if notice.effect is not None:
            yield f"{notice.code} effect", notice.effect


def test_every_text_stands_in_both_languages() -> None:
    for place, text in texts():
        assert bool(text.en) == bool(text.ru), place
        assert text.en or place.endswith("remedy"), place
        assert re.findall(r"\{\w+\}", text.en) == re.findall(r"\{\w+\}", text.ru), place
        # SQL is the same in every language.
        if text.en and not text.en.startswith("create index"):
            assert re.search("[а-яё]", text.ru), place
            assert not re.search("[а-яё]", text.en), place


def test_codes_are_unique_and_every_report_is_touched() -> None:
    codes = [entry.code for entry in ENTRIES]
    assert len(codes) == len(set(codes))
    touched = {report for check in CHECKS for report in check.worded_effects}
    assert touched == set(Report)


def test_a_check_touches_only_reports_that_its_table_goes_into() -> None:
    for check in CHECKS:
        assert set(check.worded_effects) <= set(READERS[check.about]), check.code
        assert len(check.worded_effects) == sum(len(effect.reports) for effect in check.effects), check.code


def test_tables_and_columns_exist() -> None:
    assert set(READERS) == set(CANONICAL_TABLES)
    for report, tables in INPUTS.items():
        assert all(report in READERS[table] for table in tables)
    for table, column in EMPTIED:
        found = CANONICAL_TABLES[table].column(column)
        assert found is not None
        assert found.nullable
    for notice in NOTICES:
        if notice.code.startswith("not_mapped_"):
            table = notice.code.removeprefix("not_mapped_")
            assert set(notice.worded_effects(table)) <= set(READERS[table])


def finding(severity: Severity, table: str, *reports: Report, rows: int = 1) -> Finding:
    text = Wording("text", "текст")
    effects = dict.fromkeys(reports, text)
    return Finding("code", severity, table, text, text, counted=Counted(rows, 4), effects=effects)


def test_verdicts_follow_from_the_worst_finding_and_the_mapped_tables() -> None:
    tables = [
        TableCoverage(name, "not mapped" if name == "activities" else "mapped", rows=1) for name in CANONICAL_TABLES
    ]
    findings = [
        finding(Severity.INFO, "leads", Report.LEADS_BY_SOURCE),
        finding(Severity.WARNING, "deals", Report.SALES_BY_MONTH, Report.SALES_FUNNEL),
        finding(Severity.ERROR, "stages", Report.SALES_FUNNEL),
    ]
    diagnosis = diagnose("crm", "file", tables, findings, 1.0)
    assert {verdict.report: verdict.status for verdict in diagnosis.verdicts} == {
        Report.SALES_BY_MONTH: Status.LIMITED,
        Report.MANAGER_ACTIVITY: Status.NOT_MAPPED,
        Report.LEADS_BY_SOURCE: Status.COMPLETE,
        Report.LEAD_CONVERSION: Status.COMPLETE,
        Report.SALES_FUNNEL: Status.BROKEN,
    }
    assert [found.severity for found in diagnosis.findings] == [Severity.ERROR, Severity.WARNING, Severity.INFO]
    assert diagnosis.exit_code == 1
    assert diagnose("crm", "file", tables, findings[:2], 1.0).exit_code == 0


def test_a_small_share_never_reads_as_nothing() -> None:
    assert [percent("en", share) for share in (0, 1e-6, 0.001, 0.5, 1 - 1e-6, 1)] == [
        "0.0%", "< 0.1%", "0.1%", "50.0%", "> 99.9%", "100.0%",
    ]  # fmt: skip
    assert percent("ru", 0.0049).replace("\xa0", " ") == "0,5 %"
    assert Counted(0, 0).share is None


def test_reports_are_called_as_their_models_declare() -> None:
    assert set(report_titles()) >= set(Report)
    assert report_titles()[Report.SALES_FUNNEL] == Wording("Sales funnel", "Воронка продаж")
