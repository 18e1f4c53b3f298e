"""Whoever asks sees the rows that are theirs, by the warehouse's own count, and not one more."""

from __future__ import annotations

from tests.integration.superset.conftest import Manager
from tests.integration.superset.people import Visitor
from tests.integration.superset.small_assets import SmallAssets

SignedIn = dict[tuple[str, str], Visitor]


def test_each_role_sees_its_rows_in_every_tenant(
    signed_in: SignedIn, assets: SmallAssets, managers: list[Manager]
) -> None:
    seen = {key: visitor.count(assets.deals) for key, visitor in signed_in.items()}
    expected = {
        (role, manager.tenant): manager.own if role == "manager" else manager.whole
        for role in ("manager", "director", "administrator", "analyst")
        for manager in managers
    }
    assert seen == expected


def test_the_operator_sees_all(admin: Visitor, assets: SmallAssets, managers: list[Manager]) -> None:
    assert admin.count(assets.deals) == sum(manager.whole for manager in managers)
