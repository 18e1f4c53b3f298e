"""A dashboard as a PDF with one person's rows: `python -m superset_assets.pdf --dashboard executive-ru --tenant ...`.

The browser prints the page, so the text is text: it can be searched and copied, Cyrillic included.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from catalogue.access import AccessError, Identity, shipped_access
from deploy.browser import BrowserMissing, require_chromium
from deploy.settings import SettingsError, SupersetSettings, load_report_settings, load_superset_settings
from deploy.superset.environment import current_variables
from superset_assets.dashboard_page import DashboardError, Viewing, open_dashboard
from superset_assets.devtools import BrowserError
from superset_assets.printing import WIDTH_PIXELS, print_page


def dashboard_pdf(settings: SupersetSettings, chromium: str, viewing: Viewing, *, now: datetime) -> bytes:
    """Return the dashboard as that person sees it at `now`, as a PDF on A4.

    Raises:
        DashboardError: Superset is not there, or the person may not see that dashboard.
        BrowserError: the browser did not start, or charts were not drawn in time.
    """
    with open_dashboard(settings, chromium, viewing, now=now, width=WIDTH_PIXELS) as (page, title):
        return print_page(page, title, now=now, language=viewing.language)


def main() -> int:
    """Write the PDF; return the exit code."""
    arguments = _parse_arguments()
    try:
        variables = current_variables()
        viewing = Viewing(
            arguments.dashboard, Identity(arguments.role, arguments.tenant, arguments.person), arguments.language
        )
        chromium = require_chromium(load_report_settings(variables).chromium)
        content = dashboard_pdf(load_superset_settings(variables), chromium, viewing, now=datetime.now(UTC))
    except (AccessError, BrowserError, BrowserMissing, DashboardError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    arguments.output.write_bytes(content)
    print(f"{arguments.output}: {len(content):,} bytes")
    return 0


def _parse_arguments() -> argparse.Namespace:
    roles = [key for key, role in shipped_access().roles.items() if role.crm_roles]
    parser = argparse.ArgumentParser(
        prog="python -m superset_assets.pdf", description="A dashboard as a PDF with one person's rows."
    )
    parser.add_argument("--dashboard", required=True, help="slug or id")
    parser.add_argument("--tenant", required=True, help="id of the tenant")
    parser.add_argument("--role", choices=roles, default="director")
    parser.add_argument("--person", default="report", help="id in the tenant's CRM; of a manager, whose rows are shown")
    parser.add_argument("--language", choices=["en", "ru"], default="en")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
