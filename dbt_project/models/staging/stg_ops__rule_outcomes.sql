-- Grain: one row per examination of a replica and rule.
select
    table_name,
    suite,
    rule,
    severity,
    broken_by_tenant,
    skipped,
    examined_at,
    logged_at
from {{ source('ops', 'rule_outcomes') }}
