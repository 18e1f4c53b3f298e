"""An amount of money as a language writes it. Which amounts a sentence names, how exactly, belongs to its wording."""

from __future__ import annotations

import re

from babel import Locale
from babel.numbers import format_currency

_NO_BREAK = "\u00a0"


def amount_text(value: float, language: str, currency: str, *, digits: int = 0) -> str:
    """`$1,234`, `RUB 1,234`, `1 234 ₽`: with `digits` behind the point, in the language's own pattern."""
    pattern = Locale(language).currency_formats["standard"].pattern
    pattern = re.sub(r"\.0+", f".{'0' * digits}" if digits else "", pattern)
    text = format_currency(value, currency, locale=language, currency_digits=False, format=pattern)
    return spaced(text, currency)


def spaced(text: str, currency: str) -> str:
    """Set a currency that has no symbol in this language apart from the number: it is a word."""
    return re.sub(rf"^(-?{re.escape(currency)})(?=\d)", rf"\1{_NO_BREAK}", text)
