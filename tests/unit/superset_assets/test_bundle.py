"""What the files of `superset_assets` become: whole in both languages, closed under references, without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalogue.entries import Catalogue
from catalogue.loading import load_catalogue
from catalogue.texts import LANGUAGES
from orchestration.dbt_manifest import load_dbt_project
from superset_assets.bundle import OWNER, Bundle, build_bundle
from superset_assets.charts import viz_types
from superset_assets.impact import impact_of
from superset_assets.problems import AssetsError
from superset_assets.server.live_assets import OWNER as OWNER_ON_THE_SERVER
from superset_assets.server.live_assets import comparable
from superset_assets.sources import Sources, read_sources

LINE = re.compile(r"[A-Za-z]{4,}")
# Names of products, formats and codes that Russian readers see as they are.
LATIN = {"mode", "reached", "current", "none", "high", "open", "lost"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(load_dbt_project().manifest_path)


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources()


@pytest.fixture(scope="module")
def bundle(sources: Sources, catalogue: Catalogue) -> Bundle:
    return build_bundle(sources, catalogue)


def of(bundle: Bundle, kind: str) -> dict[str, Mapping[str, Any]]:
    return {path: each for path, each in bundle.items() if path.startswith(f"{kind}/")}


def test_every_reference_is_answered_within_the_bundle(bundle: Bundle) -> None:
    """The import loses links without a word where one is not."""
    ids = {kind: {each["uuid"] for each in of(bundle, kind).values()} for kind in ("databases", "datasets", "charts")}
    assert len({each["uuid"] for each in bundle.values()}) == len(bundle)
    assert all(each["database_uuid"] in ids["databases"] for each in of(bundle, "datasets").values())
    assert all(each["dataset_uuid"] in ids["datasets"] for each in of(bundle, "charts").values())
    shown = set()
    for dashboard in of(bundle, "dashboards").values():
        parts = [part for part in dashboard["position"].values() if isinstance(part, dict)]
        charts = {part["meta"]["uuid"] for part in parts if part["type"] == "CHART"}
        assert charts
        assert charts <= ids["charts"]
        shown |= charts
        for native_filter in dashboard["metadata"]["native_filter_configuration"]:
            assert all(
                target.get("datasetUuid", None) in {*ids["datasets"], None} for target in native_filter["targets"]
            )
    assert shown == ids["charts"]


def test_a_dashboard_keeps_to_its_language(bundle: Bundle) -> None:
    """Nothing of one language refers to an object of the other, or the reader would see both."""
    language_of = {each["uuid"]: path[-7:-5] for path, each in bundle.items()}
    for path, each in bundle.items():
        told = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", json.dumps(each, default=str)))
        assert {language_of[identifier] for identifier in told} == {path[-7:-5]}, path


def test_every_object_exists_in_every_language(bundle: Bundle) -> None:
    names = {language: {path[:-8] for path in bundle if path.endswith(f"_{language}.yaml")} for language in LANGUAGES}
    assert names["en"] == names["ru"]
    assert {name.split("/")[1] for name in names["en"] if name.startswith("dashboards/")} >= {
        "summary", "executive", "manager", "real_time", "data_quality", "standard_reports",
    }  # fmt: skip


def test_russian_readers_read_russian(bundle: Bundle) -> None:
    for path, each in bundle.items():
        if not path.endswith("_ru.yaml"):
            continue
        texts = [each.get(name) for name in ("slice_name", "dashboard_title", "description")]
        for part in each.get("position", {}).values():
            if isinstance(part, dict):
                texts += [part.get("meta", {}).get(name) for name in ("text", "code", "sliceName")]
        for text in filter(None, texts):
            words = set(LINE.findall(text)) - LATIN
            assert not words, f"{path}: {words}"


def test_a_dataset_offers_what_the_mart_declares(bundle: Bundle, catalogue: Catalogue) -> None:
    for mart in catalogue.marts.values():
        for language in LANGUAGES:
            dataset = bundle[f"datasets/{mart.name}_{language}.yaml"]
            assert [column["column_name"] for column in dataset["columns"]] == list(mart.columns)
            labels = {metric["metric_name"]: metric["verbose_name"] for metric in dataset["metrics"]}
            assert labels == {name: figure.label.said_in(language) for name, figure in mart.figures.items()}


def test_the_five_reports_are_a_chart_and_a_table_each(bundle: Bundle, sources: Sources) -> None:
    shown = [sources.charts[name] for name in sources.dashboards["standard_reports"].charts]
    for mart in ("sales_by_month", "manager_activity", "leads_by_source", "lead_conversion", "sales_funnel"):
        types = {chart.type for chart in shown if chart.mart == mart}
        assert "table" in types
        assert types & {"columns_and_line", "columns", "bars", "line", "funnel"}


def test_charts_are_drawings_that_their_sources_name(bundle: Bundle) -> None:
    assert {each["viz_type"] for each in of(bundle, "charts").values()} <= viz_types()


def test_months_along_an_axis_stand_aslant_and_all_else_level(bundle: Bundle) -> None:
    """Level, Superset leaves out months that would touch, the newest among them."""
    rotations: dict[bool, set[int]] = {}
    for each in of(bundle, "charts").values():
        if "xAxisLabelRotation" in (params := each["params"]):
            rotations.setdefault(params["x_axis"] == "month", set()).add(params["xAxisLabelRotation"])
    assert rotations == {True: {45}, False: {0}}


def test_a_chart_can_be_exported_without_being_opened(bundle: Bundle) -> None:
    for path, each in of(bundle, "charts").items():
        (query,) = json.loads(each["query_context"])["queries"]
        assert query["metrics"] or query["columns"], path
        assert not re.search(r'"(datasource|slice_id)"', each["query_context"]), path


def test_nothing_secret_stands_in_the_bundle(bundle: Bundle) -> None:
    told = json.dumps(bundle, default=str)
    assert not re.search(r"://[^/\s\"]*:[^/\s\"]*@", told)
    assert "password" not in told.lower()


def test_what_the_push_owns_is_marked_alike_on_both_sides(bundle: Bundle) -> None:
    assert OWNER == OWNER_ON_THE_SERVER
    assert all(each["external_url"] == f"{OWNER}{path}" for path, each in bundle.items())


def test_an_object_is_comparable_with_itself_under_other_numbers(bundle: Bundle) -> None:
    """Ids differ from server to server; they must not count as a change."""
    path = "dashboards/summary_en.yaml"
    moved = json.loads(json.dumps(bundle[path]))
    numbers = {}
    for part in moved["position"].values():
        if isinstance(part, dict) and part["type"] == "CHART":
            numbers[part["meta"]["chartId"]] = part["meta"]["chartId"] + 700
            part["meta"]["chartId"] += 700
    for native_filter in moved["metadata"]["native_filter_configuration"]:
        native_filter["scope"]["excluded"] = [numbers[number] for number in native_filter["scope"]["excluded"]]
    assert comparable(path, moved) == comparable(path, bundle[path])
    moved["position"]["ROW-1"]["children"].reverse()
    assert comparable(path, moved) != comparable(path, bundle[path])


def test_impact_follows_a_column_through_a_rate(sources: Sources, catalogue: Catalogue) -> None:
    touched = impact_of("sales_by_month", "target_amount_base", sources, catalogue)
    assert "kpi_plan_reached" in touched
    assert "kpi_won_deals" not in touched
    assert "kpi_won_deals" in impact_of("sales_by_month", None, sources, catalogue)


def changed(sources: Sources, chart: str, **fields: Any) -> Sources:
    source = sources.charts[chart].model_copy(update=fields)
    return replace(sources, charts={**sources.charts, chart: source})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: changed(s, "kpi_sales", mart="sales"), "charts/kpi_sales.yaml: mart: 'sales' is no mart with roles"),
        (
            lambda s: changed(s, "kpi_sales", figures=("won_amount",)),
            "charts/kpi_sales.yaml: figures: 'won_amount' is no figure of sales_by_month. Do: choose among: won_",
        ),
        (
            lambda s: changed(s, "top_managers", x="manager"),
            "charts/top_managers.yaml: x: 'manager' is no dimension of sales_by_month. Do: choose among: manager_",
        ),
        (
            lambda s: changed(s, "sales_funnel", where={}),
            "charts/sales_funnel.yaml: where: members of 'mode' count the same records, so they cannot stand together",
        ),
        (
            lambda s: changed(s, "sales_funnel_table", by=("department_name",)),
            "charts/sales_funnel_table.yaml: by: adds up over stage_id, stage_name, which must not be",
        ),
        (
            lambda s: changed(s, "kpi_sales", title="Revenue"),
            "translations/ru.yaml: 'Revenue': is missing; charts/kpi_sales.yaml says it. Do: translate it",
        ),
        (
            lambda s: replace(s, translations={"ru": {**s.translations["ru"], "Turnover": "Оборот"}}),
            "translations/ru.yaml: 'Turnover': no asset says it. Do: remove it",
        ),
        (
            lambda s: replace(s, charts={**s.charts, "unused": s.charts["kpi_sales"]}),
            "charts/unused.yaml: no dashboard shows it. Do: show it, or remove the file",
        ),
        (
            lambda s: replace(
                s,
                dashboards={
                    **s.dashboards,
                    "real_time": s.dashboards["real_time"].model_copy(update={"filters": ("period", "pipeline")}),
                },
            ),
            "dashboards/real_time.yaml: filters: no chart has the column pipeline_name of 'pipeline'",
        ),
    ],
)
def test_a_problem_names_file_and_field_and_what_to_do(
    sources: Sources, catalogue: Catalogue, change: Callable[[Sources], Sources], told: str
) -> None:
    with pytest.raises(AssetsError) as raised:
        build_bundle(change(sources), catalogue)
    lines = str(raised.value).splitlines()
    assert any(line.startswith(told) for line in lines), lines


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("titel: x", "charts/broken.yaml: titel: is no key. Do: correct or remove it; keys here: title, note"),
        ("title: x", "charts/broken.yaml: mart: is missing. Do: declare it"),
        (
            "{title: x, mart: m, type: donut, figures: [a]}",
            "charts/broken.yaml: type: 'donut': input should be 'kpi', 'number'",
        ),
        (
            "{title: x, mart: m, type: pie, figures: [a]}",
            "charts/broken.yaml: a chart of type pie needs by. Do: correct it",
        ),
        ("{title: x, mart: m, type: kpi, figures: [a, b]}", "charts/broken.yaml: a chart of type kpi shows one figure"),
        ("title: [", "charts/broken.yaml: is no YAML: while parsing"),
        ("- 1", "charts/broken.yaml: holds no keys"),
    ],
)
def test_a_malformed_file_is_told_by_field(tmp_path: Path, text: str, told: str) -> None:
    for folder in ("charts", "dashboards", "databases", "translations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "charts" / "broken.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(AssetsError) as raised:
        read_sources(tmp_path)
    lines = str(raised.value).splitlines()
    assert any(line.startswith(told) for line in lines), lines


def test_rows_wider_than_the_grid_are_refused(tmp_path: Path) -> None:
    for folder in ("charts", "dashboards", "databases", "translations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dashboards" / "wide.yaml").write_text(
        "{title: x, description: y, order: 1, rows: [{cells: [{chart: a, width: 8}, {chart: b, width: 5}]}]}",
        encoding="utf-8",
    )
    with pytest.raises(AssetsError, match=r"dashboards/wide\.yaml: rows\.0: cells of 13 columns do not fit into 12"):
        read_sources(tmp_path)
