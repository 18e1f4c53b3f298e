"""Whether a model's declaration fits its columns and is whole enough for readers; each breach says what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from catalogue.declaration import ComparedWith, Function, RateDeclared
from catalogue.formats import Format
from catalogue.members import NamesOf
from catalogue.mistakes import Mistake
from catalogue.reading import ModelRead
from catalogue.texts import LANGUAGES

# Superset's aliases end like this (docs/superset.md): a column of that form could not be told from one.
_ALIAS_SUFFIX: Final = re.compile(r"_[0-9a-f]{6}$")
_FORMATS_OF_NUMBERS: Final = frozenset(Format) - {Format.TEXT, Format.FLAG, Format.DAY, Format.MONTH, Format.MOMENT}


def find_mistakes(models: Mapping[str, ModelRead]) -> Iterator[Mistake]:
    """Yield what is wrong with the declarations of models that were read."""
    for model in models.values():
        yield from _view_of_records(model, models)
        if model.declared.roles:
            for check in _CHECKS_OF_OFFERED:
                yield from check(model)
        elif model.folder == "marts/reports":
            yield model.mistake("meta.roles", "a report is offered to nobody", "list the roles that may read it")


def _view_of_records(model: ModelRead, models: Mapping[str, ModelRead]) -> Iterator[Mistake]:
    report = model.declared.records_of
    if report is None:
        return
    if report not in models or not models[report].declared.roles:
        yield model.mistake("meta.records_of", f"'{report}' is no mart with roles", "name the report that it explains")
    for name, listed in model.declared.listed_values.items():
        for column in (listed.value, listed.counted):
            if not _is_kind(model, column, "measure"):
                yield model.mistake(
                    f"meta.listed_values.{name}", f"'{column}' is no measure of the view", "name a measure of it"
                )


def _texts(model: ModelRead) -> Iterator[Mistake]:
    if model.declared.title is None:
        yield model.mistake("meta.title", "is missing", "declare the title as {en: ..., ru: ...}")
    if model.declared.description_ru is None:
        yield model.mistake("meta.description_ru", "is missing", "translate the model's description")
    for column in model.columns.values():
        if column.declared.description_ru is None:
            yield model.mistake(
                f"{column.name}.meta.description_ru", "is missing", "translate the column's description"
            )


def _labels_are_distinct(model: ModelRead) -> Iterator[Mistake]:
    declared = model.declared
    named = [(name, column.declared.label) for name, column in model.columns.items()]
    named += [(figure.name, figure.label) for figure in declared.figures]
    for language in LANGUAGES:
        counts = Counter(label.said_in(language).casefold() for _, label in named)
        for name, label in named:
            if counts[label.said_in(language).casefold()] > 1:
                yield model.mistake(
                    f"{name}.meta.label.{language}",
                    f"'{label.said_in(language)}' is the label of another column too",
                    "give each a label of its own: readers choose by it",
                )


def _columns(model: ModelRead) -> Iterator[Mistake]:
    for column in model.columns.values():
        kind, is_array = column.declared.kind, column.data_type.startswith("Array(")
        if _ALIAS_SUFFIX.search(column.name):
            yield model.mistake(column.name, "ends like an alias of Superset's", "choose another name")
        if kind != "dimension" and column.declared.format not in _FORMATS_OF_NUMBERS:
            yield model.mistake(
                f"{column.name}.meta.format", "says nothing of a number", f"choose one of: {_formats_of_numbers()}"
            )
        if is_array != (kind == "values"):
            yield model.mistake(
                f"{column.name}.meta.kind",
                f"'{kind}' does not fit {column.data_type}",
                "an array with a value per record is of kind values, and nothing else is",
            )


def _members(model: ModelRead) -> Iterator[Mistake]:
    for column in model.columns.values():
        members, place = column.declared.members, f"{column.name}.meta.members"
        if not members:
            continue
        if column.declared.kind != "dimension" or column.declared.format is not Format.TEXT:
            yield model.mistake(place, "only a dimension of text has members", "remove them")
        if isinstance(members, NamesOf):
            continue
        for language in LANGUAGES:
            counts = Counter(text.said_in(language) for text in members.values())
            for text in (text for text, count in counts.items() if count > 1):
                yield model.mistake(place, f"'{text}' is said of several values", "readers could not tell them apart")


def _time_and_filters(model: ModelRead) -> Iterator[Mistake]:
    declared = model.declared
    if declared.time is not None:
        if not _is_kind(model, declared.time, "dimension"):
            yield model.mistake("meta.time", f"'{declared.time}' is no dimension", "name a dimension that is a date")
        elif "Date" not in model.columns[declared.time].data_type:
            yield model.mistake("meta.time", f"'{declared.time}' is no date", "name a dimension that is a date")
    named = {"filters": declared.filters, "not_additive_over": declared.not_additive_over}
    named["one_of"] = (declared.one_of,) if declared.one_of else ()
    for key, names in named.items():
        yield from _unknown(model, f"meta.{key}", names, _is_dimension)


def _chart(model: ModelRead) -> Iterator[Mistake]:
    chart = model.declared.chart
    if chart is None:
        if model.folder == "marts/reports":
            yield model.mistake("meta.chart", "is missing", "declare the chart that readers see first")
        return
    dimensions = (chart.x, *((chart.series,) if chart.series else ()))
    yield from _unknown(model, "meta.chart", dimensions, _is_dimension)
    derived = {figure.name for figure in model.declared.figures}
    yield from _unknown(model, "meta.chart.figures", set(chart.figures) - derived, _is_measure)


def _rates(model: ModelRead) -> Iterator[Mistake]:
    for rate in model.declared.rates:
        place = f"meta.rates.{rate.name}"
        yield from _is_taken(model, place, rate.name)
        yield from _unknown(model, place, (rate.numerator, rate.denominator), _is_measure)
        yield from _unknown(model, place, (*rate.within, *((rate.order,) if rate.order else ())), _is_dimension)
        yield from _order(model, place, rate)
        if rate.format.unit.seconds and _is_measure(model, rate.numerator):
            yield from _duration(model, place, rate.numerator)


def _order(model: ModelRead, place: str, rate: RateDeclared) -> Iterator[Mistake]:
    needs_order = rate.compared_with in (ComparedWith.PREVIOUS_ROW, ComparedWith.FIRST_ROW)
    if needs_order and rate.order is None:
        yield model.mistake(place, f"'{rate.compared_with}' needs an order", "name the dimension that orders the rows")
    if not needs_order and rate.order is not None:
        yield model.mistake(place, f"'{rate.compared_with}' has no order", "remove order, or compare with a neighbour")


def _aggregates(model: ModelRead) -> Iterator[Mistake]:
    for aggregate in model.declared.aggregates:
        place = f"meta.aggregates.{aggregate.name}"
        yield from _is_taken(model, place, aggregate.name)
        if aggregate.column not in model.columns:
            yield model.mistake(place, f"'{aggregate.column}' is no column", "name a column of the model")
            continue
        if (aggregate.function is Function.MEDIAN) != _is_kind(model, aggregate.column, "values"):
            yield model.mistake(
                place, f"'{aggregate.function}' of '{aggregate.column}'", "take a median of values, and only of them"
            )
        if aggregate.format.unit.seconds:
            yield from _duration(model, place, aggregate.column)


def _duration(model: ModelRead, place: str, column: str) -> Iterator[Mistake]:
    if not model.columns[column].declared.format.unit.seconds:
        yield model.mistake(
            place, f"a time is taken from '{column}', which is none", f"give '{column}' the format of a time"
        )


def _is_taken(model: ModelRead, place: str, name: str) -> Iterator[Mistake]:
    names = [*model.columns, *(figure.name for figure in model.declared.figures)]
    if names.count(name) > 1:
        yield model.mistake(place, f"'{name}' is the name of another column or figure", "choose another name")


def _unknown(
    model: ModelRead, place: str, names: Iterable[str], is_right: Callable[[ModelRead, str], bool]
) -> Iterator[Mistake]:
    kind = "measure" if is_right is _is_measure else "dimension"
    known = ", ".join(name for name in model.columns if is_right(model, name))
    for name in names:
        if not is_right(model, name):
            yield model.mistake(place, f"'{name}' is no {kind} of the model", f"choose among: {known}")


def _is_measure(model: ModelRead, name: str) -> bool:
    return _is_kind(model, name, "measure")


def _is_dimension(model: ModelRead, name: str) -> bool:
    return _is_kind(model, name, "dimension")


def _is_kind(model: ModelRead, name: str, kind: str) -> bool:
    return name in model.columns and model.columns[name].declared.kind == kind


def _formats_of_numbers() -> str:
    return ", ".join(sorted(_FORMATS_OF_NUMBERS))


_CHECKS_OF_OFFERED: Final[tuple[Callable[[ModelRead], Iterator[Mistake]], ...]] = (
    _texts,
    _labels_are_distinct,
    _columns,
    _members,
    _time_and_filters,
    _chart,
    _rates,
    _aggregates,
)
