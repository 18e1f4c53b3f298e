"""The classifier: logistic regression and small boosted trees on the same features, averaged on the log-odds.

Both parts say why: a line has its coefficients, trees have their exact Shapley values (TreeSHAP, which LightGBM
computes), and on the log-odds the two add up. Correcting the level belongs in `calibration`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from ml_assets.probability.calibration import log_odds
from ml_assets.probability.snapshots import Values

# A category's rate counts for itself only against this many rows of the whole's.
_CATEGORY_PRIOR = 20.0
_FOLDS = 4
_UNKNOWN = "(none)"


@dataclass(frozen=True)
class Feature:
    """A column of a snapshot.

    Attributes:
        name: of the column.
        kind: numbers are used as they are; a category becomes the log-odds of its rate, unseen ones the whole's.
        in_trees: false where values keep growing past those of training: a line extrapolates, trees do not.
        guarded: today's value and not the one at the cut-off. Used only where open entities look as closed ones did:
            a field that is filled in because of the outcome gives itself away by its drift.
    """

    name: str
    kind: Literal["number", "category"] = "number"
    in_trees: bool = True
    guarded: bool = False


@dataclass(frozen=True)
class BoostingConfig:
    """Settings of both parts.

    Attributes:
        leaves, learning_rate, trees: of the boosting.
        least_leaf: rows that a leaf needs: this share of all, between 20 and 200.
        penalty: inverse strength of the line's ridge penalty, on standardised features.
        tree_share: weight of the trees in the average.
        seed: of everything that is drawn.
    """

    leaves: int = 8
    learning_rate: float = 0.03
    trees: int = 200
    least_leaf: float = 0.005
    penalty: float = 1.0
    tree_share: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise `ValueError` with the setting, its value and what it may be."""
        if self.leaves < 2 or self.trees < 1 or not 0 < self.learning_rate <= 1:
            raise ValueError(
                f"leaves {self.leaves}, trees {self.trees}, learning_rate {self.learning_rate}: "
                "give at least 2 leaves, 1 tree and a rate above 0 and up to 1"
            )
        if not 0 <= self.tree_share <= 1 or self.penalty <= 0 or not 0 < self.least_leaf < 1:
            raise ValueError(
                f"tree_share {self.tree_share}, penalty {self.penalty}, least_leaf {self.least_leaf}: "
                "give shares between 0 and 1 and a penalty above 0"
            )


@dataclass(frozen=True)
class Encoding:
    """Numbers for the values of a category: log-odds of its rate, and what an unseen value gets."""

    values: Mapping[str, float]
    otherwise: float

    def __call__(self, column: pd.Series) -> Values:
        """Encode; empty values are a category of their own."""
        return np.array([self.values.get(value, self.otherwise) for value in _texts(column)], dtype=float)


@dataclass(frozen=True)
class AveragedClassifier:
    """A fitted classifier; everything in it can be written as JSON."""

    features: tuple[Feature, ...]
    encodings: Mapping[str, Encoding]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    trees: str
    tree_share: float
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _tree_names(self) -> list[str]:
        return [feature.name for feature in self.features if feature.in_trees]

    @property
    def _booster(self) -> lightgbm.Booster:
        if "booster" not in self._cache:
            self._cache["booster"] = lightgbm.Booster(model_str=self.trees)
        result: lightgbm.Booster = self._cache["booster"]
        return result

    def log_odds(self, rows: pd.DataFrame) -> Values:
        """Of each row, before calibration."""
        numbers = encode(rows, self.features, self.encodings)
        line = self.intercept + self._standardised(numbers) @ np.array(self.coefficients)
        result: Values = (1 - self.tree_share) * line + self.tree_share * self._from_trees(numbers)
        return result

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to a row's log-odds, against the mean row of training; with the base they add up."""
        numbers = encode(rows, self.features, self.encodings)
        parts = (1 - self.tree_share) * self._standardised(numbers) * np.array(self.coefficients)
        found = pd.DataFrame(parts, index=rows.index, columns=[feature.name for feature in self.features])
        found["(base)"] = (1 - self.tree_share) * self.intercept
        if self._tree_names and self.tree_share and len(rows):
            shapley = self._predicted(numbers, pred_contrib=True) * self.tree_share
            for position, name in enumerate([*self._tree_names, "(base)"]):
                found[name] += shapley[:, position]
        return found

    def _standardised(self, numbers: pd.DataFrame) -> Values:
        scaled = (numbers.to_numpy(dtype=float) - np.array(self.means)) / np.array(self.deviations)
        # Where nothing is known the line says what is usual; beyond six deviations it is not to be trusted further.
        result: Values = np.clip(np.nan_to_num(scaled, nan=0.0), -6.0, 6.0)
        return result

    def _from_trees(self, numbers: pd.DataFrame) -> Values:
        if not self._tree_names or not self.tree_share or not len(numbers):
            return np.zeros(len(numbers))
        return self._predicted(numbers, raw_score=True)

    def _predicted(self, numbers: pd.DataFrame, **kind: bool) -> Values:
        found: Values = np.asarray(
            self._booster.predict(numbers[self._tree_names].to_numpy(dtype=float), num_threads=1, **kind), dtype=float
        )
        return found

    def to_manifest(self) -> dict[str, Any]:
        """JSON values; `from_manifest` gives the same classifier back."""
        return {
            "features": [
                {"name": each.name, "kind": each.kind, "in_trees": each.in_trees, "guarded": each.guarded}
                for each in self.features
            ],
            "encodings": {
                name: {"values": dict(each.values), "otherwise": each.otherwise}
                for name, each in self.encodings.items()
            },
            "means": list(self.means),
            "deviations": list(self.deviations),
            "coefficients": list(self.coefficients),
            "intercept": self.intercept,
            "trees": self.trees,
            "tree_share": self.tree_share,
        }

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> AveragedClassifier:
        """The classifier that was written."""
        return cls(
            features=tuple(Feature(**each) for each in manifest["features"]),
            encodings={name: Encoding(**each) for name, each in manifest["encodings"].items()},
            means=tuple(manifest["means"]),
            deviations=tuple(manifest["deviations"]),
            coefficients=tuple(manifest["coefficients"]),
            intercept=manifest["intercept"],
            trees=manifest["trees"],
            tree_share=manifest["tree_share"],
        )


def fit_classifier(
    rows: pd.DataFrame, labels: Values, features: Sequence[Feature], config: BoostingConfig
) -> AveragedClassifier:
    """Learn from rows of any number of snapshots; the index names the entity, which may be in several.

    Raises:
        ValueError: the labels are all alike.
    """
    if not 0 < labels.sum() < len(labels):
        raise ValueError(f"all {len(labels)} labels are alike: there is nothing to learn")
    encodings = {
        feature.name: _encoding(rows[feature.name], labels) for feature in features if feature.kind == "category"
    }
    numbers = _encoded_for_training(rows, labels, features, encodings)
    matrix = numbers.to_numpy(dtype=float)
    with np.errstate(all="ignore"):
        known = np.isfinite(matrix).any(axis=0)
        means = np.where(known, np.nanmean(np.where(known, matrix, 0.0), axis=0), 0.0)
        deviations = np.where(known, np.nanstd(np.where(known, matrix, 0.0), axis=0), 1.0)
    deviations = np.where(deviations > 1e-9, deviations, 1.0)
    scaled = np.clip(np.nan_to_num((matrix - means) / deviations, nan=0.0), -6.0, 6.0)
    line = LogisticRegression(C=config.penalty, max_iter=1000).fit(scaled, labels)
    names = [feature.name for feature in features if feature.in_trees]
    return AveragedClassifier(
        features=tuple(features),
        encodings=encodings,
        means=tuple(map(float, means)),
        deviations=tuple(map(float, deviations)),
        coefficients=tuple(map(float, line.coef_[0])),
        intercept=float(line.intercept_[0]),
        trees=_fit_trees(numbers[names].to_numpy(dtype=float), labels, config) if names else "",
        tree_share=config.tree_share if names else 0.0,
    )


def _fit_trees(matrix: Values, labels: Values, config: BoostingConfig) -> str:
    settings = {
        "objective": "binary", "num_leaves": config.leaves, "learning_rate": config.learning_rate,
        "min_data_in_leaf": int(np.clip(len(labels) * config.least_leaf, 20, 200)), "lambda_l2": 1.0,
        "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.8, "max_bin": 127, "verbosity": -1,
        "seed": config.seed, "deterministic": True, "force_row_wise": True, "num_threads": 1,
    }  # fmt: skip
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix, labels), num_boost_round=config.trees)
    return str(booster.model_to_string())


def encode(rows: pd.DataFrame, features: Sequence[Feature], encodings: Mapping[str, Encoding]) -> pd.DataFrame:
    """Numbers only, in the features' order; infinite values count as unknown."""
    columns = {
        feature.name: encodings[feature.name](rows[feature.name])
        if feature.kind == "category"
        else _finite(rows[feature.name])
        for feature in features
    }
    return pd.DataFrame(columns, index=rows.index)


def fold_numbers(entities: pd.Index, folds: int = _FOLDS) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A fold per entity that depends on its id alone: the same in every snapshot, run and process."""
    return np.array([zlib.crc32(str(entity).encode()) % folds for entity in entities], dtype=np.int64)


def _encoded_for_training(
    rows: pd.DataFrame, labels: Values, features: Sequence[Feature], encodings: Mapping[str, Encoding]
) -> pd.DataFrame:
    """A row's category is encoded from the entities of other folds: from its own label it would learn the answer."""
    numbers = encode(rows, features, encodings)
    folds = fold_numbers(rows.index) if encodings else np.zeros(len(rows), dtype=np.int64)
    for name in encodings:
        column = numbers[name].to_numpy().copy()
        for fold in np.unique(folds):
            inside = folds == fold
            if not inside.all():
                column[inside] = _encoding(rows.loc[~inside, name], labels[~inside])(rows.loc[inside, name])
        numbers[name] = column
    return numbers


def _encoding(column: pd.Series, labels: Values) -> Encoding:
    rate = float(np.clip(labels.mean(), 1e-3, 1 - 1e-3)) if len(labels) else 0.5
    grouped = pd.DataFrame({"value": _texts(column), "label": labels}).groupby("value")["label"]
    rates = (grouped.sum() + _CATEGORY_PRIOR * rate) / (grouped.count() + _CATEGORY_PRIOR)
    odds = log_odds(rates.to_numpy(dtype=float))
    return Encoding(
        values={str(name): float(value) for name, value in zip(rates.index, odds, strict=True)},
        otherwise=float(log_odds(np.array([rate]))[0]),
    )


def _texts(column: pd.Series) -> list[str]:
    return [_UNKNOWN if pd.isna(value) else str(value) for value in column]


def _finite(column: pd.Series) -> Values:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    return np.where(np.isfinite(values), values, np.nan)
