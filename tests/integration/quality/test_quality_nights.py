"""The quality checks inside the nightly job: a quiet night passes, a broken one stops before the models."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.settings import REPOSITORY
from tests.integration.pipeline.conftest import Company


def change(company: Company, statement: str) -> None:
    with connect_postgres(company.crm) as connection:
        connection.execute(statement)


def rows(company: Company, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connect_clickhouse(company.warehouse).query(query).result_rows]


def models_built_at(company: Company) -> list[tuple[Any, ...]]:
    """Return when a model was last built; materialized views refresh by themselves."""
    return rows(
        company,
        "select max(metadata_modification_time) from system.tables where database = 'analytics' "
        "and name not like '%_mv' and not match(name, '^[._]')",
    )


def quality_command(company: Company, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration.quality", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **company.environment()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_first_night_passes_and_counts_the_rows_of_every_tenant(firm: Company) -> None:
    output = firm.outputs["first night"]
    assert "CHECK ERROR" not in output
    assert "CHECK WARN: crm/deals referential_integrity: owner_is_a_user: tenant '" in output
    assert "  quality  " in output
    counted = rows(firm, "select table_name, tenant_id, live_rows, accepted from ops.row_counts")
    assert {table for table, *_ in counted} >= {"deals", "leads", "activities", "tenants"}
    assert all(accepted for *_, accepted in counted)
    live = rows(firm, "select 'deals', tenant_id, count(), true from crm.deals final group by tenant_id")
    assert set(live) <= set(counted)


def test_readers_are_told_what_the_night_proved_and_found(firm: Company) -> None:
    """Orphans are counted anew over the replicas, tenant by tenant; the CRM holds some in each demo."""
    proofs = rows(firm, "select tenant_id, table_name, buckets, rows_deleted, is_clean from analytics.replica_proofs")
    logged = rows(firm, "select table_name, buckets, tombstones, clean from ops.reconciliation where scope = 'table'")
    tenants = [tenant for (tenant,) in rows(firm, "select tenant_id from crm.tenants final order by tenant_id")]
    assert len(logged) == 15
    assert sorted(proofs) == sorted((tenant, *each) for tenant in tenants for each in logged)
    orphans = rows(
        firm,
        "select tenant_id, countIf(owner_user_id is not null and (tenant_id, assumeNotNull(owner_user_id)) not in "
        "(select tenant_id, id from crm.users final)) from crm.deals final group by tenant_id order by tenant_id",
    )
    found = rows(
        firm,
        "select tenant_id, broken_rows, is_kept from analytics.rule_results "
        "where table_name = 'deals' and rule = 'owner_is_a_user' order by tenant_id",
    )
    assert sum(count for _, count in orphans) > 0
    assert found == [(tenant, count, count == 0) for tenant, count in orphans]


def test_docs_are_found_by_command(firm: Company) -> None:
    finished = quality_command(firm, "docs")
    assert finished.returncode == 0
    page = firm.home / "quality" / "data_docs" / "index.html"
    assert str(page) in finished.stdout
    assert "crm.deals" in page.read_text(encoding="utf-8")


def test_errors_stop_the_night_before_the_models_and_are_named(firm: Company) -> None:
    """A row that is wrong, named by its key, and rows that are gone, which stop every night until they are accepted."""
    built = models_built_at(firm)
    change(
        firm,
        "update exchange_rates set rate = 0, updated_at = now() "
        "where (tenant_id, currency, rate_on) = (select tenant_id, currency, max(rate_on) from exchange_rates "
        "where tenant_id = 'volga' and currency = 'USD' group by tenant_id, currency)",
    )
    change(firm, "update leads set deleted_at = now(), updated_at = now() where tenant_id = 'volga' and id % 2 = 0")
    finished = firm.run()
    assert finished.returncode == 1
    wrong = [line for line in finished.stderr.splitlines() if "rate_is_positive" in line]
    assert len(wrong) == 1, finished.stderr
    assert "crm/exchange_rates, check types_and_ranges: rate_is_positive: tenant 'volga', id USD/" in wrong[0]
    assert "(0" in wrong[0]
    gone = [line for line in finished.stderr.splitlines() if "no_rows_vanished" in line]
    assert len(gone) == 1, finished.stderr
    assert "crm/leads, check volume: no_rows_vanished: tenant 'volga'" in gone[0]
    assert "before" in gone[0]
    assert models_built_at(firm) == built
    change(firm, "update exchange_rates set rate = 90, updated_at = now() where rate = 0")
    accepted = quality_command(firm, "accept", "leads")
    assert accepted.returncode == 0, accepted.stderr
    assert "tenant 'volga' continues from" in accepted.stdout
    after = firm.run()
    assert after.returncode == 0, after.stderr
    assert models_built_at(firm) > built


@pytest.mark.parametrize(("table", "part"), [("dealz", "not among"), ("tenants", "no loss of rows")])
def test_accepting_says_what_it_did(firm: Company, table: str, part: str) -> None:
    finished = quality_command(firm, "accept", table)
    assert part in finished.stdout + finished.stderr
