-- The demo CRM: a multi-tenant CRM on PostgreSQL whose tables carry the canonical names.
-- Conventions: ids are bigints unique in their table, except stage ids, which repeat across the pipelines of a tenant;
-- timestamps are timestamptz; `deleted_at` is a soft delete; `updated_at` is stamped by the application on each write.

create table tenants (
    id text primary key,
    name text not null,
    timezone text not null,
    currency text not null,
    locale text not null,
    is_active boolean not null default true,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table departments (
    id bigint primary key,
    tenant_id text not null references tenants,
    name text not null,
    parent_id bigint references departments,
    head_user_id bigint,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table users (
    id bigint primary key,
    tenant_id text not null references tenants,
    department_id bigint references departments,
    full_name text not null,
    role text not null, -- administrator, director, manager, service
    is_active boolean not null default true,
    deactivated_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table pipelines (
    id bigint primary key,
    tenant_id text not null references tenants,
    name text not null,
    position integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table stages (
    id text not null, -- 'new', 'offer', ... repeats across pipelines
    pipeline_id bigint not null references pipelines,
    tenant_id text not null references tenants,
    name text not null,
    position integer not null,
    outcome text not null, -- open, won, lost
    probability numeric(5, 2), -- percent, 0 to 100
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    primary key (pipeline_id, id)
);

create table lead_sources (
    id bigint primary key,
    tenant_id text not null references tenants,
    name text not null, -- as typed: several spellings of one source occur
    source_type text, -- online, offline, partner, referral, outbound; may be empty
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table companies (
    id bigint primary key,
    tenant_id text not null references tenants,
    name text not null,
    industry text,
    city text,
    owner_user_id bigint references users,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table contacts (
    id bigint primary key,
    tenant_id text not null references tenants,
    company_id bigint references companies,
    full_name text not null,
    email text,
    phone text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table leads (
    id bigint primary key,
    tenant_id text not null references tenants,
    title text,
    source_id bigint references lead_sources,
    status text not null, -- new, working, qualified, unqualified, converted
    owner_user_id bigint references users,
    company_id bigint references companies,
    contact_id bigint references contacts,
    is_duplicate boolean not null default false,
    converted_at timestamptz, -- the CRM's own stamp; mostly empty: then the first linked deal tells
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table deals (
    id bigint primary key,
    tenant_id text not null references tenants,
    title text,
    pipeline_id bigint not null references pipelines,
    stage_id text not null,
    owner_user_id bigint references users,
    company_id bigint references companies,
    contact_id bigint references contacts,
    lead_id bigint references leads,
    amount numeric(18, 2),
    currency text not null,
    expected_close_on date,
    closed_at timestamptz, -- used only where deal_stage_history does not cover the deal (imported deals)
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    foreign key (pipeline_id, stage_id) references stages (pipeline_id, id)
);

create table deal_stage_history (
    id bigint primary key,
    tenant_id text not null references tenants,
    deal_id bigint not null references deals,
    pipeline_id bigint not null references pipelines,
    from_stage_id text, -- empty on the row that records the creation
    stage_id text not null,
    user_id bigint references users,
    changed_at timestamptz not null,
    updated_at timestamptz not null,
    foreign key (pipeline_id, stage_id) references stages (pipeline_id, id)
);

create table deal_owner_history (
    id bigint primary key,
    tenant_id text not null references tenants,
    deal_id bigint not null references deals,
    from_owner_user_id bigint references users, -- empty on the first owner
    owner_user_id bigint references users,
    changed_at timestamptz not null,
    updated_at timestamptz not null
);

create table activities (
    id bigint primary key,
    tenant_id text not null references tenants,
    kind text not null, -- todo, call, meeting, email, visit
    status text not null, -- planned, in_progress, done, cancelled, deferred
    subject text,
    assignee_user_id bigint references users,
    deal_id bigint references deals,
    lead_id bigint references leads,
    company_id bigint references companies,
    due_at timestamptz,
    completed_at timestamptz,
    duration_minutes integer,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table messages (
    id bigint primary key,
    tenant_id text not null references tenants,
    activity_id bigint references activities,
    deal_id bigint references deals,
    lead_id bigint references leads,
    contact_id bigint references contacts,
    user_id bigint references users,
    channel text not null, -- call, email, chat
    direction text not null, -- in, out
    language text, -- ru, en
    body text not null,
    sent_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table exchange_rates (
    tenant_id text not null references tenants,
    currency text not null,
    rate_on date not null,
    rate numeric(18, 8) not null, -- units of the tenant's currency for one unit of `currency`
    updated_at timestamptz not null,
    primary key (tenant_id, currency, rate_on)
);

-- What the generator made, so that a day can be played on top of it. Not a CRM table: no mapping names it.
create table demo_generation (
    seed bigint not null,
    deals integer not null,
    days_played integer not null,
    as_of timestamptz not null
);

create index departments_updated_at on departments (updated_at);
create index users_updated_at on users (updated_at);
create index companies_updated_at on companies (updated_at);
create index contacts_updated_at on contacts (updated_at);
create index leads_updated_at on leads (updated_at);
create index deals_updated_at on deals (updated_at);
create index deals_lead_id on deals (lead_id) where lead_id is not null;
create index deal_stage_history_updated_at on deal_stage_history (updated_at);
create index deal_stage_history_deal_id on deal_stage_history (deal_id);
create index deal_owner_history_updated_at on deal_owner_history (updated_at);
create index activities_updated_at on activities (updated_at);
create index messages_updated_at on messages (updated_at);
