"""Loads the catalogue from dbt's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from catalogue.checks import find_mistakes
from catalogue.declaration import AggregateDeclared, RateDeclared
from catalogue.entries import Aggregate, Catalogue, Column, Dimension, Mart, Measure, Rate, RecordView, Values
from catalogue.formats import Format
from catalogue.members import NONE, NONE_SAID, Members, NamesOf
from catalogue.mistakes import CatalogueError, Mistake
from catalogue.reading import ColumnRead, ModelRead, read_models
from catalogue.texts import Text
from deploy.settings import REPOSITORY

MANIFEST: Final = REPOSITORY / "dbt_project" / "target" / "manifest.json"

_Column = TypeVar("_Column", bound=Column)
_Names = Mapping[NamesOf, Members]


def load_catalogue(manifest: Path = MANIFEST) -> Catalogue:
    """Load the catalogue from dbt's manifest.

    Raises:
        FileNotFoundError: the manifest has not been built.
        CatalogueError: declarations are malformed, do not fit their model or are not whole.
    """
    return build_catalogue(json.loads(manifest.read_text(encoding="utf-8")))


def build_catalogue(manifest: Mapping[str, Any]) -> Catalogue:
    """Return the catalogue of a manifest that was read, or raise `CatalogueError`."""
    mistakes: list[Mistake] = []
    models = read_models(manifest, mistakes)
    # What does not fit a declaration that could not be read would be told twice.
    mistakes = mistakes or list(find_mistakes(models))
    if mistakes:
        raise CatalogueError(mistakes)
    names = {NamesOf.MARTS: _titles(models.values()), NamesOf.FIGURES: _labels(models.values())}
    explained = ((model.declared.records_of, model) for model in models.values())
    views = {report: _record_view(model, names) for report, model in explained if report}
    offered = (model for model in models.values() if model.declared.roles)
    marts = {model.name: _mart(model, views.get(model.name), names) for model in offered}
    return Catalogue(marts=marts, record_views=views)


def _titles(models: Iterable[ModelRead]) -> Members:
    return {model.name: model.declared.title for model in models if model.declared.title}


def _labels(models: Iterable[ModelRead]) -> Members:
    """Return the labels of the figures of all marts; of a name that several use, the first label."""
    labels: dict[str, Text] = {}
    for model in models:
        measures = [(name, column.declared) for name, column in model.columns.items()]
        for name, label in (
            *((name, declared.label) for name, declared in measures if declared.kind == "measure"),
            *((figure.name, figure.label) for figure in model.declared.figures),
        ):
            labels.setdefault(name, label)
    return labels


def _mart(model: ModelRead, records: RecordView | None, names: _Names) -> Mart:
    declared = model.declared
    assert declared.title
    assert declared.description_ru
    return Mart(
        name=model.name,
        database=model.database,
        folder=model.folder,
        title=declared.title,
        description=Text(en=model.description, ru=declared.description_ru),
        roles=declared.roles,
        time=declared.time,
        filters=declared.filters,
        one_of=declared.one_of,
        not_additive_over=declared.not_additive_over,
        chart=declared.chart,
        dimensions=_columns(model, "dimension", Dimension, names),
        measures=_columns(model, "measure", Measure, names),
        values=_columns(model, "values", Values, names),
        rates={rate.name: _rate(model, rate) for rate in declared.rates},
        aggregates={aggregate.name: _aggregate(model, aggregate) for aggregate in declared.aggregates},
        records=records,
    )


def _record_view(model: ModelRead, names: _Names) -> RecordView:
    declared = model.declared
    assert declared.title
    assert declared.records_of
    return RecordView(
        name=model.name,
        report=declared.records_of,
        title=declared.title,
        database=model.database,
        dimensions=_columns(model, "dimension", Dimension, names),
        measures=_columns(model, "measure", Measure, names),
        listed=declared.listed_values,
    )


def _columns(model: ModelRead, kind: str, made: type[_Column], names: _Names) -> dict[str, _Column]:
    found = {name: column for name, column in model.columns.items() if column.declared.kind == kind}
    return {name: _column(column, made, names) for name, column in found.items()}


def _column(column: ColumnRead, made: type[_Column], names: _Names) -> _Column:
    declared = column.declared
    described = Text(en=column.description, ru=declared.description_ru) if declared.description_ru else None
    members = _members(column, names)
    return made(column.name, column.data_type, declared.label, described, declared.format, members)


def _members(column: ColumnRead, names: _Names) -> Members:
    declared = column.declared
    told = names[declared.members] if isinstance(declared.members, NamesOf) else declared.members
    is_name = declared.kind == "dimension" and declared.format is Format.TEXT and "String" in column.data_type
    # Ids are compared, also with what a row rule holds; they stay what they are.
    return {NONE: NONE_SAID, **told} if is_name and not column.name.endswith("_id") else told


def _rate(model: ModelRead, declared: RateDeclared) -> Rate:
    return Rate(
        name=declared.name,
        label=declared.label,
        description=declared.description,
        format=declared.format,
        numerator=declared.numerator,
        denominator=declared.denominator,
        scale=_scale(model, declared.numerator, declared),
        compared_with=declared.compared_with,
        order=declared.order,
        within=declared.within,
    )


def _aggregate(model: ModelRead, declared: AggregateDeclared) -> Aggregate:
    return Aggregate(
        name=declared.name,
        label=declared.label,
        description=declared.description,
        format=declared.format,
        column=declared.column,
        function=declared.function,
        scale=_scale(model, declared.column, declared),
    )


def _scale(model: ModelRead, column: str, figure: RateDeclared | AggregateDeclared) -> float:
    """Return the factor from the column's unit of time to the figure's, 1 where it is not a time."""
    given, wanted = model.columns[column].declared.format.unit.seconds, figure.format.unit.seconds
    return given / wanted if given and wanted else 1.0
