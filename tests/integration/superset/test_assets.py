"""The project's own assets in a running Superset: pushed, pushed again, and every figure of every chart recomputed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

import pytest

from catalogue.declaration import ComparedWith, Function
from catalogue.entries import Catalogue, Dimension, Mart, Rate
from catalogue.loading import load_catalogue
from catalogue.texts import LANGUAGES, LanguageCode
from deploy.connections import connect_clickhouse
from deploy.settings import REPOSITORY
from deploy.superset.server import python
from orchestration.dbt_manifest import load_dbt_project
from superset_assets.bundle import OWNER, Bundle, build_bundle
from superset_assets.charts import viz_types
from superset_assets.identity import asset_id
from superset_assets.server_process import ask
from superset_assets.sources import ChartSource, Sources, read_sources
from tests.integration.superset.people import Visitor, person
from tests.integration.superset.stand import Stand

Rows = list[dict[str, Any]]
Groups = dict[tuple[Any, ...], Rows]

TENANT = "volga"

load_dbt_project()
SOURCES: Sources = read_sources()
CATALOGUE: Catalogue = load_catalogue()
BUNDLE: Bundle = build_bundle(SOURCES, CATALOGUE)


def run(stand: Stand, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, on the stand's variables."""
    return subprocess.run(
        [sys.executable, "-m", "superset_assets", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **stand.variables},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def pushed(stand: Stand) -> Iterator[subprocess.CompletedProcess[str]]:
    yield run(stand, "push")


@pytest.fixture(scope="module")
def director(stand: Stand, pushed: subprocess.CompletedProcess[str]) -> Visitor:
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    return person(stand, "director", TENANT, "director-of-assets")


@pytest.fixture(scope="module")
def charts(director: Visitor) -> dict[str, int]:
    """Return the id of each chart on this server by its uuid."""
    return {entry["uuid"]: entry["id"] for entry in director.listed("/api/v1/chart/", "id,uuid")}


@pytest.fixture(scope="module")
def rows(stand: Stand) -> dict[str, Rows]:
    """Return every row of the tenant of every mart that a chart reads."""
    marts = {chart.mart for chart in SOURCES.charts.values()}
    with connect_clickhouse(stand.warehouse) as client:
        return {
            name: list(
                client.query(
                    f"select * from {CATALOGUE.marts[name].database}.{name} where tenant_id = %(tenant)s",
                    parameters={"tenant": TENANT},
                ).named_results()
            )
            for name in marts
        }


def test_a_second_push_changes_nothing(stand: Stand, pushed: subprocess.CompletedProcess[str]) -> None:
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    assert "+ dashboards/summary_ru.yaml" in pushed.stdout
    again = run(stand, "push")
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == f"0 changed, {len(BUNDLE)} objects"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SOURCES.charts)
def test_a_chart_shows_the_figures_of_its_mart(
    name: str,
    language: LanguageCode,
    director: Visitor,
    charts: dict[str, int],
    rows: dict[str, Rows],
) -> None:
    """What the data API answers is recomputed from the mart's rows in Python."""
    source = SOURCES.charts[name].in_language(language)
    response = director.get(f"/api/v1/chart/{charts[asset_id('chart', name, language)]}/data/")
    assert response.status_code == 200, response.text
    answer = response.json()["result"][0]
    assert answer["status"] == "success"
    shown = answer["data"]
    mart = CATALOGUE.marts[source.mart]
    expected = groups_of(source, mart, rows[source.mart], language)
    dimensions = [*([source.x] if source.x else []), *source.by]
    if dimensions:
        assert len(shown) == min(len(expected), source.limit)
    for row in shown:
        group = tuple(row[dimension] for dimension in dimensions)
        for figure in source.all_figures:
            wanted = figure_of(figure, mart, expected[group], expected)
            assert_equal(row[figure], wanted, f"{name} {group} {figure}")


def groups_of(source: ChartSource, mart: Mart, rows: Rows, language: LanguageCode) -> Groups:
    """Return the rows that take part, by the values of the dimensions shown, in the words of the language."""
    dimensions = [*([source.x] if source.x else []), *source.by]
    groups: Groups = defaultdict(list)
    if not dimensions:
        groups[()] = []
    for row in rows:
        chosen = all(
            row[column] in value if isinstance(value, tuple) else row[column] == value
            for column, value in source.where.items()
        )
        if chosen:
            groups[tuple(as_shown(row[name], mart.dimensions[name], language) for name in dimensions)].append(row)
    return groups


def as_shown(value: Any, dimension: Dimension, language: LanguageCode) -> Any:
    text = dimension.members.get(value) if isinstance(value, str) else None
    return getattr(text, language) if text else as_json(value)


def figure_of(name: str, mart: Mart, group: Rows, groups: Groups) -> Any:
    if name in mart.measures:
        return total(name, group)
    if name in mart.aggregates:
        aggregate = mart.aggregates[name]
        if aggregate.function is Function.MEDIAN:
            values = [value for row in group for value in row[aggregate.column]]
            return median(values) * aggregate.scale if values else None
        each = [row[aggregate.column] for row in group]
        return max(each) if aggregate.function is Function.MAX else min(each)
    rate = mart.rates[name]
    numerator, denominator = total(rate.numerator, group), total(rate.denominator, compared_rows(rate, group, groups))
    known = numerator is not None and denominator is not None and denominator > 0
    return float(numerator) * rate.scale / float(denominator) if known else None


def total(name: str, rows: Rows) -> Any:
    """Return the sum of what is known, nothing where nothing is."""
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known) if known or not rows else None


def compared_rows(rate: Rate, group: Rows, groups: Groups) -> Rows:
    """Return the rows below the line of a rate."""
    if rate.compared_with is ComparedWith.SAME_ROW:
        return group
    if rate.compared_with is ComparedWith.ALL_ROWS:
        return [row for each in groups.values() for row in each]
    order = str(rate.order)
    siblings = [each for each in groups.values() if all(each[0][name] == group[0][name] for name in rate.within)]
    siblings.sort(key=lambda each: each[0][order])
    if rate.compared_with is ComparedWith.FIRST_ROW:
        return siblings[0]
    place = siblings.index(group)
    return siblings[place - 1] if place else []


def as_json(value: Any) -> Any:
    """Return a value as the data API writes it: moments are milliseconds."""
    if isinstance(value, datetime):
        return int(value.replace(tzinfo=UTC).timestamp() * 1000)
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return value


def assert_equal(shown: Any, wanted: Any, what: str) -> None:
    if isinstance(wanted, datetime):
        # The views go on refreshing themselves.
        assert 0 <= shown - as_json(wanted) < 10 * 60 * 1000, what
    elif wanted is None:
        assert shown is None, what
    else:
        assert float(shown) == pytest.approx(float(wanted)), what


def test_a_push_that_superset_refuses_says_where_and_changes_nothing(stand: Stand, director: Visitor) -> None:
    broken = {**BUNDLE["charts/kpi_sales_en.yaml"], "colour": "red"}
    answer = ask("push", stand.variables, {**BUNDLE, "charts/kpi_sales_en.yaml": broken})
    assert answer["errors"] == ["charts/kpi_sales_en.yaml: colour: ['Unknown field.']"]


def test_a_dataset_that_no_rule_covers_stops_the_push_before_anything_is_shown(
    stand: Stand, director: Visitor, charts: dict[str, int]
) -> None:
    """Datasets come before rules and rules before charts: the chart of this bundle must not have come."""
    dataset = {
        **BUNDLE["datasets/sales_by_month_en.yaml"],
        "table_name": "nothing_declares_this",
        "columns": [{"column_name": "x", "type": "String"}],
        "metrics": [],
        **_strange("datasets/strange_en.yaml", "0e6f0cb3-3f6d-4f0e-9d43-4dd3f3a3b0ab"),
    }
    chart = {
        **BUNDLE["charts/kpi_sales_en.yaml"],
        "slice_name": "Strange",
        **_strange("charts/strange_en.yaml", "0e6f0cb3-3f6d-4f0e-9d43-4dd3f3a3b0aa"),
    }
    answer = ask(
        "push", stand.variables, {**BUNDLE, "datasets/strange_en.yaml": dataset, "charts/strange_en.yaml": chart}
    )
    assert any("nothing_declares_this has no column tenant_id and no rule" in line for line in answer["errors"])
    found = director.get("/api/v1/chart/", q="(filters:!((col:slice_name,opr:eq,value:Strange)))").json()
    assert found["count"] == 0


def test_a_push_puts_right_what_differs_and_leaves_alone_what_is_not_its_own(
    stand: Stand, admin: Visitor, charts: dict[str, int]
) -> None:
    """A title changed by hand, a dataset that no file makes any more, and a chart that a person made."""
    identifier = charts[asset_id("chart", "kpi_sales", "en")]
    assert admin.send("PUT", f"/api/v1/chart/{identifier}", {"slice_name": "Turnover"}).status_code == 200
    datasets = admin.get("/api/v1/dataset/", q="(filters:!((col:table_name,opr:eq,value:sales_by_month)))").json()
    own = {
        "slice_name": "My own chart",
        "viz_type": "table",
        "datasource_id": datasets["result"][0]["id"],
        "datasource_type": "table",
        "params": "{}",
    }
    made = admin.post("/api/v1/chart/", own)
    assert made.status_code == 201, made.text
    pushed = run(stand, "push")
    assert pushed.returncode == 0, pushed.stderr
    assert re.search(r"^~ charts/kpi_sales_en\.yaml: .*slice_name", pushed.stdout, re.MULTILINE)
    assert "- datasets/strange_en.yaml" in pushed.stdout
    assert admin.get(f"/api/v1/chart/{identifier}").json()["result"]["slice_name"] == "Sales"
    assert admin.get(f"/api/v1/chart/{made.json()['id']}").status_code == 200
    compared = run(stand, "diff")
    assert compared.returncode == 0, compared.stdout + compared.stderr


def _strange(path: str, identifier: str) -> dict[str, str]:
    return {"uuid": identifier, "external_url": f"{OWNER}{path}"}


def test_a_refresh_makes_superset_ask_the_warehouse_anew(
    stand: Stand, director: Visitor, charts: dict[str, int]
) -> None:
    path = f"/api/v1/chart/{charts[asset_id('chart', 'kpi_sales', 'en')]}/data/"
    director.get(path)
    assert director.get(path).json()["result"][0]["is_cached"] is True
    assert ask("refresh", stand.variables)["datasets"] == 2 * len(CATALOGUE.marts)
    assert director.get(path).json()["result"][0]["is_cached"] is not True


def test_superset_has_every_drawing_that_charts_name() -> None:
    """The import takes any name; a page with an unknown one shows an error box."""
    folder = python().parent.parent
    scripts = "".join(
        path.read_text(encoding="utf-8") for path in folder.glob("lib/*/site-packages/superset/static/assets/*.js")
    )
    for name in viz_types():
        assert f'"{name}"' in scripts, name


def test_dashboards_open_for_those_who_may_and_show_every_chart(director: Visitor) -> None:
    for name, source in SOURCES.dashboards.items():
        for language in LANGUAGES:
            slug = f"{name.replace('_', '-')}-{language}"
            shown = director.get(f"/api/v1/dashboard/{slug}/charts").json()["result"]
            assert len(shown) == len(source.charts), slug
