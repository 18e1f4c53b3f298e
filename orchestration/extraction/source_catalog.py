"""Reads from PostgreSQL which columns and types the mapped tables have, and who the CRM is.

Whether a type can fill a canonical column is decided in `select`; comparing two readings (drift) has its own place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq, sql

from orchestration.extraction.errors import ExtractionError, first_line
from orchestration.extraction.mapping import SCHEMA_PLACEHOLDER, Mapping

Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST_POSTGRES = 140000
"""`server_version_num` of the first PostgreSQL with hash_record_extended."""

SESSION_SETTINGS = {"timezone": "UTC", "datestyle": "ISO, YMD", "extra_float_digits": "1", "bytea_output": "hex"}
"""What a session must be set to, so that PostgreSQL prints and reads every value exactly."""

CONTAINERS = frozenset({"array", "range", "multirange", "composite"})
"""Names of the types that consist of others."""


@dataclass(frozen=True, slots=True)
class SourceType:
    """The type of a source column, domains resolved.

    Attributes:
        name: PostgreSQL's own name of the base type (`int8`, `numeric`, `timestamptz`); `enum` for every enum, and the
            names of CONTAINERS for what consists of other types.
        display: as PostgreSQL displays the declared type.
        precision: declared digits of a numeric, None when it has none.
        scale: declared digits after the point; may be negative.
        parts: of a container, the names of all types that its values are made of.
    """

    name: str
    display: str
    precision: int | None = None
    scale: int | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryOutput:
    """What a query of a mapping returns.

    Attributes:
        columns: output columns and their types.
        repeated: names that stand twice in the output and can therefore not be referred to.
        problem: why PostgreSQL refuses the query, in one line; empty when it does not.
    """

    columns: MappingOf[str, SourceType]
    repeated: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """The CRM as it is now.

    Attributes:
        identity: tells one CRM database from another; changes when a database is restored elsewhere.
        tables: `schema.table` to its columns and their types.
        schemas: the tenants' schemas, sorted; nothing without a schema per tenant.
        unique_keys: `schema.table` to the sets of columns that identify one of its rows, as its indexes guarantee.
        queries: canonical table and schema (empty without a schema per tenant) to what its query returns.
    """

    identity: str
    tables: MappingOf[str, MappingOf[str, SourceType]]
    schemas: tuple[str, ...] = ()
    unique_keys: MappingOf[str, tuple[frozenset[str], ...]] = field(default_factory=dict)
    queries: MappingOf[tuple[str, str], QueryOutput] = field(default_factory=dict)


def prepare_session(connection: Connection) -> None:
    """Make what PostgreSQL prints and reads in this session independent of the defaults of its server and user."""
    connection.execute(
        f"select {', '.join('set_config(%s, %s, false)' for _ in SESSION_SETTINGS)}".encode(),
        [text for setting in SESSION_SETTINGS.items() for text in setting],
    )


def read_source_catalog(connection: Connection, mapping: Mapping, only: str | None = None) -> SourceCatalog:
    """Return the columns of every mapped table and query that exists.

    A missing table, or a query that PostgreSQL refuses, is not an error here: it fails the tables that are mapped to
    it, not the others.

    Args:
        connection: to the CRM.
        mapping: says which tables.
        only: a canonical table; the others are not looked at. None looks at all.

    Raises:
        ExtractionError: the server is older than PostgreSQL 14.
    """
    if connection.info.server_version < OLDEST_POSTGRES:
        version = connection.info.parameter_status("server_version")
        raise ExtractionError(f"the CRM runs PostgreSQL {version}; extraction needs 14 or newer")
    mapped = {name: table for name, table in mapping.tables.items() if only in (None, name)}
    schemas = _read_schemas(connection, mapping)
    sources = {
        f"{schema}.{table.source_table}" if table.is_per_schema else table.source
        for table in mapped.values()
        if table.source is not None
        for schema in (schemas if table.is_per_schema else ("",))
    }
    joined = {join.table for name in mapped if (join := mapping.tenant_of(name).join)}
    columns = _read_columns(connection, sorted(sources | joined))
    outputs = {
        (name, schema): _describe(connection, query_of_schema(table.query, schema))
        for name, table in mapped.items()
        if table.query is not None
        for schema in (schemas if table.is_per_schema else ("",))
    }
    types = _read_types(
        connection,
        {kind for table in columns.values() for kind in table.values()}
        | {kind for output in outputs.values() for _, kind in output.columns},
    )
    return SourceCatalog(
        identity=_identity(connection),
        tables={
            source: {name: types[kind] for name, kind in table.items() if kind in types}
            for source, table in columns.items()
        },
        schemas=schemas,
        unique_keys=_read_unique_keys(connection, sorted(sources | joined)),
        queries={place: _query_output(output, types) for place, output in outputs.items()},
    )


_DeclaredType = tuple[int, int]
"""Oid and type modifier."""


def _read_schemas(connection: Connection, mapping: Mapping) -> tuple[str, ...]:
    pattern = mapping.tenant.schema_pattern
    if pattern is None:
        return ()
    before, after = pattern.split("*")
    rows = connection.execute(_SCHEMAS, {"before": before, "after": after}).fetchall()
    return tuple(name for (name,) in rows)


def _read_columns(connection: Connection, sources: list[str]) -> dict[str, dict[str, _DeclaredType]]:
    tables: dict[str, dict[str, _DeclaredType]] = {}
    for source, column, oid, modifier in connection.execute(_COLUMNS, {"sources": sources}).fetchall():
        columns = tables.setdefault(source, {})
        if column is not None:
            columns[column] = (oid, modifier)
    return tables


def _read_unique_keys(connection: Connection, tables: list[str]) -> dict[str, tuple[frozenset[str], ...]]:
    keys: dict[str, tuple[frozenset[str], ...]] = {}
    if tables:
        for table, columns in connection.execute(_UNIQUE_KEYS, {"tables": tables}).fetchall():
            keys[table] = (*keys.get(table, ()), frozenset(columns))
    return keys


@dataclass(frozen=True, slots=True)
class _Description:
    """The output of a query as PostgreSQL describes it; with a problem, without columns."""

    columns: tuple[tuple[str, _DeclaredType], ...] = ()
    problem: str = ""


def _describe(connection: Connection, query: str) -> _Description:
    """Let PostgreSQL check that a query is one statement that only reads, and say what it returns."""
    try:
        with connection.transaction():
            connection.execute("set transaction read only")
            # By itself, as what closes a parenthesis could stand as something else inside of another statement; parsed
            # only, as nothing is known about it yet.
            parsed = connection.pgconn.prepare(b"", query.encode(connection.info.encoding))
            if parsed.status != pq.ExecStatus.COMMAND_OK:
                message = parsed.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"refused"
                raise _Refused(message.decode(connection.info.encoding, "replace"))
            with connection.cursor() as cursor:
                cursor.execute(f"select * from {derived_table(query)} as q limit 0", binary=True)
                result = cursor.pgresult
                if result is None or cursor.description is None:
                    raise AssertionError("a SELECT has a result")
                return _Description(
                    tuple(
                        (column.name, (result.ftype(index), result.fmod(index)))
                        for index, column in enumerate(cursor.description)
                    )
                )
    except (_Refused, psycopg.Error) as error:
        return _Description(problem=first_line(error))


class _Refused(Exception):
    """PostgreSQL cannot parse a query."""


def query_of_schema(query: str, schema: str) -> str:
    """Return a mapping's query for the schema of one tenant; a query of the whole CRM is returned as it is."""
    return query.replace(SCHEMA_PLACEHOLDER, sql.Identifier(schema).as_string(None)) if schema else query


def derived_table(query: str) -> str:
    """Return a query as it stands behind `from`; a comment at its end must not swallow what follows."""
    return f"(\n{query}\n)"


def _query_output(output: _Description, types: MappingOf[_DeclaredType, SourceType]) -> QueryOutput:
    counted = Counter(name for name, _ in output.columns)
    return QueryOutput(
        columns={name: types[kind] for name, kind in output.columns if kind in types},
        repeated=frozenset(name for name, times in counted.items() if times > 1),
        problem=output.problem,
    )


def _read_types(connection: Connection, kinds: set[_DeclaredType]) -> dict[_DeclaredType, SourceType]:
    """Return the types of that oid and modifier, domains resolved."""
    ordered = sorted(kinds)
    rows = connection.execute(
        _TYPES, {"oids": [str(oid) for oid, _ in ordered], "modifiers": [modifier for _, modifier in ordered]}
    ).fetchall()
    parts = _read_parts(connection, {base_oid for _, _, name, _, base_oid in rows if name in CONTAINERS})
    return {
        (oid, modifier): _source_type(name, display, parts.get(base_oid, ()))
        for oid, modifier, name, display, base_oid in rows
    }


_SCHEMAS = """
select nspname::text
from pg_catalog.pg_namespace
where starts_with(nspname, %(before)s) and right(nspname, length(%(after)s)) = %(after)s
    and length(nspname) > length(%(before)s) + length(%(after)s)
    and nspname !~ '^pg_' and nspname <> 'information_schema'
order by nspname collate "C"
"""

_COLUMNS = """
select
    namespace.nspname || '.' || relation.relname, attribute.attname, attribute.atttypid::bigint, attribute.atttypmod
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
left join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
where relation.relkind in ('r', 'p', 'v', 'm', 'f')
    and namespace.nspname || '.' || relation.relname = any(%(sources)s)
order by 1, attribute.attnum
"""

# An index of a table with children does not see the rows of these, except where they are its partitions.
_UNIQUE_KEYS = """
select namespace.nspname || '.' || relation.relname, array_agg(attribute.attname::text)
from pg_catalog.pg_index as index
join pg_catalog.pg_class as relation on relation.oid = index.indrelid
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid and attribute.attnum = any(index.indkey[0:index.indnkeyatts - 1])
where index.indisunique and index.indisvalid and index.indpred is null and index.indexprs is null
    and (relation.relkind = 'p' or not exists (select from pg_catalog.pg_inherits where inhparent = relation.oid))
    and namespace.nspname || '.' || relation.relname = any(%(tables)s)
group by index.indexrelid, 1
order by 1, 2
"""

_TYPES = """
with recursive base as (
    select declared.oid, declared.modifier, declared.oid as base_oid, declared.modifier as base_modifier
    from unnest(%(oids)s::oid[], %(modifiers)s::integer[]) as declared (oid, modifier)
    union all
    select base.oid, base.modifier, domain.typbasetype, domain.typtypmod
    from base
    join pg_catalog.pg_type as domain on domain.oid = base.base_oid and domain.typtype = 'd'
)
select
    base.oid::bigint,
    base.modifier,
    case base_type.typtype
        when 'e' then 'enum' when 'r' then 'range' when 'm' then 'multirange' when 'c' then 'composite'
        else case when base_type.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
            then 'array' else base_type.typname end
    end,
    pg_catalog.format_type(base.base_oid, base.base_modifier),
    base.base_oid::bigint
from base
join pg_catalog.pg_type as base_type on base_type.oid = base.base_oid and base_type.typtype <> 'd'
"""

_PARTS = """
with recursive inside as (
    select oid as whole, oid as part from pg_catalog.pg_type where oid = any(%(wholes)s)
    union
    select inside.whole, next_part.oid
    from inside
    join pg_catalog.pg_type as outer_type on outer_type.oid = inside.part
    cross join lateral (
        select typbasetype from pg_catalog.pg_type where oid = outer_type.oid and typtype = 'd'
        union all
        select typelem from pg_catalog.pg_type
        where oid = outer_type.oid and typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
        union all
        select rngsubtype from pg_catalog.pg_range where outer_type.oid in (rngtypid, rngmultitypid)
        union all
        select atttypid from pg_catalog.pg_attribute
        where attrelid = outer_type.typrelid and outer_type.typtype = 'c' and attnum > 0 and not attisdropped
    ) as next_part (oid)
)
select inside.whole, array_agg(distinct case part_type.typtype when 'e' then 'enum' else part_type.typname::text end)
from inside
join pg_catalog.pg_type as part_type on part_type.oid = inside.part
where part_type.typtype in ('b', 'e', 'p')
    and part_type.typsubscript is distinct from 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
group by 1
"""

_DATABASE = """
select datname || '/' || oid, has_function_privilege('pg_catalog.pg_control_system()', 'execute')
from pg_catalog.pg_database where datname = pg_catalog.current_database()
"""
_SYSTEM = "select system_identifier::text from pg_catalog.pg_control_system()"


def _identity(connection: Connection) -> str:
    """Return the server's and the database's identifiers; some hosted servers keep the former to themselves."""
    database, may_see_system = connection.execute(_DATABASE).fetchall()[0]
    system = connection.execute(_SYSTEM).fetchall()[0][0] if may_see_system else "unknown"
    return f"{system}/{database}"


def _read_parts(connection: Connection, wholes: set[int]) -> dict[int, tuple[str, ...]]:
    """Return the names of the types that the values of each container are made of."""
    if not wholes:
        return {}
    rows = connection.execute(_PARTS, {"wholes": sorted(wholes)}).fetchall()
    return {whole: tuple(parts) for whole, parts in rows}


def _source_type(name: str, display: str, parts: tuple[str, ...]) -> SourceType:
    digits = re.fullmatch(r"numeric\((\d+),(-?\d+)\)", display)
    if digits is None:
        return SourceType(name, display, parts=parts)
    return SourceType(name, display, precision=int(digits[1]), scale=int(digits[2]))
