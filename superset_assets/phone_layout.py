"""The layout of a dashboard on a phone: one cell below the other, as wide as the screen.

Superset computes the width of each chart from a grid of twelve columns, which no style sheet can change; so the layout
is another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from superset_assets.sources import COLUMNS_OF_GRID

# Lines of a text are that many times more when it is as narrow as a phone.
_TEXT_GROWS: Final = 4


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
    meta = {**cell["meta"], "width": COLUMNS_OF_GRID}
    if cell["type"] == "MARKDOWN":
        meta["height"] = meta["height"] * _TEXT_GROWS
    return {**cell, "meta": meta, "parents": [*cell["parents"][:-1], row]}
