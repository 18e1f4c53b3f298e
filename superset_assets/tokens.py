"""Mints the two tokens that open Superset: a guest's, for a page of the CRM, and a person's, for our own browser.

For the API and for commands. What a token must look like is checked in Superset (`server.guests`,
`server.single_sign_on`); the secrets are given by the caller, and no token is written anywhere but to its asker.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from pydantic import SecretStr

from catalogue.access import Identity

AUDIENCE = "superset"
SIGN_ON_LIFE = timedelta(seconds=30)
LONGEST_GUEST_LIFE = timedelta(hours=1)


class TokenError(Exception):
    """A token cannot be minted as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Whom a page is embedded for.

    Attributes:
        name: shown nowhere; stands in Superset's logs.
        tenant: whose rows are shown.
        manager: whose rows of that tenant; None for the whole tenant.
    """

    name: str
    tenant: str
    manager: str | None = None


def mint_guest_token(
    secret: SecretStr, guest: Guest, embedded_ids: tuple[str, ...], *, now: datetime, life: timedelta
) -> str:
    """Return a token by which a page shows the embedded dashboards with the guest's rows.

    Args:
        secret: SUPERSET_GUEST_TOKEN_SECRET.
        guest: whose rows.
        embedded_ids: ids of embedded dashboards, as Superset's embedding dialog shows them.
        now: the moment at which the token begins, with its offset.
        life: how long it is valid, an hour at most; the page asks for a new one before its end.

    Raises:
        TokenError: no dashboard, an id that is none, or a life that is too long.
        AccessError: tenant or manager is no id.
    """
    if not timedelta(0) < life <= LONGEST_GUEST_LIFE:
        raise TokenError("a guest token lives between a second and an hour")
    if not embedded_ids:
        raise TokenError("name at least one embedded dashboard")
    identity = Identity("embedded_viewer", guest.tenant, guest.manager)
    clauses = [{"clause": f"tenant_id = {_quoted(identity.tenant)}"}]
    if identity.manager is not None:
        clauses.append({"clause": f"manager_id = {_quoted(identity.manager)}"})
    return jwt.encode(
        {
            "user": {"username": guest.name, "first_name": guest.name, "last_name": ""},
            "resources": [{"type": "dashboard", "id": _uuid(embedded)} for embedded in embedded_ids],
            "rls_rules": clauses,
            "iat": now,
            "exp": now + life,
            "aud": AUDIENCE,
            "type": "guest",
        },
        secret.get_secret_value(),
        algorithm="HS256",
    )


def mint_sign_on_token(
    secret: SecretStr, issuer: str, identity: Identity, crm_role: str, *, now: datetime, locale: str
) -> str:
    """Return a token that signs our browser in once, as an account of its own with that person's role and rows.

    Args:
        secret: CRM_JWT_SECRET.
        issuer: CRM_JWT_ISSUER.
        identity: the person; `manager` is the person's id in the tenant's CRM.
        crm_role: a value of the CRM's role claim that leads to the identity's role.
        now: the moment at which the token begins, with its offset.
        locale: language of Superset's own texts.
    """
    return jwt.encode(
        {
            "iss": issuer,
            "aud": AUDIENCE,
            "sub": identity.manager,
            "tenant": identity.tenant,
            "role": crm_role,
            "locale": locale,
            # Another account than the person's own: asking for a report must not change what the person is.
            "purpose": "report",
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + SIGN_ON_LIFE,
        },
        secret.get_secret_value(),
        algorithm="HS256",
    )


def _quoted(value: str) -> str:
    if "\\" in value:
        raise TokenError("an id with a backslash cannot be named in a guest token")
    return "'" + value.replace("'", "''") + "'"


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise TokenError(f"{text!r} is no id of an embedded dashboard") from None
