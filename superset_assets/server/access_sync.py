"""Applies the declaration of `catalogue.access` to Superset: roles with exactly their permissions, and row rules.

`apply_access()` within an application context; `superset_assets.server.access` is the command. It owns the roles called
`crm_*` and the rules called `crm ...`: what of them is not declared goes.
Run it after datasets have come or gone. Until then a new dataset shows nothing to anyone but operators
(`security_manager`), and one that no rule can be made for stays so, with an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable
from superset.extensions import db, security_manager

from catalogue.access import Access, AccessError, TableRule, shipped_access
from superset_assets.server.row_clauses import EVERY_ROW, NO_ROWS, VIRTUAL_TABLE, clause

ROLE_PREFIX = "crm_"
RULE_PREFIX = "crm "
_CLOSED = "crm closed to everyone without a rule"
_OPERATORS = "Admin"


@dataclass(slots=True)
class SyncReport:
    """What was changed, one line each, and what could not be covered by a rule."""

    changes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _WantedRule:
    name: str
    clause: str
    filter_type: str
    tables: frozenset[int]
    roles: frozenset[str]


def apply_access(access: Access | None = None, *, dry_run: bool = False) -> SyncReport:
    """Make Superset's roles and row rules what the declaration says, and report what that changed.

    Every dataset is covered or named in `errors`; what is named stays closed. With `dry_run` nothing is kept.

    Raises:
        AccessError: the declaration names a permission that Superset does not have.
    """
    declared = access or shipped_access()
    report = SyncReport()
    datasets = list(db.session.query(SqlaTable).order_by(SqlaTable.id))
    rules = _rules_of(declared, datasets, report)
    with db.session.no_autoflush:
        for role in declared.roles:
            _apply_role(declared, role, datasets, rules, report)
        _apply_rules(_wanted_rules(declared, datasets, rules), report)
        # After the rules, which refer to them.
        _drop_roles({f"{ROLE_PREFIX}{role}" for role in declared.roles}, report)
    if dry_run:
        db.session.rollback()
    else:
        db.session.commit()
    return report


def _rules_of(access: Access, datasets: Iterable[Any], report: SyncReport) -> dict[int, TableRule]:
    found: dict[int, TableRule] = {}
    for dataset in datasets:
        try:
            found[dataset.id] = access.rule(_name(dataset), {column.column_name for column in dataset.columns})
        except AccessError as error:
            report.errors.append(str(error))
    return found


def _apply_role(
    access: Access, key: str, datasets: Iterable[Any], rules: dict[int, TableRule], report: SyncReport
) -> None:
    name = f"{ROLE_PREFIX}{key}"
    role = security_manager.find_role(name)
    if role is None:
        report.changes.append(f"role {name}: created")
        role = security_manager.role_model(name=name)
        db.session.add(role)
    wanted = {_permission(entry) for entry in access.permissions(key)}
    for dataset in datasets:
        if dataset.id in rules and access.may_read(key, _name(dataset)) and not rules[dataset.id].closed:
            wanted.add(_permission(f"datasource_access on {dataset.perm}"))
    held = set(role.permissions)
    for entry in sorted(str(entry) for entry in wanted - held):
        report.changes.append(f"role {name}: + {entry}")
    for entry in sorted(str(entry) for entry in held - wanted):
        report.changes.append(f"role {name}: - {entry}")
    if held != wanted:
        role.permissions = sorted(wanted, key=lambda entry: int(entry.id))


def _permission(entry: str) -> Any:
    permission, _, view = entry.partition(" on ")
    found = security_manager.find_permission_view_menu(permission, view)
    if found is None:
        raise AccessError(f"superset_assets/roles.yaml: Superset has no permission {entry}")
    return found


def _drop_roles(wanted: set[str], report: SyncReport) -> None:
    model = security_manager.role_model
    for role in db.session.query(model).filter(model.name.startswith(ROLE_PREFIX, autoescape=True)):
        if role.name not in wanted:
            report.changes.append(f"role {role.name}: deleted")
            db.session.delete(role)


def _wanted_rules(access: Access, datasets: list[Any], rules: dict[int, TableRule]) -> list[_WantedRule]:
    names = frozenset(f"{ROLE_PREFIX}{role}" for role in access.roles)
    covered = frozenset(rules)
    uncovered = frozenset(dataset.id for dataset in datasets) - covered
    wanted = [_WantedRule(_CLOSED, NO_ROWS, "Base", covered, names | {_OPERATORS})]
    if uncovered:
        wanted.append(_WantedRule(f"{_CLOSED}, roles included", NO_ROWS, "Base", uncovered, frozenset({_OPERATORS})))
    for dataset in datasets:
        if dataset.id in rules:
            wanted += _rules_of_dataset(access, dataset, rules[dataset.id])
    return wanted


def _rules_of_dataset(access: Access, dataset: Any, rule: TableRule) -> list[_WantedRule]:
    qualifier = VIRTUAL_TABLE if dataset.is_virtual else dataset.table_name
    readers: dict[tuple[str, str], set[str]] = {}
    for key, role in access.roles.items():
        text = clause(rule, role.rows, qualifier) if access.may_read(key, _name(dataset)) else NO_ROWS
        kind = {NO_ROWS: "closed", EVERY_ROW: "everyone"}.get(text, role.rows)
        readers.setdefault((kind, text), set()).add(f"{ROLE_PREFIX}{key}")
    place = f"[{dataset.database.database_name}] {_name(dataset)}"
    return [
        _WantedRule(f"{RULE_PREFIX}{place}: {kind}", text, "Regular", frozenset({dataset.id}), frozenset(roles))
        for (kind, text), roles in readers.items()
    ]


def _apply_rules(wanted: list[_WantedRule], report: SyncReport) -> None:
    model = RowLevelSecurityFilter
    held = {
        rule.name: rule for rule in db.session.query(model).filter(model.name.startswith(RULE_PREFIX, autoescape=True))
    }
    for entry in wanted:
        _apply_rule(entry, held.pop(entry.name, None), report)
    for name, rule in held.items():
        report.changes.append(f"rule {name}: deleted")
        db.session.delete(rule)


def _apply_rule(wanted: _WantedRule, rule: Any, report: SyncReport) -> None:
    if rule is None:
        report.changes.append(f"rule {wanted.name}: created")
        rule = RowLevelSecurityFilter(name=wanted.name)
        db.session.add(rule)
    elif _state(rule) != (wanted.clause, wanted.filter_type, None, wanted.tables, wanted.roles):
        report.changes.append(f"rule {wanted.name}: changed")
    else:
        return
    roles = security_manager.role_model
    rule.clause, rule.filter_type, rule.group_key = wanted.clause, wanted.filter_type, None
    rule.tables = db.session.query(SqlaTable).filter(SqlaTable.id.in_(wanted.tables)).all()
    db.session.flush()
    rule.roles = db.session.query(roles).filter(roles.name.in_(wanted.roles)).all()


def _state(rule: Any) -> tuple[str, str, str | None, frozenset[int], frozenset[str]]:
    return (
        rule.clause,
        str(getattr(rule.filter_type, "value", rule.filter_type)),
        rule.group_key or None,
        frozenset(table.id for table in rule.tables),
        frozenset(role.name for role in rule.roles),
    )


def _name(dataset: Any) -> str:
    return f"{dataset.schema}.{dataset.table_name}"
