"""Dashboards as code: `python -m superset_assets COMMAND`. docs/superset.md explains.

validate  what is wrong with the files, without a server
diff      what a push would change in Superset
push      make Superset what the files say: row rules before anything is visible; removes only what it has made
refresh   make Superset ask the warehouse anew for every chart; the nightly run does so by itself
pull      the files of a dashboard, or of a copy that somebody has edited in Superset
impact    which charts and dashboards read a mart, or a column of it
exposures write the dashboards as exposures of dbt
screenshots a picture of every dashboard, as one person sees it
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from catalogue.access import AccessError, Identity, shipped_access
from catalogue.entries import Catalogue
from catalogue.loading import load_catalogue
from catalogue.mistakes import CatalogueError
from catalogue.texts import LANGUAGES
from deploy.browser import BrowserMissing, require_chromium
from deploy.settings import SettingsError, load_report_settings, load_superset_settings
from deploy.superset.server import SupersetStartError
from superset_assets.bundle import Bundle, build_bundle
from superset_assets.dashboard_page import DashboardError
from superset_assets.devtools import BrowserError
from superset_assets.exposures import EXPOSURES, exposures, find_stale_exposures
from superset_assets.identity import dashboard_slug
from superset_assets.impact import impact_of
from superset_assets.problems import AssetsError
from superset_assets.pulling import pull, write
from superset_assets.screenshots import DESK, PHONE, shots
from superset_assets.server_process import SupersetRefused, ask, superset_variables
from superset_assets.sources import Sources, read_sources
from superset_assets.translations import SOURCE_LANGUAGE

_WITHOUT_A_SERVER: Final = ("validate", "impact", "exposures")


def main() -> int:
    """Run one command; return the exit code: 0 done, 1 failed, 2 of `diff`: there are differences."""
    arguments = _parse_arguments()
    try:
        sources, catalogue = read_sources(), load_catalogue()
        bundle = build_bundle(sources, catalogue)
        if arguments.command in _WITHOUT_A_SERVER:
            return _without_a_server(arguments, sources, catalogue, bundle)
        return _with_a_server(arguments, sources, catalogue, bundle)
    except FileNotFoundError as error:
        return _fail(f"{error.filename} is missing: build dbt's manifest first: python -m orchestration.dbt_manifest")
    except (AssetsError, CatalogueError) as error:
        print(error, file=sys.stderr)
        return 1
    except (
        AccessError,
        BrowserError,
        BrowserMissing,
        DashboardError,
        SettingsError,
        SupersetRefused,
        SupersetStartError,
    ) as error:
        return _fail(str(error))


def _without_a_server(arguments: argparse.Namespace, sources: Sources, catalogue: Catalogue, bundle: Bundle) -> int:
    if arguments.command == "impact":
        return _impact(arguments.mart, arguments.column, sources, catalogue)
    if arguments.command == "exposures":
        EXPOSURES.write_text(exposures(sources, catalogue), encoding="utf-8")
    elif stale := find_stale_exposures(sources, catalogue):
        raise AssetsError(stale)
    print(f"{len(sources.dashboards)} dashboards, {len(sources.charts)} charts, {len(bundle)} objects: no problems")
    return 0


def _with_a_server(arguments: argparse.Namespace, sources: Sources, catalogue: Catalogue, bundle: Bundle) -> int:
    if arguments.command == "pull":
        return _pull(arguments.dashboard, arguments.copy, sources, catalogue)
    if arguments.command == "screenshots":
        return _screenshots(arguments, sources)
    if arguments.command == "refresh":
        counts = ask("refresh", superset_variables())
        print(
            f"{counts['datasets']} datasets will be read anew; of what readers asked lately {counts['answered']} "
            f"questions have their answers again, {counts['failed']} got none, {counts['left']} were left"
        )
        return 0
    return _compare(bundle, dry_run=arguments.command == "diff" or arguments.dry_run)


def _impact(mart: str, column: str | None, sources: Sources, catalogue: Catalogue) -> int:
    if mart not in catalogue.marts:
        return _fail(f"the catalogue has no mart {mart}; it has: {', '.join(sorted(catalogue.marts))}")
    found = impact_of(mart, column, sources, catalogue)
    for chart, dashboards in found.items():
        print(f"{chart}: {', '.join(dashboards)}")
    print(f"{len(found)} charts read {mart}{'.' + column if column else ''}")
    return 0


def _compare(bundle: Bundle, *, dry_run: bool) -> int:
    answer = ask("diff" if dry_run else "push", superset_variables(), bundle)
    changes = _print_changes(answer)
    for line in answer["errors"]:
        print(f"error: {line}", file=sys.stderr)
    if answer["errors"]:
        return 1
    print(f"{changes} {'to change' if dry_run else 'changed'}, {len(bundle)} objects")
    return 2 if dry_run and changes else 0


def _pull(name: str, copy: str | None, sources: Sources, catalogue: Catalogue) -> int:
    slug = copy or dashboard_slug(name, SOURCE_LANGUAGE)
    live = ask("read", superset_variables(), slug=slug)
    if live["dashboard"] is None:
        return _fail(f"Superset has no dashboard {slug}: give the last part of its address with --from")
    written = write(name, pull(name, live, sources, catalogue), sources)
    for path in written:
        print(f"~ {path.parent.name}/{path.name}")
    print(f"{len(written)} files written" + ("; next: python -m superset_assets validate" if written else ""))
    return 0


def _screenshots(arguments: argparse.Namespace, sources: Sources) -> int:
    variables = superset_variables()
    arguments.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for shot in shots(
        load_superset_settings(variables),
        require_chromium(load_report_settings(variables).chromium),
        Identity(arguments.role, arguments.tenant, arguments.person),
        arguments.dashboard or sources.dashboards,
        now=datetime.now(UTC),
        languages=[arguments.language] if arguments.language else LANGUAGES,
        screen=PHONE if arguments.phone else DESK,
    ):
        path = arguments.output / f"{shot.name}{'-phone' if arguments.phone else ''}.png"
        path.write_bytes(shot.picture)
        print(path, *(f"(no rows: {title})" for title in shot.empty), flush=True)
        for line in shot.errors:
            failed = True
            print(f"error: {shot.name}: {line}", file=sys.stderr)
    return 1 if failed else 0


def _print_changes(answer: dict[str, Any]) -> int:
    lines = [f"+ {path}" for path in answer["created"]]
    lines += [f"~ {path}: {', '.join(fields)}" for path, fields in answer["changed"].items()]
    lines += [f"- {path}" for path in answer["removed"]]
    for line in lines:
        print(line)
    if answer["access"]:
        print(f"{len(answer['access'])} permissions and row rules")
    return len(lines) + len(answer["access"])


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m superset_assets", description="Dashboards as code.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("validate", help="what is wrong with the files, without a server")
    commands.add_parser("diff", help="what a push would change; exit code 2 where anything would")
    push = commands.add_parser("push", help="make Superset what the files say")
    push.add_argument("--dry-run", action="store_true", help="only say what would change")
    commands.add_parser("refresh", help="make Superset ask the warehouse anew for every chart")
    pulled = commands.add_parser("pull", help="bring a dashboard that was edited in Superset back into the files")
    pulled.add_argument("dashboard", help="name of its file, for example summary")
    pulled.add_argument("--from", dest="copy", help="last part of the address of the copy that was edited")
    roles = [key for key, role in shipped_access().roles.items() if role.crm_roles]
    pictures = commands.add_parser("screenshots", help="a picture of every dashboard, as one person sees it")
    pictures.add_argument("dashboard", nargs="*", help="names of files, for example summary; by default all")
    pictures.add_argument("--tenant", required=True, help="id of the tenant")
    pictures.add_argument("--role", choices=roles, default="director")
    pictures.add_argument("--person", default="report", help="id in the CRM; of a manager, whose rows are shown")
    pictures.add_argument("--language", choices=LANGUAGES, help="by default every one")
    pictures.add_argument("--phone", action="store_true", help=f"on a screen of {PHONE.width} by {PHONE.height} pixels")
    pictures.add_argument("--output", type=Path, required=True, help="folder to write to")
    commands.add_parser("exposures", help="write the dashboards as exposures of dbt")
    impact = commands.add_parser("impact", help="which charts and dashboards read a mart")
    impact.add_argument("mart")
    impact.add_argument("--column", help="only those that read this column, also through a rate")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
