"""Training in order: closed snapshots, classifier, calibration on the newest one, verdict against the baseline.

The same steps serve customers, leads and deals: they give a function that builds a snapshot. The verdict comes from a
rehearsal: the same training as it would have been on the day of the newest closed snapshot, judged on that snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.probability.calibration import (
    Calibration,
    CalibrationCheck,
    chance,
    check_calibration,
    fit_calibration,
    log_odds,
)
from ml_assets.probability.classifier import AveragedClassifier, BoostingConfig, Feature, fit_classifier, fold_numbers
from ml_assets.probability.drift import by_chance, level, psi, reference_of
from ml_assets.probability.quality import Quality, measure, reliability
from ml_assets.probability.snapshots import Snapshot, SnapshotAt, Values

PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy")
MODEL, BASELINE = "model", "baseline"


@dataclass(frozen=True)
class TrainingConfig:
    """Settings that churn, leads and deals share.

    Attributes:
        most_snapshots: how many closed snapshots are learnt from, newest first.
        step_days: days between their cut-offs.
        most_rows: of training; older snapshots are left out first.
        least_rows: of all closed snapshots together; with fewer the baseline is published.
        least_events: entities with the event, and without it, that the closed snapshots need together.
        calibration_folds: parts of the entities; each is predicted by a classifier that has not seen it.
        boosting: settings of the classifier.
    """

    most_snapshots: int = 4
    step_days: int = 30
    most_rows: int = 200_000
    least_rows: int = 150
    least_events: int = 20
    calibration_folds: int = 3
    boosting: BoostingConfig = field(default_factory=BoostingConfig)

    def __post_init__(self) -> None:
        """Raise `ValueError` with the setting, its value and what it may be."""
        for name in ("most_snapshots", "step_days", "most_rows", "least_rows", "least_events"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least 1")
        if self.calibration_folds < 2:
            raise ValueError(f"calibration_folds is {self.calibration_folds}: give at least 2")


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes:
        published: `model`, or `baseline` with the reason in `reason`.
        reason: `better_than_baseline`, `level_with_baseline` (within one standard error: the model is published, since
            it says why), `not_rehearsed` (no snapshot to judge on: the model is published), `worse_than_baseline`,
            `no_closed_snapshot`, `too_few_rows`, `too_few_events`.
        classifier: empty where nothing could be learnt.
        calibration: fitted on the newest closed snapshot, out of fold.
        reference: shares of each feature in the newest closed snapshot, for drift.
        dropped: guarded features that were left out, with their drift.
        calibrated_on: cut-off of the newest closed snapshot.
        rows, snapshots: learnt from.
        model_quality, baseline_quality: in the rehearsal; without one, out of fold on the newest closed snapshot.
        judged_by: `rehearsal`, `out_of_fold` or `nothing`.
        check: whether the judged chances held.
        reliability: rows of `quality.reliability` for `model` and `baseline`, what was judged.
        importance: mean absolute contribution of each feature to the log-odds, over the newest closed snapshot.
    """

    published: str
    reason: str
    classifier: AveragedClassifier | None
    calibration: Calibration
    reference: Mapping[str, Mapping[str, Any]]
    dropped: Mapping[str, float]
    calibrated_on: str | None
    rows: int
    snapshots: int
    model_quality: Quality | None
    baseline_quality: Quality | None
    judged_by: str
    check: CalibrationCheck
    reliability: Mapping[str, tuple[tuple[float, ...], ...]]
    importance: Mapping[str, float]

    @property
    def low_history(self) -> bool:
        """Too little history to learn from."""
        return self.classifier is None

    def probabilities(self, rows: pd.DataFrame) -> Values | None:
        """Calibrated chances of the classifier, whether it is published or not; empty where there is none."""
        if self.classifier is None:
            return None
        return chance(self.calibration(self.classifier.log_odds(rows)))

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame | None:
        """What each feature adds to the calibrated log-odds, without the base."""
        if self.classifier is None:
            return None
        result: pd.DataFrame = self.classifier.contributions(rows).drop(columns="(base)") * self.calibration.slope
        return result

    def to_manifest(self) -> dict[str, Any]:
        """JSON values; `from_manifest` gives the same back."""
        content = asdict(self) | {
            "classifier": self.classifier.to_manifest() if self.classifier else None,
            "reliability": {name: [list(row) for row in rows] for name, rows in self.reliability.items()},
        }
        return content | {"versions": {name: version(name) for name in PACKAGES}}

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Trained:
        """What was written, without the versions."""
        content = {name: value for name, value in manifest.items() if name != "versions"}
        made = content["classifier"]
        return cls(
            **content
            | {
                "classifier": AveragedClassifier.from_manifest(made) if made else None,
                "calibration": Calibration(**content["calibration"]),
                "model_quality": _quality(content["model_quality"]),
                "baseline_quality": _quality(content["baseline_quality"]),
                "check": CalibrationCheck(**content["check"]),
                "reliability": {
                    name: tuple(tuple(row) for row in rows) for name, rows in content["reliability"].items()
                },
            }
        )


def _quality(content: Mapping[str, Any] | None) -> Quality | None:
    return Quality(**content) if content else None


def train(
    snapshot_at: SnapshotAt,
    cutoffs_at: Callable[[pd.Timestamp], Sequence[pd.Timestamp]],
    as_of: pd.Timestamp,
    features: Sequence[Feature],
    config: TrainingConfig,
) -> Trained:
    """Learn from all closed snapshots, judge by a rehearsal, decide what is published.

    Args:
        snapshot_at: builds the snapshot of a cut-off, with labels.
        cutoffs_at: the closed cut-offs of a day, newest first.
        as_of: the day of the training.
        features: columns to use where they hold anything.
        config: settings.
    """
    # Training and rehearsal share snapshots.
    snapshot_at = cache(snapshot_at)
    snapshots = [snapshot_at(cutoff) for cutoff in cutoffs_at(as_of)]
    now = snapshot_at(as_of).features
    learnt = learn(snapshots, now, features, config)
    if isinstance(learnt, str):
        return _baseline_only(learnt, snapshots)
    newest = snapshots[0]
    rehearsal = _rehearse(snapshot_at, cutoffs_at, newest, features, config)
    judged = rehearsal if rehearsal is not None else chance(learnt.calibration(learnt.out_of_fold))
    model, baseline = measure(judged, newest.labels), measure(newest.baseline, newest.labels)
    reason = _verdict(judged, newest) if rehearsal is not None else "not_rehearsed"
    loses = reason == "worse_than_baseline"
    return Trained(
        published=BASELINE if loses else MODEL,
        reason=reason,
        classifier=learnt.classifier,
        calibration=learnt.calibration,
        reference=reference_of(newest.features[[feature.name for feature in learnt.classifier.features]]),
        dropped=learnt.dropped,
        calibrated_on=newest.cutoff.date().isoformat(),
        rows=learnt.rows,
        snapshots=learnt.snapshots,
        model_quality=model,
        baseline_quality=baseline,
        judged_by="rehearsal" if rehearsal is not None else "out_of_fold",
        check=check_calibration(newest.baseline if loses else judged, newest.labels),
        reliability={MODEL: _bins(judged, newest.labels), BASELINE: _bins(newest.baseline, newest.labels)},
        importance=_importance(learnt, newest.features),
    )


def _verdict(judged: Values, newest: Snapshot) -> str:
    """By the difference of squared errors, entity by entity."""
    differences = (judged - newest.labels) ** 2 - (newest.baseline - newest.labels) ** 2
    doubt = float(differences.std() / np.sqrt(len(differences)))
    if differences.mean() <= 0:
        return "better_than_baseline"
    return "level_with_baseline" if differences.mean() <= doubt else "worse_than_baseline"


def _baseline_only(reason: str, snapshots: list[Snapshot]) -> Trained:
    newest = snapshots[0] if snapshots and len(snapshots[0].labels) else None
    chances, labels = (newest.baseline, newest.labels) if newest else (np.zeros(0), np.zeros(0))
    return Trained(
        published=BASELINE,
        reason=reason,
        classifier=None,
        calibration=Calibration(),
        reference={},
        dropped={},
        calibrated_on=newest.cutoff.date().isoformat() if newest else None,
        rows=0,
        snapshots=0,
        model_quality=None,
        baseline_quality=measure(chances, labels) if newest else None,
        judged_by="rehearsal" if newest else "nothing",
        check=check_calibration(chances, labels),
        reliability={BASELINE: _bins(chances, labels)} if newest else {},
        importance={},
    )


def _bins(probabilities: Values, labels: Values) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in reliability(probabilities, labels).to_numpy())


def _importance(learnt: Learnt, rows: pd.DataFrame) -> dict[str, float]:
    """From two thousand entities at most, evenly taken: more change no digit that is shown."""
    sample = rows.iloc[:: max(1, len(rows) // 2000)]
    parts = learnt.classifier.contributions(sample).drop(columns="(base)") * learnt.calibration.slope
    sizes = parts.abs().mean().sort_values(ascending=False, kind="stable")
    return {str(name): float(size) for name, size in sizes.items()}


@dataclass(frozen=True)
class Learnt:
    """What was learnt from closed snapshots, not yet judged.

    Attributes:
        classifier, calibration, dropped, rows, snapshots: as `Trained` has them.
        out_of_fold: log-odds of the newest snapshot's entities, each by a classifier that has not seen it.
    """

    classifier: AveragedClassifier
    calibration: Calibration
    out_of_fold: Values
    dropped: dict[str, float]
    rows: int
    snapshots: int

    def chances(self, rows: pd.DataFrame) -> Values:
        """Calibrated chances of features as the snapshots have them."""
        return chance(self.calibration(self.classifier.log_odds(rows)))


def _rehearse(
    snapshot_at: SnapshotAt,
    cutoffs_at: Callable[[pd.Timestamp], Sequence[pd.Timestamp]],
    newest: Snapshot,
    features: Sequence[Feature],
    config: TrainingConfig,
) -> Values | None:
    """Chances of the newest closed snapshot as they would have been said on its day."""
    snapshots = [snapshot_at(cutoff) for cutoff in cutoffs_at(newest.cutoff)]
    learnt = learn(snapshots, newest.features, features, config)
    return None if isinstance(learnt, str) else learnt.chances(newest.features)


def learn(
    snapshots: list[Snapshot], now: pd.DataFrame, features: Sequence[Feature], config: TrainingConfig
) -> Learnt | str:
    """Return the classifier with its calibration, or the reason for which there is none.

    Args:
        snapshots: closed ones, newest first.
        now: features of the day on which it will be asked; guarded ones that changed since are left out.
        features: columns to use where they hold anything.
        config: settings.
    """
    used = [each for each in snapshots if len(each.labels)]
    if not used or used[0] is not snapshots[0]:
        return "no_closed_snapshot"
    newest = used[0]
    if sum(len(each.labels) for each in used) < config.least_rows:
        return "too_few_rows"
    total = np.cumsum([len(each.labels) for each in used])
    used = [each for each, rows in zip(used, total, strict=True) if rows <= config.most_rows or each is newest]
    rows = pd.concat([each.features for each in used])
    labels = np.concatenate([each.labels for each in used])
    happened = rows.index[labels == 1].nunique(), rows.index[labels == 0].nunique()
    if min(happened) < config.least_events:
        return "too_few_events"
    kept, dropped = _trusted(features, rows, newest.features, now)
    folds_of_rows = fold_numbers(rows.index, config.calibration_folds)
    folds = fold_numbers(newest.features.index, config.calibration_folds)
    out_of_fold = np.zeros(len(newest.labels))
    for fold in np.unique(folds):
        others = folds_of_rows != fold
        if not 0 < labels[others].sum() < others.sum():
            return "too_few_events"
        part = fit_classifier(rows[others], labels[others], kept, config.boosting)
        out_of_fold[folds == fold] = part.log_odds(newest.features[folds == fold])
    return Learnt(
        classifier=fit_classifier(rows, labels, kept, config.boosting),
        calibration=fit_calibration(out_of_fold, newest.labels),
        out_of_fold=out_of_fold,
        dropped=dropped,
        rows=len(rows),
        snapshots=len(used),
    )


def _trusted(
    features: Sequence[Feature], rows: pd.DataFrame, newest: pd.DataFrame, now: pd.DataFrame
) -> tuple[list[Feature], dict[str, float]]:
    """Features that say anything, without guarded ones whose values changed when the outcome came."""
    kept, dropped = [], {}
    for feature in features:
        if feature.name not in rows.columns or rows[feature.name].nunique(dropna=False) < 2:
            continue
        if feature.guarded:
            before = reference_of(newest[[feature.name]])[feature.name]
            moved = psi(before, now[feature.name])
            if moved is not None and level(moved, by_chance(before, len(now))) == "strong":
                dropped[feature.name] = moved
                continue
        kept.append(feature)
    return kept, dropped


def baseline_log_odds(probabilities: Values) -> Values:
    """The baseline as a feature: log-odds between -6 and 6."""
    return np.clip(log_odds(probabilities), -6.0, 6.0)
