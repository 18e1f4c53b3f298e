"""Lines under a report: only issues that pass their threshold, the largest share first, in the reader's language."""

from __future__ import annotations

import pytest

from api.reports.footnotes import Issue, footnotes
from api.reports.language import load_language
from catalogue.texts import LanguageCode

ISSUES = [
    Issue("small", 1, 100, 0.05, 0.2),
    Issue("note", 5, 100, 0.05, 0.2),
    Issue("caution", 1_234, 5_000, 0.05, 0.2),
    Issue("nothing found", 0, 10, 0.0, 0.2),
]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", ("Caution: caution: 1,234 of 5,000 (24.7%)", "Note: note: 5 of 100 (5.0%)")),
        ("ru", ("Осторожно: caution: 1 234 из 5 000 (24,7 %)", "К сведению: note: 5 из 100 (5,0 %)")),
    ],
)
def test_issues_above_their_threshold_are_told(code: LanguageCode, expected: tuple[str, ...]) -> None:
    told = footnotes(ISSUES, load_language(code))
    assert tuple(line.replace("\u00a0", " ").replace("\u202f", " ") for line in told) == expected
