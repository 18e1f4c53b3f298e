"""The doctor on the CRMs of other makers: every shipped mapping, against the rows written down for it by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.doctor.diagnosis import Severity
from orchestration.extraction.mapping import load_mapping
from tests.integration.doctor.clinic import Clinic, codes

FOLDER = Path(__file__).resolve().parents[1] / "mappings"


@pytest.mark.parametrize("name", ["odoo17", "salesforce", "salesforce_clone", "twenty"])
def test_a_shipped_mapping_can_be_loaded_and_every_row_is_counted(clinic: Clinic, name: str) -> None:
    for file in ("schema.sql", "rows.sql"):
        with clinic.crm.transaction():
            clinic.crm.execute((FOLDER / name / file).read_bytes())
    clinic.crm.execute("reset all")
    diagnosis = clinic.examine(load_mapping(name))
    assert [finding for finding in diagnosis.findings if finding.severity is Severity.ERROR] == []
    assert "not_counted" not in codes(diagnosis)
    expected = {}
    parts = re.split(r"^-- table: (\w+)\n", (FOLDER / name / "expected.sql").read_text("utf-8"), flags=re.MULTILINE)[1:]
    for table, query in zip(parts[::2], parts[1::2], strict=True):
        row = clinic.crm.execute(f"select count(*) from ({query.strip().rstrip(';')}) as q".encode()).fetchone()
        assert row is not None
        expected[table] = row[0]
    assert {coverage.table: coverage.live for coverage in diagnosis.tables if coverage.rows is not None} == expected
