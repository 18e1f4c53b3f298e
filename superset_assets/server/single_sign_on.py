"""Sign-on with a token of the CRM: one POST, one use, one minute.

The CRM's page either posts a form with `token` and `next` to /crm-sso, or opens /crm-sso#token=...&next=..., whose
fragment no server and no log ever sees; the page served there posts it. A token in the query string is refused.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from flask import Blueprint, Response, current_app, make_response, redirect, render_template_string, request, session
from flask_login import login_user
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from superset.extensions import csrf, db

from catalogue.access import AccessError, Identity, shipped_access
from deploy.settings import load_superset_settings
from superset_assets.server.identity import CrmIdentity, UsedToken

AUDIENCE = "superset"
LONGEST_LIFE_SECONDS = 60
ROLE_PREFIX = "crm_"
_CLOCK_DIFFERENCE_SECONDS = 5
_LONGEST_JTI = 200
_HOME = "/superset/welcome/"
_LANGUAGES = ("en", "ru")

blueprint = Blueprint("crm_single_sign_on", __name__)
_log = logging.getLogger(__name__)

_FRAGMENT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>CRM Analytics</title></head><body>
<form method="post" action="{{ request.path }}">
<input type="hidden" name="token"><input type="hidden" name="next"></form>
<noscript>JavaScript is needed to sign in. Для входа нужен JavaScript.</noscript>
<p id="missing" hidden>Open this page from the CRM. Откройте эту страницу из CRM.</p>
<script nonce="{{ csp_nonce() }}">
const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
if (given.get("token")) {
  document.forms[0].token.value = given.get("token");
  document.forms[0].next.value = given.get("next") || "";
  document.forms[0].submit();
} else {
  document.getElementById("missing").hidden = false;
}
</script></body></html>
"""


class SignOnRefused(Exception):
    """A token does not let anybody in; the message says why, without repeating anything of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class SignOn:
    """What a valid token says."""

    identity: Identity
    name: str
    locale: str | None
    for_report: bool
    jti: str
    expires_at: datetime


@blueprint.route("/crm-sso", methods=["GET"])
def receive_fragment() -> Response:
    """Serve the page that posts the token of the address's fragment."""
    if "token" in request.args:
        return _refusal(SignOnRefused(400, "a token in the query string ends in logs: post it, or put it behind #"))
    return _never_stored(make_response(render_template_string(_FRAGMENT_PAGE)))


@blueprint.route("/crm-sso", methods=["POST"])
@csrf.exempt
def sign_on() -> Response:
    """Let in whom the posted token names, and send them to a page of this server."""
    try:
        if "token" in request.args:
            raise SignOnRefused(400, "a token in the query string ends in logs: post it, or put it behind #")
        signed = read_token(request.form.get("token", ""), load_superset_settings().crm_jwt_secret.get_secret_value())
        use_once(signed)
        user = keep_user(signed)
    except SignOnRefused as refused:
        _log.warning("sign-on refused: %s", refused)
        return _refusal(refused)
    # What an earlier visitor of this browser left behind, the session's id included, is not taken over.
    session.clear()
    login_user(user)
    if signed.locale:
        session["locale"] = signed.locale
    _log.info("sign-on of user %s", user.id)
    return _never_stored(make_response(redirect(local_path(request.form.get("next", "")))))


def read_token(token: str, secret: str, issuer: str | None = None) -> SignOn:
    """Return what a token says.

    Raises:
        SignOnRefused: 401 for a token that is not the CRM's, is of another audience, has expired, or lives too long;
            403 for a role that has no access.
    """
    expected = issuer or load_superset_settings().crm_jwt_issuer
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=expected,
            leeway=_CLOCK_DIFFERENCE_SECONDS,
            options={"require": ["exp", "iat", "sub", "aud", "iss", "jti"]},
        )
    except jwt.PyJWTError as error:
        raise SignOnRefused(401, f"the token is not valid ({type(error).__name__})") from None
    if int(claims["exp"]) - int(claims["iat"]) > LONGEST_LIFE_SECONDS:
        raise SignOnRefused(401, f"the token lives longer than {LONGEST_LIFE_SECONDS} seconds")
    jti = claims["jti"]
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise SignOnRefused(401, "jti must be a text that is used once")
    role = shipped_access().role_of_claim(str(claims.get("role", "")))
    if role is None:
        raise SignOnRefused(403, "the role of the token has no access to analytics")
    tenant, subject = claims.get("tenant"), claims["sub"]
    if not isinstance(tenant, str) or not isinstance(subject, str):
        raise SignOnRefused(401, "tenant and sub must be texts")
    try:
        identity = Identity(role, tenant, subject)
    except AccessError as error:
        raise SignOnRefused(401, str(error)) from None
    locale = claims.get("locale")
    return SignOn(
        identity,
        name=str(claims.get("name") or subject)[:64],
        locale=locale if locale in _LANGUAGES else None,
        for_report=claims.get("purpose") == "report",
        jti=jti,
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC).replace(tzinfo=None),
    )


def use_once(signed: SignOn) -> None:
    """Note that the token was used, for all workers at once. Raises SignOnRefused (401) if it was used before."""
    now = datetime.now(UTC).replace(tzinfo=None)
    # Kept beyond its end by what clocks may differ, or it would be accepted once more in between.
    forgotten = now - timedelta(seconds=2 * _CLOCK_DIFFERENCE_SECONDS)
    db.session.execute(delete(UsedToken.__table__).where(UsedToken.__table__.c.expires_at < forgotten))
    db.session.add(UsedToken(jti_hash=hashlib.sha256(signed.jti.encode()).hexdigest(), expires_at=signed.expires_at))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise SignOnRefused(401, "the token was used before") from None


def keep_user(signed: SignOn) -> Any:
    """Return the user of Superset that stands for the person, with exactly the role and the rows that the token says.

    Raises SignOnRefused (503) while the roles have not been applied.
    """
    manager = current_app.appbuilder.sm
    role = manager.find_role(f"{ROLE_PREFIX}{signed.identity.role}")
    if role is None:
        raise SignOnRefused(503, "the roles have not been applied: run python -m superset_assets push")
    name = user_name(signed.identity, for_report=signed.for_report)
    user = manager.find_user(username=name)
    if user is None:
        user = manager.add_user(
            name, signed.name, "", f"{name}@crm.invalid", [role], password=secrets.token_urlsafe(32)
        )
    if not user or not user.is_active:
        raise SignOnRefused(403, "this account is switched off here")
    user.roles, user.groups, user.first_name = [role], [], signed.name
    identity = db.session.get(CrmIdentity, user.id) or CrmIdentity(user_id=user.id)
    identity.role, identity.tenant, identity.manager = (
        signed.identity.role,
        signed.identity.tenant,
        str(signed.identity.manager),
    )
    db.session.add(identity)
    db.session.commit()
    return user


def user_name(identity: Identity, *, for_report: bool) -> str:
    """Return a name that no other person of any tenant has, and no account that was made here.

    A digest: ids may be long, and two ids joined by a sign may read like two others.
    """
    digest = hashlib.sha256(f"{len(identity.tenant)}:{identity.tenant}{identity.manager}".encode()).hexdigest()
    return f"crm-{'report-' if for_report else ''}{digest[:40]}"


def local_path(wanted: str) -> str:
    """Return the wanted path if it is one of this server, else the home page: a sign-on must not lead elsewhere."""
    plain = wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else _HOME


def _refusal(refused: SignOnRefused) -> Response:
    response = make_response({"error": str(refused)}, refused.status)
    return _never_stored(response)


def _never_stored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
