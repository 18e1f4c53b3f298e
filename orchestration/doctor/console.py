"""Draws the result in a terminal, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestration.doctor.diagnosis import (
    ROWS_WORTH_AN_INDEX,
    Diagnosis,
    Finding,
    LanguageCode,
    Report,
    Severity,
    Status,
    TableCoverage,
    Verdict,
    Wording,
)
from orchestration.doctor.words import duration, headline, number, report_titles, word

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
_STATUS_STYLES = {
    Status.COMPLETE: "green",
    Status.LIMITED: "yellow",
    Status.BROKEN: "bold red",
    Status.NOT_MAPPED: "dim",
}


def print_diagnosis(console: Console, diagnosis: Diagnosis, language: LanguageCode) -> None:
    """Print tables, findings and verdicts, without the blanks that pad lines to the same width."""
    with console.capture() as captured:
        _print(console, diagnosis, language)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    console.file.flush()


def _print(console: Console, diagnosis: Diagnosis, language: LanguageCode) -> None:
    def heading(key: str) -> None:
        console.print()
        console.print(Text(word(language, key), style="bold"))

    console.print(Text(word(language, "title", crm=diagnosis.crm, mapping=diagnosis.mapping), style="bold"))
    heading("tables")
    console.print(_draw_tables(diagnosis.tables, language))
    heading("findings")
    show_tenant = any(coverage.table == "tenants" and (coverage.rows or 0) > 1 for coverage in diagnosis.tables)
    if not diagnosis.findings:
        console.print(Text(f"  {word(language, 'nothing')}"))
    for finding in diagnosis.findings:
        console.print(_draw_finding(finding, language, show_tenant=show_tenant))
    heading("reports")
    for verdict in diagnosis.verdicts:
        console.print(_draw_verdict(verdict, language))
    counts = Counter(finding.severity for finding in diagnosis.findings)
    summary = word(
        language,
        "summary",
        errors=number(language, counts[Severity.ERROR]),
        warnings=number(language, counts[Severity.WARNING]),
        notes=number(language, counts[Severity.INFO]),
        seconds=duration(language, diagnosis.seconds),
    )
    console.print()
    console.print(Text(summary))


def _draw_tables(tables: Iterable[TableCoverage], language: LanguageCode) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for key, justify in (
        ("table", "left"),
        ("source", "left"),
        ("rows", "right"),
        ("deleted", "right"),
        ("changes", "left"),
        ("late_commits", "left"),
        ("first_load", "right"),
    ):
        drawn.add_column(word(language, key), justify="right" if justify == "right" else "left", overflow="fold")
    for coverage in tables:
        drawn.add_row(*_table_cells(coverage, language))
    return drawn


def _table_cells(coverage: TableCoverage, language: LanguageCode) -> list[Text]:
    form = word(language, coverage.form)
    if coverage.rows is None:
        style = "bold red" if coverage.form == "refused" else "dim"
        source = f"{coverage.source}: {form}" if coverage.source else form
        return [Text(coverage.table), Text(source, style=style), *(Text("–", style="dim") for _ in range(5))]
    changes = coverage.changes_found or word(language, "whole_table")
    if coverage.changed_at_indexed is False and coverage.rows >= ROWS_WORTH_AN_INDEX:
        changes = word(language, "no_index", column=changes)
    source = f"{coverage.source}: {form}" if coverage.form == "refused" else coverage.source
    return [
        Text(coverage.table),
        Text(source, style="bold red" if coverage.form == "refused" else ""),
        Text(number(language, coverage.rows)),
        Text(number(language, coverage.deleted)),
        Text(changes),
        Text(word(language, coverage.boundary)),
        Text(duration(language, coverage.first_load_seconds)),
    ]


def _draw_finding(finding: Finding, language: LanguageCode, *, show_tenant: bool) -> RenderableType:
    head = Text.assemble(
        (word(language, finding.severity), _STYLES[finding.severity]), "  ", headline(language, finding)
    )
    if finding.counted is not None and finding.counted.example:
        tenant = f" ({finding.counted.example_tenant})" if show_tenant and finding.counted.example_tenant else ""
        head.append(f", {word(language, 'example', example=finding.counted.example + tenant)}", style="dim")
    lines = []
    if finding.detail:
        lines.append(Text(finding.detail))
    if finding.values:
        lines.append(Text(" · ".join(_value(language, value, rows) for value, rows in finding.values), style="dim"))
    if finding.unmapped:
        columns = ", ".join(f"{finding.table}.{column}" for column in finding.unmapped)
        lines.append(Text(word(language, "unmapped", columns=columns)))
    lines += [Text.assemble((f"{titles}: ", "italic"), effect) for titles, effect in _effects(finding, language)]
    if remedy := finding.remedy.to(language):
        lines.append(Text(f"→ {remedy}"))
    return _indented(Group(head, *(_indented(line, 4) for line in lines)), 2)


def _indented(content: RenderableType, columns: int) -> Padding:
    return Padding(content, (0, 0, 0, columns), expand=False)


def _value(language: LanguageCode, value: str, rows: int) -> str:
    return f"{value or word(language, 'empty_value')}: {number(language, rows)}"


def _effects(finding: Finding, language: LanguageCode) -> list[tuple[str, str]]:
    """Return titles of reports and what becomes of their numbers, those with the same effect together."""
    grouped: dict[Wording, list[str]] = {}
    for report, effect in finding.effects.items():
        grouped.setdefault(effect, []).append(report_titles()[report].to(language))
    everything = [word(language, "all_reports")]
    return [
        (", ".join(titles if len(titles) < len(Report) else everything), effect.to(language))
        for effect, titles in grouped.items()
    ]


def _draw_verdict(verdict: Verdict, language: LanguageCode) -> RenderableType:
    status = word(language, verdict.status, tables=", ".join(verdict.missing))
    title = report_titles()[verdict.report].to(language)
    head = Text.assemble(f"{title}: ", (status, _STATUS_STYLES[verdict.status]))
    reasons = [Text(f"– {headline(language, finding)}") for finding in verdict.because]
    return _indented(Group(head, *(_indented(reason, 2) for reason in reasons)), 2)
