"""The mapping file: how one kind of CRM fills the canonical tables, read from YAML and checked without a database.

Every rule that needs only the file and `canonical` is checked here. What needs the CRM's columns and types belongs in
`source_catalog` and `select`.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalColumn, CanonicalTable
from orchestration.extraction.errors import ExtractionError, first_line

SHIPPED_MAPPINGS = Path(__file__).resolve().parent.parent / "sources"
_REPOSITORY = SHIPPED_MAPPINGS.parent.parent


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone of the IANA list, such as Europe/Moscow") from None
    return name


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("may not contain the NUL character, which PostgreSQL cannot hold")
    return text


TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_no_nul)]
Text = Annotated[StrictStr, AfterValidator(_no_nul)]
Scalar = StrictBool | StrictInt | StrictFloat | Text | date | None
"""A value as YAML spells it; None is SQL's NULL."""


class ColumnExpression(_Model):
    """A source column, optionally read in a time zone of its own or translated value by value.

    `values` translates the column's text form; a value that is not listed fails the load. A key of null says what an
    empty source column becomes; without it, empty stays empty.
    """

    column: Name
    timezone: TimeZone | None = None
    values: dict[Scalar, Scalar] | None = None


class LiteralExpression(_Model):
    """The same value in every row."""

    literal: Scalar


class ConcatExpression(_Model):
    """Texts joined without a separator; an empty part adds nothing."""

    concat: list[Expression] = Field(min_length=1)


class CoalesceExpression(_Model):
    """The first value that is not empty."""

    coalesce: list[Expression] = Field(min_length=1)


class CastTarget(_Model):
    """A source column and the kind to read it as.

    `decimal(18,2)` rounds half away from zero to two digits: the one way to let a figure be rounded.
    """

    column: Name
    to: Annotated[str, Field(pattern=r"^(text|integer|decimal|timestamp|date|boolean|decimal\(\d{1,2}, ?\d{1,2}\))$")]
    timezone: TimeZone | None = None


class CastExpression(_Model):
    """A source column read as another type."""

    cast: CastTarget


class DivideTarget(_Model):
    """A source column of numbers and the power of ten to divide it by."""

    column: Name
    by_power_of_ten: Annotated[int, Field(ge=0, le=30)]


class DivideExpression(_Model):
    """A number kept in a smaller unit (cents, micros), divided exactly."""

    divide: DivideTarget


_EXPRESSION_KEYS = ("column", "literal", "concat", "coalesce", "cast", "divide")


def _bare_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _expression_tag(value: Any) -> str | None:
    names = vars(value) if isinstance(value, _Model) else value if isinstance(value, dict) else {}
    found = [key for key in _EXPRESSION_KEYS if key in names]
    return found[0] if len(found) == 1 else None


Expression = Annotated[
    Annotated[ColumnExpression, Tag("column")]
    | Annotated[LiteralExpression, Tag("literal")]
    | Annotated[ConcatExpression, Tag("concat")]
    | Annotated[CoalesceExpression, Tag("coalesce")]
    | Annotated[CastExpression, Tag("cast")]
    | Annotated[DivideExpression, Tag("divide")],
    Discriminator(
        _expression_tag,
        custom_error_type="expression",
        custom_error_message=f"is neither a column name nor one of {', '.join(_EXPRESSION_KEYS)}",
    ),
    BeforeValidator(_bare_column),
]
"""What may fill a column. There is no free SQL: every form is compiled with quoted names and escaped literals."""


class Tenant(_Model):
    """Where the tenant's id comes from: a column of each table, or a constant where the whole CRM is one tenant."""

    column: Name | None = None
    constant: Annotated[Text, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("needs exactly one of `column`, `constant`")
        return self


class Condition(_Model):
    """A test of one source column: exactly one of the three; `equals` compares the column's text form."""

    column: Name
    is_not_null: bool | None = None
    is_null: bool | None = None
    equals: StrictBool | StrictInt | Text | None = None

    @model_validator(mode="after")
    def _exactly_one_test(self) -> Self:
        given = [name for name in ("is_not_null", "is_null", "equals") if getattr(self, name) is not None]
        if len(given) != 1 or False in (self.is_not_null, self.is_null):
            raise ValueError("needs exactly one of `is_not_null: true`, `is_null: true`, `equals: <value>`")
        return self


class Moment(_Model):
    """A source column of timestamps; `timezone` is that of naive ones."""

    column: Name
    timezone: TimeZone | None = None


MomentColumn = Annotated[Moment, BeforeValidator(_bare_column)]


class TableMapping(_Model):
    """How one canonical table is filled.

    Attributes:
        source: the CRM's table or view, `schema.table`.
        tenant: overrides the file's tenancy.
        changed_at: column stamped on every write; without it the table is always read whole.
        created_at: column stamped once; takes the place of an empty `changed_at`.
        deleted: rows for which it holds are kept as tombstones.
        columns: canonical column to expression.
        extra: replica column to source column, carried along in the source's type.
    """

    source: Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$"), AfterValidator(_no_nul)]
    tenant: Tenant | None = None
    changed_at: MomentColumn | None = None
    created_at: MomentColumn | None = None
    deleted: Condition | None = None
    columns: dict[str, Expression]
    extra: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], Name] = Field(default_factory=dict)

    @property
    def source_schema(self) -> str:
        """The schema part of `source`."""
        return self.source.split(".", 1)[0]

    @property
    def source_table(self) -> str:
        """The table part of `source`."""
        return self.source.split(".", 1)[1]

    @model_validator(mode="after")
    def _empty_changed_at_needs_no_guess(self) -> Self:
        if self.created_at is not None and self.changed_at is None:
            raise ValueError(
                "`created_at` without `changed_at`: rows that change could not be found; remove it or add both"
            )
        return self


class Mapping(_Model):
    """A whole mapping file.

    Attributes:
        name: the source's name in `ops.extraction_state`; renaming it means loading everything anew.
        timezone: time zone of timestamps without one.
        tenant: where the tenant's id comes from, unless a table says otherwise.
        overlap_seconds: how far before the last boundary an incremental load starts to read; covers clocks that differ.
        fallback_lag_seconds: how far behind now the boundary stays where open transactions cannot be seen.
        tables: canonical table to its mapping; a table that is left out is "not mapped".
        file: where it was read from, for messages.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    timezone: TimeZone
    tenant: Tenant
    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    fallback_lag_seconds: Annotated[int, Field(ge=1, le=604_800)] = 3_600
    tables: dict[str, TableMapping]
    file: str = Field(exclude=True)

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, TableMapping]) -> dict[str, TableMapping]:
        for name in tables:
            if name not in CANONICAL_TABLES:
                raise ValueError(f"{name!r} is not a canonical table; there are {', '.join(CANONICAL_TABLES)}")
        missing = [name for name, table in CANONICAL_TABLES.items() if table.required and name not in tables]
        if missing:
            raise ValueError(f"{', '.join(missing)} must be mapped")
        return tables

    def tenant_of(self, table: str) -> Tenant:
        """Return where the tenant's id of a mapped table comes from."""
        return self.tables[table].tenant or self.tenant


def load_mapping(name_or_path: str | Path) -> Mapping:
    """Read a shipped mapping by its name (`demo`) or one's own file by its path, and check it.

    Raises:
        ExtractionError: the file cannot be read, is not YAML, or breaks a rule; names file, table and column.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and not path.suffix and path.name == name_or_path:
        path = SHIPPED_MAPPINGS / f"{name_or_path}.yaml"
    label = _label(path)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        shipped = ", ".join(sorted(file.stem for file in SHIPPED_MAPPINGS.glob("*.yaml")))
        raise ExtractionError(f"{label}: {reason} (shipped mappings: {shipped})") from None
    return parse_mapping(content, label)


def parse_mapping(content: str, file: str) -> Mapping:
    """Return the mapping that the YAML text holds; `file` is its name in messages.

    Raises:
        ExtractionError: see `load_mapping`.
    """
    try:
        document = yaml.load(content, Loader=_UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ExtractionError(f"{file}:{line} {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ExtractionError(f"{file}: {first_line(error)}") from None
    if not isinstance(document, dict):
        raise ExtractionError(f"{file}: is empty or not a mapping of keys to values")
    try:
        mapping = Mapping.model_validate({**document, "file": file})
    except ValidationError as error:
        raise ExtractionError(_explain(error, file)) from None
    for name, table in mapping.tables.items():
        _check_columns(f"{file}: {name}", CANONICAL_TABLES[name], table)
    return mapping


def _check_columns(where: str, canonical: CanonicalTable, table: TableMapping) -> None:
    for name in table.columns:
        if name == "tenant_id":
            raise ExtractionError(f"{where}.tenant_id: is filled by `tenant`; remove it from columns")
        if canonical.column(name) is None:
            known = ", ".join(column.name for column in canonical.columns[1:])
            raise ExtractionError(
                f"{where}.{name}: is not a canonical column (use `extra` to carry it along); there are {known}"
            )
    for column in canonical.columns[1:]:
        if column.name in table.columns:
            _check_values(f"{where}.{column.name}", column, table.columns[column.name])
        elif not column.nullable:
            raise ExtractionError(f"{where}.{column.name}: must be mapped")
    for name in table.extra:
        if canonical.column(name) is not None:
            raise ExtractionError(f"{where}.{name}: is a canonical column; map it under columns, not extra")


def _check_values(where: str, column: CanonicalColumn, expression: Expression) -> None:
    """Check the values a mapping file spells out against those the column may hold."""
    spelled: list[Scalar] = []
    if isinstance(expression, ColumnExpression) and expression.values is not None:
        spelled = list(expression.values.values())
    elif isinstance(expression, LiteralExpression):
        spelled = [expression.literal]
    for value in spelled:
        if value is None and not column.nullable:
            raise ExtractionError(f"{where}: must not be empty, so no value may become null")
        if column.allowed and value is not None and value not in column.allowed:
            raise ExtractionError(f"{where}: value {value!r} is not one of {', '.join(column.allowed)}")


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML's safe loader, except that a key given twice is an error instead of a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping of a node, refusing repeated keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _explain(error: ValidationError, file: str) -> str:
    """Return the first problem as `file: table.column: field: what`."""
    detail = error.errors(include_url=False)[0]
    path = [str(part) for part in detail["loc"]]
    if path[:1] == ["tables"] and len(path) > 1:
        path = path[1:]
    field = ""
    if path[1:2] == ["columns"] and len(path) > 2:
        # Between the column and the field at fault stand the names that pydantic gives to the forms it tried.
        field = f"{path[-1]}: " if len(path) > 3 else ""
        path = [path[0], path[2]]
    message = detail["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{file}: {'.'.join(path)}: {field}{message}{more}"


def _label(path: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(_REPOSITORY)) if resolved.is_relative_to(_REPOSITORY) else str(path)
