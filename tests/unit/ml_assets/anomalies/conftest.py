"""A tenant with two departments of seven managers each, drawn once, and ways to spoil its days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ml_assets.anomalies import AnomalyConfig

# A Thursday without a holiday near it.
AS_OF = date(2026, 4, 16)
DAYS = 280
Spoil = Callable[[pd.DataFrame], None]


@pytest.fixture(scope="session")
def quick() -> AnomalyConfig:
    """Smaller forests than usual; the rest is as published."""
    return AnomalyConfig(country="ru", currency="RUB", trees=15)


@pytest.fixture(scope="session")
def as_of() -> date:
    return AS_OF


@pytest.fixture(scope="session")
def wide() -> pd.DataFrame:
    """Activities by day (index) and manager (columns `a0` to `b6`): Poisson, a quiet weekend, no trouble."""
    generator = np.random.default_rng(11)
    days = pd.date_range(AS_OF - timedelta(days=DAYS), AS_OF - timedelta(days=1))
    weekdays = np.where([day.weekday() < 5 for day in days], 1.0, 0.1)
    managers = [f"{department}{number}" for department in "ab" for number in range(7)]
    drawn = {name: generator.poisson(20 * weekdays).astype(float) for name in managers}
    return pd.DataFrame(drawn, index=days)


@pytest.fixture(scope="session")
def long() -> Callable[..., pd.DataFrame]:
    """Turn such a table into measures: managers if asked, departments, total."""

    def melted(table: pd.DataFrame, metric: str = "activity", *, managers: bool = True) -> pd.DataFrame:
        rows = table.melt(ignore_index=False, var_name="member", value_name="value").rename_axis("day").reset_index()
        rows = rows.assign(dimension="manager", parent=rows["member"].str[0], name="M. " + rows["member"])
        departments = rows.groupby(["parent", "day"], as_index=False)["value"].sum()
        departments = departments.rename(columns={"parent": "member"}).assign(dimension="department")
        total = rows.groupby("day", as_index=False)["value"].sum().assign(dimension="total", member="")
        parts = [rows, departments, total] if managers else [total]
        found: pd.DataFrame = pd.concat(parts, ignore_index=True).assign(tenant_id="t", metric=metric)
        return found

    return melted
