"""Copies the mapped tables of a CRM on PostgreSQL into the replicas of database `crm` in ClickHouse.

A pure library: it never imports Dagster. `load.load_table` is the way in. A mapping file of `orchestration/sources`
says what to read; `select` turns it into the one SELECT per table that every transport and every comparison uses.
"""
