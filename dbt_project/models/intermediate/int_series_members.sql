-- Grain: one row per tenant, dimension and member that models split by, with the name that people know it by.
select distinct
    tenant_id,
    'department' as dimension,
    department_id as member_id,
    department_name as member_name
from {{ ref('dim_users') }}
union all
select
    tenant_id,
    'manager' as dimension,
    user_id as member_id,
    user_name as member_name
from {{ ref('dim_users') }}
union all
select
    tenant_id,
    'pipeline' as dimension,
    pipeline_id as member_id,
    pipeline_name as member_name
from {{ ref('dim_pipelines') }}
union all
select
    tenant_id,
    'source' as dimension,
    source_id as member_id,
    source_name as member_name
from {{ ref('dim_sources') }}
union all
select
    tenant_id,
    'tenant' as dimension,
    '' as member_id,
    tenant_name as member_name
from {{ ref('dim_tenants') }}
