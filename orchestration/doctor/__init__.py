"""Examines a CRM before its first run: what is mapped, what would fail a load, and what each gap does to which report.

Only reading the CRM belongs here, never the warehouse. `checks.yaml` declares what is counted and says it in both
languages; `scans` turns it into one statement per table; `examination` runs them; `console` and `document` show the
result.
"""
