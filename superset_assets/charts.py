"""Charts of Superset, made of chart sources: the form data that its page reads, and the query that its data API runs.

Which figures a chart shows is said in its source, how they are written in the catalogue; here is only how Superset
wants to be told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from catalogue.entries import Mart
from catalogue.expressions import expression
from catalogue.formats import Format
from catalogue.texts import LanguageCode
from superset_assets.datasets import NUMBER_FORMATS, TIME_FORMATS, VERSION
from superset_assets.identity import asset_id
from superset_assets.sources import ChartSource, Scalar
from superset_assets.translations import Translator

COLOURS: Final = "crmCategorical"
PALE_COLOURS: Final = "crmPale"
ALL_TIME: Final = "No filter"
# Endings of labels by which Superset knows the edges of a band.
LOWER: Final = "__yhat_lower"
UPPER: Final = "__yhat_upper"
BAND_OPACITY: Final = 0.25
# Shorter than in tables: labels of neighbours must not touch.
_AXIS_FORMATS: Final = {**TIME_FORMATS, Format.MONTH: "%b %y", Format.DAY: "%d.%m"}

Params = dict[str, Any]


def chart(name: str, source: ChartSource, mart: Mart, translate: Translator) -> dict[str, Any]:
    """Return a chart in one language, as Superset imports it."""
    source = _filtered_by_what_is_seen(source.in_language(translate.language), mart, translate.language)
    viz_type, params = _BUILDERS[source.type](source, mart, translate)
    return {
        "slice_name": translate(source.title),
        "description": _description(source, mart, translate),
        "viz_type": viz_type,
        "params": {"viz_type": viz_type, **_common(source, mart), **params},
        "query_context": json.dumps(_query_context(source, mart), ensure_ascii=False, sort_keys=True),
        "cache_timeout": source.refresh,
        "uuid": asset_id("chart", name, translate.language),
        "dataset_uuid": asset_id("dataset", source.mart, translate.language),
        "version": VERSION,
        "is_managed_externally": True,
    }


def viz_types() -> frozenset[str]:
    """Return the names that Superset knows the drawings by."""
    return frozenset(VIZ_TYPES.values())


def _filtered_by_what_is_seen(source: ChartSource, mart: Mart, language: LanguageCode) -> ChartSource:
    """Return the chart with the values that its filters compare: the dataset holds those that readers see."""

    def said(column: str, value: Scalar) -> Scalar:
        return mart.dimensions[column].said(value, language) if isinstance(value, str) else value

    where = {
        column: tuple(said(column, each) for each in value) if isinstance(value, tuple) else said(column, value)
        for column, value in source.where.items()
    }
    return source.model_copy(update={"where": where})


def _description(source: ChartSource, mart: Mart, translate: Translator) -> str:
    """Return the note and what each figure means, in the reader's language."""
    lines = [translate(source.note)] if source.note else []
    for name in source.all_figures:
        figure = mart.figures[name]
        if figure.description:
            language = translate.language
            lines.append(f"{figure.label.said_in(language)}: {figure.description.said_in(language)}")
    return "\n".join(lines)


def _common(source: ChartSource, mart: Mart) -> Params:
    return {
        "adhoc_filters": _adhoc_filters(source, mart),
        "row_limit": source.limit,
        "color_scheme": COLOURS,
        "annotation_layers": [],
        "extra_form_data": {},
    }


def _adhoc_filters(source: ChartSource, mart: Mart) -> list[dict[str, Any]]:
    filters: list[dict[str, Any]] = []
    if mart.time:
        filters.append(_adhoc_filter(mart.time, "TEMPORAL_RANGE", ALL_TIME))
    for column, value in source.where.items():
        if isinstance(value, tuple):
            filters.append(_adhoc_filter(column, "IN", list(value)))
        else:
            filters.append(_adhoc_filter(column, "==", value))
    return filters


def _adhoc_filter(column: str, operator: str, comparator: Scalar | list[Scalar]) -> dict[str, Any]:
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "subject": column,
        "operator": operator,
        "comparator": comparator,
    }


def _query_context(source: ChartSource, mart: Mart) -> dict[str, Any]:
    """Return the query of the data API and of exports; it holds no id, which the import fills in."""
    filters = [{"col": f["subject"], "op": f["operator"], "val": f["comparator"]} for f in _adhoc_filters(source, mart)]
    query = {
        "columns": [*([source.x] if source.x else []), *source.by],
        "metrics": list(source.all_figures),
        "filters": filters,
        "orderby": [[_sort(source, mart), source.sort in mart.dimensions]],
        "row_limit": source.limit,
    }
    return {"force": False, "queries": [query], "result_format": "json", "result_type": "full"}


def _sort(source: ChartSource, mart: Mart) -> Any:
    """Return what rows are ordered by: a metric, or the smallest value of a dimension."""
    name = source.sort or source.figures[0]
    return _first_of(name, mart) if name in mart.dimensions else name


def _first_of(dimension: str, mart: Mart) -> dict[str, Any]:
    # A metric beside those of the dataset must bear a label of its own.
    label = f"order of {mart.dimensions[dimension].label.en}"
    return {"expressionType": "SQL", "sqlExpression": f"min(`{dimension}`)", "label": label, "hasCustomLabel": True}


def _kpi(source: ChartSource, mart: Mart, translate: Translator) -> tuple[str, Params]:
    hidden = {"visible": False}
    return VIZ_TYPES["kpi"], {
        "metric": source.figures[0],
        "y_axis_format": _format(source.figures[0], mart),
        "percentDifferenceFormat": "+.1%",
        "time_compare": "inherit",
        "comparison_color_enabled": source.good != "neither",
        "comparison_color_scheme": "Red" if source.good == "less" else "Green",
        "header_font_size": 0.4,
        "subheader_font_size": 0.125,
        "column_config": {
            "Previous value": {"customColumnName": translate("Before"), "displayTypeIcon": False},
            "Delta": hidden,
            "Percent change": {"customColumnName": translate("Change"), "displayTypeIcon": False},
        },
    }


def _number(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    figure = mart.figures[source.figures[0]]
    return VIZ_TYPES["number"], {
        "metric": source.figures[0],
        "y_axis_format": _format(source.figures[0], mart),
        "time_format": TIME_FORMATS.get(figure.format, "smart_date"),
        "force_timestamp_formatting": figure.format in TIME_FORMATS,
        "header_font_size": 0.4,
        "subheader_font_size": 0.15,
    }


def _banded(figures: tuple[str, ...], source: ChartSource, mart: Mart) -> list[Any]:
    """Return the metrics of lines with bands: Superset fills the space between two labels with these endings."""
    return [
        *figures,
        *(
            _edge(column, f"{name}{ending}", mart)
            for name, pair in source.bands.items()
            for column, ending in zip(pair, (LOWER, UPPER), strict=True)
        ),
    ]


def _edge(column: str, label: str, mart: Mart) -> Params:
    sql = expression(mart.figures[column])
    return {"expressionType": "SQL", "sqlExpression": sql, "label": label, "hasCustomLabel": True}


def _axis(source: ChartSource, mart: Mart) -> Params:
    """Return what charts with an axis share."""
    format_ = mart.dimensions[source.x or ""].format
    time_format = _AXIS_FORMATS.get(format_)
    return {
        "x_axis": source.x,
        "groupby": list(source.by),
        "metrics": list(source.figures),
        "x_axis_time_format": time_format or "smart_date",
        "tooltipTimeFormat": TIME_FORMATS.get(format_, "smart_date"),
        "x_axis_sort_asc": True,
        "y_axis_format": _format(source.figures[0], mart),
        "rich_tooltip": True,
        "show_legend": len(source.figures) + len(source.line) > 1 or bool(source.by),
        "legendType": "scroll",
        "legendOrientation": "top",
        "truncate_metric": True,
        "truncateXAxis": False,
        "xAxisLabelInterval": "auto",
        # Level, months touch each other and every other one is left out, the newest among them.
        "xAxisLabelRotation": 45 if format_ is Format.MONTH else 0,
        "order_desc": True,
        "stack": "Stack" if source.stacked else None,
    }


def _columns(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    return VIZ_TYPES["columns"], {**_axis(source, mart), "orientation": "vertical"}


def _bars(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    return VIZ_TYPES["bars"], {
        **_axis(source, mart),
        "orientation": "horizontal",
        "timeseries_limit_metric": source.figures[0],
        "x_axis_sort": source.figures[0],
        "show_value": True,
    }


def _line(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    return VIZ_TYPES["line"], {
        **_axis(source, mart),
        "metrics": _banded(source.figures, source, mart),
        "opacity": BAND_OPACITY,
        "markerEnabled": True,
        "markerSize": 6,
    }


def _columns_and_line(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    first, second = _format(source.figures[0], mart), _format(source.line[0], mart)
    return VIZ_TYPES["columns_and_line"], {
        **_axis(source, mart),
        "metrics_b": _banded(source.line, source, mart),
        "opacityB": BAND_OPACITY,
        "groupby_b": [],
        "adhoc_filters_b": _adhoc_filters(source, mart),
        "row_limit_b": source.limit,
        "order_desc_b": True,
        "truncate_metric_b": True,
        "seriesType": "bar",
        "seriesTypeB": "line",
        "markerEnabledB": True,
        "markerSizeB": 6,
        "yAxisIndex": 0,
        "yAxisIndexB": 0 if first == second else 1,
        "y_axis_format_secondary": second,
    }


def _pie(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    return VIZ_TYPES["pie"], {
        "groupby": list(source.by),
        "metric": source.figures[0],
        "sort_by_metric": True,
        "donut": True,
        "innerRadius": 32,
        # Leaves room for names beside it.
        "outerRadius": 55,
        "show_labels": True,
        "labels_outside": True,
        "label_line": True,
        "label_type": "key_percent",
        "show_labels_threshold": 1,
        "number_format": _format(source.figures[0], mart),
        "show_legend": False,
    }


def _funnel(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    return VIZ_TYPES["funnel"], {
        "groupby": list(source.by),
        "metric": source.figures[0],
        # Of itself Superset sorts by the metric alone, and stages that as many deals reached would stand in any order.
        "sort_by_metric": source.sort is None,
        "order_by_cols": [[_sort(source, mart), source.sort in mart.dimensions]],
        "percent_calculation_type": "first_step",
        # Name, value, percentage.
        "label_type": 5,
        "tooltip_label_type": 5,
        "show_tooltip_labels": True,
        "show_labels": True,
        # Pale: the text of a narrow part stands half on the part and half beside it.
        "color_scheme": PALE_COLOURS,
        "number_format": _format(source.figures[0], mart),
        "show_legend": False,
    }


def _table(source: ChartSource, mart: Mart, _: Translator) -> tuple[str, Params]:
    return VIZ_TYPES["table"], {
        "query_mode": "aggregate",
        "groupby": list(source.by),
        "metrics": list(source.figures),
        "timeseries_limit_metric": _sort(source, mart),
        "order_desc": source.sort not in mart.dimensions,
        "show_totals": source.totals,
        "table_timestamp_format": "smart_date",
        "include_search": False,
        "page_length": 0,
        "show_cell_bars": False,
        "color_pn": False,
        "allow_rearrange_columns": False,
        "column_config": {
            **{name: _dimension_of_table(mart.dimensions[name].format) for name in source.by},
            **{name: _figure_of_table(name, mart) for name in source.figures},
        },
    }


def _dimension_of_table(format_: Format) -> Params:
    time_format = {"d3TimeFormat": TIME_FORMATS[format_]} if format_ in TIME_FORMATS else {}
    return {"horizontalAlign": "left", **time_format}


def _figure_of_table(name: str, mart: Mart) -> Params:
    time_format = TIME_FORMATS.get(mart.figures[name].format)
    written = {"d3TimeFormat": time_format} if time_format else {"d3NumberFormat": _format(name, mart)}
    return {**written, "horizontalAlign": "right"}


def _format(name: str, mart: Mart) -> str:
    return NUMBER_FORMATS.get(mart.figures[name].format, "SMART_NUMBER")


_Builder = Callable[[ChartSource, Mart, Translator], tuple[str, Params]]
_BUILDERS: Final[Mapping[str, _Builder]] = {
    "kpi": _kpi,
    "number": _number,
    "columns": _columns,
    "bars": _bars,
    "line": _line,
    "columns_and_line": _columns_and_line,
    "pie": _pie,
    "funnel": _funnel,
    "table": _table,
}
VIZ_TYPES: Final[Mapping[str, str]] = {
    "kpi": "pop_kpi",
    "number": "big_number_total",
    "columns": "echarts_timeseries_bar",
    "bars": "echarts_timeseries_bar",
    "line": "echarts_timeseries_line",
    "columns_and_line": "mixed_timeseries",
    "pie": "pie",
    "funnel": "funnel",
    "table": "table",
}
