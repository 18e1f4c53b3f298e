"""Where the dbt project lies and how its manifest is kept current.

The manifest is what Dagster builds its assets from. Images build it once; on a laptop it is rebuilt when a file of the
project is newer than it.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject, asset_utils
from dagster_dbt.core.dbt_cli_invocation import PARTIAL_PARSE_FILE_NAME
from packaging.version import Version

from catalogue.loading import load_catalogue
from catalogue.mistakes import CatalogueError
from deploy.settings import REPOSITORY

PROJECT_FOLDER = REPOSITORY / "dbt_project"
# Beside the interpreter: the environment need not be activated, and another dbt on the PATH must not be taken.
_EXECUTABLE = Path(sys.executable).parent / "dbt"
_INPUT_SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md"}

# A run of more models and tests than this gets a copy of the project in a temporary folder, which dagster-dbt never
# deletes and where nothing is parsed yet. There is no setting for it; a command line of Linux holds some 1,500 names.
asset_utils._SELECTION_ARGS_THRESHOLD = 1_500  # type: ignore[misc]


def load_dbt_project() -> DbtProject:
    """Return the dbt project, with a manifest that is not older than any of the project's files."""
    project = DbtProject(project_dir=PROJECT_FOLDER, profiles_dir=PROJECT_FOLDER)
    if _is_stale(project.manifest_path):
        dbt_command_line().cli(["parse", "--quiet"], target_path=project.target_path).wait()
    return project


def dbt_command_line() -> DbtCliResource:
    """Return the dbt command line of this project, with dbt's telemetry off: a company's habits stay at home."""
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    return _DbtOfThisEnvironment(
        project_dir=str(PROJECT_FOLDER),
        profiles_dir=str(PROJECT_FOLDER),
        dbt_executable=str(_EXECUTABLE),
        global_config_flags=["--no-use-colors"],
    )


class _DbtOfThisEnvironment(DbtCliResource):
    """The dbt that is installed beside this interpreter, whose version is known without the seconds of asking it."""

    @property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))


def close_target_folder(folder: Path) -> None:
    """Keep what dbt parsed in a run's own target folder for the next run, and delete the rest of the folder.

    dagster-dbt lets a run start from what lies beside its folder, and deletes no folder: with a run every hour they
    would fill the disk. What `load_dbt_project` parsed cannot serve: dbt parses everything anew where the warehouse is
    another one, and at that time it is not known yet. Parsing would be most of what dbt itself costs in a night.
    """
    parsed = folder / PARTIAL_PARSE_FILE_NAME
    if parsed.exists():
        parsed.replace(folder.parent / PARTIAL_PARSE_FILE_NAME)
    shutil.rmtree(folder)


def _is_stale(manifest: Path) -> bool:
    if not manifest.exists():
        return True
    built_at = manifest.stat().st_mtime
    inputs = (
        path
        for folder in ("models", "macros", "seeds", "tests", ".")
        for path in (PROJECT_FOLDER / folder).glob("*" if folder == "." else "**/*")
        if path.suffix in _INPUT_SUFFIXES
    )
    return any(path.stat().st_mtime > built_at for path in inputs)


def main() -> int:
    """Bring the manifest up to date and check what its models declare to readers; return the exit code."""
    try:
        load_catalogue(load_dbt_project().manifest_path)
    except CatalogueError as error:
        print(f"{error}\n\nWhat a mart declares, and where it appears: docs/analysts.md", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
