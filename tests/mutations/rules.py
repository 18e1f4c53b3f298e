"""The table of `docs/metrics.md` that says which tests hold each metric rule.

Reading it belongs here; whether its tests exist is checked in tests/unit/docs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.settings import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the metrics.

    Attributes:
        id: its stable name.
        places: the models and files that the table names in code letters as where it stands.
        dbt_tests: names of dbt's unit tests and data tests that hold it.
        pytest_tests: node ids of the other tests that hold it.
    """

    id: str
    places: tuple[str, ...]
    dbt_tests: tuple[str, ...]
    pytest_tests: tuple[str, ...]


def read_rules(document: Path = DOCUMENT) -> tuple[Rule, ...]:
    """Return the rules in the order of the table."""
    section = document.read_text(encoding="utf-8").split("\n## Rules and the tests that hold them\n")[1]
    rules = []
    for rule, _, places, tests in _ROW.findall(section):
        names = _NAME.findall(tests)
        rules.append(
            Rule(
                rule,
                tuple(_NAME.findall(places)),
                tuple(name for name in names if not name.startswith("tests/")),
                tuple(name for name in names if name.startswith("tests/")),
            )
        )
    return tuple(rules)
