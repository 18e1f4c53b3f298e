"""Reads from PostgreSQL which columns and types the mapped tables have, and who the CRM is.

Whether a type can fill a canonical column is decided in `select`; comparing two readings (drift) has its own place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Any

import psycopg

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping

Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST_POSTGRES = 140000
"""`server_version_num` of the first PostgreSQL with hash_record_extended."""


@dataclass(frozen=True, slots=True)
class SourceType:
    """The type of a source column, domains resolved.

    Attributes:
        name: PostgreSQL's own name of the base type (`int8`, `numeric`, `timestamptz`); `enum` for every enum.
        display: as PostgreSQL displays the declared type.
        precision: declared digits of a numeric, None when it has none.
        scale: declared digits after the point; may be negative.
    """

    name: str
    display: str
    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """The CRM as it is now.

    Attributes:
        identity: tells one CRM database from another; changes when a database is restored elsewhere.
        tables: `schema.table` to its columns and their types.
    """

    identity: str
    tables: MappingOf[str, MappingOf[str, SourceType]]


def prepare_session(connection: Connection) -> None:
    """Make what PostgreSQL prints and reads in this session independent of the defaults of its server and user."""
    connection.execute(_SESSION)


def read_source_catalog(connection: Connection, mapping: Mapping) -> SourceCatalog:
    """Return the columns of every mapped table that exists.

    A missing table is not an error here: it fails the tables that are mapped to it, not the others.

    Raises:
        ExtractionError: the server is older than PostgreSQL 14.
    """
    if connection.info.server_version < OLDEST_POSTGRES:
        version = connection.info.parameter_status("server_version")
        raise ExtractionError(f"the CRM runs PostgreSQL {version}; extraction needs 14 or newer")
    sources = sorted({table.source for table in mapping.tables.values()})
    rows = connection.execute(_COLUMNS, {"sources": sources}).fetchall()
    tables: dict[str, dict[str, SourceType]] = {}
    for source, column, type_name, display in rows:
        columns = tables.setdefault(source, {})
        if column is not None:
            columns[column] = _source_type(type_name, display)
    return SourceCatalog(identity=_identity(connection), tables=tables)


_SESSION = """
select
    set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO, YMD', false),
    set_config('extra_float_digits', '1', false), set_config('bytea_output', 'hex', false)
"""

_COLUMNS = """
with recursive base as (
    select oid, oid as base_oid, typtype, typbasetype, typtypmod from pg_catalog.pg_type
    union all
    select base.oid, inner_type.oid, inner_type.typtype, inner_type.typbasetype,
        case when inner_type.typtype = 'd' then inner_type.typtypmod else base.typtypmod end
    from base
    join pg_catalog.pg_type as inner_type on base.typtype = 'd' and inner_type.oid = base.typbasetype
)
select
    namespace.nspname || '.' || relation.relname,
    attribute.attname,
    case when base_type.typtype = 'e' then 'enum' else base_type.typname end,
    pg_catalog.format_type(
        base.base_oid, case when base.base_oid = attribute.atttypid then attribute.atttypmod else base.typtypmod end
    )
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
left join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
left join base on base.oid = attribute.atttypid and base.typtype <> 'd'
left join pg_catalog.pg_type as base_type on base_type.oid = base.base_oid
where relation.relkind in ('r', 'p', 'v', 'm', 'f')
    and namespace.nspname || '.' || relation.relname = any(%(sources)s)
order by 1, attribute.attnum
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


def _source_type(name: str, display: str) -> SourceType:
    digits = re.fullmatch(r"numeric\((\d+),(-?\d+)\)", display)
    if digits is None:
        return SourceType(name, display)
    return SourceType(name, display, precision=int(digits[1]), scale=int(digits[2]))
