"""What a night of the models costs beside a full build: `make bench-marts`.

Replicas of a large CRM are filled (see `enlarged_crm`), all models are built and tested in full, then in a quiet night
and in a night after one working day; after each the restatement log follows. Printed are seconds, CPU seconds and peak
memory, the ratios to the full build, where ClickHouse spent its CPU, and which queries took most memory. dbt's own CPU
stands apart: it depends on the number of models and tests and not on the CRM. Nothing is asserted. The view of today,
which refreshes by the clock and not by the night, is kept still.

Filling takes longer than all nights; with `--home` the filled engines are kept there, and further runs begin with them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from benchmarks.document_marks import write_between_marks
from benchmarks.enlarged_crm import play_enlarged_day
from benchmarks.enlarged_stage import Stage, build_models, row_counts, running_stage, say
from benchmarks.process_usage import UsageSampler
from benchmarks.report_tables import Column, Report, markdown, print_report
from deploy.demo_crm import read_as_of
from deploy.settings import REPOSITORY
from orchestration.dbt_manifest import load_dbt_project
from orchestration.extraction.replica import Warehouse
from orchestration.restatements import log_restatements, read_restated_marts

_DOCUMENT = REPOSITORY / "docs" / "operations.md"
_OUTPUT = REPOSITORY / ".local" / "benchmarks" / "marts.json"
_CLICKHOUSE = "clickhouse"
_FULL, _AFTER_A_DAY = "full build", "night after a day"
_NIGHTS = (_FULL, "quiet night", _AFTER_A_DAY)
_MEBIBYTE = 1024 * 1024
_LARGEST_QUERIES = 5
_COSTLIEST = 15

# Which part of a night a query belongs to, by the node that dbt names in it; the first that fits.
_PARTS = {
    "tests": "startsWith(node, 'test.')",
    "lists of changed keys": "match(node, 'int_changed_|int_member_changes')",
    "facts and what they are made of": "match(node, '[.](fct_|int_deal|int_lead_)')",
    "reports": "match(node, '[.](sales_by_month|manager_activity|leads_by_source|lead_conversion|sales_funnel)$')",
    "report quality": "match(node, '[.]report_quality$')",
    "dimensions and other models": "node != ''",
    "materialized views": "match(query, '(?i)insert into [^ ]*[.]tmp[.]inner')",
    "restatement log": "match(query, 'month_(baselines|totals|records)|restatement_')",
    "the rest": "true",
}


class Night(BaseModel):
    """What one night cost.

    Attributes:
        title: of the night.
        seconds: wall time.
        clickhouse_cpu: CPU seconds of the server, its background work included.
        dbt_cpu: CPU seconds of dbt itself.
        clickhouse_peak: highest resident bytes of the server.
        parts: CPU seconds of the server's queries by part of the night.
        largest: the queries that took most memory, as (model or test, bytes).
        costs: CPU seconds of the server's queries by model, test or, of other queries, the table that they write.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    seconds: float
    clickhouse_cpu: float
    dbt_cpu: float
    clickhouse_peak: int
    parts: dict[str, float]
    largest: tuple[tuple[str, int], ...]
    costs: dict[str, float]

    @property
    def cpu(self) -> float:
        """Return the CPU seconds of both."""
        return self.clickhouse_cpu + self.dbt_cpu


class Results(BaseModel):
    """What a run measured: the machine, the rows of the facts, and the nights in their order."""

    model_config = ConfigDict(frozen=True)

    measured_on: str
    cores: int
    memory_gib: float
    clickhouse_memory_gib: float
    threads: int
    load_average: float
    clickhouse: str
    rows: dict[str, int]
    changed: dict[str, int]
    nights: tuple[Night, ...]


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.marts", description=__doc__)
    parser.add_argument("--deals", type=int, default=5_000_000, help="deals in the CRM (default: %(default)s)")
    parser.add_argument("--memory-gib", type=float, default=6.0, help="what ClickHouse may use (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="models built at once (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="folder to keep the filled engines in; without it they are deleted")
    parser.add_argument("--only-fill", action="store_true", help="fill --home and measure nothing yet")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/operations.md")
    arguments = parser.parse_args()
    if arguments.deals < 1:
        parser.error("at least 1 deal is needed")
    if arguments.only_fill and arguments.home is None:
        parser.error("--only-fill needs --home")
    with ExitStack() as running:
        home = arguments.home or Path(running.enter_context(tempfile.TemporaryDirectory(prefix="crm-analytics-bench-")))
        stage = running.enter_context(
            running_stage(
                home,
                deals=arguments.deals,
                memory_gib=arguments.memory_gib,
                threads=arguments.threads,
                progress=say,
            )
        )
        if arguments.only_fill:
            return 0
        found = _measure(stage)
    report = Report(_heading(found), tuple(_tables(found)))
    print_report(report)
    _OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _OUTPUT.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if arguments.write_docs:
        write_between_marks(_DOCUMENT, "make bench-marts", markdown(report))
    return 0


def _measure(stage: Stage) -> Results:
    load_average = os.getloadavg()[0]
    warehouse, nights = stage.warehouse, []
    with UsageSampler() as usage:
        usage.watch(_CLICKHOUSE, stage.clickhouse_pid)
        as_of = read_as_of(stage.crm)
        for title in _NIGHTS:
            if title == _AFTER_A_DAY:
                as_of = play_enlarged_day(stage.crm, warehouse, stage.enlargement, say)
            say(title)
            nights.append(_live_through(title, stage, usage, as_of))
        return Results(
            measured_on=datetime.now(UTC).date().isoformat(),
            cores=psutil.cpu_count() or 1,
            memory_gib=psutil.virtual_memory().total / (1 << 30),
            clickhouse_memory_gib=stage.memory_gib,
            threads=stage.threads,
            load_average=load_average,
            clickhouse=str(warehouse.client.server_version),
            rows=row_counts(
                warehouse, "analytics.fct_deals", "analytics.fct_leads", "analytics.fct_activities",
                "staging.int_deal_stage_entries", "analytics.sales_funnel", "analytics.manager_activity",
            ),
            changed=row_counts(
                warehouse, "staging.int_changed_deals", "staging.int_changed_leads", "staging.int_changed_activities"
            ),
            nights=tuple(nights),
        )  # fmt: skip


def _live_through(title: str, stage: Stage, usage: UsageSampler, as_of: datetime) -> Night:
    warehouse = stage.warehouse
    _wait_until_idle(warehouse)
    began = time.time()
    dbt_cpu = build_models(stage, as_of, full_refresh=title == _FULL)
    log_restatements(
        warehouse,
        read_restated_marts(load_dbt_project().manifest_path),
        tenants="analytics.dim_tenants",
        rebuilt_records="ops.rebuilt_records",
        run_id=title,
    )
    ended = time.time()
    cpu, peak = usage.between(began, ended)[_CLICKHOUSE]
    warehouse.run("system flush logs")
    return Night(
        title=title,
        seconds=ended - began,
        clickhouse_cpu=cpu,
        dbt_cpu=dbt_cpu,
        clickhouse_peak=peak,
        parts=_parts(warehouse, began),
        largest=_largest(warehouse, began),
        costs=_costs(warehouse, began),
    )


def _wait_until_idle(warehouse: Warehouse) -> None:
    """Wait until the merges of what was loaded before are done: they belong to no night."""
    while warehouse.rows("select count() from system.merges")[0][0]:
        time.sleep(1)


def _queries(since: float) -> str:
    """Return SQL of the queries that ended since a moment, with the node of dbt and the table that each writes."""
    return f"""
select *, extract(query, '"node_id": "([^"]+)"') as node,
    extract(replaceAll(query, '`', ''), '(?i)^[^a-z]*insert into ([a-z_.]+)') as written
from system.query_log
where type != 'QueryStart' and event_time_microseconds >= fromUnixTimestamp64Micro({int(since * 1e6)}, 'UTC')
"""


def _parts(warehouse: Warehouse, since: float) -> dict[str, float]:
    cases = ", ".join(f"{condition}, '{part}'" for part, condition in list(_PARTS.items())[:-1])
    rows = warehouse.rows(
        f"""
select multiIf({cases}, 'the rest') as part,
    sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1e6
from ({_queries(since)})
group by part
"""
    )
    found = {str(part): float(seconds) for part, seconds in rows}
    return {part: found.get(part, 0.0) for part in _PARTS}


def _largest(warehouse: Warehouse, since: float) -> tuple[tuple[str, int], ...]:
    rows = warehouse.rows(
        f"""
select if(node = '', 'other', splitByChar('.', node)[3]) as name, max(memory_usage) as bytes
from ({_queries(since)})
group by name
order by bytes desc
limit {_LARGEST_QUERIES}
"""
    )
    return tuple((str(name), int(size)) for name, size in rows)


def _costs(warehouse: Warehouse, since: float) -> dict[str, float]:
    rows = warehouse.rows(
        f"""
select multiIf(
        node != '', splitByChar('.', node)[3],
        {_PARTS["materialized views"]}, 'materialized views',
        written != '', concat('insert into ', written),
        'other'
    ) as name,
    sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1e6 as seconds
from ({_queries(since)})
group by name
order by seconds desc
"""
    )
    return {str(name): float(seconds) for name, seconds in rows}


def _heading(found: Results) -> str:
    rows = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
    changed = ", ".join(f"{name} {count:,}" for name, count in found.changed.items())
    return (
        f"{found.measured_on}, {found.cores} cores, {found.memory_gib:.0f} GiB of memory, load average "
        f"{found.load_average:.1f} before the run, ClickHouse {found.clickhouse} with at most "
        f"{found.clickhouse_memory_gib:g} GiB, {found.threads} models at once. Rows: {rows}. "
        f"Keys of the night after a day: {changed}."
    )


def _tables(found: Results) -> Iterator[tuple[str, tuple[Column, ...]]]:
    full, nights = found.nights[0], found.nights
    yield (
        "A night beside a full build",
        (
            Column("Night", tuple(night.title for night in nights)),
            Column("s", tuple(f"{night.seconds:.1f}" for night in nights)),
            Column("CPU s, ClickHouse", tuple(f"{night.clickhouse_cpu:.1f}" for night in nights)),
            Column(
                "of the full build's", tuple(f"{night.clickhouse_cpu / full.clickhouse_cpu:.3f}" for night in nights)
            ),
            Column("CPU s, dbt itself", tuple(f"{night.dbt_cpu:.1f}" for night in nights)),
            Column("both, of the full build's", tuple(f"{night.cpu / full.cpu:.3f}" for night in nights)),
            Column("Peak MiB, ClickHouse", tuple(f"{night.clickhouse_peak / _MEBIBYTE:,.0f}" for night in nights)),
        ),
    )
    yield (
        "CPU seconds of ClickHouse's queries",
        (
            Column("Part", tuple(_PARTS)),
            *(Column(night.title, tuple(f"{night.parts[part]:.1f}" for part in _PARTS)) for night in nights),
        ),
    )
    costliest = tuple(nights[-1].costs)[:_COSTLIEST]
    yield (
        f"Models, tests and other queries with most CPU seconds in the {nights[-1].title}",
        (
            Column("Model or test", costliest),
            *(
                Column(night.title, tuple(f"{night.costs.get(name, 0.0):.1f}" for name in costliest))
                for night in nights
            ),
        ),
    )
    yield (
        "Queries with most memory in the full build",
        (
            Column("Model or test", tuple(name for name, _ in full.largest)),
            Column("Peak MiB", tuple(f"{size / _MEBIBYTE:,.0f}" for _, size in full.largest)),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
