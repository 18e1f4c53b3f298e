"""The tenants that the marts hold, with what a report needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from clickhouse_connect.driver.client import Client


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant: its language and currency, and the tenant-local day that "now" meant when the marts were built."""

    id: str
    name: str
    locale: str
    currency: str
    timezone: str
    as_of_day: date


def read_tenants(client: Client) -> list[Tenant]:
    """Return the tenants of the marts, by id."""
    result = client.query(
        """
        select tenant_id, tenant_name, locale, currency, timezone, as_of_day
        from analytics.dim_tenants
        order by tenant_id
        """
    )
    return [Tenant(*row) for row in result.result_rows]
