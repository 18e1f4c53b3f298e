"""Dagster's event log with connections that stay open stores what Dagster's own would, and tells those who watch."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from deploy import event_log
from deploy.dagster_home import INSTANCE_CONFIGURATION
from deploy.event_log import SqliteEventLog


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Return an instance with the project's own configuration."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copy(INSTANCE_CONFIGURATION, tmp_path)
    with dg.DagsterInstance.get() as instance:
        yield instance


def run(instance: dg.DagsterInstance) -> str:
    """Materialize an asset with a check and return the id of the run."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("is_whole", asset="sales")])
    def sales() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="is_whole")])

    return dg.materialize([sales], instance=instance).run_id


def test_dagsters_own_storage_reads_all_of_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert isinstance(instance.event_log_storage, SqliteEventLog)
    run_id = run(instance)
    own = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    stored = own.get_logs_for_run(run_id)
    assert [entry.message for entry in stored] == [entry.message for entry in instance.all_logs(run_id)]
    assert own.get_latest_materialization_events([dg.AssetKey("sales")])[dg.AssetKey("sales")] is not None
    assert len(own.get_asset_check_execution_history(dg.AssetCheckKey(dg.AssetKey("sales"), "is_whole"), 5)) == 1


def test_who_watches_a_run_sees_an_event_while_the_log_is_open(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As the UI does, which has the storage open for itself."""
    run_id = run(instance)
    watching = SqliteEventLog(str(tmp_path / "history" / "runs"))
    seen: Queue[str] = Queue()
    watching.watch(run_id, None, lambda entry, _: seen.put(entry.message))
    try:
        instance.report_engine_event("models are built", run_id=run_id, job_name="nightly")
        while seen.get(timeout=30) != "models are built":
            pass  # the events of the run come first
    finally:
        watching.dispose()


def test_more_runs_than_open_databases(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_MOST_OPEN_DATABASES", 2)
    runs = [run(instance) for _ in range(4)]
    counts = {len(instance.all_logs(run_id)) for run_id in runs}
    assert len(counts) == 1
    assert isinstance(instance.event_log_storage, SqliteEventLog)
    assert len(instance.event_log_storage._engines) == 2
    assert counts.pop() > 5


def test_wiped_events_are_gone_and_new_ones_are_kept(instance: dg.DagsterInstance) -> None:
    before = run(instance)
    instance.event_log_storage.wipe()
    assert not instance.all_logs(before)
    assert instance.all_logs(run(instance))
