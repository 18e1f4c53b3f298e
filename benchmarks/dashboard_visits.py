"""How long a reader waits for a dashboard, as the page itself sees it: Chromium's clock begins with the navigation.

The first paint is the browser's own `first-contentful-paint`: something other than a blank page. What a reader waits
for is the moment at which every chart of the first window is drawn; later ones are drawn as the reader scrolls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from superset_assets.dashboard_page import ALL_IN_SIGHT, show
from superset_assets.devtools import Page, open_page
from superset_assets.screenshots import DESK

_PATIENCE_SECONDS: Final = 120
CHART_DATA: Final = "/api/v1/chart/data"
# A chart is drawn once it shows something and nothing in it spins. The moment counts from which all of the first window
# stay so: a chart may be drawn once more when its filters are known.
_WATCH: Final = """
(() => {
  // Superset gives a browser that is driven every chart at once, and people those that are in sight.
  Object.defineProperty(navigator, 'webdriver', {get: () => false});
  const seen = window.crmSeen = {paint: null, drawn: null, changed: 0, asked: []};
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (entry.name === 'first-contentful-paint') seen.paint = entry.startTime;
  }).observe({type: 'paint', buffered: true});
  const ask = window.fetch;
  window.fetch = async (...request) => {
    const address = String(request[0]?.url ?? request[0]);
    const asked = {address, body: request[1]?.body ?? null, began: performance.now(), ended: null};
    if (address.includes('__CHART_DATA__')) seen.asked.push(asked);
    try { return await ask(...request); } finally { asked.ended = performance.now(); }
  };
  const full = slice => slice.innerText.trim() || slice.querySelector('canvas, svg');
  const isDrawn = chart => !chart.querySelector('.loading, [data-test="loading-indicator"], .ant-skeleton, .ant-spin')
    && ([...chart.querySelectorAll('.slice_container')].some(full)
      || chart.querySelector('.ant-alert, [role="alert"], .ant-empty'));
  const look = () => {
    const charts = [...document.querySelectorAll('.dashboard-component-chart-holder')]
      .filter(holder => holder.querySelector('.dashboard-chart, .chart-slice'))
      .filter(holder => holder.getBoundingClientRect().top < innerHeight);
    const all = charts.length > 0 && charts.every(isDrawn);
    if (!all) seen.drawn = null;
    else if (seen.drawn === null) seen.drawn = performance.now();
    seen.charts = charts.length;
  };
  document.addEventListener('DOMContentLoaded', () => setInterval(look, 100));
})();
""".replace("__CHART_DATA__", CHART_DATA)
_SETTLED: Final = "window.crmSeen && crmSeen.drawn !== null && performance.now() - crmSeen.drawn > 1000"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page asked the data API for.

    Attributes:
        chart: id of the chart; None for the options of a filter.
        filter: id of the filter whose options were asked for; None for a chart.
        body: the JSON that was posted.
        began: milliseconds since the navigation.
        ended: milliseconds since the navigation; None while no answer had come.
    """

    chart: int | None
    filter: str | None
    body: str
    began: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a reader waited for; in milliseconds since the navigation.

    Attributes:
        first_paint: until the page was no longer blank.
        drawn: until every chart of the first window was drawn.
        charts: in the first window.
        asked: what the page asked the data API for.
        busy: CPU milliseconds of the page's main thread, which runs all of its code.
    """

    first_paint: float
    drawn: float
    charts: int
    asked: tuple[Asked, ...]
    busy: float


@contextmanager
def reader(chromium: str) -> Iterator[Page]:
    """Open a browser that nobody has used, of the size of a desk's, and watch what it shows."""
    with open_page(chromium, width=DESK.width, height=DESK.height) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        page.call("Performance.enable", timeDomain="threadTicks")
        yield page


def visit(page: Page, address: str, session: str) -> Visit:
    """Open a dashboard and return what its reader waited for. Raises BrowserError if it is not drawn in time."""
    page.call("Network.setCookie", name="session", value=session, url=address, httpOnly=True)
    before = _busy(page)
    page.call("Page.navigate", url=address)
    page.wait_for(_SETTLED, seconds=_PATIENCE_SECONDS, what="the first window's charts were not drawn")
    after = _busy(page)
    # A navigation may get a process of its own, which begins to count anew.
    return _visit(page.value("crmSeen"), after - before if after >= before else after)


def everything_asked(chromium: str, address: str, session: str) -> tuple[Asked, ...]:
    """Return all that a dashboard asks for when every chart of it comes into sight."""
    with reader(chromium) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=ALL_IN_SIGHT)
        show(page, address, session)
        return tuple(_asked(page.value("crmSeen")))


def _busy(page: Page) -> float:
    metrics = {metric["name"]: metric["value"] for metric in page.call("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"]) * 1000


def _visit(seen: Mapping[str, Any], busy: float) -> Visit:
    return Visit(float(seen["paint"]), float(seen["drawn"]), int(seen["charts"]), tuple(_asked(seen)), busy)


def _asked(seen: Mapping[str, Any]) -> Iterator[Asked]:
    for each in seen["asked"]:
        body = each["body"]
        form = json.loads(body).get("form_data") or {}
        is_filter = "native_filter_id" in form or form.get("slice_id") is None
        yield Asked(
            chart=None if is_filter else int(form["slice_id"]),
            filter=str(form.get("native_filter_id") or "filter") if is_filter else None,
            body=body,
            began=float(each["began"]),
            ended=None if each["ended"] is None else float(each["ended"]),
        )
