"""A guest token shows one tenant's rows, or none; however it was made, it never shows more."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from superset_assets.tokens import Guest, mint_guest_token
from tests.integration.superset.conftest import Manager
from tests.integration.superset.people import COUNT, Visitor, guest
from tests.integration.superset.small_assets import SmallAssets
from tests.integration.superset.stand import ORIGIN, Stand


def minted(stand: Stand, assets: SmallAssets, tenant: str, manager: str | None = None) -> str:
    secret = SecretStr(stand.variables["SUPERSET_GUEST_TOKEN_SECRET"])
    return mint_guest_token(
        secret, Guest("page", tenant, manager), (assets.embedded,), now=datetime.now(UTC), life=timedelta(minutes=5)
    )


def self_made(stand: Stand, assets: SmallAssets, rules: object, **changes: Any) -> str:
    """Return a token signed with the real secret, saying whatever a careless minter could say."""
    now = time.time()
    claims = {
        "user": {"username": "page", "first_name": "volga", "last_name": "volga"},
        "resources": [{"type": "dashboard", "id": assets.embedded}],
        "rls_rules": rules,
        "iat": now,
        "exp": now + 300,
        "aud": "superset",
        "type": "guest",
        **changes,
    }
    return jwt.encode(claims, stand.variables["SUPERSET_GUEST_TOKEN_SECRET"], algorithm="HS256")


def test_a_guest_sees_the_tenant_or_the_manager_of_the_token(
    stand: Stand, assets: SmallAssets, managers: list[Manager]
) -> None:
    for _ in range(2):
        for manager in managers:
            whole = guest(stand, minted(stand, assets, manager.tenant))
            own = guest(stand, minted(stand, assets, manager.tenant, manager.id))
            assert (whole.count(assets.deals), own.count(assets.deals)) == (manager.whole, manager.own)
            assert whole.count(assets.deals_by_manager) > 1 == own.count(assets.deals_by_manager)
            assert whole.count(assets.stages) > 0 == own.count(assets.stages)


def test_a_guest_opens_the_dashboard_and_takes_its_table_as_a_file(
    stand: Stand, assets: SmallAssets, managers: list[Manager]
) -> None:
    manager = managers[0]
    visitor = guest(stand, minted(stand, assets, manager.tenant))
    assert visitor.get(f"/api/v1/dashboard/{assets.dashboard}").status_code == 200
    query = {"columns": ["manager_name"], "metrics": ["deals"]}
    table = visitor.chart_data(assets.deals, query, result_format="csv").content.decode("utf-8-sig")
    assert sum(int(line.rsplit(",", 1)[1]) for line in table.splitlines()[1:]) == manager.whole


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"clause": ""}],
        [{"clause": "1 = 1"}],
        [{"clause": "tenant_id = 'volga' OR 1=1"}],
        [{"clause": "tenant_id = 'volga' or '1'='1'"}],
        [{"clause": "tenant_id = 'volga'", "dataset": 999}],
        [{"clause": "tenant_id = 'volga'"}, {"clause": "tenant_id = 'hudson'"}],
        [{"clause": "tenant_id in ('volga', 'hudson')"}],
        [{"clause": "manager_id = '1'"}],
        [{"clause": "tenant_id = '{{ 1 }}'"}],
        "tenant_id = 'volga'",
        {"clause": "tenant_id = 'volga'"},
        ["tenant_id = 'volga'"],
    ],
    ids=str,
)
def test_clauses_that_are_not_exactly_one_tenants_show_nothing(
    stand: Stand, assets: SmallAssets, rules: object
) -> None:
    visitor = guest(stand, self_made(stand, assets, rules))
    for dataset in (assets.deals, assets.deals_by_manager, assets.stages):
        response = visitor.chart_data(dataset, {"columns": [], "metrics": [COUNT]})
        if response.status_code == 200:
            assert [row["n"] for row in response.json()["result"][0]["data"]] in ([], [0])
        else:
            assert response.status_code in (400, 401, 403), response.text


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": time.time() - 60},
        {"aud": "other"},
        {"type": "access"},
        {"user": None},
        {"resources": None},
    ],
    ids=str,
)
def test_a_stale_or_misdirected_token_is_no_token(stand: Stand, assets: SmallAssets, changes: dict[str, Any]) -> None:
    visitor = guest(stand, self_made(stand, assets, [{"clause": "tenant_id = 'volga'"}], **changes))
    assert visitor.chart_data(assets.deals, {"columns": [], "metrics": [COUNT]}).status_code in (401, 403)


def test_a_forged_token_is_no_token(stand: Stand, assets: SmallAssets) -> None:
    claims = jwt.decode(minted(stand, assets, "volga"), options={"verify_signature": False})
    for token in (
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, stand.variables["CRM_JWT_SECRET"], algorithm="HS256"),
        jwt.encode(claims, "test-guest-secret-change-me-and-more-of-it", algorithm="HS256"),
    ):
        assert guest(stand, token).chart_data(assets.deals, {"columns": [], "metrics": [COUNT]}).status_code == 401


def test_a_guest_who_changes_the_query_stays_inside(stand: Stand, assets: SmallAssets, managers: list[Manager]) -> None:
    for manager in managers:
        visitor = guest(stand, minted(stand, assets, manager.tenant))
        column = {"sqlExpression": f"'{manager.tenant}'", "label": "tenant_id", "expressionType": "SQL"}
        for query in (
            {"columns": [column], "metrics": [COUNT]},
            {"columns": [], "metrics": [COUNT], "extras": {"where": "1 = 1"}},
            {"columns": ["tenant_id"], "metrics": [COUNT], "url_params": {"tenant_id": "hudson"}},
        ):
            response = visitor.chart_data(assets.deals, query)
            if response.status_code == 200:
                assert [row["n"] for row in response.json()["result"][0]["data"]] == [manager.whole]
            else:
                assert response.status_code in (400, 403), response.text


def test_supersets_own_endpoint_mints_only_what_is_one_tenants(
    admin: Visitor, stand: Stand, assets: SmallAssets
) -> None:
    def ask(rules: object) -> Any:
        content = {
            "user": {"username": "page"},
            "resources": [{"type": "dashboard", "id": assets.embedded}],
            "rls": rules,
        }
        return admin.post("/api/v1/security/guest_token/", content)

    for rules in ([], [{"clause": "tenant_id = 'volga' OR 1=1"}], [{"clause": "tenant_id = 'volga'", "dataset": 1}]):
        assert ask(rules).status_code == 400
    response = ask([{"clause": "tenant_id = 'volga'"}])
    assert response.status_code == 200, response.text
    assert guest(stand, response.json()["token"]).count(assets.deals) > 0


def test_nobody_of_the_crm_mints_a_token(signed_in: dict[tuple[str, str], Visitor], assets: SmallAssets) -> None:
    content = {
        "user": {"username": "page"},
        "resources": [{"type": "dashboard", "id": assets.embedded}],
        "rls": [{"clause": "tenant_id = 'volga'"}],
    }
    for visitor in signed_in.values():
        assert visitor.post("/api/v1/security/guest_token/", content).status_code == 403


def test_only_the_crm_may_embed(stand: Stand, assets: SmallAssets) -> None:
    def open_from(origin: str) -> int:
        visitor = Visitor(stand)
        path = f"{stand.url}/embedded/{assets.embedded}"
        return visitor.session.get(path, headers={"Referer": f"{origin}/page"}, timeout=60).status_code

    assert open_from(ORIGIN) == 200
    assert open_from("http://evil.example") == 403
