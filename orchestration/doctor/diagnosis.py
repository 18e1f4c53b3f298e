"""What an examination finds, as values: coverage of the tables, findings, and a verdict on each report.

Pure: nothing here touches a database or a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from orchestration.extraction.canonical import CANONICAL_TABLES

LanguageCode = Literal["en", "ru"]


class Severity(StrEnum):
    """How much a finding matters: an error fails a run or makes a report wrong, a warning limits a report."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Report(StrEnum):
    """The five standard reports, by their marts."""

    SALES_BY_MONTH = "sales_by_month"
    MANAGER_ACTIVITY = "manager_activity"
    LEADS_BY_SOURCE = "leads_by_source"
    LEAD_CONVERSION = "lead_conversion"
    SALES_FUNNEL = "sales_funnel"


class Status(StrEnum):
    """What can be expected of a report."""

    COMPLETE = "complete"
    LIMITED = "limited"
    BROKEN = "broken"
    NOT_MAPPED = "not_mapped"


INPUTS: Mapping[Report, tuple[str, ...]] = {
    Report.SALES_BY_MONTH: ("deals", "stages"),
    Report.MANAGER_ACTIVITY: ("activities", "users"),
    Report.LEADS_BY_SOURCE: ("leads",),
    Report.LEAD_CONVERSION: ("leads", "deals"),
    Report.SALES_FUNNEL: ("deals", "stages", "pipelines"),
}
"""The canonical tables without which a report has nothing to show."""

READERS: Mapping[str, tuple[Report, ...]] = {
    **dict.fromkeys(CANONICAL_TABLES, ()),
    **dict.fromkeys(("tenants", "departments", "users"), tuple(Report)),
    "pipelines": (Report.SALES_BY_MONTH, Report.SALES_FUNNEL),
    "stages": (Report.SALES_BY_MONTH, Report.LEAD_CONVERSION, Report.SALES_FUNNEL),
    "lead_sources": (Report.LEADS_BY_SOURCE, Report.LEAD_CONVERSION),
    "leads": (Report.LEADS_BY_SOURCE, Report.LEAD_CONVERSION),
    "deals": (Report.SALES_BY_MONTH, Report.LEAD_CONVERSION, Report.SALES_FUNNEL),
    "deal_stage_history": (Report.SALES_BY_MONTH, Report.SALES_FUNNEL),
    "deal_owner_history": (Report.SALES_BY_MONTH,),
    "activities": (Report.MANAGER_ACTIVITY,),
    "exchange_rates": (Report.SALES_BY_MONTH, Report.SALES_FUNNEL),
}
"""The reports that a canonical table goes into."""


EMPTIED: Mapping[tuple[str, str], tuple[Report, ...]] = {
    ("users", "deactivated_at"): (Report.MANAGER_ACTIVITY,),
    ("leads", "converted_at"): (Report.LEAD_CONVERSION,),
    ("deals", "amount"): (Report.SALES_BY_MONTH, Report.SALES_FUNNEL),
    ("deals", "closed_at"): (Report.SALES_BY_MONTH,),
    ("deals", "closed_on"): (Report.SALES_BY_MONTH,),
    **{
        ("activities", column): (Report.MANAGER_ACTIVITY,)
        for column in ("due_at", "completed_at", "duration_minutes", "updated_at")
    },
}
"""The reports that an optional column which is no text goes into; any other goes into none."""

ROWS_WORTH_AN_INDEX = 100_000
"""Tables with fewer rows are read whole in no time."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A text in both languages."""

    en: str
    ru: str

    def to(self, language: LanguageCode) -> str:
        """Return the text in one language."""
        return self.en if language == "en" else self.ru

    def filled(self, **values: str) -> Wording:
        """Return the text with its `{placeholders}` replaced."""
        return Wording(self.en.format_map(values), self.ru.format_map(values))


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows a finding is about.

    Attributes:
        rows: so many.
        of: among so many.
        example: the id of one of them.
        example_tenant: whose row that is.
    """

    rows: int
    of: int
    example: str = ""
    example_tenant: str = ""

    @property
    def share(self) -> float | None:
        """The part, from 0 to 1; None of nothing."""
        return self.rows / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about the CRM or its mapping.

    Attributes:
        code: its stable name.
        severity: how much it matters.
        table: the canonical table it is about; empty for the CRM as a whole.
        title: what was found, without the count.
        remedy: what to do; may be empty.
        counted: how many rows; None where it is not about rows.
        effects: report to what becomes of its numbers.
        values: the most frequent values at fault, with their rows.
        detail: the message of the extraction or of PostgreSQL, as a run would print it.
        unmapped: optional columns whose absence from the mapping is the cause.
    """

    code: str
    severity: Severity
    table: str
    title: Wording
    remedy: Wording
    counted: Counted | None = None
    effects: Mapping[Report, Wording] = field(default_factory=dict)
    values: tuple[tuple[str, int], ...] = ()
    detail: str = ""
    unmapped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableCoverage:
    """One canonical table.

    Attributes:
        table: its name.
        form: where it comes from.
        source: the table or query of the CRM.
        rows: rows that a first load would read; None when nothing could be counted.
        deleted: those of them that become tombstones.
        changes_found: by which source column an incremental load finds changes; empty when it reads the whole table.
        changed_at_indexed: an index leads with that column; None where it cannot be told (views, queries).
        created_at_indexed: likewise for the creation date that months are loaded by; None also without months.
        boundary: how late commits are kept from being lost.
        first_load_seconds: estimate.
    """

    table: str
    form: Literal["mapped", "refused", "snapshot", "not mapped"]
    source: str = ""
    rows: int | None = None
    deleted: int = 0
    changes_found: str = ""
    changed_at_indexed: bool | None = None
    created_at_indexed: bool | None = None
    boundary: Literal["transactions", "lag", ""] = ""
    first_load_seconds: float = 0.0

    @property
    def live(self) -> int | None:
        """Rows that count."""
        return None if self.rows is None else self.rows - self.deleted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be expected of a report, and the findings that say so, the worst first."""

    report: Report
    status: Status
    missing: tuple[str, ...] = ()
    because: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of an examination.

    Attributes:
        crm: what was examined, for the heading.
        mapping: the mapping's file.
        tables: every canonical table, in order.
        findings: the worst first, then in the order of the tables.
        verdicts: one per report, in order.
        seconds: how long it took.
    """

    crm: str
    mapping: str
    tables: tuple[TableCoverage, ...]
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 when a run would fail or a report be wrong, else 0."""
        return int(any(finding.severity is Severity.ERROR for finding in self.findings))


def diagnose(
    crm: str, mapping: str, tables: Iterable[TableCoverage], findings: Iterable[Finding], seconds: float
) -> Diagnosis:
    """Put findings in order and judge the reports by them."""
    covered = tuple(tables)
    places = {name: place for place, name in enumerate(CANONICAL_TABLES)}
    severities = tuple(Severity)
    ordered = tuple(
        sorted(findings, key=lambda finding: (severities.index(finding.severity), places.get(finding.table, -1)))
    )
    absent = {coverage.table for coverage in covered if coverage.form == "not mapped"}
    verdicts = tuple(_judge(report, absent, ordered) for report in Report)
    return Diagnosis(crm, mapping, covered, ordered, verdicts, seconds)


def _judge(report: Report, absent: set[str], findings: tuple[Finding, ...]) -> Verdict:
    missing = tuple(table for table in INPUTS[report] if table in absent)
    if missing:
        return Verdict(report, Status.NOT_MAPPED, missing)
    because = tuple(
        finding for finding in findings if report in finding.effects and finding.severity is not Severity.INFO
    )
    if any(finding.severity is Severity.ERROR for finding in because):
        return Verdict(report, Status.BROKEN, because=because)
    return Verdict(report, Status.LIMITED if because else Status.COMPLETE, because=because)
