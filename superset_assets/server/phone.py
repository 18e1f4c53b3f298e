"""Gives phones dashboards of one column, and every page the width of its screen.

The layout changes in the answer that a dashboard's page is built from. Only of ours, which nobody can save: a copy that
somebody edited on a phone would keep the phone's layout.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from flask import Flask, Response, request
from jinja2 import ChoiceLoader, FileSystemLoader

from superset_assets.phone_layout import stacked

_DASHBOARD: Final = re.compile(r"^/api/v1/dashboard/[^/]+$")
_TEMPLATES: Final = Path(__file__).parent / "templates"


def fit_phones(app: Flask) -> None:
    """Make every page as wide as its screen, and give phones dashboards of one column."""
    app.jinja_loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), *([app.jinja_loader] if app.jinja_loader else [])])
    app.after_request(_stack_for_phones)


def _stack_for_phones(response: Response) -> Response:
    if not _DASHBOARD.match(request.path) or request.method != "GET":
        return response
    response.vary.add("User-Agent")
    if "Mobi" not in request.headers.get("User-Agent", "") or response.status_code != 200:
        return response
    answer = response.get_json()
    found = answer["result"]
    if found.get("is_managed_externally") and found.get("position_json"):
        found["position_json"] = json.dumps(stacked(json.loads(found["position_json"])), ensure_ascii=False)
        response.set_data(json.dumps(answer, ensure_ascii=False))
    return response
