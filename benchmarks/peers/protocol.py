"""The worker's side of a measured run: what runs between "go" and the answer is what counts.

Starting the interpreter and importing are left out for everybody: they are the same at any table size. This module runs
in the environment of every contender and therefore imports the standard library only. The other side is `measure`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

READY = "ready"
GO = "go"


def attend(work: Callable[[], dict[str, Any] | None]) -> None:
    """Answer each "go" on standard input by one run of `work`, until the input ends.

    The answer is one line of JSON: what `work` returned and, unless it measured them itself, its `seconds`. Whatever
    the work itself prints goes to standard error.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    print(READY, file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() != GO:
            continue
        started = time.monotonic()
        result = work() or {}
        answer = {"seconds": time.monotonic() - started, **result}
        print(json.dumps(answer), file=answers, flush=True)


def setting(name: str) -> str:
    """Return an environment variable that the benchmark gives to each contender."""
    return os.environ[name]
