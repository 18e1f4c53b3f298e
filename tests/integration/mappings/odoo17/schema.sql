-- The tables of Odoo 17 (apps CRM, Contacts, Discuss) that its mapping reads, reduced to the columns that matter here.
-- Timestamps are UTC; texts that Odoo translates are JSON by language.
create table res_currency (id serial primary key, name varchar not null, symbol varchar not null, active boolean);

create table res_currency_rate (
    id serial primary key,
    name date not null,
    rate numeric,
    currency_id integer not null references res_currency,
    company_id integer,
    create_date timestamp,
    write_date timestamp
);

create table resource_calendar (id serial primary key, name varchar not null, tz varchar not null, company_id integer);

create table res_partner_industry (id serial primary key, name jsonb, active boolean);

create table res_partner (
    id serial primary key,
    name varchar,
    company_id integer,
    parent_id integer references res_partner,
    commercial_partner_id integer references res_partner,
    user_id integer,
    industry_id integer references res_partner_industry,
    lang varchar,
    tz varchar,
    email varchar,
    phone varchar,
    city varchar,
    is_company boolean,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table res_company (
    id serial primary key,
    name varchar not null,
    partner_id integer not null references res_partner,
    currency_id integer not null references res_currency,
    resource_calendar_id integer references resource_calendar,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table crm_team (
    id serial primary key,
    name jsonb not null,
    company_id integer references res_company,
    user_id integer,
    sequence integer,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table res_users (
    id serial primary key,
    login varchar not null unique,
    password varchar,
    partner_id integer not null references res_partner,
    company_id integer not null references res_company,
    sale_team_id integer references crm_team,
    share boolean,
    active boolean default true,
    create_date timestamp,
    write_date timestamp
);

create table res_company_users_rel (
    cid integer not null references res_company,
    user_id integer not null references res_users,
    primary key (cid, user_id)
);

create table crm_stage (
    id serial primary key,
    name jsonb not null,
    sequence integer,
    team_id integer references crm_team,
    is_won boolean,
    fold boolean,
    create_date timestamp,
    write_date timestamp
);

create table utm_source (id serial primary key, name varchar not null, create_date timestamp, write_date timestamp);

create table crm_lead (
    id serial primary key,
    name varchar not null,
    type varchar not null,
    company_id integer references res_company,
    team_id integer references crm_team,
    user_id integer references res_users,
    partner_id integer references res_partner,
    stage_id integer references crm_stage,
    source_id integer references utm_source,
    contact_name varchar,
    email_from varchar,
    phone varchar,
    probability double precision check (probability >= 0 and probability <= 100),
    expected_revenue numeric,
    recurring_revenue numeric,
    date_deadline date,
    date_closed timestamp,
    date_conversion timestamp,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table ir_model_fields (id serial primary key, model varchar not null, name varchar not null);

create table ir_model_data (
    id serial primary key,
    module varchar not null,
    name varchar not null,
    model varchar not null,
    res_id integer
);

create table mail_activity_type (id serial primary key, name jsonb not null, category varchar, keep_done boolean);

create table mail_message (
    id serial primary key,
    model varchar,
    res_id integer,
    message_type varchar not null,
    subject varchar,
    body text,
    author_id integer references res_partner,
    mail_activity_type_id integer references mail_activity_type,
    date timestamp,
    create_date timestamp,
    write_date timestamp
);

create table mail_tracking_value (
    id serial primary key,
    field_id integer references ir_model_fields,
    mail_message_id integer not null references mail_message,
    old_value_integer integer,
    new_value_integer integer,
    old_value_char varchar,
    new_value_char varchar
);

create table mail_activity (
    id serial primary key,
    res_model varchar,
    res_id integer,
    activity_type_id integer references mail_activity_type,
    user_id integer not null references res_users,
    summary varchar,
    note text,
    date_deadline date not null,
    active boolean,
    create_date timestamp,
    write_date timestamp
);
