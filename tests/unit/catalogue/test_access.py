"""The declaration of roles and row rules, and what it means for a table and a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogue.access import NOBODY, AccessError, Condition, Identity, TableRule, load_access, shipped_access

ACCESS = shipped_access()
DEALS = ACCESS.rule("analytics.fct_deals", {"tenant_id", "manager_id"})


def test_a_manager_sees_own_rows_and_the_others_their_tenants() -> None:
    both = (Condition("tenant_id", "a"), Condition("manager_id", "7"))
    assert ACCESS.conditions(DEALS, Identity("manager", "a", "7")) == both
    for role in ("director", "administrator", "analyst"):
        assert ACCESS.conditions(DEALS, Identity(role, "a", "7")) == both[:1]
    assert ACCESS.conditions(DEALS, Identity("embedded_viewer", "a", None)) == both[:1]
    assert ACCESS.conditions(DEALS, Identity("embedded_viewer", "a", "7")) == both


def test_whoever_is_not_covered_sees_nothing() -> None:
    assert ACCESS.conditions(DEALS, Identity("stranger", "a", "7")) is None
    assert ACCESS.conditions(DEALS, Identity("manager", "a", None)) is None
    replica = TableRule("crm.deals", "tenant_id", "owner_id")
    assert ACCESS.conditions(replica, Identity("director", "a", "7")) is None
    machinery = ACCESS.rule("ops.extraction_state", set())
    assert ACCESS.conditions(machinery, Identity("administrator", "a", "7")) is None


def test_a_table_without_a_managers_column_is_closed_to_those_who_see_only_own_rows() -> None:
    rule = ACCESS.rule("analytics.a_new_mart", {"tenant_id"})
    assert ACCESS.conditions(rule, Identity("manager", "a", "7")) is None
    assert ACCESS.conditions(rule, Identity("embedded_viewer", "a", "7")) is None
    assert ACCESS.conditions(rule, Identity("director", "a", "7")) == (Condition("tenant_id", "a"),)


def test_shared_tables_and_names_of_the_tenant_are_open() -> None:
    manager = Identity("manager", "a", "7")
    assert ACCESS.conditions(ACCESS.rule("analytics.dim_dates", {"date_day"}), manager) == ()
    stages = ACCESS.rule("analytics.dim_stages", {"tenant_id", "stage_id"})
    assert ACCESS.conditions(stages, manager) == (Condition("tenant_id", "a"),)


def test_a_table_without_a_tenant_must_be_declared() -> None:
    with pytest.raises(AccessError, match=r"analytics\.a_new_mart has no column tenant_id.*rls\.yaml"):
        ACCESS.rule("analytics.a_new_mart", {"manager_id"})


def test_a_declared_column_must_exist() -> None:
    with pytest.raises(AccessError, match=r"dim_users has no column user_id"):
        ACCESS.rule("analytics.dim_users", {"tenant_id", "id"})


@pytest.mark.parametrize("value", ["", " a", "a\n", "x" * 129, NOBODY, "a\x00"])
def test_an_id_that_may_stand_for_many_is_none(value: str) -> None:
    with pytest.raises(AccessError):
        Identity("director", value, "7")
    with pytest.raises(AccessError):
        Identity("director", "a", value)


def test_every_role_has_both_languages_and_every_claim_one_role() -> None:
    assert all(set(role.name) == {"en", "ru"} for role in ACCESS.roles.values())
    assert ACCESS.role_of_claim("manager") == "manager"
    assert ACCESS.role_of_claim("Admin") is None
    assert ACCESS.role_of_claim("embedded_viewer") is None


def test_only_the_analyst_has_sql_lab_and_nobody_writes() -> None:
    with_sql = {role for role in ACCESS.roles if any("SQLLab" in entry for entry in ACCESS.permissions(role))}
    assert with_sql == {"analyst"}
    allowed = {"DashboardFilterStateRestApi", "DashboardPermalinkRestApi", "ExploreFormDataRestApi",
               "ExplorePermalinkRestApi", "ReportSchedule", "SavedQuery"}  # fmt: skip
    for role in ACCESS.roles:
        written = {entry.partition(" on ")[2] for entry in ACCESS.permissions(role) if entry.startswith("can_write")}
        assert written <= allowed, role


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rows: own", "rows: some"), r"roles\.yaml: roles\.manager\.rows"),
        (("permissions: [view, export, drill]", "permissions: [view, fly]"), r"role manager: no such group.*fly"),
        (("crm_roles: [director, head]", "crm_roles: [director, manager]"), r"crm role manager leads to both"),
        (("version: 1", "version: 2"), r"roles\.yaml: version"),
        (("\nroles:", "\nroles: ["), r"roles\.yaml: is no YAML"),
    ],
)
def test_a_mistake_in_the_declaration_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    from catalogue.access import ROLES_FILE

    file = tmp_path / "roles.yaml"
    file.write_text(ROLES_FILE.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    with pytest.raises(AccessError, match=message):
        load_access(roles=file)
