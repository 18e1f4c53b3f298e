"""Dashboards of Superset, made of dashboard sources: the layout, the filters, and what the figures mean at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalogue.entries import Catalogue
from superset_assets.datasets import VERSION
from superset_assets.identity import asset_id, dashboard_slug
from superset_assets.sources import COLUMNS_OF_GRID, CellSource, DashboardSource, FilterName, RowSource, Sources
from superset_assets.translations import Translator

# Which column a filter filters, by what readers call it.
FILTER_COLUMNS: Final[Mapping[FilterName, str]] = {
    "department": "department_name",
    "manager": "manager_name",
    "pipeline": "pipeline_name",
    "source": "source_group",
}
_FILTER_TITLES: Final[Mapping[FilterName, str]] = {
    "period": "Period",
    "department": "Department",
    "manager": "Manager",
    "pipeline": "Pipeline",
    "source": "Source group",
}
# Heights of text; the grid counts in units of eight pixels.
_UNIT_PIXELS: Final = 8
_LINE_PIXELS: Final = 22
_AROUND_TEXT_PIXELS: Final = 110
_CHARACTERS_OF_LINE: Final = 150


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What the parts of one dashboard are made with."""

    name: str
    source: DashboardSource
    sources: Sources
    catalogue: Catalogue
    translate: Translator

    def chart_number(self, chart: str) -> int:
        """Return the number by which layout and filters refer to a chart; the import replaces it by the chart's id."""
        return self.source.charts.index(chart) + 1

    def mart_of(self, chart: str) -> str:
        """Return the name of a chart's mart."""
        return self.sources.charts[chart].mart


def dashboard(
    name: str, source: DashboardSource, sources: Sources, catalogue: Catalogue, translate: Translator
) -> dict[str, Any]:
    """Return a dashboard in one language, as Superset imports it."""
    drawing = _Drawing(name, source, sources, catalogue, translate)
    return {
        "dashboard_title": translate(source.title),
        "description": translate(source.description),
        "slug": dashboard_slug(name, translate.language),
        "published": True,
        "position": _position(drawing),
        "metadata": {
            # Each chart's own: one for the whole dashboard would win over them.
            "color_scheme": "",
            "cross_filters_enabled": True,
            "filter_bar_orientation": "HORIZONTAL",
            "refresh_frequency": source.refresh,
            "native_filter_configuration": list(_filters(drawing)),
            "chart_configuration": {},
            "label_colors": {},
            "shared_label_colors": [],
            "expanded_slices": {},
            "timed_refresh_immune_slices": [],
            "default_filters": "{}",
        },
        "uuid": asset_id("dashboard", name, translate.language),
        "version": VERSION,
        "is_managed_externally": True,
    }


def _position(drawing: _Drawing) -> dict[str, Any]:
    rows = [*drawing.source.rows, *_definitions(drawing)]
    parts: dict[str, Any] = {}
    for number, row in enumerate(rows, start=1):
        parts |= _heading(drawing, row, number) if row.heading else _row(drawing, row, number)
    children = [identifier for identifier, part in parts.items() if part["type"] in ("ROW", "HEADER")]
    return {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": children, "parents": ["ROOT_ID"]},
        "HEADER_ID": {
            "type": "HEADER",
            "id": "HEADER_ID",
            "meta": {"text": drawing.translate(drawing.source.title)},
        },
        **parts,
    }


def _heading(drawing: _Drawing, row: RowSource, number: int) -> dict[str, Any]:
    identifier = f"HEADER-{number}"
    meta = {
        "text": drawing.translate(row.heading or ""),
        "headerSize": "MEDIUM_HEADER",
        "background": "BACKGROUND_TRANSPARENT",
    }
    part = {
        "type": "HEADER",
        "id": identifier,
        "children": [],
        "parents": ["ROOT_ID", "GRID_ID"],
        "meta": meta,
    }
    return {identifier: part}


def _row(drawing: _Drawing, row: RowSource, number: int) -> dict[str, Any]:
    identifier = f"ROW-{number}"
    cells = dict(_cell(drawing, cell, row, identifier, place) for place, cell in enumerate(row.cells, start=1))
    part = {
        "type": "ROW",
        "id": identifier,
        "children": list(cells),
        "parents": ["ROOT_ID", "GRID_ID"],
        "meta": {"background": "BACKGROUND_TRANSPARENT"},
    }
    return {identifier: part, **cells}


def _cell(drawing: _Drawing, cell: CellSource, row: RowSource, parent: str, place: int) -> tuple[str, dict[str, Any]]:
    shape = {"width": cell.width, "height": row.height}
    parents = ["ROOT_ID", "GRID_ID", parent]
    if cell.chart is None:
        identifier = f"MARKDOWN-{parent}-{place}"
        meta: dict[str, Any] = {**shape, "code": _said(drawing, cell)}
        return identifier, {"type": "MARKDOWN", "id": identifier, "children": [], "parents": parents, "meta": meta}
    identifier = f"CHART-{cell.chart}"
    meta = {
        **shape,
        "chartId": drawing.chart_number(cell.chart),
        "uuid": asset_id("chart", cell.chart, drawing.translate.language),
        "sliceName": drawing.translate(drawing.sources.charts[cell.chart].title),
    }
    return identifier, {"type": "CHART", "id": identifier, "children": [], "parents": parents, "meta": meta}


def _said(drawing: _Drawing, cell: CellSource) -> str:
    # The block of definitions is made of texts of the catalogue, which are translated already.
    text = cell.text or ""
    return text if text.startswith(DEFINITIONS_MARK) else drawing.translate(text)


DEFINITIONS_MARK: Final = "#### "


def _definitions(drawing: _Drawing) -> Iterator[RowSource]:
    """Yield the last row: what each figure on the dashboard means."""
    language = drawing.translate.language
    lines: dict[str, str] = {}
    for name in drawing.source.charts:
        source = drawing.sources.charts[name]
        mart = drawing.catalogue.marts[source.mart]
        for figure in (mart.figures[each] for each in source.all_figures):
            if figure.description:
                lines.setdefault(figure.label.said_in(language), figure.description.said_in(language))
    text = "\n".join(f"- **{label}**: {meaning}" for label, meaning in lines.items())
    code = f"{DEFINITIONS_MARK}{drawing.translate('What the figures mean')}\n\n{text}"
    shown_lines = sum(1 + len(line) // _CHARACTERS_OF_LINE for line in text.splitlines())
    height = (_AROUND_TEXT_PIXELS + _LINE_PIXELS * shown_lines) // _UNIT_PIXELS
    yield RowSource(height=min(200, height), cells=(CellSource(text=code, width=COLUMNS_OF_GRID),))


def _filters(drawing: _Drawing) -> Iterator[dict[str, Any]]:
    needing_one = drawing.source.pipeline_needed
    others = tuple(chart for chart in drawing.source.charts if chart not in needing_one)
    for name in drawing.source.filters:
        if name == "period":
            yield _period(drawing)
        elif name == "pipeline" and needing_one:
            if any(_has_column(drawing, chart, name) for chart in others):
                yield _select(drawing, name, excluded=needing_one)
        else:
            yield _select(drawing, name, excluded=())
    if needing_one:
        yield _one_pipeline(drawing, others)


def _period(drawing: _Drawing) -> dict[str, Any]:
    period = drawing.source.period
    return {
        **_filter(drawing, "period", excluded=()),
        "filterType": "filter_time",
        "targets": [{}],
        "defaultDataMask": {"extraFormData": {"time_range": period}, "filterState": {"value": period}, "ownState": {}},
        "controlValues": {"enableEmptyFilter": False},
    }


def _select(drawing: _Drawing, name: FilterName, excluded: tuple[str, ...]) -> dict[str, Any]:
    charts = [chart for chart in drawing.source.charts if chart not in excluded]
    mart = drawing.mart_of(next(chart for chart in charts if _has_column(drawing, chart, name)))
    return {
        **_filter(drawing, name, excluded),
        "filterType": "filter_select",
        "targets": [_target(drawing, name, mart)],
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "controlValues": {
            "multiSelect": True,
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "inverseSelection": False,
            "searchAllOptions": True,
        },
    }


def _one_pipeline(drawing: _Drawing, others: tuple[str, ...]) -> dict[str, Any]:
    """Return the filter that always holds one pipeline, the one with most deals first."""
    mart = drawing.mart_of(drawing.source.pipeline_needed[0])
    return {
        **_filter(drawing, "pipeline", excluded=others, suffix="-of-funnel"),
        "name": drawing.translate("Pipeline of the funnel"),
        "filterType": "filter_select",
        "targets": [_target(drawing, "pipeline", mart)],
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "requiredFirst": True,
        "sortMetric": "deals",
        "controlValues": {
            "multiSelect": False,
            "enableEmptyFilter": True,
            "defaultToFirstItem": True,
            "inverseSelection": False,
            "sortAscending": False,
        },
    }


def _filter(drawing: _Drawing, name: FilterName, excluded: tuple[str, ...], suffix: str = "") -> dict[str, Any]:
    return {
        "id": f"NATIVE_FILTER-{name}{suffix}",
        "type": "NATIVE_FILTER",
        "name": drawing.translate(_FILTER_TITLES[name]),
        "description": "",
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": [drawing.chart_number(chart) for chart in excluded]},
    }


def _target(drawing: _Drawing, name: FilterName, mart: str) -> dict[str, Any]:
    return {
        "column": {"name": FILTER_COLUMNS[name]},
        "datasetUuid": asset_id("dataset", mart, drawing.translate.language),
    }


def _has_column(drawing: _Drawing, chart: str, name: FilterName) -> bool:
    return FILTER_COLUMNS[name] in drawing.catalogue.marts[drawing.mart_of(chart)].dimensions
