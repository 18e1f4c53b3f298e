-- Salesforce objects as Heroku Connect lays them out, reduced to the columns that the mapping reads and some personal
-- ones.
create schema salesforce;
set local search_path to salesforce;

create table "user" (
    id serial primary key,
    sfid varchar(18) unique,
    name varchar(121),
    email varchar(128),
    department varchar(80),
    usertype varchar(40),
    isactive boolean,
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);

create table account (
    id serial primary key,
    sfid varchar(18) unique,
    name varchar(255),
    industry varchar(255),
    billingcity varchar(40),
    ownerid varchar(18),
    phone varchar(40),
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);

create table contact (
    id serial primary key,
    sfid varchar(18) unique,
    accountid varchar(18),
    name varchar(121),
    email varchar(80),
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);

create table lead (
    id serial primary key,
    sfid varchar(18) unique,
    name varchar(121),
    company varchar(255),
    email varchar(80),
    leadsource varchar(255),
    status varchar(255),
    ownerid varchar(18),
    isconverted boolean,
    converteddate date,
    convertedaccountid varchar(18),
    convertedcontactid varchar(18),
    convertedopportunityid varchar(18),
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);

create table opportunity (
    id serial primary key,
    sfid varchar(18) unique,
    name varchar(120),
    stagename varchar(255),
    amount double precision,
    closedate date,
    isclosed boolean,
    iswon boolean,
    leadsource varchar(255),
    ownerid varchar(18),
    accountid varchar(18),
    contactid varchar(18),
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);
create index on opportunity (systemmodstamp);

create table opportunitystage (
    id serial primary key,
    sfid varchar(18) unique,
    apiname varchar(255),
    masterlabel varchar(255),
    sortorder integer,
    isactive boolean,
    isclosed boolean,
    iswon boolean,
    defaultprobability double precision,
    createddate timestamp,
    systemmodstamp timestamp
);

create table opportunityhistory (
    id serial primary key,
    sfid varchar(18) unique,
    opportunityid varchar(18),
    stagename varchar(255),
    amount double precision,
    closedate date,
    createdbyid varchar(18),
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean
);

create table opportunityfieldhistory (
    id serial primary key,
    sfid varchar(18) unique,
    opportunityid varchar(18),
    field varchar(255),
    oldvalue varchar(765),
    newvalue varchar(765),
    createdbyid varchar(18),
    createddate timestamp,
    isdeleted boolean
);

create table task (
    id serial primary key,
    sfid varchar(18) unique,
    subject varchar(255),
    tasksubtype varchar(40),
    status varchar(255),
    isclosed boolean,
    activitydate date,
    completeddatetime timestamp,
    calldurationinseconds integer,
    ownerid varchar(18),
    whatid varchar(18),
    whoid varchar(18),
    accountid varchar(18),
    isrecurrence boolean,
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);

create table event (
    id serial primary key,
    sfid varchar(18) unique,
    subject varchar(255),
    startdatetime timestamp,
    enddatetime timestamp,
    durationinminutes integer,
    ownerid varchar(18),
    whatid varchar(18),
    whoid varchar(18),
    accountid varchar(18),
    isrecurrence boolean,
    ischild boolean,
    createddate timestamp,
    systemmodstamp timestamp,
    isdeleted boolean,
    _hc_lastop varchar(32),
    _hc_err text
);
