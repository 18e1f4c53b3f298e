"""Opens what an analyst's command works in: the warehouse, production's state, the folders of dbt, and dbt itself.

Which arguments dbt gets belongs in `commands`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.schemas.results import TestStatus
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult

from deploy.connections import connect_clickhouse
from deploy.dagster_home import local_home
from deploy.environment import warehouse
from deploy.settings import REPOSITORY, read_environment
from orchestration.analyst.commands import TARGET, CommandError, Developer, Paths, dbt_arguments
from orchestration.analyst.difference import Relation
from orchestration.production_state import ProductionState, read_production_state

PROJECT = REPOSITORY / "dbt_project"
NO_STATE = "production has not been built yet, so there is nothing to take from it: run `make demo` or `make run` first"


@dataclass(frozen=True, slots=True)
class Workplace:
    """A warehouse with a production state, and where one developer's dbt works.

    Attributes:
        client: of the warehouse.
        developer: whose databases are written.
        paths: folders of dbt; `state` holds production's manifest.
        production: what production was last built from.
    """

    client: Client
    developer: Developer
    paths: Paths
    production: ProductionState


@contextmanager
def warehouse_client() -> Iterator[Client]:
    """Open the warehouse and put its settings where dbt's profile reads them.

    Raises:
        NoWarehouse, SettingsError, ConnectionFailed: each with one line that says what to do.
    """
    with warehouse() as settings:
        variables = read_environment()
        os.environ.update(settings.environment(), DBT_SEND_ANONYMOUS_USAGE_STATS="false")
        if "DBT_THREADS" in variables:
            os.environ["DBT_THREADS"] = variables["DBT_THREADS"]
        client = connect_clickhouse(settings)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def workplace(developer: Developer) -> Iterator[Workplace]:
    """Open the warehouse for a developer.

    Raises:
        CommandError: production has no state yet. And what `warehouse_client` raises.
    """
    with warehouse_client() as client:
        production = read_production_state(client)
        if production is None:
            raise CommandError(NO_STATE)
        folder = dbt_folder()
        paths = Paths(PROJECT, target=folder / f"dev_{developer.name}", state=folder / "production")
        paths.state.mkdir(parents=True, exist_ok=True)
        (paths.state / "manifest.json").write_text(production.manifest, encoding="utf-8")
        os.environ["DBT_DEVELOPER"] = developer.name
        yield Workplace(client, developer, paths, production)


def dbt_folder() -> Path:
    """Return the folder of what the analyst's commands keep on this machine."""
    return local_home(read_environment()) / "dbt"


def run_dbt(arguments: Sequence[str]) -> dbtRunnerResult:
    """Run dbt in this process; it prints what it does. A failure without an exception has been printed already."""
    result = dbtRunner().invoke(list(arguments))
    if result.exception is not None:
        raise CommandError(f"dbt: {str(result.exception).strip()}")
    return result


def failed_tests(finished: dbtRunnerResult) -> Iterator[tuple[str, str]]:
    """Yield name and SQL of each data test that found rows, warnings included; dbt itself only counts them."""
    if not isinstance(finished.result, RunExecutionResult):
        return
    for result in finished.result.results:
        if result.node.resource_type == NodeType.Test and result.status in {TestStatus.Fail, TestStatus.Warn}:
            yield result.node.name, result.node.compiled_code or ""


def parse(place: Workplace) -> Mapping[str, Any]:
    """Parse the project as it lies on disk and return its manifest; what has not changed is not parsed again.

    Raises:
        CommandError: a file of the project is wrong; dbt's message names it.
    """
    run_dbt(["--quiet", *dbt_arguments("parse", place.paths, place.production.as_of)])
    return _manifest(place.paths.target / "manifest.json")


def buildable(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the models, seeds and snapshots of a manifest by name."""
    kinds = {"model", "seed", "snapshot"}
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] in kinds}


def relations(place: Workplace, manifest: Mapping[str, Any], model: str) -> tuple[Relation, Relation]:
    """Return a model's table in production and in the developer's schema.

    Raises:
        CommandError: production does not have the model.
    """
    old = buildable(json.loads(place.production.manifest)).get(model)
    if old is None:
        raise CommandError(f"production has no '{model}' yet: there is nothing to compare it with")
    new = buildable(manifest)[model]
    return Relation(old["schema"], old["alias"]), Relation(new["schema"], new["alias"])


def _manifest(path: Path) -> Mapping[str, Any]:
    manifest: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    foreign = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in {"model", "seed", "snapshot"} and not node["schema"].startswith(f"{TARGET}_")
    ]
    if foreign:
        # The macro generate_schema_name has been broken: nothing may be built before it is right again.
        raise CommandError(
            f"{foreign[0]} would be built outside of the development schema: look at macros/generate_schema_name"
        )
    return manifest
