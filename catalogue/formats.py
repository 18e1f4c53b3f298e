"""How a value is written, and the unit that it is counted in."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How a column's values are written."""

    TEXT = "text"
    FLAG = "flag"
    DAY = "day"
    MONTH = "month"
    MOMENT = "moment"
    COUNT = "count"
    MONEY = "money"
    NUMBER = "number"
    RATIO = "ratio"
    PERCENT = "percent"
    SECONDS = "seconds"
    MINUTES = "minutes"
    DAYS = "days"

    @property
    def unit(self) -> Unit:
        """Return the unit that goes with the format."""
        return _UNITS.get(self, Unit.NONE)


class Unit(StrEnum):
    """What one of a value is. Money is in the tenant's own currency, a percentage is stored as a fraction."""

    NONE = "none"
    PIECE = "piece"
    CURRENCY = "currency"
    FRACTION = "fraction"
    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"

    @property
    def seconds(self) -> int | None:
        """Return how many seconds the unit lasts, None where it is not one of time."""
        return {Unit.SECOND: 1, Unit.MINUTE: 60, Unit.DAY: 86_400}.get(self)


_UNITS = {
    Format.COUNT: Unit.PIECE,
    Format.MONEY: Unit.CURRENCY,
    Format.PERCENT: Unit.FRACTION,
    Format.SECONDS: Unit.SECOND,
    Format.MINUTES: Unit.MINUTE,
    Format.DAYS: Unit.DAY,
}
