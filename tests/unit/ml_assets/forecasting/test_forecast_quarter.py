"""The current quarter from open deals: chances that follow the data, no look ahead, the blend, too little history."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.quarter import (
    DEAL_COLUMNS,
    QUARTER_BACKTEST_COLUMNS,
    QUARTER_COLUMNS,
    QuarterResult,
    forecast_quarter,
)

QUICK = ForecastConfig(candidates=("ets", "structural"), origins=(3, 6))
AS_OF = date(2025, 2, 10)
Frames = tuple[pd.DataFrame, pd.DataFrame]


def crm(count: int = 900, seed: int = 3) -> Frames:
    """Deals over 900 days: half get an offer after 20 days or so, and owner 0 wins most of those."""
    source = np.random.default_rng(seed)
    deals, entries = [], []
    for deal in range(count):
        created = pd.Timestamp("2023-01-01") + pd.Timedelta(days=float(source.uniform(0, 900)))
        owner, dropped = int(source.integers(0, 4)), bool(source.random() < 0.5)
        entries.append((deal, "new", created))
        offered = created + pd.Timedelta(days=float(source.exponential(20)))
        if not dropped:
            entries.append((deal, "offer", offered))
        won = not dropped and source.random() < (0.9 if owner == 0 else 0.4)
        closed = offered + pd.Timedelta(days=float(source.exponential(25)))
        amount = float(source.lognormal(8, 0.4))
        deals.append(("t", deal, 1, owner, created, closed, "won" if won else "lost", amount))
    names = ["tenant_id", "deal_id", "pipeline_id", "owner_id", "created_at", "closed_at", "outcome", "amount"]
    return pd.DataFrame(deals, columns=names), pd.DataFrame(entries, columns=["deal_id", "stage_id", "entered_at"])


@pytest.fixture(scope="module")
def frames() -> Frames:
    return crm()


@pytest.fixture(scope="module")
def result(frames: Frames) -> QuarterResult:
    return forecast_quarter(*frames, AS_OF, QUICK)


def won_between(deals: pd.DataFrame, start: str, end: str) -> float:
    rows = deals[(deals["outcome"] == "won") & (deals["closed_at"] >= start) & (deals["closed_at"] < end)]
    return float(rows["amount"].sum())


def test_the_frames_have_their_columns_and_one_method_is_published(result: QuarterResult) -> None:
    assert list(result.forecasts.columns) == list(QUARTER_COLUMNS)
    assert list(result.backtest.columns) == list(QUARTER_BACKTEST_COLUMNS)
    assert list(result.deals.columns) == list(DEAL_COLUMNS)
    assert (result.forecasts.groupby("confidence")["is_published"].sum() == 1).all()
    assert set(result.forecasts["method"]) == {"pipeline", "series", "blend"}


def test_the_blend_weighs_by_backtest_and_keeps_what_is_booked(frames: Frames, result: QuarterResult) -> None:
    rows = result.forecasts[result.forecasts["confidence"] == 0.95].set_index("method")
    errors = result.backtest.groupby("method")["absolute_error"].mean()
    better = errors.idxmin()

    assert rows.loc[better, "weight"] > 0.5
    assert rows.loc["blend", "point"] == pytest.approx(
        sum(rows.loc[name, "weight"] * rows.loc[name, "point"] for name in ("pipeline", "series"))
    )
    assert rows["booked"].tolist() == pytest.approx([won_between(frames[0], "2025-01-01", "2025-02-10")] * 3)
    assert (rows["lower"] >= rows["booked"] - 1e-9).all()
    actual = won_between(frames[0], "2025-01-01", "2025-04-01")
    assert rows.loc["blend", "lower"] <= actual <= rows.loc["blend", "upper"]


def test_chances_follow_stage_and_owner(result: QuarterResult) -> None:
    deals = result.deals
    by_stage, by_owner = (deals.groupby(name)["win_probability"].mean() for name in ("stage_id", "owner_id"))

    assert by_stage["offer"] > 1.3 * by_stage["new"]
    assert by_owner["0"] == by_owner.max()
    assert deals["win_probability"].between(0, 1).all()


def test_chances_are_calibrated_over_past_days(frames: Frames) -> None:
    deals, entries = frames
    expected = won = 0.0
    for day in (date(2024, 8, 10), date(2024, 11, 10), date(2025, 2, 10), date(2025, 5, 10)):
        found = forecast_quarter(deals, entries, day, QUICK).deals
        end = pd.Period(day, freq="Q").end_time
        expected += float(found["win_probability"].sum())
        outcome = deals.set_index("deal_id").loc[found["deal_id"]]
        won += float(((outcome["outcome"] == "won") & (outcome["closed_at"] <= end)).sum())

    assert 0.75 <= expected / won <= 1.33


def test_what_happens_later_changes_nothing(frames: Frames, result: QuarterResult) -> None:
    deals, entries = frames
    now = pd.Timestamp(AS_OF)
    later = deals["closed_at"] >= now
    changed = deals.assign(
        outcome=deals["outcome"].where(~later, "won"), closed_at=deals["closed_at"].where(~later, now)
    )
    added = changed.tail(20).assign(deal_id=range(5000, 5020), created_at=now, closed_at=now, amount=1e9)
    moved = pd.concat([entries, entries.assign(stage_id="signed", entered_at=now)])
    again = forecast_quarter(pd.concat([changed, added]), moved, AS_OF, QUICK)

    pd.testing.assert_frame_equal(again.forecasts, result.forecasts)
    pd.testing.assert_frame_equal(again.deals, result.deals)


def test_little_history_leaves_one_method_or_none() -> None:
    deals, entries = crm(count=40)
    early = pd.Timestamp("2023-02-10")
    started = forecast_quarter(deals, entries, early.date(), QUICK)
    before = forecast_quarter(deals, entries, date(2022, 1, 1), QUICK)
    nothing = forecast_quarter(deals.iloc[:0], entries.iloc[:0], AS_OF, QUICK)

    assert set(started.forecasts["method"]) <= {"series"}
    assert before.forecasts.empty and nothing.forecasts.empty


def test_a_deal_without_amount_counts_with_the_usual_one(frames: Frames) -> None:
    deals, entries = frames
    found = forecast_quarter(
        deals.assign(amount=deals["amount"].where(deals["closed_at"] < "2025-02-10")), entries, AS_OF, QUICK
    )
    won = deals[(deals["outcome"] == "won") & (deals["closed_at"] < "2025-02-10")]

    assert found.deals["amount"].to_numpy() == pytest.approx(np.full(len(found.deals), won["amount"].median()))


def test_learnt_chances_take_over_only_where_their_backtest_is_better(frames: Frames, result: QuarterResult) -> None:
    """Chances that know the end take over, ones that are always wrong do not; both stay visible."""
    deals, entries = frames
    by_deal = deals.assign(deal_id=deals["deal_id"].astype(str)).set_index("deal_id")

    def perfect(moment: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        known: pd.Series = ((by_deal["outcome"] == "won") & (by_deal["closed_at"] < end)).astype(float)
        return known

    def wrong(moment: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        return pd.Series(1.0, index=by_deal.index)

    for chances, wins in ((perfect, True), (wrong, False)):
        found = forecast_quarter(deals, entries, AS_OF, QUICK, chances)
        rows = found.forecasts[found.forecasts["confidence"] == 0.95].set_index("method")
        assert set(rows.index) == {"pipeline", "pipeline_learnt", "series", "blend"}
        assert bool(rows.loc["pipeline_learnt", "weight"] > 0) == wins != bool(rows.loc["pipeline", "weight"] > 0)
        assert rows.loc["blend", "is_published"] and rows["is_published"].sum() == 1
        assert found.deals["win_probability"].isin([0, 1]).all() == wins
        if not wins:
            assert rows.loc["blend", "point"] == pytest.approx(
                result.forecasts.set_index(["method", "confidence"]).loc[("blend", 0.95), "point"]
            )


def test_a_missing_column_is_named(frames: Frames) -> None:
    with pytest.raises(ValueError, match="deals lack the columns outcome"):
        forecast_quarter(frames[0].drop(columns="outcome"), frames[1], AS_OF, QUICK)
