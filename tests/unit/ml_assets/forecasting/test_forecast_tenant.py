"""A tenant's frames: whole months, members that sum to the total, calendars, no look ahead, columns."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ml_assets.calendars import working_day_factors
from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.forecast import (
    BACKTEST_COLUMNS,
    FORECAST_COLUMNS,
    MODEL_COLUMNS,
    RUN_COLUMNS,
    ForecastResult,
    forecast_sales,
)
from ml_assets.forecasting.preparation import build_series
from ml_assets.forecasting.reconciliation import reconcile

QUICK = ForecastConfig(candidates=("seasonal_naive", "ets", "structural"), origins=(3, 6, 12))
AS_OF = date(2026, 6, 17)
DIMENSIONS = ("department_id", "manager_id")


def sales_of(months: int = 40, seed: int = 0) -> pd.DataFrame:
    """Four managers, two departments; the second is small, the third sells every fourth month, the last has no name."""
    source = np.random.default_rng(seed)
    rows = []
    for index, month in enumerate(pd.date_range(end="2026-06-01", periods=months, freq="MS")):
        level = 100 + 30 * np.sin(2 * np.pi * index / 12)
        for manager, size in (("a", 3.0), ("b", 0.4), ("c", 2.0 if index % 4 == 0 else 0.0), (None, 1.0)):
            value = max(0.0, size * (level + source.normal(0, 15)))
            department = "north" if manager in ("a", "b") else "south"
            rows.append(("t", month, value, department, manager))
    return pd.DataFrame(rows, columns=["tenant_id", "month", "value", *DIMENSIONS])


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return forecast_sales(sales_of(), AS_OF, DIMENSIONS, QUICK)


def published(found: ForecastResult, confidence: float = 0.95) -> pd.DataFrame:
    rows = found.forecasts
    chosen: pd.DataFrame = rows[rows["is_published"] & (rows["confidence"] == confidence)]
    return chosen


def test_the_unfinished_month_is_left_out_and_empty_months_are_zeros() -> None:
    sales = pd.DataFrame(
        {"tenant_id": "t", "month": ["2026-01-31", "2026-04-01", "2026-04-20", "2026-06-02"], "value": [5, 2, 3, 999]}
    )
    (series,) = build_series(sales, AS_OF, (), QUICK)

    assert series.values.tolist() == [5, 0, 0, 5, 0]
    assert series.last_month == pd.Period("2026-05", freq="M")
    assert series.first_month_number == 0
    assert (series.low_history, series.is_intermittent) == (True, True)


def test_parts_sum_to_the_whole(result: ForecastResult) -> None:
    sums = published(result).groupby(["month", "dimension"])["point"].sum().unstack()

    assert list(sums.columns) == ["department_id", "manager_id", "tenant"]
    assert sums["department_id"].to_numpy() == pytest.approx(sums["tenant"].to_numpy())
    assert sums["manager_id"].to_numpy() == pytest.approx(sums["tenant"].to_numpy())
    assert "(none)" in set(published(result)["member"])


@settings(phases=[Phase.generate], derandomize=True, max_examples=60, deadline=None)
@given(
    total=st.floats(0, 1e6), points=st.lists(st.floats(0, 1e6), min_size=1, max_size=6), certain=st.floats(1e-6, 1e5)
)
def test_members_sum_to_the_total_whatever_they_were(total: float, points: list[float], certain: float) -> None:
    members = {"x": np.array(points)[:, None], "y": np.array([[total / 2], [total / 4]]), "empty": np.zeros((0, 1))}
    spreads = {name: np.full(each.shape, 3.0) for name, each in members.items()}
    found = reconcile(np.array([total]), np.array([certain]), members, spreads, non_negative=True)

    for name in ("x", "y"):
        assert found.members[name].sum(axis=0) == pytest.approx(found.total, abs=1e-6)
        assert (found.members[name] >= 0).all()


def test_one_row_per_series_model_month_and_confidence(result: ForecastResult) -> None:
    keys = ["tenant_id", "dimension", "member", "month", "model", "confidence"]
    rows = result.forecasts

    assert list(rows.columns) == list(FORECAST_COLUMNS)
    assert not rows.duplicated(keys).any()
    assert (rows.groupby([k for k in keys if k != "model"])["is_published"].sum() == 1).all()
    assert sorted(rows["month"].unique()) == [date(2026, month, 1) for month in range(6, 12)]
    assert (rows["lower"] <= rows["point"]).all() and (rows["point"] <= rows["upper"]).all()
    assert (rows["lower"] >= 0).all()
    assert rows[["point", "lower", "upper"]].notna().all().all()


def test_every_candidate_stays_visible(result: ForecastResult) -> None:
    total = result.forecasts[result.forecasts["dimension"] == "tenant"]

    assert {"seasonal_naive", "ets", "structural", "combination"} <= set(total["model"])
    assert set(total.loc[~total["is_published"], "reason"]) == {"candidate"}


def test_the_other_frames_say_how_it_came_about(result: ForecastResult) -> None:
    assert list(result.backtest.columns) == list(BACKTEST_COLUMNS)
    assert list(result.models.columns) == list(MODEL_COLUMNS)
    assert list(result.runs.columns) == list(RUN_COLUMNS)
    assert (result.backtest["month"] > result.backtest["origin"]).all()
    assert "combination" in set(result.backtest["model"])
    assert result.runs.iloc[0]["series"] == 1 + 2 + 4
    assert len(result.runs.iloc[0]["data_hash"]) == 64


def test_the_error_of_a_model_is_that_of_its_backtest(result: ForecastResult) -> None:
    past, models = (rows[rows["dimension"] == "tenant"] for rows in (result.backtest, result.models))
    by_origin = past.groupby(["model", "origin"])["absolute_error"].agg(["sum", "size"]).reset_index()
    # Of the 39 whole months, so many were known; more than 36 count as 36.
    back = by_origin["origin"].map(lambda origin: (AS_OF.year - origin.year) * 12 + AS_OF.month - 1 - origin.month)
    say = (np.minimum(39 - back, 36) / 36) ** QUICK.verdict_power
    sums = by_origin.assign(off=by_origin["sum"] * say, months=by_origin["size"] * say).groupby("model").sum("off")
    expected = sums["off"] / sums["months"]
    found = models.set_index("model")["mase"].astype(float)

    assert {"seasonal_naive", "ets", "structural"} <= set(found.index)
    # Both in units of the seasonal naive error, whose own unit is the same for all.
    ratios = found / found["seasonal_naive"]
    assert ratios.to_dict() == pytest.approx((expected / expected["seasonal_naive"])[found.index].to_dict())


def test_what_is_dated_later_changes_nothing() -> None:
    sales = sales_of()
    later = sales[sales["month"] >= "2026-05-01"].assign(
        month=lambda rows: rows["month"] + pd.DateOffset(months=2), value=1e9, manager_id="newcomer"
    )
    before, after = (forecast_sales(each, AS_OF, DIMENSIONS, QUICK) for each in (sales, pd.concat([sales, later])))

    pd.testing.assert_frame_equal(before.forecasts, after.forecasts)
    pd.testing.assert_frame_equal(before.backtest, after.backtest)
    assert before.runs.iloc[0]["data_hash"] == after.runs.iloc[0]["data_hash"]


def test_a_changed_month_changes_the_hash_and_the_forecast() -> None:
    sales = sales_of()
    changed = sales.assign(value=sales["value"].where(sales["month"] != "2026-05-01", 0.0))
    before, after = (forecast_sales(each, AS_OF, (), QUICK) for each in (sales, changed))

    assert before.runs.iloc[0]["data_hash"] != after.runs.iloc[0]["data_hash"]
    assert not before.forecasts["point"].equals(after.forecasts["point"])


def test_a_tenant_without_sales_gives_empty_frames() -> None:
    nothing = forecast_sales(sales_of().iloc[:0], AS_OF, DIMENSIONS, QUICK)

    assert nothing.forecasts.empty and nothing.runs.empty
    assert list(nothing.forecasts.columns) == list(FORECAST_COLUMNS)


def test_a_tenant_whose_sales_all_lie_ahead_is_forecast_as_nothing() -> None:
    found = forecast_sales(sales_of(months=1), AS_OF, DIMENSIONS, QUICK)

    assert set(published(found)["reason"]) == {"no_history"}
    assert (found.forecasts["point"] == 0).all()


def test_small_members_are_forecast_together() -> None:
    config = ForecastConfig(candidates=("ets",), origins=(6,), most_members=3)
    found = forecast_sales(sales_of(), AS_OF, ("manager_id",), config)

    assert set(found.forecasts["member"]) == {"", "a", "(none)", "(others)"}


def test_returns_may_outweigh_sales() -> None:
    sales = sales_of().assign(value=lambda rows: rows["value"] - 130.0)
    found = forecast_sales(sales, AS_OF, DIMENSIONS, QUICK)
    sums = published(found).groupby(["month", "dimension"])["point"].sum().unstack()

    assert found.forecasts["point"].min() < 0
    assert sums["manager_id"].to_numpy() == pytest.approx(sums["tenant"].to_numpy())


@pytest.mark.parametrize("country", ["ru", "us", "kz"])
def test_working_days_are_used_where_they_explain_the_past(country: str) -> None:
    months = list(pd.period_range("2022-01", "2026-05", freq="M"))
    per_day = 100 + np.random.default_rng(1).normal(0, 1, len(months))
    values = per_day * working_day_factors(months, country)
    sales = pd.DataFrame({"tenant_id": "t", "month": [month.start_time for month in months], "value": values})
    config = ForecastConfig(candidates=QUICK.candidates, origins=QUICK.origins, country=country)
    found = forecast_sales(sales, AS_OF, (), config)
    points = published(found)["point"].to_numpy()

    assert found.models["working_days_used"].all()
    ahead = working_day_factors(list(pd.period_range("2026-06", periods=6, freq="M")), country)
    assert points == pytest.approx(100 * ahead, rel=0.05)


def test_working_days_are_left_alone_where_they_explain_nothing() -> None:
    config = ForecastConfig(candidates=QUICK.candidates, origins=QUICK.origins, country="ru")

    assert not forecast_sales(sales_of(), AS_OF, (), config).models["working_days_used"].any()


def test_january_is_short_in_russia_and_an_unknown_country_is_named() -> None:
    january, july = pd.Period("2025-01", freq="M"), pd.Period("2025-07", freq="M")
    factors = working_day_factors([january, july], "ru") * 21

    assert factors.tolist() == pytest.approx([17, 23])
    with pytest.raises(ValueError, match="give one of ru, us, kz"):
        working_day_factors([january], "fr")


def test_two_tenants_or_a_missing_column_are_refused() -> None:
    sales = sales_of(months=3)
    with pytest.raises(ValueError, match="2 tenants"):
        forecast_sales(pd.concat([sales, sales.assign(tenant_id="u")]), AS_OF, (), QUICK)
    with pytest.raises(ValueError, match="lack the columns pipeline_id"):
        forecast_sales(sales, AS_OF, ("pipeline_id",), QUICK)
