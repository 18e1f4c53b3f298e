"""How churn is defined and scored: one frozen object, checked once; nothing that depends on data."""

from __future__ import annotations

from dataclasses import dataclass, field

from ml_assets.probability.training import TrainingConfig

USUAL_SILENCE, FIXED = "usual_silence", "fixed"


@dataclass(frozen=True)
class ChurnConfig:
    """Settings of `train_churn`.

    Attributes:
        definition: `usual_silence`: a customer churns when silent for longer than is usual for that customer;
            `fixed`: when silent for `horizon_days` from the day of the score on, whoever it is.
        horizon_days: of the definition `fixed`.
        notice_days: a window is never shorter, so that there is time to act.
        longest_silence_days: no silence that is longer counts as usual.
        returning_share: the silence after which a customer counts as gone is so long that this share of the
            tenant's customers' pauses, each against that customer's usual one, ended earlier.
        forgotten_days: customers silent for longer are neither learnt from nor scored.
        medium_risk, high_risk, critical_risk: chances from which the level holds.
        currency: of the amounts, for texts only.
        most_reasons: named for a customer.
        training: settings shared with leads and deals.
    """

    definition: str = USUAL_SILENCE
    horizon_days: int = 90
    notice_days: int = 14
    longest_silence_days: int = 365
    returning_share: float = 0.9
    forgotten_days: int = 730
    medium_risk: float = 0.25
    high_risk: float = 0.5
    critical_risk: float = 0.75
    currency: str | None = None
    most_reasons: int = 3
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        """Raise `ValueError` with the setting, its value and what it may be."""
        if self.definition not in (USUAL_SILENCE, FIXED):
            raise ValueError(f"definition is {self.definition!r}: give {USUAL_SILENCE!r} or {FIXED!r}")
        for name in ("horizon_days", "notice_days", "longest_silence_days", "forgotten_days", "most_reasons"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least 1")
        if self.notice_days > self.longest_silence_days:
            raise ValueError(
                f"notice_days is {self.notice_days}: give at most longest_silence_days, {self.longest_silence_days}"
            )
        if not 0 < self.returning_share < 1:
            raise ValueError(f"returning_share is {self.returning_share}: give a share between 0 and 1, such as 0.9")
        if not 0 < self.medium_risk < self.high_risk < self.critical_risk < 1:
            raise ValueError(
                f"risk levels are {self.medium_risk}, {self.high_risk}, {self.critical_risk}: "
                "give three chances between 0 and 1, ascending"
            )
