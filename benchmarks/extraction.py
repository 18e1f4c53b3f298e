"""How fast the extraction is, beside other ways to copy a table: `make bench-extraction`.

On freshly started embedded engines a table of deals is filled and copied whole by each contender; then come loads of
changes and reconciliation. Every copy is compared with the CRM. Timings are reported with the limits beside them and
never asserted: the exit code is 0 when a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.document_marks import write_between_marks
from benchmarks.peers import results
from benchmarks.peers.contest import compare
from benchmarks.peers.jobs import run_jobs
from benchmarks.peers.report import report
from benchmarks.peers.stand import PEER_PYTHON, Stand, running_stand
from benchmarks.report_tables import markdown, print_report
from deploy.settings import REPOSITORY

_DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
_DOCUMENT_DATA = REPOSITORY / "docs" / "benchmarks.json"
_OUTPUT = REPOSITORY / ".local" / "benchmarks" / "extraction.json"
_PEER_REQUIREMENTS = REPOSITORY / "requirements" / "benchmark.txt"

_LARGE, _SMALL = "large", "small"
_LEAST_ROWS = 10_000


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="deals in the CRM (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each fast contender (default: %(default)s)")
    parser.add_argument("--ours-only", action="store_true", help="leave the other projects out")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/benchmarks.md and .json")
    parser.add_argument(
        "--render-only", action="store_true", help="measure nothing; write the page from docs/benchmarks.json"
    )
    arguments = parser.parse_args()
    if arguments.render_only:
        _write_page(results.Results.model_validate_json(_DOCUMENT_DATA.read_text(encoding="utf-8")))
        return 0
    if arguments.rows < _LEAST_ROWS or arguments.rounds < 1:
        parser.error(f"at least {_LEAST_ROWS:,} rows and 1 round are needed")
    if not arguments.ours_only and not PEER_PYTHON.exists():
        parser.error("the other projects are not installed; run `make bench-extraction`, or give --ours-only")
    if arguments.write_docs and arguments.ours_only:
        parser.error("--write-docs needs the other projects; leave --ours-only out")
    with (
        tempfile.TemporaryDirectory(prefix="crm-analytics-bench-") as folder,
        running_stand(Path(folder)) as stand,
    ):
        found = _measure(stand, arguments.rows, arguments.rounds, ours_only=arguments.ours_only)
    print_report(report(found))
    _write(_OUTPUT, found)
    if arguments.write_docs:
        _write(_DOCUMENT_DATA, found)
        _write_page(found)
    return 0


def _measure(stand: Stand, rows: int, rounds: int, *, ours_only: bool) -> results.Results:
    load_average = os.getloadavg()[0]
    small_rows, changed_rows = rows // 50, rows // 100
    print(f"filling two CRMs with {rows:,} and {small_rows:,} deals", flush=True)
    stand.make_crm(_LARGE, rows)
    stand.make_crm(_SMALL, small_rows)
    contenders = compare(stand, _LARGE, rounds=rounds, ours_only=ours_only)
    jobs = run_jobs(stand, large=_LARGE, small=_SMALL, rows=rows, small_rows=small_rows, changed_rows=changed_rows)
    return results.Results(
        rows=rows,
        small_rows=small_rows,
        changed_rows=changed_rows,
        measured_on=datetime.now(UTC).date().isoformat(),
        cores=psutil.cpu_count() or 1,
        memory_gib=psutil.virtual_memory().total / (1 << 30),
        load_average=load_average,
        versions=_versions(stand),
        contenders=contenders,
        quiet_small=jobs.quiet_small,
        quiet=jobs.quiet,
        changed=jobs.changed,
        reconciled_quiet=jobs.reconciled_quiet,
        reconciled_damaged=jobs.reconciled_damaged,
    )


def _versions(stand: Stand) -> dict[str, str]:
    with stand.crm(_LARGE) as connection:
        row = connection.execute("show server_version").fetchone()
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", _PEER_REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE))
    return {
        "PostgreSQL": str(row[0]) if row else "",
        "ClickHouse": str(stand.client.server_version),
        **{name: pinned[name] for name in ("quickhouse", "dlt", "psycopg", "clickhouse-connect")},
    }


def _write_page(found: results.Results) -> None:
    write_between_marks(_DOCUMENT, "make bench-extraction", markdown(report(found)))


def _write(path: Path, found: results.Results) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
