"""What a run of the dashboards' benchmark measured, and how it is told: tables beside the goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from benchmarks.report_tables import Column, Report

GOAL_SECONDS: Final = 3.0
COLD: Final = "cold"
CACHED: Final = "cached"
_SLOWEST: Final = 12
_MEBIBYTE: Final = 1024 * 1024


class _Measured(BaseModel):
    model_config = ConfigDict(frozen=True)


class Step(_Measured):
    """Something that is done once, and the seconds that it took."""

    title: str
    seconds: float


class ChartTimes(_Measured):
    """Answers of the data API to one question of a dashboard.

    Attributes:
        reader: who asked.
        dashboard: name of its file, and the language.
        title: of the chart, or the filter whose options are asked for.
        cold: milliseconds with the caches empty.
        cached: milliseconds after the nightly warm-up.
        kept: whether the warm-up had left every answer in the cache.
    """

    reader: str
    dashboard: str
    title: str
    cold: tuple[float, ...]
    cached: tuple[float, ...]
    kept: bool

    def times(self, state: str) -> tuple[float, ...]:
        """Return the milliseconds of one state of the caches."""
        return self.cold if state == COLD else self.cached


class PageTimes(_Measured):
    """Visits of one dashboard by a director.

    Attributes:
        dashboard: last part of its address.
        charts: in the first window.
        questions: that the page asks before the first window is drawn.
        server_cpu: CPU seconds of Superset for a visit of a returning reader.
        page_cpu: CPU seconds of the page's main thread in such a visit.
        cold: (first paint, first window drawn) of each visit, in milliseconds: a new browser, Superset's caches empty.
        new_browser: the same after the nightly warm-up, in a browser that has never been here.
        returning: the same after the nightly warm-up, in a browser that has seen the dashboard before.
    """

    dashboard: str
    charts: int
    questions: int
    server_cpu: float
    page_cpu: float
    cold: tuple[tuple[float, float], ...]
    new_browser: tuple[tuple[float, float], ...]
    returning: tuple[tuple[float, float], ...]


class Memory(_Measured):
    """Resident bytes of a tree of processes: the peak of the whole run, and CPU seconds used."""

    title: str
    peak: int
    cpu_seconds: float


class Results(_Measured):
    """What a run measured: the machine, what is in the warehouse, and the figures."""

    measured_on: str
    cores: int
    memory_gib: float
    load_average: float
    clickhouse: str
    superset_workers: int
    tenant: str
    tenant_deals: int
    rows: dict[str, int]
    steps: tuple[Step, ...]
    warm_up: dict[str, int]
    charts: tuple[ChartTimes, ...]
    pages: tuple[PageTimes, ...]
    memory: tuple[Memory, ...]


def report(found: Results) -> Report:
    """Return the heading and the tables of a run."""
    tables = (_steps(found), _pages(found), _chart_data(found), *_slowest(found), _memory(found))
    return Report(_heading(found), tables)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least that share of the values does not exceed."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def _heading(found: Results) -> str:
    rows = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
    warm_up = ", ".join(f"{what} {count:,}" for what, count in found.warm_up.items())
    kept = sum(chart.kept for chart in found.charts)
    return (
        f"{found.measured_on}, {found.cores} cores, {found.memory_gib:.0f} GiB of memory, load average "
        f"{found.load_average:.1f} before the run, ClickHouse {found.clickhouse}, {found.superset_workers} workers of "
        f"Superset. Rows: {rows}. The director's company, {found.tenant}, has {found.tenant_deals:,} deals; the "
        f"operator sees all companies. The warm-up: {warm_up}; of {len(found.charts):,} questions that were asked "
        f"after it {kept:,} had their answers in the cache."
    )


def _steps(found: Results) -> tuple[str, tuple[Column, ...]]:
    return "Starts, pushes and the night", (
        Column("Step", tuple(step.title for step in found.steps)),
        Column("s", tuple(f"{step.seconds:.1f}" for step in found.steps)),
    )


def _pages(found: Results) -> tuple[str, tuple[Column, ...]]:
    pages = found.pages

    def seconds(visits: Iterator[tuple[tuple[float, float], ...]], part: int) -> tuple[str, ...]:
        return tuple(f"{_middle([each[part] for each in times]) / 1000:.2f}" for times in visits)

    first_paints = [_middle([paint for paint, _ in page.returning]) / 1000 for page in pages]
    return "Seconds until the first paint, and until every chart of the first window is drawn", (
        Column("Dashboard", tuple(page.dashboard for page in pages)),
        Column("charts", tuple(str(page.charts) for page in pages)),
        Column("asked", tuple(str(page.questions) for page in pages)),
        Column("cold: paint", seconds((page.cold for page in pages), 0)),
        Column("drawn", seconds((page.cold for page in pages), 1)),
        Column("warmed, new browser: paint", seconds((page.new_browser for page in pages), 0)),
        Column("drawn", seconds((page.new_browser for page in pages), 1)),
        Column("warmed, returning: paint", seconds((page.returning for page in pages), 0)),
        Column("drawn", seconds((page.returning for page in pages), 1)),
        Column(f"paint, of {GOAL_SECONDS:g} s", tuple(f"{each / GOAL_SECONDS:.2f}" for each in first_paints)),
        Column("CPU s: Superset", tuple(f"{page.server_cpu:.2f}" for page in pages)),
        Column("page", tuple(f"{page.page_cpu:.2f}" for page in pages)),
    )


def _chart_data(found: Results) -> tuple[str, tuple[Column, ...]]:
    rows = [
        (
            f"{reader}, {state}",
            [time for chart in found.charts if chart.reader == reader for time in chart.times(state)],
        )
        for reader in dict.fromkeys(chart.reader for chart in found.charts)
        for state in (COLD, CACHED)
    ]
    return "Milliseconds until the data API answers", (
        Column("Reader, caches", tuple(title for title, _ in rows)),
        Column("answers", tuple(str(len(times)) for _, times in rows)),
        *(
            Column(title, tuple(f"{percentile(times, share):,.0f}" for _, times in rows))
            for title, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        ),
    )


def _slowest(found: Results) -> Iterator[tuple[str, tuple[Column, ...]]]:
    for reader in dict.fromkeys(chart.reader for chart in found.charts):
        charts = sorted(
            (chart for chart in found.charts if chart.reader == reader), key=lambda chart: -_middle(chart.cold)
        )[:_SLOWEST]
        yield (
            f"The slowest charts of the {reader}, milliseconds",
            (
                Column("Chart", tuple(f"{chart.title} ({chart.dashboard})" for chart in charts)),
                Column(COLD, tuple(f"{_middle(chart.cold):,.0f}" for chart in charts)),
                Column(CACHED, tuple(f"{_middle(chart.cached):,.0f}" for chart in charts)),
            ),
        )


def _memory(found: Results) -> tuple[str, tuple[Column, ...]]:
    return "Memory and CPU of the whole run", (
        Column("Processes", tuple(each.title for each in found.memory)),
        Column("peak MiB", tuple(f"{each.peak / _MEBIBYTE:,.0f}" for each in found.memory)),
        Column("CPU s", tuple(f"{each.cpu_seconds:,.1f}" for each in found.memory)),
    )


def _middle(values: Sequence[float]) -> float:
    return percentile(values, 0.5)
