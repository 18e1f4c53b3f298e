"""What a guest token says about rows: read strictly, never run as SQL.

A token of an embedded page carries clauses in Superset's usual place. Here they may say one thing only,
`tenant_id = 'x'` and perhaps `manager_id = 'y'`; the rows follow from the row rules of the guest's role, as for
everybody else. Whatever says anything else, or nothing, shows no rows. So it does not matter who signed the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from catalogue.access import AccessError, Identity

_CLAUSE = re.compile(r"(tenant_id|manager_id) = '((?:[^'\\]|'')*)'")
_GUEST = "embedded_viewer"


def guest_identity(rules: object) -> Identity | None:
    """Return whom the row clauses of a guest token stand for; None if they are not exactly of the known form."""
    if not isinstance(rules, Sequence) or isinstance(rules, str):
        return None
    said: dict[str, str] = {}
    for rule in rules:
        found = _CLAUSE.fullmatch(str(rule.get("clause", ""))) if isinstance(rule, Mapping) else None
        if found is None or rule.get("dataset") is not None or found[1] in said:
            return None
        said[found[1]] = found[2].replace("''", "'")
    if "tenant_id" not in said:
        return None
    try:
        return Identity(_GUEST, said["tenant_id"], said.get("manager_id"))
    except AccessError:
        return None


def validate_guest_request(request: Mapping[str, Any]) -> bool:
    """Return whether Superset's own endpoint may mint the token that was asked for (GUEST_TOKEN_VALIDATOR_HOOK)."""
    return guest_identity(request.get("rls")) is not None
