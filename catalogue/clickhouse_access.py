"""The declaration of `catalogue.access` as ClickHouse statements: accounts, grants, row policies, a read-only profile.

`python -m catalogue.clickhouse_access` prints them for the warehouse that the settings lead to, `--apply` runs them.
For a real server: the embedded one knows no users and checks its account `reader` itself. ClickHouse is the third line,
for whoever reads it past Superset and the API: a tenant's own account, a notebook, a tool. Managers within a tenant are
the other two's matter, since people have no accounts in the warehouse.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.binding import format_str, quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from catalogue.access import Access, AccessError, TableRule, shipped_access
from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.settings import (
    ClickHouseSettings,
    SettingsError,
    load_clickhouse_settings,
    load_superset_settings,
    read_environment,
)

DATABASES = ("analytics", "ml", "ops")
PROFILE = "crm_reader"
SERVICE_ROLE = "crm_service"
_TENANT_ROLE = "crm_tenant_"
_POLICY = "crm_"


@dataclass(frozen=True, slots=True)
class Warehouse:
    """What the statements are made for.

    Attributes:
        tables: the columns of each table, by `<database>.<name>`.
        tenants: ids of all tenants.
        owner: the account that builds the tables; it keeps seeing every row.
        service: the account of Superset and the API.
        password_hash: SHA-256 of the service's password, in hexadecimal.
        policies: row policies of ours that the server has, as pairs of policy and `<database>.<name>`.
    """

    tables: Mapping[str, frozenset[str]]
    tenants: Sequence[str]
    owner: str
    service: str
    password_hash: str
    policies: Sequence[tuple[str, str]] = ()


def access_statements(access: Access, warehouse: Warehouse) -> list[str]:
    """Return the statements that make a server's accounts and policies what the declaration says; they may be repeated.

    A table that no rule covers stays closed to every account but the owner's and the service's.
    """
    return [
        *_profile(),
        *_roles(warehouse),
        *_service_account(warehouse),
        *(statement for table in sorted(warehouse.tables) for statement in _policies(access, warehouse, table)),
        *_dropped(access, warehouse),
    ]


def tenant_role(tenant: str) -> str:
    """Return the name of the role that sees one tenant's rows."""
    return f"{_TENANT_ROLE}{tenant}"


def policy_condition(rule: TableRule, tenant: str) -> str | None:
    """Return the condition under which a row is a tenant's; None where no row is."""
    if rule.closed:
        return None
    return "1" if rule.tenant is None else f"{quote_identifier(rule.tenant)} = {format_str(tenant)}"


def _profile() -> list[str]:
    settings = "readonly = 1 const, max_execution_time = 60, query_plan_optimize_join_order_limit = 0"
    return [f"create settings profile or replace {quote_identifier(PROFILE)} settings {settings}"]


def _roles(warehouse: Warehouse) -> list[str]:
    roles = [SERVICE_ROLE, *(tenant_role(tenant) for tenant in warehouse.tenants)]
    statements = [f"create role if not exists {quote_identifier(role)}" for role in roles]
    for role in roles:
        databases = DATABASES if role == SERVICE_ROLE else DATABASES[:2]
        statements += [f"grant select on {database}.* to {quote_identifier(role)}" for database in databases]
    return statements


def _service_account(warehouse: Warehouse) -> list[str]:
    user, role, profile = (quote_identifier(name) for name in (warehouse.service, SERVICE_ROLE, PROFILE))
    identified = f"identified with sha256_hash by '{warehouse.password_hash}'"
    return [
        f"create user if not exists {user} {identified} default role {role} settings profile {profile}",
        f"alter user {user} {identified} settings profile {profile}",
        f"revoke all on *.* from {user}",
        f"grant {role} to {user}",
        f"set default role {role} to {user}",
        # A view of records reads the replicas with the rights of the account that made it, never with the reader's.
        f"alter user {quote_identifier(warehouse.owner)} settings default_normal_view_sql_security = 'DEFINER', "
        "default_view_definer = 'CURRENT_USER'",
    ]


def _policies(access: Access, warehouse: Warehouse, table: str) -> list[str]:
    target = _quoted_table(table)
    everyone = f"{quote_identifier(warehouse.owner)}, {quote_identifier(SERVICE_ROLE)}"
    statements = [f"create row policy or replace {_POLICY}all on {target} for select using 1 to {everyone}"]
    insiders = [everyone]
    rule = _rule(access, warehouse, table)
    for tenant in warehouse.tenants if rule else ():
        condition = policy_condition(rule, tenant) if rule else None
        if condition is not None:
            name, role = quote_identifier(f"{_POLICY}tenant_{tenant}"), quote_identifier(tenant_role(tenant))
            statements.append(f"create row policy or replace {name} on {target} for select using {condition} to {role}")
            insiders.append(role)
    # Not left to the server's own setting for users without a policy: who is not named above sees nothing.
    statements.append(
        f"create row policy or replace {_POLICY}closed on {target} as restrictive for select using 0 "
        f"to all except {', '.join(insiders)}"
    )
    return statements


def _dropped(access: Access, warehouse: Warehouse) -> list[str]:
    wanted = {(name, table) for table in warehouse.tables for name in _policy_names(access, warehouse, table)}
    return [
        f"drop row policy if exists {quote_identifier(name)} on {_quoted_table(table)}"
        for name, table in warehouse.policies
        if (name, table) not in wanted
    ]


def _policy_names(access: Access, warehouse: Warehouse, table: str) -> list[str]:
    rule = _rule(access, warehouse, table)
    open_to_tenants = rule is not None and not rule.closed
    tenants = [f"{_POLICY}tenant_{tenant}" for tenant in warehouse.tenants] if open_to_tenants else []
    return [f"{_POLICY}all", f"{_POLICY}closed", *tenants]


def _rule(access: Access, warehouse: Warehouse, table: str) -> TableRule | None:
    try:
        return access.rule(table, warehouse.tables[table])
    except AccessError:
        return None


def _quoted_table(table: str) -> str:
    database, _, name = table.partition(".")
    return f"{quote_identifier(database)}.{quote_identifier(name)}"


def read_warehouse(client: Client, owner: str, service: str, password: str) -> Warehouse:
    """Return what a warehouse holds; row policies are left out where the server has none to tell of."""
    columns = client.query(
        """
        select concat(database, '.', table), groupArray(name)
        from system.columns
        where database in {databases:Array(String)} and table not like '.inner%'
        group by database, table
        """,
        parameters={"databases": list(DATABASES)},
    )
    tenants = client.query("select tenant_id from analytics.dim_tenants order by tenant_id")
    policies = client.query(
        "select short_name, concat(database, '.', table) from system.row_policies where short_name like 'crm\\_%'"
    )
    return Warehouse(
        tables={table: frozenset(names) for table, names in columns.result_rows},
        tenants=[row[0] for row in tenants.result_rows],
        owner=owner,
        service=service,
        password_hash=hashlib.sha256(password.encode()).hexdigest(),
        policies=[(row[0], row[1]) for row in policies.result_rows],
    )


def main() -> int:
    """Print or run the statements; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m catalogue.clickhouse_access", description=__doc__)
    parser.add_argument("--apply", action="store_true", help="run the statements instead of printing them")
    arguments = parser.parse_args()
    try:
        variables = read_environment()
        settings = load_clickhouse_settings(variables)
        reader = load_superset_settings(variables)
        with connect_clickhouse(settings) as client:
            statements = _statements(client, settings, reader.reader, reader.reader_password.get_secret_value())
            for statement in statements:
                if arguments.apply:
                    client.command(statement)
                else:
                    print(f"{statement};")
    except (AccessError, ConnectionFailed, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ClickHouseError as error:
        reason = str(error).strip().splitlines()[0][:300]
        print(f"error: the warehouse refused a statement: {reason}", file=sys.stderr)
        return 1
    if arguments.apply:
        print(f"{len(statements)} statements applied")
    return 0


def _statements(client: Client, settings: ClickHouseSettings, service: str, password: str) -> list[str]:
    return access_statements(shipped_access(), read_warehouse(client, settings.username, service, password))


if __name__ == "__main__":
    sys.exit(main())
