"""What the night runs and what it leaves to `ml_refresh`."""

from __future__ import annotations

from dagster import AssetKey

from orchestration.definitions import build_defs

ML = AssetKey(["ml", "sales_forecast"])
MART = AssetKey(["analytics", "sales_forecast"])


def test_the_night_builds_the_views_and_runs_no_model() -> None:
    selected = build_defs().resolve_job_def("nightly").asset_layer
    assert MART in selected.executable_asset_keys
    assert ML not in selected.executable_asset_keys
    checks = {(key.asset_key.path[-1], key.name) for key in selected.asset_graph.asset_check_keys}
    assert ("model_runs", "nothing_is_stale") in checks
    assert not {name for asset, name in checks if asset == "sales_forecast"}


def test_the_refresh_runs_every_model_and_tests_its_marts() -> None:
    selected = build_defs().resolve_job_def("ml_refresh").asset_layer
    keys = {key.path[-1] for key in selected.executable_asset_keys}
    assert {"sales_forecast", "quarter_forecast", "anomaly_events", "trained_models", "churn_scores"} <= keys
    assert "fct_deals" not in keys
    checks = {(key.asset_key.path[-1], key.name) for key in selected.asset_graph.asset_check_keys}
    assert ("sales_forecast", "every_tenant_succeeded") in checks
    assert ("sales_forecast", "sales_forecast_lies_within_its_band") in checks
