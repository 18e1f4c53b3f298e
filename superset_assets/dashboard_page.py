"""A dashboard in our own browser, signed in as the person whose rows it shall show.

The sign-on is made here and only its session reaches the browser: no token is in an address, a history or a log.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Literal

from catalogue.access import Identity, shipped_access
from deploy.settings import SupersetSettings
from superset_assets.devtools import Page, open_page
from superset_assets.tokens import mint_sign_on_token

_TIMEOUT_SECONDS = 60
# A cold page on a busy machine; who waits for a dashboard that is broken sees its error long before.
_DRAWN_SECONDS = 240
_COOKIE = "session"
# A chart is there once it has something in it and nothing spins; and the page once it has not changed for a moment,
# since charts are drawn some time after their data came.
_LOADED = """
(() => {
  const full = slice => slice.innerText.trim() || slice.querySelector('canvas, svg');
  const charts = [...document.querySelectorAll('.dashboard-component-chart-holder')]
    .filter(holder => holder.querySelector('.dashboard-chart, .chart-slice'));
  const drawn = charts.filter(chart => [...chart.querySelectorAll('.slice_container')].some(full)
    || chart.querySelector('.ant-alert, [role="alert"], .ant-empty'));
  const waiting = document.querySelector('.loading, [data-test="loading-indicator"], .ant-skeleton, .ant-spin');
  const size = document.body.innerHTML.length;
  if (window.crmSize !== size) { window.crmSize = size; window.crmSince = performance.now(); }
  return charts.length > 0 && drawn.length === charts.length && !waiting && document.fonts.status === 'loaded'
    && performance.now() - window.crmSince > 800;
})()
"""
# Superset draws a chart when it comes into sight and forgets it when it leaves; on paper all are in sight at once.
ALL_IN_SIGHT = """
window.IntersectionObserver = class {
  constructor(callback) { this.callback = callback; }
  observe(target) {
    const box = target.getBoundingClientRect();
    const entry = {target, isIntersecting: true, intersectionRatio: 1, boundingClientRect: box,
                   intersectionRect: box, rootBounds: null, time: performance.now()};
    setTimeout(() => this.callback([entry], this), 0);
  }
  unobserve() {}
  disconnect() {}
  takeRecords() { return []; }
};
"""


class DashboardError(Exception):
    """A dashboard cannot be shown to that person; the message says why."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """What is looked at, by whom.

    Attributes:
        dashboard: id or slug.
        identity: whose rows; `manager` is the person's id in the tenant's CRM.
        language: of Superset's own texts, of numbers and of dates.
    """

    dashboard: str
    identity: Identity
    language: Literal["en", "ru"]


@contextmanager
def open_dashboard(
    settings: SupersetSettings, chromium: str, viewing: Viewing, *, now: datetime, width: int = 1280, height: int = 1600
) -> Iterator[tuple[Page, str]]:
    """Open the dashboard without Superset's menus, wait until every chart is drawn, and yield the page and its title.

    Raises:
        DashboardError: Superset is not there, or the person may not see that dashboard.
        BrowserError: the browser did not start, or charts were not drawn in time.
    """
    base = f"http://127.0.0.1:{settings.port}"
    session = sign_on(settings, base, viewing.identity, viewing.language, now)
    number, title = _dashboard(base, viewing.dashboard, session)
    address = f"{base}/superset/dashboard/{number}/?standalone=3"
    with open_in_session(chromium, address, session, width=width, height=height) as page:
        yield page, title


@contextmanager
def open_in_session(chromium: str, address: str, session: str, *, width: int, height: int) -> Iterator[Page]:
    """Open a dashboard's address with a session of Superset, wait until every chart is drawn, and yield the page.

    Raises BrowserError if the browser does not start or charts are not drawn in time.
    """
    with open_page(chromium, width=width, height=height) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=ALL_IN_SIGHT)
        show(page, address, session)
        yield page


def show(page: Page, address: str, session: str) -> None:
    """Load a dashboard's address with a session of Superset, and return once every chart is drawn.

    Raises BrowserError if charts are not drawn in time.
    """
    base = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(address))
    page.call("Network.setCookie", name=_COOKIE, value=session, url=base, httpOnly=True)
    page.call("Page.navigate", url=address)
    wait_until_drawn(page)


def wait_until_drawn(page: Page) -> None:
    """Return once every chart of the dashboard is drawn. Raises BrowserError if that takes too long."""
    page.wait_for(_LOADED, seconds=_DRAWN_SECONDS, what="the dashboard's charts were not drawn")


def sign_on(settings: SupersetSettings, base: str, identity: Identity, language: str, now: datetime) -> str:
    """Return a session of Superset at `base` for that person, as an account of its own.

    Raises DashboardError if Superset does not answer or refuses.
    """
    role = shipped_access().roles.get(identity.role)
    if role is None or not role.crm_roles:
        raise DashboardError(f"nobody signs in as {identity.role}")
    token = mint_sign_on_token(
        settings.crm_jwt_secret,
        settings.crm_jwt_issuer,
        identity,
        role.crm_roles[0],
        now=now,
        locale=language,
    )
    address = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=_TIMEOUT_SECONDS)
    try:
        form = urllib.parse.urlencode({"token": token, "next": "/"})
        connection.request("POST", "/crm-sso", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise DashboardError(f"Superset does not answer at {base}: {error.strerror or error}; is it running?") from None
    finally:
        connection.close()
    if answer.status != 302:
        raise DashboardError(f"the sign-on was refused: {json.loads(content).get('error', answer.status)}")
    cookie = SimpleCookie(answer.getheader("Set-Cookie") or "")
    return cookie[_COOKIE].value


def _dashboard(base: str, dashboard: str, session: str) -> tuple[int, str]:
    path = urllib.parse.quote(dashboard, safe="")
    request = urllib.request.Request(
        f"{base}/api/v1/dashboard/{path}", headers={"Cookie": f"{_COOKIE}={session}", "Accept": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            found = json.load(answer)["result"]
            return int(found["id"]), str(found["dashboard_title"])
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            raise DashboardError(f"there is no dashboard {dashboard}, or this person may not see it") from None
        raise DashboardError(f"dashboard {dashboard}: Superset answered {error.code}") from None
