"""A declaration becomes an entry; a mistake in it is told with file, model, place and remedy, all mistakes at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from catalogue.entries import Catalogue, Mart
from catalogue.expressions import expression, members_expression
from catalogue.formats import Format, Unit
from catalogue.loading import build_catalogue, load_catalogue
from catalogue.mistakes import CatalogueError
from catalogue.texts import LANGUAGES
from orchestration.dbt_manifest import load_dbt_project

REPORTS = {"sales_by_month", "manager_activity", "leads_by_source", "lead_conversion", "sales_funnel"}


def column(name: str, data_type: str, **meta: Any) -> dict[str, Any]:
    declared = {"label": {"en": name, "ru": f"{name} (ru)"}, "description_ru": "описание", **meta}
    return {"name": name, "data_type": data_type, "description": "described", "config": {"meta": declared}}


def manifest() -> dict[str, Any]:
    """Return a manifest of one report, as small as it may be."""
    columns = [
        column("day", "Date32", kind="dimension", format="day"),
        column("stage", "String", kind="dimension"),
        column("deals", "UInt64", kind="measure", format="count"),
        column("visits", "UInt64", kind="measure", format="count"),
        column("seconds", "UInt64", kind="measure", format="seconds"),
        column("seconds_each", "Array(UInt64)", kind="values", format="seconds"),
    ]
    text = {"en": "text", "ru": "текст"}
    meta = {
        "title": {"en": "Report", "ru": "Отчёт"},
        "description_ru": "описание",
        "roles": ["director"],
        "time": "day",
        "filters": ["day", "stage"],
        "chart": {"type": "bar", "x": "stage", "figures": ["deals", "mean_days"]},
        "rates": [
            {
                "name": "mean_days",
                "label": {"en": "Mean", "ru": "Среднее"},
                "description": text,
                "numerator": "seconds",
                "denominator": "visits",
                "format": "days",
            },
        ],
        "aggregates": [
            {
                "name": "median_hours",
                "label": {"en": "Median", "ru": "Медиана"},
                "description": text,
                "column": "seconds_each",
                "function": "median",
                "format": "minutes",
            }
        ],
    }
    node = {
        "resource_type": "model",
        "name": "report",
        "schema": "analytics",
        "description": "described",
        "original_file_path": "models/marts/reports/report.sql",
        "patch_path": "crm_analytics://models/marts/reports/reports.yml",
        "config": {"meta": meta},
        "columns": {each["name"]: each for each in columns},
    }
    return {"nodes": {"model.report": node}}


def mistakes_of(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> list[str]:
    """Return the lines told of the report after a change of its meta or of its columns' meta."""
    changed = copy.deepcopy(manifest())
    node = changed["nodes"]["model.report"]
    change(node["config"]["meta"], {name: each["config"]["meta"] for name, each in node["columns"].items()})
    with pytest.raises(CatalogueError) as raised:
        build_catalogue(changed)
    return str(raised.value).splitlines()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(load_dbt_project().manifest_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda meta, _: meta.pop("title"), "report.meta.title: is missing. Do: declare the title"),
        (lambda meta, _: meta["title"].pop("ru"), "report.meta.title.ru: is missing. Do: declare ru"),
        (lambda meta, _: meta.update(titel=1), "report.meta.titel: is no key of the catalogue. Do: correct"),
        (lambda meta, _: meta.pop("roles"), "report.meta.roles: a report is offered to nobody. Do: list the roles"),
        (lambda meta, _: meta.update(roles=["boss"]), "report.meta.roles.0: 'boss' does not fit: input should be"),
        (lambda meta, _: meta.update(time="stage"), "report.meta.time: 'stage' is no date. Do: name a dimension"),
        (lambda meta, _: meta["filters"].append("deals"), "report.meta.filters: 'deals' is no dimension of the model"),
        (lambda meta, _: meta.update(one_of="mode"), "report.meta.one_of: 'mode' is no dimension of the model. Do: ch"),
        (lambda meta, _: meta.pop("chart"), "report.meta.chart: is missing. Do: declare the chart"),
        (lambda meta, _: meta["chart"].update(x="deals"), "report.meta.chart: 'deals' is no dimension of the model"),
        (
            lambda meta, _: meta["chart"].update(figures=["sales"]),
            "report.meta.chart.figures: 'sales' is no measure of the model. Do: choose among: deals, visits, seconds",
        ),
        (
            lambda meta, _: meta["rates"][0].update(denominator="stage"),
            "report.meta.rates.mean_days: 'stage' is no measure of the model. Do: choose among: deals",
        ),
        (
            lambda meta, _: meta["rates"][0].update(numerator="deals"),
            "report.meta.rates.mean_days: a time is taken from 'deals', which is none. Do: give 'deals' the format",
        ),
        (
            lambda meta, _: meta["rates"][0].update(compared_with="previous_row"),
            "report.meta.rates.mean_days: 'previous_row' needs an order. Do: name the dimension",
        ),
        (
            lambda meta, _: meta["rates"][0].update(order="stage"),
            "report.meta.rates.mean_days: 'same_row' has no order. Do: remove order",
        ),
        (
            lambda meta, _: meta["rates"][0].update(name="deals"),
            "report.meta.rates.deals: 'deals' is the name of another column or figure. Do: choose another name",
        ),
        (
            lambda meta, _: meta["aggregates"][0].update(column="seconds"),
            "report.meta.aggregates.median_hours: 'median' of 'seconds'. Do: take a median of values",
        ),
        (
            lambda meta, _: meta["aggregates"][0].update(column="nothing"),
            "report.meta.aggregates.median_hours: 'nothing' is no column. Do: name a column",
        ),
        (lambda _, columns: columns["deals"].pop("label"), "report.deals.meta.label: is missing. Do: declare label"),
        (
            lambda _, columns: columns["deals"].pop("description_ru"),
            "report.deals.meta.description_ru: is missing. Do: translate the column's description",
        ),
        (
            lambda _, columns: columns["deals"].update(format="text"),
            "report.deals.meta.format: says nothing of a number. Do: choose one of: count, days",
        ),
        (
            lambda _, columns: columns["seconds_each"].update(kind="measure"),
            "report.seconds_each.meta.kind: 'measure' does not fit Array(UInt64). Do: an array",
        ),
        (
            lambda _, columns: columns["deals"]["label"].update(en="VISITS"),
            "report.deals.meta.label.en: 'VISITS' is the label of another column too. Do: give each",
        ),
        (
            lambda _, columns: columns["deals"].update(members={"1": {"en": "one", "ru": "один"}}),
            "report.deals.meta.members: only a dimension of text has members. Do: remove them",
        ),
        (
            lambda _, columns: columns["stage"].update(
                members={"a": {"en": "A", "ru": "этап"}, "b": {"en": "B", "ru": "этап"}}
            ),
            "report.stage.meta.members: 'этап' is said of several values. Do: readers could not tell them apart",
        ),
        (lambda meta, _: meta.update(records_of="other"), "report.meta.records_of: 'other' is no mart with roles"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_to_do(change: Callable[..., Any], told: str) -> None:
    lines = mistakes_of(change)
    assert any(line.startswith(f"models/marts/reports/reports.yml: {told}") for line in lines), lines
    assert all(" Do: " in line for line in lines)


def test_a_column_may_not_end_like_an_alias_of_superset() -> None:
    changed = manifest()
    columns = changed["nodes"]["model.report"]["columns"]
    columns["deals_0a1b2c"] = column("deals_0a1b2c", "UInt64", kind="measure", format="count")
    with pytest.raises(CatalogueError, match=r"report\.deals_0a1b2c: ends like an alias of Superset's"):
        build_catalogue(changed)


def test_all_mistakes_are_told_at_once() -> None:
    def change(meta: dict[str, Any], columns: dict[str, Any]) -> None:
        meta["time"] = "nothing"
        del columns["stage"]["description_ru"]

    assert len(mistakes_of(change)) == 2


def test_what_is_declared_is_what_readers_get() -> None:
    mart = build_catalogue(manifest()).marts["report"]
    assert mart.title.said_in("ru") == "Отчёт"
    assert list(mart.dimensions) == ["day", "stage"]
    assert list(mart.figures) == ["deals", "visits", "seconds", "mean_days", "median_hours"]
    assert mart.figures["deals"].format.unit is Unit.PIECE
    assert mart.rates["mean_days"].of(86_400, 2) == 0.5
    assert mart.rates["mean_days"].of(86_400, 0) is None


def test_readers_see_the_words_of_a_coded_value_and_every_other_value_as_it_is() -> None:
    declared = manifest()
    columns = declared["nodes"]["model.report"]["columns"]
    columns["stage"]["config"]["meta"]["members"] = {"won": {"en": "Won", "ru": "Победа 'за нами'"}}
    stage = build_catalogue(declared).marts["report"].dimensions["stage"]
    assert [stage.said(value, "ru") for value in ("won", "(none)", "лид")] == ["Победа 'за нами'", "(нет)", "лид"]
    assert members_expression(stage, "en") == "transform(`stage`, ['won'], ['Won'], `stage`)"
    russian = members_expression(stage, "ru")
    assert russian == r"transform(`stage`, ['(none)', 'won'], ['(нет)', 'Победа \'за нами\''], `stage`)"


def test_names_of_the_catalogue_itself_need_no_words_of_their_own() -> None:
    declared = manifest()
    columns = declared["nodes"]["model.report"]["columns"]
    columns["stage"]["config"]["meta"]["members"] = "figures"
    stage = build_catalogue(declared).marts["report"].dimensions["stage"]
    assert [stage.said(value, "ru") for value in ("deals", "mean_days")] == ["deals (ru)", "Среднее"]
    columns["stage"]["config"]["meta"]["members"] = "marts"
    assert build_catalogue(declared).marts["report"].dimensions["stage"].said("report", "en") == "Report"


def test_every_report_is_whole(catalogue: Catalogue) -> None:
    assert {name for name, mart in catalogue.marts.items() if mart.folder == "marts/reports"} >= REPORTS
    for name in REPORTS:
        mart = catalogue.marts[name]
        assert mart.time == "day"
        assert mart.chart
        assert mart.records and mart.records.report == name
        # Every figure of the records view is one of the report.
        assert set(mart.records.measures) <= set(mart.measures)


def test_every_text_of_the_catalogue_is_in_both_languages(catalogue: Catalogue) -> None:
    for mart in catalogue.marts.values():
        for text in texts_of(mart):
            assert text
        russian = [mart.title.ru, *(figure.label.ru for figure in mart.figures.values())]
        assert all(any("а" <= letter.lower() <= "я" for letter in words) for words in russian), russian


def texts_of(mart: Mart) -> list[str]:
    described = [entry.description for entry in (*mart.columns.values(), *mart.figures.values())]
    texts = [mart.title, mart.description, *(entry.label for entry in (*mart.columns.values(), *mart.figures.values()))]
    return [text.said_in(language) for text in (*texts, *described) if text for language in LANGUAGES]


def test_money_is_in_the_tenants_currency_and_a_rate_is_a_fraction(catalogue: Catalogue) -> None:
    sales = catalogue.marts["sales_by_month"]
    assert sales.figures["won_amount_base"].format.unit is Unit.CURRENCY
    assert sales.figures["attainment"].format is Format.PERCENT
    assert catalogue.marts["manager_activity"].figures["minutes"].format.unit is Unit.MINUTE


def test_expressions_are_aggregates_of_declared_columns(catalogue: Catalogue) -> None:
    funnel = catalogue.marts["sales_funnel"]
    assert expression(funnel.figures["deals"]) == "sum(`deals`)"
    assert "nullIf(" in expression(funnel.figures["step_rate"])
    assert "86400" in expression(funnel.figures["mean_days"])


def test_of_less_than_nothing_there_is_no_share(catalogue: Catalogue) -> None:
    attainment = catalogue.marts["sales_by_month"].rates["attainment"]
    assert [attainment.of(1, below) for below in (None, 0, -1, 2)] == [None, None, None, 0.5]
    assert "greatest(" in expression(attainment)


def test_the_catalogue_is_read_from_a_manifest_file(tmp_path: Any) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest()), encoding="utf-8")
    assert list(load_catalogue(path).marts) == ["report"]
