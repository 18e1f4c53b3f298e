"""An event in words a sales director would use, in Russian and English, numbers and plurals by each language's rules.

Every figure comes in ready; nothing is computed here but signs and rounding.
"""

from __future__ import annotations

from datetime import date

from babel import Locale
from babel.dates import format_interval, format_skeleton
from babel.numbers import format_compact_currency, format_compact_decimal, format_decimal, format_percent

from ml_assets.anomalies.config import DAY, DEPARTMENT, DOWN, MANAGER, RATIO, AnomalyConfig
from ml_assets.anomalies.events import Event
from ml_assets.anomalies.explanation import Explanation, Part
from ml_assets.money import amount_text, spaced

LANGUAGES = ("en", "ru")
_MINUS = "\u2212"
_SPACE = "\u00a0"
_LARGE = 10_000
_MOST_TIMES = 10.0
# 1,5 млн needs a digit more than 15 млн.
_FEW_DIGITS = 10

_METRICS = {
    "sales": {"en": "Sales", "ru": "Продажи"},
    "leads": {"en": "Leads", "ru": "Лиды"},
    "conversion": {"en": "Conversion", "ru": "Конверсия"},
    "activity": {"en": "Activities", "ru": "Активности"},
    "calls": {"en": "Calls", "ru": "Звонки"},
    "meetings": {"en": "Meetings", "ru": "Встречи"},
    "emails": {"en": "E-mails", "ru": "Письма"},
    "tasks": {"en": "Tasks", "ru": "Задачи"},
}
_DIMENSIONS = {
    DEPARTMENT: {"en": "department", "ru": "отдел"},
    MANAGER: {"en": "manager", "ru": "менеджер"},
}
_NONE = {
    DEPARTMENT: {"en": "no department", "ru": "без отдела"},
    MANAGER: {"en": "no manager", "ru": "без менеджера"},
}
_USUAL_WEEKDAY = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "ru": (
        "обычному понедельнику", "обычному вторнику", "обычной среде", "обычному четвергу", "обычной пятнице",
        "обычной субботе", "обычному воскресенью",
    ),
}  # fmt: skip
_FORMS = {
    "manager_of": {"en": {"one": "manager", "other": "managers"}, "ru": {"one": "менеджера", "other": "менеджеров"}},
    "absent": {"en": {"one": "absent", "other": "absent"}, "ru": {"one": "отсутствует", "other": "отсутствуют"}},
    "day": {
        "en": {"one": "day", "other": "days"},
        "ru": {"one": "день", "few": "дня", "many": "дней", "other": "дней"},
    },
    "week": {
        "en": {"one": "week", "other": "weeks"},
        "ru": {"one": "неделю", "few": "недели", "many": "недель", "other": "недель"},
    },
}
SEVERITY_NAMES = {
    "low": {"en": "low", "ru": "низкая"},
    "medium": {"en": "medium", "ru": "средняя"},
    "high": {"en": "high", "ru": "высокая"},
    "critical": {"en": "critical", "ru": "критическая"},
}


def metric_name(metric: str, language: str) -> str:
    """What a metric is called at the beginning of a sentence; an unknown one by its own name."""
    return _METRICS.get(metric, {}).get(language, metric)


def plural(word: str, count: int, language: str) -> str:
    """The form of a word that goes with a number."""
    forms = _FORMS[word][language]
    return forms.get(Locale(language).plural_form(count), forms["other"])


def number(value: float, language: str) -> str:
    """A figure: short above ten thousand, whole above ten, one digit below."""
    size = abs(value)
    if size >= _LARGE:
        text = format_compact_decimal(size, locale=language, fraction_digits=_compact_digits(size))
    else:
        text = format_decimal(round(size, 0 if size >= _FEW_DIGITS else 1), format="#,##0.#", locale=language)
    return (_MINUS if value < 0 and text != "0" else "") + text


def money_text(value: float, language: str, currency: str | None) -> str:
    """An amount in the tenant's currency; a bare number without one."""
    if currency is None:
        return number(value, language)
    size = abs(value)
    if size >= _LARGE:
        digits = _compact_digits(size)
        text = spaced(format_compact_currency(size, currency, locale=language, fraction_digits=digits), currency)
    else:
        text = amount_text(round(size), language, currency)
    return (_MINUS if value < 0 else "") + text


def _compact_digits(size: float) -> int:
    while size >= 1000:
        size /= 1000
    return 1 if size < _FEW_DIGITS else 0


def signed_percent(share: float, language: str) -> str:
    """A difference such as −62 % or +40 %, without digits behind the point."""
    text = format_percent(abs(round(share, 2)), locale=language)
    return ("+" if share > 0 else _MINUS) + text


def days_text(first: date, last: date, language: str, *, year: bool = True) -> str:
    """One day, or a range of days, such as May 12 – 14, 2026."""
    skeleton = "yMMMd" if year else "MMMd"
    if first == last:
        return str(format_skeleton(skeleton, first, locale=language))
    return str(format_interval(first, last, skeleton=skeleton, locale=language))


def sentence(event: Event, explanation: Explanation, language: str, config: AnomalyConfig) -> str:
    """The event in one to four short sentences.

    Raises:
        ValueError: the language is neither `en` nor `ru`.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}: give one of {', '.join(LANGUAGES)}")
    parts = [
        f"{_subject(event, explanation, language)} {_change(event, explanation, language, config)}",
        _absence(explanation, language),
        _contributions(event, explanation, language, config),
        _worth(event, language, config),
    ]
    return " ".join(f"{part}." for part in parts if part)


def _subject(event: Event, explanation: Explanation, language: str) -> str:
    metric = metric_name(event.key.metric, language)
    if not explanation.name:
        return metric
    who = member_text(event.key.dimension, event.key.member, explanation.name, language)
    return f"{metric} ({who})"


def member_text(dimension: str, member: str, name: str, language: str) -> str:
    """A member with the word for its dimension and its name in quotes; what has none, in words."""
    if member == "(none)":
        return _NONE.get(dimension, {}).get(language, name)
    word = _DIMENSIONS.get(dimension, {}).get(language, dimension)
    return f"{word} “{name}”" if language == "en" else f"{word} «{name}»"


def _change(event: Event, explanation: Explanation, language: str, config: AnomalyConfig) -> str:
    if event.kind == RATIO:
        now, then = (rate_text(value, language) for value in (event.value, event.expected))
        found = _of(explanation, language)
        return (
            f"{now}{found} instead of the usual {then}" if language == "en" else f"{now}{found} вместо обычных {then}"
        )
    value, expected = (_figure(each, event, language, config) for each in (event.value, event.expected))
    instead = f"{value} instead of {expected}" if language == "en" else f"{value} вместо {expected}"
    how_much, usual = _how_much(event, language), _against(event, language)
    if language == "en":
        return f"{how_much} against {usual}: {instead}"
    return f"{how_much} к {usual}: {instead}"


def rate_text(value: float, language: str) -> str:
    """A ratio as a percentage with at most one digit."""
    return format_percent(value, format="#,##0.#%" if language == "en" else "#,##0.#\u00a0%", locale=language)


def _of(explanation: Explanation, language: str) -> str:
    if explanation.numerator is None or explanation.denominator is None:
        return ""
    top, bottom = number(explanation.numerator, language), number(explanation.denominator, language)
    return f" ({top} of {bottom})" if language == "en" else f" ({top} из {bottom})"


def _how_much(event: Event, language: str) -> str:
    """A percentage; above tenfold a multiple, which is easier to grasp."""
    deviation = event.deviation
    if deviation is None:
        return ""
    if deviation >= _MOST_TIMES:
        times = number(deviation + 1, language)
        return f"×{times}"
    return signed_percent(deviation, language)


def _against(event: Event, language: str) -> str:
    if event.grain == DAY and event.periods == 1:
        weekday = _USUAL_WEEKDAY[language][event.first_day.weekday()]
        return f"the usual {weekday}" if language == "en" else weekday
    if event.periods == 1:
        return "the usual week" if language == "en" else "обычной неделе"
    word = plural(event.grain, event.periods, language)
    if language == "en":
        return f"{event.periods} usual {word}"
    return f"обычному за {event.periods}{_SPACE}{word}"


def _figure(value: float, event: Event, language: str, config: AnomalyConfig) -> str:
    if event.key.metric == config.money_metric:
        return money_text(value, language, config.currency)
    return number(value, language)


def _absence(explanation: Explanation, language: str) -> str:
    absent, of = explanation.absent, explanation.of_managers
    if not absent:
        return ""
    names = f": {', '.join(explanation.absent_names)}" if absent <= len(explanation.absent_names) else ""
    managers = plural("manager_of", of, language)
    if of == 1:
        return "The manager is absent" if language == "en" else "Менеджер отсутствует"
    if language == "en":
        return f"{absent} of {of} {managers} absent{names}"
    verb = plural("absent", absent, language)
    return f"{verb.capitalize()} {absent} из {of} {managers}{names}"


def _contributions(event: Event, explanation: Explanation, language: str, config: AnomalyConfig) -> str:
    if not explanation.parts:
        return ""
    found = "; ".join(_part(part, event, language, config) for part in explanation.parts)
    return f"Mostly: {found}" if language == "en" else f"Основной вклад: {found}"


def _part(part: Part, event: Event, language: str, config: AnomalyConfig) -> str:
    who = member_text(part.dimension, part.member, part.name, language)
    size = _figure(part.difference, event, language, config)
    sign = "+" if part.difference > 0 else ""
    share = format_percent(min(round(part.share, 2), 1.0), locale=language)
    return f"{who} {sign}{size} ({share})"


def _worth(event: Event, language: str, config: AnomalyConfig) -> str:
    if event.effect_money is None or event.key.metric == config.money_metric:
        return ""
    size = money_text(abs(event.effect_money), language, config.currency)
    if language == "en":
        return f"Worth about {size} of {'lost' if event.direction == DOWN else 'extra'} sales"
    return f"Это около {size} {'недополученных' if event.direction == DOWN else 'дополнительных'} продаж"
