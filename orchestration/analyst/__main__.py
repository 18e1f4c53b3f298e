"""The command line behind `make dbt` and its siblings: `python -m orchestration.analyst COMMAND`.

Each command ends with exit code 0, or with one line that says what is wrong and 1.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dbt.artifacts.schemas.run import RunExecutionResult
from rich import box
from rich.console import Console
from rich.table import Table

from deploy.connections import ConnectionFailed
from deploy.environment import NoWarehouse
from deploy.settings import SettingsError
from orchestration.analyst.commands import (
    CommandError,
    Paths,
    check_names,
    dbt_arguments,
    deferred,
    developer,
    names_in,
    preview,
)
from orchestration.analyst.difference import Difference, Relation, columns_of, compare
from orchestration.analyst.docs_page import serve_docs
from orchestration.analyst.workplace import (
    PROJECT,
    Workplace,
    buildable,
    dbt_folder,
    failed_tests,
    parse,
    relations,
    run_dbt,
    warehouse_client,
    workplace,
)
from orchestration.production_state import read_production_state

_DOCS_PORT = 8580
_ROWS_OF_A_TEST = 5


def main() -> int:
    """Run the command; return the exit code."""
    arguments, for_dbt = _parse_arguments()
    try:
        return _COMMANDS[arguments.command](arguments, for_dbt)
    except (CommandError, NoWarehouse, SettingsError, ConnectionFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def build(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Build and test the selected models in the developer's databases."""
    with workplace(developer(arguments.developer)) as place:
        _checked_manifest(place, arguments.select)
        _announce(place)
        return _exit_code(place, "build", arguments.select, for_dbt)


def test(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Run the unit tests and the data tests of the selected models on what the developer has built."""
    with workplace(developer(arguments.developer)) as place:
        nodes = buildable(_checked_manifest(place, arguments.select))
        for name in names_in(arguments.select):
            if not columns_of(place.client, Relation(nodes[name]["schema"], nodes[name]["alias"])):
                print(f"note: {nodes[name]['schema']} has no {name} yet: its data tests read production's", flush=True)
        return _exit_code(place, "test", arguments.select, for_dbt)


def show(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Print the first rows of a model as its SQL is now; nothing is built."""
    with workplace(developer(arguments.developer)) as place:
        node = buildable(_checked_manifest(place, arguments.select)).get(arguments.select)
        if node is not None and node["resource_type"] == "seed":
            path = f"dbt_project/{node['original_file_path']}"
            raise CommandError(f"'{arguments.select}' is a seed: its rows stand in {path}")
        asked = preview(place.paths, place.production.as_of, arguments.select, arguments.limit)
        # dbt itself would print six columns and dots.
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            shown = run_dbt(["--quiet", *asked, "--output", "json", *for_dbt])
        rows = shown.result.results[0].agate_table if isinstance(shown.result, RunExecutionResult) else None
        if rows is None:
            print(printed.getvalue())
            return 1
        # Of a union, ClickHouse limits only the last part.
        _print_rows(rows.column_names, (tuple(row) for row in list(rows.rows)[: arguments.limit]))
        return 0


def changed(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Build everything that differs from production, and what depends on it, in the developer's databases."""
    with workplace(developer(arguments.developer)) as place:
        selection = "state:modified+"
        listed = [
            *dbt_arguments("ls", place.paths, place.production.as_of),
            *("--select", selection, "--state", str(place.paths.state), "--output", "name", "--quiet"),
            *("--resource-types", "model", "--resource-types", "seed"),
            *("--warn-error-options", json.dumps({"silence": ["NoNodesForSelectionCriteria"]})),
        ]
        parse(place)
        if not run_dbt(listed).result:
            print(f"nothing differs from production's build of {place.production.built_at:%Y-%m-%d %H:%M} UTC")
            return 0
        _announce(place)
        return _exit_code(place, "build", selection, for_dbt)


def diff(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Compare a model of the developer's with production's, row by row; 0 also where they differ."""
    with workplace(developer(arguments.developer)) as place:
        manifest = _checked_manifest(place, arguments.select)
        if names_in(arguments.select) != [arguments.select]:
            raise CommandError(
                f"'{arguments.select}': one model can be compared at a time, without + and other operators"
            )
        production, development = relations(place, manifest, arguments.select)
        if not columns_of(place.client, development):
            raise CommandError(f"{development.database} has no {arguments.select}: make dbt MODEL={arguments.select}")
        _print_difference(arguments.select, compare(place.client, production, development))
        return 0


def drop(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Drop the developer's databases and nothing else."""
    owner = developer(arguments.developer)
    with warehouse_client() as client:
        databases = [name for (name,) in client.query("select name from system.databases").result_rows]
        for database in owner.owned(databases):
            client.command(f"drop database `{database}`")
            print(f"dropped {database}")
        if not owner.owned(databases):
            print(f"there is no database {owner.prefix}*")
    shutil.rmtree(dbt_folder() / f"dev_{owner.name}", ignore_errors=True)
    return 0


def docs(arguments: argparse.Namespace, for_dbt: list[str]) -> int:
    """Write the documentation of production's models with their lineage, and serve it until Ctrl-C."""
    folder = dbt_folder() / "docs"
    paths = Paths(PROJECT, target=folder, state=dbt_folder() / "production")
    with warehouse_client() as client:
        state = read_production_state(client)
        moment = state.as_of if state else datetime.now(UTC)
        # The catalogue of columns is production's: what everyone reads, not what one developer tries.
        generated = run_dbt(
            [*dbt_arguments("docs generate", paths, moment, target="warehouse"), "--static", "--quiet", *for_dbt]
        )
        if not generated.success:
            return 1
    print(f"one file with everything: {folder / 'static_index.html'}", flush=True)
    if arguments.serve:
        serve_docs(folder, arguments.port)
    return 0


def _checked_manifest(place: Workplace, selection: str) -> Mapping[str, Any]:
    manifest = parse(place)
    check_names(selection, buildable(manifest).keys())
    return manifest


def _announce(place: Workplace) -> None:
    print(
        f"into {place.developer.prefix}*; everything else from production, built"
        f" {place.production.built_at:%Y-%m-%d %H:%M} UTC, now being {place.production.as_of:%Y-%m-%d %H:%M} UTC",
        flush=True,
    )


def _exit_code(place: Workplace, command: str, selection: str, for_dbt: list[str]) -> int:
    finished = run_dbt([*deferred(command, place.paths, place.production.as_of, selection), *for_dbt])
    for test_name, sql in failed_tests(finished):
        print(f"\nrows behind {test_name}, the first {_ROWS_OF_A_TEST}:")
        found = place.client.query(f"select * from (\n{sql}\n) limit {_ROWS_OF_A_TEST}")
        _print_rows(found.column_names, found.result_rows)
    return 0 if finished.success else 1


def _print_difference(model: str, found: Difference) -> None:
    for word, columns in (("new", found.added), ("gone", found.removed)):
        if columns:
            print(f"columns {word}: {', '.join(columns)}")
    print(
        f"{model}: {found.only_in_production:,} rows only in production, "
        f"{found.only_in_development:,} only in development, over {len(found.compared)} columns"
    )
    if found.examples:
        _print_rows(("side", *found.compared), found.examples)


def _print_rows(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    # As wide as it needs: a value that is cut off cannot be compared.
    Console(width=10_000, highlight=False).print(table)


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, list[str]], int]] = {
    "build": build,
    "test": test,
    "show": show,
    "changed": changed,
    "diff": diff,
    "drop": drop,
    "docs": docs,
}


def _parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m orchestration.analyst", description="dbt, an analyst's way.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        options = commands.add_parser(name, help=command.__doc__)
        if name != "docs":
            options.add_argument(
                "--developer", default=getpass.getuser(), help="whose databases; by default your login"
            )
        if name in {"build", "test", "show", "diff"}:
            options.add_argument("--select", required=True, help="a model, or a selection of dbt")
        if name == "show":
            options.add_argument("--limit", type=int, default=20)
        if name == "docs":
            options.add_argument("--no-serve", dest="serve", action="store_false", help="only write the files")
            options.add_argument("--port", type=int, default=_DOCS_PORT)
    return parser.parse_known_args()


if __name__ == "__main__":
    sys.exit(main())
