"""Which charts and dashboards a change of a mart, or of one of its columns, touches."""

from __future__ import annotations

from catalogue.entries import Catalogue, Mart, Measure, Rate
from catalogue.texts import LANGUAGES
from superset_assets.sources import ChartSource, Sources


def impact_of(mart: str, column: str | None, sources: Sources, catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Return the dashboards of each chart that reads the mart, or of it that column, also through a rate."""
    return {
        name: tuple(slug for slug, dashboard in sources.dashboards.items() if name in dashboard.charts)
        for name, chart in sources.charts.items()
        if chart.mart == mart and (column is None or column in columns_of(chart, catalogue.marts[mart]))
    }


def columns_of(chart: ChartSource, mart: Mart) -> frozenset[str]:
    """Return the columns of the mart that a chart reads."""
    by = (name for language in LANGUAGES for name in chart.in_language(language).by)
    named = {*((chart.x,) if chart.x else ()), *by, *chart.where, *((mart.time,) if mart.time else ())}
    for name in (*chart.all_figures, *((chart.sort,) if chart.sort else ())):
        figure = mart.figures.get(name)
        if isinstance(figure, Measure):
            named.add(figure.name)
        elif isinstance(figure, Rate):
            named |= {figure.numerator, figure.denominator, *figure.within, *((figure.order,) if figure.order else ())}
        elif figure is not None:
            named.add(figure.column)
        else:
            named.add(name)
    return frozenset(named)
