"""What a difference between a replica's columns and the planned ones means."""

from __future__ import annotations

import pytest

from orchestration.extraction.drift import ColumnDrift, compare_columns, widens


@pytest.mark.parametrize(
    ("present", "planned"),
    [
        ("Int32", "Int64"),
        ("Int32", "Nullable(Int64)"),
        ("Nullable(Int32)", "Nullable(Int64)"),
        ("String", "Nullable(String)"),
        ("Decimal(4, 2)", "Decimal(10, 4)"),
        ("Decimal(4, 2)", "Decimal(6, 4)"),
        ("Nullable(Decimal(4, 2))", "Nullable(Decimal(38, 2))"),
    ],
)
def test_a_wider_type_holds_every_value_and_not_the_other_way_round(present: str, planned: str) -> None:
    assert widens(present, planned)
    assert not widens(planned, present)


@pytest.mark.parametrize(
    ("present", "planned"),
    [
        ("Decimal(10, 2)", "Decimal(10, 4)"),
        ("Decimal(10, 4)", "Decimal(12, 2)"),
        ("Int64", "String"),
        ("Int64", "Decimal(38, 2)"),
        ("Date32", "DateTime64(6, 'UTC')"),
        ("DateTime64(6, 'UTC')", "String"),
        ("Bool", "Int32"),
    ],
)
def test_another_type_is_no_wider_one(present: str, planned: str) -> None:
    assert not widens(present, planned)
    assert not widens(planned, present)


def test_every_difference_is_named_and_nothing_else() -> None:
    present = [
        ("same", "String"), ("amount", "Decimal(4, 2)"), ("gone", "Bool"), ("text", "Int64"), ("_row_hash", "String"),
        ("rate_on", "Date32"),
    ]  # fmt: skip
    planned = [
        ("new", "Nullable(String)"), ("text", "String"), ("same", "String"), ("amount", "Decimal(6, 2)"),
        ("_row_hash", "Int64"), ("rate_on", "Nullable(Date32)"),
    ]  # fmt: skip
    drifts = compare_columns(present, planned, fixed=("rate_on", None))
    assert [(drift.column, drift.kind) for drift in drifts] == [
        ("new", "added"),
        ("text", "incompatible"),
        ("amount", "widened"),
        ("_row_hash", "rebuilt"),
        ("rate_on", "rebuilt"),
        ("gone", "removed"),
    ]
    assert [drift.describe() for drift in drifts[:3]] == [
        "column new is new",
        "column text was Int64 and is now String",
        "column amount was Decimal(4, 2) and is now Decimal(6, 2)",
    ]
    assert drifts[-1].describe() == "column gone is no longer mapped"
    assert drifts[2] == ColumnDrift("amount", "widened", "Decimal(4, 2)", "Decimal(6, 2)")
    assert compare_columns(planned, planned, fixed=()) == ()
