"""The texts of the demo: every phrase can be filled, in both languages, and the same facts give the same text."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from deploy.demo_crm.conversations import PHRASES, Occasion, call_text, chat_text, email_text
from deploy.demo_crm.profile import Language


def occasion(language: Language, intent: int, choice: int, *, inbound: bool = True) -> Occasion:
    return Occasion(
        language=language,
        intent=intent,
        inbound=inbound,
        choice=choice,
        client="Анна Белова",
        agent="James Smith",
        company="Hudson Supply Co.",
        product="pallet wrap",
        city="Boston",
        amount="$10",
        month=12,
        day=31,
    )


@pytest.mark.parametrize("writer", [email_text, chat_text, call_text])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_phrase_can_be_filled(writer: Callable[[Occasion], str], language: Language) -> None:
    intents = range(len(PHRASES[language].intents))
    texts = {
        writer(occasion(language, intent, choice * 7_919, inbound=inbound))
        for intent, choice, inbound in itertools.product(intents, range(200), (True, False))
    }
    assert len(texts) > 100
    assert not any("{" in text or "}" in text for text in texts)


def test_a_client_addresses_the_agent_and_signs() -> None:
    texts = [email_text(occasion("en", 0, choice)) for choice in range(50)]
    assert any(text.startswith("Hi James,") for text in texts)
    assert all("Анна Белова" in text for text in texts)


def test_dates_are_written_in_the_language() -> None:
    russian = "".join(email_text(occasion("ru", 0, choice, inbound=False)) for choice in range(200))
    english = "".join(email_text(occasion("en", 0, choice, inbound=False)) for choice in range(200))
    assert "31 декабря" in russian
    assert "December 31" in english


def test_unhappy_clients_complain_and_cancel_more() -> None:
    for phrases in PHRASES.values():
        content = sum(intent.weight for intent in phrases.intents)
        unhappy = sum(intent.weight_unhappy for intent in phrases.intents)
        assert content == pytest.approx(unhappy, abs=0.1)
        by_name = {intent.name: intent for intent in phrases.intents}
        assert all(by_name[name].weight_unhappy > 3 * by_name[name].weight for name in ("complaint", "cancel"))
