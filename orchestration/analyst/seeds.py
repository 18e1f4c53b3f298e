"""Checks the seeds that analysts edit, row by row, before anything is loaded: `python -m orchestration.analyst.seeds`.

Here stands what a row may look like; what needs the warehouse (does that manager exist?) belongs in `seeds/seeds.yml`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from deploy.settings import REPOSITORY

SEEDS = REPOSITORY / "dbt_project" / "seeds"


def _spelling(text: str) -> str:
    if text != text.strip().lower():
        raise ValueError(f"a spelling is trimmed and in small letters: write '{text.strip().lower()}'")
    return text


def _first_of_month(day: date) -> date:
    if day.day != 1:
        raise ValueError(f"a month is written as its first day: {day.replace(day=1)}")
    return day


Text = Annotated[str, Field(min_length=1)]
Country = Annotated[str, Field(pattern="^[a-z]{2}$")]


class Row(BaseModel):
    """A row of a seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceGroup(Row):
    """A spelling of a lead source and its group."""

    spelling: Annotated[Text, AfterValidator(_spelling)]
    source_group: Text


class CalendarDay(Row):
    """A day that differs from Monday to Friday, or has a name."""

    country: Country
    day: date
    is_working_day: Literal["true", "false"]
    name_en: Text
    name_ru: Text


class TenantCalendar(Row):
    """The calendar of a tenant."""

    tenant_id: Text
    country: Country


class SalesTarget(Row):
    """The plan of a manager for a month."""

    tenant_id: Text
    manager_id: Text
    month: Annotated[date, AfterValidator(_first_of_month)]
    target_amount: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)]
    target_deals: Annotated[int, Field(ge=0, lt=2**32)]


class QualityIssue(Row):
    """A kind of issue that makes figures less trustworthy, and the shares from which a note and a caution are shown."""

    issue: Text
    text_en: Text
    text_ru: Text
    threshold_low: Annotated[float, Field(ge=0, le=1)]
    threshold_high: Annotated[float, Field(ge=0, le=1)]


# Each seed's rows, and how many of the first columns identify one.
KINDS: Mapping[str, tuple[type[Row], int]] = {
    "business_calendar.csv": (CalendarDay, 2),
    "quality_issues.csv": (QualityIssue, 1),
    "sales_targets.csv": (SalesTarget, 3),
    "source_groups.csv": (SourceGroup, 1),
    "tenant_calendars.csv": (TenantCalendar, 1),
}


def problems_of(path: Path) -> Iterator[str]:
    """Yield a line per mistake in a seed: the file, the line, the column, what is wrong."""
    kind, key_length = KINDS[path.name]
    seen: dict[tuple[str, ...], int] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, restkey="a column without a heading")
        if reader.fieldnames != list(kind.model_fields):
            yield f"{path.name}, line 1: the heading is to be {','.join(kind.model_fields)}"
            return
        for row in reader:
            line = f"{path.name}, line {reader.line_num}"
            key = tuple(list(row.values())[:key_length])
            if key in seen:
                yield f"{line}: {', '.join(map(str, key))} stands in line {seen[key]} already: keep one"
            seen[key] = reader.line_num
            try:
                kind.model_validate(row)
            except ValidationError as error:
                for detail in error.errors(include_url=False):
                    wrong = detail["msg"].removeprefix("Value error, ")
                    yield f"{line}, {detail['loc'][0]} '{detail['input']}': {wrong}"


def main() -> int:
    """Check every seed; return the exit code."""
    problems = [problem for name in sorted(KINDS) for problem in problems_of(SEEDS / name)]
    for problem in problems:
        print(f"error: dbt_project/seeds/{problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
