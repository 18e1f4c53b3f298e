"""ClickHouse expressions for readers that write SQL: a figure over any selection of rows, a dimension in words."""

from __future__ import annotations

from clickhouse_connect.driver.binding import format_str, quote_identifier

from catalogue.declaration import ComparedWith, Function
from catalogue.entries import Aggregate, Column, Figure, Measure, Rate
from catalogue.texts import LanguageCode


def expression(figure: Figure) -> str:
    """Return an aggregate expression. Rates and medians are Float64 and NULL where they mean nothing.

    A rate that compares rows with each other needs them grouped by its order and by what they share.
    """
    if isinstance(figure, Measure):
        return f"sum({quote_identifier(figure.name)})"
    if isinstance(figure, Rate):
        return _rate(figure)
    return _aggregate(figure)


def members_expression(column: Column, language: LanguageCode) -> str | None:
    """Return what readers of a language see instead of the column's values; None where they see these."""
    said = {value: text.said_in(language) for value, text in column.members.items() if text.said_in(language) != value}
    if not said:
        return None
    name = quote_identifier(column.name)
    values, texts = (", ".join(map(format_str, part)) for part in (said.keys(), said.values()))
    return f"transform({name}, [{values}], [{texts}], {name})"


def _rate(rate: Rate) -> str:
    # Division of decimals would keep the numerator's two digits.
    numerator = f"toFloat64(sum({quote_identifier(rate.numerator)}))"
    denominator = f"toFloat64(sum({quote_identifier(rate.denominator)}))"
    # Of less than nothing there is no share: a plan that is exceeded leaves nothing to cover.
    return f"{numerator}{_scaled(rate.scale)} / nullIf(greatest({_compared(rate, denominator)}, 0), 0)"


def _compared(rate: Rate, denominator: str) -> str:
    if rate.compared_with is ComparedWith.SAME_ROW:
        return denominator
    parts = []
    if rate.within:
        parts.append("partition by " + ", ".join(f"any({quote_identifier(name)})" for name in rate.within))
    if rate.compared_with is ComparedWith.ALL_ROWS:
        return f"sum({denominator}) over ({' '.join(parts)})"
    parts.append(f"order by any({quote_identifier(rate.order or '')})")
    parts.append("rows between unbounded preceding and unbounded following")
    window = f"over ({' '.join(parts)})"
    if rate.compared_with is ComparedWith.FIRST_ROW:
        return f"first_value({denominator}) {window}"
    return f"lagInFrame(toNullable({denominator})) {window}"


def _aggregate(aggregate: Aggregate) -> str:
    column = quote_identifier(aggregate.column)
    if aggregate.function is Function.MEDIAN:
        # Of no values the median is not a number; readers are shown nothing then.
        median = f"arrayReduce('quantileExactInclusive(0.5)', groupArrayArray({column}))"
        return f"if(isNaN({median}), null, {median}{_scaled(aggregate.scale)})"
    return f"{aggregate.function.value}({column}){_scaled(aggregate.scale)}"


def _scaled(scale: float) -> str:
    return "" if scale == 1 else f" / {round(1 / scale)}" if scale < 1 else f" * {round(scale)}"
