"""A dashboard as a PDF with one person's rows: `python -m superset_assets.pdf --dashboard executive --tenant ...`.

The browser prints the page, so the text is text: it can be searched and copied, Cyrillic included.
"""

from __future__ import annotations

import argparse
import base64
import html
import sys
from datetime import UTC, datetime
from pathlib import Path

from catalogue.access import AccessError, Identity, shipped_access
from deploy.browser import BrowserMissing, require_chromium
from deploy.settings import SettingsError, SupersetSettings, load_report_settings, load_superset_settings
from deploy.superset.environment import current_variables
from superset_assets.dashboard_page import DashboardError, Viewing, open_dashboard
from superset_assets.devtools import BrowserError

# A4 across, in inches; a page of 1280 CSS pixels is as wide as the paper between its margins.
_PAPER = {"paperWidth": 11.69, "paperHeight": 8.27}
_MARGIN = 0.4
_WIDTH_PIXELS = 1280
_PIXELS_PER_INCH = 96
_HEADER = """
<div style="font: bold 10px 'DejaVu Sans', sans-serif; width: 100%; padding: 0 0.4in;">{title}</div>
"""
_FOOTER = """
<div style="font: 8px 'DejaVu Sans', sans-serif; width: 100%; padding: 0 0.4in; display: flex;">
<span style="flex: 1">CRM Analytics · {moment}</span>
<span><span class="pageNumber"></span> / <span class="totalPages"></span></span></div>
"""
# A chart stays on one page.
_KEEP_WHOLE = """
document.head.appendChild(Object.assign(document.createElement('style'), {textContent:
  '.dashboard-component-chart-holder, .grid-row {break-inside: avoid} body {background: white}'})) && true
"""
_MOMENT = {"en": "%Y-%m-%d %H:%M UTC", "ru": "%d.%m.%Y %H:%M UTC"}


def dashboard_pdf(settings: SupersetSettings, chromium: str, viewing: Viewing, *, now: datetime) -> bytes:
    """Return the dashboard as that person sees it at `now`, as a PDF on A4.

    Raises:
        DashboardError: Superset is not there, or the person may not see that dashboard.
        BrowserError: the browser did not start, or charts were not drawn in time.
    """
    with open_dashboard(settings, chromium, viewing, now=now, width=_WIDTH_PIXELS) as (page, title):
        page.call("Emulation.setEmulatedMedia", media="screen")
        page.value(_KEEP_WHOLE)
        printed = page.call(
            "Page.printToPDF",
            **_PAPER,
            marginTop=_MARGIN + 0.1,
            marginBottom=_MARGIN + 0.1,
            marginLeft=_MARGIN,
            marginRight=_MARGIN,
            scale=round((_PAPER["paperWidth"] - 2 * _MARGIN) * _PIXELS_PER_INCH / _WIDTH_PIXELS, 3),
            printBackground=True,
            displayHeaderFooter=True,
            headerTemplate=_HEADER.format(title=html.escape(title)),
            footerTemplate=_FOOTER.format(moment=now.astimezone(UTC).strftime(_MOMENT[viewing.language])),
        )
    return base64.b64decode(printed["data"])


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
