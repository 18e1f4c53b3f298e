"""How good the chances of churn, leads and deals are, beside other ways to get them: `make bench-churn`.

CDNOW is split by time: everything before a day is learnt from, the 90 days after it are judged. Figures stand beside
the limits and are never asserted: the exit code is 0 when a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from benchmarks.churn_peers import PEERS, WINDOW_DAYS, cdnow, split_at
from benchmarks.churn_report import (
    BASELINE,
    OURS,
    Measured,
    QuarterMeasured,
    render_cdnow,
    render_quarter,
    render_sales,
)
from benchmarks.document_marks import write_between_marks
from benchmarks.sales_data import DemoCompany, demo_company
from deploy.settings import REPOSITORY
from ml_assets.churn import ChurnConfig, ChurnEvents, score_churn, train_churn
from ml_assets.forecasting import ForecastConfig, forecast_quarter
from ml_assets.probability.quality import measure
from ml_assets.probability.snapshots import moments
from ml_assets.scoring import SalesEvents, score_deals, score_leads, train_deals, train_leads, win_chances
from ml_assets.scoring.events import prepare

_DOCUMENT = REPOSITORY / "docs" / "churn.md"
_DAYS = ("1998-01-01", "1998-02-15", "1998-04-01")
_COMPANIES = 3
_SALES_DAY = date(2026, 4, 1)
_QUARTER_DAY = date(2026, 8, 15)
_QUICK_SERIES = ForecastConfig(candidates=("ets", "structural"), origins=(3, 6))


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.churn", description=__doc__)
    parser.add_argument("--days", nargs="+", default=list(_DAYS), help="splits of CDNOW (default: %(default)s)")
    parser.add_argument("--deals", type=int, default=4000, help="of each demo company; 0 leaves them out (%(default)s)")
    parser.add_argument("--quarter", action="store_true", help="also the quarter's forecast with learnt chances")
    parser.add_argument("--seed", type=int, default=7, help="of the demo companies (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/churn.md")
    arguments = parser.parse_args()
    days = [pd.Timestamp(day) for day in arguments.days]
    if any(not pd.Timestamp("1997-08-01") <= day <= pd.Timestamp("1998-04-01") for day in days):
        parser.error("give days from 1997-08-01 to 1998-04-01: before, nothing is closed, after, nothing has come")
    if arguments.processes < 1 or arguments.deals < 0:
        parser.error("give at least one process and no negative number of deals")
    companies = [
        demo_company(number, arguments.deals, arguments.seed) for number in range(_COMPANIES if arguments.deals else 0)
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        quarters = pool.map(_on_quarter, companies if arguments.quarter else [])
        cdnow_rows, sales_rows = pool.map(_on_cdnow, days), pool.map(_on_sales, companies)
        parts = [_headline(arguments.seed), render_cdnow(_joined(cdnow_rows))]
        if companies:
            parts.append(render_sales(_joined(sales_rows)))
        if companies and arguments.quarter:
            parts.append(render_quarter(list(quarters)))
    text = "\n\n".join(parts)
    print(text)
    if arguments.write_docs:
        write_between_marks(_DOCUMENT, "make bench-churn", text)
    return 0


def _joined(parts: Iterable[list[Measured]]) -> list[Measured]:
    return [row for part in parts for row in part]


def _headline(seed: int) -> str:
    return (
        f"{datetime.now(UTC).date().isoformat()}, {os.cpu_count()} cores; {WINDOW_DAYS} days of silence, snapshots 30 "
        f"days apart; demo companies of seed {seed}. CPU seconds are of training and scoring together."
    )


def _on_cdnow(day: pd.Timestamp) -> list[Measured]:
    purchases, split = cdnow(), f"{day.date()}"
    print(f"CDNOW, {split}", file=sys.stderr, flush=True)
    both = split_at(purchases, day)
    frame, labels = both.judged
    started = time.process_time()
    events = ChurnEvents(purchases)
    model = train_churn(events, day.date(), ChurnConfig(definition="fixed", horizon_days=WINDOW_DAYS, currency="USD"))
    scores = score_churn(model, events, day.date()).scores.set_index("customer_id").loc[frame.index]
    spent = time.process_time() - started
    rows = [
        Measured(split, OURS, measure(scores["probability"].to_numpy(), labels), spent),
        Measured(split, BASELINE, measure(scores["baseline_probability"].to_numpy(), labels), 0.0),
    ]
    for name, peer in PEERS.items():
        started = time.process_time()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            chances = peer(both)
        rows.append(Measured(split, name, measure(chances, labels), time.process_time() - started))
    return rows


def _on_sales(company: DemoCompany) -> list[Measured]:
    print(f"leads and deals of {company.tenant_id}", file=sys.stderr, flush=True)
    later = prepare(company.events, pd.Timestamp("2026-10-01"))
    converted = later.leads.set_index("lead_id")["converted_at"]
    won = later.deals[later.deals["outcome"] == "won"].set_index("deal_id")["closed_at"]
    rows = []
    for subject, learn, score, at in (
        ("lead", train_leads, score_leads, converted),
        ("deal", train_deals, score_deals, won),
    ):
        started = time.process_time()
        model = learn(company.events, _SALES_DAY)
        scores = score(model, company.events, _SALES_DAY).scores
        spent = time.process_time() - started
        ends = pd.Timestamp(_SALES_DAY) + pd.Timedelta(days=model.horizon_days)
        labels = (at.reindex(scores[f"{subject}_id"]) < ends).to_numpy(dtype=float)
        name = f"{company.tenant_id}, {subject}s within {model.horizon_days} days"
        for contender, column, cpu in (
            (OURS, "probability", spent),
            ("usual rates", "baseline_probability", 0.0),
        ):
            rows.append(Measured(name, contender, measure(scores[column].to_numpy(), labels), cpu))
    return rows


def _on_quarter(company: DemoCompany) -> QuarterMeasured:
    print(f"the quarter of {company.tenant_id}", file=sys.stderr, flush=True)
    deals, entries = _quarter_frames(company.events)
    learnt = win_chances(company.events, pd.Timestamp(_QUARTER_DAY))
    found = forecast_quarter(deals, entries, _QUARTER_DAY, _QUICK_SERIES, learnt).backtest
    errors = found.groupby("method")["absolute_error"].mean() / found["actual"].mean()
    return QuarterMeasured(
        company.tenant_id,
        _QUARTER_DAY.isoformat(),
        *(float(errors[name]) for name in ("pipeline", "pipeline_learnt", "series")),
    )


def _quarter_frames(events: SalesEvents) -> tuple[pd.DataFrame, pd.DataFrame]:
    deals = events.deals[["tenant_id", "deal_id", "pipeline_id", "manager_id", "outcome", "amount_base"]]
    deals = deals.rename(columns={"manager_id": "owner_id", "amount_base": "amount"}).assign(
        created_at=moments(events.deals["created_at"]), closed_at=moments(events.deals["closed_at"])
    )
    assert events.stage_entries is not None
    entries = events.stage_entries[["deal_id", "stage_id"]]
    return deals, entries.assign(entered_at=moments(events.stage_entries["entered_at"]))


if __name__ == "__main__":
    sys.exit(main())
