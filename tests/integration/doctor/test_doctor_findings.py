"""Hand-made CRMs in which one thing after another is wrong, and what the doctor says about each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.doctor.diagnosis import Report, Severity, Status
from tests.integration.doctor.clinic import Clinic, codes, counts, one, statuses
from tests.integration.doctor.plain_crm import create_tables, healthy, insert, plain_mapping


def test_a_healthy_crm_has_nothing_to_report(clinic: Clinic) -> None:
    healthy(clinic.crm)
    diagnosis = clinic.examine(plain_mapping())
    assert diagnosis.findings == ()
    assert diagnosis.exit_code == 0
    assert set(statuses(diagnosis).values()) == {Status.COMPLETE}


# What is added to a healthy CRM, and what that makes the doctor find: code, rows, of how many, example.
BROKEN: list[tuple[str, list[dict[str, Any]], str, tuple[int, int, str], Severity]] = [
    ("tenants", [{"tenant_id": "mars", "timezone": "Mars/Olympus", "currency": "EUR"}], "tenant_time_zone_unknown",
     (1, 2, "mars"), Severity.ERROR),
    ("tenants", [{"tenant_id": "x", "currency": "Euro"}], "tenant_currency_unknown", (1, 2, "x"), Severity.WARNING),
    ("tenants", [{"tenant_id": "x", "currency": "EUR", "locale": "de_DE"}], "tenant_locale_unknown", (1, 2, "x"),
     Severity.INFO),
    ("tenants", [{"tenant_id": "x", "currency": "EUR"}], "tenant_without_manager", (1, 2, "x"), Severity.INFO),
    ("users", [{"id": "u2"}], "user_without_department", (1, 2, "u2"), Severity.INFO),
    ("users", [{"id": "u2", "department_id": "d9"}], "user_department_unknown", (1, 2, "u2"), Severity.WARNING),
    ("users", [{"id": "u2", "department_id": "d1", "is_active": False}], "manager_inactive_without_date",
     (1, 2, "u2"), Severity.INFO),
    ("pipelines", [{"id": "p2"}], "pipeline_without_stages", (1, 2, "p2"), Severity.WARNING),
    ("stages", [{"id": "new", "pipeline_id": "p9"}], "stage_pipeline_unknown", (1, 4, "p9 / new"), Severity.WARNING),
    ("stages", [{"id": "again", "position": 1}, {"id": "lost 2", "position": 1, "outcome": "lost"}],
     "stage_position_repeated", (2, 3, "main / again"), Severity.WARNING),
    ("stages", [{"id": "after", "position": 7}], "stage_open_after_won", (1, 2, "main / after"), Severity.WARNING),
    ("lead_sources", [{"id": "s2"}], "source_without_type", (1, 2, "s2"), Severity.INFO),
    ("leads", [{"id": "l2", "tenant_id": "x"}], "lead_tenant_unknown", (1, 2, "l2"), Severity.ERROR),
    ("leads", [{"id": "l2"}, {"id": "l3", "gone": True}], "lead_without_source", (1, 2, "l2"), Severity.WARNING),
    ("leads", [{"id": "l2", "source_id": "s9"}], "lead_source_unknown", (1, 2, "l2"), Severity.WARNING),
    ("leads", [{"id": "l2", "source_id": "s1"}], "lead_without_owner", (1, 2, "l2"), Severity.WARNING),
    ("leads", [{"id": "l2", "owner_user_id": "team"}], "lead_owner_unknown", (1, 2, "l2"), Severity.WARNING),
    ("leads", [{"id": "l2", "is_duplicate": True}], "lead_duplicate", (1, 2, "l2"), Severity.INFO),
    ("leads", [{"id": "l2", "converted_at": "2026-02-02"}], "lead_converted_without_deal", (1, 1, "l2"),
     Severity.WARNING),
    ("deals", [{"id": "0", "lead_id": "l1", "created_at": "2026-01-01"}], "lead_after_its_deal", (1, 1, "l1"),
     Severity.INFO),
    ("deals", [{"id": "2", "tenant_id": "x"}], "deal_tenant_unknown", (1, 2, "2"), Severity.ERROR),
    ("deals", [{"id": "2", "stage_id": "old"}, {"id": "3", "pipeline_id": "p9"}], "deal_stage_unmapped", (2, 3, "2"),
     Severity.ERROR),
    ("deals", [{"id": "2", "pipeline_id": "p9"}], "deal_pipeline_unknown", (1, 2, "2"), Severity.WARNING),
    ("deals", [{"id": "2"}], "deal_without_owner", (1, 2, "2"), Severity.WARNING),
    ("deals", [{"id": "2", "owner_user_id": "u9"}], "deal_owner_unknown", (1, 2, "2"), Severity.WARNING),
    ("deals", [{"id": "2", "stage_id": "won"}, {"id": "3", "stage_id": "won", "amount": 0}], "won_without_amount",
     (1, 2, "2"), Severity.WARNING),
    ("deals", [{"id": "2"}, {"id": "3", "stage_id": "lost"}], "deal_without_amount", (2, 3, "2"), Severity.INFO),
    ("deals", [{"id": "2", "currency": "euro"}], "deal_currency_unknown", (1, 2, "2"), Severity.WARNING),
    ("deals", [{"id": "2"}], "deal_without_company", (1, 2, "2"), Severity.INFO),
    ("deals", [{"id": "2"}], "deal_without_lead", (1, 2, "2"), Severity.INFO),
    ("deals", [{"id": "2", "lead_id": "l9"}, {"id": "3", "lead_id": "l9"}], "deal_lead_unknown", (2, 3, "2"),
     Severity.WARNING),
    ("deals", [{"id": "2", "stage_id": "won"}, {"id": "3", "stage_id": "won", "closed_on": "2026-02-02"}],
     "won_without_close_day", (1, 2, "2"), Severity.WARNING),
    ("deals", [{"id": "2", "stage_id": "won", "closed_at": "2026-03-02"}], "won_in_the_future", (1, 1, "2"),
     Severity.INFO),
    ("deals", [{"id": "2", "stage_id": "lost"}], "lost_without_history", (1, 1, "2"), Severity.WARNING),
    ("deals", [{"id": "2"}], "deal_without_history", (1, 2, "2"), Severity.INFO),
    ("deal_stage_history", [{"id": "2", "stage_id": "old"}], "history_stage_unknown", (1, 2, "2"), Severity.WARNING),
    ("activities", [{"id": "2", "tenant_id": "x"}], "activity_tenant_unknown", (1, 2, "2"), Severity.ERROR),
    ("activities", [{"id": "2"}, {"id": "3", "status": "open"}], "completed_without_time", (1, 2, "2"),
     Severity.WARNING),
    ("activities", [{"id": "2", "updated_at": None}], "completed_without_any_time", (1, 2, "2"), Severity.WARNING),
    ("activities", [{"id": "2"}], "completed_without_assignee", (1, 2, "2"), Severity.WARNING),
    ("activities", [{"id": "2", "assignee_user_id": "u9"}], "completed_assignee_unknown", (1, 2, "2"),
     Severity.WARNING),
    ("activities", [{"id": "2"}, {"id": "3", "activity_type": "email"}], "completed_without_duration", (1, 2, "2"),
     Severity.INFO),
    ("activities", [{"id": "2", "status": "open", "activity_type": "task"}], "open_task_without_due_time",
     (1, 1, "2"), Severity.INFO),
    ("exchange_rates", [{"currency": "GBP", "rate": 0}], "rate_not_positive", (1, 2, "GBP 2026-01-01"),
     Severity.WARNING),
]  # fmt: skip


@pytest.mark.parametrize(("table", "rows", "code", "counted", "severity"), BROKEN, ids=[case[2] for case in BROKEN])
def test_each_gap_is_counted(
    clinic: Clinic,
    table: str,
    rows: list[dict[str, Any]],
    code: str,
    counted: tuple[int, int, str],
    severity: Severity,
) -> None:
    healthy(clinic.crm)
    insert(clinic.crm, table, *rows)
    diagnosis = clinic.examine(plain_mapping())
    finding = one(diagnosis, code)
    assert (counts(finding), finding.severity) == (counted, severity)
    assert diagnosis.exit_code == int(any(other.severity is Severity.ERROR for other in diagnosis.findings))
    assert diagnosis.exit_code >= int(severity is Severity.ERROR)


def test_pipelines_need_a_stage_of_each_outcome(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute("update stages set outcome = 'won', gone = id = 'lost'")
    diagnosis = clinic.examine(plain_mapping())
    assert counts(one(diagnosis, "pipeline_without_open_stage")) == (1, 1, "main")
    assert counts(one(diagnosis, "pipeline_without_lost_stage")) == (1, 1, "main")
    clinic.crm.execute("update stages set outcome = 'open'")
    assert counts(one(clinic.examine(plain_mapping()), "pipeline_without_won_stage")) == (1, 1, "main")


def test_a_deleted_stage_is_known_and_its_deals_are_told(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute("update stages set gone = true where id = 'new'")
    diagnosis = clinic.examine(plain_mapping())
    assert counts(one(diagnosis, "deal_on_archived_stage")) == (1, 1, "1")
    assert "deal_stage_unmapped" not in codes(diagnosis)


def test_the_values_at_fault_are_named_the_most_frequent_first(clinic: Clinic) -> None:
    healthy(clinic.crm)
    for number in range(10):
        insert(clinic.crm, "deals", {"id": f"x{number}", "stage_id": f"old {number % 4 % 3}"})
    finding = one(clinic.examine(plain_mapping()), "deal_stage_unmapped")
    assert finding.values == (("main / old 0", 5), ("main / old 1", 3), ("main / old 2", 2))
    assert set(finding.effects) == {Report.SALES_BY_MONTH, Report.SALES_FUNNEL, Report.LEAD_CONVERSION}


def test_history_tells_a_close_that_the_deal_itself_does_not(clinic: Clinic) -> None:
    healthy(clinic.crm)
    for number, last in (("2", "won"), ("3", "new")):
        insert(clinic.crm, "deals", {"id": number, "stage_id": "won", "amount": 1})
        insert(clinic.crm, "deal_stage_history", {"id": number, "deal_id": number, "stage_id": last})
    assert counts(one(clinic.examine(plain_mapping()), "won_without_close_day")) == (1, 2, "3")
    without = plain_mapping(deal_stage_history=None)
    assert counts(one(clinic.examine(without), "won_without_close_day")) == (2, 2, "2")


def test_a_rate_is_good_for_its_day_and_fourteen_more(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute("delete from exchange_rates")
    insert(clinic.crm, "exchange_rates", {"currency": "USD", "rate_on": "2026-02-01"})
    for day in ("2026-01-31", "2026-02-01", "2026-02-15", "2026-02-16"):
        deal = {"id": day, "stage_id": "won", "amount": 1, "currency": "USD", "closed_on": day}
        insert(clinic.crm, "deals", deal, {**deal, "id": f"{day} own", "currency": "EUR"})
    # An open deal and one without a close day take the rate of the day of the run, 1 March.
    insert(clinic.crm, "deals", {"id": "open", "amount": 1, "currency": "USD"})
    insert(clinic.crm, "deals", {"id": "undated", "stage_id": "won", "amount": 1, "currency": "USD"})
    insert(clinic.crm, "deals", {"id": "for nothing", "stage_id": "won", "currency": "USD", "closed_on": "2026-01-01"})
    diagnosis = clinic.examine(plain_mapping())
    assert counts(one(diagnosis, "won_without_rate")) == (3, 5, "2026-01-31")
    assert counts(one(diagnosis, "deal_without_rate")) == (4, 6, "2026-01-31")
    assert one(diagnosis, "deal_without_rate").values == (("USD", 4),)


def test_the_close_day_is_the_tenants_own(clinic: Clinic) -> None:
    healthy(clinic.crm)
    insert(clinic.crm, "exchange_rates", {"currency": "GBP", "rate_on": "2026-02-01"})
    deal = {"stage_id": "won", "amount": 1, "currency": "GBP"}
    insert(clinic.crm, "deals", {**deal, "id": "berlin", "closed_at": "2026-01-31 23:30+00"})
    assert "won_without_rate" not in codes(clinic.examine(plain_mapping()))
    clinic.crm.execute("update tenants set timezone = 'UTC'")
    assert counts(one(clinic.examine(plain_mapping()), "won_without_rate")) == (1, 1, "berlin")


def test_tenants_stay_apart(clinic: Clinic) -> None:
    """The same ids in another tenant are other rows."""
    healthy(clinic.crm)
    insert(clinic.crm, "tenants", {"tenant_id": "beta", "currency": "USD"})
    insert(clinic.crm, "deals", {"id": "1", "tenant_id": "beta", "owner_user_id": "u1", "lead_id": "l1", "amount": 1})
    diagnosis = clinic.examine(plain_mapping())
    for code in ("deal_stage_unmapped", "deal_owner_unknown", "deal_lead_unknown", "deal_pipeline_unknown"):
        finding = one(diagnosis, code)
        assert finding.counted is not None
        assert (finding.counted.rows, finding.counted.example_tenant) == (1, "beta")


def test_an_optional_column_that_is_not_mapped_is_named_as_the_cause(clinic: Clinic) -> None:
    healthy(clinic.crm)
    diagnosis = clinic.examine(plain_mapping(deals={"columns": {"lead_id": None, "closed_at": None}}))
    finding = one(diagnosis, "deal_without_lead")
    assert (counts(finding), finding.unmapped) == ((1, 1, "1"), ("lead_id",))
    # Some deals without a lead are ordinary; that none has one limits the report.
    assert finding.severity is Severity.WARNING
    assert statuses(diagnosis)["lead_conversion"] is Status.LIMITED
    assert one(clinic.examine(plain_mapping(deals={"columns": {"amount": None}})), "deal_without_amount").unmapped == (
        "amount",
    )


def test_tables_that_are_not_mapped_decide_the_verdicts(clinic: Clinic) -> None:
    healthy(clinic.crm)
    only_deals = {name: None for name in ("leads", "activities", "pipelines", "deal_owner_history", "lead_sources")}
    diagnosis = clinic.examine(plain_mapping(**only_deals))
    assert statuses(diagnosis) == {
        "sales_by_month": Status.LIMITED,
        "manager_activity": Status.NOT_MAPPED,
        "leads_by_source": Status.NOT_MAPPED,
        "lead_conversion": Status.NOT_MAPPED,
        "sales_funnel": Status.NOT_MAPPED,
    }
    assert [verdict.missing for verdict in diagnosis.verdicts] == [
        (), ("activities",), ("leads",), ("leads",), ("pipelines",),
    ]  # fmt: skip
    # Without leads nobody misses their sources.
    assert {"not_mapped_pipelines", "not_mapped_deal_owner_history"} == codes(diagnosis)
    assert diagnosis.exit_code == 0


def test_histories_that_loads_record_are_told_apart_from_missing_ones(clinic: Clinic) -> None:
    healthy(clinic.crm)
    diagnosis = clinic.examine(
        plain_mapping(deal_stage_history={"snapshot": True}, deal_owner_history={"snapshot": True})
    )
    assert {finding.table for finding in diagnosis.findings if finding.code == "history_recorded"} == {
        "deal_stage_history",
        "deal_owner_history",
    }
    assert [coverage.form for coverage in diagnosis.tables if "history" in coverage.table] == ["snapshot", "snapshot"]
    assert one(clinic.examine(plain_mapping(deal_stage_history=None)), "not_mapped_deal_stage_history")


def test_an_empty_crm_is_told(clinic: Clinic) -> None:
    create_tables(clinic.crm)
    diagnosis = clinic.examine(plain_mapping())
    empty = {finding.table for finding in diagnosis.findings if finding.code == "table_empty"}
    assert empty == {"tenants", "users", "pipelines", "stages", "leads", "deals", "activities"}
    assert codes(diagnosis) == {"table_empty"}


def test_everything_that_a_plan_refuses_is_named_at_once(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute("alter table deals drop column amount")
    clinic.crm.execute("drop table messages")
    broken = plain_mapping(
        deals={
            "columns": {"closed_at": "currency", "title": "no_title"},
            "where": [{"column": "no_flag", "equals": 1}],
            "changed_at": "no_stamp",
            "extra": {"region": "no_region"},
        }
    )
    diagnosis = clinic.examine(broken)
    deals = [finding.detail for finding in diagnosis.findings if finding.table == "deals"]
    assert [detail.removeprefix("clinic.yaml: deals.") for detail in deals] == [
        "title: public.deals has no column 'no_title'",
        "amount: public.deals has no column 'amount'",
        "closed_at: public.deals.currency is text, which does not fill a timestamp column as it is; "
        "say how with `cast` or `values`",
        "region: public.deals has no column 'no_region'",
        "where: public.deals has no column 'no_flag'",
        "changed_at: public.deals has no column 'no_stamp'",
    ]
    assert one(diagnosis, "plan_refused", "messages").detail.endswith(
        "the CRM has no table public.messages, or this user may not see its schema"
    )
    assert diagnosis.exit_code == 1
    assert {coverage.form for coverage in diagnosis.tables if coverage.table in ("deals", "messages")} == {"refused"}
    assert statuses(diagnosis)["sales_funnel"] is Status.BROKEN
    assert statuses(diagnosis)["leads_by_source"] is Status.COMPLETE
    assert codes(diagnosis) == {"plan_refused"}


def test_a_table_that_may_not_be_read_does_not_hide_the_others(
    clinic: Clinic, empty_postgres: PostgresSettings
) -> None:
    healthy(clinic.crm)
    insert(clinic.crm, "leads", {"id": "l2"})
    clinic.crm.execute("create role doctor_reader login password 'reader'")
    try:
        clinic.crm.execute("grant select on all tables in schema public to doctor_reader")
        clinic.crm.execute("revoke select on users from doctor_reader")
        reader = empty_postgres.model_copy(
            update={"username": "doctor_reader", "password": type(empty_postgres.password)("reader")}
        )
        with connect_postgres(reader) as connection:
            diagnosis = Clinic(connection).examine(plain_mapping())
    finally:
        clinic.crm.execute("revoke all on all tables in schema public from doctor_reader; drop role doctor_reader")
    assert one(diagnosis, "not_readable").table == "users"
    assert one(diagnosis, "not_readable").detail == "permission denied for table users"
    assert counts(one(diagnosis, "lead_without_source")) == (1, 2, "l2")
    assert "deal_owner_unknown" not in codes(diagnosis)
    boundary = one(diagnosis, "boundary_lag")
    assert "grant pg_read_all_stats" in boundary.detail
    assert {coverage.boundary for coverage in diagnosis.tables if coverage.rows is not None} == {"lag"}


def test_a_query_that_is_slow_or_writes_fails_its_table_only(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute(
        "create function touch() returns boolean language sql volatile as 'update tenants set name = name; select true'"
    )
    slow = {"source": None, "query": "select a.*, pg_sleep(20)::text as slept from activities as a where id <> 'x'"}
    mapping = plain_mapping(
        activities=slow | {"columns": {"subject": "slept"}},
        leads={"source": None, "query": "select l.* from leads as l where touch()"},
    )
    diagnosis = clinic.examine(mapping.replace("    source: null\n", ""), timeout=timedelta(seconds=1))
    problems = {finding.table: finding.detail for finding in diagnosis.findings if finding.code == "not_readable"}
    assert problems == {
        "leads": "cannot execute UPDATE in a read-only transaction",
        "activities": "canceling statement due to statement timeout",
    }
    assert statuses(diagnosis)["sales_by_month"] is Status.COMPLETE


def test_repeated_keys_are_found_unless_an_index_rules_them_out(clinic: Clinic) -> None:
    healthy(clinic.crm)
    insert(clinic.crm, "deals", {"id": "1"}, {"id": "2"}, {"id": "2", "tenant_id": "x"})
    finding = one(clinic.examine(plain_mapping()), "duplicate_keys")
    assert (counts(finding), finding.title.en) == (
        (1, 4, "1"),
        "deals: several rows have the same key (tenant_id, id)",
    )
    clinic.crm.execute("delete from deals where id <> '2'; create unique index on deals (tenant_id, id)")
    assert "duplicate_keys" not in codes(clinic.examine(plain_mapping()))


def test_ids_compare_whatever_their_types_are(clinic: Clinic) -> None:
    """A CRM may number its users and keep their numbers as text elsewhere, in another collation."""
    healthy(clinic.crm)
    clinic.crm.execute("update users set id = '7'; alter table users alter id type bigint using id::bigint")
    clinic.crm.execute("update deals set owner_user_id = '7'; update leads set owner_user_id = '7'")
    clinic.crm.execute("update activities set assignee_user_id = '7'")
    clinic.crm.execute('alter table deals alter owner_user_id type varchar(9) collate "ucs_basic"')
    clinic.crm.execute("alter table leads alter owner_user_id type integer using owner_user_id::integer")
    clinic.crm.execute('alter table stages alter id type text collate "POSIX"')
    assert clinic.examine(plain_mapping()).findings == ()


def test_large_tables_get_hints_about_indexes(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute("insert into messages (id) select generate_series(2, 100000)")
    diagnosis = clinic.examine(plain_mapping())
    assert one(diagnosis, "changes_not_found").table == "messages"
    stamped = plain_mapping(messages={"changed_at": "updated_at"})
    hint = one(clinic.examine(stamped), "changed_at_not_indexed")
    assert hint.remedy.en == "create index concurrently on public.messages (updated_at)"
    clinic.crm.execute("create index on messages (updated_at)")
    assert clinic.examine(stamped).findings == ()


def test_a_materialized_view_makes_its_table_lag(clinic: Clinic) -> None:
    healthy(clinic.crm)
    clinic.crm.execute("create materialized view copied as select * from deals")
    diagnosis = clinic.examine(plain_mapping(deals={"source": "public.copied"}))
    finding = one(diagnosis, "rows_appear_late")
    assert finding.detail == "public.copied is a materialized view, whose rows appear when it is refreshed"
    assert [coverage.table for coverage in diagnosis.tables if coverage.boundary == "lag"] == ["deals"]


def test_a_connection_that_breaks_ends_the_examination(clinic: Clinic, empty_postgres: PostgresSettings) -> None:
    healthy(clinic.crm)
    killing = "select d.* from deals as d where pg_terminate_backend(pg_backend_pid()) is not null"
    mapping = plain_mapping(deals={"source": None, "query": killing}).replace("    source: null\n", "")
    with connect_postgres(empty_postgres) as connection, pytest.raises(psycopg.OperationalError):
        Clinic(connection).examine(mapping)
    row = clinic.crm.execute(sql.SQL("select 1")).fetchone()
    assert row == (1,)
