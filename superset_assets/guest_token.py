"""`python -m superset_assets.guest_token --dashboard ID --tenant ID`: a token for trying an embedded dashboard.

The API mints them for the CRM's pages (`superset_assets.tokens`); this command is for whoever builds or checks a page.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

from catalogue.access import AccessError
from deploy.settings import SettingsError, load_superset_settings
from deploy.superset.environment import current_variables
from superset_assets.tokens import Guest, TokenError, mint_guest_token


def main() -> int:
    """Print a token; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m superset_assets.guest_token", description=__doc__)
    parser.add_argument("--dashboard", action="append", required=True, help="id of an embedded dashboard; repeatable")
    parser.add_argument("--tenant", required=True, help="whose rows are shown")
    parser.add_argument("--manager", help="only the rows of this manager of the tenant")
    parser.add_argument("--name", default="guest", help="a name for Superset's logs")
    parser.add_argument("--seconds", type=int, default=300, help="how long the token is valid, 3600 at most")
    arguments = parser.parse_args()
    try:
        settings = load_superset_settings(current_variables())
        token = mint_guest_token(
            settings.guest_token_secret,
            Guest(arguments.name, arguments.tenant, arguments.manager),
            tuple(arguments.dashboard),
            now=datetime.now(UTC),
            life=timedelta(seconds=arguments.seconds),
        )
    except (AccessError, SettingsError, TokenError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(token)
    return 0


if __name__ == "__main__":
    sys.exit(main())
