"""The dashboards as assets: which marts each shows, and that Superset asks for them anew once they have been built.

Pushing dashboards is part of a deployment (`make deploy`), not of a run: a run changes numbers, never what is shown.
"""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from catalogue.loading import load_catalogue
from deploy.settings import read_environment
from orchestration.dbt_manifest import load_dbt_project
from superset_assets.identity import dashboard_slug
from superset_assets.server_process import ask, superset_variables
from superset_assets.sources import DashboardSource, read_sources
from superset_assets.translations import SOURCE_LANGUAGE

# Only a deployment with Superset names Superset's database.
_SUPERSET_IS_HERE = "SUPERSET_METADATA_URI"

_sources = read_sources()
_catalogue = load_catalogue(load_dbt_project().manifest_path)


def _spec(name: str, dashboard: DashboardSource) -> AssetSpec:
    marts = {_sources.charts[chart].mart for chart in dashboard.charts}
    return AssetSpec(
        key=AssetKey(["superset", name]),
        deps=[AssetKey([_catalogue.marts[mart].database, mart]) for mart in sorted(marts)],
        group_name="superset",
        description=dashboard.description,
        owners=["team:analysts"],
        kinds={"superset"},
        skippable=True,
        metadata={"page": f"/superset/dashboard/{dashboard_slug(name, SOURCE_LANGUAGE)}/"},
    )


@multi_asset(
    name="dashboards", specs=[_spec(name, source) for name, source in _sources.dashboards.items()], can_subset=True
)
def dashboards(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Make Superset forget the results of before the build, and ask again what readers have asked lately.

    Without a Superset there is nothing to do.
    """
    if _SUPERSET_IS_HERE not in read_environment():
        context.log.info(f"no Superset here: {_SUPERSET_IS_HERE} is not set")
        return
    counts = ask("refresh", superset_variables())
    for key in sorted(context.selected_asset_keys):
        yield MaterializeResult(asset_key=key, metadata=counts)
