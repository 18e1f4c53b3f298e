"""The partitions by which assets are backfilled; nothing else belongs here."""

from __future__ import annotations

from datetime import UTC, datetime

from dagster import DailyPartitionsDefinition, MonthlyPartitionsDefinition

from deploy.settings import read_environment

FIRST_MONTH = "2010-01-01"
"""Rows created before it are reached by reconciliation and by a full refresh, not by a backfill of months."""

creation_months = MonthlyPartitionsDefinition(start_date=FIRST_MONTH, timezone="UTC", end_offset=1)
"""Months (UTC) in which rows of the CRM were created, the current one included."""

FIRST_AS_OF_DAY = "2015-01-01"


def days_ahead(as_of: str | None, now: datetime) -> int:
    """Return how many days AS_OF (ISO 8601) lies after today, in UTC: a CRM whose days are played runs ahead.

    What cannot be read counts as none; the settings refuse it where it is used.
    """
    try:
        moment = datetime.fromisoformat(as_of or "")
    except ValueError:
        return 0
    return max(0, (moment.astimezone(UTC).date() - now.astimezone(UTC).date()).days)


as_of_days = DailyPartitionsDefinition(
    start_date=FIRST_AS_OF_DAY,
    timezone="UTC",
    end_offset=1 + days_ahead(read_environment().get("AS_OF"), datetime.now(UTC)),
)
"""Days on which models stand, today included: a forecast of a day knows nothing of that day or later."""
