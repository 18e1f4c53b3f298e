"""Backfills of months, reconciliation on demand and what follows them, run by Dagster on real engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    ExecuteInProcessResult,
    RunRequest,
    SkipReason,
    build_sensor_context,
)

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings, PostgresSettings
from orchestration.definitions import build_defs
from orchestration.defs.crm.months import models_follow_months
from tests.integration.pipeline.conftest import Company, create_database

DEALS, MONTHS_OF_DEALS = AssetKey(["crm", "deals"]), AssetKey(["crm_months", "deals"])
RANGE = {"dagster/asset_partition_range_start": "2025-10-01", "dagster/asset_partition_range_end": "2025-12-01"}


@pytest.fixture(scope="module")
def company(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Return a small company with a warehouse of its own."""
    crm = create_database(postgres, "backfill_company")
    with connect_postgres(crm) as connection:
        fill(connection, seed=5, deals=300, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    data = tmp_path_factory.mktemp("warehouse") / "data"
    with start_clickhouse(data, user="warehouse", password="warehouse-password") as server:
        warehouse = ClickHouseSettings.model_validate(
            {"host": server.host, "port": server.port, "username": "warehouse", "password": "warehouse-password"}
        )
        yield Company(crm, warehouse, tmp_path_factory.mktemp("home"))


@pytest.fixture
def instance(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """Return an instance without history, with the company's settings in the environment."""
    for name, value in company.environment().items():
        monkeypatch.setenv(name, value)
    with DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as instance:
        yield instance


def run(
    instance: DagsterInstance, *assets: AssetKey, tags: dict[str, str] | None = None, full_refresh: bool = False
) -> ExecuteInProcessResult:
    """Materialize assets as the UI would."""
    job = build_defs().resolve_implicit_global_asset_job_def()
    configuration = {"ops": {"crm__deals": {"config": {"full_refresh": True}}}} if full_refresh else {}
    return job.execute_in_process(
        instance=instance, asset_selection=list(assets), tags=tags, run_config=configuration, raise_on_error=False
    )


def materializations(result: ExecuteInProcessResult) -> list[AssetMaterialization]:
    return [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]


def figure(materialization: AssetMaterialization, name: str) -> object:
    return materialization.metadata[name].value


def differing(company: Company) -> int:
    """Count the deals of which the replica's readers see something else than the CRM."""
    with connect_postgres(company.crm) as crm:
        query = "select id::text, title, amount from deals where deleted_at is null"
        there = set(crm.execute(query).fetchall())
    replica = connect_clickhouse(company.warehouse).query("select id, title, amount from crm.deals final").result_rows
    return len(there ^ {tuple(row) for row in replica})


def test_a_backfill_of_months_brings_them_and_no_others(company: Company, instance: DagsterInstance) -> None:
    assert run(instance, DEALS).success
    with connect_postgres(company.crm) as crm:
        crm.execute("update deals set title = title || ' (silently)'")
        changed = crm.execute(
            "select count(*), count(*) filter (where created_at >= '2025-10-01Z' and created_at < '2026-01-01Z') "
            "from deals where deleted_at is null"
        ).fetchone()
    assert changed is not None
    result = run(instance, MONTHS_OF_DEALS, tags=RANGE)
    assert result.success
    assert [m.partition for m in materializations(result)] == ["2025-10-01", "2025-11-01", "2025-12-01"]
    assert "| 2025-11 |" in str(figure(materializations(result)[0], "months"))
    assert differing(company) == 2 * (changed[0] - changed[1])
    assert changed[1] > 0

    again = run(instance, MONTHS_OF_DEALS, tags=RANGE)
    assert {figure(m, "rows_changed") for m in materializations(again)} == {0}


def evaluation(instance: DagsterInstance) -> AssetCheckEvaluation:
    key = AssetCheckKey(DEALS, "replica_equals_crm")
    job = build_defs().resolve_implicit_global_asset_job_def()
    selected = job.get_subset(asset_selection=set(), asset_check_selection={key})
    result = selected.execute_in_process(instance=instance, raise_on_error=False)
    (found,) = result.get_asset_check_evaluations()
    return found


def test_a_reconciliation_on_demand_of_one_table(company: Company, instance: DagsterInstance) -> None:
    run(instance, DEALS, full_refresh=True)
    assert differing(company) == 0
    with connect_postgres(company.crm) as crm:
        rows = crm.execute("select count(*) from deals").fetchone()
        crm.execute("update deals set title = 'by hand' where id in (select id from deals order by id limit 2)")
    assert rows is not None
    found = evaluation(instance)
    assert found.passed
    assert found.blocking
    assert found.description == (
        f"{rows[0]:,} rows, 4,096 buckets, 4 differed: 2 rows changed without a new updated_at; 0 differ now"
    )
    assert differing(company) == 0
    assert evaluation(instance).description == f"{rows[0]:,} rows, 4,096 buckets, 0 differ"


def test_a_table_that_cannot_be_reconciled_fails_its_check_and_says_why(
    company: Company, instance: DagsterInstance
) -> None:
    run(instance, DEALS)
    connect_clickhouse(company.warehouse).command("alter table crm.deals add column by_hand Int64")
    found = evaluation(instance)
    assert not found.passed
    assert found.description is not None
    assert "the replica's columns are not those of" in found.description
    assert "load the table first" in found.description
    assert run(instance, DEALS).success
    assert evaluation(instance).passed


def test_the_models_follow_months_that_were_read_alone(company: Company, instance: DagsterInstance) -> None:
    definitions = build_defs()

    def tick(cursor: str | None) -> tuple[RunRequest | SkipReason, str | None]:
        context = build_sensor_context(instance=instance, cursor=cursor, definitions=definitions)
        decision = models_follow_months(context)
        assert isinstance(decision, RunRequest | SkipReason)
        return decision, context.cursor

    run(instance, DEALS)
    decision, cursor = tick(None)
    assert isinstance(decision, SkipReason)
    run(instance, MONTHS_OF_DEALS, tags=RANGE)
    decision, cursor = tick(cursor)
    assert isinstance(decision, RunRequest)
    assert isinstance(tick(cursor)[0], SkipReason)
    run(instance, MONTHS_OF_DEALS, tags=RANGE)
    instance.report_runless_asset_event(AssetMaterialization(AssetKey(["analytics", "sales_by_month"])))
    assert isinstance(tick(cursor)[0], SkipReason)


def test_the_nightly_job_reconciles_and_reads_no_months() -> None:
    definitions = build_defs()
    nightly = definitions.resolve_job_def("nightly").asset_layer
    assert AssetCheckKey(DEALS, "replica_equals_crm") in nightly.asset_graph.asset_check_keys
    assert MONTHS_OF_DEALS not in nightly.selected_asset_keys
    hourly = definitions.resolve_job_def("hourly").asset_layer
    assert AssetCheckKey(DEALS, "replica_equals_crm") not in hourly.asset_graph.asset_check_keys
