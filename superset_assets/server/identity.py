"""Whose rows the current request may see: tenant and manager, kept beside the user where no user can reach them.

The single sign-on writes them from the CRM's signed token. Names, mail addresses and user names are never asked: people
can edit some of them, and two tenants may have the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from flask import g
from flask_appbuilder import Model
from sqlalchemy import Column, DateTime, ForeignKey, Integer, String
from superset.extensions import db

from catalogue.access import AccessError, Identity
from superset_assets.server.guests import guest_identity

_REMEMBERED = "_crm_identities"


class CrmIdentity(Model):
    """Grain: one row per user who came through the single sign-on."""

    __tablename__ = "crm_identities"

    user_id = Column(Integer, ForeignKey("ab_user.id", ondelete="CASCADE"), primary_key=True)
    role = Column(String(64), nullable=False)
    tenant = Column(String(128), nullable=False)
    manager = Column(String(128), nullable=False)


class UsedToken(Model):
    """Grain: one row per single sign-on token that was used and has not yet expired."""

    __tablename__ = "crm_used_tokens"

    jti_hash = Column(String(64), primary_key=True)
    expires_at = Column(DateTime, nullable=False, index=True)


class PlatformState(Model):
    """Grain: one row per fact that the start of the next server wants to know of the last."""

    __tablename__ = "crm_state"

    name = Column(String(64), primary_key=True)
    value = Column(String(256), nullable=False)


TABLES = (CrmIdentity.__table__, UsedToken.__table__, PlatformState.__table__)


def stored_identity(user_id: int) -> Identity | None:
    """Return the identity of a user of Superset; None for one who did not come from the CRM."""
    row = db.session.get(CrmIdentity, user_id)
    if row is None:
        return None
    try:
        return Identity(str(row.role), str(row.tenant), str(row.manager))
    except AccessError:
        return None


def current_identity() -> Identity | None:
    """Return whom the current request speaks for; None for operators, strangers and malformed guest tokens."""
    user = getattr(g, "user", None)
    if user is None or (getattr(user, "is_anonymous", True) and not getattr(user, "is_guest_user", False)):
        return None
    if getattr(user, "is_guest_user", False):
        return guest_identity(user.rls)
    # A report runs as several users within one request; each is remembered for itself.
    remembered: dict[int, Identity | None] = g.setdefault(_REMEMBERED, {})
    if user.id not in remembered:
        remembered[user.id] = stored_identity(user.id)
    return remembered[user.id]


def identity_key() -> str:
    """Return a text that differs wherever the visible rows may differ."""
    identity = current_identity()
    return json.dumps(None if identity is None else [identity.role, identity.tenant, identity.manager])


def jinja_macros() -> dict[str, Callable[[], str]]:
    """Return the macros of the row rules. An identity that is not known is the empty text, which is nobody's id."""
    return {
        "crm_identity": identity_key,
        "crm_tenant": lambda: identity.tenant if (identity := current_identity()) else "",
        "crm_manager": lambda: (identity.manager or "") if (identity := current_identity()) else "",
    }
