"""Money is rounded to cents without breaking the sum of the parts."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from orchestration.ml.sales import exact_cents
from orchestration.ml.store import cents


def test_parts_sum_to_the_whole_after_rounding() -> None:
    parts = [1 / 3, 1 / 3, 1 / 3, 0.0, 0.005, 2.675]
    rows = [("tenant", sum(parts))] + [("manager", part) for part in parts]
    frame = pd.DataFrame(
        [
            {"dimension": dimension, "month": 1, "confidence": 0.95, "point": point, "lower": point, "upper": point,
             "is_published": True}
            for dimension, point in rows
        ]
    )  # fmt: skip
    rounded = exact_cents(frame)
    members = [cents(value) for value in rounded.loc[rounded["dimension"] == "manager", "point"]]
    assert sum(members) == cents(rounded["point"].iloc[0])
    assert members[3] == Decimal("0.00")
    assert max(abs(float(cent) - part) for cent, part in zip(members, parts, strict=True)) <= 0.01
    assert (rounded["lower"] <= rounded["point"]).all() and (rounded["point"] <= rounded["upper"]).all()


def test_an_amount_that_no_column_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit into an amount of money"):
        cents(1e16)
