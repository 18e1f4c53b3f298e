"""Models that are built by changed keys hold what a whole build would give, whatever it was that changed.

A company of its own, since every change below would disturb the others' nights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from clickhouse_connect.driver.client import Client

from deploy.connections import connect_clickhouse, connect_postgres
from deploy.demo_crm import fill, play_day
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings, PostgresSettings
from tests.integration.conftest import engine_folder
from tests.integration.pipeline.conftest import Company, create_database

DEALS = 600
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

# Each statement changes one thing that a fact is made with. {n} picks different rows for each.
CHANGES = {
    "amount of a won deal": "update deals set amount = amount + 100.01 where id in ({won} limit 3)",
    "deal reopened": (
        "with reopened as (update deals set stage_id = {open_stage} where id in ({won} offset 5 limit 2) returning *) "
        "insert into deal_stage_history select 900000000 + id, tenant_id, id, pipeline_id, null, stage_id, null, now(), now() "
        "from reopened"
    ),
    "deal deleted": "delete from activities where deal_id in ({won} offset 9 limit 1)",
    "deal marked as deleted": "update deals set deleted_at = now() where id in ({won} offset 11 limit 2)",
    "history row moved to another deal": (
        "update deal_stage_history set deal_id = (select max(id) from deals where tenant_id = deal_stage_history.tenant_id) "
        "where id in (select max(id) from deal_stage_history group by tenant_id)"
    ),
    "history row vanished": "delete from deal_stage_history where id in (select min(id) from deal_stage_history group by tenant_id)",
    "owner history row moved to another deal": (
        "update deal_owner_history set deal_id = (select min(id) from deals where tenant_id = deal_owner_history.tenant_id) "
        "where id in (select max(id) from deal_owner_history group by tenant_id)"
    ),
    "deal has another lead": (
        "update deals set lead_id = (select min(id) from leads where tenant_id = deals.tenant_id) "
        "where id in (select max(id) from deals where lead_id is not null group by tenant_id)"
    ),
    "lead marked as deleted": (
        "update leads set deleted_at = now() where id in (select max(lead_id) from deals group by tenant_id)"
    ),
    "lead has another source": (
        "update leads set source_id = (select min(id) from lead_sources where tenant_id = leads.tenant_id) "
        "where id in (select max(id) from leads group by tenant_id)"
    ),
    "activity done": (
        "update activities set status = 'done', completed_at = now() where id in "
        "(select max(id) from activities where status = 'planned' group by tenant_id)"
    ),
    "manager renamed": "update users set full_name = full_name || ' II' where id in (select min(owner_user_id) from deals group by tenant_id)",
    "manager moved to another department": (
        "update users set department_id = (select max(id) from departments where tenant_id = users.tenant_id) "
        "where id in (select max(owner_user_id) from deals group by tenant_id)"
    ),
    "manager marked as deleted": (
        "update users set deleted_at = now() where id in (select min(assignee_user_id) from activities group by tenant_id)"
    ),
    "department renamed": "update departments set name = name || ' (new)' where id in (select min(id) from departments group by tenant_id)",
    "stage becomes won": (
        "update stages set outcome = 'won' where (pipeline_id, id) in (select min(pipeline_id), max(stage_id) from deals "
        "join stages using (pipeline_id, tenant_id) where stages.outcome = 'open' and stages.id = deals.stage_id group by deals.tenant_id)"
    ),
    "stage archived": (
        "update stages set deleted_at = now() where (pipeline_id, position) in "
        "(select pipeline_id, max(position) from stages where outcome = 'open' group by pipeline_id)"
    ),
    "stages change places": "update stages set position = position + 100 where outcome = 'open' and position = 2",
    "pipeline renamed": "update pipelines set name = name || ' 2' where id in (select min(id) from pipelines group by tenant_id)",
    "pipeline marked as deleted": "update pipelines set deleted_at = now() where id in (select max(id) from pipelines group by tenant_id)",
    "source renamed": "update lead_sources set name = 'Radio' where id in (select max(id) from lead_sources group by tenant_id)",
    "tenant has another time zone": "update tenants set timezone = 'Pacific/Auckland' where id = (select min(id) from tenants)",
    "tenant has another currency": "update tenants set currency = 'CHF' where id = (select max(id) from tenants)",
    "rate of an old day": (
        "update exchange_rates set rate = rate * 2 where rate_on in (select rate_on from exchange_rates "
        "group by rate_on order by rate_on desc offset 40 limit 20)"
    ),
    "rates vanished": "delete from exchange_rates where rate_on in (select min(rate_on) from exchange_rates)",
}
