"""The doctor and the load never disagree: what one announces, the other refuses, in the same words and numbers."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.client import Client

from orchestration.doctor.diagnosis import Diagnosis
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import load_mapping, parse_mapping
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from tests.integration.doctor.clinic import Clinic, one
from tests.integration.doctor.plain_crm import healthy, insert, plain_mapping


@pytest.fixture
def warehouse(clickhouse_client: Client, clickhouse_prefix: str) -> Warehouse:
    return Warehouse(clickhouse_client, crm=f"{clickhouse_prefix}crm", ops=f"{clickhouse_prefix}ops")


def refusal(crm: Connection, warehouse: Warehouse, mapping: str, table: str) -> str:
    """Return why a load fails."""
    with pytest.raises(ExtractionError) as error:
        load_table(crm, warehouse, parse_mapping(mapping, "clinic.yaml"), table, run_id="test")
    return str(error.value)


def details(diagnosis: Diagnosis, table: str) -> list[str]:
    return [finding.detail for finding in diagnosis.findings if finding.table == table and finding.detail]


def test_rows_that_a_load_refuses_are_refused_in_its_words(clinic: Clinic, warehouse: Warehouse) -> None:
    healthy(clinic.crm)
    insert(
        clinic.crm,
        "stages",
        *({"id": f"odd {number}", "outcome": "paused"} for number in range(3)),
        {"id": "empty", "name": None},
    )
    insert(clinic.crm, "users", {"id": "r1", "role": "robot", "department_id": "d1"}, {"id": "r2", "gone": True})
    roles = {"users": {"columns": {"role": {"column": "role", "values": {"manager": "manager"}}}}}
    mapping = plain_mapping(**roles)
    diagnosis = clinic.examine(mapping)
    for table in ("stages", "users"):
        assert refusal(clinic.crm, warehouse, mapping, table) == "; ".join(details(diagnosis, table))
    assert details(diagnosis, "stages") == [
        "stages.outcome: value 'paused' is not one of open, won, lost (3 rows); translate it in clinic.yaml",
        "stages.name: is empty but must not be (1 row, such as main, empty); fill it in the CRM or by `coalesce` in "
        "clinic.yaml",
    ]
    assert one(diagnosis, "rows_rejected", "users").values == (("robot", 1),)
    assert diagnosis.exit_code == 1


def test_keys_that_a_load_refuses_are_announced(clinic: Clinic, warehouse: Warehouse) -> None:
    healthy(clinic.crm)
    insert(clinic.crm, "leads", {"id": "l1"})
    one(clinic.examine(plain_mapping()), "duplicate_keys", "leads")
    assert "2 rows were read but 1 different keys" in refusal(clinic.crm, warehouse, plain_mapping(), "leads")


def test_values_that_become_empty_are_as_many_as_a_load_counts(demo: Clinic, warehouse: Warehouse) -> None:
    mapping = load_mapping("demo")
    diagnosis = demo.examine(mapping)
    for table in ("deals", "activities", "leads"):
        announced = {
            finding.title.en.split(":")[0]: finding.counted.rows
            for finding in diagnosis.findings
            if finding.code == "values_emptied" and finding.table == table and finding.counted is not None
        }
        result = load_table(demo.crm, warehouse, mapping, table, run_id="test")
        assert announced == {f"{table}.{column}": count for column, count in result.not_representable.items()}
    assert one(diagnosis, "values_emptied", "activities").counted


def test_what_a_plan_refuses_fails_the_load_by_its_first_refusal(clinic: Clinic, warehouse: Warehouse) -> None:
    healthy(clinic.crm)
    mapping = plain_mapping(deals={"columns": {"title": "no_title", "amount": "no_amount"}})
    first, second = details(clinic.examine(mapping), "deals")
    assert refusal(clinic.crm, warehouse, mapping, "deals") == first
    assert second.endswith("has no column 'no_amount'")
