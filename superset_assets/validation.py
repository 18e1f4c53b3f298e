"""Whether the assets fit the catalogue and each other; without a server. Each problem says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from catalogue.entries import Catalogue, Mart
from catalogue.texts import LANGUAGES
from superset_assets.dashboards import FILTER_COLUMNS
from superset_assets.problems import Problem
from superset_assets.sources import ChartSource, DashboardSource, Sources
from superset_assets.translations import find_translation_problems


def find_problems(sources: Sources, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield every problem of charts, dashboards and translations."""
    for name, chart in sources.charts.items():
        yield from _chart(f"charts/{name}.yaml", chart, catalogue)
    for name, dashboard in sources.dashboards.items():
        yield from _dashboard(f"dashboards/{name}.yaml", dashboard, sources, catalogue)
    yield from _unused_charts(sources)
    yield from find_translation_problems(sources)


def _chart(file: str, chart: ChartSource, catalogue: Catalogue) -> Iterator[Problem]:
    mart = catalogue.marts.get(chart.mart)
    if mart is None:
        yield _unknown(file, "mart", chart.mart, "mart with roles in the catalogue", catalogue.marts)
        return
    bands = tuple(name for edges in chart.bands.values() for name in edges)
    for field, names in {"figures": chart.figures, "line": chart.line, "bands": bands}.items():
        for name in names:
            if name not in mart.figures:
                yield _unknown(file, field, name, f"figure of {mart.name}", mart.figures)
    said = [chart.in_language(language) for language in LANGUAGES]
    dimensions = {
        "x": tuple(each.x for each in said if each.x),
        "by": tuple(name for each in said for name in each.by),
        "where": tuple(chart.where),
    }
    for field, named in dimensions.items():
        for name in named:
            if name not in mart.dimensions:
                yield _unknown(file, field, name, f"dimension of {mart.name}", mart.dimensions)
    if chart.sort and chart.sort not in {*mart.figures, *mart.dimensions}:
        yield _unknown(
            file, "sort", chart.sort, f"figure or dimension of {mart.name}", [*mart.figures, *mart.dimensions]
        )
    yield from _is_additive(file, chart, mart)


def _is_additive(file: str, chart: ChartSource, mart: Mart) -> Iterator[Problem]:
    if mart.one_of and mart.one_of not in chart.where:
        yield Problem(
            file,
            "where",
            f"members of '{mart.one_of}' count the same records, so they cannot stand together",
            f"choose one of them: where: {{{mart.one_of}: ...}}",
        )
    # Words in the reader's language stand for their code.
    named = (*((chart.x,) if chart.x else ()), *chart.by)
    shown = {*named, *(name.removesuffix("_{language}") for name in named), *chart.where}
    for name in (*chart.figures, *chart.line):
        rate = mart.rates.get(name)
        for within in rate.within if rate else ():
            # A name stands for its id.
            if shown.isdisjoint({within, f"{within.removesuffix('_id')}_name"}):
                yield Problem(file, "by", f"{name} is taken within {within}", f"group by {within} or by its name")
    # Names stand for their ids: a chart by stage_name adds nothing up over stages.
    missing = [name for name in mart.not_additive_over if name not in shown and name != mart.one_of]
    if missing and len(missing) == len([name for name in mart.not_additive_over if name != mart.one_of]):
        yield Problem(file, "by", f"adds up over {', '.join(missing)}, which must not be", "group by one of them")


def _dashboard(file: str, dashboard: DashboardSource, sources: Sources, catalogue: Catalogue) -> Iterator[Problem]:
    charts = dashboard.charts
    for name in charts:
        if name not in sources.charts:
            yield _unknown(file, "rows", name, "chart", sources.charts)
        if charts.count(name) > 1:
            yield Problem(file, "rows", f"shows '{name}' more than once", "show a chart once")
    for name in dashboard.pipeline_needed:
        if name not in charts:
            yield _unknown(file, "pipeline_needed", name, "chart of the dashboard", charts)
    if ("period" in dashboard.filters) != (dashboard.period is not None):
        yield Problem(file, "period", "a filter of the period and the period it opens with go together", "declare both")
    dimensions = {
        dimension
        for name in charts
        if name in sources.charts and sources.charts[name].mart in catalogue.marts
        for dimension in catalogue.marts[sources.charts[name].mart].dimensions
    }
    for name in dashboard.filters:
        column = FILTER_COLUMNS.get(name)
        if column and column not in dimensions:
            yield Problem(file, "filters", f"no chart has the column {column} of '{name}'", "remove the filter")


def _unused_charts(sources: Sources) -> Iterator[Problem]:
    shown = {name for dashboard in sources.dashboards.values() for name in dashboard.charts}
    for name in sources.charts.keys() - shown:
        yield Problem(f"charts/{name}.yaml", "", "no dashboard shows it", "show it, or remove the file")


def _unknown(file: str, field: str, name: str, kind: str, known: Collection[str]) -> Problem:
    close = difflib.get_close_matches(name, known, n=3) or sorted(known)
    return Problem(file, field, f"'{name}' is no {kind}", f"choose among: {', '.join(close)}")
