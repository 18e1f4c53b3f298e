"""The seeds that analysts edit: a wrong row is named, and the calendars come from the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.analyst.business_calendar import (
    COUNTRIES,
    SEED,
    CalendarDay,
    UnknownHoliday,
    days_of,
    merged,
    russian,
)
from orchestration.analyst.seeds import KINDS, SEEDS, problems_of


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_seeds_are_in_order(name: str) -> None:
    assert list(problems_of(SEEDS / name)) == []


def test_every_seed_is_checked() -> None:
    assert {path.name for path in SEEDS.glob("*.csv")} == set(KINDS)


@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        ("sales_targets.csv", "t,1,2026-03-05,10,1", "line 3, month '2026-03-05'"),
        ("sales_targets.csv", "t,1,2026-02-01,-1,1", "line 3, target_amount '-1'"),
        ("sales_targets.csv", "t,1,2026-02-01,1,many", "line 3, target_deals 'many'"),
        ("sales_targets.csv", "t,1,2026-01-01,1,1", "line 3: t, 1, 2026-01-01 stands in line 2 already"),
        ("sales_targets.csv", "t,1,2026-02-01,1", "line 3, target_deals"),
        ("sales_targets.csv", "t,1,2026-02-01,1,1,1", "line 3, a column without a heading"),
        ("source_groups.csv", "Web ,Website", "line 3, spelling 'Web '"),
        ("business_calendar.csv", "RU,2026-02-01,no,x,x", "line 3, country 'RU'"),
        ("tenant_calendars.csv", "t,russia", "line 3, country 'russia'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, name: str, row: str, told: str) -> None:
    good = {
        "sales_targets.csv": "t,1,2026-01-01,10,1",
        "source_groups.csv": "site,Website",
        "business_calendar.csv": "ru,2026-01-01,false,x,x",
        "tenant_calendars.csv": "u,ru",
    }[name]
    heading = (SEEDS / name).read_text(encoding="utf-8").splitlines()[0]
    path = tmp_path / name
    path.write_text(f"{heading}\n{good}\n", encoding="utf-8")
    assert list(problems_of(path)) == []
    path.write_text(f"{heading}\n{good}\n{row}\n", encoding="utf-8")
    assert told in next(problems_of(path))


def test_a_wrong_heading_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tenant_calendars.csv"
    path.write_text("tenant,country\n", encoding="utf-8")
    assert list(problems_of(path)) == ["tenant_calendars.csv, line 1: the heading is to be tenant_id,country"]


def test_the_committed_calendars_are_the_librarys() -> None:
    committed = SEED.read_text(encoding="utf-8").splitlines()
    for country in COUNTRIES:
        days = list(days_of(country))
        assert len(days) > 40
        for day in days:
            assert any(line.startswith(f"{country},{day.day},{day.is_working_day},") for line in committed), day


def test_a_year_written_anew_leaves_other_countries_and_years() -> None:
    kept = [CalendarDay("by", "2026-01-01", "false", "a", "b"), CalendarDay("ru", "2023-01-01", "false", "a", "b")]
    stale = CalendarDay("ru", "2026-05-05", "false", "a", "b")
    new = CalendarDay("ru", "2026-05-09", "false", "Victory Day", "День Победы")
    assert merged([*kept, stale], [new]) == [kept[0], kept[1], new]


def test_a_holiday_without_a_russian_name_is_refused_by_name() -> None:
    assert russian("Victory Day (observed)") == "День Победы (выходной)"
    assert russian("Day off (substituted from 01/03/2026)") == "Выходной (перенесён с 03.01.2026)"
    with pytest.raises(UnknownHoliday, match="'Towel Day'"):
        russian("Towel Day")
