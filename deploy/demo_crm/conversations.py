"""What the demo's clients and managers write and say to each other, in Russian and in English.

A text is put together from what the client wants (the intent), phrased in one of several ways, and filled with the
product, names, dates and quantities of its deal. The phrases are in conversations.yaml; choosing when and by whom
belongs in `activities`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from deploy.demo_crm.profile import Language

_QUANTITIES = (5, 10, 12, 20, 24, 40, 50, 80, 100, 150, 200, 300)


class Intent(BaseModel):
    """One thing a client may want: how often, how the client says it, and what the manager answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weight: float
    weight_unhappy: float
    client: tuple[str, ...]
    agent: tuple[str, ...]


class Phrases(BaseModel):
    """The frame around the content in one language, and the intents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    months: tuple[str, ...]
    date: str
    order: str
    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    afterthoughts: tuple[str, ...]
    chat_openers: tuple[str, ...]
    call_openings: tuple[str, ...]
    call_endings: tuple[str, ...]
    client_label: str
    agent_label: str
    intents: tuple[Intent, ...]


PHRASES = TypeAdapter(dict[Language, Phrases]).validate_python(
    yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
)


class Occasion(NamedTuple):
    """The facts that a text mentions. `choice` is a large random number; every phrase is chosen by its digits."""

    language: Language
    intent: int
    inbound: bool
    choice: int
    client: str
    agent: str
    company: str
    product: str
    city: str
    amount: str
    month: int
    day: int


def email_text(occasion: Occasion) -> str:
    """Return an e-mail written by the client (inbound) or by the manager."""
    phrases = PHRASES[occasion.language]
    intent = phrases.intents[occasion.intent]
    choice = occasion.choice
    greeting, choice = _pick(phrases.greetings, choice)
    content, choice = _pick(intent.client if occasion.inbound else intent.agent, choice)
    afterthought, choice = _pick(phrases.afterthoughts, choice)
    closing, choice = _pick(phrases.closings, choice)
    content = f"{content} {afterthought}" if afterthought else content
    return _fill(f"{greeting}\n\n{content}\n\n{closing}", occasion, choice)


def chat_text(occasion: Occasion) -> str:
    """Return a chat message written by the client (inbound) or by the manager."""
    phrases = PHRASES[occasion.language]
    intent = phrases.intents[occasion.intent]
    opener, choice = _pick(phrases.chat_openers, occasion.choice)
    content, choice = _pick(intent.client if occasion.inbound else intent.agent, choice)
    return _fill(opener + content, occasion, choice)


def call_text(occasion: Occasion) -> str:
    """Return the transcript of a call, one line for each turn."""
    phrases = PHRASES[occasion.language]
    intent = phrases.intents[occasion.intent]
    opening, choice = _pick(phrases.call_openings, occasion.choice)
    wish, choice = _pick(intent.client, choice)
    answer, choice = _pick(intent.agent, choice)
    follow_up, choice = _pick(phrases.intents[choice % len(phrases.intents)].client, choice // 16)
    ending, choice = _pick(phrases.call_endings, choice)
    client, agent = phrases.client_label, phrases.agent_label
    turns = [f"{agent}: {opening}", f"{client}: {wish}", f"{agent}: {answer}"]
    if choice % 3 == 0:
        turns.append(f"{client}: {follow_up}")
    turns.append(f"{client}: {ending}")
    return _fill("\n".join(turns), occasion, choice)


def _pick(options: tuple[str, ...], choice: int) -> tuple[str, int]:
    return options[choice % len(options)], choice // len(options)


def _fill(text: str, occasion: Occasion, choice: int) -> str:
    phrases = PHRASES[occasion.language]
    sender, receiver = (occasion.client, occasion.agent) if occasion.inbound else (occasion.agent, occasion.client)
    return text.format(
        product=occasion.product,
        quantity=_QUANTITIES[choice % len(_QUANTITIES)],
        date=phrases.date.format(day=occasion.day, month=phrases.months[occasion.month - 1]),
        amount=occasion.amount,
        order=phrases.order.format(number=1000 + choice % 8999),
        days=2 + choice % 9,
        city=occasion.city,
        to=receiver.split(" ")[0],
        sender=sender,
        agent=occasion.agent,
        client=occasion.client,
        company=occasion.company,
    )
