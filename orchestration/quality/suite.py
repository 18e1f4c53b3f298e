"""What a suite file may say, and its validation: one YAML file per replica in `suites/`, edited by analysts.

How a rule is computed belongs in `measure`; how its outcome is judged, in `expectations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalTable, Kind

SUITES_FOLDER = Path(__file__).parent / "suites"

Severity = Literal["error", "warning"]
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{2,59}$")]
Reason = Annotated[str, Field(min_length=10)]

_FORMS = ("not_empty", "at_least", "at_most", "one_of", "matches", "not_in_future", "not_before", "holds")


class SuiteKind(StrEnum):
    """The four suites of a table; each is one check in Dagster."""

    TYPES_AND_RANGES = "types_and_ranges"
    REFERENTIAL_INTEGRITY = "referential_integrity"
    FRESHNESS = "freshness"
    VOLUME = "volume"


class SuiteError(Exception):
    """A suite file is wrong; the message is one line that names the file, the place, and what to write instead."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Rule(_Part):
    """What every rule says.

    Attributes:
        name: what holds when all is well; unique in its file.
        severity: error keeps the models from being built; warning is only shown.
        reason: why this severity: what would happen to which report.
    """

    name: RuleName
    severity: Severity
    reason: Reason


class RowRule(_Rule):
    """A rule about one row; it says exactly one of its forms. An empty value breaks `not_empty` and nothing else.

    Attributes:
        column: the column that it is about; its value is shown for a row that breaks the rule.
        not_empty: neither NULL nor an empty text.
        at_least: smallest allowed value.
        at_most: largest allowed value.
        one_of: the allowed values.
        matches: a regular expression (RE2) for the whole text or a part of it.
        not_in_future: hours by which it may lie after the moment of the run.
        not_before: another column of the row that may not be later.
        holds: a ClickHouse condition over the columns of the row; unknown (NULL) counts as kept.
    """

    column: str
    not_empty: Literal[True] | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    one_of: tuple[str, ...] | None = Field(default=None, min_length=1)
    matches: str | None = Field(default=None, min_length=1)
    not_in_future: int | None = Field(default=None, ge=0)
    not_before: str | None = None
    holds: str | None = Field(default=None, min_length=3)

    @model_validator(mode="after")
    def _one_form(self) -> RowRule:
        said = {form for form in _FORMS if getattr(self, form) is not None}
        if len(said) != 1 and said != {"at_least", "at_most"}:
            raise ValueError(f"rule '{self.name}' must say exactly one of: {', '.join(_FORMS)}")
        return self


class ReferenceRule(_Rule):
    """A rule that what a row refers to exists in the same tenant. A row that refers to nothing keeps it.

    Attributes:
        columns: columns of this table, each with the column of the other table that it must equal.
        in_table: the other table.
        deleted_count: rows that the CRM has deleted count as existing.
    """

    columns: Mapping[str, str] = Field(min_length=1)
    in_table: str
    deleted_count: bool = False


class FreshnessRule(_Rule):
    """A rule about the age of the newest of something.

    Attributes:
        newest: `load` is the last finished load of the table; `row` the newest row of each active tenant.
        at_most_hours: the largest age that is expected.
    """

    newest: Literal["load", "row"]
    at_most_hours: int = Field(gt=0)


class RowsLostRule(_Rule):
    """A rule about live rows of a tenant that vanished since the last count that was accepted.

    Attributes:
        at_most_percent: of the tenant's rows.
        beyond_rows: fewer lost rows than this are never a finding: a small tenant tidies up.
    """

    at_most_percent: int = Field(ge=0, lt=100)
    beyond_rows: int = Field(ge=0)


class RowsAddedRule(_Rule):
    """A rule about the rows of the last whole day (UTC), beside the same weekday of the weeks before.

    Attributes:
        weeks: how many earlier weeks are looked at.
        at_most_deviations: how far from their median, in spreads (1.4826 x median absolute deviation, at least a tenth
            of the median, at least 1 row).
        beyond_rows: smaller differences are never a finding.
    """

    weeks: int = Field(default=8, ge=4, le=52)
    at_most_deviations: int = Field(gt=0)
    beyond_rows: int = Field(ge=0)


class VolumeRules(_Part):
    """The rules about how many rows there are."""

    rows_lost: RowsLostRule | None = None
    rows_added: RowsAddedRule | None = None


class TableSuite(_Part):
    """Everything that one replica must keep."""

    table: str
    types_and_ranges: tuple[RowRule, ...] = ()
    referential_integrity: tuple[ReferenceRule, ...] = ()
    freshness: tuple[FreshnessRule, ...] = ()
    volume: VolumeRules = VolumeRules()

    @property
    def canonical(self) -> CanonicalTable:
        """Return the table that the suite is about."""
        return CANONICAL_TABLES[self.table]

    def rules(self) -> Iterator[tuple[SuiteKind, _Rule]]:
        """Yield every rule with the suite that it belongs to."""
        for rule in self.types_and_ranges:
            yield SuiteKind.TYPES_AND_RANGES, rule
        for reference in self.referential_integrity:
            yield SuiteKind.REFERENTIAL_INTEGRITY, reference
        for freshness in self.freshness:
            yield SuiteKind.FRESHNESS, freshness
        for volume in (self.volume.rows_lost, self.volume.rows_added):
            if volume is not None:
                yield SuiteKind.VOLUME, volume

    def names(self, kind: SuiteKind) -> tuple[str, ...]:
        """Return the names of the rules of one suite."""
        return tuple(rule.name for of, rule in self.rules() if of == kind)

    def kinds(self) -> tuple[SuiteKind, ...]:
        """Return the suites that have a rule, in order."""
        said = {kind for kind, _ in self.rules()}
        return tuple(kind for kind in SuiteKind if kind in said)

    @model_validator(mode="after")
    def _fits_the_table(self) -> TableSuite:
        if self.table not in CANONICAL_TABLES:
            raise ValueError(f"table '{self.table}' is unknown; known: {', '.join(CANONICAL_TABLES)}")
        names = [rule.name for _, rule in self.rules()]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are named '{name}'")
        for rule in self.types_and_ranges:
            self._check_row_rule(rule)
        for reference in self.referential_integrity:
            self._check_reference(reference)
        if self.canonical.column("created_at") is None and self.canonical.partition_column is None:
            needs_creation = self.volume.rows_added or any(rule.newest == "row" for rule in self.freshness)
            if needs_creation:
                raise ValueError(
                    f"table '{self.table}' has no moment of creation: leave out rows_added and newest: row"
                )
        return self

    def _check_row_rule(self, rule: RowRule) -> None:
        kind = _kind_of(self.canonical, rule.column, rule.name)
        moments = (Kind.TIMESTAMP, Kind.DATE)
        if (rule.not_in_future is not None or rule.not_before is not None) and kind not in moments:
            raise ValueError(f"rule '{rule.name}': column '{rule.column}' is neither a timestamp nor a date")
        if rule.not_before is not None:
            _kind_of(self.canonical, rule.not_before, rule.name)
        if (rule.at_least is not None or rule.at_most is not None) and kind not in (Kind.INTEGER, Kind.DECIMAL):
            raise ValueError(f"rule '{rule.name}': column '{rule.column}' holds no numbers")

    def _check_reference(self, rule: ReferenceRule) -> None:
        other = CANONICAL_TABLES.get(rule.in_table)
        if other is None:
            raise ValueError(f"rule '{rule.name}': in_table '{rule.in_table}' is unknown")
        for own, theirs in rule.columns.items():
            _kind_of(self.canonical, own, rule.name)
            _kind_of(other, theirs, rule.name)


def _kind_of(table: CanonicalTable, column: str, rule: str) -> Kind:
    found = table.column(column)
    if found is None:
        known = ", ".join(known.name for known in table.columns)
        raise ValueError(f"rule '{rule}': table '{table.name}' has no column '{column}'; it has: {known}")
    return found.kind


def load_suites(folder: Path = SUITES_FOLDER) -> dict[str, TableSuite]:
    """Return the suites of all tables, in the order of the canonical tables.

    Raises:
        SuiteError: a file is not YAML, breaks the format, or two files are about one table.
    """
    suites: dict[str, TableSuite] = {}
    for path in sorted(folder.glob("*.yaml")):
        suite = parse_suite(path.read_text(encoding="utf-8"), path.name)
        if suite.table in suites:
            raise SuiteError(f"{path.name}: table '{suite.table}' has a suite already; keep one file per table")
        suites[suite.table] = suite
    return {table: suites[table] for table in CANONICAL_TABLES if table in suites}


def parse_suite(text: str, name: str) -> TableSuite:
    """Return the suite that `text` holds; `name` stands for it in messages.

    Raises:
        SuiteError: one line that says what is wrong and where.
    """
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SuiteError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise SuiteError(f"{name}: must begin with `table: <name>`")
    try:
        return TableSuite.model_validate(document)
    except ValidationError as error:
        raise SuiteError(f"{name}: {'; '.join(_problems(error))} (see docs/quality.md)") from None


def _problems(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        place = ".".join(str(part) for part in detail["loc"])
        what = (
            "is not known here" if detail["type"] == "extra_forbidden" else detail["msg"].removeprefix("Value error, ")
        )
        yield f"{place}: {what}" if place else what
