-- The tables of salesforce_clone that its mapping reads, with all of their columns. Naive timestamps are UTC.
create table tenants (
    id uuid primary key,
    name varchar(255) not null,
    domain varchar(255),
    subdomain varchar(100),
    is_active boolean default true,
    timezone varchar(50) default 'UTC',
    locale varchar(10) default 'en',
    created_at timestamptz default now(),
    updated_at timestamptz
);

create table users (
    id uuid primary key,
    email varchar(255) not null unique,
    username varchar(255),
    hashed_password varchar(255) not null,
    first_name varchar(255),
    last_name varchar(255),
    phone varchar(255),
    title varchar(255),
    department varchar(255),
    timezone varchar(255) default 'UTC',
    locale varchar(255) default 'en',
    is_active boolean default true,
    is_superuser boolean default false,
    created_at timestamp default now(),
    updated_at timestamp
);

create table tenant_users (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    user_id uuid not null references users,
    role varchar(50) default 'user',
    permissions text,
    is_active boolean default true,
    joined_at timestamptz default now()
);

create table companies (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    owner_id uuid not null references users,
    name varchar(255) not null,
    legal_name varchar(255),
    company_type varchar(32) default 'PROSPECT',
    email varchar(255),
    phone varchar(20),
    website varchar(500),
    city varchar(100),
    country varchar(100),
    industry varchar(100),
    size varchar(50),
    company_size varchar(50),
    annual_revenue numeric(15, 2),
    is_active boolean default true,
    source varchar(100),
    notes text,
    created_at timestamp default now(),
    updated_at timestamp,
    last_contacted timestamp
);

create table contacts (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    owner_id uuid not null references users,
    company_id uuid references companies,
    first_name varchar(100) not null,
    last_name varchar(100) not null,
    email varchar(255),
    phone varchar(20),
    contact_type varchar(32) default 'LEAD',
    title varchar(100),
    position varchar(100),
    city varchar(100),
    country varchar(100),
    is_active boolean default true,
    source varchar(100),
    notes text,
    created_at timestamp default now(),
    updated_at timestamp,
    last_contacted timestamp
);

create table opportunities (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    owner_id uuid not null references users,
    company_id uuid references companies,
    contact_id uuid references contacts,
    name varchar(255) not null,
    description text,
    stage varchar(32) default 'PROSPECTING',
    opportunity_type varchar(32) default 'NEW_BUSINESS',
    lead_source varchar(32),
    amount numeric(15, 2),
    probability integer default 0,
    expected_revenue numeric(15, 2),
    close_date date,
    actual_close_date date,
    next_step varchar(500),
    notes text,
    is_active boolean default true,
    is_closed boolean default false,
    is_won boolean default false,
    created_at timestamp default now(),
    updated_at timestamp,
    last_activity timestamp
);

create table opportunity_activities (
    id uuid primary key,
    opportunity_id uuid not null references opportunities,
    owner_id uuid not null references users,
    activity_type varchar(50) not null,
    subject varchar(255) not null,
    description text,
    scheduled_date timestamptz,
    completed_date timestamptz,
    duration integer,
    status varchar(50) default 'pending',
    outcome varchar(100),
    notes text,
    created_at timestamptz default now(),
    updated_at timestamptz
);
