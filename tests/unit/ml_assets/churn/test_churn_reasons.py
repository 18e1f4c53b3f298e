"""What is said about a customer, word for word, in both languages."""

from __future__ import annotations

from datetime import date

import pytest

from ml_assets.churn.reasons import reasons_text, suggest
from ml_assets.probability.reasons import Reason

FACTS = {
    "silence_days": 74.0, "usual_pause_days": 21.2, "allowed_days": 60.0, "purchases": 9.0, "purchases_90": 1.0,
    "purchases_prior_90": 0.0, "purchases_365": 6.0, "first_on": date(2025, 1, 12), "last_on": date(2026, 1, 5),
    "as_of": date(2026, 3, 20), "last_amount": 1200.0, "mean_amount": 2000.0, "contact_days": 45.0, "contacts_90": 2.0,
    "contacts_prior_90": 5.0, "message_days": float("nan"), "open_deals": 0.0, "lost_since": 0.0, "currency": "RUB",
}  # fmt: skip


def because(*names: str, direction: str = "raises") -> list[Reason]:
    return [Reason(name, direction, 0.5) for name in names]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "changes", "russian", "english"),
    [
        (
            "silence", {},
            "Не покупал 74 дня, обычно покупает раз в 21 день", "Silent for 74 days, usually buys every 21 days",
        ),
        ("silence", {"purchases": 1.0, "silence_days": 21.0}, "Единственная покупка была 21 день назад",
         "The only purchase was 21 days ago"),
        ("pace", {}, "За последние 90 дней 1 покупка, за предыдущие 90 дней ни одной покупки",
         "1 purchase in the last 90 days, no purchase in the 90 days before"),
        ("amount", {}, "Последняя покупка на 1\u00a0200\u00a0₽, на 40 % меньше средней",
         "Last purchase of RUB\u00a01,200, 40% below average"),
        ("contact", {"contacts_90": 0.0}, "Контактов не было 45 дней", "No contact for 45 days"),
        ("message", {}, "Клиент ни разу не писал", "The customer has never written"),
        ("lost_deals", {"lost_since": 2.0}, "После последней покупки 2 проигранные сделки",
         "2 lost deals since the last purchase"),
    ],
)  # fmt: skip
def test_sentences(reason: str, changes: dict[str, float], russian: str, english: str) -> None:
    facts = FACTS | changes
    said = {language: reasons_text(language, because(reason), facts, "high") for language in ("ru", "en")}  # type: ignore[arg-type]
    assert said["ru"].replace("\u202f", "\u00a0").startswith(russian)
    assert said["en"].startswith(english)


def test_how_long_the_customer_is_silent_is_always_said_once() -> None:
    assert reasons_text("en", because("contact", "silence"), FACTS, "high").count("Silent for 74 days") == 0
    assert reasons_text("en", because("contact", "silence"), FACTS, "high").count("silent for 74 days") == 1
    assert reasons_text("en", [], FACTS, "high") == "Silent for 74 days, usually buys every 21 days"
    assert reasons_text("ru", [], FACTS, "low") == "Ничего необычного"


@pytest.mark.parametrize(
    ("changes", "reasons", "risk", "action", "words"),
    [
        ({}, ("silence",), "critical", "repeat_order", "by Mar 23, 2026 and offer to repeat the purchase of Jan 5"),
        ({"open_deals": 1.0}, ("silence",), "high", "push_open_deal", "next step by Mar 27, 2026: 1 open deal"),
        ({"lost_since": 1.0}, ("lost_deals",), "high", "ask_about_loss", "why the last offer was turned down"),
        ({"purchases": 1.0}, ("silence",), "high", "second_purchase", "Jan 5, 2026 for RUB\u00a01,200"),
        ({}, ("amount",), "medium", "ask_about_amount", "below the average of RUB\u00a02,000"),
        ({}, ("silence",), "lapsed", "win_back", "buy elsewhere"),
        ({"last_on": date(2026, 3, 10)}, (), "low", "wait", "expected around Mar 31, 2026"),
        ({}, (), "low", "wait", "still usual"),
    ],
)  # fmt: skip
def test_actions_fit_the_facts_and_name_a_day(
    changes: dict[str, object], reasons: tuple[str, ...], risk: str, action: str, words: str
) -> None:
    found = suggest(FACTS | changes, because(*reasons), risk, date(2026, 3, 20))
    assert found.name == action
    assert words in found.en
    assert found.ru != found.en
