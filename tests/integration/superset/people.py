"""Those who use Superset in the tests: the operator, people of the CRM with its tokens, guests of embedded pages."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import jwt
import requests
import yaml

from tests.integration.superset.stand import Stand

# As long as the server itself gives a request.
TIMEOUT = 180
# Superset gives no more at once, whatever is asked for.
_PAGE = 100


def crm_token(stand: Stand, role: str, tenant: str, person: str, changes: Mapping[str, Any] | None = None) -> str:
    """Return a sign-on token as the CRM makes it; `changes` replace claims, or leave them out where None."""
    now = datetime.now(UTC)
    claims = {
        "iss": "crm",
        "aud": "superset",
        "sub": person,
        "tenant": tenant,
        "role": role,
        "name": f"{role} {person}",
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + timedelta(seconds=30),
        **(changes or {}),
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, stand.variables["CRM_JWT_SECRET"], algorithm="HS256")


@dataclass
class Visitor:
    """A browser's session, or an API client with a header of its own."""

    stand: Stand
    session: requests.Session = field(default_factory=requests.Session)
    csrf: str = ""

    def get(self, path: str, **query: str) -> requests.Response:
        """Ask for a path of the server."""
        return self.session.get(self.stand.url + path, params=query, headers=self._headers(), timeout=TIMEOUT)

    def listed(self, path: str, columns: str = "") -> list[dict[str, Any]]:
        """Return all entries of a list; a page of Superset's holds a hundred at most."""
        chosen = f"columns:!({columns})," if columns else ""
        found: list[dict[str, Any]] = []
        for page in count():
            response = self.get(path, q=f"({chosen}page:{page},page_size:{_PAGE})")
            assert response.status_code == 200, response.text
            entries = response.json()["result"]
            found += entries
            if len(entries) < _PAGE:
                break
        return found

    def send(self, method: str, path: str, content: Any = None, **options: Any) -> requests.Response:
        """Send a request that changes something."""
        return self.session.request(
            method, self.stand.url + path, json=content, headers=self._headers(), timeout=TIMEOUT, **options
        )

    def post(self, path: str, content: Any = None, **options: Any) -> requests.Response:
        """Send a POST request."""
        return self.send("POST", path, content, **options)

    def chart_data(self, dataset: int, query: Mapping[str, Any], **context: Any) -> requests.Response:
        """Ask for data as a chart does."""
        content = {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [{"row_limit": 10_000, **query}],
            "result_format": "json",
            "result_type": "full",
            **context,
        }
        return self.post("/api/v1/chart/data", content)

    def rows(self, dataset: int, query: Mapping[str, Any], **context: Any) -> list[dict[str, Any]]:
        """Return the rows of a query that must succeed."""
        response = self.chart_data(dataset, query, **context)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["result"][0]["data"]
        return found

    def count(self, dataset: int, **query: Any) -> int:
        """Return how many rows of a dataset the visitor sees."""
        found = self.rows(dataset, {"metrics": [COUNT], "columns": [], **query})
        return int(found[0]["n"]) if found else 0

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Referer": self.stand.url}
        return headers | ({"X-CSRFToken": self.csrf} if self.csrf else {})


COUNT: dict[str, Any] = {"expressionType": "SQL", "sqlExpression": "count()", "label": "n"}


def operator(stand: Stand) -> Visitor:
    """Return Superset's own administrator, signed in."""
    visitor = Visitor(stand)
    login = {
        "username": "admin",
        "password": stand.variables["SUPERSET_ADMIN_PASSWORD"],
        "provider": "db",
        "refresh": True,
    }
    token = visitor.post("/api/v1/security/login", login).json()["access_token"]
    visitor.session.headers["Authorization"] = f"Bearer {token}"
    return _with_csrf(visitor)


def person(stand: Stand, role: str, tenant: str, who: str) -> Visitor:
    """Return somebody of the CRM, signed in with a token of the CRM."""
    visitor = Visitor(stand)
    response = post_token(visitor, crm_token(stand, role, tenant, who))
    assert response.status_code == 302, response.text
    return _with_csrf(visitor)


def post_token(visitor: Visitor, token: str, target: str = "/") -> requests.Response:
    """Post a sign-on token and return the answer, redirects not followed."""
    return visitor.session.post(
        f"{visitor.stand.url}/crm-sso", data={"token": token, "next": target}, allow_redirects=False, timeout=TIMEOUT
    )


def guest(stand: Stand, token: str) -> Visitor:
    """Return the visitor of an embedded page that holds a guest token."""
    visitor = Visitor(stand)
    visitor.session.headers["X-GuestToken"] = token
    return visitor


def import_assets(admin: Visitor, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Import objects as YAML files through Superset's import API."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as bundle:
        metadata = {"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}
        for name, file in {"metadata.yaml": metadata, **files}.items():
            bundle.writestr(f"assets/{name}", yaml.safe_dump(dict(file), allow_unicode=True))
    response = admin.session.post(
        f"{admin.stand.url}/api/v1/assets/import/",
        files={"bundle": ("assets.zip", content.getvalue())},
        data={"passwords": json.dumps({})},
        headers={"X-CSRFToken": admin.csrf, "Referer": admin.stand.url, "Accept": "application/json"},
        timeout=TIMEOUT,
    )
    assert response.status_code == 200, response.text


def _with_csrf(visitor: Visitor) -> Visitor:
    response = visitor.get("/api/v1/security/csrf_token/")
    assert response.status_code == 200, response.text
    visitor.csrf = response.json()["result"]
    return visitor
