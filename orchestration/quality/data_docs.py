"""Makes Great Expectations' pages readable without the network, and writes the page that lists them.

As rendered they take their styles and tables from seven other sites at every opening, which an office without internet
cannot and a company's data should not.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from orchestration.quality.suite import SuiteKind
from orchestration.quality.verdict import TableVerdict, broken

_STYLES = Path(__file__).parent / "data_docs.css"
_SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)
_REMOTE = re.compile(r"<link\b[^>]*href=\"https?://[^>]*>")
_NEWSLETTER = re.compile(r"<(form|footer)\b.*?</\1>", re.DOTALL)
_REMOTE_STYLE = re.compile(r"url\('https?://[^)]*'\)")
_REMOTE_LINK = re.compile(r"<a\b[^>]*href=\"https?://[^>]*>(.*?)</a>", re.DOTALL)
# Shares of what was given to Great Expectations, not of the table: the counts of the table stand in each description.
_SHARES = re.compile(r"\d[\d,]* unexpected values? found\.[^<]*?total rows\.")
_REMOTE_IMAGE = re.compile(r"<img\b[^>]*src=\"https?://[^>]*>")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Quality of the landed tables</title><style>
{styles}
</style></head>
<body><div class="container">
<h1>Quality of the landed tables</h1>
<p>Examined {moment} UTC. An <b class="error">error</b> keeps the models from being built; a
<b class="warning">warning</b> is shown and changes nothing. A table's name leads to its rules and the rows that break
them; at most ten are named per rule, all are counted.</p>
<table class="table">
<thead><tr><th>Table</th><th class="figure">Live rows</th>{kinds}<th>Not kept</th></tr></thead>
<tbody>
{rows}
</tbody></table>
</div></body></html>
"""


def docs_folder(home: Path) -> Path:
    """Return the folder of the Data Docs under the folder of everything that this machine keeps."""
    return home / "quality" / "data_docs"


def finish_pages(folder: Path) -> None:
    """Rewrite every page under `folder` so that it loads nothing from elsewhere."""
    styles = f"<style>\n{_STYLES.read_text(encoding='utf-8')}\n</style>\n</head>"
    for page in folder.rglob("*.html"):
        page.write_text(offline(page.read_text(encoding="utf-8"), styles), encoding="utf-8")


def offline(page: str, styles: str) -> str:
    """Return a page without scripts and without anything that is fetched, with `styles` at the end of its head."""
    for pattern in (_SCRIPTS, _REMOTE, _NEWSLETTER, _REMOTE_IMAGE, _SHARES):
        page = pattern.sub("", page)
    page = _REMOTE_STYLE.sub("none", page)
    return _REMOTE_LINK.sub(r"\1", page).replace("</head>", styles, 1)


def write_index(folder: Path, verdicts: Iterable[TableVerdict], moment: str) -> Path:
    """Write the page that lists the tables with their verdicts and links; return it."""
    rows = "\n".join(_row(folder, verdict) for verdict in verdicts)
    kinds = "".join(f"<th>{kind.value.replace('_', ' ')}</th>" for kind in SuiteKind)
    page = folder / "index.html"
    styles = _STYLES.read_text(encoding="utf-8")
    page.write_text(_PAGE.format(styles=styles, kinds=kinds, rows=rows, moment=moment), encoding="utf-8")
    return page


def table_page(folder: Path, table: str) -> Path | None:
    """Return the page of a table's validation under `folder`."""
    return next(iter(sorted(folder.glob(f"validations/crm/{table}/**/*.html"))), None)


def _row(folder: Path, verdict: TableVerdict) -> str:
    page = table_page(folder, verdict.table)
    name = html.escape(f"crm.{verdict.table}")
    linked = f'<a href="{quote(str(page.relative_to(folder)))}">{name}</a>' if page else name
    cells = "".join(f"<td>{_mark(verdict, kind)}</td>" for kind in SuiteKind)
    told = "<br>".join(
        f'<b class="{each.severity}">{each.severity}</b> {html.escape(each.sentence())}'
        for each in broken(verdict.outcomes)
    )
    return f'<tr><td>{linked}</td><td class="figure">{verdict.rows:,}</td>{cells}<td>{told}</td></tr>'


def _mark(verdict: TableVerdict, kind: SuiteKind) -> str:
    outcomes = verdict.of(kind)
    if not outcomes:
        return '<span class="quiet">–</span>'
    not_kept = broken(outcomes)
    if not not_kept:
        return f'<span class="kept">✔ {len(outcomes)}</span>'
    return f'<b class="{not_kept[0].severity}">{len(not_kept)} of {len(outcomes)}</b>'
