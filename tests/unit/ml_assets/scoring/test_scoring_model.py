"""Leads and deals: chances that follow the data, leakage traps, unseen values, cold start, storing, words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from ml_assets.probability.classifier import BoostingConfig
from ml_assets.probability.training import TrainingConfig
from ml_assets.scoring import (
    SalesEvents,
    ScoringConfig,
    ScoringModel,
    ScoringResult,
    check_scoring,
    score_deals,
    score_leads,
    train_deals,
    train_leads,
    win_chances,
)
from ml_assets.scoring.deal_features import snapshot_at as deal_snapshot
from ml_assets.scoring.events import prepare
from ml_assets.scoring.lead_features import snapshot_at as lead_snapshot
from ml_assets.scoring.scoring import DEAL_SCORE_COLUMNS, LEAD_SCORE_COLUMNS

AS_OF = date(2026, 1, 1)
NOW = pd.Timestamp(AS_OF)
QUICK = ScoringConfig(
    currency="RUB",
    training=TrainingConfig(most_snapshots=3, least_rows=100, boosting=BoostingConfig(trees=15), calibration_folds=2),
)


def crm(count: int = 1800, seed: int = 5) -> SalesEvents:
    """Leads of which the site's convert twice as often; deals of which owner 1 wins most, after an offer."""
    source = np.random.default_rng(seed)
    leads, deals, entries, activities = [], [], [], []
    for number in range(count):
        created = pd.Timestamp("2025-01-01") + pd.Timedelta(days=float(source.uniform(0, 520)))
        site = bool(source.random() < 0.5)
        converted = created + pd.Timedelta(days=float(source.exponential(12)))
        converts = bool(source.random() < (0.7 if site else 0.25))
        leads.append(
            ("t", f"l{number}", "site" if site else "fair", "online" if site else "offline", created,
             converted if converts else None, False)
        )  # fmt: skip
        called = created + pd.Timedelta(days=1)
        activities.append(("t", "call", f"m{number % 3}", None, f"l{number}", called))
        if not converts:
            continue
        owner = f"m{int(source.integers(0, 3))}"
        entries.append(("t", f"d{number}", "p", "new", converted))
        offered = converted + pd.Timedelta(days=float(source.exponential(25)))
        offer = bool(source.random() < 0.6)
        if offer:
            entries.append(("t", f"d{number}", "p", "offer", offered))
        won = offer and source.random() < (0.9 if owner == "m1" else 0.35)
        closed = offered + pd.Timedelta(days=float(source.exponential(40)))
        entries.append(("t", f"d{number}", "p", "paid" if won else "lost", closed))
        deals.append(
            ("t", f"d{number}", "p", owner, f"c{number % 200}", None, f"l{number}", converted, closed,
             "won" if won else "lost", float(source.lognormal(8, 0.5)))
        )  # fmt: skip
    return SalesEvents(
        leads=pd.DataFrame(
            leads,
            columns=["tenant_id", "lead_id", "source_id", "source_type", "created_at", "conversion_moment",
                     "is_duplicate"],
        ),
        deals=pd.DataFrame(
            deals,
            columns=["tenant_id", "deal_id", "pipeline_id", "manager_id", "company_id", "contact_id", "lead_id",
                     "created_at", "closed_at", "outcome", "amount_base"],
        ),
        stage_entries=pd.DataFrame(entries, columns=["tenant_id", "deal_id", "pipeline_id", "stage_id", "entered_at"]),
        activities=pd.DataFrame(
            activities, columns=["tenant_id", "activity_type", "manager_id", "deal_id", "lead_id", "completed_at"]
        ),
        owner_changes=pd.DataFrame(
            columns=["tenant_id", "deal_id", "from_owner_user_id", "owner_user_id", "changed_at"]
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def events() -> SalesEvents:
    return crm()


@pytest.fixture(scope="module")
def leads(events: SalesEvents) -> ScoringModel:
    return train_leads(events, AS_OF, QUICK)


@pytest.fixture(scope="module")
def deals(events: SalesEvents) -> ScoringModel:
    return train_deals(events, AS_OF, QUICK)


@pytest.fixture(scope="module")
def scored_leads(leads: ScoringModel, events: SalesEvents) -> ScoringResult:
    return score_leads(leads, events, AS_OF)


@pytest.fixture(scope="module")
def scored_deals(deals: ScoringModel, events: SalesEvents) -> ScoringResult:
    return score_deals(deals, events, AS_OF)


def test_lead_chances_come_true_and_follow_the_source(
    leads: ScoringModel, events: SalesEvents, scored_leads: ScoringResult
) -> None:
    scores = scored_leads.scores
    rows = events.leads.set_index("lead_id").loc[scores["lead_id"]]
    came = (rows["conversion_moment"] < NOW + pd.Timedelta(days=leads.horizon_days)).to_numpy()
    by_source = scores.groupby(rows["source_id"].to_numpy())["probability"].mean()

    assert list(scores.columns) == list(LEAD_SCORE_COLUMNS)
    assert leads.trained.published == "model"
    assert abs(scores["probability"].mean() - came.mean()) < 0.1
    assert by_source["site"] > 1.5 * by_source["fair"]


def test_deal_chances_come_true_and_follow_stage_and_owner(
    deals: ScoringModel, events: SalesEvents, scored_deals: ScoringResult
) -> None:
    scores = scored_deals.scores
    rows = events.deals.set_index("deal_id").loc[scores["deal_id"]]
    end = NOW + pd.Timedelta(days=deals.horizon_days)
    came = ((rows["outcome"] == "won") & (rows["closed_at"] < end)).to_numpy()
    by_owner = scores.groupby(rows["manager_id"].to_numpy())["probability"].mean()

    assert list(scores.columns) == list(DEAL_SCORE_COLUMNS)
    assert abs(scores["probability"].mean() - came.mean()) < 0.12
    assert by_owner.idxmax() == "m1"
    assert scores["expected_value"].to_numpy() == pytest.approx(
        scores["probability"].to_numpy() * rows["amount_base"].to_numpy()
    )


def test_what_lies_after_the_day_changes_nothing(events: SalesEvents) -> None:
    known, later = closed_by(events, NOW), NOW + pd.Timedelta(hours=1)
    assert known.stage_entries is not None and known.activities is not None
    injected = replace(
        known,
        leads=pd.concat([known.leads, known.leads.head(40).assign(lead_id=lambda rows: rows["lead_id"] + "x",
                                                                  created_at=later)]),
        deals=pd.concat([known.deals, known.deals.head(40).assign(deal_id=lambda rows: rows["deal_id"] + "x",
                                                                  created_at=later, closed_at=later, outcome="won")]),
        stage_entries=pd.concat([known.stage_entries, known.stage_entries.assign(stage_id="paid", entered_at=later)]),
        activities=pd.concat([known.activities, known.activities.assign(manager_id="m9", completed_at=later)]),
    )  # fmt: skip
    for learn, score in ((train_leads, score_leads), (train_deals, score_deals)):
        before, after = learn(known, AS_OF, QUICK), learn(injected, AS_OF, QUICK)
        assert after.model_id == before.model_id
        pd.testing.assert_frame_equal(score(after, injected, AS_OF).scores, score(before, known, AS_OF).scores)


def closed_by(events: SalesEvents, moment: pd.Timestamp) -> SalesEvents:
    """The events as an extract of that day would hold them."""
    deals = events.deals[events.deals["created_at"] < moment]
    still_open = deals["closed_at"] >= moment
    leads = events.leads[events.leads["created_at"] < moment]
    assert events.stage_entries is not None
    return replace(
        events,
        leads=leads.assign(conversion_moment=leads["conversion_moment"].where(leads["conversion_moment"] < moment)),
        deals=deals.assign(
            closed_at=deals["closed_at"].where(~still_open), outcome=deals["outcome"].where(~still_open, "open")
        ),
        stage_entries=events.stage_entries[events.stage_entries["entered_at"] < moment],
    )


def test_a_backfilled_day_gives_what_an_extract_of_that_day_gives(events: SalesEvents) -> None:
    then = closed_by(events, NOW)
    for learn in (train_deals,):
        assert learn(events, AS_OF, QUICK).model_id == learn(then, AS_OF, QUICK).model_id


def test_trap_the_owner_assigned_on_conversion_is_not_read(events: SalesEvents, leads: ScoringModel) -> None:
    """A column that names an owner for converted leads only would predict perfectly; nothing may change with it."""
    trapped = events.leads.assign(
        manager_id=np.where(events.leads["conversion_moment"].notna(), "closer", "(none)"), lead_status="converted"
    )
    again = train_leads(replace(events, leads=trapped), AS_OF, QUICK)
    assert again.model_id == leads.model_id


def test_trap_work_done_after_conversion_is_not_seen_before_it(events: SalesEvents) -> None:
    """The closer works on a lead at the moment of its conversion: at a cut-off before it, nobody had."""
    assert events.activities is not None
    converted = events.leads[events.leads["conversion_moment"].notna()]
    closer = pd.DataFrame(
        {
            "tenant_id": "t", "activity_type": "meeting", "manager_id": "closer", "deal_id": None,
            "lead_id": converted["lead_id"], "completed_at": converted["conversion_moment"],
        }
    )  # fmt: skip
    trapped = replace(events, activities=pd.concat([events.activities, closer]))
    found = lead_snapshot(prepare(trapped, NOW), pd.Timestamp("2025-10-01"), 30, 90)
    assert "closer" not in set(found.features["handler"])
    assert (found.features["meetings"] == 0).all()


def test_trap_the_stage_reached_by_winning_is_not_seen_before_it(events: SalesEvents) -> None:
    found = deal_snapshot(prepare(events, NOW), pd.Timestamp("2025-10-01"), 60)
    assert set(found.features["stage"]) <= {"p|new", "p|offer"}
    assert 0 < found.labels.mean() < 1


def test_trap_the_owner_of_a_deal_is_the_one_of_the_cutoff(events: SalesEvents) -> None:
    """Every deal is handed to the after-sales team when it is won."""
    won = events.deals["outcome"] == "won"
    changes = pd.DataFrame(
        {
            "tenant_id": "t", "deal_id": events.deals.loc[won, "deal_id"],
            "from_owner_user_id": events.deals.loc[won, "manager_id"], "owner_user_id": "after-sales",
            "changed_at": events.deals.loc[won, "closed_at"],
        }
    )  # fmt: skip
    handed = replace(
        events,
        deals=events.deals.assign(manager_id=events.deals["manager_id"].where(~won, "after-sales")),
        owner_changes=changes,
    )
    cutoff = pd.Timestamp("2025-10-01")
    before, after = (deal_snapshot(prepare(each, NOW), cutoff, 60).features["owner"] for each in (events, handed))
    pd.testing.assert_series_equal(before, after)
    unknown = deal_snapshot(prepare(replace(handed, owner_changes=None), NOW), cutoff, 60).features["owner"]
    assert set(unknown) == {"(none)"}


def test_trap_an_amount_filled_in_on_winning_is_left_out(events: SalesEvents, deals: ScoringModel) -> None:
    won = (events.deals["outcome"] == "won") & (events.deals["closed_at"] < NOW)
    filled = replace(events, deals=events.deals.assign(amount_base=events.deals["amount_base"].where(won)))
    found = train_deals(filled, AS_OF, QUICK)
    drift = score_deals(found, filled, AS_OF).drift.set_index("feature")
    assert found.trained.classifier is not None and deals.trained.classifier is not None

    assert "amount_known" in found.trained.dropped
    assert "amount_known" not in {feature.name for feature in found.trained.classifier.features}
    assert "amount" in {feature.name for feature in deals.trained.classifier.features}
    assert drift.loc["amount_known", "reason"] == "changes_with_outcome" and not drift.loc["amount_known", "is_used"]


def test_sources_stages_and_owners_that_were_never_seen_work(
    events: SalesEvents, leads: ScoringModel, deals: ScoringModel
) -> None:
    assert events.stage_entries is not None
    fresh = replace(
        events,
        leads=events.leads.assign(source_id="podcast", source_type=None),
        deals=events.deals.assign(manager_id="newcomer", pipeline_id="q"),
        stage_entries=events.stage_entries.assign(stage_id="trial", pipeline_id="q"),
    )
    for scores in (score_leads(leads, fresh, AS_OF).scores, score_deals(deals, fresh, AS_OF).scores):
        assert len(scores) and scores["probability"].between(0, 1).all()
        assert 0.02 < scores["probability"].mean() < 0.9


def test_too_little_history_gets_the_baseline_and_says_so() -> None:
    few = crm(count=25)
    for learn, score in ((train_leads, score_leads), (train_deals, score_deals)):
        scores = score(learn(few, AS_OF, QUICK), few, AS_OF).scores
        assert scores["low_history"].all() and scores["is_cold_start"].all()
        assert scores["probability"].between(0, 1).all()


def test_a_model_survives_storing_and_is_the_same_again(
    events: SalesEvents, deals: ScoringModel, scored_deals: ScoringResult
) -> None:
    stored = json.loads(json.dumps(deals.to_manifest()))
    again = ScoringModel.from_manifest(stored)

    assert again.model_id == deals.model_id == train_deals(events, AS_OF, QUICK).model_id
    pd.testing.assert_frame_equal(score_deals(again, events, AS_OF).scores, scored_deals.scores)
    with pytest.raises(ValueError, match="does not match its hash"):
        ScoringModel.from_manifest(stored | {"horizon_days": 1})
    with pytest.raises(ValueError, match="give one of leads"):
        score_leads(again, events, AS_OF)


def test_the_check_fails_when_nothing_is_won_any_more(events: SalesEvents, deals: ScoringModel) -> None:
    day = date(2026, 5, 1)
    stopped = replace(
        events,
        deals=events.deals.assign(outcome=events.deals["outcome"].where(events.deals["closed_at"] < NOW, "lost")),
    )
    assert check_scoring(deals, events, day).iloc[0]["passed"]
    assert not check_scoring(deals, stopped, day).iloc[0]["passed"]


def test_priorities_reasons_and_actions(scored_leads: ScoringResult, scored_deals: ScoringResult) -> None:
    for scores in (scored_leads.scores, scored_deals.scores):
        top = scores.groupby("priority")["probability"].mean()
        assert top["high"] > top["medium"] > top["low"]
        assert (scores["priority"] == "high").mean() == pytest.approx(0.2, abs=0.07)
        for column in ("reasons_ru", "reasons_en", "action_ru", "action_en"):
            assert (scores[column].str.len() > 5).all()
            assert not scores[column].str.contains("nan|NaT|inf|None").any()
        assert scores["reasons_en"].str.contains("For:|Against:").mean() > 0.9
    assert scored_deals.scores["reasons_ru"].str.contains("на этапе «").any()


def test_win_chances_are_about_the_days_that_are_left(events: SalesEvents) -> None:
    chances = win_chances(events, NOW)
    soon, late = chances(NOW, NOW + pd.Timedelta(days=10)), chances(NOW, NOW + pd.Timedelta(days=60))
    assert soon.index.equals(late.index)
    assert soon.mean() < late.mean()


def test_win_chances_of_an_earlier_day_know_nothing_of_what_came_after(events: SalesEvents) -> None:
    earlier, end = NOW - pd.DateOffset(months=3), NOW - pd.Timedelta(days=30)
    before = win_chances(events, NOW)(earlier, end)
    later = events.deals["created_at"] >= earlier
    closed = pd.to_datetime(events.deals["closed_at"]) >= earlier
    changed = replace(
        events,
        deals=events.deals.assign(
            outcome=events.deals["outcome"].mask(closed, "lost"),
            amount_base=events.deals["amount_base"].mask(later, 1e6),
        ),
    )
    assert before.between(0, 1).all() and before.nunique() > 10
    pd.testing.assert_series_equal(win_chances(changed, NOW)(earlier, end), before)


def test_odd_data_never_raises(events: SalesEvents) -> None:
    odd = replace(
        events,
        leads=events.leads.assign(created_at=np.resize(["2025-05-05", None, "never"], len(events.leads))),
        deals=events.deals.assign(
            amount_base=np.resize([np.nan, -1.0, np.inf, 1e300], len(events.deals)),
            closed_at=np.resize([None, "2025-09-09", "x"], len(events.deals)),
            company_id=None,
        ),
        stage_entries=None,
        activities=None,
    )
    bare = replace(odd, leads=odd.leads.iloc[:0], deals=odd.deals.iloc[:0])
    for each in (odd, bare):
        for learn, score in ((train_leads, score_leads), (train_deals, score_deals)):
            scores = score(learn(each, AS_OF, QUICK), each, AS_OF).scores
            assert scores["probability"].between(0, 1).all()
            assert np.isfinite(scores["expected_value"].astype(float)).all()


def test_a_missing_column_is_named(events: SalesEvents) -> None:
    with pytest.raises(ValueError, match="deals lack the columns outcome"):
        train_deals(replace(events, deals=events.deals.drop(columns="outcome")), AS_OF)
