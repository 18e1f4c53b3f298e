"""The account `reader`: SELECT on the databases that are made for readers, and nothing else.

chDB knows no users and no grants. What a server would refuse by them is refused here, before the query runs: by the
names in its syntax tree. The grants of a real server are in `catalogue.clickhouse_access`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from deploy.embedded.clickhouse.errors import ClickHouseError

READER = "reader"
READER_SETTINGS: Mapping[str, str] = {
    # Queries of dashboards keep the join order in which they are written, as the models do.
    "query_plan_optimize_join_order_limit": "'0'",
    "max_execution_time": "'60'",
    "readonly": "'1'",
}
_DATABASES = frozenset({"analytics", "ml", "ops", "information_schema"})
_SYSTEM_TABLES = frozenset(
    {"build_options", "columns", "databases", "functions", "one", "settings", "table_functions", "tables", "time_zones"}
)
_TABLE_FUNCTIONS = frozenset({"generate_series", "generateseries", "null", "numbers", "numbers_mt", "values", "view"})
# These read tables that their text arguments name.
_READING_FUNCTIONS = ("dictget", "dicthas", "dictisin", "joinget")
_STATEMENTS = frozenset(
    {"SelectWithUnionQuery", "SelectIntersectExceptQuery", "Explain", "DescribeQuery", "ExistsTableQuery", "ShowTables",
     "ShowColumns", "ShowFunctions", "ShowCreateTableQuery"}
)  # fmt: skip
_FORMAT_AT_END = re.compile(r"\bformat\s+\w+\s*;?\s*\Z", re.IGNORECASE)
_NAMED = re.compile(r"(TableIdentifier|Identifier|Function) (\S+)")


def check_reading(text: str, database: str, run: Callable[[str], str]) -> None:
    """Let a statement of the reader pass only if all that it names is meant for readers.

    Args:
        text: the statement.
        database: the one that unqualified names belong to; empty for the engine's default, which is empty itself.
        run: runs a statement and returns its result as plain text.

    Raises:
        ClickHouseError: code 497 as ClickHouse itself gives it; whatever `run` raises for a text that is no statement.
    """
    if database and not _readable(f"{database}.", bare=True):
        raise _denied(f"the database {database}")
    # A format of the statement's own would be the format of its tree.
    tree = run("explain ast " + _FORMAT_AT_END.sub("", text)).splitlines()
    if not tree or tree[0].split()[0] not in _STATEMENTS:
        raise _denied("anything but reading")
    closed = {name for name in run("select name from system.databases").split() if not _readable(f"{name}.", bare=True)}
    for kind, name, is_source in _names(tree):
        if kind == "TableIdentifier" and "." in name and not _readable(name):
            raise _denied(name)
        # `x in t`, `exists t` and `show tables from d` name tables without saying so.
        if kind == "Identifier" and (
            name.split(".")[0] in closed or (name.startswith("system.") and not _readable(name))
        ):
            raise _denied(name)
        if kind == "Function" and is_source and name.lower() not in _TABLE_FUNCTIONS:
            raise _denied(f"the table function {name}")
        if kind == "Function" and name.lower().startswith(_READING_FUNCTIONS):
            raise _denied(f"the function {name}")


def _readable(name: str, *, bare: bool = False) -> bool:
    database, _, table = name.partition(".")
    if database.lower() == "system":
        return bare or table in _SYSTEM_TABLES
    return database.lower() in _DATABASES or (bare and database == "default")


def _names(tree: list[str]) -> Iterator[tuple[str, str, bool]]:
    before = ""
    for line in tree:
        found = _NAMED.match(line.strip())
        if found:
            yield found[1], found[2], before.startswith("TableExpression")
        before = line.strip()


def _denied(what: str) -> ClickHouseError:
    message = f"{READER}: Not enough privileges. This account may read analytics, ml and ops, and not {what}"
    return ClickHouseError.named(497, "ACCESS_DENIED", message)
