"""The dashboards as exposures of dbt: `dbt ls --select +exposure:dashboard_summary` tells what stands behind one.

The file is generated; `python -m superset_assets validate` fails while it is not what the dashboards make of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from catalogue.entries import Catalogue
from deploy.settings import REPOSITORY
from superset_assets.problems import Problem
from superset_assets.sources import Sources

EXPOSURES: Final = REPOSITORY / "dbt_project" / "models" / "dashboards.yml"
_HEAD: Final = "# Written by `python -m superset_assets exposures` from superset_assets/dashboards; do not edit.\n"


def exposures(sources: Sources, catalogue: Catalogue) -> str:
    """Return the text of the file: one exposure per dashboard, with the marts that its charts read."""
    entries = [_exposure(name, sources, catalogue) for name in sources.dashboards]
    return _HEAD + yaml.safe_dump(
        {"version": 2, "exposures": entries}, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )


def find_stale_exposures(sources: Sources, catalogue: Catalogue, path: Path = EXPOSURES) -> list[Problem]:
    """Return a problem where the file is not what the dashboards make of it."""
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    if written == exposures(sources, catalogue):
        return []
    file = f"../{path.relative_to(REPOSITORY)}" if path.is_relative_to(REPOSITORY) else path.name
    return [Problem(file, "", "is not what the dashboards make of it", "run: python -m superset_assets exposures")]


def _exposure(name: str, sources: Sources, catalogue: Catalogue) -> dict[str, Any]:
    dashboard = sources.dashboards[name]
    marts = sorted({sources.charts[chart].mart for chart in dashboard.charts} & catalogue.marts.keys())
    return {
        "name": f"dashboard_{name}",
        "label": dashboard.title,
        "type": "dashboard",
        "maturity": "high",
        "description": dashboard.description,
        "depends_on": [f"ref('{mart}')" for mart in marts],
        "owner": {"name": "Analysts"},
    }
