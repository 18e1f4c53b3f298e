"""All assets of all languages, as Superset imports them: one configuration per object, by the path of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from catalogue.entries import Catalogue
from catalogue.texts import LANGUAGES, LanguageCode
from superset_assets.charts import chart
from superset_assets.dashboards import dashboard
from superset_assets.datasets import VERSION, dataset
from superset_assets.identity import asset_id
from superset_assets.problems import AssetsError
from superset_assets.sources import DatabaseSource, Sources
from superset_assets.translations import Translator, translator
from superset_assets.validation import find_problems

DATABASE: Final = "warehouse"
# How the push knows again what it has made: it changes and removes nothing else.
OWNER: Final = "crm-analytics:"


# By `<folder>/<name>_<language>.yaml`.
Bundle = Mapping[str, Mapping[str, Any]]


def build_bundle(sources: Sources, catalogue: Catalogue) -> Bundle:
    """Return every object in every language.

    Raises:
        AssetsError: sources do not fit the catalogue, each other, or lack a translation.
    """
    problems = list(find_problems(sources, catalogue))
    if problems:
        raise AssetsError(problems)
    configurations: dict[str, Mapping[str, Any]] = {}
    for language in LANGUAGES:
        for kind, name, configuration in _objects(sources, catalogue, translator(sources, language)):
            path = f"{kind}/{name}_{language}.yaml"
            configurations[path] = {**configuration, "external_url": f"{OWNER}{path}"}
    return configurations


def _objects(
    sources: Sources, catalogue: Catalogue, translate: Translator
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield "databases", DATABASE, _database(sources.database, translate)
    for name, mart in catalogue.marts.items():
        yield "datasets", name, dataset(mart, translate.language, DATABASE)
    for name, source in sources.charts.items():
        yield "charts", name, chart(name, source, catalogue.marts[source.mart], translate)
    for name, board in sources.dashboards.items():
        yield "dashboards", name, dashboard(name, board, sources, catalogue, translate)


def _database(source: DatabaseSource, translate: Translator) -> dict[str, Any]:
    language: LanguageCode = translate.language
    return {
        "database_name": translate(source.name),
        "sqlalchemy_uri": source.uri,
        "expose_in_sqllab": language == source.sql_lab,
        "allow_dml": False,
        "allow_csv_upload": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_run_async": False,
        "extra": {"allows_virtual_table_explore": True, "engine_params": {"connect_args": {"connect_timeout": 5}}},
        "uuid": asset_id("database", DATABASE, language),
        "version": VERSION,
        "is_managed_externally": True,
    }
