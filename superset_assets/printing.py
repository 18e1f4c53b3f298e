"""Prints an open dashboard on A4: text stays text, a chart stays on one page."""

from __future__ import annotations

import base64
import html
from datetime import UTC, datetime
from typing import Literal

from superset_assets.devtools import Page

# A4 across, in inches; a page of 1280 CSS pixels is as wide as the paper between its margins.
_PAPER = {"paperWidth": 11.69, "paperHeight": 8.27}
_MARGIN = 0.4
WIDTH_PIXELS = 1280
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


def print_page(page: Page, title: str, *, now: datetime, language: Literal["en", "ru"]) -> bytes:
    """Return the page as a PDF, with the title above and the moment and the number of pages below."""
    page.call("Emulation.setEmulatedMedia", media="screen")
    page.value(_KEEP_WHOLE)
    printed = page.call(
        "Page.printToPDF",
        **_PAPER,
        marginTop=_MARGIN + 0.1,
        marginBottom=_MARGIN + 0.1,
        marginLeft=_MARGIN,
        marginRight=_MARGIN,
        scale=round((_PAPER["paperWidth"] - 2 * _MARGIN) * _PIXELS_PER_INCH / WIDTH_PIXELS, 3),
        printBackground=True,
        displayHeaderFooter=True,
        headerTemplate=_HEADER.format(title=html.escape(title)),
        footerTemplate=_FOOTER.format(moment=now.astimezone(UTC).strftime(_MOMENT[language])),
    )
    return base64.b64decode(printed["data"])
