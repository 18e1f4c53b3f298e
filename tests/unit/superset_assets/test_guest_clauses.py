"""The clauses of a guest token: written by one side, read by the other, and nothing else is understood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from catalogue.access import AccessError, is_identifier
from superset_assets.server.guests import guest_identity, validate_guest_request
from superset_assets.tokens import Guest, TokenError, mint_guest_token

SECRET = SecretStr("a-secret-of-more-than-32-characters-for-tests")
DASHBOARD = "4b9d1a0e-6a0f-4c39-9a55-2a51f3ab1f0c"
ids = st.text(max_size=40).filter(is_identifier).filter(lambda value: "\\" not in value)


def claims_of(
    guest: Guest, life: timedelta = timedelta(minutes=5), dashboards: tuple[str, ...] = (DASHBOARD,)
) -> object:
    token = mint_guest_token(SECRET, guest, dashboards, now=datetime.now(UTC), life=life)
    return jwt.decode(token, SECRET.get_secret_value(), algorithms=["HS256"], audience="superset")


@given(tenant=ids, manager=st.none() | ids)
def test_what_is_minted_is_read_back(tenant: str, manager: str | None) -> None:
    claims = claims_of(Guest("page", tenant, manager))
    assert isinstance(claims, dict)
    identity = guest_identity(claims["rls_rules"])
    assert identity is not None
    assert (identity.role, identity.tenant, identity.manager) == ("embedded_viewer", tenant, manager)
    assert validate_guest_request({"rls": claims["rls_rules"]})


@given(clause=st.text(max_size=60))
def test_any_other_text_is_nobody(clause: str) -> None:
    assert guest_identity([{"clause": f"tenant_id = 'a' {clause}"}]) is None or not clause.strip()
    assert guest_identity([{"clause": clause}]) is None


@pytest.mark.parametrize(
    "rules",
    [
        None,
        [],
        "tenant_id = 'a'",
        [{}],
        [{"clause": "tenant_id = 'a'"}, {"clause": "tenant_id = 'b'"}],
        [{"clause": "manager_id = 'a'"}],
        [{"clause": "tenant_id = 'a'", "dataset": 1}],
        [{"clause": "tenant_id = 'a\\'"}],
        [{"clause": "tenant_id = '(none)'"}],
        [{"clause": "tenant_id = ''"}],
    ],
)
def test_half_a_rule_or_two_is_nobody(rules: object) -> None:
    assert guest_identity(rules) is None
    assert not validate_guest_request({"rls": rules})


def test_a_token_that_cannot_be_right_is_not_minted() -> None:
    with pytest.raises(TokenError, match="between a second and an hour"):
        claims_of(Guest("page", "a"), life=timedelta(hours=2))
    with pytest.raises(TokenError, match="at least one"):
        claims_of(Guest("page", "a"), dashboards=())
    with pytest.raises(TokenError, match="no id of an embedded dashboard"):
        claims_of(Guest("page", "a"), dashboards=("executive",))
    with pytest.raises(AccessError):
        claims_of(Guest("page", ""))
    with pytest.raises(TokenError, match="backslash"):
        claims_of(Guest("page", "a\\b"))
