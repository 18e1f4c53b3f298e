"""Dashboards as pictures, with what a reader would find wrong on them: errors, empty charts, foreign words.

Every dashboard is opened in one browser as one person, in one language after the other. Which charts may be empty and
which words are names of the company's own is judged by the caller, who knows the data.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from catalogue.access import Identity
from catalogue.texts import LANGUAGES, LanguageCode
from deploy.settings import SupersetSettings
from superset_assets.dashboard_page import ALL_IN_SIGHT, show, sign_on
from superset_assets.devtools import Page, open_page
from superset_assets.identity import dashboard_slug

WIDTH: Final = 1280
PHONE_WIDTH: Final = 390
_HEIGHT: Final = 900

# What charts write on their canvases; a page has no other trace of it.
_KEEP_DRAWN_TEXTS: Final = """
window.crmDrawn = new Set();
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  window.crmDrawn.add(String(text));
  return fillText.call(this, text, ...rest);
};
"""
_FOUND: Final = """
(() => {
  const charts = [...document.querySelectorAll('[data-test="chart-grid-component"]')];
  const title = chart => chart.getAttribute('data-test-chart-name');
  const wrong = chart => chart.querySelector('.ant-alert, [role="alert"], [data-test="error-alert"]');
  return {
    charts: charts.map(title),
    errors: charts.filter(wrong).map(chart => title(chart) + ': ' + wrong(chart).innerText.trim()),
    empty: charts.filter(chart => chart.querySelector('.ant-empty, [data-test="empty-state"]')
      || [...chart.querySelectorAll('.slice_container')].every(part =>
        !part.innerText.trim() && !part.querySelector('canvas, svg'))).map(title),
    texts: [...document.body.innerText.split('\\n'), ...window.crmDrawn].map(text => text.trim()).filter(Boolean),
    height: Math.ceil(Math.max(document.documentElement.scrollHeight, document.body.scrollHeight)),
    width: Math.ceil(document.documentElement.scrollWidth),
  };
})()
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """A dashboard as it was seen.

    Attributes:
        dashboard: name of its file.
        language: of the reader.
        picture: the whole page as PNG.
        charts: titles of its charts, as readers see them.
        errors: title and text of each chart that shows an error.
        empty: titles of the charts that show no row.
        texts: what is written on the page and drawn on its charts, line by line.
        content_width: of the page in CSS pixels; more than the window's is scrolled sideways.
    """

    dashboard: str
    language: LanguageCode
    picture: bytes
    charts: tuple[str, ...]
    errors: tuple[str, ...]
    empty: tuple[str, ...]
    texts: tuple[str, ...]
    content_width: int

    @property
    def name(self) -> str:
        """Return the last part of the dashboard's address."""
        return dashboard_slug(self.dashboard, self.language)


def shots(
    settings: SupersetSettings,
    chromium: str,
    identity: Identity,
    dashboards: Iterable[str],
    *,
    now: datetime,
    languages: Iterable[LanguageCode] = LANGUAGES,
    width: int = WIDTH,
) -> Iterator[Shot]:
    """Yield every dashboard in every language as that person sees it in a window of `width` CSS pixels.

    Raises:
        DashboardError: Superset is not there, or the person may not see a dashboard.
        BrowserError: the browser did not start, or charts were not drawn in time.
    """
    base = f"http://127.0.0.1:{settings.port}"
    names = list(dashboards)
    with open_page(chromium, width=width, height=_HEIGHT) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=ALL_IN_SIGHT + _KEEP_DRAWN_TEXTS)
        for language in languages:
            session = sign_on(settings, base, identity, language, now)
            for name in names:
                show(page, f"{base}/superset/dashboard/{dashboard_slug(name, language)}/", session)
                yield _shot(page, name, language, width)


def _shot(page: Page, name: str, language: LanguageCode, width: int) -> Shot:
    found: Mapping[str, Any] = page.value(_FOUND)
    area = {"x": 0, "y": 0, "width": width, "height": found["height"], "scale": 1}
    taken = page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area)
    return Shot(
        dashboard=name,
        language=language,
        picture=base64.b64decode(taken["data"]),
        charts=tuple(found["charts"]),
        errors=tuple(found["errors"]),
        empty=tuple(found["empty"]),
        texts=tuple(dict.fromkeys(found["texts"])),
        content_width=found["width"],
    )
