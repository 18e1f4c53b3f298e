"""Dashboards on a phone: one cell below the other, as wide as the screen.

Superset computes the width of each chart from a grid of twelve columns, which no style sheet can change. So a phone is
given another layout of the same dashboard, in the answer that its page is built from. Only ours, which nobody can save:
a copy that somebody edited on a phone would keep the phone's layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, request
from jinja2 import ChoiceLoader, FileSystemLoader

_DASHBOARD: Final = re.compile(r"^/api/v1/dashboard/[^/]+$")
_WHOLE_WIDTH: Final = 12
# Lines of a text are that many times more when it is as narrow as a phone.
_TEXT_GROWS: Final = 4
_TEMPLATES: Final = Path(__file__).parent / "templates"


def fit_phones(app: Flask) -> None:
    """Make every page as wide as its screen, and give phones dashboards of one column."""
    app.jinja_loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), *([app.jinja_loader] if app.jinja_loader else [])])
    app.after_request(_stack_for_phones)


def stacked(position: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layout with every cell of a row in a row of its own; a layout with tabs or columns stays as it is."""
    parts = {key: dict(part) for key, part in position.items() if isinstance(part, dict)}
    if any(part["type"] in ("TABS", "COLUMN") for part in parts.values()):
        return dict(position)
    children: list[str] = []
    for identifier in parts["GRID_ID"]["children"]:
        row = parts[identifier]
        if row["type"] != "ROW":
            children.append(identifier)
            continue
        del parts[identifier]
        for cell in row["children"]:
            own = f"{identifier}-{cell}"
            parts[own] = {**row, "id": own, "children": [cell]}
            parts[cell] = _as_wide_as_the_screen(parts[cell], own)
            children.append(own)
    parts["GRID_ID"]["children"] = children
    return {**{key: part for key, part in position.items() if not isinstance(part, dict)}, **parts}


def _as_wide_as_the_screen(cell: dict[str, Any], row: str) -> dict[str, Any]:
    meta = {**cell["meta"], "width": _WHOLE_WIDTH}
    if cell["type"] == "MARKDOWN":
        meta["height"] = meta["height"] * _TEXT_GROWS
    return {**cell, "meta": meta, "parents": [*cell["parents"][:-1], row]}


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
