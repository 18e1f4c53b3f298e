-- Grain: tenant, report, month, issue. How many of the records that a report counts in a month cannot be trusted fully,
-- and why. The month is the one in which the report counts them; won deals without a close date stand in month (none)
-- beside all won deals of the tenant. Issues without an affected record are listed too: they were looked at.
with unknown_losses as (
    select
        tenant_id,
        deal_id
    from {{ ref('fct_deal_stages') }}
    where is_lost_stage_unknown
),

-- All issues of deals are counted in one pass; the reports pick what they show from these few rows.
deals as (
    select
        deals.tenant_id as tenant_id,
        deals.outcome as outcome,
        {{ first_of_month('deals.created_day') }} as created_month,
        {{ first_of_month('deals.closed_day') }} as closed_month,
        count() as all_deals,
        countIf(deals.amount is null) as without_amount,
        countIf(deals.amount is not null and deals.amount_base is null) as without_rate,
        countIf(deals.manager_id = {{ none_member() }}) as without_manager,
        countIf(deals.is_direct) as without_lead,
        countIf(not {{ is_among_most(
            ['deals.tenant_id', 'deals.deal_id'], ['tenant_id', 'deal_id'], ref('int_deal_history_closes')
        ) }}) as not_covered,
        countIf(not coalesce(stages.is_live, false)) as on_unknown_stage,
        countIf({{ is_among_most(
            ['deals.tenant_id', 'deals.deal_id'], ['tenant_id', 'deal_id'], 'unknown_losses'
        ) }}) as stage_unknown
    from {{ ref('fct_deals') }} as deals
    left join {{ ref('dim_stages') }} as stages
        on
            deals.tenant_id = stages.tenant_id
            and deals.pipeline_id = stages.pipeline_id
            and deals.stage_id = stages.stage_id
    group by tenant_id, outcome, created_month, closed_month
),

deal_issues as (
    select
        tenant_id,
        arrayJoin(
            arrayConcat(
                if(
                    outcome = 'won',
                    [
                        ('sales_by_month', closed_month, 'deals_without_amount', without_amount, all_deals),
                        ('sales_by_month', closed_month, 'deals_without_rate', without_rate, all_deals),
                        ('sales_by_month', closed_month, 'deals_without_manager', without_manager, all_deals),
                        ('sales_by_month', closed_month, 'deals_not_covered_by_history', not_covered, all_deals),
                        (
                            'sales_by_month', null, 'deals_without_close_date',
                            if(closed_month is null, all_deals, 0), all_deals
                        )
                    ],
                    []
                ),
                if(
                    outcome = 'lost',
                    [('sales_funnel', toNullable(created_month), 'lost_stage_unknown', stage_unknown, all_deals)],
                    []
                ),
                [
                    ('sales_funnel', toNullable(created_month), 'deals_without_amount', without_amount, all_deals),
                    ('sales_funnel', created_month, 'deals_without_rate', without_rate, all_deals),
                    ('sales_funnel', created_month, 'deals_without_manager', without_manager, all_deals),
                    ('sales_funnel', created_month, 'deals_not_covered_by_history', not_covered, all_deals),
                    ('sales_funnel', created_month, 'deals_on_unknown_stages', on_unknown_stage, all_deals),
                    ('lead_conversion', created_month, 'deals_without_lead', without_lead, all_deals)
                ]
            )
        ) as issue
    from deals
),

issues_of_deals as (
    select
        tenant_id,
        issue.1 as report,
        issue.2 as month,
        (issue.3, sum(issue.4), sum(issue.5)) as counted
    from deal_issues
    group by tenant_id, report, month, issue.3
),

leads as (
    select
        tenant_id,
        arrayJoin(
            [
                ('leads_by_source', 'leads_without_source', countIf(source_id = {{ none_member() }})),
                ('lead_conversion', 'leads_without_source', countIf(source_id = {{ none_member() }})),
                ('leads_by_source', 'leads_without_manager', countIf(manager_id = {{ none_member() }})),
                ('lead_conversion', 'leads_without_manager', countIf(manager_id = {{ none_member() }})),
                ('lead_conversion', 'negative_lag_leads', countIf(is_negative_lag))
            ]
        ) as found,
        found.1 as report,
        {{ first_of_month('created_day') }} as month,
        (found.2, found.3, count()) as counted
    from {{ ref('fct_leads') }}
    where not is_duplicate
    group by tenant_id, month
),

activities as (
    select
        tenant_id,
        'manager_activity' as report,
        {{ first_of_month('completed_day') }} as month,
        arrayJoin(
            [
                ('completed_without_date', countIf(is_completed_without_date), count()),
                ('activities_without_manager', countIf(manager_id = {{ none_member() }}), count())
            ]
        ) as counted
    from {{ ref('fct_activities') }}
    where is_completed
    group by tenant_id, month
),

issues_of_reports as (
    select
        tenant_id,
        report,
        month,
        counted
    from issues_of_deals
    union all
    select
        tenant_id,
        report,
        month,
        counted
    from leads
    union all
    select
        tenant_id,
        report,
        month,
        counted
    from activities
)

select
    found.tenant_id as tenant_id,
    found.report as report,
    cast(found.month as Nullable(Date32)) as month,
    found.counted.1 as issue,
    cast(found.counted.2 as UInt64) as records_affected,
    cast(found.counted.3 as UInt64) as records_total,
    cast(if(records_total = 0, null, records_affected / records_total) as Nullable(Float64)) as share,
    cast(coalesce(issues.threshold_low, 0) as Float64) as threshold_low,
    cast(coalesce(issues.threshold_high, 0) as Float64) as threshold_high,
    multiIf(
        records_affected = 0 or share < threshold_low, 'none',
        share < threshold_high, 'low',
        'high'
    ) as severity,
    concat(found.report, '.', found.counted.1) as message_key,
    coalesce(issues.text_en, found.counted.1) as text_en,
    coalesce(issues.text_ru, found.counted.1) as text_ru
from issues_of_reports as found
-- A test holds that every issue has its line in the seed; without one it would be shown by its key at any share.
left join {{ ref('quality_issues') }} as issues on found.counted.1 = issues.issue
