"""Holidays, bridge days and the days around them, as three countries' calendars have them."""

from __future__ import annotations

from datetime import date

import pytest

from ml_assets.calendars import DayKind, day_kinds


@pytest.mark.parametrize(
    ("country", "day", "kind"),
    [
        ("ru", date(2025, 5, 1), DayKind.HOLIDAY),
        ("ru", date(2025, 4, 30), DayKind.AROUND),
        ("ru", date(2025, 11, 1), DayKind.WORKING_WEEKEND),
        ("ru", date(2025, 5, 3), DayKind.ORDINARY),
        ("us", date(2025, 11, 27), DayKind.HOLIDAY),
        ("us", date(2025, 11, 28), DayKind.BRIDGE),
        ("us", date(2025, 10, 8), DayKind.ORDINARY),
        ("kz", date(2026, 3, 24), DayKind.HOLIDAY),
        ("kz", date(2026, 5, 8), DayKind.BRIDGE),
        ("kz", date(2026, 3, 26), DayKind.AROUND),
        (None, date(2025, 5, 1), DayKind.ORDINARY),
    ],
)
def test_a_day_is_what_its_country_makes_of_it(country: str | None, day: date, kind: DayKind) -> None:
    assert day_kinds([day], country).tolist() == [kind]


def test_a_country_without_calendar_is_named() -> None:
    with pytest.raises(ValueError, match="country is 'de': give one of ru, us, kz"):
        day_kinds([date(2026, 1, 1)], "de")
