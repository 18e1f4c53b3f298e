"""The reader's language: headings, numbers, titles of reports. What is said about findings is in `checks.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from babel.numbers import format_decimal, format_percent

from orchestration.doctor.diagnosis import Counted, Finding, LanguageCode, Report, Severity, Status, Wording

_REPORTS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts" / "reports" / "reports.yml"
_LOCALES = {"en": "en_US", "ru": "ru_RU"}
_SMALLEST_SHARE = 0.001

_WORDS: Mapping[str, Wording] = {
    "title": Wording("{crm} as {mapping} sees it", "{crm} глазами {mapping}"),
    "tables": Wording("Tables", "Таблицы"),
    "findings": Wording("Findings", "Находки"),
    "reports": Wording("Reports", "Отчёты"),
    "table": Wording("table", "таблица"),
    "source": Wording("source", "источник"),
    "rows": Wording("rows", "строк"),
    "live": Wording("live", "живых"),
    "deleted": Wording("deleted", "удалено"),
    "changes": Wording("changes found by", "изменения по"),
    "late_commits": Wording("late commits", "поздние коммиты"),
    "first_load": Wording("first load", "первая загрузка"),
    "whole_table": Wording("reading all", "чтению целиком"),
    "no_index": Wording("{column}, no index", "{column}, без индекса"),
    "transactions": Wording("seen", "видны"),
    "lag": Wording("by a lag", "по отставанию"),
    "seconds": Wording("{number} s", "{number} с"),
    "minutes": Wording("{number} min", "{number} мин"),
    "less_than": Wording("< {what}", "< {what}"),
    "about": Wording("about {what}", "около {what}"),
    "not mapped": Wording("not mapped", "нет в описании"),
    "snapshot": Wording("recorded by loads", "пишут загрузки"),
    "refused": Wording("cannot be loaded", "не загрузится"),
    "mapped": Wording("", ""),
    "counted": Wording("{rows} of {of} ({share})", "{rows} из {of} ({share})"),
    "counted_bare": Wording("{rows}", "{rows}"),
    "all_reports": Wording("All reports", "Все отчёты"),
    "example": Wording("such as {example}", "например {example}"),
    "unmapped": Wording("{columns}: not mapped", "{columns}: нет в описании"),
    "empty_value": Wording("(empty)", "(пусто)"),
    "summary": Wording(
        "errors: {errors}, warnings: {warnings}, notes: {notes}; examined in {seconds}",
        "ошибок: {errors}, предупреждений: {warnings}, замечаний: {notes}; осмотр занял {seconds}",
    ),
    "nothing": Wording("nothing to report", "замечаний нет"),
    Severity.ERROR: Wording("ERROR", "ОШИБКА"),
    Severity.WARNING: Wording("warning", "внимание"),
    Severity.INFO: Wording("note", "заметка"),
    Status.COMPLETE: Wording("complete", "полный"),
    Status.LIMITED: Wording("usable with limits", "с ограничениями"),
    Status.BROKEN: Wording("would fail or be wrong", "не построится или будет неверен"),
    Status.NOT_MAPPED: Wording("not mapped: {tables}", "нет в описании: {tables}"),
}


def word(language: LanguageCode, key: str, **values: str) -> str:
    """Return a word of the display."""
    return _WORDS[key].filled(**values).to(language)


@cache
def report_titles() -> Mapping[Report, Wording]:
    """Return the titles of the reports, as their dbt models declare them."""
    models = yaml.safe_load(_REPORTS.read_text(encoding="utf-8"))["models"]
    return {Report(model["name"]): Wording(**model["config"]["meta"]["title"]) for model in models}


def number(language: LanguageCode, value: int) -> str:
    """Return a whole number with its thousands separated."""
    return str(format_decimal(value, locale=_LOCALES[language]))


def percent(language: LanguageCode, share: float) -> str:
    """Return a share with one decimal; a small one that is not zero never reads as zero, nor almost all as all."""

    def written(value: float) -> str:
        pattern = "#,##0.0 %" if language == "ru" else "#,##0.0%"
        return str(format_percent(value, format=pattern, locale=_LOCALES[language]))

    if 0 < share < _SMALLEST_SHARE:
        return f"< {written(_SMALLEST_SHARE)}"
    if 1 - _SMALLEST_SHARE < share < 1:
        return f"> {written(1 - _SMALLEST_SHARE)}"
    return written(share)


def duration(language: LanguageCode, seconds: float) -> str:
    """Return a duration of roughly that many seconds."""
    if seconds < 1:
        return word(language, "less_than", what=word(language, "seconds", number="1"))
    if seconds < 100:
        return word(language, "seconds", number=f"{seconds:.0f}")
    return word(language, "minutes", number=f"{seconds / 60:.0f}")


def counted(language: LanguageCode, count: Counted) -> str:
    """Return `12 of 3,400 (0.4%)`."""
    rows = number(language, count.rows)
    if count.share is None:
        return word(language, "counted_bare", rows=rows)
    share = percent(language, count.share)
    return word(language, "counted", rows=rows, of=number(language, count.of), share=share)


def headline(language: LanguageCode, finding: Finding) -> str:
    """Return what was found and how often."""
    title = finding.title.to(language)
    return title if finding.counted is None else f"{title}: {counted(language, finding.counted)}"
