"""Every dashboard in a browser, in both languages: no error, no chart without its rows, no word of another language.

New dashboards are looked at without a change here. The pictures lie in pytest's folder (`--basetemp`), for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from catalogue.access import Identity
from catalogue.entries import Catalogue
from catalogue.formats import Format
from catalogue.loading import load_catalogue
from catalogue.texts import LANGUAGES, LanguageCode
from deploy.browser import require_chromium
from deploy.connections import connect_clickhouse
from deploy.settings import load_superset_settings
from orchestration.dbt_manifest import load_dbt_project
from superset_assets.bundle import build_bundle
from superset_assets.screenshots import DESK, Shot, shots
from superset_assets.server_process import ask
from superset_assets.sources import Sources, read_sources
from superset_assets.translations import translator
from tests.integration.superset.stand import Stand

TENANT = "volga"
# Names of programs and of this one, formats of files, of measures of models, and what Superset leaves in English.
SAME_IN_BOTH = {"crm", "analytics", "csv", "excel", "pdf", "utc", "auc", "psi", "ets"}
WORDS: dict[LanguageCode, str] = {"en": r"[А-Яа-яЁё]{2,}", "ru": r"[A-Za-z]{2,}"}

# The tenant's currency is the rouble.
MONEY: dict[LanguageCode, str] = {"en": r"₽\d", "ru": r"\d\u00a0₽"}

load_dbt_project()
SOURCES: Sources = read_sources()
CATALOGUE: Catalogue = load_catalogue()


@pytest.fixture(scope="module")
def seen(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, LanguageCode], Shot]:
    """Return every dashboard in every language as a director sees it."""
    answer = ask("push", stand.variables, build_bundle(SOURCES, CATALOGUE))
    assert not answer["errors"], answer["errors"]
    folder = tmp_path_factory.mktemp("dashboards")
    found = {}
    for shot in shots(
        load_superset_settings(stand.variables),
        require_chromium(),
        Identity("director", TENANT, "screenshots"),
        SOURCES.dashboards,
        now=datetime.now(UTC),
    ):
        (folder / f"{shot.name}.png").write_bytes(shot.picture)
        found[shot.dashboard, shot.language] = shot
    return found


@pytest.fixture(scope="module")
def names(stand: Stand) -> frozenset[str]:
    """Return the words of the names that the tenant's CRM holds, in whatever language."""
    query = """
        select database, table, name from system.columns
        where database in ('analytics', 'ml') and match(table, '^(dim|fct)_')
            and match(name, '(name|title|subject|source_group)$')
    """
    with connect_clickhouse(stand.warehouse) as client:
        return words_of(
            (
                str(value)
                for database, table, name in client.query(query).result_rows
                for (value,) in client.query(f"select distinct {name} from {database}.{table}").result_rows
            ),
            r"[^\W\d_]+",
        )


@pytest.fixture(scope="module")
def without_rows(stand: Stand) -> frozenset[str]:
    """Return the charts whose mart holds no row of the tenant that the chart would show."""
    with connect_clickhouse(stand.warehouse) as client:
        return frozenset(
            name
            for name, chart in SOURCES.charts.items()
            if not client.query(
                f"select count() from {CATALOGUE.marts[chart.mart].database}.{chart.mart} where tenant_id = %(tenant)s"
                + "".join(f" and {column} in %(where_{column})s" for column in chart.where),
                parameters={
                    "tenant": TENANT,
                    **{
                        f"where_{column}": value if isinstance(value, tuple) else (value,)
                        for column, value in chart.where.items()
                    },
                },
            ).result_rows[0][0]
        )


def words_of(texts: Iterable[str], pattern: str) -> frozenset[str]:
    return frozenset(word.casefold() for text in texts for word in re.findall(pattern, text))


def shows_money(name: str) -> bool:
    chart = SOURCES.charts[name]
    mart = CATALOGUE.marts[chart.mart]
    return any(mart.figures[figure].format is Format.MONEY for figure in (*chart.figures, *chart.line))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SOURCES.dashboards)
def test_a_dashboard_is_fit_to_be_seen(
    name: str,
    language: LanguageCode,
    seen: dict[tuple[str, LanguageCode], Shot],
    names: frozenset[str],
    without_rows: frozenset[str],
) -> None:
    shot, translate = seen[name, language], translator(SOURCES, language)
    titles = {translate(SOURCES.charts[chart].title): chart for chart in SOURCES.dashboards[name].charts}
    assert sorted(shot.charts) == sorted(titles)
    assert not shot.errors
    assert not {title for title in shot.empty if titles[title] not in without_rows}
    assert shot.content_width <= DESK.width
    if any(shows_money(chart) for title, chart in titles.items() if title not in shot.empty):
        assert any(re.search(MONEY[language], text) for text in shot.texts)
    foreign = words_of(shot.texts, WORDS[language]) - names - SAME_IN_BOTH
    assert not foreign, {word: [text for text in shot.texts if word in text.casefold()][:3] for word in foreign}


def test_what_a_key_figure_is_compared_with_is_never_broken_over_lines(
    seen: dict[tuple[str, LanguageCode], Shot],
) -> None:
    for (name, _), shot in seen.items():
        figures = [chart for chart in SOURCES.dashboards[name].charts if SOURCES.charts[chart].type == "kpi"]
        # The value before and the change.
        assert len(shot.comparisons) >= 2 * len(figures), shot.name
        assert not [text for text, lines in shot.comparisons if lines > 1], shot.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_figure_is_a_dash(language: LanguageCode, seen: dict[tuple[str, LanguageCode], Shot]) -> None:
    assert {written for (_, spoken), shot in seen.items() if spoken == language for written in shot.empty_figures} == {
        "–"
    }
