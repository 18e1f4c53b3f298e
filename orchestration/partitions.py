"""The partitions by which assets are backfilled; nothing else belongs here."""

from dagster import DailyPartitionsDefinition, MonthlyPartitionsDefinition

FIRST_MONTH = "2010-01-01"
"""Rows created before it are reached by reconciliation and by a full refresh, not by a backfill of months."""

creation_months = MonthlyPartitionsDefinition(start_date=FIRST_MONTH, timezone="UTC", end_offset=1)
"""Months (UTC) in which rows of the CRM were created, the current one included."""

FIRST_AS_OF_DAY = "2015-01-01"

as_of_days = DailyPartitionsDefinition(start_date=FIRST_AS_OF_DAY, timezone="UTC", end_offset=1)
"""Days on which models stand, today included: a forecast of a day knows nothing of that day or later."""
