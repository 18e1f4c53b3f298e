"""How good the sales forecast is, beside other ways to forecast: `make bench-forecast`.

Six months of M3 and Tourism series are forecast from whole and from short histories by ours and by its peers, on the
same series. Figures stand beside the limits and are never asserted: the exit code is 0 when a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import pandas as pd

from benchmarks.document_marks import write_between_marks
from benchmarks.forecast_data import LONGEST_HISTORY, MONTHS_AHEAD, Task, samples
from benchmarks.forecast_peers import PEERS, Answer, answer
from benchmarks.forecast_report import OURS, UNGATED, Measured, render
from deploy.settings import REPOSITORY
from ml_assets.forecasting.backtest import cpu_seconds
from ml_assets.forecasting.combination import combine, half_width
from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.forecast import forecast_series
from ml_assets.forecasting.preparation import MonthlySeries, SeriesKey

_DOCUMENT = REPOSITORY / "docs" / "forecasts.md"
_CONFIDENCE = 0.95
_SETTINGS = ForecastConfig(horizon=MONTHS_AHEAD, confidences=(_CONFIDENCE,))


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    for sample, size in (("short", 200), ("tourism", 120), ("m3", 120)):
        parser.add_argument(f"--{sample}", type=int, default=size, help="series of this sample (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2026, help="of the choice of series (default: %(default)s)")
    parser.add_argument(
        "--longest", type=int, default=LONGEST_HISTORY, help="newest months of a history (default: %(default)s)"
    )
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS), help="default: all")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/forecasts.md")
    arguments = parser.parse_args()
    sizes = {"short": arguments.short, "tourism": arguments.tourism, "m3": arguments.m3}
    if min(sizes.values()) < 0 or not any(sizes.values()) or arguments.longest < 36 or arguments.processes < 1:
        parser.error("give at least one series, 36 months and one process")
    if arguments.write_docs and set(arguments.peers) != set(PEERS):
        parser.error("--write-docs needs all peers; leave --peers out")
    tasks = samples(sizes, arguments.seed, arguments.longest)
    measured = _measure(tasks, arguments.peers, arguments.processes)
    text = _headline(arguments.seed, arguments.longest) + "\n\n" + render(measured)
    print(text)
    if arguments.write_docs:
        write_between_marks(_DOCUMENT, "make bench-forecast", text)
    return 0


def _headline(seed: int, longest: int) -> str:
    return (
        f"{datetime.now(UTC).date().isoformat()}, {os.cpu_count()} cores; seed {seed}, the newest {longest} months "
        f"of a history at most, {MONTHS_AHEAD} months ahead. CPU seconds are per series, all cut-offs included."
    )


def _measure(tasks: list[Task], peers: list[str], processes: int) -> pd.DataFrame:
    rows: list[Measured] = []
    with ProcessPoolExecutor(processes, initializer=_warm_up, initargs=(tasks[0],)) as pool:
        for ours, ungated, task in zip(*_transposed(list(pool.map(_ours, tasks))), tasks, strict=True):
            rows += [Measured.of(OURS, task, ours), Measured.of(UNGATED, task, ungated)]
        for peer in peers:
            print(f"asking {peer}", file=sys.stderr, flush=True)
            found = pool.map(answer, [peer] * len(tasks), tasks)
            rows += [Measured.of(peer, task, each) for task, each in zip(tasks, found, strict=True)]
    return pd.DataFrame(rows)


def _transposed(pairs: list[tuple[Answer, Answer]]) -> tuple[list[Answer], list[Answer]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _warm_up(task: Task) -> None:
    """Engines are imported and compiled on first use, which is no series' own time."""
    _ours(task)


def _ours(task: Task) -> tuple[Answer, Answer]:
    """What would be published for the series, and the combination as it would be without the gate."""
    key = SeriesKey("benchmark", "tenant", task.name)
    last_month = pd.Period("2020-12", freq="M")
    series = MonthlySeries(key, task.known, last_month, low_history=False, is_intermittent=False)
    started = cpu_seconds()
    found = forecast_series(series, _SETTINGS)
    spent = cpu_seconds() - started
    free = combine(found.trials, 0, _SETTINGS)
    answers = []
    for prediction, fallback in ((found.published, found.verdict.naive_share == 1), (free, False)):
        half = half_width(prediction.sd, found.verdict.widening, _CONFIDENCE)
        bands = prediction.mean, (prediction.mean - half).clip(found.floor), prediction.mean + half
        point, lower, upper = ([float(value) for value in part] for part in bands)
        answers.append(Answer(point, lower, upper, spent, fallback))
    return answers[0], answers[1]


if __name__ == "__main__":
    sys.exit(main())
