"""The forms of a mapping file beyond plain columns, and the JSON schema by which an editor knows all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import SHIPPED_MAPPINGS, MappingLoader, load_mapping, parse_mapping
from orchestration.extraction.mapping_schema import SCHEMA_FILE, mapping_schema, schema_text

FILE = """
name: other
timezone: UTC
tenant: {tenant}
tables:
  tenants:
    source: public.companies
    tenant: {{column: id}}
    columns:
      name: name
      timezone: {{literal: UTC}}
      currency: {{literal: EUR}}
      locale: {{literal: de}}
      is_active: {{literal: true}}
      created_at: created_at
      updated_at: updated_at
{tables}
"""
LEADS = "columns: {id: id, status: state, is_duplicate: {literal: false}, created_at: created_at}"
CONSTANT, JOIN, SCHEMA = "{constant: acme}", "{join: {table: a.b, on: {x: y}, column: z}}", '{schema: "ws_*"}'


def leads(form: str, tenant: str = CONSTANT) -> str:
    """Return a file that maps leads with these keys beside the columns."""
    lines = "".join(f"    {line}\n" for line in form.splitlines())
    return FILE.format(tenant=tenant, tables=f"  leads:\n{lines}    {LEADS}\n")


def table(name: str, form: str) -> str:
    """Return a file with one more table, as it is given."""
    return FILE.format(tenant=CONSTANT, tables=f"  {name}: {form}\n")


class _EditorLoader(MappingLoader):
    """Reads YAML as editors do: dates are texts."""


_EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in MappingLoader.yaml_implicit_resolvers.items()
}


def complaints(text: str) -> list[str]:
    """Return what an editor would underline; JSON has no keys but texts."""
    document = json.loads(json.dumps(yaml.load(text, Loader=_EditorLoader)))
    return [error.message for error in Draft7Validator(mapping_schema()).iter_errors(document)]


def refusal(text: str) -> str:
    with pytest.raises(ExtractionError) as error:
        parse_mapping(text, "other.yaml")
    assert "\n" not in str(error.value)
    return str(error.value)


GOOD = [
    leads("source: public.leads\nwhere:\n- {column: kind, in: [LEAD, 7, true]}\n- {column: kind, not_in: ['no']}"),
    leads("source: public.leads\nwhere: [{column: a, equals: x}, {column: b, not_equals: 1}]"),
    leads("source: public.leads\ndeleted: {column: kind, in: [GONE, LOST]}"),
    leads("source: public.leads\ntenant: " + JOIN),
    leads("source: public.leads", JOIN),
    leads('source: "*.lead"', SCHEMA),
    leads("query: select * from {schema}.lead", SCHEMA),
    leads("query: select * from core.leads\ntenant: {column: workspace}", SCHEMA),
    leads("query: |\n  -- comment\n  /* and */ (with a as (select 1) select * from a);\n  ;"),
    leads("query: SELECT * FROM leads\nchanged_at: {column: changed, timezone: Europe/Kyiv}\ncreated_at: made"),
    leads("source: public.leads\nextra: {a: b, c: {cast: {column: d, to: 'decimal(9,2)'}}, e: {column: f}}"),
    leads("source: public.leads").replace("state", "{column: s, values: {1: one, null: none}}"),
    leads("source: public.leads").replace("state", "{concat: [a, {coalesce: [b, {literal: 2025-01-01}]}]}"),
    table("deals", "{source: public.d, columns: {id: id, pipeline_id: {literal: p}, stage_id: s, currency: c, "
    "amount: {divide: {column: cents, by_power_of_ten: 2}}, created_at: c}}\n  deal_stage_history: {snapshot: true}\n"
    "  deal_owner_history: {snapshot: true}"),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_every_form_is_read_and_known_to_editors(text: str) -> None:
    parse_mapping(text, "other.yaml")
    assert complaints(text) == []


ONE_PLACE = "other.yaml: leads: needs exactly one of `source`, `query`, `snapshot: true`"
ONE_TEST = "needs exactly one of `is_not_null: true`, `is_null: true`, `equals: <value>`, `not_equals: <value>`, "
NOT_A_SELECT = "other.yaml: leads.query: must be one SELECT, or one WITH .. SELECT"
WRONG = [
    (leads(""), ONE_PLACE),
    (leads("source: public.leads\nquery: select 1"), ONE_PLACE),
    (leads("source: leads"), "other.yaml: leads.source: String should match"),
    (leads("source: public.leads\nsnapshot: yes"), "other.yaml: leads.snapshot: Input should be a valid boolean"),
    (leads("source: public.leads\nwhere: {column: a, equals: 1}"), "other.yaml: leads.where: Input should be a valid"),
    (leads("source: public.leads\nwhere: [{column: a}]"), f"other.yaml: leads.where.0: {ONE_TEST}"),
    (leads("source: public.leads\nwhere: [{column: a, is_null: false}]"), f"other.yaml: leads.where.0: {ONE_TEST}"),
    (leads("source: a.b\nwhere: [{column: a, in: [1], not_in: [2]}]"), f"other.yaml: leads.where.0: {ONE_TEST}"),
    (leads("source: public.leads\nwhere: [{column: a, in: []}]"), "other.yaml: leads.where.0.in: List should have at"),
    (leads("source: public.leads\nwhere: [{column: a, in: [null]}]"), "other.yaml: leads.where.0.in.0"),
    (leads("source: public.leads\nwhere: [{column: a, like: b}]"), "other.yaml: leads.where.0.like: Extra inputs"),
    (leads("source: public.leads", "{column: a, constant: b}"), "other.yaml: tenant: needs exactly one of `column`, "),
    (leads("source: public.leads", "{join: {table: a.b, column: z}}"), "other.yaml: tenant.join.on: Field required"),
    (leads("source: public.leads", "{join: {table: b, on: {x: y}, column: z}}"), "other.yaml: tenant.join.table: Str"),
    (leads("source: public.leads", "{join: {table: a.b, on: {}, column: z}}"), "other.yaml: tenant.join.on: Dict"),
    (leads("source: public.leads\nextra: {status: a}"), "other.yaml: leads.status: is a canonical column"),
    (leads("source: public.leads\nextra: {a: {literal: b}}"), "other.yaml: leads.extra.a: is neither a column name"),
    (leads("source: public.leads\nextra: {a: {cast: {column: b, to: int}}}"), "other.yaml: leads.extra.a: to: String"),
    (leads("source: public.leads\ncreated_at: a"), "other.yaml: leads: `created_at` without `changed_at`"),
    (table("leads", "{snapshot: true}"), "other.yaml: leads.snapshot: only changes of deals can be recorded"),
    (
        table("deal_owner_history", "{snapshot: true, source: a.b}"),
        "other.yaml: deal_owner_history: needs exactly one of `source`, `query`, `snapshot: true`",
    ),
    (
        table("deal_owner_history", "{snapshot: true, changed_at: a, deleted: {column: a, equals: 1}}"),
        "other.yaml: deal_owner_history: `snapshot: true` stands alone; remove changed_at, deleted",
    ),
    (table("stages", "{source: a.b, columns: {outcome: o}}"), "other.yaml: stages.pipeline_id: must be mapped"),
    (
        table(
            "users",
            "{source: a.b, columns: {id: i, full_name: f, role: {literal: boss}, is_active: a, created_at: c}}",
        ),
        "other.yaml: users.role: value 'boss' is not one of administrator, director, manager, other",
    ),
    (leads("source: a.b").replace("id: id", "id: id, colour: c"), "other.yaml: leads.colour: is not a canonical"),
    (leads("source: a.b").replace("status: state, ", ""), "other.yaml: leads.status: must be mapped"),
    (leads("source: a.b").replace("state", "{sql: now()}"), "other.yaml: leads.status: is neither a column name nor"),
    (leads("source: a.b").replace("  leads:", "  leeds:"), "other.yaml: tables: 'leeds' is not a canonical table"),
    (FILE.format(tenant=CONSTANT, tables="") + "file: x\n", "other.yaml: file: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_wrong_is_refused_by_name_and_underlined_in_editors(text: str, message: str) -> None:
    assert refusal(text).startswith(message)
    assert complaints(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (leads("query: delete from leads"), NOT_A_SELECT),
        (leads("query: ';'"), NOT_A_SELECT),
        (leads("query: '-- select'"), NOT_A_SELECT),
        (leads("query: values (1)"), NOT_A_SELECT),
        (leads("query: selection"), NOT_A_SELECT),
        (leads('source: "ws_*.lead"', SCHEMA), 'other.yaml: leads: write `source: "*.lead"`; the pattern stands in'),
        (
            leads('source: "*.lead"'),
            'other.yaml: leads.source: a schema per tenant needs `tenant: {schema: "..*"}` abo',
        ),
        (leads("query: select * from {schema}.lead"), "other.yaml: leads.query: a schema per tenant needs"),
        (leads("source: public.leads", SCHEMA), 'other.yaml: leads: needs `source: "*.table"`, {schema} in its query'),
        (leads("query: select 1", SCHEMA), 'other.yaml: leads: needs `source: "*.table"`, {schema} in its query'),
        (
            leads('source: "*.lead"\ntenant: {constant: acme}', SCHEMA),
            "other.yaml: leads.tenant: each row's tenant is that of its schema; remove it",
        ),
        (
            leads('source: "*.lead"\ntenant: {schema: "ws_*"}', SCHEMA),
            "other.yaml: leads.tenant: a schema per tenant is one of the whole file; write it above `tables`",
        ),
        (leads('source: "*.lead"', "{schema: workspace}"), "other.yaml: tenant.schema: needs exactly one *"),
        (leads('source: "*.lead"', '{schema: "*_*"}'), "other.yaml: tenant.schema: needs exactly one *"),
        (
            table("deal_stage_history", "{snapshot: true}"),
            "other.yaml: deal_stage_history.snapshot: records changes of deals, which must be mapped",
        ),
    ],
)
def test_what_goes_badly_together_is_refused_by_name(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_a_query_loses_its_semicolons_only() -> None:
    mapping = parse_mapping(leads("query: |\n  select ';' as a; -- x\n  ;\n  ; "), "other.yaml")
    assert mapping.tables["leads"].query == "select ';' as a; -- x"


def test_on_and_no_are_texts_and_true_is_none() -> None:
    text = leads("source: public.leads\nwhere: [{column: off, in: [no, yes, on, true, True]}]")
    condition = parse_mapping(text, "other.yaml").tables["leads"].where[0]
    assert (condition.column, condition.in_) == ("off", ["no", "yes", "on", True, True])


def test_every_column_that_is_read_is_known() -> None:
    form = """
source: public.leads
tenant: {join: {table: a.b, on: {firm: id}, column: tenant}}
changed_at: changed
created_at: made
where: [{column: kind, equals: LEAD}]
deleted: {column: gone, is_null: true}
extra: {region: area, size: {cast: {column: length, to: text}}}
"""
    text = leads(form.strip()).replace("state", "{concat: [a, {coalesce: [b, {column: c, values: {x: y}}]}]}")
    text = text.replace("{literal: false}", "{cast: {column: double, to: boolean}}")
    assert parse_mapping(text, "other.yaml").columns_read("leads") == {
        **{"firm": "tenant", "id": "id", "a": "status", "b": "status", "c": "status", "double": "is_duplicate"},
        **{"created_at": "created_at", "area": "region", "length": "size", "kind": "where", "gone": "deleted"},
        **{"changed": "changed_at", "made": "created_at"},
    }


def test_a_mapping_survives_being_written_and_read() -> None:
    for text in GOOD:
        mapping = parse_mapping(text, "other.yaml")
        assert type(mapping).model_validate(mapping.model_dump() | {"file": "other.yaml"}) == mapping


def test_the_committed_schema_is_current() -> None:
    Draft7Validator.check_schema(mapping_schema())
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "write it anew: python -m orchestration.extraction.mapping_schema"
    )


@pytest.mark.parametrize("path", sorted(SHIPPED_MAPPINGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_mapping_is_checked_by_editors(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# yaml-language-server: $schema={SCHEMA_FILE.name}"
    assert complaints(text) == []
    assert load_mapping(path.stem).name == path.stem


def test_editors_complete_every_column_of_every_table_and_explain_every_key() -> None:
    schema = mapping_schema()
    tables = schema["properties"]["tables"]["properties"]
    for name, canonical in CANONICAL_TABLES.items():
        columns = tables[name]["properties"]["columns"]
        assert list(columns["properties"]) == [
            column.name for column in canonical.columns if column.name != "tenant_id"
        ]
        assert columns["required"] == [column.name for column in canonical.columns[1:] if not column.nullable]
        assert tables[name]["description"]
    assert "Decimal" not in json.dumps(tables["deals"])
    unexplained = [key for key, property_schema in keys_of(schema) if not property_schema.get("description")]
    assert unexplained == []


def keys_of(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key that a mapping can have, with its schema."""
    if isinstance(node, list):
        for item in node:
            yield from keys_of(item)
    elif isinstance(node, dict):
        if node.get("type") == "object":
            yield from node.get("properties", {}).items()
        for value in node.values():
            yield from keys_of(value)
