"""Who may see which rows: roles and row rules as `superset_assets/roles.yaml` and `rls.yaml` declare them.

The one place that Superset, ClickHouse and the API take them from. What a rule means for a table (`TableRule`) and for
a person (`Identity`) is decided here; each engine's own language for it lives beside that engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ROLES_FILE = Path(__file__).resolve().parent.parent / "superset_assets" / "roles.yaml"
RULES_FILE = ROLES_FILE.with_name("rls.yaml")

# The member that stands for "nobody" in the marts: a person of that id would be given everyone's unowned rows.
NOBODY = "(none)"
_COLUMN = r"^[a-z_][a-z0-9_]*$"
_TENANT_WORDS = frozenset({"shared", "closed"})
_OWN_WORDS = frozenset({"tenant", "closed"})
_LONGEST_ID = 128

_Model = TypeVar("_Model", bound=BaseModel)

Rows = Literal["tenant", "own", "guest"]


class AccessError(Exception):
    """The declaration is wrong, or a table is not covered by it; the message is one line that says what and where."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RoleDeclaration(_Declared):
    """A role: what it may do and whose rows it sees."""

    name: dict[Literal["en", "ru"], str]
    rows: Rows
    crm_roles: tuple[str, ...]
    datasets: tuple[str, ...] = Field(min_length=1)
    permissions: tuple[str, ...] = Field(min_length=1)


class _TableDeclaration(_Declared):
    tenant: str | None = Field(default=None, pattern=_COLUMN)
    own: str | None = Field(default=None, pattern=_COLUMN)


class _Roles(_Declared):
    version: Literal[1]
    roles: dict[str, RoleDeclaration]
    permissions: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _groups_exist_and_claims_are_unique(self) -> _Roles:
        claimed: dict[str, str] = {}
        for key, role in self.roles.items():
            unknown = set(role.permissions) - self.permissions.keys()
            if unknown:
                raise ValueError(f"role {key}: no such group of permissions: {', '.join(sorted(unknown))}")
            for claim in role.crm_roles:
                if claim in claimed:
                    raise ValueError(f"crm role {claim} leads to both {claimed[claim]} and {key}")
                claimed[claim] = key
        return self


class _Rules(_Declared):
    version: Literal[1]
    default: _TableDeclaration
    tables: dict[str, _TableDeclaration]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: a role, a tenant, and the id by which the tenant's CRM knows the person.

    `manager` is None only where a guest's token names none: then the whole tenant is meant.
    """

    role: str
    tenant: str
    manager: str | None

    def __post_init__(self) -> None:
        """Raise AccessError for an id that could stand for more than one tenant or person."""
        for name, value in (("tenant", self.tenant), ("manager", self.manager)):
            if value is not None and not is_identifier(value):
                raise AccessError(f"{name}: not an id: 1 to {_LONGEST_ID} characters, no control characters")


@dataclass(frozen=True, slots=True)
class TableRule:
    """Which columns of a table say whose a row is.

    Attributes:
        table: `<database>.<name>`.
        tenant: column of the tenant; None for a shared table, whose rows are everyone's.
        own: column of the manager; None where those who see only own rows see every row of their tenant.
        closed: no row is for anyone but operators.
        closed_to_own: no row is for those who see only own rows.
    """

    table: str
    tenant: str | None
    own: str | None
    closed: bool = False
    closed_to_own: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A row is visible where `column` equals `value`."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class Access:
    """The whole declaration, checked."""

    roles: Mapping[str, RoleDeclaration]
    groups: Mapping[str, tuple[str, ...]]
    rules: _Rules

    def permissions(self, role: str) -> frozenset[str]:
        """Return the permissions of a role, as `<permission> on <view>`."""
        return frozenset(entry for group in self.roles[role].permissions for entry in self.groups[group])

    def role_of_claim(self, claim: str) -> str | None:
        """Return the role that a value of the CRM's role claim leads to; None where it leads to none."""
        return next((key for key, role in self.roles.items() if claim in role.crm_roles), None)

    def may_read(self, role: str, table: str) -> bool:
        """Return whether the role may read the table at all; which rows of it is the rule's matter."""
        return any(fnmatchcase(table, pattern) for pattern in self.roles[role].datasets)

    def rule(self, table: str, columns: Collection[str]) -> TableRule:
        """Return what the declaration means for a table with these columns.

        Raises:
            AccessError: the table is covered by no rule, or a rule names a column that the table lacks.
        """
        listed = self._listed(table)
        default = self.rules.default
        tenant = listed.tenant or default.tenant
        own = listed.own or default.own
        if tenant == "closed":
            return TableRule(table, None, None, closed=True, closed_to_own=True)
        if tenant is None or (tenant not in _TENANT_WORDS and tenant not in columns):
            raise AccessError(
                f"{table} has no column {tenant} and no rule: list it in superset_assets/rls.yaml, "
                "with its tenant column or as shared or closed"
            )
        tenant_column = None if tenant == "shared" else tenant
        if own == "tenant":
            return TableRule(table, tenant_column, None)
        if own is None or own == "closed" or own not in columns:
            if listed.own not in (None, "closed"):
                raise AccessError(f"{table} has no column {own}, which superset_assets/rls.yaml names for it")
            return TableRule(table, tenant_column, None, closed_to_own=True)
        return TableRule(table, tenant_column, own)

    def conditions(self, rule: TableRule, identity: Identity) -> tuple[Condition, ...] | None:
        """Return what a row must fulfil to be shown to that person, all of it; None where no row may be shown."""
        declaration = self.roles.get(identity.role)
        if declaration is None or rule.closed or not self.may_read(identity.role, rule.table):
            return None
        found = [] if rule.tenant is None else [Condition(rule.tenant, identity.tenant)]
        only_own = declaration.rows == "own" or (declaration.rows == "guest" and identity.manager is not None)
        if only_own:
            if rule.closed_to_own or identity.manager is None:
                return None
            if rule.own is not None:
                found.append(Condition(rule.own, identity.manager))
        return tuple(found)

    def _listed(self, table: str) -> _TableDeclaration:
        exact = self.rules.tables.get(table)
        if exact is not None:
            return exact
        matching = [entry for pattern, entry in self.rules.tables.items() if fnmatchcase(table, pattern)]
        return matching[0] if matching else _TableDeclaration()


def is_identifier(value: str) -> bool:
    """Return whether a text may be the id of a tenant or a person."""
    return 0 < len(value) <= _LONGEST_ID and value.isprintable() and value.strip() == value and value != NOBODY


def load_access(roles: Path = ROLES_FILE, rules: Path = RULES_FILE) -> Access:
    """Return the declaration of the two files.

    Raises:
        AccessError: a file is missing, is no YAML, or says something that this module does not know.
    """
    declared = _parse(_Roles, roles)
    return Access(declared.roles, declared.permissions, _parse(_Rules, rules))


@cache
def shipped_access() -> Access:
    """Return the declaration of this repository, read once. Raises AccessError."""
    return load_access()


def _parse(model: type[_Model], path: Path) -> _Model:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return model.model_validate(content)
    except OSError as error:
        raise AccessError(f"{path.name}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise AccessError(f"{path.name}: is no YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise AccessError(f"{path.name}: {where or 'file'}: {problem['msg'].removeprefix('Value error, ')}") from None
