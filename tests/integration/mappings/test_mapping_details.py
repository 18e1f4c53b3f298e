"""What is peculiar to each CRM whose mapping is shipped, told by single rows with known outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.extraction.errors import ExtractionError
from tests.integration.mappings.mapped_crm import MappedCrm

Build = Callable[[str], MappedCrm]


@pytest.mark.parametrize("name", ["salesforce_clone", "odoo17", "salesforce", "twenty"])
def test_no_personal_data_of_clients_leaves_the_crm(mapped_crm: Build, name: str) -> None:
    """Every e-mail address and phone number of the rows ends or begins in the same way."""
    crm = mapped_crm(name)
    for table in crm.read_tables:
        read = crm.mapping.columns_read(table)
        assert not [column for column in read if "mail" in column.lower() or "phone" in column.lower()]
    for table in ("leads", "contacts", "companies", "deals"):
        if table in crm.read_tables:
            crm.load(table)
            assert crm.replica(table)
            assert not [row for row in crm.replica(table) if "example.com" in str(row) or "+7900" in str(row)]


UNLISTED = [
    ("salesforce_clone", "deals", "update opportunities set stage = 'ON_HOLD' where name = 'vague'", "ON_HOLD"),
    ("salesforce_clone", "users", "update tenant_users set role = 'Boss' where id = id_of('tu1')", "boss"),
    (
        "salesforce_clone",
        "activities",
        "update opportunity_activities set activity_type = 'fax' where duration = 8",
        "fax",
    ),
    ("odoo17", "activities", "update mail_activity_type set category = 'whatsapp' where id = 2", "whatsapp"),
    ("salesforce", "users", "update salesforce.user set usertype = 'Robot' where sfid = sf('005', 1)", "Robot"),
    (
        "twenty",
        "deals",
        "alter type workspace_1wgvd1injqtife6y4rvfbu3h5.opportunity_stage_enum rename value 'PROPOSAL' to 'OFFER'",
        "OFFER",
    ),
]


@pytest.mark.parametrize(("name", "table", "change", "value"), UNLISTED)
def test_a_value_that_is_not_listed_fails_its_table_by_name(
    mapped_crm: Build, name: str, table: str, change: str, value: str
) -> None:
    crm = mapped_crm(name)
    crm.crm.execute(change.encode())
    with pytest.raises(ExtractionError, match=value) as error:
        crm.load(table)
    assert "\n" not in str(error.value)
    assert table in str(error.value)


def test_salesforce_clone_changes_of_stage_and_owner_are_recorded(mapped_crm: Build) -> None:
    crm = mapped_crm("salesforce_clone")
    before = stages_and_owners(crm)
    for _ in range(2):
        crm.load("deals")
    crm.play("changes.sql")
    crm.load_all()
    after = stages_and_owners(crm)
    changed = sorted(deal for deal in before if deal in after and before[deal] != after[deal])
    assert len(changed) == 7
    stages = [(deal, before[deal][0], after[deal][0]) for deal in changed if before[deal][0] != after[deal][0]]
    owners = [(deal, before[deal][1], after[deal][1]) for deal in changed if before[deal][1] != after[deal][1]]
    assert crm.replica("deal_stage_history", "deal_id, from_stage_id, stage_id") == stages
    assert crm.replica("deal_owner_history", "deal_id, from_owner_user_id, owner_user_id") == owners
    assert (len(stages), len(owners)) == (6, 2)


def stages_and_owners(crm: MappedCrm) -> dict[str, tuple[str, str]]:
    query = (
        b"select id::text, coalesce(stage, 'PROSPECTING'), owner_id::text "
        b"from opportunities where is_active is not false"
    )
    return {deal: (stage, owner) for deal, stage, owner in crm.crm.execute(query)}


def test_salesforce_clone_user_of_two_tenants_has_a_role_in_each(mapped_crm: Build) -> None:
    crm = mapped_crm("salesforce_clone")
    crm.load("users")
    tenants = {name: tenant for tenant, name in crm.crm.execute("select id::text, name from tenants")}
    (user,) = crm.crm.execute("select id::text from users where username = 'user2'").fetchall()[0]
    roles = {tenant: role for key, tenant, role in crm.replica("users", "id, tenant_id, role") if key == user}
    assert roles == {tenants["ООО «Ромашка»"]: "director", tenants["Umbrella"]: "administrator"}


ODOO_PATHS = {
    "401": [("2", "lost"), ("lost", "2")],
    "402": [("3", "lost"), ("lost", "3"), ("3", "4")],
    "403": [("1", "3"), ("3", "lost")],
    "404": [("1", "4"), ("4", "lost"), ("lost", "4"), ("4", "3"), ("3", "4")],
}


def test_odoo_lost_is_a_stage_with_its_place_in_the_history(mapped_crm: Build) -> None:
    crm = mapped_crm("odoo17")
    crm.load("deal_stage_history")
    rows: list[tuple[Any, ...]] = crm.replica("deal_stage_history", "changed_at, id, deal_id, from_stage_id, stage_id")
    paths = {deal: [(old, new) for _, _, of, old, new in rows if of == deal] for deal in ODOO_PATHS}
    assert paths == ODOO_PATHS
    crm.load("stages")
    outcomes = {
        (pipeline, stage): outcome for pipeline, stage, outcome in crm.replica("stages", "pipeline_id, id, outcome")
    }
    crm.load("deals")
    deals = {deal: outcomes[place, stage] for deal, place, stage in crm.replica("deals", "id, pipeline_id, stage_id")}
    assert [deals[deal] for deal in ("401", "402", "403", "404")] == ["open", "won", "lost", "won"]


def test_odoo_a_converted_lead_is_lead_and_deal_that_begins_at_the_conversion(mapped_crm: Build) -> None:
    crm = mapped_crm("odoo17")
    found: dict[str, set[str]] = {}
    for table in ("leads", "deals"):
        crm.load(table)
        found[table] = {key for (key,) in crm.replica(table, "id")}
    converted = found["leads"] & found["deals"]
    query = b"select id::text from crm_lead where type = 'opportunity' and date_conversion is not null and id % 31 <> 0"
    assert converted == {key for (key,) in crm.crm.execute(query)}
    links = {lead: (deal, begun) for deal, lead, begun in crm.replica("deals", "id, lead_id, created_at") if lead}
    moments = {lead: at for lead, at in crm.replica("leads", "id, converted_at") if lead in converted}
    assert {lead: (lead, at) for lead, at in moments.items()} == links


def test_salesforce_a_deal_names_the_first_of_its_leads_that_is_left(mapped_crm: Build) -> None:
    crm = mapped_crm("salesforce")
    crm.load("deals")

    def leads_of(*numbers: int) -> list[str | None]:
        found = {int(deal[3:]): lead for deal, lead in crm.replica("deals", "id, lead_id")}
        return [lead and str(int(lead[3:])) for lead in (found[number] for number in numbers)]

    # Deal 9 has the leads 9 and, earlier, 901; of deal 15 the earlier one is deleted; 48 is converted but deleted.
    assert leads_of(9, 15, 1, 48, 2) == ["901", "15", "903", None, None]
    crm.play("changes.sql")
    assert crm.load("deals").mode == "incremental"
    assert leads_of(9, 100) == ["9", "100"]


def test_salesforce_a_stage_that_is_switched_off_keeps_its_outcome(mapped_crm: Build) -> None:
    crm = mapped_crm("salesforce")
    crm.load("stages")
    rows = crm.warehouse.rows(f"select id, outcome, _deleted from {crm.warehouse.replica('stages')}")
    assert {("Old stage", "open", 1), ("Renewed", "won", 0)} <= {tuple(row) for row in rows}


def test_twenty_a_new_workspace_comes_by_itself_and_a_dropped_one_goes(mapped_crm: Build) -> None:
    crm = mapped_crm("twenty")
    crm.load_all()
    with crm.crm.transaction():
        crm.crm.execute("call core.create_workspace('workspace_new')")
        crm.crm.execute("call core.fill_workspace('workspace_new', 10)")
        crm.crm.execute(
            'insert into core.workspace (id, subdomain, "databaseSchema") '
            "values (public.id_of('w5'), 'new', 'workspace_new')"
        )
    crm.load_all()
    counts = dict(crm.replica("deals", "tenant_id, count() over (partition by tenant_id)"))
    assert counts == {"3ixj3i1a5avy16ptijtb3lae3": 114, "1wgvd1injqtife6y4rvfbu3h5": 57, "new": 10}
    assert "new" in {tenant for (tenant,) in crm.replica("tenants", "tenant_id")}
    crm.crm.execute("drop schema workspace_new cascade")
    crm.load_all()
    assert {tenant for (tenant,) in crm.replica("deals", "tenant_id")} == set(counts) - {"new"}


def test_twenty_a_lost_stage_that_one_workspace_adds_is_lost(mapped_crm: Build) -> None:
    crm = mapped_crm("twenty")
    crm.load("deals")
    workspace = "workspace_1wgvd1injqtife6y4rvfbu3h5"
    crm.crm.execute(f"alter type {workspace}.opportunity_stage_enum add value 'LOST'".encode())
    crm.crm.execute(
        f"update {workspace}.opportunity set stage = 'LOST', \"updatedAt\" = now() where name = 'Сделка 2'".encode()
    )
    crm.load("deals")
    crm.load("stages")
    lost = [stage for stage, outcome in crm.replica("stages", "distinct id, outcome") if outcome == "lost"]
    tenants = [tenant for tenant, stage in crm.replica("deals", "tenant_id, stage_id") if stage in lost]
    assert tenants == ["1wgvd1injqtife6y4rvfbu3h5"]


def test_twenty_a_new_owner_of_the_company_is_the_new_owner_of_its_deals(mapped_crm: Build) -> None:
    crm = mapped_crm("twenty")
    crm.load("deals")
    crm.play("changes.sql")
    assert crm.load("deals").mode == "incremental"
    query = (
        b"select id::text from workspace_3ixj3i1a5avy16ptijtb3lae3.opportunity "
        b"where \"companyId\" = public.id_of('co2') and \"deletedAt\" is null and name <> 'new'"
    )
    deals = sorted(key for (key,) in crm.crm.execute(query))
    (owner,) = crm.crm.execute("select public.id_of('m6')::text").fetchall()[0]
    assert len(deals) > 3
    assert crm.replica("deal_owner_history", "deal_id, owner_user_id") == [(deal, owner) for deal in deals]
