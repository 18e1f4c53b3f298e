"""One Superset for all tests of this folder: it costs more to start than all that they ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from psycopg import sql

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.free_port import free_port
from deploy.settings import PostgresSettings
from tests.integration.conftest import engine_folder
from tests.integration.superset import stand as stands
from tests.integration.superset.people import Visitor, operator, person
from tests.integration.superset.small_assets import SmallAssets, import_small_assets
from tests.integration.superset.stand import ORIGIN, Stand

# By role and tenant.
SignedIn = dict[tuple[str, str], Visitor]


@dataclass(frozen=True)
class Manager:
    """A manager of a tenant, with what is theirs by the warehouse's own count.

    Attributes:
        tenant: the tenant's id.
        id: the manager's id in that tenant's CRM.
        own: deals of that manager.
        whole: deals of the tenant.
    """

    tenant: str
    id: str
    own: int
    whole: int


@pytest.fixture(scope="session")
def stand(postgres: PostgresSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Return a running Superset over a warehouse whose marts have been built; it holds no assets yet."""
    crm = postgres.model_copy(update={"database": "superset_crm"})
    with connect_postgres(postgres) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(crm.database)))
    with (
        engine_folder() as folder,
        stands.running_stand(crm, folder, tmp_path_factory.mktemp("home"), free_port()) as found,
    ):
        yield found


@pytest.fixture(scope="session")
def admin(stand: Stand) -> Visitor:
    """Return the operator."""
    return operator(stand)


@pytest.fixture(scope="session")
def assets(stand: Stand, admin: Visitor) -> SmallAssets:
    """Return a few assets with the roles and row rules applied to them."""
    found = import_small_assets(admin, ORIGIN)
    stand.run_inside("superset_assets.server.access")
    return found


@pytest.fixture(scope="session")
def managers(stand: Stand) -> list[Manager]:
    """Return the busiest manager of each tenant; there are three tenants or more."""
    with connect_clickhouse(stand.warehouse) as client:
        result = client.query(
            """
            select tenant_id, argMax(manager_id, own), max(own)
            from (
                select tenant_id, manager_id, if(manager_id = '(none)', 0, count()) as own
                from analytics.fct_deals group by tenant_id, manager_id
            )
            group by tenant_id order by tenant_id
            """
        )
        counts = client.query("select tenant_id, count() from analytics.fct_deals group by tenant_id")
        totals = {row[0]: row[1] for row in counts.result_rows}
    found = [Manager(tenant, manager, own, totals[tenant]) for tenant, manager, own in result.result_rows]
    assert len(found) >= 3
    assert all(0 < manager.own < manager.whole for manager in found)
    return found


@pytest.fixture(scope="session")
def signed_in(stand: Stand, assets: SmallAssets, managers: list[Manager]) -> SignedIn:
    """Return one person of each role and tenant, by role and tenant."""
    return {
        (role, manager.tenant): person(stand, role, manager.tenant, manager.id if role == "manager" else f"{role}-1")
        for role in ("manager", "director", "administrator", "analyst")
        for manager in managers
    }
