"""Objects of Superset in the form of a bundle, so that the two can be compared. Ids of this server become uuids.

Read are the objects that this project has made (`external_url` begins with its mark); people's own stay out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

OWNER: Final = "crm-analytics:"
_METRIC = ("metric_name", "verbose_name", "description", "expression", "d3format")
_COLUMN = ("column_name", "verbose_name", "description", "type", "is_dttm", "is_active", "groupby", "filterable")
# What Superset notes for itself, or what says the same by an id of this server.
_OWN_PARAMS = frozenset({"datasource", "slice_id", "dashboards"})
_JSON_OF_DASHBOARD = {"position": "position_json", "metadata": "json_metadata"}


def read_live() -> dict[str, dict[str, Any]]:
    """Return the configurations of the project's objects, by the path that they have in a bundle."""
    return dict(_read())


def read_dashboard(slug: str) -> dict[str, Any]:
    """Return a dashboard, anybody's, and its charts by uuid; both empty where there is none of that slug or id."""
    from superset.models.dashboard import Dashboard

    found = Dashboard.get(slug)
    if found is None:
        return {"dashboard": None, "charts": {}}
    return {"dashboard": _dashboard(found), "charts": {str(chart.uuid): _chart(chart) for chart in found.slices}}


def comparable(path: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a configuration counts, in one form for what is wanted and what is there."""
    kind = path.split("/")[0]
    ignored = {"version", "uuid", "external_url"}
    kept = {name: value for name, value in configuration.items() if name not in ignored}
    if kind == "charts":
        kept["params"] = {name: value for name, value in kept["params"].items() if name not in _OWN_PARAMS}
        kept["query_context"] = _without_datasource(kept["query_context"])
    elif kind == "dashboards":
        numbers = _uuids_by_number(kept["position"])
        kept["position"] = _position(kept["position"])
        kept["metadata"] = _metadata(kept["metadata"], numbers)
    elif kind == "datasets":
        kept["columns"] = {column["column_name"]: _picked(column, _COLUMN) for column in kept["columns"]}
        kept["metrics"] = {metric["metric_name"]: _picked(metric, _METRIC) for metric in kept["metrics"]}
    return kept


def _read() -> Iterator[tuple[str, dict[str, Any]]]:
    from superset.extensions import db

    for folder, model in FOLDERS.items():
        table = model()
        for entry in db.session.query(table).filter(table.external_url.startswith(OWNER, autoescape=True)):
            if entry.is_managed_externally:
                yield entry.external_url.removeprefix(OWNER), _READERS[folder](entry)


def _database(entry: Any) -> dict[str, Any]:
    names = ("database_name", "expose_in_sqllab", "allow_dml", "allow_ctas", "allow_cvas", "allow_run_async")
    return {
        **{name: getattr(entry, name) for name in names},
        "sqlalchemy_uri": entry.sqlalchemy_uri,
        "allow_csv_upload": entry.allow_file_upload,
        "extra": json.loads(entry.extra or "{}"),
        "uuid": str(entry.uuid),
        "is_managed_externally": entry.is_managed_externally,
    }


def _dataset(entry: Any) -> dict[str, Any]:
    names = ("table_name", "schema", "description", "main_dttm_col", "cache_timeout", "filter_select_enabled")
    return {
        **{name: getattr(entry, name) for name in names},
        "extra": json.loads(entry.extra or "{}"),
        "columns": [{name: getattr(column, name) for name in _COLUMN} for column in entry.columns],
        "metrics": [{name: getattr(metric, name) for name in _METRIC} for metric in entry.metrics],
        "uuid": str(entry.uuid),
        "database_uuid": str(entry.database.uuid),
        "is_managed_externally": entry.is_managed_externally,
    }


def _chart(entry: Any) -> dict[str, Any]:
    return {
        "slice_name": entry.slice_name,
        "description": entry.description,
        "viz_type": entry.viz_type,
        "params": json.loads(entry.params or "{}"),
        "query_context": entry.query_context,
        "cache_timeout": entry.cache_timeout,
        "uuid": str(entry.uuid),
        "dataset_uuid": str(entry.table.uuid) if entry.table else None,
        "is_managed_externally": entry.is_managed_externally,
    }


def _dashboard(entry: Any) -> dict[str, Any]:
    names = ("dashboard_title", "description", "slug", "published")
    metadata = json.loads(entry.json_metadata or "{}")
    linked = {str(chart.uuid) for chart in entry.slices}
    position = json.loads(entry.position_json or "{}")
    # A chart that is laid out and not linked is empty for everyone but operators.
    position = {name: part for name, part in position.items() if _uuid_of(part) in (None, *linked)}
    return {
        **{name: getattr(entry, name) for name in names},
        "position": position,
        "metadata": _with_uuids(metadata),
        "uuid": str(entry.uuid),
        "is_managed_externally": entry.is_managed_externally,
    }


def _with_uuids(metadata: dict[str, Any]) -> dict[str, Any]:
    from superset.connectors.sqla.models import SqlaTable
    from superset.extensions import db

    for native_filter in metadata.get("native_filter_configuration", []):
        for target in native_filter.get("targets", []):
            if "datasetId" in target:
                dataset = db.session.get(SqlaTable, target.pop("datasetId"))
                target["datasetUuid"] = str(dataset.uuid) if dataset else None
    return metadata


def _without_datasource(query_context: str | None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(query_context or "{}")
    loaded.pop("datasource", None)
    return loaded


def _position(position: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layout with charts named by their uuid alone."""
    return {name: _without_number(part) for name, part in position.items()}


def _without_number(part: Any) -> Any:
    if not isinstance(part, dict) or part.get("type") != "CHART":
        return part
    return {**part, "meta": {name: value for name, value in part["meta"].items() if name != "chartId"}}


def _uuids_by_number(position: Mapping[str, Any]) -> dict[int, str]:
    charts = (part for part in position.values() if isinstance(part, dict) and part.get("type") == "CHART")
    return {part["meta"]["chartId"]: part["meta"]["uuid"] for part in charts}


def _metadata(metadata: Mapping[str, Any], numbers: Mapping[int, str]) -> dict[str, Any]:
    """Return what the project says of a dashboard beside its layout, with charts named by their uuid."""
    kept = {name: metadata.get(name) for name in ("color_scheme", "cross_filters_enabled", "refresh_frequency")}
    kept["filter_bar_orientation"] = metadata.get("filter_bar_orientation")
    kept["filters"] = [
        {
            **{name: value for name, value in each.items() if name not in ("chartsInScope", "tabsInScope")},
            "scope": {
                **each["scope"],
                "excluded": sorted(numbers.get(number, str(number)) for number in each["scope"]["excluded"]),
            },
        }
        for each in metadata.get("native_filter_configuration", [])
    ]
    return kept


def _uuid_of(part: Any) -> str | None:
    return part["meta"].get("uuid") if isinstance(part, dict) and part.get("type") == "CHART" else None


def _picked(entry: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry.get(name) for name in names}


def _databases() -> Any:
    from superset.models.core import Database

    return Database


def _datasets() -> Any:
    from superset.connectors.sqla.models import SqlaTable

    return SqlaTable


def _charts() -> Any:
    from superset.models.slice import Slice

    return Slice


def _dashboards() -> Any:
    from superset.models.dashboard import Dashboard

    return Dashboard


# In the order in which objects refer to those before them.
FOLDERS: Final[Mapping[str, Callable[[], Any]]] = {
    "databases": _databases,
    "datasets": _datasets,
    "charts": _charts,
    "dashboards": _dashboards,
}
_READERS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "databases": _database,
    "datasets": _dataset,
    "charts": _chart,
    "dashboards": _dashboard,
}
