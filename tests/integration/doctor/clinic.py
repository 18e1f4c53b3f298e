"""The moves that tests of the doctor make: a CRM, a mapping of it, what the examination says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from orchestration.doctor.diagnosis import Diagnosis, Finding, Status
from orchestration.doctor.examination import examine
from orchestration.extraction.mapping import Mapping, parse_mapping
from orchestration.extraction.source_catalog import Connection

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Clinic:
    """A CRM that can be examined."""

    crm: Connection

    def examine(self, mapping: Mapping | str, *, timeout: timedelta = timedelta(seconds=60)) -> Diagnosis:
        """Examine the CRM as of March 2026; leave the session as it was."""
        parsed = mapping if isinstance(mapping, Mapping) else parse_mapping(mapping, "clinic.yaml")
        try:
            return examine(self.crm, parsed, as_of=AS_OF, timeout=timeout)
        finally:
            self.crm.execute("reset all")

    def number(self, query: LiteralString, **parameters: Any) -> int:
        """Return the one number that a query returns."""
        row = self.crm.execute(query, parameters or None).fetchone()
        assert row is not None
        return int(row[0] or 0)


def one(diagnosis: Diagnosis, code: str, table: str = "") -> Finding:
    """Return the only finding of that code."""
    found = [finding for finding in diagnosis.findings if finding.code == code and table in ("", finding.table)]
    assert len(found) == 1, f"{code}: {[(finding.code, finding.table) for finding in diagnosis.findings]}"
    return found[0]


def codes(diagnosis: Diagnosis) -> set[str]:
    """Return the codes of all findings."""
    return {finding.code for finding in diagnosis.findings}


def statuses(diagnosis: Diagnosis) -> dict[str, Status]:
    """Return what is said of each report."""
    return {verdict.report.value: verdict.status for verdict in diagnosis.verdicts}


def counts(finding: Finding) -> tuple[int, int, str]:
    """Return rows, of how many, and the example."""
    assert finding.counted is not None
    return finding.counted.rows, finding.counted.of, finding.counted.example
