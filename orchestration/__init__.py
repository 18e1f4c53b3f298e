"""The Dagster code location: schedules extraction, dbt, forecasts and the pushes to the readers.

Definitions belong in `defs`, the library that copies the CRM in `extraction`, one mapping per kind of CRM in `sources`.
"""
