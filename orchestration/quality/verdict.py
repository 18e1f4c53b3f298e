"""What a judged suite says: per rule whether it was kept, how many rows break it, and which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestration.quality.finding import Example, Measurement
from orchestration.quality.suite import Severity, SuiteKind
from orchestration.quality.volume import TenantFigure


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules of one table are judged by.

    Attributes:
        measurement: rules about rows and references.
        figures: per rule about age or volume, a figure per tenant.
    """

    measurement: Measurement
    figures: Mapping[str, list[TenantFigure]]


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """How one rule was kept.

    Attributes:
        kind: the suite of the rule.
        name: the rule.
        severity: error or warning.
        reason: why it has that severity.
        kept: Great Expectations' verdict.
        broken: rows (or tenants, for age and volume) that break it, all of them counted.
        examples: some of them by name.
        broken_by_tenant: the same count per tenant; what concerns all of them stands under one name for all.
        skipped: why it was not looked at, if so.
    """

    kind: SuiteKind
    name: str
    severity: Severity
    reason: str
    kept: bool
    broken: int
    examples: tuple[Example, ...]
    broken_by_tenant: Mapping[str, int]
    skipped: str | None = None

    def sentence(self) -> str:
        """Return one line that names the rule and the first row that breaks it."""
        if self.skipped:
            return f"{self.name}: skipped, {self.skipped}"
        if not self.examples:
            return f"{self.name}: {'kept' if self.kept else 'broken'}"
        first = self.examples[0]
        named = f"tenant '{first.tenant}'" + (f", id {first.key}" if first.key else "")
        others = f" and {self.broken - 1:,} more" if self.broken > 1 else ""
        return f"{self.name}: {named} ({first.value}){others}"


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """All outcomes of one table.

    Attributes:
        table: the replica.
        rows: live rows.
        outcomes: in the order of the suite.
    """

    table: str
    rows: int
    outcomes: tuple[RuleOutcome, ...]

    def of(self, kind: SuiteKind) -> tuple[RuleOutcome, ...]:
        """Return the outcomes of one suite."""
        return tuple(outcome for outcome in self.outcomes if outcome.kind == kind)


def broken(outcomes: Iterable[RuleOutcome]) -> tuple[RuleOutcome, ...]:
    """Return the rules that were not kept, errors first."""
    return tuple(sorted((each for each in outcomes if not each.kept), key=lambda each: each.severity != "error"))
