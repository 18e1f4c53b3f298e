"""The page of the documentation is served until somebody asks its process to stop, whoever started it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

_SERVE = """
import sys
from pathlib import Path
from orchestration.analyst.docs_page import serve_docs
serve_docs(Path(sys.argv[1]), 0)
"""


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_page_that_runs_in_the_background_ends_when_asked_to(asked: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "static_index.html").write_text("the models", encoding="utf-8")
    # As a shell starts what stands before an ampersand.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serving = subprocess.Popen([sys.executable, "-c", _SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert serving.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+", serving.stdout.readline())
        assert address is not None
        with urllib.request.urlopen(address[0], timeout=10) as response:
            assert response.read() == b"the models"
        serving.send_signal(asked)
        assert serving.wait(timeout=30) == 0
    finally:
        serving.kill()
        serving.communicate()
