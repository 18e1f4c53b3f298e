"""Datasets of Superset, made of the marts of the catalogue: columns, metrics, labels, formats, definitions."""

from __future__ import annotations

from typing import Any, Final

from catalogue.entries import Column, Dimension, Figure, Mart, Values
from catalogue.expressions import expression, members_expression
from catalogue.formats import Format
from catalogue.texts import LanguageCode
from superset_assets.identity import asset_id

VERSION: Final = "1.0.0"

# Formats of d3; how thousands, decimals and money look is the reader's locale: `$` is the sign of its currency.
NUMBER_FORMATS: Final = {
    Format.COUNT: ",d",
    Format.MONEY: "$,.0f",
    Format.NUMBER: ",.1f",
    Format.RATIO: ",.2f",
    Format.PERCENT: ".1%",
    Format.SECONDS: ",d",
    Format.MINUTES: ",d",
    Format.DAYS: ",.1f",
}
# %x and %c are a date and a moment as the reader's locale writes them.
TIME_FORMATS: Final = {Format.MONTH: "%b %Y", Format.DAY: "%x", Format.MOMENT: "%c"}
_TEMPORAL: Final = frozenset(TIME_FORMATS)
# Views that ClickHouse refreshes by itself change between two nights.
_LIVE_FOLDER: Final = "materialized_views"
_LIVE_SECONDS: Final = 30


def dataset(mart: Mart, language: LanguageCode, database: str) -> dict[str, Any]:
    """Return the dataset of a mart in one language, as Superset imports it."""
    return {
        "table_name": mart.name,
        "schema": mart.database,
        "description": f"{mart.title.said_in(language)}. {mart.description.said_in(language)}",
        "main_dttm_col": mart.time,
        "cache_timeout": _LIVE_SECONDS if mart.folder == _LIVE_FOLDER else None,
        "filter_select_enabled": True,
        "extra": {"certification": {"certified_by": "CRM Analytics"}},
        "columns": [_column(column, language) for column in mart.columns.values()],
        "metrics": [_metric(name, figure, language) for name, figure in mart.figures.items()],
        "uuid": asset_id("dataset", mart.name, language),
        "database_uuid": asset_id("database", database, language),
        "version": VERSION,
        "is_managed_externally": True,
    }


def _column(column: Column, language: LanguageCode) -> dict[str, Any]:
    return {
        "column_name": column.name,
        "verbose_name": column.label.said_in(language),
        "description": column.description.said_in(language) if column.description else None,
        "type": column.data_type,
        # Where it says more than the column holds, Superset asks this instead of the column, filters included.
        "expression": members_expression(column, language),
        "is_dttm": column.format in _TEMPORAL,
        "is_active": True,
        "groupby": isinstance(column, Dimension),
        "filterable": not isinstance(column, Values),
    }


def _metric(name: str, figure: Figure, language: LanguageCode) -> dict[str, Any]:
    return {
        "metric_name": name,
        "verbose_name": figure.label.said_in(language),
        "description": figure.description.said_in(language) if figure.description else None,
        "expression": expression(figure),
        "d3format": NUMBER_FORMATS.get(figure.format),
    }
