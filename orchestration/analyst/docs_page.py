"""Serves dbt's documentation as a local page. What the page says is dbt's; its file is made in `__main__`."""

from __future__ import annotations

import contextlib
import signal
import socket
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def serve_docs(folder: Path, port: int) -> None:
    """Print the page's address and serve it until SIGTERM or SIGINT.

    Args:
        folder: with `static_index.html`.
        port: another one is taken where it is not free.
    """
    (folder / "index.html").write_bytes((folder / "static_index.html").read_bytes())
    # A shell starts what runs in the background with SIGINT ignored, and Python leaves that as it is.
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_stop, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        ThreadingHTTPServer(("127.0.0.1", _free(port)), partial(_Quiet, directory=str(folder))) as server,
    ):
        print(f"http://127.0.0.1:{server.server_port} (Ctrl-C stops it)", flush=True)
        server.serve_forever()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


def _free(port: int) -> int:
    """Return the port, or 0, which means any free one, where it is taken."""
    with socket.socket() as probe:
        return 0 if probe.connect_ex(("127.0.0.1", port)) == 0 else port
