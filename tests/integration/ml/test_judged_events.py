"""Nights that know of each other: what a reader says of an anomaly stays said, and learnt chances reach the quarter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.connections import connect_clickhouse
from deploy.settings import ClickHouseSettings
from orchestration.extraction.replica import Warehouse
from orchestration.ml.anomalies import compute_anomalies, read_anomaly_input
from orchestration.ml.artefacts import ArtefactStore
from orchestration.ml.feedback import main as give_feedback
from orchestration.ml.marts import Tenant, read_tenants
from orchestration.ml.model_run import ModelRun
from orchestration.ml.parallel import Workers
from orchestration.ml.refresh import Task, refresh
from orchestration.ml.sales import ForecastPlan, compute_quarter, read_quarter_input
from orchestration.ml.scores import (
    ScoringInput,
    compute_scores,
    compute_training,
    read_scoring_input,
    read_training_input,
)
from orchestration.ml.tables import create_ml_tables
from tests.integration.ml.conftest import TODAY

_MARTS = Path(__file__).parents[3] / "benchmarks" / "ml_marts.sql"
ANOMALIES: Task[Any] = Task("anomalies", partial(read_anomaly_input, pictures=False), compute_anomalies)


@pytest.fixture(scope="module")
def warehouse(server: ClickHouseSettings) -> Iterator[Warehouse]:
    """Return a warehouse with the marts of two tenants, of 800 deals each."""
    client = connect_clickhouse(server)
    for database in ("analytics", "ml"):
        client.command(f"drop database if exists {database}")
    for statement in _MARTS.read_text(encoding="utf-8").format(tenants=2, deals=1600, today=TODAY).split(";\n"):
        client.command(statement)
    found = Warehouse(client)
    create_ml_tables(found)
    yield found
    client.close()


def night(warehouse: Warehouse, task: Task[Any], day: date = TODAY) -> dict[str, ModelRun]:
    runs = refresh(
        warehouse, Workers(0), task, read_tenants(warehouse), day, dagster_run_id="night", tell=lambda _: None
    )
    return {run.tenant_id: run for run in runs}


def says(monkeypatch: pytest.MonkeyPatch, server: ClickHouseSettings, *arguments: str) -> int:
    """Call the command as a reader does, by environment and arguments."""
    variables = {
        "CLICKHOUSE_HOST": server.host, "CLICKHOUSE_PORT": str(server.port), "CLICKHOUSE_USER": server.username,
        "CLICKHOUSE_PASSWORD": server.password.get_secret_value(),
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["feedback", *arguments])
    return give_feedback()


def test_a_false_positive_stays_marked_until_it_is_taken_back(
    warehouse: Warehouse,
    server: ClickHouseSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    night(warehouse, ANOMALIES, TODAY - timedelta(days=1))
    events = (
        "select event_id, max(is_false_positive), max(is_alert) from ml.anomaly_events "
        "where tenant_id = {tenant:String} and as_of = {day:Date32} group by 1"
    )
    told = {row[0]: row for row in warehouse.rows(events, tenant="tenant 0", day=TODAY - timedelta(days=1))}
    night(warehouse, ANOMALIES)
    again = {row[0]: row for row in warehouse.rows(events, tenant="tenant 0", day=TODAY)}
    lasting = sorted(told.keys() & again.keys())
    assert lasting
    # Told once: what was an alert yesterday is none today.
    assert not any(told[event][2] and again[event][2] for event in lasting)
    assert says(monkeypatch, server, "--tenant", "tenant 0", "--event", lasting[0], "--by", "anna@example.com") == 0
    for day in (TODAY, TODAY + timedelta(days=1)):
        warehouse.run(
            f"alter table analytics.dim_tenants update as_of_day = '{day}' where true settings mutations_sync = 2"
        )
        night(warehouse, ANOMALIES, day)
        marks = {row[0]: row[1] for row in warehouse.rows(events, tenant="tenant 0", day=day)}
        assert [event for event, is_false in marks.items() if is_false] == [lasting[0]]
    assert says(monkeypatch, server, "--tenant", "tenant 0", "--event", lasting[0], "--by", "anna", "--real") == 0
    night(warehouse, ANOMALIES, TODAY + timedelta(days=1))
    assert not any(row[1] for row in warehouse.rows(events, tenant="tenant 0", day=TODAY + timedelta(days=1)))
    # Another tenant's event is none of this one's.
    assert says(monkeypatch, server, "--tenant", "tenant 1", "--event", lasting[0], "--by", "anna") == 1
    assert f"tenant tenant 1 has no event {lasting[0]}" in capsys.readouterr().err


def test_learnt_chances_are_tried_for_the_quarter_and_a_changed_model_is_refused(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    plan = ForecastPlan.quick()
    quarter: Task[Any] = Task(
        "quarter_forecast",
        partial(read_quarter_input, plan=replace(plan, learnt_chances=True, pictures=False)),
        compute_quarter,
    )
    assert [run.error for run in night(warehouse, quarter).values()] == ["", ""]
    methods = warehouse.rows("select method, uniqExact(tenant_id) from ml.quarter_backtest group by 1 order by 1")
    assert [tuple(row) for row in methods] == [("pipeline", 2), ("pipeline_learnt", 2), ("series", 2)]

    store = ArtefactStore(str(tmp_path))
    training: Task[Any] = Task("training", partial(read_training_input, store=store), compute_training)
    assert [run.error for run in night(warehouse, training).values()] == ["", ""]
    spoilt = next(path for path in tmp_path.rglob("model.json") if "deal" in str(path) and "tenant%200" in str(path))
    spoilt.write_text(spoilt.read_text(encoding="utf-8").replace('"intercept":', '"intercept" :', 1), encoding="utf-8")

    def read(warehouse: Warehouse, tenant: Tenant, as_of: date) -> ScoringInput:
        return read_scoring_input(warehouse, tenant, as_of, subject="deal", store=store, pictures=False)

    runs = night(warehouse, Task("deal_scores", read, compute_scores))
    assert runs["tenant 0"].error.startswith("ArtefactRefused: deal/tenant%200/")
    assert runs["tenant 1"].succeeded
    assert [row[0] for row in warehouse.rows("select distinct tenant_id from ml.deal_scores")] == ["tenant 1"]
