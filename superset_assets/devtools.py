"""A headless Chromium for one page, driven through its DevTools protocol.

The protocol is a few JSON messages over a socket: a driver of its own would be another program to install and to keep
at the browser's version.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from deploy.browser import CHROMIUM_FLAGS

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1


class BrowserError(Exception):
    """The browser did not start, or a page did not become what was waited for; one line."""


class Page:
    """One open page."""

    def __init__(self, socket: ClientConnection) -> None:
        """Take over the connection to a page that is open."""
        self._socket = socket
        self._last = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result. Raises BrowserError with the browser's reason."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv(timeout=_START_SECONDS))
            if answer.get("id") != self._last:
                continue
            if "error" in answer:
                raise BrowserError(f"{method}: {answer['error'].get('message', 'failed')}")
            return dict(answer["result"])

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression is worth on the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return result["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float, what: str) -> None:
        """Return once the expression is true. Raises BrowserError, naming `what` was missing."""
        deadline = time.monotonic() + seconds
        while not self.value(expression):
            if time.monotonic() > deadline:
                raise BrowserError(f"{what} within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def screenshot(self) -> bytes:
        """Return the visible part of the page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def open_page(chromium: str, *, width: int, height: int) -> Iterator[Page]:
    """Open a blank page of that size in CSS pixels in a browser of its own, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="crm-analytics-browser-", ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        process = subprocess.Popen(
            [chromium, *CHROMIUM_FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            address = _page_address(process, profile / "DevToolsActivePort")
            with connect(address, max_size=None, open_timeout=_START_SECONDS) as socket:
                page = Page(socket)
                for domain in ("Page", "Network", "Runtime"):
                    page.call(f"{domain}.enable")
                page.call(
                    "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
                )
                yield page
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _page_address(process: subprocess.Popen[bytes], port_file: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BrowserError(f"the browser ended while starting, exit code {process.returncode}")
        if port_file.exists() and (lines := port_file.read_text(encoding="ascii").splitlines()):
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=_START_SECONDS) as answer:
                pages = [target for target in json.load(answer) if target["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(_POLL_SECONDS)
    raise BrowserError(f"the browser did not answer within {_START_SECONDS:.0f} s")
