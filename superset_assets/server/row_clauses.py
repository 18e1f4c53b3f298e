"""The row rules of `catalogue.access` in Superset's language: one clause per table and kind of reader.

A clause names its table before each column (a reader may label a column of their own `tenant_id`), takes ids through
`where_in` (which quotes them), and names the identity in the key of the cache: Superset keys results by the text of a
clause, which is the same for everybody.
"""

from __future__ import annotations

from catalogue.access import Rows, TableRule

NO_ROWS = "1 = 0"
EVERY_ROW = "1 = 1"
_KEY = "{% set _ = cache_key_wrapper(crm_identity()) %}"
# What Superset calls the query of a virtual dataset.
VIRTUAL_TABLE = "virtual_table"


def clause(rule: TableRule, rows: Rows, qualifier: str) -> str:
    """Return the clause of the table called `qualifier` in the query for readers who see those rows."""
    if rule.closed:
        return NO_ROWS
    tenant = EVERY_ROW if rule.tenant is None else _equals(qualifier, rule.tenant, "crm_tenant()")
    own = NO_ROWS if rule.closed_to_own else tenant
    if rule.own is not None:
        own = f"{tenant} and {_equals(qualifier, rule.own, 'crm_manager()')}"
    if rows == "tenant":
        return _KEY + tenant
    if rows == "own":
        return _KEY + own
    if own == tenant:
        return _KEY + tenant
    return _KEY + "{% if crm_manager() %}" + own + "{% else %}" + tenant + "{% endif %}"


def _equals(qualifier: str, column: str, macro: str) -> str:
    # Nobody's id is the empty text, so who has no identity sees nothing, whatever a column holds.
    return f"{qualifier}.{column} in {{{{ [{macro}]|where_in }}}} and {qualifier}.{column} != ''"
