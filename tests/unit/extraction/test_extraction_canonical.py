"""The canonical tables hang together, and the shipped mapping fills all of them without personal data."""

from __future__ import annotations

import pytest

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalTable, Kind
from orchestration.extraction.mapping import load_mapping

TABLES = pytest.mark.parametrize("table", CANONICAL_TABLES.values(), ids=lambda table: table.name)


def test_there_are_the_tables_that_the_models_read() -> None:
    assert set(CANONICAL_TABLES) == {
        "tenants",
        "departments",
        "users",
        "pipelines",
        "stages",
        "lead_sources",
        "contacts",
        "companies",
        "leads",
        "deals",
        "deal_stage_history",
        "deal_owner_history",
        "activities",
        "messages",
        "exchange_rates",
    }


@TABLES
def test_every_key_starts_with_the_tenant_and_is_never_empty(table: CanonicalTable) -> None:
    columns = [table.column(name) for name in table.key]
    assert table.key[0] == "tenant_id"
    assert all(column is not None and not column.nullable for column in columns)


@TABLES
def test_a_partition_column_is_a_moment_that_is_never_empty(table: CanonicalTable) -> None:
    if table.partition_column is not None:
        column = table.column(table.partition_column)
        assert column is not None
        assert (column.kind, column.nullable) == (Kind.TIMESTAMP, False)


@TABLES
def test_ids_are_text_and_names_are_unique(table: CanonicalTable) -> None:
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert {column.kind for column in table.columns if column.name == "id" or column.name.endswith("_id")} == {
        Kind.TEXT
    }


@TABLES
def test_personal_columns_may_be_left_out(table: CanonicalTable) -> None:
    assert all(column.nullable for column in table.columns if column.only_if_mapped)


def test_the_demo_mapping_fills_every_table_and_maps_no_personal_column() -> None:
    mapping = load_mapping("demo")
    assert set(mapping.tables) == set(CANONICAL_TABLES)
    left_out = {
        f"{name}.{column.name}"
        for name, table in CANONICAL_TABLES.items()
        for column in table.columns[1:]
        if column.name not in mapping.tables[name].columns
    }
    assert left_out == {"contacts.full_name", "contacts.email", "contacts.phone", "deals.closed_on"}
