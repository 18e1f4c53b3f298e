"""What the documentation shows works as shown."""

from __future__ import annotations

import json
import re
from textwrap import dedent
from typing import Any

import yaml
from jsonschema import Draft7Validator

from deploy.settings import REPOSITORY
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.mapping import MappingLoader, parse_mapping
from orchestration.extraction.mapping_schema import mapping_schema

_HEAD = """
name: example
timezone: UTC
tenant: {constant: acme}
tables: {tenants: {source: public.firms}}
"""


def test_every_example_of_a_mapping_is_one() -> None:
    text = (REPOSITORY / "docs" / "connecting-your-crm.md").read_text(encoding="utf-8")
    documents = [
        yaml.load(dedent(block), Loader=MappingLoader) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ]
    mappings = [document for document in documents if isinstance(document, dict)]
    assert len(mappings) >= 10
    for document in mappings:
        if "name" not in document:
            document = _completed(document)
        mapping = parse_mapping(json.dumps(document), "docs")
        assert set(mapping.tables) <= set(CANONICAL_TABLES)
        assert not list(Draft7Validator(mapping_schema()).iter_errors(document))


def _completed(fragment: dict[str, Any]) -> dict[str, Any]:
    """Return the file that an example is a part of: of its tables, or of its keys above them."""
    head = yaml.safe_load(_HEAD)
    if set(fragment) <= set(CANONICAL_TABLES):
        fragment = {"tables": fragment}
    tables = {**head["tables"], **fragment.get("tables", {})}
    if any("snapshot" in table for table in tables.values()):
        tables["deals"] = {"source": "public.deals"}
    for name, table in tables.items():
        if "snapshot" not in table:
            needed = {column.name: column.name for column in CANONICAL_TABLES[name].columns[1:] if not column.nullable}
            table["columns"] = needed | table.get("columns", {})
    return {**head, **fragment, "tables": tables}


def test_the_example_of_a_model_describes_the_column_it_adds() -> None:
    text = (REPOSITORY / "docs" / "connecting-your-crm.md").read_text(encoding="utf-8")
    sql = re.search(r"```sql\n(.*?)```", text, re.DOTALL)
    assert sql
    lists = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(- .*?)```", text, re.DOTALL)]
    assert [column["name"] for column in lists[0]] == [sql[1].split()[-1]]
    model = (REPOSITORY / "dbt_project/models/staging/stg_crm__deals.sql").read_text(encoding="utf-8")
    assert f"{sql[1].split(',')[0]}\nfrom " in model


def test_both_readmes_name_the_same_commands_and_files() -> None:
    english, russian = ((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "README.ru.md"))
    for pattern in (r"`make [^`]*`", r"^make \w+", r"\]\(([^)#]+)\)"):
        found = [set(re.findall(pattern, text, re.MULTILINE)) for text in (english, russian)]
        assert found[0] - {"README.ru.md"} == found[1] - {"README.md"}


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for page in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for page in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]:
        for target in re.findall(r"`?make ([a-z][a-z-]*)", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"
