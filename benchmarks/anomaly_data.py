"""Daily series of a made-up sales department with events put into them: drawn from a seed, labels included.

Each kind of series is drawn as counts or amounts are drawn in life, so that no detector's model is the generator's:
negative binomial counts, sums of log-normal deals, autocorrelated levels, heavy tails, shares of few leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.calendars import COUNTRIES, DayKind, day_kinds

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
KINDS = ("activity", "leads", "sales", "sales_heavy_tails", "wandering", "small_counts", "conversion")
EVENT_KINDS = ("spike", "drop", "outage", "soft_week")
DAYS = 546
"""Length of a series: eighteen months."""
SCORED_DAYS = 273
"""The newest nine months, whose events are to be found; what lies before is history, with events of its own."""
_FIRST_DAY = date(2024, 7, 1)
_METRICS = {
    "activity": "activity", "leads": "leads", "sales": "sales", "sales_heavy_tails": "sales", "wandering": "activity",
    "small_counts": "leads", "conversion": "conversion",
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """What was done to a series; days are numbers from its start, `last` included."""

    kind: str
    first: int
    last: int
    factor: float


@dataclass(frozen=True)
class Series:
    """One series with its truth.

    Attributes:
        name: its kind and number.
        metric: as which metric it is given to `detect_anomalies`.
        country: whose holidays lower it.
        days: one per value.
        values: the measure; of conversion the number of conversions.
        denominators: leads per day of conversion, NaN elsewhere.
        events: in the order of their days.
    """

    name: str
    metric: str
    country: str
    days: pd.DatetimeIndex
    values: Values
    denominators: Values
    events: tuple[Event, ...]

    @property
    def labels(self) -> Mask:
        """True on each day of an event."""
        found = np.zeros(len(self.values), dtype=bool)
        for event in self.events:
            found[event.first : event.last + 1] = True
        return found

    @property
    def observed(self) -> Values:
        """What a reader would plot: the value, of conversion the rate, 0 without leads."""
        if np.isnan(self.denominators).all():
            return self.values
        return np.divide(self.values, self.denominators, out=np.zeros(DAYS), where=self.denominators > 0)


def draw_series(per_kind: int, seed: int) -> list[Series]:
    """So many series of each of `KINDS`."""
    return [_draw(kind, number, seed) for kind in KINDS for number in range(per_kind)]


def _draw(kind: str, number: int, seed: int) -> Series:
    generator = np.random.default_rng([seed, KINDS.index(kind), number])
    days = pd.date_range(_FIRST_DAY, periods=DAYS, freq="D")
    country = COUNTRIES[number % len(COUNTRIES)]
    kinds = day_kinds([day.date() for day in days], country)
    mean = _shape(kind, days, kinds, generator)
    events = _events(kinds, generator)
    factors = np.ones(DAYS)
    for event in events:
        factors[event.first : event.last + 1] = event.factor
    values, denominators = _observe(kind, mean, factors, generator)
    return Series(f"{kind} {number}", _METRICS[kind], country, days, values, denominators, events)


def _shape(kind: str, days: pd.DatetimeIndex, kinds: NDArray[np.int64], generator: np.random.Generator) -> Values:
    """What is usual: a level with trend and a slow season of the year, weekdays, holidays; around 1."""
    weekdays = 1 + generator.uniform(-0.25, 0.25, 7)
    weekdays[5:] = generator.uniform(0.0, 0.25, 2) if generator.random() < 0.7 else generator.uniform(0.5, 1.3, 2)
    time = np.arange(DAYS) / 365
    level: Values = (1 + generator.uniform(-0.3, 0.5)) ** time
    level *= 1 + generator.uniform(0, 0.15) * np.sin(2 * np.pi * (time + generator.random()))
    if kind == "wandering":
        level *= np.exp(_autocorrelated(0.97, 0.15, generator))
    shape: Values = level * weekdays[np.arange(DAYS) % 7]
    free = generator.uniform(0.05, 0.4)
    shape[kinds == DayKind.HOLIDAY] *= free
    shape[kinds == DayKind.BRIDGE] *= generator.uniform(0.4, 0.9)
    shape[kinds == DayKind.AROUND] *= generator.uniform(0.8, 1.05)
    working_weekend = kinds == DayKind.WORKING_WEEKEND
    shape[working_weekend] = level[working_weekend]
    return shape


def _autocorrelated(memory: float, spread: float, generator: np.random.Generator) -> Values:
    shocks = generator.normal(0, spread * np.sqrt(1 - memory**2), DAYS)
    found = np.zeros(DAYS)
    for day in range(1, DAYS):
        found[day] = memory * found[day - 1] + shocks[day]
    return found


def _events(kinds: NDArray[np.int64], generator: np.random.Generator) -> tuple[Event, ...]:
    """Each kind once before the scored part and once in it, nowhere nearer than ten days to another."""
    taken = np.zeros(DAYS, dtype=bool)
    events: list[Event] = []
    for start, end, times in ((56, DAYS - SCORED_DAYS - 10, 1), (DAYS - SCORED_DAYS, DAYS - 10, 1)):
        for kind in EVENT_KINDS * times:
            event = _place(kind, start, end, taken, kinds, generator)
            if event is not None:
                taken[max(event.first - 10, 0) : event.last + 11] = True
                events.append(event)
    return tuple(sorted(events, key=lambda each: each.first))


def _place(
    kind: str, start: int, end: int, taken: Mask, kinds: NDArray[np.int64], generator: np.random.Generator
) -> Event | None:
    """A free place that starts on a working weekday; a soft week is Monday to Sunday and has no holiday."""
    length, factor = {
        "spike": (int(generator.integers(1, 3)), generator.uniform(1.6, 3.0)),
        "drop": (int(generator.integers(1, 4)), generator.uniform(0.2, 0.6)),
        "outage": (int(generator.integers(2, 6)), generator.uniform(0.0, 0.08)),
        "soft_week": (7, generator.uniform(0.6, 0.8)),
    }[kind]
    for _ in range(200):
        first = int(generator.integers(start, end - length))
        # The first day of the series is a Monday.
        first -= first % 7 if kind == "soft_week" else max(first % 7 - 4, 0)
        last = first + length - 1
        if first >= start and not taken[first : last + 1].any() and not kinds[first : last + 1].any():
            return Event(kind, first, last, float(factor))
    return None


def _observe(kind: str, mean: Values, factors: Values, generator: np.random.Generator) -> tuple[Values, Values]:
    nothing = np.full(DAYS, np.nan)
    if kind == "conversion":
        leads = generator.poisson(generator.uniform(15, 80) * mean).astype(float)
        chance = np.clip(generator.uniform(0.1, 0.3) * factors, 0, 0.95)
        return generator.binomial(leads.astype(int), chance).astype(float), leads
    if kind in ("sales", "sales_heavy_tails"):
        deals = generator.poisson(generator.uniform(4, 25) * mean * factors)
        spread = 0.5 if kind == "sales" else 1.0
        size = generator.uniform(500, 50_000)
        return np.array([round(generator.lognormal(0, spread, count).sum() * size, 2) for count in deals]), nothing
    level = generator.uniform(3, 8) if kind == "small_counts" else generator.uniform(25, 300)
    expected = level * mean * factors
    # Variance mean + mean^2 / size: between Poisson and clearly more than that.
    size = generator.uniform(15, 80)
    counts = generator.poisson(expected * generator.gamma(size, 1 / size, DAYS))
    return counts.astype(float), nothing
