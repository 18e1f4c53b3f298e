"""The comparison of the judge's rows with a mart's rows, without any database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from tests.judge.compare import REPORTS, Difference, Row, Value, compare_report, format_differences

SAMPLES: dict[str, Value] = {
    "day": date(2026, 3, 1),
    "month": date(2026, 3, 1),
    "is_future": False,
    "is_mature": True,
    "stage_position": 10,
    "won_amount_base": Decimal("10.00"),
    "amount_base": Decimal("10.00"),
    "seconds_in_stage_values": (3, 4),
}


def row(report: str, **columns: Value) -> Row:
    """Return a row of a report: text dimensions are their own names, counts are 1, the rest as sampled."""
    measures = REPORTS[report].measures
    named = {name: SAMPLES.get(name, 1 if name in measures else name) for name in REPORTS[report].names}
    assert set(columns) <= set(named)
    return tuple((named | columns).values())


def changed(value: Value) -> Value:
    """Return another value of the same type."""
    change: dict[type, Callable[..., Value]] = {
        str: lambda text: f"{text}!",
        bool: lambda flag: not flag,
        int: lambda number: number + 1,
        Decimal: lambda money: money + Decimal("0.01"),
        date: lambda day: day.replace(day=2),
        tuple: lambda values: (*values[:-1], values[-1] + 1),
    }
    return change[type(value)](value)


@pytest.mark.parametrize("report", REPORTS)
def test_equal_rows_in_any_order_have_no_differences(report: str) -> None:
    rows = [row(report), row(report, day=None, month=None)]

    assert compare_report(report, rows, list(reversed(rows))) == []


CELLS = [(report, column) for report, columns in REPORTS.items() for column in (*columns.attributes, *columns.measures)]


@pytest.mark.parametrize(("report", "column"), CELLS)
def test_every_cell_is_compared(report: str, column: str) -> None:
    expected = dict(zip(REPORTS[report].names, row(report), strict=True))[column]
    actual = changed(expected)

    differences = compare_report(report, [row(report)], [row(report, **{column: actual})])

    assert [(found.column, found.expected, found.actual) for found in differences] == [(column, expected, actual)]
    assert differences[0].tenant_id == "tenant_id"


@pytest.mark.parametrize(
    ("report", "column"), [(name, column) for name, spec in REPORTS.items() for column in spec.key]
)
def test_every_dimension_is_part_of_the_grain(report: str, column: str) -> None:
    expected = dict(zip(REPORTS[report].names, row(report), strict=True))[column]

    differences = compare_report(report, [row(report)], [row(report, **{column: changed(expected)})])

    assert sorted(found.kind for found in differences) == ["missing row", "unexpected row"]


def test_rows_of_one_key_add_up_on_both_sides() -> None:
    split = [row("sales_by_month", won_amount_base=Decimal(part)) for part in ("10.10", "0.05")]
    whole_without_counts = {"deals_without_amount": 2, "deals_without_rate": 2}
    whole = [row("sales_by_month", won_amount_base=Decimal("10.15"), won_deals=2, **whole_without_counts)]

    assert compare_report("sales_by_month", split, whole) == []
    assert compare_report("sales_by_month", whole, split) == []


def test_zero_row_adds_nothing_to_a_key_that_has_figures() -> None:
    zero = row("leads_by_source", leads=0, duplicate_leads=0)

    assert compare_report("leads_by_source", [row("leads_by_source"), zero], [row("leads_by_source")]) == []


def test_missing_zero_row_is_a_difference() -> None:
    zero = row("leads_by_source", leads=0, duplicate_leads=0)

    assert [found.kind for found in compare_report("leads_by_source", [zero], [])] == ["missing row"]


def test_arrays_are_compared_as_sorted_values_of_all_rows() -> None:
    counts = dict.fromkeys(REPORTS["sales_funnel"].measures, 2) | {"amount_base": Decimal("20.00")}
    whole = row("sales_funnel", **counts | {"seconds_in_stage_values": (9, 1, 5)})
    parts = [row("sales_funnel", seconds_in_stage_values=values) for values in ((5,), (1, 9))]

    assert compare_report("sales_funnel", [whole], parts) == []
    assert len(compare_report("sales_funnel", [whole], [row("sales_funnel", **counts)])) == 1


def test_absent_measure_is_not_zero() -> None:
    absent = row("leads_by_source", leads=None)

    differences = compare_report("leads_by_source", [row("leads_by_source", leads=0)], [absent])
    assert [(found.column, found.expected, found.actual) for found in differences] == [("leads", 0, None)]
    summed = compare_report("leads_by_source", [row("leads_by_source", leads=2, duplicate_leads=2)], [absent, absent])
    assert [found.column for found in summed] == ["leads"]
    partly = [row("leads_by_source"), absent]
    assert compare_report("leads_by_source", [row("leads_by_source", leads=1, duplicate_leads=2)], partly) != []


def test_two_names_of_one_key_are_a_difference() -> None:
    renamed = row("leads_by_source", leads=0, duplicate_leads=0, manager_name="Anna")

    differences = compare_report("leads_by_source", [row("leads_by_source")], [row("leads_by_source"), renamed])

    assert len(differences) == 1
    assert "manager_name" in str(differences[0].column)
    assert "Anna" in str(differences[0].actual)


def test_missing_row_carries_the_expected_figures() -> None:
    (difference,) = compare_report("leads_by_source", [row("leads_by_source", leads=7)], [])

    assert difference.kind == "missing row"
    assert str(difference) == (
        "leads_by_source: missing row at tenant_id=tenant_id day=2026-03-01 source_id=source_id "
        "department_id=department_id manager_id=manager_id: leads=7 duplicate_leads=1"
    )


def test_unknown_report_is_refused() -> None:
    with pytest.raises(KeyError, match="sales_by_week"):
        compare_report("sales_by_week", [], [])


def test_differences_read_as_lines_with_a_total() -> None:
    days = [date(2026, 3, number) for number in range(1, 10)]
    expected = [row("leads_by_source", day=day) for day in days]
    actual = [row("leads_by_source", day=day, leads=5) for day in days]

    lines = format_differences(compare_report("leads_by_source", expected, actual), limit=2).splitlines()

    assert lines == [
        "9 differences (leads: 9)",
        "leads_by_source: leads at tenant_id=tenant_id day=2026-03-01 source_id=source_id "
        "department_id=department_id manager_id=manager_id: expected 1, actual 5",
        "leads_by_source: leads at tenant_id=tenant_id day=2026-03-02 source_id=source_id "
        "department_id=department_id manager_id=manager_id: expected 1, actual 5",
        "... and 7 more",
    ]


def test_no_differences_read_as_such() -> None:
    assert format_differences([]) == "no differences"


def test_empty_values_are_printed_as_null() -> None:
    difference = Difference("sales_by_month", (("tenant_id", "acme"), ("day", None)), "won_deals", 1, None)

    assert str(difference) == "sales_by_month: won_deals at tenant_id=acme day=NULL: expected 1, actual NULL"
