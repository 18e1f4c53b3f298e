"""Only a fresh token of the CRM opens the door, once, and what it says of a person is what holds."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from tests.integration.superset.conftest import Manager, SignedIn
from tests.integration.superset.people import Visitor, crm_token, person, post_token
from tests.integration.superset.small_assets import SmallAssets
from tests.integration.superset.stand import Stand


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"exp": timedelta(seconds=-30), "iat": timedelta(seconds=-60)}, 401),
        ({"exp": timedelta(hours=1)}, 401),
        ({"iat": timedelta(hours=1), "exp": timedelta(hours=1, seconds=30)}, 401),
        ({"aud": "api"}, 401),
        ({"iss": "someone"}, 401),
        ({"jti": None}, 401),
        ({"jti": ""}, 401),
        ({"exp": None}, 401),
        ({"sub": None}, 401),
        ({"tenant": None}, 401),
        ({"tenant": ["volga", "hudson"]}, 401),
        ({"tenant": ""}, 401),
        ({"sub": "(none)"}, 401),
        ({"role": "Admin"}, 403),
        ({"role": "embedded_viewer"}, 403),
        ({"role": None}, 403),
    ],
)
def test_a_wrong_claim_lets_nobody_in(stand: Stand, assets: SmallAssets, changes: dict[str, Any], status: int) -> None:
    now = datetime.now(UTC)  # of this test: those before it may have taken an hour
    claims = {name: now + value if isinstance(value, timedelta) else value for name, value in changes.items()}
    visitor = Visitor(stand)
    response = post_token(visitor, crm_token(stand, "director", "volga", "1", claims))
    assert response.status_code == status, response.text
    assert visitor.get("/api/v1/me/").status_code == 401


def test_a_forged_token_lets_nobody_in(stand: Stand, assets: SmallAssets) -> None:
    good = crm_token(stand, "director", "volga", "1")
    claims = jwt.decode(good, options={"verify_signature": False})
    head, body, signature = good.split(".")
    forged = [
        jwt.encode(claims, "another-secret-of-more-than-32-characters", algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, stand.variables["CRM_JWT_SECRET"], algorithm="HS512"),
        jwt.encode(claims, stand.variables["SUPERSET_GUEST_TOKEN_SECRET"], algorithm="HS256"),
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body}.",
        "",
        "nonsense",
    ]
    for token in forged:
        visitor = Visitor(stand)
        assert post_token(visitor, token).status_code == 401
        assert visitor.get("/api/v1/me/").status_code == 401


def test_a_token_is_good_once(stand: Stand, assets: SmallAssets) -> None:
    token = crm_token(stand, "director", "volga", "1")
    assert post_token(Visitor(stand), token).status_code == 302
    second = post_token(Visitor(stand), token)
    assert (second.status_code, second.json()) == (401, {"error": "the token was used before"})


def test_a_token_in_the_address_is_refused(stand: Stand, assets: SmallAssets) -> None:
    token = crm_token(stand, "director", "volga", "1")
    assert Visitor(stand).get("/crm-sso", token=token).status_code == 400
    response = Visitor(stand).session.post(f"{stand.url}/crm-sso?token={token}", allow_redirects=False, timeout=30)
    assert response.status_code == 400


def test_no_token_and_no_secret_is_logged(stand: Stand, assets: SmallAssets) -> None:
    marked = crm_token(stand, "director", "volga", "1", {"jti": f"seen-{uuid.uuid4().hex}"})
    post_token(Visitor(stand), marked)
    post_token(Visitor(stand), marked)
    Visitor(stand).get("/crm-sso", token=marked)
    time.sleep(0.5)
    log = stand.log.read_text(encoding="utf-8")
    assert "the token was used before" in log
    assert marked not in log and marked.rsplit(".", 1)[1] not in log
    secrets = [value for name, value in stand.variables.items() if name.endswith(("SECRET", "SECRET_KEY", "PASSWORD"))]
    assert len(secrets) >= 5
    assert not [secret for secret in secrets if secret in log]


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/dashboard/list/?x=1", "/dashboard/list/?x=1"),
        ("https://evil.example/", "/superset/welcome/"),
        ("//evil.example/", "/superset/welcome/"),
        ("/\\evil.example/", "/superset/welcome/"),
        ("/\t/evil.example", "/superset/welcome/"),
        ("javascript:alert(1)", "/superset/welcome/"),
        ("", "/superset/welcome/"),
    ],
)
def test_it_leads_to_this_server_only(stand: Stand, assets: SmallAssets, target: str, lands: str) -> None:
    response = post_token(Visitor(stand), crm_token(stand, "director", "volga", "1"), target)
    assert (response.status_code, response.headers["Location"]) == (302, lands)


def test_a_new_role_and_tenant_replace_the_old_ones(stand: Stand, assets: SmallAssets, managers: list[Manager]) -> None:
    manager = managers[0]
    assert person(stand, "manager", manager.tenant, manager.id).count(assets.deals) == manager.own
    promoted = person(stand, "director", manager.tenant, manager.id)
    assert promoted.count(assets.deals) == manager.whole
    assert promoted.get("/api/v1/me/roles/").json()["result"]["roles"].keys() == {"crm_director"}
    demoted = person(stand, "manager", manager.tenant, manager.id)
    # The session that was open before is the same person, and has become the same role.
    assert promoted.count(assets.deals) == demoted.count(assets.deals) == manager.own


def test_one_id_in_two_tenants_is_two_people(stand: Stand, assets: SmallAssets, managers: list[Manager]) -> None:
    first, second = (person(stand, "director", manager.tenant, "7") for manager in managers[:2])
    assert first.get("/api/v1/me/").json()["result"]["id"] != second.get("/api/v1/me/").json()["result"]["id"]
    assert [first.count(assets.deals), second.count(assets.deals)] == [manager.whole for manager in managers[:2]]


@pytest.mark.parametrize(
    "name",
    [
        "volga') OR ('1'='1",
        "volga' or 1=1 --x",
        "volga\\' or 1=1 --x",
        "volga\\') or (1=1) --x",
        "volga\\",
        "{{ ['volga']|where_in }}",
        "volga'}} or 1=1 {{'",
        "%s:tenant",
        "admin",
    ],
)
def test_a_name_that_looks_like_sql_or_a_template_is_nobody(stand: Stand, assets: SmallAssets, name: str) -> None:
    for tenant, who in ((name, "1"), ("volga", name)):
        visitor = person(stand, "manager", tenant, who)
        assert visitor.count(assets.deals) == 0
        assert visitor.rows(assets.deals_by_manager, {"columns": ["tenant_id"], "metrics": []}) == []
    assert person(stand, "director", name, "1").count(assets.deals) == 0


def test_nobody_changes_who_they_are(
    stand: Stand, admin: Visitor, assets: SmallAssets, managers: list[Manager]
) -> None:
    manager = managers[0]
    visitor = person(stand, "manager", manager.tenant, manager.id)
    me = visitor.get("/api/v1/me/").json()["result"]
    changes = {"first_name": managers[1].tenant, "last_name": managers[1].id, "password": "A-new-passw0rd!"}
    assert visitor.send("PUT", "/api/v1/me/", changes).status_code in (401, 403)
    for path, content in (
        (f"/api/v1/security/users/{me['id']}", {"username": "crm-other"}),
        (f"/api/v1/security/users/{me['id']}", {"roles": [1]}),
    ):
        assert visitor.send("PUT", path, content).status_code in (401, 403, 404), path
    for path in ("/userinfoeditview/form", "/resetmypassword/form"):
        visitor.session.post(stand.url + path, data=changes | {"csrf_token": visitor.csrf}, timeout=30)
    assert visitor.count(assets.deals) == manager.own
    # Even a password that an operator set opens nothing: the CRM alone vouches for its people.
    set_password = admin.send("PUT", f"/api/v1/security/users/{me['id']}", {"password": "Another-passw0rd!"})
    assert set_password.status_code == 200, set_password.text
    login = {"username": me["username"], "password": "Another-passw0rd!", "provider": "db", "refresh": True}
    assert Visitor(stand).post("/api/v1/security/login", login).status_code == 401


def test_an_account_that_is_switched_off_stays_out(stand: Stand, admin: Visitor, assets: SmallAssets) -> None:
    visitor = person(stand, "manager", "volga", "switched-off")
    number = visitor.get("/api/v1/me/").json()["result"]["id"]
    assert admin.send("PUT", f"/api/v1/security/users/{number}", {"active": False}).status_code == 200
    assert post_token(Visitor(stand), crm_token(stand, "manager", "volga", "switched-off")).status_code == 403
    assert visitor.get("/api/v1/me/").status_code == 401


def test_pages_load_nothing_from_elsewhere_and_are_framed_by_the_crm_only(
    stand: Stand, signed_in: SignedIn, managers: list[Manager]
) -> None:
    page = signed_in["director", managers[0].tenant].get("/superset/welcome/")
    policy = page.headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";") if part.strip())
    assert "scarf" not in policy
    assert directives["connect-src"] == directives["font-src"] == "'self'"
    assert directives["frame-ancestors"] == "'self' http://crm.example"
