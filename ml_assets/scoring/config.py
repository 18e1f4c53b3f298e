"""How leads and deals are scored: one frozen object, checked once; nothing that depends on data."""

from __future__ import annotations

from dataclasses import dataclass, field

from ml_assets.probability.training import TrainingConfig


@dataclass(frozen=True)
class ScoringConfig:
    """Settings of `train_leads` and `train_deals`.

    Attributes:
        horizon_days: the event counts when it comes within so many days; none: as long as `covered_share` of the
            tenant's conversions, or wins, took since creation, within the bounds.
        covered_share: see above.
        shortest_horizon_days, longest_horizon_days: bounds of that choice.
        high_share, medium_share: the part of today's open entities with the highest chances that is of high priority,
            and the part that is at least of medium.
        currency: of the amounts, for texts only.
        most_reasons: named for a lead or deal.
        training: settings shared with churn.
    """

    horizon_days: int | None = None
    covered_share: float = 0.9
    shortest_horizon_days: int = 14
    longest_horizon_days: int = 180
    high_share: float = 0.2
    medium_share: float = 0.5
    currency: str | None = None
    most_reasons: int = 3
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(most_snapshots=12))

    def __post_init__(self) -> None:
        """Raise `ValueError` with the setting, its value and what it may be."""
        if self.horizon_days is not None and self.horizon_days < 1:
            raise ValueError(f"horizon_days is {self.horizon_days}: give at least 1, or none to let the data choose")
        if not 1 <= self.shortest_horizon_days <= self.longest_horizon_days:
            raise ValueError(
                f"the horizon's bounds are {self.shortest_horizon_days} and {self.longest_horizon_days}: "
                "give days of at least 1, ascending"
            )
        if not 0 < self.covered_share < 1:
            raise ValueError(f"covered_share is {self.covered_share}: give a share between 0 and 1, such as 0.9")
        if not 0 < self.high_share < self.medium_share < 1:
            raise ValueError(
                f"priorities take {self.high_share} and {self.medium_share}: give two shares between 0 and 1, ascending"
            )
        if self.most_reasons < 1:
            raise ValueError(f"most_reasons is {self.most_reasons}: give at least 1")
