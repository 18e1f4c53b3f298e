"""Sentences and numbers as each language writes them; pictures in both."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ml_assets.anomalies import AnomalyConfig, detect_anomalies
from ml_assets.anomalies.events import Event
from ml_assets.anomalies.explanation import Explanation, Part
from ml_assets.anomalies.plot import plot_series
from ml_assets.anomalies.series import SeriesKey
from ml_assets.anomalies.wording import days_text, money_text, number, plural, sentence, signed_percent

_NBSP = "\u00a0"


def event_of(**changes: object) -> Event:
    shown: dict[str, object] = {
        "event_id": "e", "key": SeriesKey("calls", "total", ""), "kind": "count", "grain": "day", "direction": "down",
        "positions": (5,), "first_day": date(2026, 3, 3), "last_day": date(2026, 3, 3), "peak_day": date(2026, 3, 3),
        "periods": 1, "value": 38.0, "expected": 100.0, "effect": -62.0, "effect_money": None, "effect_share": 0.1,
        "score": 6.0, "distance": -6.0, "severity": "high", "status": "new",
    }  # fmt: skip
    return Event(**(shown | changes))  # type: ignore[arg-type]


def explanation_of(**changes: object) -> Explanation:
    shown: dict[str, object] = {
        "name": "", "usual_weekday": 101.0, "usual_weekdays": 8, "numerator": None, "denominator": None, "parts": (),
        "absent": 0, "of_managers": 7, "absent_names": (), "free_days": 0,
    }  # fmt: skip
    return Explanation(**(shown | changes))  # type: ignore[arg-type]


def texts(event: Event, explanation: Explanation) -> tuple[str, str]:
    config = AnomalyConfig(currency="RUB")
    english, russian = (sentence(event, explanation, language, config) for language in ("en", "ru"))
    return english, russian.replace(_NBSP, " ")


def test_calls_against_the_usual_tuesday() -> None:
    english, russian = texts(event_of(), explanation_of(absent=3, absent_names=("A", "B", "C")))
    assert english == "Calls −62% against the usual Tuesday: 38 instead of 100. 3 of 7 managers absent: A, B, C."
    assert russian == "Звонки −62 % к обычному вторнику: 38 вместо 100. Отсутствуют 3 из 7 менеджеров: A, B, C."


def test_parts_money_and_several_days() -> None:
    event = event_of(
        key=SeriesKey("leads", "department", "7"), periods=5, last_day=date(2026, 3, 7), effect_money=-1_250_000.0
    )
    part = Part("manager", "m", "Anna", -50.0, 0.81)
    english, russian = texts(event, explanation_of(name="North", parts=(part,), absent=1, of_managers=21))
    assert english == (
        "Leads (department “North”) −62% against 5 usual days: 38 instead of 100. 1 of 21 managers absent. "
        f"Mostly: manager “Anna” −50 (81%). Worth about RUB{_NBSP}1.2M of lost sales."
    )
    assert russian == (
        "Лиды (отдел «North») −62 % к обычному за 5 дней: 38 вместо 100. Отсутствует 1 из 21 менеджера. "
        "Основной вклад: менеджер «Anna» −50 (81 %). Это около 1,2 млн ₽ недополученных продаж."
    )


def test_a_ratio_shows_its_counts() -> None:
    event = event_of(key=SeriesKey("conversion", "total", ""), kind="ratio", value=3 / 41, expected=0.19, grain="week")
    english, russian = texts(event, explanation_of(numerator=3.0, denominator=41.0))
    assert english == "Conversion 7.3% (3 of 41) instead of the usual 19%."
    assert russian == "Конверсия 7,3 % (3 из 41) вместо обычных 19 %."


@pytest.mark.parametrize(
    ("count", "day", "week", "of"),
    [(1, "день", "неделю", "менеджера"), (2, "дня", "недели", "менеджеров"), (5, "дней", "недель", "менеджеров"),
     (11, "дней", "недель", "менеджеров"), (21, "день", "неделю", "менеджера"), (22, "дня", "недели", "менеджеров")],
)  # fmt: skip
def test_russian_plurals(count: int, day: str, week: str, of: str) -> None:
    assert tuple(plural(word, count, "ru") for word in ("day", "week", "manager_of")) == (day, week, of)


def test_numbers_and_dates() -> None:
    assert [number(value, "en") for value in (-0.02, 2.25, 1234.0, 12_345.0, 1e9)] == ["0", "2.2", "1,234", "12K", "1B"]
    assert number(-1234.0, "ru") == f"−1{_NBSP}234"
    assert money_text(-950_000, "en", "USD") == "−$950K"
    assert money_text(12.4, "ru", "RUB") == f"12{_NBSP}₽"
    assert signed_percent(0.416, "ru") == f"+42{_NBSP}%"
    assert days_text(date(2026, 5, 12), date(2026, 5, 14), "ru").replace("\u202f", " ") == "12–14 мая 2026 г."
    assert days_text(date(2026, 5, 12), date(2026, 5, 12), "en") == "May 12, 2026"
    assert days_text(date(2026, 5, 12), date(2026, 5, 14), "en").replace("\u2009", " ") == "May 12 – 14, 2026"


def test_a_language_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="language is 'de'"):
        sentence(event_of(), explanation_of(), "de", AnomalyConfig())


def test_a_series_is_drawn_and_an_empty_one_says_so() -> None:
    as_of = date(2026, 4, 16)
    days = pd.date_range(end=as_of - timedelta(days=1), periods=260)
    values = np.random.default_rng(1).poisson(60, 260).astype(float)
    values[-1] = 1.0
    measures = pd.DataFrame(
        {"tenant_id": "t", "metric": "leads", "dimension": "total", "member": "", "day": days, "value": values}
    )
    found = detect_anomalies(measures, as_of, AnomalyConfig(trees=5))
    assert len(found.events)
    drawn = {
        (language, metric, grain): plot_series(found.points, found.events, metric, grain=grain, language=language)
        for language in ("en", "ru")
        for metric in ("leads", "sales")
        for grain in ("day", "week")
    }
    assert all(picture.startswith(b"\x89PNG") for picture in drawn.values())
    assert len(set(drawn.values())) == len(drawn)
    unmarked = plot_series(found.points, found.events.iloc[:0], "leads")
    assert unmarked != drawn["en", "leads", "day"]
