"""Numbers, dates and counted nouns in Russian and English. What is said with them belongs to churn and scoring."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Literal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from ml_assets.money import amount_text

LanguageCode = Literal["en", "ru"]
LANGUAGES: tuple[LanguageCode, ...] = ("en", "ru")
_LOCALES = {"en": "en_US", "ru": "ru_RU"}
_MOST_EXACT = 100
# Beyond any amount of money: a typing error, shown without counting its zeros.
_IMPOSSIBLE = 1e15

# English has one and other; Russian one, few, many, and other for fractions.
_NOUNS: Mapping[str, tuple[tuple[str, str], tuple[str, str, str]]] = {
    "day": (("day", "days"), ("день", "дня", "дней")),
    "purchase": (("purchase", "purchases"), ("покупка", "покупки", "покупок")),
    "contact": (("contact", "contacts"), ("контакт", "контакта", "контактов")),
    "open_deal": (("open deal", "open deals"), ("открытая сделка", "открытые сделки", "открытых сделок")),
    "lost_deal": (("lost deal", "lost deals"), ("проигранная сделка", "проигранные сделки", "проигранных сделок")),
    "message": (("message", "messages"), ("сообщение", "сообщения", "сообщений")),
    "activity_done": (
        ("activity completed", "activities completed"),
        ("выполненная активность", "выполненные активности", "выполненных активностей"),
    ),
    "hour": (("hour", "hours"), ("час", "часа", "часов")),
}
_RUSSIAN = {"one": 0, "few": 1, "many": 2, "other": 1}


@cache
def _locale(language: LanguageCode) -> Locale:
    return Locale.parse(_LOCALES[language])


@lru_cache(maxsize=4096)
def number(language: LanguageCode, value: float) -> str:
    """A whole number with its thousands separated."""
    return str(format_decimal(round(value), locale=_LOCALES[language]))


@lru_cache(maxsize=4096)
def counted(language: LanguageCode, value: float, noun: str) -> str:
    """`21 days`, `21 день`; the number is rounded to a whole one first."""
    whole = round(value)
    forms = _NOUNS[noun]
    category = _locale(language).plural_form(whole)
    word = forms[0][0 if category == "one" else 1] if language == "en" else forms[1][_RUSSIAN[category]]
    return f"{number(language, whole)} {word}"


@lru_cache(maxsize=4096)
def money(language: LanguageCode, value: float, currency: str | None) -> str:
    """An amount as people say it: whole from a hundred on, its currency where it is known."""
    if abs(value) >= _IMPOSSIBLE:
        return f"{value:.0e} {currency}" if currency else f"{value:.0e}"
    whole = abs(value) >= _MOST_EXACT or value == round(value)
    if currency:
        return amount_text(value, language, currency, digits=0 if whole else 2)
    return str(format_decimal(value, format="#,##0" if whole else "#,##0.00", locale=_LOCALES[language]))


@lru_cache(maxsize=4096)
def percent(language: LanguageCode, share: float) -> str:
    """A share in whole percent."""
    return str(format_percent(share, format="#,##0 %" if language == "ru" else "#,##0%", locale=_LOCALES[language]))


@lru_cache(maxsize=4096)
def day(language: LanguageCode, value: date) -> str:
    """A date as people write it: `Mar 12, 2026`, `12 мар. 2026 г.`."""
    return str(format_date(value, "medium", locale=_LOCALES[language]))


def sentence(parts: list[str]) -> str:
    """Parts joined by semicolons, the first letter large."""
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
