"""Reads `checks.yaml`, what the doctor looks for and how it says so, into typed values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from orchestration.doctor.diagnosis import READERS, Report, Severity, Wording
from orchestration.extraction.canonical import CANONICAL_TABLES

_FILE = Path(__file__).with_name("checks.yaml")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Entry):
    """A text in both languages."""

    en: str
    ru: str

    def wording(self) -> Wording:
        """Return it as what findings are made of."""
        return Wording(self.en, self.ru)


class Effect(Words):
    """What becomes of the numbers of some reports."""

    reports: tuple[Report, ...]


class Check(_Entry):
    """Something to count in one scan; see the head of `checks.yaml`."""

    code: str
    scan: str
    table: str = ""
    severity: Severity
    count: str
    of: str = "true"
    of_scan: str = ""
    needs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    weighted: bool = False
    values: str = ""
    title: Words
    effects: tuple[Effect, ...] = ()
    remedy: Words

    @property
    def about(self) -> str:
        """The canonical table that the finding is about."""
        return self.table or self.scan

    @property
    def worded_effects(self) -> dict[Report, Wording]:
        """Report to what becomes of its numbers."""
        return {report: effect.wording() for effect in self.effects for report in effect.reports}


class Notice(_Entry):
    """Something that is found otherwise than by counting the rows of one scan."""

    code: str
    severity: Severity
    title: Words
    effect: Words | None
    reports: tuple[Report, ...] | None = Field(default=None)
    remedy: Words

    def worded_effects(self, table: str) -> dict[Report, Wording]:
        """Report to what becomes of its numbers, for a notice about a table: by default for all that it goes into."""
        if self.effect is None:
            return {}
        return dict.fromkeys(self.reports or READERS[table], self.effect.wording())


class Catalogue(_Entry):
    """All checks and notices."""

    checks: tuple[Check, ...]
    notices: tuple[Notice, ...]

    def notice(self, code: str) -> Notice:
        """Return the notice of that code; raises KeyError when there is none."""
        return self._by_code()[code]

    def _by_code(self) -> Mapping[str, Notice]:
        return {notice.code: notice for notice in self.notices}


@cache
def catalogue() -> Catalogue:
    """Return the checks and notices.

    Raises:
        ValueError: the file breaks a rule; a defect of this program.
    """
    found = Catalogue.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
    for check in found.checks:
        if unknown := {check.about, *check.needs} - set(CANONICAL_TABLES):
            raise ValueError(f"{check.code}: {sorted(unknown)} are no canonical tables")
        if wrong := [name for name in check.columns if CANONICAL_TABLES[check.about].column(name) is None]:
            raise ValueError(f"{check.code}: {wrong} are no columns of {check.about}")
    return found
