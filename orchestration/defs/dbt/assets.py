"""The dbt models as one executable set of assets; dbt tests of severity error are blocking checks.

Pure builders of dbt's arguments belong here too. SQL belongs in `dbt_project/`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from dagster import AssetExecutionContext, Config, Output
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets
from pydantic import Field

from deploy.connections import connect_clickhouse
from orchestration.dbt_failing_rows import with_failing_rows
from orchestration.dbt_manifest import close_target_folder, load_dbt_project
from orchestration.defs.crm.session import WAIT_FOR_OTHERS, replica_session
from orchestration.extraction.lock import table_lock
from orchestration.production_state import ProductionState, keep_production_state
from orchestration.resources import PipelineResource, export_for_dbt

_ROW_COUNT = "select total_rows from system.tables where database = {database:String} and name = {table:String}"
_GROUPS = {
    "staging": "staging",
    "intermediate": "intermediate",
    "core": "marts_core",
    "materialized_views": "materialized_views",
    "records": "marts_records",
    "log": "marts_log",
    "reports": "marts_reports",
    "quality": "marts_quality",
    "ml": "marts_ml",
}


class WarehouseTranslator(DagsterDbtTranslator):
    """Names groups after the model folders and gives every model an owner."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the group of the model's innermost known folder; seeds stand with staging."""
        folders = [_GROUPS[folder] for folder in dbt_resource_props["fqn"] if folder in _GROUPS]
        return folders[-1] if folders else "staging"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the team that answers for the models."""
        return ["team:analysts"]


class DbtRunConfig(Config):
    """What a person may choose when launching the models."""

    full_refresh: bool = Field(default=False, description="Rebuild incremental models from scratch.")


def build_arguments(*, full_refresh: bool) -> list[str]:
    """Return dbt's command line for a build."""
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    return [*arguments, "--full-refresh"] if full_refresh else arguments


_project = load_dbt_project()


@dbt_assets(manifest=_project.manifest_path, project=_project, dagster_dbt_translator=WarehouseTranslator())
def warehouse_models(
    context: AssetExecutionContext, config: DbtRunConfig, dbt: DbtCliResource, pipeline: PipelineResource
) -> Iterator[Any]:
    """Build and test every model in dependency order."""
    settings = pipeline.settings()
    record = context.instance.get_run_record_by_id(context.run_id)
    as_of = pipeline.run_moment(record.create_timestamp if record else datetime.now(UTC))
    export_for_dbt(settings, as_of)
    arguments = build_arguments(full_refresh=config.full_refresh)
    # A backfill launched in the UI passes by the queue of `nightly` and `hourly`, and two builds of one table at once
    # would take each other's intermediate tables.
    with (
        replica_session(context, pipeline) as session,
        table_lock(session.crm, session.warehouse, "dbt models", wait=WAIT_FOR_OTHERS),
    ):
        invocation = dbt.cli(arguments, context=context)
        client = connect_clickhouse(settings.clickhouse)
        yield from with_failing_rows(with_row_counts(invocation.stream(), client), client, invocation.target_path)
        # A failed build has raised by now; a part of the models is not the state of production.
        if context.selected_asset_keys == context.assets_def.keys:
            manifest = (invocation.target_path / "manifest.json").read_text(encoding="utf-8")
            state = ProductionState(manifest, as_of, datetime.now(UTC))
            keep_production_state(client, state, cluster=settings.clickhouse.cluster)
        # Of a run that failed it stays, for whoever looks into it.
        close_target_folder(invocation.target_path)


def with_row_counts(events: Iterable[Any], client: Client) -> Iterator[Any]:
    """Add to each built table its row count, which ClickHouse knows without counting.

    dagster-dbt's own `fetch_row_counts` counts by query and keeps one core busy while it waits for dbt.
    """
    for event in events:
        if isinstance(event, Output) and "__" in event.output_name:
            database, table = event.output_name.split("__", 1)
            rows = client.query(_ROW_COUNT, parameters={"database": database, "table": table}).result_rows
            if rows and rows[0][0] is not None:
                yield event.with_metadata({**event.metadata, "dagster/row_count": int(rows[0][0])})
                continue
        yield event
