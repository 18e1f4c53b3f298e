-- Grain: tenant, table of the CRM and rule: what the newest examination of the table found among the tenant's rows.
-- What concerns all tenants alike, such as the age of the last load, is told to each of them.
with outcomes as (
    select
        tenants.tenant_id as tenant_id,
        judged.table_name as table_name,
        judged.suite as suite,
        judged.rule as rule,
        judged.severity as severity,
        judged.skipped as skipped,
        judged.broken_by_tenant[tenants.tenant_id] + judged.broken_by_tenant['(all)'] as broken_rows,
        judged.examined_at as examined_at,
        judged.logged_at as logged_at,
        max(judged.logged_at) over (partition by tenants.tenant_id, judged.table_name) as newest
    from {{ ref('dim_tenants') }} as tenants
    inner join {{ ref('stg_ops__rule_outcomes') }} as judged on true
)

select
    tenant_id,
    table_name,
    suite,
    rule,
    severity,
    cast(1 as UInt64) as rules,
    cast(broken_rows > 0 as UInt64) as rules_broken,
    cast(broken_rows as UInt64) as broken_rows,
    cast(broken_rows = 0 as Bool) as is_kept,
    skipped,
    examined_at
from outcomes
where logged_at = newest
