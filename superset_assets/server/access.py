"""Applies the declared roles and row rules to Superset: `python -m superset_assets.server.access [--dry-run]`.

For Superset's environment. The work is in `access_sync`; Superset's models can be imported only once its application
exists.
"""

from __future__ import annotations

import argparse
import logging
import sys

from catalogue.access import AccessError


def main() -> int:
    """Apply the declaration, print what changed, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m superset_assets.server.access",
        description="Apply the roles and row rules of superset_assets/roles.yaml and rls.yaml to Superset.",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    from superset.app import create_app

    with create_app().app_context():
        from superset_assets.server.access_sync import apply_access

        try:
            report = apply_access(dry_run=arguments.dry_run)
        except AccessError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    for line in report.changes:
        print(line)
    for line in report.errors:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(report.changes)} changes{' (dry run)' if arguments.dry_run else ''}")
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
