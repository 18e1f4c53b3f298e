"""On a phone every cell of our dashboards stands in a row of its own, whole and in its order."""

from __future__ import annotations

import pytest

from catalogue.loading import load_catalogue
from orchestration.dbt_manifest import load_dbt_project
from superset_assets.bundle import Bundle, build_bundle
from superset_assets.phone_layout import stacked
from superset_assets.sources import read_sources

SOURCES = read_sources()


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build_bundle(SOURCES, load_catalogue(load_dbt_project().manifest_path))


@pytest.mark.parametrize("name", SOURCES.dashboards)
def test_charts_stand_below_each_other_in_their_order(name: str, bundle: Bundle) -> None:
    position = stacked(bundle[f"dashboards/{name}_en.yaml"]["position"])
    shown = []
    for identifier in position["GRID_ID"]["children"]:
        part = position[identifier]
        if part["type"] == "ROW":
            (cell,) = part["children"]
            assert position[cell]["meta"]["width"] == 12
            assert position[cell]["parents"] == ["ROOT_ID", "GRID_ID", identifier]
            if position[cell]["type"] == "CHART":
                shown.append(cell.removeprefix("CHART-"))
    assert shown == list(SOURCES.dashboards[name].charts)
    named = {child for part in position.values() if isinstance(part, dict) for child in part.get("children", ())}
    assert named <= position.keys()


def test_a_layout_that_somebody_made_with_tabs_stays_as_it_is() -> None:
    tabs = {
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": ["TABS-1"]},
        "TABS-1": {"type": "TABS", "id": "TABS-1", "children": []},
    }
    assert stacked(tabs) == tabs
