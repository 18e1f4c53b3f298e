"""Dashboards as pictures, with what a reader would find wrong on them: errors, empty charts, foreign words.

Every dashboard is opened in one browser as one person, in one language after the other. Which charts may be empty and
which words are names of the company's own is judged by the caller, who knows the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from catalogue.access import Identity
from catalogue.texts import LANGUAGES, LanguageCode
from deploy.settings import SupersetSettings
from superset_assets.dashboard_page import ALL_IN_SIGHT, show, sign_on, wait_until_drawn
from superset_assets.devtools import Page, open_page
from superset_assets.identity import dashboard_slug


@dataclass(frozen=True, slots=True)
class Screen:
    """What a dashboard is looked at on; sizes in CSS pixels."""

    width: int
    height: int
    is_phone: bool


DESK: Final = Screen(1280, 900, is_phone=False)
PHONE: Final = Screen(390, 844, is_phone=True)
_USER_AGENT_OF_PHONE: Final = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"

# What charts write on their canvases; a page has no other trace of it.
_KEEP_DRAWN_TEXTS: Final = """
window.crmDrawn = new Set();
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  window.crmDrawn.add(String(text));
  return fillText.call(this, text, ...rest);
};
"""
_HEIGHT: Final = "Math.ceil(Math.max(document.documentElement.scrollHeight, document.body.scrollHeight))"
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
    width: Math.ceil(document.documentElement.scrollWidth),
    comparisons: [...document.querySelectorAll('.pop_kpi span')].filter(part => !part.firstElementChild)
      .map(part => [part.innerText.trim(), part.getClientRects().length]),
    empty_figures: [...document.querySelectorAll('td')].filter(cell => cell.textContent === 'N/A').map(cell => {
      const drawn = getComputedStyle(cell, '::before').content;
      return parseFloat(getComputedStyle(cell).fontSize) || drawn === 'none' ? cell.textContent : JSON.parse(drawn);
    }),
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
        comparisons: what each key figure is compared with, and the number of lines that it takes.
        empty_figures: how tables write each figure that is empty.
    """

    dashboard: str
    language: LanguageCode
    picture: bytes
    charts: tuple[str, ...]
    errors: tuple[str, ...]
    empty: tuple[str, ...]
    texts: tuple[str, ...]
    content_width: int
    comparisons: tuple[tuple[str, int], ...]
    empty_figures: tuple[str, ...]

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
    screen: Screen = DESK,
) -> Iterator[Shot]:
    """Yield every dashboard in every language as that person sees it on that screen.

    Raises:
        DashboardError: Superset is not there, or the person may not see a dashboard.
        BrowserError: the browser did not start, or charts were not drawn in time.
    """
    base = f"http://127.0.0.1:{settings.port}"
    names = list(dashboards)
    # Signed on before any page is opened: the moment of the tokens would be long past by the second language.
    sessions = {language: sign_on(settings, base, identity, language, now) for language in languages}
    with open_page(chromium, width=screen.width, height=screen.height) as page:
        if screen.is_phone:
            page.call("Emulation.setUserAgentOverride", userAgent=_USER_AGENT_OF_PHONE)
        _resize(page, screen, screen.height)
        page.call("Page.addScriptToEvaluateOnNewDocument", source=ALL_IN_SIGHT + _KEEP_DRAWN_TEXTS)
        for language, session in sessions.items():
            for name in names:
                show(page, f"{base}/superset/dashboard/{dashboard_slug(name, language)}/", session)
                yield _shot(page, name, language, screen)


def _resize(page: Page, screen: Screen, height: int) -> None:
    size = {"width": screen.width, "height": height, "deviceScaleFactor": 2 if screen.is_phone else 1}
    page.call("Emulation.setDeviceMetricsOverride", **size, mobile=screen.is_phone)


def _shot(page: Page, name: str, language: LanguageCode, screen: Screen) -> Shot:
    # A part of the page that is out of the window would be a blank in the picture.
    _resize(page, screen, page.value(_HEIGHT))
    wait_until_drawn(page)
    found: Mapping[str, Any] = page.value(_FOUND)
    picture = page.screenshot()
    _resize(page, screen, screen.height)
    return Shot(
        dashboard=name,
        language=language,
        picture=picture,
        charts=tuple(found["charts"]),
        errors=tuple(found["errors"]),
        empty=tuple(found["empty"]),
        texts=tuple(dict.fromkeys(found["texts"])),
        content_width=found["width"],
        comparisons=tuple((text, lines) for text, lines in found["comparisons"]),
        empty_figures=tuple(found["empty_figures"]),
    )
