"""What the documentation shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.settings import REPOSITORY
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.mapping import load_mapping


def test_the_example_mapping_loads(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "connecting-your-crm.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example
    path = tmp_path / "my_crm.yaml"
    path.write_text(example.group(1), encoding="utf-8")
    assert set(load_mapping(str(path)).tables) <= set(CANONICAL_TABLES)


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
        for target in re.findall(r"`?make ([a-z]+)", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"
