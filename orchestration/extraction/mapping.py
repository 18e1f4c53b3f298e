"""The mapping file: how one kind of CRM fills the canonical tables, read from YAML and checked without a database.

Every rule that needs only the file and `canonical` is checked here. What needs the CRM's columns and types belongs in
`source_catalog` and `plan`. The descriptions of the fields are what an editor shows while a mapping is written
(`mapping_schema`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from datetime import date
from itertools import chain
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


SCHEMA_PLACEHOLDER = "{schema}"
"""Stands in a query for the quoted schema of a tenant."""


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        validate_by_name=False,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


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


def _one_star(pattern: str) -> str:
    if pattern.count("*") != 1:
        raise ValueError("needs exactly one *, which stands for the tenant's id, such as workspace_*")
    return pattern


def _one_select(query: str) -> str:
    """Return the query without its semicolons; that it is valid and only reads is PostgreSQL's to say."""
    bare = query.strip()
    while bare.endswith(";"):
        bare = bare[:-1].rstrip()
    first_word = re.match(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*([a-z]*)", bare, re.IGNORECASE | re.DOTALL)
    if first_word is None or first_word[1].lower() not in ("select", "with"):
        raise ValueError("must be one SELECT, or one WITH .. SELECT")
    return bare


TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_no_nul)]
Text = Annotated[StrictStr, AfterValidator(_no_nul)]
QualifiedName = Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$"), AfterValidator(_no_nul)]
Scalar = StrictBool | StrictInt | StrictFloat | Text | date | None
"""A value as YAML spells it; None is SQL's NULL."""


class ColumnExpression(_Model):
    """A source column, optionally read in a time zone of its own or translated value by value."""

    column: Name
    """The source column."""
    timezone: TimeZone | None = None
    """Time zone of this column's timestamps without one; without it, that of the file."""
    values: dict[Scalar, Scalar] | None = None
    """Translates the column's text form. A value that is not listed fails the load. A key of null says what an empty
    source column becomes; without it, empty stays empty."""


class LiteralExpression(_Model):
    """The same value in every row."""

    literal: Scalar
    """The value; null for none."""


class ConcatExpression(_Model):
    """Texts joined without a separator; an empty part adds nothing."""

    concat: list[Expression] = Field(min_length=1)
    """The texts to join, each a column or an expression."""


class CoalesceExpression(_Model):
    """The first value that is not empty."""

    coalesce: list[Expression] = Field(min_length=1)
    """What to try in turn, each a column or an expression."""


class CastTarget(_Model):
    """A source column and the kind to read it as."""

    column: Name
    """The source column."""
    to: Annotated[str, Field(pattern=r"^(text|integer|decimal|timestamp|date|boolean|decimal\(\d{1,2}, ?\d{1,2}\))$")]
    """text, integer, decimal, timestamp, date, boolean, or decimal(p,s), which rounds half away from zero: the one way
    to let a figure be rounded."""
    timezone: TimeZone | None = None
    """Time zone in which a timestamp is made or becomes a date; without it, that of the file."""


class CastExpression(_Model):
    """A source column read as another type."""

    cast: CastTarget
    """The source column and the type to read it as."""


class DivideTarget(_Model):
    """A source column of numbers and the power of ten to divide it by."""

    column: Name
    """The source column."""
    by_power_of_ten: Annotated[int, Field(ge=0, le=30)]
    """2 for cents, 6 for micros."""


class DivideExpression(_Model):
    """A number kept in a smaller unit (cents, micros), divided exactly."""

    divide: DivideTarget
    """The source column and the power of ten."""


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


Extra = Annotated[
    Annotated[ColumnExpression, Tag("column")] | Annotated[CastExpression, Tag("cast")],
    Discriminator(
        _expression_tag, custom_error_type="extra", custom_error_message="is neither a column name nor a `cast`"
    ),
    BeforeValidator(_bare_column),
]
"""What may fill a column of one's own."""


def columns_of(expression: Expression) -> Iterator[str]:
    """Yield the source columns that an expression reads."""
    match expression:
        case ColumnExpression():
            yield expression.column
        case CastExpression():
            yield expression.cast.column
        case DivideExpression():
            yield expression.divide.column
        case ConcatExpression():
            yield from chain.from_iterable(columns_of(part) for part in expression.concat)
        case CoalesceExpression():
            yield from chain.from_iterable(columns_of(part) for part in expression.coalesce)
        case LiteralExpression():
            return


class TenantJoin(_Model):
    """The tenant's id stands in another table; each row must have exactly one partner there."""

    table: QualifiedName
    """The table that holds the tenant's id, `schema.table`."""
    on: dict[Name, Name] = Field(min_length=1)
    """Source column to the joined column it equals; together they must identify one row of the joined table."""
    column: Name
    """The joined table's column that holds the tenant's id."""


class Tenant(_Model):
    """Where the tenant's id comes from: exactly one of the four."""

    column: Name | None = None
    """The source column that holds it."""
    constant: Annotated[Text, Field(min_length=1)] | None = None
    """The id itself, where the whole CRM is one tenant."""
    join: TenantJoin | None = None
    """A row of another table holds it."""
    schema_pattern: Annotated[str, AfterValidator(_one_star), AfterValidator(_no_nul)] | None = Field(
        default=None, alias="schema"
    )
    """A schema per tenant, such as workspace_*: the id is the text that * stands for. Only for the whole file."""

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        places = (self.column, self.constant, self.join, self.schema_pattern)
        if sum(place is not None for place in places) != 1:
            raise ValueError("needs exactly one of `column`, `constant`, `join`, `schema`")
        return self


Comparable = StrictBool | StrictInt | Text
"""What a condition can compare a column's text form with."""


class Condition(_Model):
    """A test of one source column: exactly one of the six, which compare the column's text form."""

    column: Name
    """The source column."""
    is_not_null: bool | None = None
    """true: the column is not empty."""
    is_null: bool | None = None
    """true: the column is empty."""
    equals: Comparable | None = None
    """The column has this value; never holds for an empty one."""
    not_equals: Comparable | None = None
    """The column has another value; holds for an empty one."""
    in_: list[Comparable] | None = Field(default=None, alias="in", min_length=1)
    """The column has one of these values; never holds for an empty one."""
    not_in: list[Comparable] | None = Field(default=None, min_length=1)
    """The column has none of these values; holds for an empty one."""

    @model_validator(mode="after")
    def _exactly_one_test(self) -> Self:
        tests = (self.is_not_null, self.is_null, self.equals, self.not_equals, self.in_, self.not_in)
        if sum(test is not None for test in tests) != 1 or False in (self.is_not_null, self.is_null):
            raise ValueError(
                "needs exactly one of `is_not_null: true`, `is_null: true`, `equals: <value>`, `not_equals: <value>`, "
                "`in: [<values>]`, `not_in: [<values>]`"
            )
        return self


class Moment(_Model):
    """A source column of timestamps."""

    column: Name
    """The source column."""
    timezone: TimeZone | None = None
    """Time zone of its timestamps without one; without it, that of the file."""


MomentColumn = Annotated[Moment, BeforeValidator(_bare_column)]


class TableMapping(_Model):
    """How one canonical table is filled: from exactly one of `source`, `query`, `snapshot`."""

    source: QualifiedName | None = None
    """The CRM's table or view, `schema.table`; with a schema per tenant, `*.table`."""
    query: Annotated[Text, AfterValidator(_one_select)] | None = None
    """One SELECT of one's own, where a table needs a join; its output columns are what everything else refers to. With
    a schema per tenant, {schema} stands for the quoted schema."""
    snapshot: bool = False
    """true: the CRM keeps no such history, so extraction records the changes of deals itself. Nothing else is given."""
    tenant: Tenant | None = None
    """Where this table's tenant id comes from, unless it is where the file says."""
    changed_at: MomentColumn | None = None
    """Source column stamped on every write; without it the table is always read whole."""
    created_at: MomentColumn | None = None
    """Source column stamped once; takes the place of an empty `changed_at`."""
    where: list[Condition] = Field(default_factory=list)
    """Conditions that must all hold; other rows are not loaded, or leave the replica again."""
    deleted: Condition | None = None
    """Rows for which it holds are kept as tombstones, and are in no number."""
    columns: dict[str, Expression] = Field(default_factory=dict)
    """Canonical column to what fills it; a column that may be empty can be left out."""
    extra: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], Extra] = Field(default_factory=dict)
    """Replica column of one's own to source column, carried along in the source's type or that of a `cast`."""

    @property
    def source_schema(self) -> str:
        """The schema part of `source`; `*` for the schema of each tenant."""
        return "" if self.source is None else self.source.split(".", 1)[0]

    @property
    def source_table(self) -> str:
        """The table part of `source`."""
        return "" if self.source is None else self.source.split(".", 1)[1]

    @property
    def is_per_schema(self) -> bool:
        """The table is read from the schema of each tenant."""
        return self.source_schema == "*" or (self.query is not None and SCHEMA_PLACEHOLDER in self.query)

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        if (self.source is not None) + (self.query is not None) + self.snapshot != 1:
            raise ValueError("needs exactly one of `source`, `query`, `snapshot: true`")
        others = [name for name in type(self).model_fields if name != "snapshot" and getattr(self, name)]
        if self.snapshot and others:
            raise ValueError(f"`snapshot: true` stands alone; remove {', '.join(others)}")
        if "*" in self.source_schema and self.source_schema != "*":
            raise ValueError(f'write `source: "*.{self.source_table}"`; the pattern stands in `tenant`')
        return self

    @model_validator(mode="after")
    def _empty_changed_at_needs_no_guess(self) -> Self:
        if self.created_at is not None and self.changed_at is None:
            raise ValueError(
                "`created_at` without `changed_at`: rows that change could not be found; remove it or add both"
            )
        return self


class Mapping(_Model):
    """How one kind of CRM on PostgreSQL fills the canonical tables."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    """The source's name in ops.extraction_state; renaming it means loading everything anew."""
    timezone: TimeZone
    """Time zone of timestamps without one, such as Europe/Berlin."""
    tenant: Tenant
    """Where the tenant's id comes from, unless a table says otherwise."""
    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """How far before the last boundary an incremental load starts to read; covers clocks that differ."""
    fallback_lag_seconds: Annotated[int, Field(ge=1, le=604_800)] = 3_600
    """How far behind now the boundary stays where open transactions cannot be seen."""
    tables: dict[str, TableMapping]
    """Canonical table to its mapping; a table that is left out is "not mapped"."""
    file: str = Field(exclude=True)
    """Where the mapping was read from, for messages; no key of the file."""

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

    def columns_read(self, table: str) -> dict[str, str]:
        """Return the source columns that a mapped table is filled from, each with the first key that names it."""
        mapped, tenant = self.tables[table], self.tenant_of(table)
        named: list[tuple[str | None, str]] = [
            (tenant.column, "tenant_id"),
            *((column, "tenant") for column in (tenant.join.on if tenant.join else ())),
            *((column, name) for name, form in mapped.columns.items() for column in columns_of(form)),
            *((column, name) for name, form in mapped.extra.items() for column in columns_of(form)),
            *((condition.column, "where") for condition in mapped.where),
            (mapped.deleted.column if mapped.deleted else None, "deleted"),
            (mapped.changed_at.column if mapped.changed_at else None, "changed_at"),
            (mapped.created_at.column if mapped.created_at else None, "created_at"),
        ]
        found: dict[str, str] = {}
        for column, place in named:
            if column is not None:
                found.setdefault(column, place)
        return found


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
        document = yaml.load(content, Loader=MappingLoader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ExtractionError(f"{file}:{line} {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ExtractionError(f"{file}: {first_line(error)}") from None
    if not isinstance(document, dict):
        raise ExtractionError(f"{file}: is empty or not a mapping of keys to values")
    if "file" in document:
        raise ExtractionError(f"{file}: file: is no key of a mapping; remove it")
    try:
        mapping = Mapping.model_validate({**document, "file": file})
    except ValidationError as error:
        raise ExtractionError(_explain(error, file)) from None
    for name, table in mapping.tables.items():
        _check_place(f"{file}: {name}", CANONICAL_TABLES[name], mapping)
        if not table.snapshot:
            _check_columns(f"{file}: {name}", CANONICAL_TABLES[name], table)
    return mapping


def _check_place(where: str, canonical: CanonicalTable, mapping: Mapping) -> None:
    """Check that a table's `source`, `query` or `snapshot` goes together with the tenancy and the other tables."""
    table = mapping.tables[canonical.name]
    if table.snapshot:
        if canonical.snapshot_of is None:
            known = ", ".join(name for name, other in CANONICAL_TABLES.items() if other.snapshot_of)
            raise ExtractionError(f"{where}.snapshot: only changes of deals can be recorded, in {known}")
        if canonical.snapshot_of not in mapping.tables:
            raise ExtractionError(f"{where}.snapshot: records changes of {canonical.snapshot_of}, which must be mapped")
        return
    if table.tenant is not None and table.tenant.schema_pattern is not None:
        raise ExtractionError(f"{where}.tenant: a schema per tenant is one of the whole file; write it above `tables`")
    by_schema = mapping.tenant.schema_pattern is not None
    if not table.is_per_schema:
        if by_schema and table.tenant is None:
            raise ExtractionError(
                f'{where}: needs `source: "*.table"`, {SCHEMA_PLACEHOLDER} in its query, or a `tenant` of its own'
            )
        return
    form = "query" if table.query else "source"
    if not by_schema:
        raise ExtractionError(f'{where}.{form}: a schema per tenant needs `tenant: {{schema: "..*"}}` above `tables`')
    if table.tenant is not None:
        raise ExtractionError(f"{where}.tenant: each row's tenant is that of its schema; remove it")


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


class MappingLoader(yaml.SafeLoader):
    """PyYAML's safe loader without two traps.

    A key given twice is an error instead of a silent loss of the first. Only true and false are booleans, as in YAML
    1.2 and in editors, so that `on`, `yes` and `no` are the texts that they look like.
    """

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


MappingLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
MappingLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _explain(error: ValidationError, file: str) -> str:
    """Return the first problem as `file: table.column: field: what`."""
    detail = error.errors(include_url=False)[0]
    path = [str(part) for part in detail["loc"]]
    if path[:1] == ["tables"] and len(path) > 1:
        path = path[1:]
    field = ""
    if path[1:2] in (["columns"], ["extra"]) and len(path) > 2:
        # Between the column and the field at fault stand the names that pydantic gives to the forms it tried.
        field = f"{path[-1]}: " if len(path) > 3 and path[-1] != "[key]" else ""
        path = [path[0], path[2]] if path[1] == "columns" else path[:3]
    message = detail["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{file}: {'.'.join(path)}: {field}{message}{more}"


def _label(path: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(_REPOSITORY)) if resolved.is_relative_to(_REPOSITORY) else str(path)
