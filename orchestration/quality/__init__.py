"""Rules that the landed tables must keep: suites as data, measured in ClickHouse, judged by Great Expectations.

Rules about figures belong to dbt's tests; whether a replica equals the CRM belongs to `orchestration.extraction`.
"""
