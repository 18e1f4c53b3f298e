"""How well anomalies are found, beside other detectors: `make bench-anomalies`.

Daily series with weekdays, trend, holidays and several kinds of noise get spikes, drops, outages and soft bad weeks;
ours and its peers score the same nine months of each. Figures stand beside the limits and are never asserted: the exit
code is 0 when a limit is missed. Settings are chosen on another seed than the one that is reported.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks.anomaly_data import DAYS, SCORED_DAYS, Series, draw_series
from benchmarks.anomaly_peers import PEERS
from benchmarks.anomaly_report import OURS, Answer, render
from benchmarks.document_marks import write_between_marks
from deploy.settings import REPOSITORY
from ml_assets.anomalies import AnomalyConfig, detect_anomalies
from ml_assets.anomalies.config import DAY, DOWN, WEEK

TUNING_SEED, REPORTED_SEED = 7, 2026
_DOCUMENT = REPOSITORY / "docs" / "anomalies.md"
_SCORED = slice(DAYS - SCORED_DAYS, DAYS)
_WEEKS = SCORED_DAYS // 7
_USUAL = AnomalyConfig()
# Nine months of points instead of the newest weeks, and eighteen months of history as they are; nothing else differs.
_SETTINGS = replace(
    _USUAL,
    memory_days=SCORED_DAYS + 7,
    day=replace(_USUAL.day, window=SCORED_DAYS),
    week=replace(_USUAL.week, window=_WEEKS),
)


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomalies", description=__doc__)
    parser.add_argument("--series", type=int, default=4, help="of each of seven kinds (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=REPORTED_SEED, help="of the series (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/anomalies.md")
    arguments = parser.parse_args()
    if arguments.series < 1 or arguments.processes < 1:
        parser.error("give at least one series and one process")
    if arguments.write_docs and arguments.seed == TUNING_SEED:
        parser.error(f"settings were chosen on seed {TUNING_SEED}: report another one")
    drawn = draw_series(arguments.series, arguments.seed)
    answers = _measure(drawn, arguments.processes)
    text = _headline(drawn, arguments.seed) + "\n\n" + render(drawn, answers)
    print(text)
    if arguments.write_docs:
        write_between_marks(_DOCUMENT, "make bench-anomalies", text)
    return 0


def _headline(drawn: list[Series], seed: int) -> str:
    share = float(np.mean([each.labels[_SCORED] for each in drawn]))
    events = sum(event.first >= _SCORED.start for each in drawn for event in each.events)
    return (
        f"{datetime.now(UTC).date().isoformat()}, {os.cpu_count()} cores; seed {seed}, {len(drawn)} series of {DAYS} "
        f"days, of which the newest {SCORED_DAYS} are scored: {events} events on {share:.1%} of these days."
    )


def _measure(drawn: list[Series], processes: int) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    with ProcessPoolExecutor(processes, initializer=_ours, initargs=(drawn[0],)) as pool:
        print(f"asking {OURS}", file=sys.stderr, flush=True)
        found[OURS] = list(pool.map(_ours, drawn))
        for name in PEERS:
            print(f"asking {name}", file=sys.stderr, flush=True)
            found[name] = list(pool.map(_peer, [name] * len(drawn), drawn))
    return found


def _peer(name: str, series: Series) -> Answer:
    started = time.process_time()
    scores = PEERS[name](series.observed)
    return Answer(scores[_SCORED], time.process_time() - started)


def _ours(series: Series) -> Answer:
    measures = pd.DataFrame(
        {
            "tenant_id": "benchmark", "metric": series.metric, "dimension": "total", "member": "", "day": series.days,
            "value": series.values, "denominator": series.denominators,
        }
    )  # fmt: skip
    as_of = (series.days[-1] + timedelta(days=1)).date()
    started = time.process_time()
    points = detect_anomalies(measures, as_of, replace(_SETTINGS, country=series.country)).points
    spent = time.process_time() - started
    days, weeks = (points[points["grain"] == grain].set_index("period_start") for grain in (DAY, WEEK))
    asked = [day.date() for day in series.days[_SCORED]]
    return Answer(
        scores=np.nan_to_num(pd.to_numeric(days["score"]).reindex(asked).to_numpy(dtype=float)),
        cpu_seconds=spent,
        alarms=days["is_anomaly"].reindex(asked).fillna(False).to_numpy(dtype=bool),
        week_starts=tuple((pd.Timestamp(day) - series.days[0]).days for day in weeks.index),
        low_weeks=tuple(weeks["is_anomaly"] & (weeks["direction"] == DOWN)),
    )


if __name__ == "__main__":
    sys.exit(main())
