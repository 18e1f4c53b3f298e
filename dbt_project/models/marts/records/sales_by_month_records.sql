-- Grain: one row per won deal, on its close day (NULL where it is unknown), with what it adds to each figure of
-- sales_by_month.
select
    tenant_id,
    'deal' as record_type,
    deal_id as record_id,
    cast(closed_day as Nullable(Date32)) as day,
    cast({{ first_of_month('closed_day') }} as Nullable(Date32)) as month,
    department_id,
    department_name,
    manager_id,
    manager_name,
    manager_at_close_id,
    manager_at_close_name,
    pipeline_id,
    pipeline_name,
    cast(is_future as Bool) as is_future,
    cast(1 as UInt8) as won_deals,
    cast(coalesce(amount_base, 0) as Decimal(18, 2)) as won_amount_base,
    cast(amount is null as UInt8) as deals_without_amount,
    cast(amount is not null and amount_base is null as UInt8) as deals_without_rate
from {{ ref('fct_deals') }}
where outcome = 'won'
