"""The folder in which Dagster keeps its instance: runs, event logs, schedules. Nothing else is configured here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.settings import REPOSITORY

INSTANCE_CONFIGURATION = REPOSITORY / "deploy" / "dagster" / "dagster.yaml"


def local_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of everything that this machine keeps (`CRM_ANALYTICS_HOME`, else `.local` in the checkout)."""
    return Path(environ.get("CRM_ANALYTICS_HOME") or REPOSITORY / ".local").resolve()


def prepare_dagster_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return DAGSTER_HOME, made ready; without the variable it lies in the local home, with this project's file.

    A DAGSTER_HOME of one's own keeps the `dagster.yaml` that lies in it.
    """
    configured = environ.get("DAGSTER_HOME")
    home = Path(configured).resolve() if configured else local_home(environ) / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    if not configured or not (home / "dagster.yaml").exists():
        shutil.copyfile(INSTANCE_CONFIGURATION, home / "dagster.yaml")
    return home
