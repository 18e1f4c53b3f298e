"""Superset's roles and row rules are what the declaration says: no more, no less, however often it is applied."""

from __future__ import annotations

from typing import Any

import pytest

from catalogue.access import shipped_access
from tests.integration.superset.conftest import Manager, SignedIn
from tests.integration.superset.people import Visitor
from tests.integration.superset.small_assets import DATABASE, SmallAssets, make_dataset
from tests.integration.superset.stand import Stand

COMMAND = "superset_assets.server.access"


def rules(admin: Visitor) -> dict[str, dict[str, Any]]:
    return {rule["name"]: rule for rule in admin.listed("/api/v1/rowlevelsecurity/")}


def roles(admin: Visitor) -> dict[str, int]:
    return {role["name"]: role["id"] for role in admin.listed("/api/v1/security/roles/")}


def test_a_role_holds_exactly_what_is_declared(admin: Visitor, assets: SmallAssets) -> None:
    held = roles(admin)
    declared = shipped_access()
    assert {name for name in held if name.startswith("crm_")} == {f"crm_{role}" for role in declared.roles}
    for role in declared.roles:
        found = admin.get(f"/api/v1/security/roles/{held[f'crm_{role}']}/permissions/").json()["result"]
        names = {f"{entry['permission_name']} on {entry['view_menu_name']}" for entry in found}
        data = {name for name in names if name.startswith("datasource_access on ")}
        assert names - data == declared.permissions(role)
        # Other tests may have pushed the dashboards' datasets into the same Superset.
        assert len({name for name in data if f"[{DATABASE}]" in name}) == 4


def test_once_more_changes_nothing_and_what_is_not_declared_goes(
    admin: Visitor, stand: Stand, assets: SmallAssets
) -> None:
    """One run mends a changed rule, a rule and a role too many, and names a dataset that cannot be covered."""
    before = rules(admin)
    changed = before["crm [security tests] analytics.fct_deals: own"]
    widened = {"name": changed["name"], "clause": "1 = 1", "filter_type": "Regular"}
    ids = {"tables": [table["id"] for table in changed["tables"]], "roles": [role["id"] for role in changed["roles"]]}
    assert admin.send("PUT", f"/api/v1/rowlevelsecurity/{changed['id']}", widened | ids).status_code == 200
    extra = {"name": "crm by hand", "clause": "1 = 1", "filter_type": "Regular"}
    assert admin.post("/api/v1/rowlevelsecurity/", extra | ids).status_code == 201
    kept = {"name": "somebody's own", "clause": "1 = 1", "filter_type": "Regular"}
    assert admin.post("/api/v1/rowlevelsecurity/", kept | ids).status_code == 201
    assert admin.post("/api/v1/security/roles/", {"name": "crm_by_hand"}).status_code == 201
    uncovered = make_dataset(admin, "nobody_s", sql="select 1 as x")
    try:
        dry = stand.run_inside(COMMAND, "--dry-run", check=False)
        assert "rule crm by hand: deleted" in dry.stdout and "(dry run)" in dry.stdout
        assert "crm by hand" in rules(admin)
        applied = stand.run_inside(COMMAND, check=False)
        assert applied.returncode == dry.returncode == 1
        assert "error: analytics.nobody_s has no column tenant_id and no rule" in applied.stderr
        for line in (
            "rule crm [security tests] analytics.fct_deals: own: changed",
            "rule crm by hand: deleted",
            "role crm_by_hand: deleted",
        ):
            assert line in applied.stdout.splitlines()
    finally:
        admin.send("DELETE", f"/api/v1/dataset/{uncovered}")
    stand.run_inside(COMMAND)
    assert stand.run_inside(COMMAND).stdout.splitlines()[-1] == "0 changes"
    held = rules(admin)
    own = held.pop("somebody's own")
    admin.send("DELETE", f"/api/v1/rowlevelsecurity/{own['id']}")
    assert {name: rule["clause"] for name, rule in held.items()} == {
        name: rule["clause"] for name, rule in before.items()
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/security/users/"),
        ("GET", "/api/v1/security/roles/"),
        ("GET", "/api/v1/rowlevelsecurity/"),
        ("GET", "/api/v1/database/1/connection"),
        ("GET", "/api/v1/assets/export/"),
        ("POST", "/api/v1/assets/import/"),
        ("POST", "/api/v1/dataset/"),
        ("POST", "/api/v1/dataset/get_or_create/"),
        ("POST", "/api/v1/dataset/duplicate"),
        ("POST", "/api/v1/chart/"),
        ("POST", "/api/v1/dashboard/"),
        ("POST", "/api/v1/database/"),
        ("POST", "/api/v1/rowlevelsecurity/"),
        ("PUT", "/api/v1/me/"),
    ],
)
def test_nobody_of_the_crm_administers_anything(
    signed_in: SignedIn, managers: list[Manager], method: str, path: str
) -> None:
    for role in ("manager", "director", "administrator", "analyst"):
        response = signed_in[role, managers[0].tenant].send(method, path, {} if method != "GET" else None)
        assert response.status_code in (401, 403, 404), (role, response.text)


def test_a_dataset_is_changed_by_nobody_of_the_crm(
    signed_in: SignedIn, managers: list[Manager], assets: SmallAssets
) -> None:
    changes = {"sql": "select * from analytics.fct_deals", "columns": []}
    for visitor in signed_in.values():
        assert visitor.send("PUT", f"/api/v1/dataset/{assets.deals}", changes).status_code == 403
        assert visitor.send("DELETE", f"/api/v1/dataset/{assets.deals}").status_code == 403
        assert visitor.send("PUT", f"/api/v1/chart/{assets.chart}", {"slice_name": "mine"}).status_code == 403


def test_a_stranger_sees_nothing(stand: Stand, assets: SmallAssets) -> None:
    stranger = Visitor(stand)
    for path in ("/api/v1/dashboard/", "/api/v1/chart/", "/api/v1/dataset/", f"/api/v1/chart/{assets.chart}/data/"):
        response = stranger.get(path)
        assert response.status_code in (401, 403) or response.json().get("count") == 0, path
