"""What the canonical tables and columns mean, in words for the person who maps a CRM to them.

Editors show these texts while a mapping is written (`mapping_schema`). Names, kinds and allowed values belong in
`canonical`, the meaning of the reports' figures in docs/metrics.md.
"""

from __future__ import annotations

TABLE_MEANINGS = {
    "tenants": "The companies that use the CRM: time zone, currency and language of their reports. Always needed.",
    "departments": "Departments or teams of a tenant.",
    "users": "People who work in the CRM; the managers of the reports.",
    "pipelines": "Sales pipelines.",
    "stages": "Stages of the pipelines and what each means: open, won or lost.",
    "lead_sources": "Where leads come from.",
    "companies": "Client companies.",
    "contacts": "Contact persons. Name, e-mail and phone leave the CRM only where they are mapped.",
    "leads": "Leads: requests that may become deals.",
    "deals": "Deals, also called opportunities.",
    "deal_stage_history": "Changes of a deal's stage, for the funnel and the moment of the close. "
    "Without such a table in the CRM: `snapshot: true`.",
    "deal_owner_history": "Changes of a deal's owner, for the owner at the close. "
    "Without such a table in the CRM: `snapshot: true`.",
    "activities": "Tasks, calls, meetings and e-mails.",
    "messages": "Texts of e-mails, chats and transcribed calls.",
    "exchange_rates": "Dated rates into the tenant's currency.",
}

_ANYWHERE = {
    "id": "Id of the row, spelled as in the CRM; unique within the tenant.",
    "name": "Name as the reports show it.",
    "created_at": "When the row was created; its month is the partition, so it must never change.",
    "updated_at": "When the row was last stamped.",
    "owner_user_id": "Id of the current owner in users.",
    "user_id": "Id of the user who did it, in users.",
    "company_id": "Id of the client company in companies.",
    "contact_id": "Id of the contact person in contacts.",
    "lead_id": "Id of the lead in leads.",
    "deal_id": "Id of the deal in deals.",
    "pipeline_id": "Id of the pipeline in pipelines.",
    "changed_at": "When it changed.",
    "is_active": "Whether the row is in use.",
    "position": "Order, the smallest first.",
}

_OF_TABLE = {
    "tenants.timezone": "IANA time zone of the tenant's days and months, such as Europe/Berlin.",
    "tenants.currency": "ISO 4217 code of the currency that money is shown in.",
    "tenants.locale": "Language of the reports: en or ru.",
    "departments.parent_id": "Id of the department above it.",
    "departments.head_user_id": "Id of its head in users.",
    "users.full_name": "Name as the reports show it.",
    "users.department_id": "Id of the user's department in departments.",
    "users.role": "What the user is; only a manager is shown with zeros.",
    "users.deactivated_at": "When the user stopped to work.",
    "stages.id": "Id of the stage, unique within its pipeline.",
    "stages.outcome": "What the stage means for a deal; won and lost deals are told by it alone.",
    "stages.probability": "Probability of winning, in percent.",
    "lead_sources.source_type": "Group of sources, a filter of the reports.",
    "companies.industry": "Industry of the client.",
    "companies.city": "City of the client.",
    "contacts.full_name": "Name; personal.",
    "contacts.email": "E-mail address; personal.",
    "contacts.phone": "Phone number; personal.",
    "leads.source_id": "Id of the source in lead_sources.",
    "leads.status": "Status, as the CRM calls it.",
    "leads.is_duplicate": "Whether the CRM marks the lead as a duplicate; such a lead is in no conversion.",
    "leads.converted_at": "When the lead became a deal; without it, the creation of its first deal.",
    "deals.title": "Title of the deal.",
    "deals.stage_id": "Id of the current stage in stages.",
    "deals.lead_id": "Id of the lead that it came from, in leads; without it the deal is a direct one.",
    "deals.amount": "Amount in the deal's own currency.",
    "deals.currency": "ISO 4217 code of the amount's currency.",
    "deals.expected_close_on": "Expected day of the close, already local.",
    "deals.closed_at": "Moment of the close, where no stage history of the CRM tells it.",
    "deals.closed_on": "Day of the close, already local, where the CRM has no moment.",
    "deal_stage_history.from_stage_id": "Id of the stage before.",
    "deal_stage_history.stage_id": "Id of the stage after.",
    "deal_owner_history.from_owner_user_id": "Id of the owner before, in users.",
    "deal_owner_history.owner_user_id": "Id of the owner after, in users.",
    "activities.activity_type": "What was done.",
    "activities.status": "Only completed activities count.",
    "activities.subject": "Subject.",
    "activities.assignee_user_id": "Id of the user who does it, in users.",
    "activities.due_at": "When it is due.",
    "activities.completed_at": "When it was completed; without it, `updated_at` stands in.",
    "activities.duration_minutes": "Length in minutes.",
    "messages.activity_id": "Id of the call or e-mail in activities.",
    "messages.user_id": "Id of the user who wrote or spoke, in users.",
    "messages.channel": "Channel, such as call, email or chat.",
    "messages.direction": "From the client or to the client.",
    "messages.language": "Language code of the text.",
    "messages.body": "The text; personal data may stand in it.",
    "messages.sent_at": "When it was sent; its month is the partition, so it must never change.",
    "exchange_rates.currency": "ISO 4217 code of the foreign currency.",
    "exchange_rates.rate_on": "Day that the rate is good for.",
    "exchange_rates.rate": "Units of the tenant's currency for one unit of the foreign one.",
}


def column_meaning(table: str, column: str) -> str:
    """Return what a canonical column means; raises KeyError for one that nobody has described."""
    return _OF_TABLE.get(f"{table}.{column}") or _ANYWHERE[column]
