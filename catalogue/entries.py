"""What the catalogue holds: marts with their dimensions, measures, rates and aggregates, and views of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalogue.declaration import ChartDeclared, ComparedWith, Function, ListedValuesDeclared, Role
from catalogue.formats import Format
from catalogue.members import Members
from catalogue.texts import LanguageCode, Text


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a mart.

    Attributes:
        name: of the column.
        data_type: ClickHouse type.
        label: as readers see it.
        description: what it means.
        format: how values are written.
        members: what readers see instead of a value, by value; a value that is not there they see as it is.
    """

    name: str
    data_type: str
    label: Text
    description: Text | None
    format: Format
    members: Members = field(default_factory=dict)

    def said(self, value: str, language: LanguageCode) -> str:
        """Return what readers of a language see instead of a value."""
        return self.members[value].said_in(language) if value in self.members else value


class Dimension(Column):
    """A column that groups and filters."""

    __slots__ = ()


class Measure(Column):
    """A column whose values add up over rows."""

    __slots__ = ()


class Values(Column):
    """A column that keeps a value per record, for aggregates that need each of them."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """A quotient of two sums, taken at display.

    Attributes:
        numerator: measure above the line.
        denominator: measure below it.
        scale: factor from the unit of the numerator to that of the rate: 1/86400 for days from seconds.
        compared_with: rows that the denominator is summed over.
        order: dimension by which rows follow each other.
        within: dimensions that neighbours and the whole share.
    """

    name: str
    label: Text
    description: Text
    format: Format
    numerator: str
    denominator: str
    scale: float
    compared_with: ComparedWith
    order: str | None
    within: tuple[str, ...]

    def of(self, numerator: float, denominator: float | None) -> float | None:
        """Return the quotient of two sums, None on a denominator that is not there, zero or below it."""
        return float(numerator) * self.scale / float(denominator) if denominator and denominator > 0 else None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A figure that does not add up.

    Attributes:
        column: that it is taken from.
        function: how.
        scale: factor from the unit of the column to that of the figure.
    """

    name: str
    label: Text
    description: Text
    format: Format
    column: str
    function: Function
    scale: float


Figure = Measure | Rate | Aggregate


@dataclass(frozen=True, slots=True)
class RecordView:
    """The view that lists what each record adds to the figures of a report.

    Attributes:
        name: of the view.
        report: mart that sums it.
        title: as readers see it.
        database: where it lies, in the target that the manifest was parsed for.
        dimensions: by name.
        measures: by name.
        listed: measures of the mart that keep a value per record, by name.
    """

    name: str
    report: str
    title: Text
    database: str
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]
    listed: Mapping[str, ListedValuesDeclared]


@dataclass(frozen=True, slots=True)
class Mart:
    """A mart that readers are offered.

    Attributes:
        name: of the model and its table.
        database: where it lies, in the target that the manifest was parsed for.
        folder: of the model below `models`, for example marts/reports.
        title: as readers see it.
        description: what its rows are.
        roles: who may read it.
        time: dimension that a period filters, if the mart has one.
        filters: dimensions that a reader may filter by.
        one_of: dimension of which a reader always chooses one value.
        not_additive_over: dimensions across which the measures must not be added up.
        chart: shown first, if one is declared.
        dimensions: by name, in the order of the columns.
        measures: by name, in the order of the columns.
        values: by name.
        rates: by name.
        aggregates: by name.
        records: the view behind its figures, if there is one.
    """

    name: str
    database: str
    folder: str
    title: Text
    description: Text
    roles: tuple[Role, ...]
    time: str | None
    filters: tuple[str, ...]
    one_of: str | None
    not_additive_over: tuple[str, ...]
    chart: ChartDeclared | None
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]
    values: Mapping[str, Values]
    rates: Mapping[str, Rate]
    aggregates: Mapping[str, Aggregate]
    records: RecordView | None

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Return measures, rates and aggregates by name."""
        return {**self.measures, **self.rates, **self.aggregates}

    @property
    def columns(self) -> Mapping[str, Column]:
        """Return the columns of the table by name: dimensions, measures and values."""
        return {**self.dimensions, **self.measures, **self.values}

    def label(self, name: str) -> Text:
        """Return the label of a dimension or a figure."""
        return (self.dimensions[name] if name in self.dimensions else self.figures[name]).label


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that readers are offered.

    Attributes:
        marts: by name; those without roles are left out.
        record_views: by the report that they explain.
    """

    marts: Mapping[str, Mart]
    record_views: Mapping[str, RecordView]
