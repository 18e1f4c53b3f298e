"""No join, group or window of a model crosses tenants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.dbt_manifest import PROJECT_FOLDER

FILES = sorted(
    path
    for path in [*(PROJECT_FOLDER / "models").rglob("*.sql"), *(PROJECT_FOLDER / "macros/rules").rglob("*.sql")]
    # They hold one row per load of a table of the CRM.
    if not path.stem.startswith("stg_ops__")
)
_JOIN = re.compile(
    r"\bjoin\s+(\{\{.*?\}\}|\S+)(.*?)(?=\bjoin\b|\n\s*(?:where|group by|order by|union)\b|\n\s*\)|\Z)", re.S
)
_GROUP = re.compile(r"\bgroup by\b(.*?)(?=\n\s*\)|\b(?:having|union|order by)\b|\{|\Z)", re.S)
_WINDOW = re.compile(r"\bpartition by\b(.*?)(?=\border by\b|\))", re.S)
# What no tenant owns: days of the calendar, countries, spellings and texts that analysts edit, logs of whole replicas.
SHARED = {
    "dim_dates", "source_groups", "business_calendar", "covered_years", "quality_issues", "numbers",
    "stg_ops__reconciliations", "stg_ops__rule_outcomes",
}  # fmt: skip


def crossings(sql: str) -> list[str]:
    """Return the joins, groups and windows of a model that do not stay within a tenant."""
    sql = re.sub(r"(?s)\{#.*?#\}", "", re.sub(r"--.*", "", sql))
    found = []
    for joined, condition in _JOIN.findall(sql):
        name = re.sub(r"\W*(?:ref\('(\w+)'\)|(\w+)).*", r"\1\2", joined)
        both_sides = len(re.findall(r"\w+\.tenant_id", condition)) >= 2
        if name not in SHARED and not both_sides:
            found.append(f"join {name} {' '.join(condition.split())[:80]}")
    found += [f"group by {' '.join(keys.split())[:80]}" for keys in _GROUP.findall(sql) if "tenant_id" not in keys]
    found += [f"partition by {' '.join(keys.split())}" for keys in _WINDOW.findall(sql) if "tenant_id" not in keys]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_model_stays_within_a_tenant(path: Path) -> None:
    assert not crossings(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "sql",
    [
        "select a.x from a inner join {{ ref('b') }} as b on a.id = b.id where true",
        "select a.x from a left join b on a.id = b.id left join c on a.tenant_id = c.tenant_id",
        "select x from a\ngroup by x",
        "select row_number() over (partition by deal_id order by moment) as ordinal from a",
    ],
)
def test_a_crossing_is_found(sql: str) -> None:
    assert len(crossings(sql)) == 1


def test_what_no_tenant_owns_may_be_joined_by_itself() -> None:
    assert not crossings("select a.x from a inner join {{ ref('dim_dates') }} as dates on true -- group by day")
