"""Brings a dashboard that somebody has edited in Superset back into the files, in the form that they are written in.

The reverse of `charts` and `dashboards`. What the files cannot say (a metric of one's own in SQL, a column of cells, a
filter of one's own) is a problem that names the chart; then nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from catalogue.entries import Catalogue, Mart
from superset_assets.charts import ALL_TIME, LOWER, UPPER, VIZ_TYPES
from superset_assets.dashboards import DEFINITIONS_MARK
from superset_assets.identity import asset_id
from superset_assets.problems import AssetsError, Problem
from superset_assets.sources import ASSETS, ChartSource, DashboardSource, FilterName, Sources
from superset_assets.translations import SOURCE_LANGUAGE

_FILTER: Final = "NATIVE_FILTER-"
_OF_FUNNEL: Final = "-of-funnel"

Read = Mapping[str, Any]
_Source = TypeVar("_Source", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Pulled:
    """A dashboard with its charts, as the files would say them.

    Attributes:
        dashboard: without what Superset does not keep (its place among the others).
        charts: by slug.
    """

    dashboard: DashboardSource
    charts: Mapping[str, ChartSource]


def pull(name: str, live: Read, sources: Sources, catalogue: Catalogue) -> Pulled:
    """Return the sources of a dashboard read from Superset.

    Args:
        name: slug of the dashboard's file.
        live: the dashboard under `dashboard`, its charts by uuid under `charts`.
        sources: the files as they are.
        catalogue: of the marts.

    Raises:
        AssetsError: the dashboard holds what the files cannot say.
    """
    problems: list[Problem] = []
    slugs = _slugs(live["charts"], sources)
    charts = {}
    for identifier, slug in slugs.items():
        chart = _chart(slug, live["charts"][identifier], sources, catalogue, problems)
        if chart:
            charts[slug] = chart
    dashboard = _dashboard(name, live["dashboard"], slugs, sources, problems)
    if problems or dashboard is None:
        raise AssetsError(problems)
    return Pulled(dashboard, charts)


def write(name: str, pulled: Pulled, sources: Sources, folder: Path = ASSETS) -> list[Path]:
    """Write the files that differ from what was pulled, and return them."""
    wanted: list[tuple[Path, ChartSource | DashboardSource, ChartSource | DashboardSource | None]] = [
        (folder / "charts" / f"{slug}.yaml", chart, sources.charts.get(slug)) for slug, chart in pulled.charts.items()
    ]
    wanted.append((folder / "dashboards" / f"{name}.yaml", pulled.dashboard, sources.dashboards.get(name)))
    written = []
    for path, source, present in wanted:
        if source != present:
            path.write_text(rendered(source), encoding="utf-8")
            written.append(path)
    return written


def rendered(source: ChartSource | DashboardSource) -> str:
    """Return the text of a file: only what differs from the defaults, lists of words on one line."""
    content = source.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def _slugs(charts: Mapping[str, Read], sources: Sources) -> dict[str, str]:
    """Return the slug of each chart by its uuid: that of its file, or for a new one a slug of its title."""
    known = {asset_id("chart", slug, SOURCE_LANGUAGE): slug for slug in sources.charts}
    taken = set(sources.charts)
    slugs = {}
    for identifier, chart in charts.items():
        slug = known.get(identifier) or _free_slug(chart["slice_name"], taken)
        taken.add(slug)
        slugs[identifier] = slug
    return slugs


def _free_slug(title: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "chart"
    base = base if base[0].isalpha() else f"chart_{base}"
    numbered = (base if number == 1 else f"{base}_{number}" for number in range(1, len(taken) + 2))
    return next(slug for slug in numbered if slug not in taken)


def _chart(
    slug: str, chart: Read, sources: Sources, catalogue: Catalogue, problems: list[Problem]
) -> ChartSource | None:
    file, params = f"charts/{slug}.yaml", chart["params"]
    datasets = {asset_id("dataset", mart, SOURCE_LANGUAGE): mart for mart in catalogue.marts}
    mart = datasets.get(chart["dataset_uuid"])
    if mart is None:
        problems.append(
            Problem(file, "mart", f"'{chart['slice_name']}' reads no English dataset of ours", "pull an English copy")
        )
        return None
    kind = _kind(chart["viz_type"], params)
    if kind is None:
        problems.append(
            Problem(file, "type", f"'{chart['viz_type']}' is none of ours", f"choose among: {', '.join(VIZ_TYPES)}")
        )
        return None
    known = sources.charts.get(slug)
    content = {
        "title": chart["slice_name"],
        "note": known.note if known else None,
        "mart": mart,
        "type": kind,
        "refresh": chart["cache_timeout"],
        "limit": params.get("row_limit", 1000),
        "where": dict(_where(file, params, catalogue.marts[mart], problems)),
        **_READERS[kind](params),
    }
    return _validated(ChartSource, file, content, problems)


def _kind(viz_type: str, params: Read) -> str | None:
    found = [kind for kind, name in VIZ_TYPES.items() if name == viz_type]
    if len(found) > 1:
        return "bars" if params.get("orientation") == "horizontal" else "columns"
    return found[0] if found else None


def _where(file: str, params: Read, mart: Mart, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    for each in params.get("adhoc_filters", []):
        if each.get("operator") == "TEMPORAL_RANGE" and each.get("comparator") == ALL_TIME:
            continue
        if each.get("expressionType") != "SIMPLE" or each.get("operator") not in ("==", "IN"):
            told = each.get("sqlExpression") or f"{each.get('subject')} {each.get('operator')} {each.get('comparator')}"
            problems.append(Problem(file, "where", f"'{told}' cannot be said here", "filter by = or IN"))
            continue
        value, column = each["comparator"], each["subject"]
        codes = _codes(mart, column)
        values = tuple(codes.get(each, each) for each in (value if isinstance(value, list) else [value]))
        yield column, values if isinstance(value, list) else values[0]


def _codes(mart: Mart, column: str) -> dict[Any, str]:
    """Return the values that the mart holds, by what readers see instead."""
    dimension = mart.dimensions.get(column)
    return {text.said_in(SOURCE_LANGUAGE): value for value, text in dimension.members.items()} if dimension else {}


def _axis(params: Read) -> dict[str, Any]:
    figures, bands = _banded(params.get("metrics"))
    x = params.get("x_axis")
    return {
        "x": _in_any_language(x) if isinstance(x, str) else x,
        "by": _by(params),
        "figures": figures,
        "bands": bands,
        "stacked": params.get("stack") == "Stack",
    }


def _columns_and_line(params: Read) -> dict[str, Any]:
    line, bands = _banded(params.get("metrics_b"))
    return {**_axis(params), "line": line, "bands": bands}


def _banded(metrics: Any) -> tuple[list[Any], dict[str, tuple[str, str]]]:
    """Return the figures among metrics, and the pairs of figures that are edges of a band by its name."""
    figures, edges = [], {}
    for metric in metrics or ():
        label = str(metric.get("label")) if isinstance(metric, dict) else ""
        column = re.fullmatch(r"sum\(`(.*)`\)", str(metric.get("sqlExpression"))) if label else None
        if column and label.endswith((LOWER, UPPER)):
            edges[label] = column.group(1)
        else:
            figures.append(metric)
    names = [label.removesuffix(LOWER) for label in edges if label.endswith(LOWER)]
    return figures, {name: (edges[name + LOWER], edges[name + UPPER]) for name in names if name + UPPER in edges}


def _by(params: Read) -> list[Any]:
    return [_in_any_language(name) for name in params.get("groupby") or ()]


def _in_any_language(column: str) -> str:
    return re.sub(r"_en$", "_{language}", column)


def _kpi(params: Read) -> dict[str, Any]:
    good = {"Green": "more", "Red": "less"}.get(str(params.get("comparison_color_scheme")), "neither")
    return {**_one(params), "good": good if params.get("comparison_color_enabled") else "neither"}


def _one(params: Read) -> dict[str, Any]:
    return {"figures": [params.get("metric")]}


def _parts(params: Read) -> dict[str, Any]:
    return {**_one(params), "by": _by(params)}


def _funnel(params: Read) -> dict[str, Any]:
    ordered = params.get("order_by_cols") or ()
    sort = _sort(ordered[0][0]) if ordered else None
    return {**_parts(params), "sort": None if sort == params.get("metric") else sort}


def _sort(said: Any) -> Any:
    return re.sub(r"^min\(`(.*)`\)$", r"\1", str(said.get("sqlExpression"))) if isinstance(said, dict) else said


def _table(params: Read) -> dict[str, Any]:
    figures, sort = params.get("metrics") or (), _sort(params.get("timeseries_limit_metric"))
    return {
        "by": _by(params),
        "figures": figures,
        "sort": None if figures and sort == figures[0] else sort,
        "totals": bool(params.get("show_totals")),
    }


_READERS: Final[Mapping[str, Callable[[Read], dict[str, Any]]]] = {
    "kpi": _kpi,
    "number": _one,
    "columns": _axis,
    "bars": _axis,
    "line": _axis,
    "columns_and_line": _columns_and_line,
    "pie": _parts,
    "funnel": _funnel,
    "table": _table,
}


def _dashboard(
    name: str, dashboard: Read, slugs: Mapping[str, str], sources: Sources, problems: list[Problem]
) -> DashboardSource | None:
    file, position = f"dashboards/{name}.yaml", dashboard["position"]
    known = sources.dashboards.get(name)
    content: dict[str, Any] = {
        "title": dashboard["dashboard_title"],
        "description": dashboard["description"] or dashboard["dashboard_title"],
        "order": known.order if known else len(sources.dashboards) + 1,
        "period": None,
        "filters": [],
        "pipeline_needed": [],
        "refresh": dashboard["metadata"].get("refresh_frequency") or 0,
        "rows": [
            row
            for identifier in position["GRID_ID"]["children"]
            if (row := _row(file, position[identifier], position, slugs, problems)) is not None
        ],
    }
    charts = tuple(cell["chart"] for row in content["rows"] for cell in row.get("cells", ()) if "chart" in cell)
    numbers = {
        part["meta"]["chartId"]: slugs.get(part["meta"]["uuid"])
        for part in position.values()
        if isinstance(part, dict) and part.get("type") == "CHART"
    }
    for each in dashboard["metadata"].get("native_filter_configuration", []):
        _filter(file, each, content, charts, numbers, problems)
    return _validated(DashboardSource, file, content, problems)


def _row(
    file: str, part: Read, position: Read, slugs: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any] | None:
    if part["type"] == "HEADER":
        return {"heading": part["meta"]["text"]}
    if part["type"] != "ROW":
        problems.append(Problem(file, "rows", f"a {part['type']} cannot be said here", "lay out in rows"))
        return None
    cells, heights = [], []
    for identifier in part["children"]:
        cell = position[identifier]
        meta = cell["meta"]
        heights.append(meta.get("height", 50))
        if cell["type"] == "CHART":
            cells.append({"chart": slugs[meta["uuid"]], "width": meta["width"]})
        elif cell["type"] != "MARKDOWN":
            problems.append(Problem(file, "rows", f"a {cell['type']} cannot be said here", "use charts and texts"))
        elif not meta["code"].startswith(DEFINITIONS_MARK):
            cells.append({"text": meta["code"], "width": meta["width"]})
    return {"height": max(heights), "cells": cells} if cells else None


def _filter(
    file: str,
    each: Read,
    content: dict[str, Any],
    charts: tuple[str, ...],
    numbers: Mapping[int, str | None],
    problems: list[Problem],
) -> None:
    name = each["id"].removeprefix(_FILTER)
    if name.removesuffix(_OF_FUNNEL) not in get_args(FilterName):
        problems.append(
            Problem(file, "filters", f"'{each['name']}' is none of ours", f"use: {', '.join(get_args(FilterName))}")
        )
        return
    if name.endswith(_OF_FUNNEL):
        excluded = {numbers.get(number) for number in each["scope"]["excluded"]}
        content["pipeline_needed"] = [chart for chart in charts if chart not in excluded]
        name = name.removesuffix(_OF_FUNNEL)
    if name == "period":
        content["period"] = each["defaultDataMask"].get("filterState", {}).get("value")
    if name not in content["filters"]:
        content["filters"].append(name)


def _validated(kind: type[_Source], file: str, content: dict[str, Any], problems: list[Problem]) -> _Source | None:
    try:
        return kind.model_validate({name: value for name, value in content.items() if value is not None})
    except ValidationError as error:
        for found in error.errors():
            field = ".".join(map(str, found["loc"]))
            problems.append(
                Problem(file, field, f"{found['input']!r} cannot be said here", "use figures and dimensions of a mart")
            )
        return None
