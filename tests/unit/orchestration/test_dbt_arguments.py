"""What dbt is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from orchestration.defs.dbt.assets import build_arguments
from orchestration.resources import now_for_dbt

MOMENT = datetime(2026, 3, 1, 3, 0, 0, 250, tzinfo=timezone(timedelta(hours=3)))


def test_now_is_passed_in_utc_and_not_by_vars() -> None:
    assert now_for_dbt(MOMENT) == {"DBT_AS_OF": "2026-03-01T00:00:00.000250Z"}
    # With other --vars each night dbt would parse the whole project anew.
    assert "--vars" not in build_arguments(full_refresh=False)


def test_unit_tests_stay_out_of_production_builds() -> None:
    assert build_arguments(full_refresh=False)[1:3] == ["--exclude-resource-type", "unit_test"]


def test_a_full_refresh_is_asked_for_only_when_wanted() -> None:
    assert "--full-refresh" not in build_arguments(full_refresh=False)
    assert "--full-refresh" in build_arguments(full_refresh=True)
