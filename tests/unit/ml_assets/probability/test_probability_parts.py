"""Figures, calibration, drift, words and manifests of chances: each against an independent computation."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from ml_assets.probability.calibration import chance, check_calibration, fit_calibration, log_odds
from ml_assets.probability.classifier import AveragedClassifier, BoostingConfig, Feature, fit_classifier
from ml_assets.probability.drift import drift, psi, reference_of
from ml_assets.probability.manifest import signed, verified
from ml_assets.probability.quality import measure, reliability
from ml_assets.probability.snapshots import closed_cutoffs
from ml_assets.probability.wording import counted, day, money

FEATURES = (Feature("a"), Feature("b"), Feature("kind", "category"))
QUICK = BoostingConfig(trees=40)


def rows(count: int = 600, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    source = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": source.normal(size=count), "b": source.normal(size=count), "kind": source.choice(["x", "y", "z"], count)},
        index=[f"e{number}" for number in range(count)],
    )
    odds = 1.5 * frame["a"] + np.where(frame["kind"] == "x", 1.0, -0.5)
    return frame, (source.random(count) < chance(odds.to_numpy())).astype(float)


def test_figures_agree_with_their_definitions() -> None:
    source = np.random.default_rng(2)
    said = source.random(500)
    came = (source.random(500) < said).astype(float)
    found = measure(said, came)
    bins = pd.DataFrame({"bin": np.floor(said * 10), "said": said, "came": came}).groupby("bin").agg(["mean", "size"])
    gaps = (bins["said"]["mean"] - bins["came"]["mean"]).abs() * bins["said"]["size"] / 500

    assert found.auc == pytest.approx(roc_auc_score(came, said))
    assert found.brier == pytest.approx(brier_score_loss(came, said))
    assert found.ece == pytest.approx(gaps.sum())
    assert found.lift == pytest.approx(came[np.argsort(-said)[:50]].mean() / came.mean())
    assert reliability(said, came)["n"].sum() == 500


@pytest.mark.parametrize("labels", [[], [0.0], [1.0, 1.0, 1.0]])
def test_figures_of_nothing_and_of_one_outcome_are_empty_where_they_mean_nothing(labels: list[float]) -> None:
    found = measure(np.full(len(labels), 0.5), np.array(labels))
    assert found.auc is None and found.n == len(labels)


def test_calibration_corrects_a_shift_and_a_small_set_hardly_bends_it() -> None:
    source = np.random.default_rng(3)
    odds = source.normal(size=20_000)
    came = (source.random(20_000) < chance(odds - 1.0)).astype(float)
    much, little = fit_calibration(odds, came), fit_calibration(odds[:20], came[:20])

    assert -1.0 < much.intercept < -0.05
    assert abs(little.intercept) < 0.1 and abs(little.slope - 1) < 0.1


def test_the_check_fails_when_calibration_breaks_and_not_by_chance() -> None:
    source = np.random.default_rng(4)
    said = source.uniform(0.2, 0.8, 800)
    came = (source.random(800) < said).astype(float)
    few = check_calibration(said[:40], came[:40])

    assert check_calibration(said, came).passed
    assert few.passed and few.ece is not None and few.ece > few.tolerated
    assert not check_calibration(np.clip(said + 0.15, 0, 1), came).passed
    assert check_calibration(np.zeros(0), np.zeros(0)).passed


def test_drift_tells_a_shift_from_none_and_counts_new_categories_and_gaps() -> None:
    source = np.random.default_rng(5)
    before = pd.DataFrame({"a": source.normal(size=2000), "kind": source.choice(["x", "y"], 2000)})
    reference = reference_of(before)
    same = pd.DataFrame({"a": source.normal(size=2000), "kind": source.choice(["x", "y"], 2000)})
    moved = same.assign(a=same["a"] + 1, kind="new")

    assert set(drift(reference, same)["drift"]) == {"none"}
    assert set(drift(reference, moved)["drift"]) == {"strong"}
    assert (psi(reference["a"], pd.Series(np.full(500, np.nan))) or 0) > 0.25
    assert psi(reference["a"], same["a"].head(5)) is None
    assert json.loads(json.dumps(reference)) == reference


def test_contributions_add_up_to_the_log_odds() -> None:
    frame, labels = rows()
    found = fit_classifier(frame, labels, FEATURES, QUICK)
    parts = found.contributions(frame)

    assert parts.sum(axis=1).to_numpy() == pytest.approx(found.log_odds(frame), abs=1e-6)
    assert parts["a"].abs().mean() > 3 * parts["b"].abs().mean()


def test_the_classifier_is_stored_without_loss_and_unseen_or_odd_values_work() -> None:
    frame, labels = rows()
    found = fit_classifier(frame, labels, FEATURES, QUICK)
    stored = json.loads(json.dumps(found.to_manifest()))
    again = AveragedClassifier.from_manifest(stored)
    odd = pd.DataFrame({"a": [np.nan, np.inf, -1e300], "b": [None, 1, 2], "kind": ["never seen", None, 7]})

    np.testing.assert_array_equal(again.log_odds(frame), found.log_odds(frame))
    assert np.isfinite(again.log_odds(odd)).all()
    assert fit_classifier(frame, labels, FEATURES, QUICK).to_manifest() == found.to_manifest()
    assert again.log_odds(frame.iloc[:0]).shape == (0,)


def test_a_category_does_not_learn_from_its_own_row() -> None:
    """Every row has a category of its own: encoded with its own label it would be known, out of fold it is not."""
    frame, labels = rows()
    own = pd.DataFrame({"kind": [f"only {number}" for number in range(len(frame))]}, index=frame.index)
    found = fit_classifier(own, labels, (Feature("kind", "category"),), QUICK)
    assert abs(found.coefficients[0]) < 0.5


def test_labels_that_are_all_alike_are_refused() -> None:
    frame, _ = rows(20)
    with pytest.raises(ValueError, match="all 20 labels are alike"):
        fit_classifier(frame, np.ones(20), FEATURES, QUICK)


def test_a_changed_manifest_is_refused() -> None:
    manifest = signed({"kind": "churn", "value": 1})
    assert verified(manifest, "churn")["value"] == 1
    with pytest.raises(ValueError, match="does not match its hash"):
        verified(manifest | {"value": 2}, "churn")
    with pytest.raises(ValueError, match="a 'deal' of format 1 is needed"):
        verified(manifest, "deal")


def test_only_closed_cutoffs_are_used() -> None:
    as_of, first = pd.Timestamp("2026-06-01"), pd.Timestamp("2026-01-10")
    found = closed_cutoffs(as_of, 90, first, 30, 10)

    assert found == (pd.Timestamp("2026-03-03"), pd.Timestamp("2026-02-01"))
    assert closed_cutoffs(as_of, 90, None, 30, 10) == ()


@pytest.mark.parametrize(
    ("count", "russian", "english"),
    [
        (1, "1 день", "1 day"),
        (2, "2 дня", "2 days"),
        (5, "5 дней", "5 days"),
        (11, "11 дней", "11 days"),
        (21, "21 день", "21 days"),
        (74, "74 дня", "74 days"),
        (112, "112 дней", "112 days"),
        (1001, "1\u00a0001 день", "1,001 days"),
    ],
)
def test_nouns_follow_their_number(count: int, russian: str, english: str) -> None:
    assert counted("ru", count, "day") == russian
    assert counted("en", count, "day") == english


def test_money_and_dates_read_as_people_write_them() -> None:
    assert money("en", 12345.6, "USD") == "$12,346"
    assert money("ru", 12345.6, "RUB") == "12\u00a0346\u00a0₽"
    assert money("en", 12.34, "RUB") == "RUB\u00a012.34"
    assert money("ru", 12.5, None) == "12,50"
    assert log_odds(np.array([0.5]))[0] == 0
    assert day("en", pd.Timestamp("2026-03-12").date()) == "Mar 12, 2026"
