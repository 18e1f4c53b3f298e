"""Superset's security manager, closed where Superset's own is open.

Superset shows a dataset without row rules to everyone who may read it, runs the clauses of guest tokens as SQL, and
keeps results of different people under one key where a template hides the difference. Here each of these fails closed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import g, has_request_context
from sqlalchemy import select
from superset.security import SupersetSecurityManager

from superset_assets.server.identity import identity_key, stored_identity

NO_ROWS = "1 = 0"
_PERMISSIONS = "_crm_permissions"


class _Filter(NamedTuple):
    id: int
    group_key: str | None
    clause: str


class CrmSecurityManager(SupersetSecurityManager):
    """Superset's security with the row rules of `catalogue.access` as the only way to a row."""

    def get_rls_filters(self, table: Any) -> list[Any]:
        """Return the row rules of the current user for a dataset; without any, a rule that shows nothing."""
        filters = list(super().get_rls_filters(table))
        if filters or self._is_operator():
            return filters
        return [_Filter(id=0, group_key=None, clause=NO_ROWS)]

    def get_guest_rls_filters(self, dataset: Any) -> list[Any]:
        """Return nothing: a guest's clauses say who is meant, and are not run (see `guests`)."""
        del dataset
        return []

    def get_rls_cache_key(self, datasource: Any) -> list[str]:
        """Return the key of the rules and of the identity behind them: no two people share a result by accident."""
        return [*super().get_rls_cache_key(datasource), identity_key()]

    def exist_permission_on_roles(self, view_name: str, permission_name: str, role_ids: list[int]) -> bool:
        """Return whether one of the roles has a permission.

        A request asks for up to ten; they are read once for the whole request, and anew for the next one.
        """
        if not has_request_context():
            return bool(super().exist_permission_on_roles(view_name, permission_name, role_ids))
        kept: dict[tuple[int, ...], frozenset[tuple[str, str]]] = g.setdefault(_PERMISSIONS, {})
        roles = tuple(sorted(role_ids))
        if roles not in kept:
            kept[roles] = self._permissions_of(roles)
        return (view_name, permission_name) in kept[roles]

    def auth_user_db(self, username: str, password: str) -> Any:
        """Return the user of that password, unless the CRM vouches for the user: then only its token opens the door.

        Otherwise who once set a password would still get in after the CRM has locked the account.
        """
        user = self.find_user(username=username) or self.find_user(email=username)
        if user is not None and stored_identity(user.id) is not None:
            return None
        return super().auth_user_db(username, password)

    def _permissions_of(self, roles: tuple[int, ...]) -> frozenset[tuple[str, str]]:
        both, links = self.permissionview_model, self.role_model.permissions.property.secondary
        query = (
            select(self.viewmenu_model.name, self.permission_model.name)
            .select_from(both)
            .join(links, links.c.permission_view_id == both.id)
            .join(self.viewmenu_model, self.viewmenu_model.id == both.view_menu_id)
            .join(self.permission_model, self.permission_model.id == both.permission_id)
            .where(links.c.role_id.in_(roles))
        )
        return frozenset((str(view), str(permission)) for view, permission in self.session.execute(query))

    def _is_operator(self) -> bool:
        user = getattr(g, "user", None)
        return user is not None and not self.is_guest_user(user) and bool(self.is_admin())
