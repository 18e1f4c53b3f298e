"""The JSON schema of mapping files, which editors complete and check them with.

`python -m orchestration.extraction.mapping_schema` writes it anew from the models of `mapping` and the tables of
`canonical`. What it cannot say (which time zones exist, which columns the CRM has) is said when a mapping is read.
"""

from __future__ import annotations

import json
from typing import Any

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalColumn, CanonicalTable
from orchestration.extraction.mapping import SHIPPED_MAPPINGS, Mapping
from orchestration.extraction.meanings import TABLE_MEANINGS, column_meaning

SCHEMA_FILE = SHIPPED_MAPPINGS / "mapping.schema.json"

_Schema = dict[str, Any]

_EXACTLY_ONE = {
    "Tenant": ("column", "constant", "join", "schema"),
    "Condition": ("is_not_null", "is_null", "equals", "not_equals", "in", "not_in"),
}


def mapping_schema() -> _Schema:
    """Return the JSON schema, of draft 7, which every editor knows."""
    schema = _tidied(Mapping.model_json_schema(by_alias=True, mode="validation"))
    models: dict[str, _Schema] = schema["$defs"]
    table = models.pop("TableMapping")
    extra = table["properties"]["extra"]
    models["Expression"] = _or_bare_column(table["properties"]["columns"].pop("additionalProperties"))
    models["Extra"] = _or_bare_column(*extra["patternProperties"].values())
    models["MomentColumn"] = _or_bare_column(_reference("Moment"))
    extra["patternProperties"] = dict.fromkeys(extra["patternProperties"], _reference("Extra"))
    for key in ("changed_at", "created_at"):
        table["properties"][key] = {**table["properties"][key], "allOf": [_reference("MomentColumn")]}
    for name, key in (("ConcatExpression", "concat"), ("CoalesceExpression", "coalesce")):
        models[name]["properties"][key]["items"] = _reference("Expression")
    for name, keys in _EXACTLY_ONE.items():
        models[name]["oneOf"] = [{"required": [key]} for key in keys]
    for key in ("is_not_null", "is_null"):
        models["Condition"]["properties"][key]["const"] = True
    models["TableTenant"] = _without_schema(models["Tenant"])
    table["properties"]["tenant"]["allOf"] = [_reference("TableTenant")]
    del schema["properties"]["file"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **schema,
        "title": "Mapping of a CRM",
        "properties": {**schema["properties"], "tables": _tables(schema["properties"]["tables"], table)},
        "required": [key for key in schema["required"] if key != "file"],
    }


def _tidied(node: Any) -> Any:
    """Leave out null where it means the same as leaving the key out, and let no reference stand beside other keys."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidied: _Schema = {key: _tidied(value) for key, value in node.items()}
    if isinstance(description := tidied.get("description"), str):
        tidied["description"] = " ".join(description.split())
    forms = tidied.get("anyOf", ())
    if "default" in tidied and tidied["default"] is None and {"type": "null"} in forms:
        del tidied["default"], tidied["anyOf"]
        forms = [form for form in forms if form != {"type": "null"}]
        tidied |= forms[0] if len(forms) == 1 else {"anyOf": forms}
    if "$ref" in tidied and len(tidied) > 1:
        tidied["allOf"] = [{"$ref": tidied.pop("$ref")}]
    return tidied


def _reference(name: str) -> _Schema:
    return {"$ref": f"#/$defs/{name}"}


def _or_bare_column(forms: _Schema) -> _Schema:
    """Return the schema of forms for which a name alone stands for the column of that name."""
    name = {"type": "string", "minLength": 1, "title": "Source column", "description": "The column of that name."}
    return {"anyOf": [name, *forms.get("oneOf", [forms])]}


def _without_schema(tenant: _Schema) -> _Schema:
    return {
        **tenant,
        "properties": {key: value for key, value in tenant["properties"].items() if key != "schema"},
        "oneOf": [form for form in tenant["oneOf"] if form["required"] != ["schema"]],
    }


def _tables(tables: _Schema, table: _Schema) -> _Schema:
    return {
        "title": tables["title"],
        "description": tables["description"],
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _table(canonical, table) for name, canonical in CANONICAL_TABLES.items()},
        "required": [name for name, canonical in CANONICAL_TABLES.items() if canonical.required],
    }


def _table(canonical: CanonicalTable, table: _Schema) -> _Schema:
    """Return the schema of one canonical table's mapping, with the table's own columns."""
    keys = dict(table["properties"])
    keys["columns"] = {
        **keys["columns"],
        "additionalProperties": False,
        "properties": {column.name: _column(canonical, column) for column in canonical.columns[1:]},
        "required": [column.name for column in canonical.columns[1:] if not column.nullable],
    }
    keys["extra"] = {
        **keys["extra"],
        "additionalProperties": False,
        "propertyNames": {"not": {"enum": [column.name for column in canonical.columns]}},
    }
    mapped: list[_Schema] = [{"required": ["source", "columns"]}, {"required": ["query", "columns"]}]
    if canonical.snapshot_of is None:
        del keys["snapshot"]
    else:
        mapped = [{**form, "properties": {"snapshot": {"const": False}}} for form in mapped]
        mapped.append({"required": ["snapshot"], "properties": {"snapshot": {"const": True}}, "maxProperties": 1})
    return {
        "title": canonical.name,
        "description": TABLE_MEANINGS[canonical.name],
        "type": "object",
        "additionalProperties": False,
        "properties": keys,
        "oneOf": mapped,
        "dependencies": {"created_at": ["changed_at"]},
    }


def _column(canonical: CanonicalTable, column: CanonicalColumn) -> _Schema:
    needed = "may be left out" if column.nullable else "needed"
    schema: _Schema = {
        "title": column.name,
        "description": f"{column_meaning(canonical.name, column.name)} ({column.kind}, {needed})",
        "allOf": [_reference("Expression")],
    }
    if column.allowed:
        allowed = [*column.allowed, None] if column.nullable else list(column.allowed)
        schema["description"] += f" One of {', '.join(column.allowed)}."
        schema["properties"] = {"literal": {"enum": allowed}, "values": {"additionalProperties": {"enum": allowed}}}
    return schema


def schema_text() -> str:
    """Return the schema as it stands in SCHEMA_FILE."""
    return json.dumps(mapping_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    print(f"{SCHEMA_FILE.name}: written")
