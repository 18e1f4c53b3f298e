"""Suite files: the shipped ones are whole, and a wrong one is told in one line that names the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.settings import REPOSITORY
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.quality.suite import SuiteError, SuiteKind, load_suites, parse_suite
from orchestration.quality.volume import deviation

RULE = "table: deals\ntypes_and_ranges:\n  - {{name: some_rule, severity: warning, reason: because of this, {}}}\n"


def test_every_replica_has_a_suite_with_every_kind_that_it_can_have() -> None:
    suites = load_suites()
    assert list(suites) == list(CANONICAL_TABLES)
    for table, suite in suites.items():
        expected = set(SuiteKind) - ({SuiteKind.REFERENTIAL_INTEGRITY} if table == "tenants" else set())
        assert set(suite.kinds()) == expected, table


def test_every_allowed_value_of_a_canonical_column_is_held_by_a_rule() -> None:
    """The extraction refuses others while it loads; the suite still finds them after a change by hand."""
    for table, suite in load_suites().items():
        held = {rule.column: rule.one_of for rule in suite.types_and_ranges if rule.one_of}
        for column in CANONICAL_TABLES[table].columns:
            if column.allowed and table != "users":
                assert set(held[column.name] or ()) == set(column.allowed), (table, column.name)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("- a list", ["must begin with `table: <name>`"]),
        ("table: [", ["not YAML"]),
        ("table: dealz", ["table 'dealz' is unknown", "deals"]),
        (RULE.format("column: amonut, at_least: 0"), ["some_rule", "no column 'amonut'", "amount"]),
        (RULE.format("column: amount"), ["some_rule", "exactly one of", "at_least"]),
        (RULE.format("column: amount, at_least: 0, not_empty: true"), ["exactly one of"]),
        (RULE.format("column: title, at_least: 0"), ["column 'title' holds no numbers"]),
        (RULE.format("column: amount, not_in_future: 1"), ["neither a timestamp nor a date"]),
        (RULE.format("column: amount, at_leest: 0"), ["types_and_ranges.0.at_leest", "is not known here"]),
        (RULE.format("column: amount, at_least: 0").replace("warning", "fatal"), ["severity", "'error' or 'warning'"]),
        (
            RULE.format("column: amount, at_least: 0") * 1 + "freshness: []\nvolumes: {}\n",
            ["volumes", "not known here"],
        ),
        (
            "table: deals\nreferential_integrity:\n  - {name: some_rule, severity: error, reason: because of this, "
            "columns: {owner_user_id: key}, in_table: users}\n",
            ["some_rule", "table 'users' has no column 'key'"],
        ),
        (
            "table: exchange_rates\nfreshness:\n  - {name: some_rule, severity: error, reason: because of this, "
            "newest: row, at_most_hours: 3}\n",
            ["no moment of creation"],
        ),
    ],
)
def test_a_wrong_suite_is_told_in_one_line(text: str, parts: list[str]) -> None:
    with pytest.raises(SuiteError) as raised:
        parse_suite(text, "deals.yaml")
    message = str(raised.value)
    assert message.startswith("deals.yaml: ")
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_two_rules_of_one_name_and_two_files_of_one_table_are_refused(tmp_path: Path) -> None:
    twice = RULE.format("column: amount, at_least: 0") + RULE.format("column: amount, at_most: 9").split("\n", 2)[2]
    with pytest.raises(SuiteError, match="two rules are named 'some_rule'"):
        parse_suite(twice, "deals.yaml")
    for name in ("deals.yaml", "deals_too.yaml"):
        (tmp_path / name).write_text("table: deals\n", encoding="utf-8")
    with pytest.raises(SuiteError, match="one file per table"):
        load_suites(tmp_path)


def test_the_guide_shows_suites_that_are_well_formed() -> None:
    text = (REPOSITORY / "docs" / "quality.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(table: .*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert list(parse_suite(example, "docs/quality.md").rules())


def test_a_day_is_unusual_by_spreads_of_its_weekday() -> None:
    usual = [100, 104, 96, 102, 98, 101, 99, 103]
    assert deviation(100, usual, beyond=0) == 0.0
    assert deviation(0, usual, beyond=20) == 10.0  # a tenth of the median is the smallest spread
    assert deviation(0, usual, beyond=101) == 0.0
    assert deviation(300, [0] * 8, beyond=20) == 300.0
    assert deviation(300, [100, 300, 500, 100, 300, 500, 100, 300], beyond=20) == 0.0
