"""A mapping file that is wrong is refused with one line that names the file, the table and the column."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import ColumnExpression, ConcatExpression, load_mapping, parse_mapping

HEAD = """
name: other
timezone: Europe/Berlin
tenant: {constant: acme}
tables:
  tenants:
    source: public.companies
    columns:
      name: name
      timezone: {literal: Europe/Berlin}
      currency: {literal: EUR}
      locale: {literal: de}
      is_active: {literal: true}
      created_at: created_at
      updated_at: updated_at
"""

LEADS = """
  leads:
    source: public.leads
    columns:
      id: id
      status: {status}
      is_duplicate: {literal}
      created_at: created_at
"""


def leads(status: str, literal: str = "{literal: false}") -> str:
    return HEAD + LEADS.replace("{status}", status).replace("{literal}", literal)


def test_a_bare_name_is_a_column_and_forms_nest() -> None:
    mapping = parse_mapping(
        leads("{concat: [kind, {literal: ' '}, {coalesce: [state, {literal: none}]}]}"), "other.yaml"
    )
    assert mapping.tables["leads"].columns["id"] == ColumnExpression(column="id")
    status = mapping.tables["leads"].columns["status"]
    assert isinstance(status, ConcatExpression)
    assert [type(part).__name__ for part in status.concat] == [
        "ColumnExpression",
        "LiteralExpression",
        "CoalesceExpression",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (leads("{sql: 'now()'}"), "other.yaml: leads.status: is neither a column name nor one of"),
        (leads("{column: a, literal: b}"), "other.yaml: leads.status: is neither a column name nor one of"),
        (leads("{column: a, default: b}"), "other.yaml: leads.status: default: "),
        (leads("{cast: {column: a, to: varchar}}"), "other.yaml: leads.status: to: "),
        (leads("{divide: {column: a, by_power_of_ten: -2}}"), "other.yaml: leads.status: by_power_of_ten: "),
        (
            leads("{column: a, timezone: Mars/Olympus}"),
            "other.yaml: leads.status: timezone: 'Mars/Olympus' is not a time",
        ),
        (leads("{literal: null}"), "other.yaml: leads.status: must not be empty"),
        (leads('"a\\0b"'), "other.yaml: leads.status: column: may not contain the NUL character"),
        (leads("status") + "      colour: colour\n", "other.yaml: leads.colour: is not a canonical column"),
        (leads("status") + "      status: state\n", "other.yaml: line 24 key 'status' stands twice"),
        (leads("status") + "      tenant_id: id\n", "other.yaml: leads.tenant_id: is filled by `tenant`"),
        (leads("status") + "    extra: {source_id: campaign}\n", "other.yaml: leads.source_id: is a canonical column"),
        (leads("status") + "    extra: {_version: campaign}\n", "other.yaml: leads.extra._version"),
        (leads("status") + "    deleted: {column: gone}\n", "other.yaml: leads.deleted: needs exactly one of"),
        (
            leads("status") + "    deleted: {column: gone, is_null: true, equals: 1}\n",
            "other.yaml: leads.deleted: needs exactly one of",
        ),
        (leads("status") + "    created_at: created_at\n", "other.yaml: leads: `created_at` without `changed_at`"),
        (leads("status").replace("      id: id\n", ""), "other.yaml: leads.id: must be mapped"),
        (leads("status").replace("public.leads", "leads"), "other.yaml: leads.source: "),
        (leads("status").replace("Europe/Berlin\nt", "Berlin\nt"), "other.yaml: timezone: 'Berlin' is not a time zone"),
        (leads("status").replace("{constant: acme}", "{}"), "other.yaml: tenant: needs exactly one of"),
        (leads("status").replace("  leads:", "  lead:"), "other.yaml: tables: 'lead' is not a canonical table"),
        (HEAD.replace("  tenants:", "  users:"), "other.yaml: tables: tenants must be mapped"),
        (HEAD + "colour: red\n", "other.yaml: colour: "),
        ("- a\n", "other.yaml: is empty or not a mapping"),
        ("a: [\n", "other.yaml: line 2 "),
    ],
)
def test_a_wrong_file_is_refused_by_name(content: str, message: str) -> None:
    with pytest.raises(ExtractionError) as refusal:
        parse_mapping(content, "other.yaml")
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_value_map_may_only_yield_allowed_values() -> None:
    content = (
        HEAD
        + """
  stages:
    source: public.stages
    columns:
      pipeline_id: pipeline_id
      id: id
      name: name
      position: position
      outcome: {column: state, values: {a: open, b: winning}}
"""
    )
    with pytest.raises(
        ExtractionError, match=r"^other.yaml: stages.outcome: value 'winning' is not one of open, won, lost$"
    ):
        parse_mapping(content, "other.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match=r"absent.yaml: No such file or directory \(shipped mappings: .*demo"):
        load_mapping(tmp_path / "absent.yaml")
    with pytest.raises(ExtractionError, match=r"^orchestration/sources/nosuch.yaml: No such file"):
        load_mapping("nosuch")
    (tmp_path / "latin.yaml").write_bytes("имя: x".encode("cp1251"))
    with pytest.raises(ExtractionError, match=r"latin\.yaml: is not UTF-8"):
        load_mapping(tmp_path / "latin.yaml")
