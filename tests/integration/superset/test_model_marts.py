"""The marts of the models beside what database `ml` and the replicas hold, recomputed in pandas."""

from __future__ import annotations

import pandas as pd
import pytest

from deploy.connections import connect_clickhouse
from tests.integration.superset.model_rows import REFUSED, TOLD
from tests.integration.superset.stand import Stand

Frames = dict[str, pd.DataFrame]

TABLES = (
    "ml.sales_forecast", "ml.anomaly_events", "ml.anomaly_points", "ml.churn_scores", "ml.model_runs",
    "analytics.sales_outlook", "analytics.forecast_vs_fact", "analytics.anomalies", "analytics.churn_scores",
    "analytics.model_notes", "analytics.fct_sales_targets",
)  # fmt: skip
# Won deals by month in the tenant's currency, from the fact and not from what the marts sum.
SALES = """
select toDate32(toStartOfMonth(closed_day)) as month, sum(amount_base) as amount from analytics.fct_deals
where tenant_id = {tenant:String} and outcome = 'won' and closed_day is not null group by month
"""
COMPANIES = "select id, name, owner_user_id from crm.companies final where tenant_id = {tenant:String}"


@pytest.fixture(scope="module")
def frames(stand: Stand) -> Frames:
    with connect_clickhouse(stand.warehouse) as client:
        found = {table: client.query_df(f"select * from {table}") for table in TABLES}
        found["sales"] = client.query_df(SALES, parameters={"tenant": TOLD})
        found["companies"] = client.query_df(COMPANIES, parameters={"tenant": TOLD})
    return found


def of(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Return the rows that hold these values."""
    for name, value in columns.items():
        frame = frame[frame[name] == value]
    return frame


def newest(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["as_of"] == frame["as_of"].max()]


def months(frame: pd.DataFrame, column: str) -> dict[str, float]:
    """Return a figure by month, without the months that have none."""
    known = frame.dropna(subset=[column])
    return {str(month)[:7]: float(value) for month, value in zip(known["month"], known[column], strict=True)}


def test_the_outlook_is_what_was_won_planned_and_forecast(frames: Frames) -> None:
    outlook = of(frames["analytics.sales_outlook"], tenant_id=TOLD, dimension="tenant")
    today = pd.Timestamp(frames["ml.model_runs"]["as_of"].max())
    sales = {str(month)[:7]: float(amount) for month, amount in frames["sales"].to_numpy()}
    current, oldest = f"{today:%Y-%m}", f"{today - pd.DateOffset(months=36):%Y-%m}"
    shown = months(outlook, "won_amount")
    assert {month: amount for month, amount in shown.items() if amount} == pytest.approx(
        {month: amount for month, amount in sales.items() if oldest <= month <= current and amount}
    )
    assert months(outlook, "actual") == pytest.approx({m: v for m, v in shown.items() if m < current})
    planned = of(frames["analytics.fct_sales_targets"], tenant_id=TOLD).groupby("month")["target_amount_base"].sum()
    assert months(outlook, "plan") == pytest.approx(
        {str(month)[:7]: float(plan) for month, plan in planned.items() if str(month)[:7] >= oldest}
    )
    # On the first day of a month, yesterday's forecast is the newest one of the month that has just ended.
    published = of(frames["ml.sales_forecast"], tenant_id=TOLD, dimension="tenant", is_published=True)
    published = published.sort_values("as_of").groupby(["month", "confidence"]).tail(1)
    for level in (80, 95):
        band = published[published["confidence"] == level / 100]
        assert months(outlook, "forecast") == pytest.approx(months(band, "point"))
        assert months(outlook, f"lower_{level}") == pytest.approx(months(band, "lower"))
        assert months(outlook, f"upper_{level}") == pytest.approx(months(band, "upper"))


def test_every_published_forecast_stands_beside_its_fact(frames: Frames) -> None:
    """Of both nights; no month of them is over, so nothing is known yet."""
    shown = of(frames["analytics.forecast_vs_fact"], tenant_id=TOLD)
    published = of(frames["ml.sales_forecast"], tenant_id=TOLD, is_published=True)
    key = ["as_of", "month", "confidence"]
    assert published["as_of"].nunique() == 2
    pd.testing.assert_frame_equal(
        shown.sort_values(key)[[*key, "forecast"]].reset_index(drop=True),
        published.sort_values(key)[[*key, "point"]].rename(columns={"point": "forecast"}).reset_index(drop=True),
    )
    sales = {str(month)[:7]: amount for month, amount in frames["sales"].to_numpy()}
    over = shown.dropna(subset=["actual"])
    assert all(row["actual"] == sales.get(str(row["month"])[:7], 0) for _, row in over.iterrows())


def test_an_anomaly_is_as_the_newest_night_tells_it_with_the_band_of_its_peak(frames: Frames) -> None:
    shown = of(frames["analytics.anomalies"], tenant_id=TOLD).set_index("event_id").sort_index()
    events = newest(of(frames["ml.anomaly_events"], tenant_id=TOLD)).set_index("event_id").sort_index()
    earlier = of(frames["ml.anomaly_events"], tenant_id=TOLD).set_index("event_id")
    assert list(shown.index) == sorted(set(earlier.index))
    for column in ("value", "expected", "effect", "severity", "status", "explanation_ru"):
        assert list(shown.loc[events.index, column]) == list(events[column]), column
    points = newest(of(frames["ml.anomaly_points"], tenant_id=TOLD)).set_index("event_id").sort_index()
    assert list(shown.loc[points.index, "peak_lower"]) == list(points["lower"])
    assert list(shown.loc[points.index, "peak_upper"]) == list(points["upper"])
    assert set(shown["place_ru"]) == {"Вся компания"}


def test_value_at_risk_is_of_the_newest_night_and_of_the_companys_owner(frames: Frames) -> None:
    shown = of(frames["analytics.churn_scores"], tenant_id=TOLD)
    scores = newest(of(frames["ml.churn_scores"], tenant_id=TOLD))
    assert len(shown) == len(scores) > 10
    assert shown["expected_value_at_risk"].sum() == scores["expected_value_at_risk"].sum() > 0
    named = scores.merge(frames["companies"], left_on="customer_id", right_on="id")
    assert sorted(shown["customer_name"]) == sorted(named["name"])
    owners = named.dropna(subset=["owner_user_id"]).groupby("owner_user_id")["expected_value_at_risk"].sum()
    by_manager = shown.groupby("manager_id")["expected_value_at_risk"].sum().drop("(none)", errors="ignore")
    assert len(by_manager) and all(by_manager[manager] == owners[manager] for manager in by_manager.index)


def test_what_weakens_the_figures_is_said_in_words(frames: Frames) -> None:
    notes = frames["analytics.model_notes"]
    assert set(notes.groupby("tenant_id").size()) == {6}
    told = of(notes, tenant_id=TOLD).set_index("task")
    assert "80 % of that of simply repeating last year" in told.loc["sales_forecast", "text_en"]
    assert "7 из 9" in told.loc["anomalies", "text_ru"] and told.loc["anomalies", "needs_care"]
    assert not told.loc["churn_scores", "needs_care"]
    refused = of(notes, tenant_id=REFUSED).set_index("task")
    assert "fewer than nine months" in refused.loc["sales_forecast", "text_en"]
    assert "Истории всего 7 мес." in refused.loc["sales_forecast", "text_ru"]
    assert refused.loc["churn_scores", "text_en"] == "Its run failed, so there are no figures yet."
    others = notes[~notes["tenant_id"].isin([TOLD, REFUSED])]
    assert len(others) and others["needs_care"].all()
    assert set(others["text_ru"]) == {"Ещё не рассчитано: модели запускаются после ночной загрузки."}
