-- Twenty: the tables that its mapping reads, reduced to the columns that matter here and some personal ones. Enums are
-- types
-- of their workspace.
create schema core;
create type core."workspace_activationStatus_enum" as enum ('ACTIVE', 'SUSPENDED', 'INACTIVE');
create table core.workspace (
    id uuid primary key,
    "displayName" varchar,
    subdomain varchar not null unique,
    "databaseSchema" varchar not null default '',
    "activationStatus" core."workspace_activationStatus_enum" not null default 'INACTIVE',
    "createdAt" timestamptz not null default now(),
    "updatedAt" timestamptz not null default now(),
    "deletedAt" timestamptz
);
create table core."dataSource" (
    id uuid primary key,
    "workspaceId" uuid not null,
    schema varchar
);

create procedure core.create_workspace(name text) language plpgsql as $body$
begin
    execute format('create schema %I', name);
    execute format('set local search_path to %I', name);
    create type opportunity_stage_enum as enum ('NEW', 'SCREENING', 'MEETING', 'PROPOSAL', 'CUSTOMER');
    create type task_status_enum as enum ('TODO', 'IN_PROGRESS', 'DONE');
    create table "workspaceMember" (
        id uuid primary key,
        "nameFirstName" text not null default '',
        "nameLastName" text not null default '',
        "userEmail" text,
        locale text not null default 'en',
        "timeZone" text not null default 'system',
        "userId" uuid not null,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz,
        "searchVector" tsvector
    );
    create table company (
        id uuid primary key,
        name text,
        "addressAddressCity" text,
        "accountOwnerId" uuid,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table person (
        id uuid primary key,
        "nameFirstName" text,
        "nameLastName" text,
        "emailsPrimaryEmail" text,
        "companyId" uuid,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table opportunity (
        id uuid primary key,
        name text,
        "amountAmountMicros" numeric,
        "amountCurrencyCode" text,
        "closeDate" timestamptz,
        stage opportunity_stage_enum not null default 'NEW',
        "companyId" uuid,
        "pointOfContactId" uuid,
        "createdBySource" text,
        "createdByWorkspaceMemberId" uuid,
        "createdByName" text,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table task (
        id uuid primary key,
        title text,
        status task_status_enum default 'TODO',
        "dueAt" timestamptz,
        "assigneeId" uuid,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table "taskTarget" (
        id uuid primary key,
        "taskId" uuid,
        "opportunityId" uuid,
        "companyId" uuid,
        "personId" uuid,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table "calendarEvent" (
        id uuid primary key,
        title text,
        "isCanceled" boolean not null default false,
        "isFullDay" boolean not null default false,
        "startsAt" timestamptz,
        "endsAt" timestamptz,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table "calendarEventParticipant" (
        id uuid primary key,
        "calendarEventId" uuid,
        handle text,
        "isOrganizer" boolean not null default false,
        "workspaceMemberId" uuid,
        "personId" uuid,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
    create table "timelineActivity" (
        id uuid primary key,
        name text,
        properties jsonb,
        "happensAt" timestamptz not null default now(),
        "workspaceMemberId" uuid,
        "targetOpportunityId" uuid,
        "targetCompanyId" uuid,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "deletedAt" timestamptz
    );
end
$body$;
call core.create_workspace('workspace_3ixj3i1a5avy16ptijtb3lae3');
call core.create_workspace('workspace_1wgvd1injqtife6y4rvfbu3h5');
set local search_path to public;
