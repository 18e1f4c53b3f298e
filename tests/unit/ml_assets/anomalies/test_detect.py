"""What readers are told: events once, with reasons, in both languages; nothing on holidays; nothing from the future."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from ml_assets.anomalies import ANOMALY_COLUMNS, EVENT_COLUMNS, RUN_COLUMNS, AnomalyConfig, detect_anomalies

Long = Callable[..., pd.DataFrame]


def series_of(values: np.ndarray, as_of: date, metric: str = "leads", **more: object) -> pd.DataFrame:
    days = pd.date_range(end=as_of - timedelta(days=1), periods=len(values))
    return pd.DataFrame(
        {"tenant_id": "t", "metric": metric, "dimension": "total", "member": "", "day": days, "value": values, **more}
    )


def counts(days: int = 280, level: float = 60, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).poisson(level, days).astype(float)


def total_events(events: pd.DataFrame, grain: str = "day") -> pd.DataFrame:
    found: pd.DataFrame = events[(events["dimension"] == "total") & (events["grain"] == grain)]
    return found


def test_absent_managers_explain_a_drop_that_is_told_once(
    wide: pd.DataFrame, long: Long, quick: AnomalyConfig, as_of: date
) -> None:
    spoiled = wide.copy()
    # Tuesday and Wednesday; nearly half of department a does nothing.
    spoiled.loc[spoiled.index[-2:], ["a0", "a1", "a2"]] = 0.0
    nothing_told = pd.DataFrame(columns=["event_id", "is_false_positive", "was_alerted"])
    found = detect_anomalies(long(spoiled), as_of, quick, nothing_told)
    (event,) = found.events[found.events["is_alert"]].to_dict("records")
    assert (event["dimension"], event["member"], event["direction"]) == ("department", "a", "down")
    managers = found.events[
        (found.events["dimension"] == "manager") & (found.events["first_day"] == event["first_day"])
    ]
    assert set(managers["told_by"]) == {event["event_id"]}
    assert event["expected"] == pytest.approx(2 * 7 * 20, rel=0.1)
    assert event["first_day"] == date(2026, 4, 14)
    assert "3 of 7 managers absent: M. a0, M. a1, M. a2" in event["explanation_en"]
    assert "Отсутствуют 3 из 7 менеджеров: M. a0, M. a1, M. a2" in event["explanation_ru"]
    facts = json.loads(event["explanation"])
    assert (facts["absent"], facts["of_managers"]) == (3, 7)
    assert {part["member"] for part in facts["parts"]} == {"a0", "a1", "a2"}


def test_frames_have_their_columns(long: Long, wide: pd.DataFrame, quick: AnomalyConfig, as_of: date) -> None:
    for measures in (long(wide, managers=False), long(wide, managers=False).iloc[:0]):
        found = detect_anomalies(measures, as_of, quick)
        assert tuple(found.points.columns) == ANOMALY_COLUMNS
        assert tuple(found.events.columns) == EVENT_COLUMNS
        assert tuple(found.runs.columns) == RUN_COLUMNS
        assert not (measures.empty and len(found.runs))


def test_a_future_row_changes_nothing_and_neither_does_today(quick: AnomalyConfig, as_of: date) -> None:
    known = series_of(counts(), as_of)
    later = pd.DataFrame(
        [{**known.iloc[-1], "day": pd.Timestamp(as_of) + timedelta(days=ahead)} for ahead in (0, 1, 30)]
    )
    later["value"] = 100_000.0
    plain, with_future = (
        detect_anomalies(each, as_of, quick) for each in (known, pd.concat([known, later], ignore_index=True))
    )
    assert_frame_equal(plain.points, with_future.points)
    assert_frame_equal(plain.events, with_future.events)
    assert plain.runs["data_hash"].iloc[0] == with_future.runs["data_hash"].iloc[0]


def test_a_day_keeps_its_score_in_later_nights(quick: AnomalyConfig, as_of: date) -> None:
    values = counts()
    values[-1] = 400.0
    nights = [
        detect_anomalies(series_of(each, until), until, quick).points
        for each, until in ((values[:-1], as_of - timedelta(days=1)), (values, as_of))
    ]
    earlier, later = (night[night["grain"] == "day"].set_index("period_start") for night in nights)
    shared = earlier.index.intersection(later.index)
    assert len(shared) == 34
    for column in ("expected", "score", "threshold"):
        np.testing.assert_allclose(
            earlier.loc[shared, column].astype(float), later.loc[shared, column].astype(float), rtol=1e-9
        )


def test_an_event_that_goes_on_is_one_alert_and_keeps_its_id(quick: AnomalyConfig, as_of: date) -> None:
    values = counts()
    values[-3:] = 2.0
    told, ids, known = [], set(), None
    for back in (2, 1, 0):
        until = as_of - timedelta(days=back)
        events = total_events(
            detect_anomalies(series_of(values[: len(values) - back], until), until, quick, known).events
        )
        (event,) = events[events["status"] != "ended"].to_dict("records")
        told.append(event["is_alert"])
        ids.add(event["event_id"])
        known = pd.DataFrame({"event_id": list(ids), "is_false_positive": False, "was_alerted": True})
    assert told == [True, False, False]
    assert len(ids) == 1
    assert event["periods"] == 3
    assert event["status"] == "ongoing"


def test_without_a_record_of_alerts_only_the_first_night_tells(quick: AnomalyConfig, as_of: date) -> None:
    values = counts()
    values[-2:] = 2.0
    first, second = (
        total_events(detect_anomalies(series_of(values[:end], until), until, quick).events)["is_alert"].tolist()
        for end, until in ((len(values) - 1, as_of - timedelta(days=1)), (len(values), as_of))
    )
    assert (first, second) == ([True], [False])


def test_what_a_reader_marked_stays_marked_and_is_not_told_again(quick: AnomalyConfig, as_of: date) -> None:
    values = counts()
    values[-2] = 2.0
    yesterday = as_of - timedelta(days=1)
    (event,) = total_events(detect_anomalies(series_of(values[:-1], yesterday), yesterday, quick).events).to_dict(
        "records"
    )
    marked = pd.DataFrame([{**event, "is_false_positive": True, "was_alerted": False}])
    values[-1] = 3.0
    (again,) = total_events(detect_anomalies(series_of(values, as_of), as_of, quick, marked).events).to_dict("records")
    assert again["event_id"] == event["event_id"]
    assert again["is_false_positive"]
    assert not again["is_alert"]
    # The day before turns out to be bad too, so the event begins earlier: it is still the one that was marked.
    values[-3] = 1.0
    (moved,) = total_events(detect_anomalies(series_of(values, as_of), as_of, quick, marked).events).to_dict("records")
    assert moved["first_day"] < event["first_day"]
    assert moved["event_id"] == event["event_id"]
    assert moved["is_false_positive"]


@pytest.mark.parametrize("country", ["ru", "us", "kz"])
def test_holidays_are_no_anomalies(country: str, quick: AnomalyConfig) -> None:
    free, as_of = {
        "ru": ([date(2026, 5, 1), date(2026, 5, 11)], date(2026, 5, 18)),
        "us": ([date(2025, 11, 27), date(2025, 11, 28)], date(2025, 12, 4)),
        "kz": ([date(2026, 5, 1), date(2026, 5, 7), date(2026, 5, 8), date(2026, 5, 11)], date(2026, 5, 18)),
    }[country]
    known = series_of(counts(seed=6), as_of)
    known.loc[known["day"].dt.date.isin(free), "value"] = 0.0
    found = {
        each: detect_anomalies(known, as_of, replace(quick, country=each)).points.set_index(["grain", "period_start"])
        for each in (country, None)
    }
    for day in free:
        assert found[None].loc[("day", day), "is_anomaly"]
        assert not found[country].loc[("day", day), "is_anomaly"]
        assert found[country].loc[("day", day), "status"] == "holiday"
    weeks = found[country].loc["week"]
    assert not weeks["is_anomaly"].astype(bool).iloc[-3:].any()


def test_a_soft_week_is_seen_by_the_week_and_not_by_its_days(quick: AnomalyConfig) -> None:
    monday = date(2026, 4, 13)
    generator = np.random.default_rng(8)
    values = generator.poisson(60 * generator.gamma(25, 1 / 25, 400)).astype(float)
    values[-7:] *= 0.75
    found = detect_anomalies(series_of(values, monday), monday, quick)
    (week,) = total_events(found.events, "week").query("status == 'new'").to_dict("records")
    assert (week["direction"], week["first_day"], week["last_day"]) == ("down", date(2026, 4, 6), date(2026, 4, 12))
    assert week["explanation_en"].startswith(f"Leads {'−'}")
    assert "against the usual week" in week["explanation_en"]
    assert not len(total_events(found.events))
    # The week is not new for six more nights, nor is it whole before Sunday is over.
    on_tuesday = detect_anomalies(
        series_of(np.append(values, counts(1)), monday + timedelta(days=1)), monday + timedelta(days=1), quick
    )
    assert total_events(on_tuesday.events, "week").query(f"event_id == '{week['event_id']}'")["status"].tolist() == [
        "ongoing"
    ]
    on_sunday = detect_anomalies(series_of(values[:-1], monday - timedelta(days=1)), monday - timedelta(days=1), quick)
    assert week["event_id"] not in set(on_sunday.events["event_id"])


def test_a_ratio_of_few_is_no_anomaly(quick: AnomalyConfig, as_of: date) -> None:
    generator = np.random.default_rng(3)
    leads = generator.poisson(60, 300).astype(float)
    won = generator.binomial(leads.astype(int), 0.25).astype(float)
    few, many = leads.copy(), leads.copy()
    few[-1], many[-1] = 3.0, 60.0
    won[-1] = 0.0
    points = {
        name: detect_anomalies(series_of(won, as_of, "conversion", denominator=each), as_of, quick).points
        for name, each in (("few", few), ("many", many))
    }
    last = {name: each[each["grain"] == "day"].iloc[-1] for name, each in points.items()}
    assert not last["few"]["is_anomaly"]
    assert last["many"]["is_anomaly"]
    assert last["many"]["expected"] == pytest.approx(0.25, abs=0.03)
    assert last["many"]["effect"] == pytest.approx(-0.25 * 60, rel=0.15)
    empty = detect_anomalies(series_of(won, as_of, "conversion", denominator=few * 0), as_of, quick)
    assert not empty.points["is_anomaly"].any()


def test_single_managers_with_many_zeros_do_not_flood(quick: AnomalyConfig, as_of: date) -> None:
    generator = np.random.default_rng(4)
    rows = [
        series_of(generator.poisson(0.3, 300).astype(float), as_of).assign(dimension="manager", member=f"m{number}")
        for number in range(25)
    ]
    found = detect_anomalies(pd.concat(rows, ignore_index=True), as_of, quick)
    days = found.points[found.points["grain"] == "day"]
    assert set(days["status"]) == {"too_sparse"}
    assert found.runs["sparse_series"].tolist() == [25]
    assert len(found.events) <= 3


def test_a_quiet_tenant_stays_within_its_budget(
    wide: pd.DataFrame, long: Long, quick: AnomalyConfig, as_of: date
) -> None:
    points = detect_anomalies(long(wide), as_of, quick).points
    days = points[(points["grain"] == "day") & points["is_anomaly"]].groupby("dimension").size()
    # One point a month is the budget of each dimension; the window is a month and five days.
    assert days.reindex(["total", "department", "manager"]).fillna(0).max() <= 3


def test_alerts_are_limited(wide: pd.DataFrame, long: Long, quick: AnomalyConfig, as_of: date) -> None:
    spoiled = wide.copy()
    spoiled.iloc[-1] = 0.0
    measures = long(spoiled).query("dimension == 'manager'")
    for most in (4, 0):
        events = detect_anomalies(measures, as_of, replace(quick, most_alerts=most, smallest_effect=0.0)).events
        assert len(events) >= 14
        assert events["is_alert"].sum() == most


def test_a_short_history_says_so(quick: AnomalyConfig, as_of: date) -> None:
    found = detect_anomalies(series_of(np.append(counts(60), 0.0), as_of), as_of, quick)
    assert set(found.points["status"]) == {"too_short"}
    assert not found.points["is_anomaly"].any()
    assert found.runs["short_series"].tolist() == [1]


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(300), np.full(300, 7.0), np.array([5.0]), np.full(300, np.nan), np.full(300, -40.0),
        np.full(300, 1e300), np.resize([1e14, 0.0, -1e14], 300), np.append(np.full(299, 7.0), np.inf),
        np.where(np.arange(300) % 50 < 25, 0.0, 30.0),
    ],
    ids=["zeros", "constant", "one row", "missing", "negative", "huge", "swinging", "infinite", "gaps"],
)  # fmt: skip
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_odd_series_never_raise(values: np.ndarray, quick: AnomalyConfig, as_of: date) -> None:
    for metric, more in (("sales", {}), ("leads", {}), ("conversion", {"denominator": np.abs(values)}), ("other", {})):
        found = detect_anomalies(series_of(values, as_of, metric, **more), as_of, replace(quick, trees=5))
        numbers = found.points[["value", "expected", "lower", "upper", "score"]].astype(float)
        assert not np.isinf(numbers.to_numpy()).any()


def test_leads_are_valued_by_what_they_brought(quick: AnomalyConfig, as_of: date) -> None:
    values = counts()
    values[-1] = 2.0
    sales = np.full(len(values), 60_000.0)
    measures = pd.concat([series_of(values, as_of), series_of(sales, as_of, "sales")], ignore_index=True)
    event = total_events(detect_anomalies(measures, as_of, quick).events).query("metric == 'leads'").iloc[0]
    per_lead = 60_000 * 84 / values[-85:-1].sum()
    assert event["effect_money"] == pytest.approx(event["effect"] * per_lead)
    assert "lost sales" in event["explanation_en"]


def test_more_is_worse_but_good_news_is_not_critical(quick: AnomalyConfig, as_of: date) -> None:
    severities = []
    for last in (30.0, 0.0, 5000.0):
        values = counts()
        values[-1] = last
        severities.append(
            total_events(detect_anomalies(series_of(values, as_of), as_of, quick).events)["severity"].item()
        )
    low, bad, good = (["low", "medium", "high", "critical"].index(each) for each in severities)
    assert low < bad
    assert good == 2


def test_input_that_cannot_be_read_is_named(quick: AnomalyConfig, as_of: date) -> None:
    known = series_of(counts(100), as_of)
    with pytest.raises(ValueError, match="measures lack the columns day, value"):
        detect_anomalies(known.drop(columns=["day", "value"]), as_of, quick)
    with pytest.raises(ValueError, match="hold 2 tenants"):
        detect_anomalies(pd.concat([known, known.assign(tenant_id="u")]), as_of, quick)
    with pytest.raises(ValueError, match="a day that is no date"):
        detect_anomalies(known.assign(day="yesterday"), as_of, quick)
    with pytest.raises(ValueError, match="feedback lacks the columns is_false_positive"):
        detect_anomalies(known, as_of, quick, pd.DataFrame({"event_id": ["x"]}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"country": "de"}, "country is 'de'"),
        ({"least_alert_severity": "bad"}, "least_alert_severity is 'bad'"),
        ({"metric_kinds": {"sales": "money"}}, "metric_kinds are"),
        ({"memory_days": 30}, "memory_days is 30"),
        ({"trees": 0}, "trees is 0"),
        ({"day": replace(AnomalyConfig().day, band_confidence=1.0)}, "day: band_confidence is 1.0"),
        ({"week": replace(AnomalyConfig().week, least_threshold=9.0)}, "week: the thresholds are"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnomalyConfig(**wrong)  # type: ignore[arg-type]
