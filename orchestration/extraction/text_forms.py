"""Decides how a value of each PostgreSQL type becomes text: exactly, and the same under every setting of a session.

A type whose text depends on a setting is formatted explicitly, or read on condition that the setting is the one that
keeps every digit; what has no such form is refused. Typed values (numbers, moments, dates) belong in `expressions`.
"""

from __future__ import annotations

from psycopg import sql

from orchestration.extraction.source_catalog import CONTAINERS, SourceType

_PLAIN = frozenset(
    [
        *("int2", "int4", "int8", "numeric", "oid", "bool", "bit", "varbit", "uuid", "enum", "time", "timetz"),
        *("text", "varchar", "name", "citext", "json", "jsonb", "jsonpath", "xml", "hstore", "ltree"),
        *("cidr", "macaddr", "macaddr8", "tsvector", "tsquery", "pg_lsn", "vector", "halfvec", "sparsevec"),
    ]
)
# A cast to text would take the padding off the one and add a netmask to the other; their output does not.
_OUTPUT = {"bpchar": "bpcharout", "inet": "inet_out"}
_SETTINGS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("float4", "float8", "point", "line"), ("extra_float_digits",)),
    **dict.fromkeys(("lseg", "box", "path", "polygon", "circle"), ("extra_float_digits",)),
    **dict.fromkeys(("date", "timestamp"), ("datestyle",)),
    "timestamptz": ("datestyle", "timezone"),
    "bytea": ("bytea_output",),
}
_EXACT_UNDER = {
    "extra_float_digits": ("{}::integer > 0", "1"),
    "datestyle": ("left({}, 3) = 'ISO'", "ISO"),
    "timezone": ("{} in ('UTC', 'Etc/UTC')", "UTC"),
    "bytea_output": ("{} = 'hex'", "hex"),
}


def exact_text(reference: str, source: SourceType, what: str) -> str | None:
    """Return SQL of the text PostgreSQL prints for a value; None when the type has no text to rely on.

    Args:
        reference: SQL of the value.
        source: its type.
        what: names the column and its type, for the message of a session that is set otherwise.
    """
    if source.name in CONTAINERS:
        if any(part not in _PLAIN and part not in _OUTPUT and part not in _SETTINGS for part in source.parts):
            return None
        return _under(source.parts, f"({reference})::text", what)
    if source.name in _OUTPUT:
        return f"textin({_OUTPUT[source.name]}({reference}))"
    if source.name == "bytea":
        return f"(chr(92) || 'x' || encode({reference}, 'hex'))"
    if source.name == "interval":
        return _interval(reference)
    if source.name in _PLAIN or source.name in _SETTINGS:
        return _under((source.name,), f"({reference})::text", what)
    return None


def why_no_text(source: SourceType) -> str:
    """Return why a type has no text to rely on, and what to do, to follow the name of the type."""
    if source.name == "money" or "money" in source.parts:
        return "whose digits depend on the server's lc_monetary; make it numeric in the CRM, in a view or in a `query`"
    return (
        "which has no text that is the same under every setting of a session; "
        "leave it out or make text of it in a view or a `query`"
    )


def _under(type_names: tuple[str, ...], text: str, what: str) -> str:
    """Return the text on condition that the session's settings print these types exactly; PostgreSQL looks once."""
    settings = sorted({setting for name in type_names for setting in _SETTINGS.get(name, ())})
    if not settings:
        return text
    checks = " and ".join(_check(setting, what) for setting in settings)
    return f"case when (select {checks}) then {text} end"


def _check(setting: str, what: str) -> str:
    """Return SQL that is true or fails with a message: to read a text as boolean is how a SELECT can raise an error."""
    exact, wanted = _EXACT_UNDER[setting]
    current = f"current_setting('{setting}')"
    message = (
        f"{what}, whose text depends on {setting}; set it to {wanted} for the CRM's user (alter role .. set) "
        f"or use EXTRACTION_TRANSPORT=push, as now it is "
    )
    quoted = sql.Literal(message).as_string(None).strip()
    return f"case when {exact.format(current)} then true else ({quoted} || {current})::boolean end"


def _interval(value: str) -> str:
    """Return SQL of the ISO 8601 text, as intervalstyle iso_8601 prints it: its months, days and time stay apart."""
    date_part = _units(value, (("year", "Y"), ("month", "M"), ("day", "D")))
    time_part = _units(value, (("hour", "H"), ("minute", "M"), ("second", "S")))
    return (
        f"case when not isfinite({value}) then case when {value} > '0'::interval then '' else '-' end || 'infinity' "
        f"when {value} is not null then coalesce(nullif(concat('P', {date_part}, 'T' || nullif(concat({time_part}), '')"
        f"), 'P'), 'PT0S') end"
    )


def _units(value: str, units: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"trim_scale(nullif(extract({unit} from {value}), 0))::text || '{sign}'" for unit, sign in units)
