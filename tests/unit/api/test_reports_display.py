"""What a person reads: rates from sums, both languages, no figure cut off."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import cast

import pytest
from clickhouse_connect.driver.client import Client
from rich.console import Console

from api.reports.console import draw
from api.reports.language import Language, load_language
from api.reports.standard import INPUTS, first_of_month, read_reports
from api.reports.table import Column, ReportTable
from api.reports.tenants import Tenant
from catalogue.formats import Format
from catalogue.texts import LanguageCode

TABLE = ReportTable(
    title="Sales",
    scope="",
    columns=(
        Column("Manager", Format.TEXT),
        Column("Deals", Format.COUNT),
        Column("Sales", Format.MONEY),
        Column("Rate", Format.PERCENT),
        Column("Days", Format.NUMBER),
        Column("Shift", Format.RATIO),
    ),
    rows=(
        ("(none)", 1234, Decimal("1234567.80"), 0.256, 12.34, 0.254),
        ("A very long name of a manager", 0, Decimal(0), None, None, None),
    ),
    total=("Total", 1234, Decimal("1234567.80"), None, None, None),
)


@pytest.fixture(params=["en", "ru"])
def language(request: pytest.FixtureRequest) -> Language:
    return load_language(request.param)


def drawn(code: LanguageCode, width: int) -> str:
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(draw(TABLE, "RUB", load_language(code)))
    return capture.get().replace("\u00a0", " ").replace("\u202f", " ")


def test_a_rate_is_empty_on_a_zero_denominator(language: Language) -> None:
    attainment = language.catalogue.marts["sales_by_month"].rates["attainment"]
    assert attainment.of(1, 0) is None
    assert attainment.of(1, 4) == 0.25


def test_months_count_back_over_the_turn_of_the_year() -> None:
    assert first_of_month(date(2026, 2, 28), 2) == date(2025, 12, 1)
    assert first_of_month(date(2026, 12, 31)) == date(2026, 12, 1)


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    english, russian = drawn("en", 120), drawn("ru", 120)
    assert "1,234,567.80" in english
    assert "25.6%" in english
    assert "0.25 " in english
    assert "1 234 567,80" in russian
    assert "25,6 %" in russian
    assert "0,25 " in russian
    assert "(none)" in english
    assert "(нет)" in russian


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_figure_is_cut_in_a_narrow_terminal(width: int) -> None:
    shown = drawn("en", width)
    assert shown.count("1,234,567.80") == 2
    assert "…" not in shown


def test_every_column_of_every_report_has_a_label(language: Language) -> None:
    for mart in INPUTS:
        assert language.title(mart)
        assert all(language.label(mart, name) for name in language.catalogue.marts[mart].figures)


def test_a_report_without_its_inputs_says_so_and_reads_nothing(language: Language) -> None:
    tenant = Tenant("acme", "Acme", "en", "EUR", "Europe/Berlin", date(2026, 3, 1))
    nowhere = cast(Client, None)
    tables = list(read_reports(nowhere, tenant, language, frozenset({"leads", "deals", "activities"})))
    assert len(tables) == 5
    for table in tables:
        assert table.rows == ()
        assert table.note is not None
        assert "leads" in table.note or "deals" in table.note or "activities" in table.note
