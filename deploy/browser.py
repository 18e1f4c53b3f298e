"""Where the headless browser is, and how it is started without asking the network for anything."""

from __future__ import annotations

import shutil
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
]


class BrowserMissing(Exception):
    """There is no browser; the message says what to install."""


def chromium_path(configured: str = "") -> str | None:
    """Return the configured browser, else the first one on the PATH; None where there is none."""
    if configured:
        return configured if Path(configured).is_file() else None
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def require_chromium(configured: str = "") -> str:
    """Return the path of the browser. Raises BrowserMissing."""
    path = chromium_path(configured)
    if path is None:
        where = f"CHROMIUM_PATH names {configured}, which is no file" if configured else "no chromium is on the PATH"
        raise BrowserMissing(
            f"{where}; install it (Debian, as root: apt-get install chromium chromium-driver fonts-dejavu-core) "
            "or set CHROMIUM_PATH"
        )
    return path
