"""Scheduled dashboards as PDF with text in them, where Superset would send a picture.

Superset photographs the page and puts the photograph into a PDF. Here the page is printed, by the same code and the
same browser as a PDF that is asked for; a single chart stays Superset's picture.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deploy.browser import BrowserMissing, require_chromium
from deploy.settings import load_report_settings, load_superset_settings
from superset_assets.dashboard_page import open_in_session
from superset_assets.devtools import BrowserError
from superset_assets.printing import WIDTH_PIXELS, print_page

_HEIGHT_PIXELS = 1600


def print_scheduled_dashboards() -> None:
    """Replace how this process turns a scheduled dashboard into a PDF."""
    from superset.commands.report.execute import BaseReportState

    picture = BaseReportState._get_pdf

    def pdf(state: Any) -> bytes:
        return picture(state) if state._report_schedule.chart else _print(state._report_schedule.dashboard, state)

    BaseReportState._get_pdf = pdf


def _print(dashboard: Any, state: Any) -> bytes:
    from flask import current_app
    from superset.commands.report.exceptions import ReportSchedulePdfFailedError
    from superset.extensions import machine_auth_provider_factory, security_manager
    from superset.tasks.utils import get_executor

    executors = current_app.config["ALERT_REPORTS_EXECUTORS"]
    _, username = get_executor(executors=executors, model=state._report_schedule)
    cookies = machine_auth_provider_factory.instance.get_auth_cookies(security_manager.find_user(username))
    base = current_app.config["WEBDRIVER_BASEURL"].rstrip("/")
    address = f"{base}/superset/dashboard/{dashboard.id}/?standalone=3"
    try:
        chromium = require_chromium(load_report_settings().chromium)
        with open_in_session(chromium, address, cookies["session"], width=WIDTH_PIXELS, height=_HEIGHT_PIXELS) as page:
            language = load_superset_settings().language
            return print_page(page, dashboard.dashboard_title, now=datetime.now(UTC), language=language)
    except (BrowserError, BrowserMissing) as error:
        raise ReportSchedulePdfFailedError(str(error)) from error
