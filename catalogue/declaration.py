"""The `meta` of dbt models and columns, as analysts write it: its keys and the form of their values.

Whether a declaration fits its model belongs in `catalogue.checks`; what comes of it in `catalogue.entries`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from catalogue.formats import Format
from catalogue.members import NamesOf
from catalogue.texts import Text, Words

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Role = Literal["administrator", "director", "manager", "analyst", "embedded_viewer"]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComparedWith(StrEnum):
    """Whose sum is the denominator of a rate."""

    SAME_ROW = "same_row"
    PREVIOUS_ROW = "previous_row"
    FIRST_ROW = "first_row"
    ALL_ROWS = "all_rows"


class FigureDeclared(_Declared):
    """A figure that is no column: its name, label, what it means, and how it is written."""

    name: Name
    label: Text
    description: Text
    format: Format


class RateDeclared(FigureDeclared):
    """A quotient of two sums, taken at display and empty on a denominator of zero or less.

    Attributes:
        compared_with: rows that the denominator is summed over.
        order: dimension by which rows follow each other, where one is compared with a neighbour.
        within: dimensions that neighbours and the whole share.
    """

    numerator: Name
    denominator: Name
    format: Format = Format.PERCENT
    compared_with: ComparedWith = ComparedWith.SAME_ROW
    order: Name | None = None
    within: tuple[Name, ...] = ()


class Function(StrEnum):
    """How an aggregate that does not add up is taken from the rows of a selection."""

    MEDIAN = "median"
    MIN = "min"
    MAX = "max"


class AggregateDeclared(FigureDeclared):
    """A figure that does not add up: it is taken from the rows of each selection anew.

    A median reads arrays with a value per record, so that it is exact over any selection.
    """

    column: Name
    function: Function


class ChartDeclared(_Declared):
    """The chart that a report is shown as first."""

    type: Literal["bar", "line", "pie", "funnel", "table"]
    x: Name
    figures: tuple[Name, ...] = Field(min_length=1)
    series: Name | None = None


class ListedValuesDeclared(_Declared):
    """A measure that keeps a value per record: the record's value, and the measure that says that it has one."""

    value: Name
    counted: Name


class ModelDeclared(_Declared):
    """What a model says of itself.

    Attributes:
        title: as readers see it.
        description_ru: the model's description in Russian.
        roles: who may read it; a model without roles is not offered to readers.
        time: the column that a period filters.
        filters: dimensions that a reader may filter by.
        one_of: dimension of which a reader always chooses one value, since its members count the same records.
        not_additive_over: dimensions across which the measures must not be added up.
        chart: shown first.
        rates: quotients of its measures.
        aggregates: figures that do not add up.
        records_of: the report whose records this view lists.
        listed_values: measures of that report that keep a value per record.
        changed_by: the kind of change that the model is rebuilt on; read by dbt alone.
    """

    title: Text | None = None
    description_ru: Words | None = None
    roles: tuple[Role, ...] = ()
    time: Name | None = None
    filters: tuple[Name, ...] = ()
    one_of: Name | None = None
    not_additive_over: tuple[Name, ...] = ()
    chart: ChartDeclared | None = None
    rates: tuple[RateDeclared, ...] = ()
    aggregates: tuple[AggregateDeclared, ...] = ()
    records_of: Name | None = None
    listed_values: dict[Name, ListedValuesDeclared] = Field(default_factory=dict)
    changed_by: Name | None = None

    @property
    def figures(self) -> tuple[FigureDeclared, ...]:
        """Return rates and aggregates."""
        return (*self.rates, *self.aggregates)


class ColumnDeclared(_Declared):
    """What a column says of itself.

    Attributes:
        kind: a measure adds up, a dimension groups and filters, values are an array with one per record.
        label: as readers see it.
        format: how values are written; text where nothing is said.
        description_ru: the column's description in Russian.
        members: what readers see instead of the column's coded values, or what of the catalogue these are names of.
        restated: whether it ought to stand still once its month is closed; read by the restatement log.
    """

    kind: Literal["dimension", "measure", "values"]
    label: Text
    format: Format = Format.TEXT
    description_ru: Words | None = None
    members: NamesOf | dict[str, Text] = Field(default_factory=dict)
    restated: bool = False
