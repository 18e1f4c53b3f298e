"""Every cell of the reports and of the marts of steering equals its recomputation in SQL on the CRM's own tables."""

from __future__ import annotations

import pytest

from deploy.connections import connect_clickhouse
from tests.integration.pipeline.conftest import Company
from tests.judge.compare import JUDGED, format_differences

NIGHTS = ("first night", "quiet night", "night after a day", "night after a second day", "full refresh")


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("report", JUDGED)
def test_report_agrees_with_the_judge(company: Company, night: str, report: str) -> None:
    verdict = company.verdicts[night, report]
    assert verdict.rows > 0
    assert not verdict.differences, format_differences(verdict.differences, limit=20)


def test_the_days_changed_the_reports(company: Company) -> None:
    """Without this the later nights could agree because nothing happened."""
    changed = [report for report in JUDGED if _rows(company, NIGHTS[1], report) != _rows(company, NIGHTS[3], report)]
    assert len(changed) >= 4


def test_loads_are_full_once_or_when_asked_and_incremental_otherwise(company: Company) -> None:
    client = connect_clickhouse(company.warehouse)
    rows = client.query(
        "select mode, count(), uniqExact(run_id) from ops.extraction_state group by mode order by mode"
    ).result_rows
    modes = {mode: (loads, runs) for mode, loads, runs in rows}
    assert modes["full"] == (30, 2)
    assert modes["incremental"] == (45, 3)


def test_a_row_committed_late_arrives(company: Company) -> None:
    """Its transaction was open, its stamp set, while the night before ran: it was not there then, and is there now."""
    assert company.late_lead == [False, True]


def test_each_night_compares_the_records_that_its_reports_were_built_by(company: Company) -> None:
    client = connect_clickhouse(company.warehouse)
    built, compared = (
        {str(report): moment for report, moment in client.query(query).result_rows}
        for query in (
            "select report, max(built_at) from ops.rebuilt_records group by report",
            "select mart, max(built_until) from ops.comparisons group by mart",
        )
    )
    assert built
    assert compared == built
    # Those of the builds before are forgotten once they are compared.
    assert client.query("select uniqExact(report, built_at) from ops.rebuilt_records").result_rows == [(len(built),)]


def _rows(company: Company, night: str, report: str) -> int:
    return company.verdicts[night, report].rows
