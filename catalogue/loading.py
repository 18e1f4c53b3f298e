"""Loads the catalogue from dbt's manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from catalogue.checks import find_mistakes
from catalogue.declaration import AggregateDeclared, RateDeclared
from catalogue.entries import Aggregate, Catalogue, Column, Dimension, Mart, Measure, Rate, RecordView, Values
from catalogue.mistakes import CatalogueError, Mistake
from catalogue.reading import ColumnRead, ModelRead, read_models
from catalogue.texts import Text
from deploy.settings import REPOSITORY

MANIFEST: Final = REPOSITORY / "dbt_project" / "target" / "manifest.json"

_Column = TypeVar("_Column", bound=Column)


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
    views = {model.declared.records_of: _record_view(model) for model in models.values() if model.declared.records_of}
    marts = {model.name: _mart(model, views.get(model.name)) for model in models.values() if model.declared.roles}
    return Catalogue(marts=marts, record_views=views)


def _mart(model: ModelRead, records: RecordView | None) -> Mart:
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
        dimensions=_columns(model, "dimension", Dimension),
        measures=_columns(model, "measure", Measure),
        values=_columns(model, "values", Values),
        rates={rate.name: _rate(model, rate) for rate in declared.rates},
        aggregates={aggregate.name: _aggregate(model, aggregate) for aggregate in declared.aggregates},
        records=records,
    )


def _record_view(model: ModelRead) -> RecordView:
    declared = model.declared
    assert declared.title
    assert declared.records_of
    return RecordView(
        name=model.name,
        report=declared.records_of,
        title=declared.title,
        database=model.database,
        dimensions=_columns(model, "dimension", Dimension),
        measures=_columns(model, "measure", Measure),
        listed=declared.listed_values,
    )


def _columns(model: ModelRead, kind: str, made: type[_Column]) -> dict[str, _Column]:
    return {name: _column(column, made) for name, column in model.columns.items() if column.declared.kind == kind}


def _column(column: ColumnRead, made: type[_Column]) -> _Column:
    declared = column.declared
    described = Text(en=column.description, ru=declared.description_ru) if declared.description_ru else None
    return made(column.name, column.data_type, declared.label, described, declared.format)


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
