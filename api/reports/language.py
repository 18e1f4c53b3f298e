"""The reader's language: words, numbers and dates. Titles and labels of marts come from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from catalogue.entries import Catalogue
from catalogue.loading import load_catalogue
from catalogue.texts import LanguageCode

_LOCALES = {"en": "en_US", "ru": "ru_RU"}

# Words of the display itself: totals, notes.
_WORDS: Mapping[str, tuple[str, str]] = {
    "total": ("Total", "Итого"),
    "total_to_date": ("Total to date", "Итого на сегодня"),
    "future": ("In the future", "В будущем"),
    "none": ("(none)", "(нет)"),
    "yes": ("yes", "да"),
    "no": ("no", "нет"),
    "not_yet": ("not yet", "ещё нет"),
    "last_12_months": ("last 12 months", "последние 12 месяцев"),
    "last_30_days": ("last 30 days", "последние 30 дней"),
    "created_last_12_months": ("created in the last 12 months", "созданы за последние 12 месяцев"),
    "reached": ("deals that ever reached the stage", "сделки, когда-либо достигшие этапа"),
    "current": ("deals by their stage now", "сделки по текущему этапу"),
    "as_of": ("as of", "на"),
    "empty": ("no rows in this period", "за этот период строк нет"),
    "not_mapped": (
        "not mapped: the CRM's mapping fills none of: {tables}",
        "нет данных: в описании CRM не заполнены таблицы: {tables}",
    ),
    "caution": ("Caution", "Осторожно"),
    "notice": ("Note", "К сведению"),
    "footnote": (
        "{word}: {text}: {affected} of {total} ({share})",
        "{word}: {text}: {affected} из {total} ({share})",
    ),
    "not_built": (
        "The marts are not built yet. Run the nightly job first: make run",
        "Витрины ещё не построены. Сначала выполните ночное задание: make run",
    ),
    "record_deal": ("deal", "сделка"),
    "record_lead": ("lead", "лид"),
    "record_activity": ("activity", "активность"),
    "records_shown": ("Records {first} to {last} of {count}", "Записи с {first} по {last} из {count}"),
    "records_none": ("No record adds anything to this figure.", "Ни одна запись ничего не добавляет к этой цифре."),
    "records_past_the_end": ("There are only {count} records.", "Записей всего {count}."),
    "unknown_report": ("report '{report}' is not among: {reports}", "нет отчёта «{report}», есть: {reports}"),
    "unknown_measure": (
        "{report} has no measure '{name}'; choose one of: {names}",
        "в отчёте {report} нет показателя «{name}», есть: {names}",
    ),
    "unknown_dimension": (
        "{report} has no dimension '{name}'; choose among: {names}",
        "в отчёте {report} нет измерения «{name}», есть: {names}",
    ),
    "bad_value": (
        "{name}: '{value}' is not {expected}",
        "{name}: значение «{value}» не подходит, ожидается {expected}",
    ),
    "expected_day": ("a day such as 2026-03-31", "день вида 2026-03-31"),
    "expected_month": ("a month such as 2026-03", "месяц вида 2026-03"),
    "expected_flag": ("true or false", "true или false"),
    "expected_whole": ("a whole number", "целое число"),
    "expected_condition": ("of the form column=value", "условие вида столбец=значение"),
    "mode_needed": (
        "{report} shows each deal in several modes that must not be added up: choose mode=reached or mode=current",
        "{report} показывает сделку в нескольких режимах, которые нельзя складывать: укажите mode=reached или "
        "mode=current",
    ),
    "bad_window": (
        "limit must be at least 1 and offset at least 0",
        "limit должен быть не меньше 1, а offset не меньше 0",
    ),
    "period": ("Period", "Период"),
    "band": ("{level} band", "интервал {level}"),
    "forecast_beats_seasonal_naive": ("better than last year's months", "точнее повтора прошлого года"),
    "forecast_beats_naive_when_mixed": ("better than last year's months", "точнее повтора прошлого года"),
    "forecast_not_better_than_seasonal_naive": (
        "last year's months: nothing was better on the past",
        "повтор прошлого года: на прошлых данных ничто не оказалось точнее",
    ),
    "forecast_too_short_to_backtest": ("too short a history to test", "история слишком коротка для проверки"),
    "forecast_no_history": ("no sales yet", "продаж ещё не было"),
    "forecast_low_history": ("short history", "короткая история"),
    "unknown_tenant": ("tenant '{tenant}' is not among: {tenants}", "нет арендатора «{tenant}», есть: {tenants}"),
}


@dataclass(frozen=True, slots=True)
class Language:
    """Formats everything a reader sees.

    Attributes:
        code: en or ru.
        catalogue: of which titles and labels are read.
    """

    code: LanguageCode
    catalogue: Catalogue

    def word(self, key: str, **values: str) -> str:
        """Return a word of the display."""
        return _WORDS[key][0 if self.code == "en" else 1].format(**values)

    def title(self, mart: str) -> str:
        """Return the title of a mart."""
        return self.catalogue.marts[mart].title.said_in(self.code)

    def label(self, mart: str, name: str) -> str:
        """Return the label of a mart's dimension or figure."""
        return self.catalogue.marts[mart].label(name).said_in(self.code)

    def month(self, first_day: date) -> str:
        """Return a month as people write it, for example `March 2026`."""
        return format_date(first_day, "LLLL y", locale=_LOCALES[self.code])

    def day(self, day: date) -> str:
        """Return a day as people write it."""
        return format_date(day, "d MMM y" if self.code == "ru" else "medium", locale=_LOCALES[self.code])

    def count(self, value: int) -> str:
        """Return a whole number with thousands separated."""
        return str(format_decimal(value, locale=_LOCALES[self.code]))

    def number(self, value: float) -> str:
        """Return a number with one decimal."""
        return str(format_decimal(value, format="#,##0.0", locale=_LOCALES[self.code]))

    def ratio(self, value: float) -> str:
        """Return a multiple of something with two decimals: one that is read against 0.25 is not rounded to 0.3."""
        return str(format_decimal(value, format="#,##0.00", locale=_LOCALES[self.code]))

    def money(self, value: Decimal) -> str:
        """Return an amount to the cent; its currency stands in the heading."""
        return str(format_decimal(value, format="#,##0.00", locale=_LOCALES[self.code]))

    def percent(self, value: float) -> str:
        """Return a fraction as a percentage with one decimal."""
        return str(
            format_percent(value, format="#,##0.0 %" if self.code == "ru" else "#,##0.0%", locale=_LOCALES[self.code])
        )


def load_language(code: LanguageCode) -> Language:
    """Return the language with the titles and labels of the report catalogue.

    Raises:
        FileNotFoundError: the dbt manifest has not been built.
        CatalogueError: the models' YAML does not make a catalogue.
    """
    return Language(code=code, catalogue=load_catalogue())
