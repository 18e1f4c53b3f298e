"""Asks Superset's own environment to read or change assets: one process per request, whether a server runs or not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any, Final, Literal

from deploy.settings import REPOSITORY, load_superset_settings
from deploy.superset.environment import current_variables, process_environment
from deploy.superset.server import prepare, python
from superset_assets.bundle import Bundle

_MODULE: Final = "superset_assets.server.asset_sync"
_LAST_LINES: Final = 3

Action = Literal["read", "diff", "push", "refresh"]


class SupersetRefused(Exception):
    """Superset's process ended without an answer; the message is one line."""


def superset_variables() -> dict[str, str]:
    """Return the variables that lead to Superset: those of the environment and `.env`, else those of `make up`.

    Raises:
        SettingsError: one is missing or malformed.
    """
    variables = current_variables()
    load_superset_settings(variables)
    return variables


def ask(
    action: Action, variables: Mapping[str, str], bundle: Bundle | None = None, slug: str | None = None
) -> dict[str, Any]:
    """Return Superset's answer: to a bundle to compare or push, a dashboard to read, or results to forget.

    Raises:
        SupersetRefused: the process failed before it could answer.
        SupersetStartError: Superset's environment or database is not there.
    """
    prepare(variables)
    finished = subprocess.run(
        [str(python()), "-m", _MODULE],
        cwd=REPOSITORY,
        env=process_environment(variables),
        input=json.dumps({"action": action, "configurations": bundle or {}, "slug": slug}),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(finished.stdout)
    except json.JSONDecodeError:
        lines = [line for line in finished.stderr.splitlines() if line.strip()][-_LAST_LINES:]
        raise SupersetRefused(" | ".join(lines) or f"exit code {finished.returncode}") from None
    return answer
