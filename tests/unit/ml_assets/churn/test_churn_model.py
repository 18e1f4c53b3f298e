"""Churn of one tenant: no look ahead, the definition, cold start, storing, the check, words, odd data."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from ml_assets.churn import (
    ChurnConfig,
    ChurnEvents,
    ChurnModel,
    ChurnResult,
    check_churn,
    events_from_marts,
    score_churn,
    train_churn,
)
from ml_assets.churn.definition import fit_definition
from ml_assets.churn.events import prepare
from ml_assets.churn.features import customer_facts, snapshot_at
from ml_assets.churn.scoring import SCORE_COLUMNS
from ml_assets.probability.classifier import BoostingConfig
from ml_assets.probability.frames import CHECK_COLUMNS, DRIFT_ROW_COLUMNS, IMPORTANCE_COLUMNS, QUALITY_COLUMNS
from ml_assets.probability.plots import feature_label, importance_plot, reliability_plot
from ml_assets.probability.training import TrainingConfig
from ml_assets.probability.wording import LANGUAGES, LanguageCode

AS_OF = date(2026, 1, 1)
END = pd.Timestamp("2026-07-01")
QUICK = ChurnConfig(
    currency="RUB",
    training=TrainingConfig(most_snapshots=3, boosting=BoostingConfig(trees=15), calibration_folds=2),
)


def purchases(customers: int = 140, seed: int = 1, start: str = "2024-06-01") -> pd.DataFrame:
    """Customers with rhythms of 15 to 60 days, of whom one in twelve leaves after each purchase."""
    source = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        at = pd.Timestamp(start) + pd.Timedelta(days=float(source.uniform(0, 400)))
        pause = float(np.exp(source.uniform(np.log(15), np.log(60))))
        while at < END:
            rows.append(("t", "company", customer, at, float(source.lognormal(7, 0.5))))
            if source.random() < 1 / 12:
                break
            at += pd.Timedelta(days=max(1.0, float(source.gamma(4, pause / 4))))
    return pd.DataFrame(rows, columns=["tenant_id", "customer_kind", "customer_id", "purchased_at", "amount"])


@pytest.fixture(scope="module")
def events() -> ChurnEvents:
    return ChurnEvents(purchases())


@pytest.fixture(scope="module")
def model(events: ChurnEvents) -> ChurnModel:
    return train_churn(events, AS_OF, QUICK)


@pytest.fixture(scope="module")
def result(model: ChurnModel, events: ChurnEvents) -> ChurnResult:
    return score_churn(model, events, AS_OF)


def came_true(result: ChurnResult, events: ChurnEvents) -> pd.Series:
    """Whether a customer bought nothing until the day that the score names, straight from the rows."""
    scores = result.scores
    bought = events.purchases[events.purchases["purchased_at"] >= pd.Timestamp(AS_OF)]
    following = bought.groupby(bought["customer_id"].astype(str))["purchased_at"].min()
    silent: pd.Series = ~(scores["customer_id"].map(following) < pd.to_datetime(scores["silent_until"]))
    return silent


def test_the_frames_have_their_columns(result: ChurnResult) -> None:
    assert list(result.scores.columns) == list(SCORE_COLUMNS)
    assert list(result.metrics.columns) == list(QUALITY_COLUMNS)
    assert list(result.drift.columns) == list(DRIFT_ROW_COLUMNS)
    assert list(result.importance.columns) == list(IMPORTANCE_COLUMNS)
    assert list(result.checks.columns) == list(CHECK_COLUMNS)
    assert set(result.metrics["method"]) == {"model", "baseline"}
    assert result.importance["share"].sum() == pytest.approx(1)


def test_scores_come_true(model: ChurnModel, events: ChurnEvents, result: ChurnResult) -> None:
    left = came_true(result, events)
    said = result.scores["probability"]
    order = said.rank()

    assert model.trained.published == "model"
    assert abs(said.mean() - left.mean()) < 0.1
    assert order[left].mean() > order[~left].mean() + 0.25 * len(said)


def test_what_lies_after_the_cutoff_changes_nothing(model: ChurnModel, events: ChurnEvents) -> None:
    """Rows on the day itself and later, for old and new customers, in every frame."""
    known = add_contacts(events)
    later = pd.Timestamp(AS_OF)
    more = events.purchases.groupby("customer_id").tail(1).assign(purchased_at=later, amount=1e9)
    new = more.assign(customer_id=lambda rows: rows["customer_id"] + 10_000)
    assert known.activities is not None and known.messages is not None and known.deals is not None
    injected = ChurnEvents(
        purchases=pd.concat([known.purchases, more, new]),
        deals=pd.concat(
            [
                known.deals,
                known.deals.assign(created_at=later, closed_at=later, outcome="lost"),
            ]
        ),
        activities=pd.concat([known.activities, known.activities.assign(completed_at=later)]),
        messages=pd.concat([known.messages, known.messages.assign(sent_at=later + pd.Timedelta(days=1))]),
    )
    before, after = train_churn(known, AS_OF, QUICK), train_churn(injected, AS_OF, QUICK)

    assert after.model_id == before.model_id
    pd.testing.assert_frame_equal(score_churn(after, injected, AS_OF).scores, score_churn(before, known, AS_OF).scores)


def test_a_past_snapshot_reads_nothing_that_came_after_it(model: ChurnModel, events: ChurnEvents) -> None:
    known = add_contacts(events)
    cutoff = pd.Timestamp("2025-09-01")
    whole = prepare(known, END)
    cut = prepare(known, cutoff)
    features, alone = (snapshot_at(each, model.definition, cutoff, 730) for each in (whole, cut))

    pd.testing.assert_frame_equal(features.features, alone.features)
    np.testing.assert_array_equal(features.baseline, alone.baseline)
    assert alone.labels.all() and not features.labels.all()


def add_contacts(events: ChurnEvents) -> ChurnEvents:
    """Calls shortly before each purchase, an answer, and a deal for it."""
    base = events.purchases
    at = base["purchased_at"] - pd.Timedelta(days=3)
    customers = base[["tenant_id", "customer_kind", "customer_id"]]
    return replace(
        events,
        deals=customers.assign(created_at=at, closed_at=base["purchased_at"], outcome="won"),
        activities=customers.assign(activity_type="call", completed_at=at),
        messages=customers.assign(direction="in", sent_at=at),
    )


def test_facts_are_those_of_a_plain_count(model: ChurnModel, events: ChurnEvents) -> None:
    known = add_contacts(events)
    cutoff = pd.Timestamp("2025-09-01")
    facts = customer_facts(prepare(known, END), model.definition, cutoff, 730)
    own = events.purchases[events.purchases["customer_id"].astype(str) == facts.index[7].partition(":")[2]]
    days = own.loc[own["purchased_at"] < cutoff, "purchased_at"].dt.normalize()
    calls = own["purchased_at"] - pd.Timedelta(days=3)
    fact = facts.iloc[7]

    assert fact["silence_days"] == (cutoff - days.max()).days
    assert fact["purchases"] == days.nunique()
    assert fact["purchases_90"] == (days >= cutoff - pd.Timedelta(days=90)).sum()
    assert fact["contacts_90"] == ((calls < cutoff) & (calls >= cutoff - pd.Timedelta(days=90))).sum()
    assert fact["open_deals"] == ((calls < cutoff) & (own["purchased_at"] >= cutoff)).sum()


def test_a_customer_counts_as_gone_by_its_own_rhythm() -> None:
    """The same silence is long for a weekly buyer and nothing for a quarterly one."""
    rows = [("t", "company", "weekly", pd.Timestamp("2025-01-01") + pd.Timedelta(days=7 * n)) for n in range(30)]
    rows += [("t", "company", "quarterly", pd.Timestamp("2024-01-01") + pd.Timedelta(days=90 * n)) for n in range(7)]
    frame = pd.DataFrame(rows, columns=["tenant_id", "customer_kind", "customer_id", "purchased_at"])
    prepared = prepare(ChurnEvents(frame.assign(amount=100.0)), pd.Timestamp("2025-08-20"))
    definition = fit_definition(prepared.purchases, ChurnConfig())
    facts = customer_facts(prepared, definition, pd.Timestamp("2025-08-20"), 730)
    allowed = facts["allowed_days"]

    assert allowed["company:quarterly"] > 3 * allowed["company:weekly"]
    assert (facts["window_days"] >= definition.notice_days).all()
    quarterly = facts.loc["company:quarterly"]
    assert quarterly["window_days"] == max(14, np.ceil(allowed["company:quarterly"] - quarterly["silence_days"]))


def test_lapsed_customers_are_named_and_value_at_risk_is_what_they_bring(
    events: ChurnEvents, result: ChurnResult
) -> None:
    scores = result.scores
    lapsed = scores["silence_days"] > scores["allowed_silence_days"]
    recent = events.purchases[
        (events.purchases["purchased_at"] < "2026-01-01") & (events.purchases["purchased_at"] >= "2025-01-01")
    ]
    brought = recent.groupby(recent["customer_id"].astype(str))["amount"].sum()
    expected = scores["customer_id"].map(brought).fillna(0)

    assert (scores["risk_level"] == "lapsed").equals(lapsed) and lapsed.any()
    assert scores["value_per_year"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-9)
    assert scores["expected_value_at_risk"].to_numpy() == pytest.approx(scores["probability"] * expected)


def test_the_same_input_gives_the_same_model_whatever_the_order_of_rows(model: ChurnModel, events: ChurnEvents) -> None:
    shuffled = ChurnEvents(events.purchases.sample(frac=1, random_state=3))
    again = train_churn(shuffled, AS_OF, QUICK)

    assert again.model_id == model.model_id
    assert again.to_manifest() == model.to_manifest()


def test_a_model_survives_storing(model: ChurnModel, events: ChurnEvents, result: ChurnResult) -> None:
    stored = json.loads(json.dumps(model.to_manifest()))
    again = ChurnModel.from_manifest(stored)

    assert again.model_id == model.model_id
    pd.testing.assert_frame_equal(score_churn(again, events, AS_OF).scores, result.scores)
    with pytest.raises(ValueError, match="does not match its hash"):
        ChurnModel.from_manifest(stored | {"tenant_id": "other"})


def test_too_little_history_gets_the_baseline_and_says_so() -> None:
    few = ChurnEvents(purchases(customers=8, start="2025-10-01"))
    small = train_churn(few, AS_OF, QUICK)
    scores = score_churn(small, few, AS_OF).scores

    assert small.trained.reason in ("no_closed_snapshot", "too_few_rows")
    assert scores["low_history"].all() and scores["is_cold_start"].all() and set(scores["method"]) == {"baseline"}
    assert scores["probability"].equals(scores["baseline_probability"]) and scores["probability"].between(0, 1).all()
    assert (scores["reasons_ru"].str.len() > 10).all()


def test_the_check_passes_on_what_was_expected_and_fails_when_everyone_leaves(
    model: ChurnModel, events: ChurnEvents
) -> None:
    day = date(2026, 3, 31)
    as_expected = check_churn(model, events, day).iloc[0]
    stopped = ChurnEvents(events.purchases[events.purchases["purchased_at"] < "2026-01-01"])
    broken = check_churn(model, stopped, day).iloc[0]

    assert as_expected["is_out_of_sample"] and as_expected["passed"]
    assert not broken["passed"] and broken["observed"] == 1
    assert not check_churn(model, events, AS_OF).iloc[0]["is_out_of_sample"]


def test_reasons_and_actions_are_sentences_in_both_languages(result: ChurnResult) -> None:
    scores = result.scores
    silent = scores[scores["reasons"].map(lambda text: [r["reason"] for r in json.loads(text)][:1] == ["silence"])]
    row = silent[(silent["risk_level"] != "low") & (silent["silence_days"] > 3 * silent["usual_pause_days"])].iloc[0]

    assert row["reasons_en"].startswith("Silent for") and "usually buys every" in row["reasons_en"]
    assert row["reasons_ru"].startswith("Не покупал") and "обычно покупает раз в" in row["reasons_ru"]
    assert f"{row['silence_days']} " in row["reasons_ru"]
    for column in ("reasons_ru", "reasons_en", "action_ru", "action_en"):
        assert (scores[column].str.len() > 5).all()
        assert not scores[column].str.contains("nan|None|NaT|inf").any()
    assert set(scores.loc[scores["risk_level"] == "low", "action"]) == {"wait"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_plots_are_drawn_and_empty_ones_say_so(language: LanguageCode, result: ChurnResult) -> None:
    for rows, draw in ((result.reliability, reliability_plot), (result.importance, importance_plot)):
        whole, empty = draw(rows, language), draw(rows.iloc[:0], language)
        assert whole.startswith(b"\x89PNG") and empty.startswith(b"\x89PNG") and len(whole) > len(empty)


def test_every_feature_has_a_name_for_readers_in_both_languages() -> None:
    from ml_assets.churn.features import REASON_OF as CHURN
    from ml_assets.scoring.deal_features import REASON_OF as DEALS
    from ml_assets.scoring.lead_features import REASON_OF as LEADS

    for name in (*CHURN, *DEALS, *LEADS):
        assert feature_label("en", name) != feature_label("ru", name)


def test_drift_is_seen_when_customers_change(model: ChurnModel, events: ChurnEvents, result: ChurnResult) -> None:
    richer = ChurnEvents(events.purchases.assign(amount=events.purchases["amount"] * 50))
    moved = score_churn(model, richer, AS_OF).drift.set_index("feature")["drift"]

    assert moved["mean_amount"] == "strong"
    assert result.drift.set_index("feature")["drift"]["mean_amount"] != "strong"


@pytest.mark.parametrize("odd", ["amounts", "dates", "one_day", "empty", "nobody"])
def test_odd_data_never_raises(odd: str) -> None:
    base = purchases(customers=40)
    frames = {
        "amounts": base.assign(amount=np.resize([np.nan, -50.0, np.inf, 0.0, 1e300], len(base))),
        "dates": base.assign(purchased_at=np.resize([None, "not a date", "2025-03-01", "9999-12-31"], len(base))),
        "one_day": base.assign(purchased_at=pd.Timestamp("2025-03-01")),
        "empty": base.iloc[:0],
        "nobody": base.assign(customer_id=None),
    }
    found = ChurnEvents(frames[odd])
    scores = score_churn(train_churn(found, AS_OF, QUICK), found, AS_OF).scores
    assert (
        scores["probability"].between(0, 1).all() and np.isfinite(scores["expected_value_at_risk"].astype(float)).all()
    )


def test_missing_columns_and_mixed_tenants_are_named(events: ChurnEvents) -> None:
    with pytest.raises(ValueError, match="purchases lack the columns amount"):
        train_churn(ChurnEvents(events.purchases.drop(columns="amount")), AS_OF)
    mixed = pd.concat([events.purchases, events.purchases.head(1).assign(tenant_id="u")])
    with pytest.raises(ValueError, match="2 tenants"):
        train_churn(ChurnEvents(mixed), AS_OF)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"definition": "never"}, "definition is 'never'"),
        ({"returning_share": 1.0}, "returning_share is 1.0"),
        ({"high_risk": 0.9}, "risk levels"),
        ({"horizon_days": 0}, "horizon_days is 0"),
    ],
)
def test_settings_are_checked(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChurnConfig(**wrong)  # type: ignore[arg-type]


def test_marts_become_events_of_the_company_else_of_the_contact() -> None:
    deals = pd.DataFrame(
        {
            "tenant_id": "t", "deal_id": [1, 2, 3, 4], "company_id": ["A", None, None, "A"],
            "contact_id": ["p", "q", None, None], "created_at": pd.Timestamp("2025-01-01", tz="UTC"),
            "closed_at": [pd.Timestamp("2025-02-01", tz="UTC")] * 3 + [None], "outcome": ["won", "won", "won", "open"],
            "amount": 9, "amount_base": [10, 20, 30, 40],
        }
    )  # fmt: skip
    activities = pd.DataFrame(
        {
            "tenant_id": "t", "activity_type": "call", "completed_at": pd.Timestamp("2025-01-05", tz="UTC"),
            "deal_id": [2, None, None], "company_id": [None, "B", None],
        }
    )  # fmt: skip
    found = events_from_marts(deals, activities)
    assert found.activities is not None and found.deals is not None

    assert found.purchases[["customer_kind", "customer_id", "amount"]].to_numpy().tolist() == [
        ["company", "A", 10], ["contact", "q", 20],
    ]  # fmt: skip
    assert found.activities[["customer_kind", "customer_id"]].to_numpy().tolist() == [
        ["contact", "q"],
        ["company", "B"],
    ]
    assert len(found.deals) == 3
