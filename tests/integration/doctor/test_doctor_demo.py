"""What the doctor counts in the demo CRM, against SQL on the CRM's own tables that knows nothing of mappings."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import sql

from orchestration.doctor.diagnosis import Diagnosis, Severity, Status
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.mapping import load_mapping
from tests.integration.doctor.clinic import AS_OF, Clinic, codes, one, statuses
from tests.judge.compare import SQL_FOLDER

_DEALS: LiteralString = """
from deals d join stages s on s.pipeline_id = d.pipeline_id and s.id = d.stage_id
where d.deleted_at is null
"""
_LIVE_OWNER: LiteralString = "(select from users u where u.id = owner_user_id and u.deleted_at is null)"

EXPECTED: dict[str, LiteralString] = {
    "user_without_department": "select count(*) from users where deleted_at is null and department_id is null",
    "user_department_unknown": "select count(*) from users u join departments d on d.id = u.department_id "
    "where u.deleted_at is null and d.deleted_at is not null",
    "manager_inactive_without_date": "select count(*) from users "
    "where deleted_at is null and role = 'manager' and not is_active and deactivated_at is null",
    "stage_pipeline_unknown": "select count(*) from stages s join pipelines p on p.id = s.pipeline_id "
    "where s.deleted_at is null and p.deleted_at is not null",
    "source_without_type": "select count(*) from lead_sources where deleted_at is null and source_type is null",
    "lead_without_source": "select count(*) from leads where deleted_at is null and source_id is null",
    "lead_source_unknown": "select count(*) from leads l join lead_sources s on s.id = l.source_id "
    "where l.deleted_at is null and s.deleted_at is not null",
    "lead_without_owner": "select count(*) from leads where deleted_at is null and owner_user_id is null",
    "lead_duplicate": "select count(*) from leads where deleted_at is null and is_duplicate",
    "lead_converted_without_deal": "select count(*) from leads l "
    "where deleted_at is null and not is_duplicate and converted_at is not null "
    "and not exists (select from deals where lead_id = l.id and deals.deleted_at is null)",
    "deal_on_archived_stage": "select count(*) " + _DEALS + "and s.deleted_at is not null",
    "deal_pipeline_unknown": "select count(*) from deals d join pipelines p on p.id = d.pipeline_id "
    "where d.deleted_at is null and p.deleted_at is not null",
    "deal_without_owner": "select count(*) " + _DEALS + "and d.owner_user_id is null",
    "deal_owner_unknown": "select count(*) from deals where deleted_at is null and owner_user_id is not null "
    "and not exists " + _LIVE_OWNER,
    "deal_without_amount": "select count(*) " + _DEALS + "and s.outcome <> 'won' and nullif(d.amount, 'NaN') is null",
    "deal_without_company": "select count(*) " + _DEALS + "and d.company_id is null",
    "deal_without_lead": "select count(*) " + _DEALS + "and d.lead_id is null",
    "deal_lead_unknown": "select count(*) from deals d join leads l on l.id = d.lead_id "
    "where d.deleted_at is null and l.deleted_at is not null",
    "lost_without_history": "select count(*) " + _DEALS + "and s.outcome = 'lost' "
    "and not exists (select from deal_stage_history h where h.deal_id = d.id)",
    "deal_without_history": "select count(*) " + _DEALS + "and not exists "
    "(select from deal_stage_history h where h.deal_id = d.id)",
    "completed_without_time": "select count(*) from activities "
    "where deleted_at is null and status = 'done' and completed_at is null",
    "completed_without_assignee": "select count(*) from activities "
    "where deleted_at is null and status = 'done' and assignee_user_id is null",
    "completed_assignee_unknown": "select count(*) from activities a join users u on u.id = a.assignee_user_id "
    "where a.deleted_at is null and a.status = 'done' and u.deleted_at is not null",
    "completed_without_duration": "select count(*) from activities where deleted_at is null and status = 'done' "
    "and kind in ('call', 'meeting') and duration_minutes is null",
    "open_task_without_due_time": "select count(*) from activities where deleted_at is null "
    "and status in ('planned', 'in_progress') and kind = 'todo' "
    "and coalesce(due_at < '1900-01-01' or due_at >= '2300-01-01', true)",
}
# Codes that are compared with the judges of the reports, which recompute the marts.
JUDGED = {
    "won_without_amount",
    "won_without_close_day",
    "won_in_the_future",
    "won_without_rate",
    "deal_without_rate",
    "lead_after_its_deal",
}


def judged(demo: Clinic, report: str, measure: LiteralString) -> int:
    """Return a figure of a report's judge."""
    text = (SQL_FOLDER / f"{report}.sql").read_text(encoding="utf-8")
    query = sql.SQL("select {} from ({}) as judge").format(sql.SQL(measure), sql.SQL(text))
    row = demo.crm.execute(query, {"as_of": AS_OF}).fetchone()
    assert row is not None
    return int(row[0] or 0)


def found(diagnosis: Diagnosis, code: str) -> int:
    return sum(
        finding.counted.rows for finding in diagnosis.findings if finding.code == code and finding.counted is not None
    )


def test_every_count_is_that_of_the_crms_own_tables(demo: Clinic) -> None:
    diagnosis = demo.examine(load_mapping("demo"))
    expected: dict[str, Any] = {code: demo.number(query) for code, query in EXPECTED.items()}
    assert {code: found(diagnosis, code) for code in EXPECTED} == expected
    assert sum(count > 0 for count in expected.values()) >= 20
    assert codes(diagnosis) - JUDGED - {"values_emptied"} == {code for code, count in expected.items() if count}


def test_what_reports_count_apart_is_what_the_doctor_announces(demo: Clinic) -> None:
    diagnosis = demo.examine(load_mapping("demo"))
    sales = {
        "won_without_amount": "sum(deals_without_amount)",
        "won_without_rate": "sum(deals_without_rate)",
        "won_without_close_day": "sum(won_deals) filter (where day is null)",
        "won_in_the_future": "sum(won_deals) filter (where is_future)",
    }
    for code, measure in sales.items():
        assert found(diagnosis, code) == judged(demo, "sales_by_month", measure) > 0, code
    conversion = judged(demo, "lead_conversion", "sum(direct_deals)")
    assert found(diagnosis, "deal_without_lead") + found(diagnosis, "deal_lead_unknown") == conversion > 0
    negative = judged(demo, "lead_conversion", "sum(negative_lag_leads)")
    assert found(diagnosis, "lead_after_its_deal") == negative > 0
    activity = judged(demo, "manager_activity", "sum(completed_without_date)")
    assert found(diagnosis, "completed_without_time") == activity > 0
    sources = judged(demo, "leads_by_source", "sum(duplicate_leads)")
    assert found(diagnosis, "lead_duplicate") == sources > 0
    funnel = judged(demo, "sales_funnel", "sum(deals_without_rate) filter (where mode = 'current')")
    archived = "deal_on_archived_stage", "deal_pipeline_unknown"
    assert funnel <= found(diagnosis, "deal_without_rate") <= funnel + sum(found(diagnosis, code) for code in archived)


def test_the_demo_crm_can_be_loaded_and_limits_are_named(demo: Clinic) -> None:
    diagnosis = demo.examine(load_mapping("demo"))
    assert diagnosis.exit_code == 0
    assert set(statuses(diagnosis).values()) == {Status.LIMITED}
    assert not [finding for finding in diagnosis.findings if finding.severity is Severity.ERROR]
    covered = {coverage.table: coverage for coverage in diagnosis.tables}
    assert list(covered) == list(CANONICAL_TABLES)
    for table, coverage in covered.items():
        rows = demo.crm.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
        assert (coverage.form, coverage.source, (coverage.rows,)) == ("mapped", f"public.{table}", rows)
        assert (coverage.changes_found, coverage.boundary) == ("updated_at", "transactions")
    assert covered["deals"].deleted == demo.number("select count(*) from deals where deleted_at is not null") > 0
    assert covered["deals"].changed_at_indexed
    assert covered["stages"].changed_at_indexed is False
    assert covered["deals"].created_at_indexed is False


def test_a_finding_says_whose_row_it_is_and_what_it_does_to_which_report(demo: Clinic) -> None:
    finding = one(demo.examine(load_mapping("demo")), "won_without_close_day")
    assert finding.counted is not None
    query = "select tenant_id from deals where id = %(id)s and closed_at is null"
    row = demo.crm.execute(query, {"id": int(finding.counted.example)}).fetchone()
    assert row == (finding.counted.example_tenant,)
    (report,) = finding.effects
    assert report.value == "sales_by_month"
    assert finding.effects[report].en.startswith("shown in the month (none)")
    assert finding.effects[report].ru.startswith("показаны в месяце (нет)")
