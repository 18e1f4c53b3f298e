"""The demo companies' leads and deals as frames, straight from the generator with no database between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from deploy.demo_crm.activities import month_of_work
from deploy.demo_crm.clock import Clock
from deploy.demo_crm.companies import TENANTS
from deploy.demo_crm.customers import no_customers
from deploy.demo_crm.directory import Ids, build_directory
from deploy.demo_crm.profile import TenantProfile
from deploy.demo_crm.rows import NULL, Column
from deploy.demo_crm.sales import Company, month_of_sales
from ml_assets.scoring.events import SalesEvents

END = datetime(2026, 10, 1, tzinfo=UTC)
_TABLES = ("leads", "deals", "deal_stage_history", "deal_owner_history", "activities", "messages")


@dataclass(frozen=True)
class DemoCompany:
    """One company's history until `END`."""

    tenant_id: str
    events: SalesEvents


def demo_company(number: int, deals: int, seed: int) -> DemoCompany:
    """Generate the company of that number, as the demo CRM fills it; about `deals` deals."""
    profile = TENANTS[number]
    clock = Clock(profile, END)
    ids = Ids()
    directory, records = build_directory(profile, clock, ids, deals / 20_000, np.random.default_rng([seed, number]))
    company, customers = Company(profile, clock, directory, ids), no_customers()
    weights = np.array([clock.weights(*span).sum() for span in clock.months()])
    until = np.rint(np.cumsum(weights) / weights.sum() * deals).astype(int)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in _TABLES}
    for month, (span, count) in enumerate(zip(clock.months(), np.diff(until, prepend=0), strict=True)):
        generator = np.random.default_rng([seed, number, month])
        leads, made, customers, sales = month_of_sales(company, customers, span, int(count), generator)
        for tables in (sales, month_of_work(company, customers, leads, made, generator)):
            for name in _TABLES:
                if name in tables:
                    found[name].append(_frame(tables[name]))
    frames = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    return DemoCompany(profile.id, _events(profile, frames, pd.DataFrame(records["lead_sources"])))


def _frame(columns: dict[str, Column]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=object).replace(NULL, None)


def _events(profile: TenantProfile, frames: dict[str, pd.DataFrame], sources: pd.DataFrame) -> SalesEvents:
    live = {
        name: frame[frame["deleted_at"].isna()] if "deleted_at" in frame else frame for name, frame in frames.items()
    }
    history = live["deal_stage_history"].rename(columns={"changed_at": "entered_at"})
    deals = _closed(profile, live["deals"], history)
    first = deals[deals["lead_id"].notna()].groupby("lead_id")["created_at"].min()
    leads = live["leads"].assign(
        conversion_moment=lambda rows: rows["id"].map(first),
        is_duplicate=lambda rows: rows["is_duplicate"] == "t",
        source_type=lambda rows: rows["source_id"].map(_by_id(sources, "source_type")),
        source_name=lambda rows: rows["source_id"].map(_by_id(sources, "name")),
    )
    done = live["activities"][live["activities"]["completed_at"].notna()]
    return SalesEvents(
        leads=leads.rename(columns={"id": "lead_id"}),
        deals=deals,
        stage_entries=history.assign(stage_name=history["stage_id"]),
        activities=done.rename(columns={"assignee_user_id": "manager_id", "kind": "activity_type"}),
        messages=live["messages"],
        owner_changes=live["deal_owner_history"],
    )


def _by_id(sources: pd.DataFrame, column: str) -> pd.Series:
    found: pd.Series = sources.assign(id=sources["id"].astype(str)).set_index("id")[column]
    return found


def _closed(profile: TenantProfile, deals: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Outcome of the current stage; closed at the deal's latest entry into a stage."""
    outcomes = {(pipeline.name, stage.id): stage.outcome for pipeline in profile.pipelines for stage in pipeline.stages}
    names = {stage: outcome for (_, stage), outcome in outcomes.items()}
    rates = {profile.currency: 1.0} | {each.code: each.rate for each in profile.currencies}
    outcome = deals["stage_id"].map(names)
    latest = history.groupby("deal_id")["entered_at"].max()
    return deals.assign(
        deal_id=deals["id"],
        manager_id=deals["owner_user_id"],
        outcome=outcome,
        closed_at=deals["closed_at"].fillna(deals["id"].map(latest)).where(outcome != "open"),
        amount_base=pd.to_numeric(deals["amount"]) * deals["currency"].map(rates).fillna(1.0),
    )
