"""Why a lead or deal has its chance and what to do next, in Russian and English; computing it belongs elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from ml_assets.churn.reasons import Action
from ml_assets.probability.reasons import Direction, Reason
from ml_assets.probability.wording import LanguageCode, counted, day, money, sentence
from ml_assets.scoring.events import NONE

HIGH, MEDIUM, LOW = "high", "medium", "low"
_SILENT_DAYS = 14
_LONG_IN_STAGE_DAYS = 30
_OLD_DEAL_DAYS = 90
_NOTHING = {"en": "Close to the average", "ru": "Близко к среднему"}

Facts = Mapping[str, Any]
Sentence = Callable[[LanguageCode, Facts, Direction], str]


def reasons_json(subject: str, reasons: Sequence[Reason], facts: Facts) -> str:
    """The reasons as a JSON list: name, direction, effect on the log-odds, the facts that the words are made of."""
    return json.dumps(
        [
            {
                "reason": reason.name, "direction": reason.direction, "effect": round(reason.effect, 4),
                "facts": {name: _plain(facts.get(name)) for name in FACTS_OF[subject][reason.name]},
            }
            for reason in reasons
        ],
        ensure_ascii=False,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, str) else round(float(value), 2)


def reasons_text(subject: str, language: LanguageCode, reasons: Sequence[Reason], facts: Facts) -> str:
    """What speaks for it first, then what speaks against it."""
    sides = []
    for direction, lead_in in (
        ("raises", _word(language, "for: ", "за: ")),
        ("lowers", _word(language, "against: ", "против: ")),
    ):
        parts = [
            SENTENCES[subject][reason.name](language, facts, reason.direction)
            for reason in reasons
            if reason.direction == direction
        ]
        said = [part for part in dict.fromkeys(parts) if part]
        if said:
            sides.append(lead_in + ", ".join(said))
    return sentence(sides) if sides else _NOTHING[language]


def _word(language: LanguageCode, english: str, russian: str) -> str:
    return english if language == "en" else russian


def _source(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    if facts["source_name"] == NONE:
        return _word(language, "no source given", "источник не указан")
    name = facts["source_name"]
    more = direction == "raises"
    return _word(
        language,
        f"source “{name}” brings {'more' if more else 'less'} than average",
        f"источник «{name}» {'лучше' if more else 'хуже'} среднего",
    )


def _owner(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    if facts.get("owner_known") is False:
        return _word(language, "nobody has worked on it yet", "никто ещё не взял в работу")
    more = direction == "raises"
    return _word(
        language,
        f"its manager succeeds {'more' if more else 'less'} often than others",
        f"у менеджера успех {'чаще' if more else 'реже'}, чем у других",
    )


def _age(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    days = round(facts["age_days"])
    if days < 1:
        return (
            _word(language, "came today", "поступил сегодня")
            if facts["subject"] == "lead"
            else _word(language, "opened today", "открыта сегодня")
        )
    age = counted(language, days, "day")
    if facts["subject"] == "lead":
        return _word(language, f"came {age} ago", f"поступил {age} назад")
    return _word(language, f"open for {age}", f"открыта {age}")


def _response(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    if pd.isna(facts["response_hours"]):
        return _word(language, "not contacted yet", "с лидом ещё не связались")
    hours = facts["response_hours"]
    if hours < 1:
        return _word(language, "contacted within an hour", "связались в течение часа")
    time = counted(language, hours, "hour") if hours < 48 else counted(language, hours / 24, "day")
    return _word(language, f"first contact {time} after it came", f"первый контакт через {time} после поступления")


def _activity(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    if pd.isna(facts["activity_days"]):
        # That nothing was done never speaks for it, whatever the rates of the past say.
        nothing = _word(language, "no activity completed", "ни одной выполненной активности")
        return nothing if direction == "lowers" else ""
    days = round(facts["activity_days"])
    if facts["activities_14"]:
        done = counted(language, facts["activities_14"], "activity_done")
        return _word(language, f"{done} in the last 14 days", f"за последние 14 дней {done}")
    ago = counted(language, days, "day")
    return _word(language, f"no activity for {ago}", f"без активности {ago}")


def _messages(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    count = facts["messages"] if facts["subject"] == "lead" else facts["messages_30"]
    if not count:
        return _word(language, "the client has not written", "клиент не писал")
    said = counted(language, count, "message")
    return _word(language, f"{said} from the client", f"от клиента {said}")


def _stage(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    days = round(facts["days_in_stage"])
    if facts["stage_name"] == NONE:
        return _word(language, "no stage on record", "этап не записан")
    name = facts["stage_name"]
    if days < 1:
        return _word(language, f"reached stage “{name}” today", f"сегодня на этапе «{name}»")
    return _word(
        language,
        f"{counted(language, days, 'day')} on stage “{name}”",
        f"{counted(language, days, 'day')} на этапе «{name}»",
    )


def _customer(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    won, lost = facts["customer_won"], facts["customer_lost"]
    if won:
        bought = counted(language, won, "purchase")
        return _word(language, f"{bought} by this client before", f"у клиента уже {bought}")
    if lost:
        deals = counted(language, lost, "lost_deal")
        return _word(language, f"{deals} with this client before", f"с клиентом уже {deals}")
    return _word(language, "first deal with this client", "первая сделка с клиентом")


def _amount(language: LanguageCode, facts: Facts, direction: Direction) -> str:
    amount, usual = facts["amount"], facts["usual_amount"]
    if pd.isna(amount):
        return _word(language, "no amount given", "сумма не указана")
    text = money(language, amount, facts.get("currency"))
    if pd.isna(usual) or usual <= 0:
        return _word(language, f"amount {text}", f"сумма {text}")
    half = money(language, usual, facts.get("currency"))
    return _word(language, f"amount {text}, usually {half}", f"сумма {text}, обычно {half}")


SENTENCES: Mapping[str, Mapping[str, Sentence]] = {
    "lead": {
        "source": _source, "owner": _owner, "age": _age, "response": _response, "activity": _activity,
        "messages": _messages,
    },
    "deal": {
        "stage": _stage, "age": _age, "owner": _owner, "source": _source, "activity": _activity,
        "messages": _messages, "customer": _customer, "amount": _amount,
    },
}  # fmt: skip
FACTS_OF: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "lead": {
        "source": ("source_name", "source_type"), "owner": ("handler",), "age": ("age_days",),
        "response": ("response_hours",), "activity": ("activities", "activities_14", "activity_days"),
        "messages": ("messages",),
    },
    "deal": {
        "stage": ("stage_name", "days_in_stage"), "age": ("age_days",), "owner": ("owner",),
        "source": ("source_name",), "activity": ("activities_14", "activities_60", "activity_days"),
        "messages": ("messages_30",), "customer": ("customer_won", "customer_lost"),
        "amount": ("amount", "usual_amount"),
    },
}  # fmt: skip


def suggest_for_lead(facts: Facts, priority: str, as_of: date) -> Action:
    """What to do with a lead, with a date to do it by."""
    by = as_of + timedelta(days={HIGH: 1, MEDIUM: 3, LOW: 7}[priority])
    came = as_of - timedelta(days=int(facts["age_days"]))
    if not facts["activities"] or pd.isna(facts["activities"]):
        return Action(
            "first_contact",
            f"Call by {day('en', by)}: no contact since the lead came on {day('en', came)}",
            f"Позвонить до {day('ru', by)}: с лидом не связывались с {day('ru', came)}",
        )
    silent = counted("en", facts["activity_days"], "day"), counted("ru", facts["activity_days"], "day")
    if priority == LOW and facts["age_days"] >= _LONG_IN_STAGE_DAYS:
        return Action(
            "decide_or_close",
            f"Ask once more by {day('en', by)}; without an answer close the lead, which came on {day('en', came)}",
            f"До {day('ru', by)} спросить ещё раз; без ответа закрыть лид, он поступил {day('ru', came)}",
        )
    if facts["activity_days"] >= _SILENT_DAYS:
        return Action(
            "contact_again",
            f"Call by {day('en', by)}: the last contact was {silent[0]} ago",
            f"Позвонить до {day('ru', by)}: последний контакт {silent[1]} назад",
        )
    if priority == HIGH:
        return Action(
            "make_offer",
            f"Open a deal and agree on a date for the offer by {day('en', by)}",
            f"До {day('ru', by)} завести сделку и договориться о дате предложения",
        )
    return Action(
        "find_out_need",
        f"Find out budget and timing by {day('en', by)}, the last contact was {silent[0]} ago",
        f"До {day('ru', by)} узнать бюджет и сроки, последний контакт {silent[1]} назад",
    )


def suggest_for_deal(facts: Facts, priority: str, as_of: date) -> Action:
    """What to do with a deal, with a date to do it by."""
    by = as_of + timedelta(days={HIGH: 2, MEDIUM: 5, LOW: 7}[priority])
    stage = facts["stage_name"]
    staying = counted("en", facts["days_in_stage"], "day"), counted("ru", facts["days_in_stage"], "day")
    if priority == LOW and facts["age_days"] >= _OLD_DEAL_DAYS:
        age = counted("en", facts["age_days"], "day"), counted("ru", facts["age_days"], "day")
        return Action(
            "decide_or_close",
            f"Ask for a decision by {day('en', by)}; without one close the deal, open for {age[0]}",
            f"До {day('ru', by)} запросить решение; если его нет, закрыть сделку, она открыта {age[1]}",
        )
    silence = facts["activity_days"]
    if not pd.isna(silence) and silence >= _SILENT_DAYS:
        quiet = counted("en", silence, "day"), counted("ru", silence, "day")
        return Action(
            "contact_again",
            f"Call by {day('en', by)}: nothing has been done for {quiet[0]}",
            f"Позвонить до {day('ru', by)}: активностей не было {quiet[1]}",
        )
    if facts["days_in_stage"] >= _LONG_IN_STAGE_DAYS and stage != NONE:
        return Action(
            "unblock_stage",
            f"Find out by {day('en', by)} what holds the deal on stage “{stage}”, where it has stood for {staying[0]}",
            f"До {day('ru', by)} выяснить, что держит сделку на этапе «{stage}»: она там {staying[1]}",
        )
    if priority == HIGH:
        return Action(
            "agree_on_date",
            f"Agree on the date of signing by {day('en', by)}",
            f"До {day('ru', by)} договориться о дате подписания",
        )
    return Action(
        "next_step",
        f"Plan the next step with the client by {day('en', by)}: “{stage}” has lasted {staying[0]}"
        if stage != NONE
        else f"Plan the next step with the client by {day('en', by)}",
        f"До {day('ru', by)} назначить с клиентом следующий шаг: на этапе «{stage}» сделка {staying[1]}"
        if stage != NONE
        else f"До {day('ru', by)} назначить с клиентом следующий шаг",
    )
