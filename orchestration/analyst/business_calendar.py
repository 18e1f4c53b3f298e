"""Writes the seed `business_calendar.csv` from the `holidays` library.

`python -m orchestration.analyst.business_calendar` is the command; it needs `make .venv/dev`.

Only the countries and years below are written anew; rows that a person added for other countries stay. Which calendar a
tenant uses stands in the seed `tenant_calendars.csv`.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path

from holidays import HolidayBase, country_holidays

from deploy.settings import REPOSITORY

SEED = REPOSITORY / "dbt_project" / "seeds" / "business_calendar.csv"
COUNTRIES = ("kz", "ru", "us")
YEARS = range(2024, 2028)
_HEADING = ("country", "day", "is_working_day", "name_en", "name_ru")
_WORKED = ("Working day in exchange for a day off", "Рабочий день в обмен на выходной")
_SUBSTITUTED = re.compile(r"Day off \(substituted from (\d\d)/(\d\d)/(\d{4})\)")

# The library has Russian names for Russia only.
_RUSSIAN = {
    "Capital Day": "День столицы",
    "Christmas Day": "Рождество Христово",
    "Columbus Day": "День Колумба",
    "Constitution Day": "День Конституции",
    "Defender of the Fatherland Day": "День защитника Отечества",
    "Eid al-Adha": "Курбан-айт",
    "Holiday of Spring and Labor": "Праздник Весны и Труда",
    "Independence Day": "День независимости",
    "International Women's Day": "Международный женский день",
    "Juneteenth National Independence Day": "День освобождения (Джунтинт)",
    "Kazakhstan's People Solidarity Holiday": "Праздник единства народа Казахстана",
    "Labor Day": "День труда",
    "Martin Luther King Jr. Day": "День Мартина Лютера Кинга",
    "Memorial Day": "День памяти",
    "New Year Holidays": "Новогодние каникулы",
    "New Year's Day": "Новый год",
    "Nowruz Holiday": "Наурыз мейрамы",
    "Orthodox Christmas": "Православное Рождество",
    "Republic Day": "День Республики",
    "Russia Day": "День России",
    "Thanksgiving Day": "День благодарения",
    "Unity Day": "День народного единства",
    "Veterans Day": "День ветеранов",
    "Victory Day": "День Победы",
    "Washington's Birthday": "День рождения Вашингтона",
}
_SUFFIXES = {" (observed)": " (выходной)", " (estimated)": " (дата ориентировочна)"}


class UnknownHoliday(Exception):
    """The library names a holiday that has no Russian name here."""


@dataclass(frozen=True, slots=True, order=True)
class CalendarDay:
    """A day that differs from the rule Monday to Friday, or that has a name."""

    country: str
    day: str
    is_working_day: str
    name_en: str
    name_ru: str


def russian(name: str) -> str:
    """Return the Russian name of a holiday.

    Raises:
        UnknownHoliday: it is not known; add it to this module.
    """
    moved = _SUBSTITUTED.fullmatch(name)
    if moved:
        return f"Выходной (перенесён с {moved[2]}.{moved[1]}.{moved[3]})"
    for suffix, translated in _SUFFIXES.items():
        if name.endswith(suffix):
            return russian(name.removesuffix(suffix)) + translated
    if name not in _RUSSIAN:
        raise UnknownHoliday(f"'{name}' has no Russian name in {Path(__file__).name}: add it there")
    return _RUSSIAN[name]


def days_of(country: str, years: Iterable[int] = YEARS) -> Iterator[CalendarDay]:
    """Yield a country's holidays and worked weekend days of those years. Raises UnknownHoliday."""
    calendar: HolidayBase = country_holidays(country.upper(), years=years, language="en_US")
    for day, names in sorted(calendar.items()):
        english = names.split("; ")
        yield CalendarDay(country, day.isoformat(), "false", "; ".join(english), "; ".join(map(russian, english)))
    for day in calendar.weekend_workdays:
        if day.year in years and day not in calendar:
            yield CalendarDay(country, day.isoformat(), "true", *_WORKED)


def merged(kept: Iterable[CalendarDay], generated: Iterable[CalendarDay]) -> list[CalendarDay]:
    """Return the generated days and those kept ones that no generated country and year covers, in order."""
    new = list(generated)
    covered = {(row.country, date.fromisoformat(row.day).year) for row in new}
    old = [row for row in kept if (row.country, date.fromisoformat(row.day).year) not in covered]
    return sorted([*old, *new])


def main() -> int:
    """Write the seed; return the exit code."""
    existing: list[CalendarDay] = []
    if SEED.exists():
        with SEED.open(encoding="utf-8", newline="") as file:
            existing = [CalendarDay(*row) for row in list(csv.reader(file))[1:]]
    try:
        rows = merged(existing, (row for country in COUNTRIES for row in days_of(country)))
    except UnknownHoliday as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with SEED.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADING)
        writer.writerows(astuple(row) for row in rows)
    print(f"{SEED.relative_to(REPOSITORY)}: {len(rows)} days")
    return 0


if __name__ == "__main__":
    sys.exit(main())
