"""The browser that draws scheduled reports: how it is started, and how it signs in as the report's owner."""

from __future__ import annotations

import shutil
from typing import Any

from flask import current_app
from superset.extensions import machine_auth_provider_factory

from deploy.browser import CHROMIUM_FLAGS, chromium_path
from deploy.settings import ReportSettings

__all__ = ["CHROMIUM_FLAGS", "sign_in", "webdriver_configuration"]


def webdriver_configuration(reports: ReportSettings) -> dict[str, Any]:
    """Return selenium's configuration, without anything that it would look up on the network."""
    chromium = chromium_path(reports.chromium)
    driver = reports.chromedriver or shutil.which("chromedriver") or ""
    return {
        "options": {"binary_location": chromium or ""},
        "service": {"executable_path": driver, "service_args": [], "log_output": "/dev/null"},
    }


def sign_in(driver: Any, user: Any) -> Any:
    """Give the browser the session of `user` and return it.

    Not from the login page, as Superset does: its own requests overwrite the cookie that was just set.
    """
    base = current_app.config["WEBDRIVER_BASEURL"].rstrip("/")
    driver.get(f"{base}/health")
    for name, value in machine_auth_provider_factory.instance.get_auth_cookies(user).items():
        driver.add_cookie({"name": name, "value": value, "path": "/"})
    return driver
