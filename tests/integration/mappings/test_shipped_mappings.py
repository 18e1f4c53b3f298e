"""Every shipped mapping against the tables of its CRM: all replicas equal plain SQL, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.mappings.mapped_crm import MappedCrm

CRMS = ("salesforce_clone", "odoo17", "salesforce", "twenty")


@pytest.mark.parametrize("name", CRMS)
def test_replicas_equal_plain_sql(mapped_crm: Callable[[str], MappedCrm], name: str) -> None:
    crm = mapped_crm(name)
    first = crm.load_all()
    assert {first[table] for table in crm.read_tables} == {"full"}
    crm.assert_replicas_are_as_expected()

    crm.play("changes.sql")
    modes = crm.load_all()
    stamped = {table for table in crm.read_tables if crm.mapping.tables[table].changed_at}
    assert {"deals", "activities"} <= stamped
    assert {table for table, mode in modes.items() if mode == "incremental"} == stamped
    crm.assert_replicas_are_as_expected()

    crm.play("silent_changes.sql")
    found = {table: crm.reconcile(table) for table in crm.read_tables}
    assert {"deals", "activities"} <= {table for table, result in found.items() if result.buckets_differing}
    assert all(result.clean for result in found.values())
    crm.assert_replicas_are_as_expected()
    assert not any(crm.reconcile(table).buckets_differing for table in crm.read_tables)
