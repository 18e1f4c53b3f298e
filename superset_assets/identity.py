"""Ids of assets that stay the same on every machine, one per language."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID, uuid5

from catalogue.texts import LanguageCode

NAMESPACE: Final = UUID("5f3a9d0e-6c1b-5d0f-9b0e-2f1c7a4e8d61")
Kind = Literal["database", "dataset", "chart", "dashboard"]


def asset_id(kind: Kind, name: str, language: LanguageCode) -> str:
    """Return the id of the copy of an asset in one language."""
    return str(uuid5(NAMESPACE, f"{kind}/{name}/{language}"))


def dashboard_slug(name: str, language: LanguageCode) -> str:
    """Return the last part of a dashboard's address, for example `summary-ru`."""
    return f"{name.replace('_', '-')}-{language}"
