"""What is pushed comes back as the file that it was made of; what the files cannot say is told and not written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalogue.entries import Catalogue
from catalogue.loading import load_catalogue
from orchestration.dbt_manifest import load_dbt_project
from superset_assets.bundle import build_bundle
from superset_assets.problems import AssetsError
from superset_assets.pulling import pull, rendered, write
from superset_assets.sources import ChartSource, DashboardSource, Sources, read_sources


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(load_dbt_project().manifest_path)


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources()


def live(name: str, sources: Sources, catalogue: Catalogue) -> dict[str, Any]:
    """Return a dashboard as Superset would answer after a push."""
    bundle = json.loads(json.dumps(build_bundle(sources, catalogue)))
    charts = [bundle[f"charts/{chart}_en.yaml"] for chart in sources.dashboards[name].charts]
    return {"dashboard": bundle[f"dashboards/{name}_en.yaml"], "charts": {chart["uuid"]: chart for chart in charts}}


@pytest.mark.parametrize("name", read_sources().dashboards)
def test_what_was_pushed_comes_back_as_it_was(
    name: str, sources: Sources, catalogue: Catalogue, tmp_path: Path
) -> None:
    pulled = pull(name, live(name, sources, catalogue), sources, catalogue)
    assert pulled.dashboard == sources.dashboards[name]
    for chart in sources.dashboards[name].charts:
        assert pulled.charts[chart] == sources.charts[chart], chart
    assert write(name, pulled, sources, tmp_path) == []


def test_a_file_says_what_was_read_from_it(sources: Sources) -> None:
    for chart in sources.charts.values():
        assert ChartSource.model_validate(yaml.safe_load(rendered(chart))) == chart
    for dashboard in sources.dashboards.values():
        assert DashboardSource.model_validate(yaml.safe_load(rendered(dashboard))) == dashboard


def test_an_edited_copy_becomes_files(sources: Sources, catalogue: Catalogue, tmp_path: Path) -> None:
    """Another title and width, and a chart that is new."""
    edited = live("summary", sources, catalogue)
    cell = edited["dashboard"]["position"]["CHART-top_managers"]
    cell["meta"]["width"] = 4
    new = copy.deepcopy(edited["charts"][cell["meta"]["uuid"]])
    new |= {"uuid": "0e6f0cb3-3f6d-4f0e-9d43-4dd3f3a3b0ac", "slice_name": "Best 5 managers"}
    new["params"]["row_limit"] = 5
    cell["meta"]["uuid"] = new["uuid"]
    edited["charts"][new["uuid"]] = new
    for folder in ("charts", "dashboards"):
        (tmp_path / folder).mkdir()
    pulled = pull("summary", edited, sources, catalogue)
    written = write("summary", pulled, sources, tmp_path)
    assert [path.name for path in written] == ["best_5_managers.yaml", "summary.yaml"]
    assert yaml.safe_load(written[0].read_text(encoding="utf-8"))["limit"] == 5
    rows = yaml.safe_load(written[1].read_text(encoding="utf-8"))["rows"]
    assert {"chart": "best_5_managers", "width": 4} in rows[-1]["cells"]


def test_what_the_files_cannot_say_is_told_and_not_written(sources: Sources, catalogue: Catalogue) -> None:
    edited = live("summary", sources, catalogue)
    charts = {chart["slice_name"]: chart for chart in edited["charts"].values()}
    charts["Sales"]["params"]["metric"] = {"expressionType": "SQL", "sqlExpression": "sum(won_amount_base) * 2"}
    charts["Won deals"]["viz_type"] = "treemap_v2"
    charts["New leads"]["params"]["adhoc_filters"].append({"expressionType": "SQL", "sqlExpression": "leads > 2"})
    edited["dashboard"]["position"]["ROW-1"]["type"] = "TABS"
    edited["dashboard"]["metadata"]["native_filter_configuration"].append({"id": "NATIVE_FILTER-x", "name": "Stage"})
    with pytest.raises(AssetsError) as raised:
        pull("summary", edited, sources, catalogue)
    told = str(raised.value)
    for line in (
        "charts/kpi_sales.yaml: figures.0: ",
        "charts/kpi_won_deals.yaml: type: 'treemap_v2' is none of ours",
        "charts/kpi_leads.yaml: where: 'leads > 2' cannot be said here",
        "dashboards/summary.yaml: rows: a TABS cannot be said here",
        "dashboards/summary.yaml: filters: 'Stage' is none of ours",
    ):
        assert line in told, told
