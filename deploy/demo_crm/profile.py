"""What a demo company is made of: the shapes of a tenant's description.

The three companies themselves are in `companies`; turning a description into rows belongs in the generating modules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["open", "won", "lost"]
Language = Literal["ru", "en"]


@dataclass(frozen=True)
class StageProfile:
    """A stage as the company configured it; `probability` is the forecast probability in percent."""

    id: str
    name: str
    outcome: Outcome
    probability: int | None


@dataclass(frozen=True)
class PipelineProfile:
    """A pipeline: open stages first, then one or two won stages, then the lost one.

    Attributes:
        share: part of the company's deals, 0 to 1.
        win_rate: typical part of closed deals that is won, before managers, sources and customers differ.
        amount: median deal in the tenant's currency.
        spread: standard deviation of the log amount.
        cycle_days: median days from creation to close of a deal that passes all stages.
        repeat_only: whether only customers who bought before come here.
    """

    name: str
    stages: tuple[StageProfile, ...]
    share: float
    win_rate: float
    amount: float
    spread: float
    cycle_days: float
    repeat_only: bool = False


@dataclass(frozen=True)
class SourceProfile:
    """A lead source as typed by someone. `quality` scales the chance that a lead converts and that its deal is won."""

    name: str
    source_type: str | None
    share: float
    quality: float


@dataclass(frozen=True)
class DepartmentProfile:
    """A department; `managers` of 0 means that it only holds others. `parent` names another department."""

    name: str
    managers: int
    parent: str | None = None
    has_director: bool = True


@dataclass(frozen=True)
class CurrencyProfile:
    """A foreign currency in which part of the deals is made.

    Attributes:
        rate: units of the tenant's currency for one unit at the start of the history.
        volatility: standard deviation of the daily log change.
        share: part of the deals.
        gap_months_ago: start of a pause without rates of `gap_days` days, in months before as-of; None: no pause.
    """

    code: str
    rate: float
    volatility: float
    share: float
    gap_months_ago: int | None = None
    gap_days: int = 0


@dataclass(frozen=True)
class TenantProfile:
    """A company that uses the CRM.

    Attributes:
        share: part of all generated deals.
        months: length of its history before as-of.
        monthly_growth: growth of new business from month to month.
        season: weight of each calendar month in new business, January first.
        pace: factor on the days until a deal's next step in each calendar month; below 1 in the rush of a year's end.
        holidays: (month, day) on which nobody works.
        conversion: part of the leads that become a deal.
        rate_on_weekends: whether rates are published on Saturdays and Sundays too.
        language: what the company's people and most of its customers write.
        other_language_share: part of the customers that write the other language.
    """

    id: str
    name: str
    timezone: str
    currency: str
    locale: str
    share: float
    months: int
    monthly_growth: float
    season: tuple[float, ...]
    pace: tuple[float, ...]
    holidays: frozenset[tuple[int, int]]
    conversion: float
    pipelines: tuple[PipelineProfile, ...]
    sources: tuple[SourceProfile, ...]
    departments: tuple[DepartmentProfile, ...]
    language: Language
    other_language_share: float
    vocabulary: str
    currencies: tuple[CurrencyProfile, ...] = field(default=())
    rate_on_weekends: bool = False
