"""Why a customer may leave and what to do about it, in Russian and English. Which reasons hold is computed elsewhere.

A sentence states facts that a reader can check in the CRM, and names a date and an amount wherever there is one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from ml_assets.probability.reasons import Reason
from ml_assets.probability.wording import LanguageCode, counted, day, money, percent, sentence

LOW, MEDIUM, HIGH, CRITICAL, LAPSED = "low", "medium", "high", "critical", "lapsed"
_NOTHING = {"en": "Nothing stands out", "ru": "Ничего необычного"}
_LEAST_DIFFERENCE = 0.1
_DAYS_TO_ACT = {CRITICAL: 3, HIGH: 7, MEDIUM: 14, LAPSED: 14}

Facts = Mapping[str, Any]


def reasons_json(reasons: Sequence[Reason], facts: Facts) -> str:
    """The reasons as a JSON list: name, direction, effect on the log-odds, the facts that the words are made of."""
    return json.dumps(
        [
            {
                "reason": reason.name, "direction": reason.direction, "effect": round(reason.effect, 4),
                "facts": {name: _plain(facts.get(name)) for name in _FACTS_OF[reason.name]},
            }
            for reason in reasons
        ],
        ensure_ascii=False,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, date) else round(float(value), 2)


def reasons_text(language: LanguageCode, reasons: Sequence[Reason], facts: Facts, risk: str) -> str:
    """One sentence: what raises the risk, or, of a low one, what lowers it."""
    wanted = "lowers" if risk == LOW else "raises"
    parts = [_SENTENCES[reason.name](language, facts) for reason in reasons if reason.direction == wanted]
    # How long the customer has been silent is what a reader asks first, whatever else stands behind the risk.
    always = [] if risk == LOW else [_silence(language, facts)]
    said = [part for part in dict.fromkeys([*parts, *always]) if part]
    return sentence(said) if said else _NOTHING[language]


def _pick(language: LanguageCode, english: str, russian: str) -> str:
    return english if language == "en" else russian


def _silence(language: LanguageCode, facts: Facts) -> str:
    days = counted(language, facts["silence_days"], "day")
    if facts["purchases"] < 2:
        return _pick(language, f"the only purchase was {days} ago", f"единственная покупка была {days} назад")
    pause = round(facts["usual_pause_days"])
    every = _pick(
        language,
        "usually buys every day" if pause <= 1 else f"usually buys every {counted(language, pause, 'day')}",
        "обычно покупает каждый день" if pause <= 1 else f"обычно покупает раз в {counted(language, pause, 'day')}",
    )
    if facts["silence_days"] < 1.5 * facts["usual_pause_days"]:
        return _pick(language, f"last purchase {days} ago, {every}", f"последняя покупка {days} назад, {every}")
    return _pick(language, f"silent for {days}, {every}", f"не покупал {days}, {every}")


def _history(language: LanguageCode, facts: Facts) -> str:
    first = day(language, facts["first_on"])
    count = counted(language, facts["purchases"], "purchase")
    if facts["purchases"] < 2:
        return _pick(language, f"only one purchase so far, on {first}", f"пока одна покупка, {first}")
    return _pick(language, f"{count} since {first}", f"{count} с {first}")


def _pace(language: LanguageCode, facts: Facts) -> str:
    now, before = facts["purchases_90"], facts["purchases_prior_90"]
    if not facts["purchases_365"]:
        return _pick(language, "no purchase in 365 days", "за 365 дней ни одной покупки")
    if not now and not before:
        year = counted(language, facts["purchases_365"], "purchase")
        return _pick(
            language,
            f"no purchase in 180 days, {year} in the last 365",
            f"за 180 дней ни одной покупки, за 365 дней {year}",
        )
    return _two_periods(language, _some(language, now, "purchase"), _some(language, before, "purchase"))


_NONE = {"purchase": ("no purchase", "ни одной покупки"), "contact": ("no contact", "ни одного контакта")}


def _some(language: LanguageCode, count: float, noun: str) -> str:
    return counted(language, count, noun) if count else _pick(language, *_NONE[noun])


def _two_periods(language: LanguageCode, now: str, before: str) -> str:
    return _pick(
        language,
        f"{now} in the last 90 days, {before} in the 90 days before",
        f"за последние 90 дней {now}, за предыдущие 90 дней {before}",
    )


def _amount(language: LanguageCode, facts: Facts) -> str:
    last, usual = facts["last_amount"], facts["mean_amount"]
    if pd.isna(last) or pd.isna(usual) or usual <= 0:
        return _pick(language, "the amounts of the purchases are not known", "суммы покупок неизвестны")
    amount = money(language, last, facts.get("currency"))
    change = last / usual - 1
    if facts["purchases"] < 2 or abs(change) < _LEAST_DIFFERENCE:
        mean = money(language, usual, facts.get("currency"))
        return _pick(language, f"{mean} per purchase on average", f"в среднем {mean} за покупку")
    size = percent(language, abs(change))
    return _pick(
        language,
        f"last purchase of {amount}, {size} {'below' if change < 0 else 'above'} average",
        f"последняя покупка на {amount}, на {size} {'меньше' if change < 0 else 'больше'} средней",
    )


def _contact(language: LanguageCode, facts: Facts) -> str:
    if pd.isna(facts["contact_days"]):
        return _pick(language, "no contact on record", "контактов не записано")
    days = counted(language, facts["contact_days"], "day")
    if facts["contacts_90"]:
        done, before = (_some(language, facts[name], "contact") for name in ("contacts_90", "contacts_prior_90"))
        return _two_periods(language, done, before)
    return _pick(language, f"no contact for {days}", f"контактов не было {days}")


def _message(language: LanguageCode, facts: Facts) -> str:
    if pd.isna(facts["message_days"]):
        return _pick(language, "the customer has never written", "клиент ни разу не писал")
    days = counted(language, facts["message_days"], "day")
    return _pick(language, f"the customer last wrote {days} ago", f"последнее сообщение клиента {days} назад")


def _open_deals(language: LanguageCode, facts: Facts) -> str:
    if not facts["open_deals"]:
        return _pick(language, "no open deal", "открытых сделок нет")
    deals = counted(language, facts["open_deals"], "open_deal")
    return _pick(language, f"{deals} in work", f"в работе {deals}")


def _lost_deals(language: LanguageCode, facts: Facts) -> str:
    if not facts["lost_since"]:
        return _pick(language, "no deal lost since the last purchase", "после последней покупки проигранных сделок нет")
    deals = counted(language, facts["lost_since"], "lost_deal")
    return _pick(language, f"{deals} since the last purchase", f"после последней покупки {deals}")


_SENTENCES: Mapping[str, Callable[[LanguageCode, Facts], str]] = {
    "silence": _silence, "history": _history, "pace": _pace, "amount": _amount, "contact": _contact,
    "message": _message, "open_deals": _open_deals, "lost_deals": _lost_deals,
}  # fmt: skip
_FACTS_OF: Mapping[str, tuple[str, ...]] = {
    "silence": ("silence_days", "usual_pause_days", "allowed_days", "purchases"),
    "history": ("purchases", "first_on"),
    "pace": ("purchases_90", "purchases_prior_90", "purchases_365"),
    "amount": ("last_amount", "mean_amount"),
    "contact": ("contact_days", "contacts_90", "contacts_prior_90"),
    "message": ("message_days",),
    "open_deals": ("open_deals",),
    "lost_deals": ("lost_since",),
}


@dataclass(frozen=True)
class Action:
    """What to do: a stable name for filters and the sentence in both languages."""

    name: str
    en: str
    ru: str


def suggest(facts: Facts, reasons: Sequence[Reason], risk: str, as_of: date) -> Action:
    """The first of a short list that fits the customer's facts, with a date to do it by."""
    if risk == LOW:
        return _wait(facts)
    raising = {reason.name for reason in reasons if reason.direction == "raises"}
    by = as_of + timedelta(days=_DAYS_TO_ACT[risk])
    if facts.get("open_deals", 0) > 0:
        return _push_deal(facts, by)
    if facts.get("lost_since", 0) > 0 and ("lost_deals" in raising or risk == LAPSED):
        return _ask_about_loss(facts, by)
    if risk == LAPSED:
        return _win_back(facts, by)
    if facts["purchases"] < 2:
        return _second_purchase(facts, by)
    if "amount" in raising and _fell(facts):
        return _ask_about_amount(facts, by)
    return _repeat(facts, by)


def _fell(facts: Facts) -> bool:
    last, usual = facts["last_amount"], facts["mean_amount"]
    return bool(not pd.isna(last) and not pd.isna(usual) and last < (1 - 2 * _LEAST_DIFFERENCE) * usual)


def _last_purchase(language: LanguageCode, facts: Facts) -> str:
    when = day(language, facts["last_on"])
    if pd.isna(facts["last_amount"]) or facts["last_amount"] <= 0:
        return _pick(language, f"of {when}", f"от {when}")
    amount = money(language, facts["last_amount"], facts.get("currency"))
    return _pick(language, f"of {when} for {amount}", f"от {when} на {amount}")


def _wait(facts: Facts) -> Action:
    # The next purchase is expected one usual pause after the last; that it is not yet due is part of a low risk.
    due = facts["last_on"] + timedelta(days=round(facts["usual_pause_days"]))
    if due < facts["as_of"]:
        return Action("wait", "Nothing to do: the silence is still usual for this customer",
                      "Ничего не делать: такая пауза для клиента обычна")  # fmt: skip
    return Action(
        "wait",
        f"Nothing to do: the next purchase is expected around {day('en', due)}",
        f"Ничего не делать: следующая покупка ожидается около {day('ru', due)}",
    )


def _push_deal(facts: Facts, by: date) -> Action:
    english, russian = (counted(language, facts["open_deals"], "open_deal") for language in ("en", "ru"))
    return Action(
        "push_open_deal",
        f"Agree on the next step by {day('en', by)}: {english} with this customer",
        f"До {day('ru', by)} договориться о следующем шаге: с клиентом {russian}",
    )


def _ask_about_loss(facts: Facts, by: date) -> Action:
    return Action(
        "ask_about_loss",
        f"Call by {day('en', by)} and ask why the last offer was turned down before making a new one",
        f"Позвонить до {day('ru', by)}, узнать причину отказа и только потом делать новое предложение",
    )


def _win_back(facts: Facts, by: date) -> Action:
    return Action(
        "win_back",
        f"Call by {day('en', by)}: do they buy elsewhere now? Start from the purchase {_last_purchase('en', facts)}",
        f"Позвонить до {day('ru', by)}: не покупают ли у других? Начать с покупки {_last_purchase('ru', facts)}",
    )


def _second_purchase(facts: Facts, by: date) -> Action:
    return Action(
        "second_purchase",
        f"Call by {day('en', by)}: ask about the purchase {_last_purchase('en', facts)}, offer what goes with it",
        f"Позвонить до {day('ru', by)}: спросить о покупке {_last_purchase('ru', facts)}, предложить дополнение к ней",
    )


def _ask_about_amount(facts: Facts, by: date) -> Action:
    english, russian = (money(language, facts["mean_amount"], facts.get("currency")) for language in ("en", "ru"))
    return Action(
        "ask_about_amount",
        f"Call by {day('en', by)}: what kept the purchase {_last_purchase('en', facts)} below the average of {english}",
        f"Позвонить до {day('ru', by)}: почему покупка {_last_purchase('ru', facts)} меньше средней ({russian})",
    )


def _repeat(facts: Facts, by: date) -> Action:
    return Action(
        "repeat_order",
        f"Call by {day('en', by)} and offer to repeat the purchase {_last_purchase('en', facts)}",
        f"Позвонить до {day('ru', by)} и предложить повторить покупку {_last_purchase('ru', facts)}",
    )
