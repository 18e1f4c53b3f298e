"""Each rule of the shipped suites is broken once by a row, which Great Expectations finds and the verdict names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.extraction.replica import Warehouse
from orchestration.quality.examination import examine, gather
from orchestration.quality.expectations import Judge
from orchestration.quality.finding import Finding
from orchestration.quality.freshness import read_landing
from orchestration.quality.measure import measure
from orchestration.quality.suite import ReferenceRule, RowRule, TableSuite, load_suites
from orchestration.quality.verdict import RuleOutcome, broken
from orchestration.quality.volume import accept_counts, accepted_counts, append_counts, create_row_counts
from tests.integration.quality.landed import (
    NOWHERE,
    Breach,
    breach_of_reference,
    breach_of_row_rule,
    copy_rows,
    land,
    withdraw,
)

SUITES = load_suites()


def identity(value: TableSuite | RowRule | ReferenceRule) -> str:
    return value.table if isinstance(value, TableSuite) else value.name


ROW_RULES = [(suite, rule) for suite in SUITES.values() for rule in suite.types_and_ranges]
REFERENCES = [(suite, rule) for suite in SUITES.values() for rule in suite.referential_integrity]


@pytest.fixture(scope="module")
def warehouse(landed: Warehouse) -> Warehouse:
    create_row_counts(landed)
    return landed


def outcomes(
    warehouse: Warehouse, suite: TableSuite, docs: Path, now: datetime | None = None
) -> dict[str, RuleOutcome]:
    evidence = gather(warehouse, suite, now=now or datetime.now(UTC), landing=read_landing(warehouse))
    return {each.name: each for each in Judge(docs).judge(suite, evidence).outcomes}


MANY = {"id": "concat('broken-', toString(number))"}


def many(warehouse: Warehouse, suite: TableSuite, rows: int) -> str:
    one = f"(select * from {warehouse.replica(suite.table)} final where tenant_id = 'volga' limit 1)"
    return f"(select * from {one} as one cross join numbers({rows}) as n)"


def found(warehouse: Warehouse, suite: TableSuite, rule: RowRule | ReferenceRule) -> Finding:
    return measure(warehouse, suite, now=datetime.now(UTC)).findings[rule.name]


def assert_found(
    warehouse: Warehouse, suite: TableSuite, rule: RowRule | ReferenceRule, breach: Breach, docs: Path
) -> None:
    before = found(warehouse, suite, rule)
    land(warehouse, suite, breach)
    try:
        after = outcomes(warehouse, suite, docs)[rule.name]
    finally:
        withdraw(warehouse, suite)
    assert after.broken == before.broken + 1
    assert not after.kept
    tenant = breach.columns.get("tenant_id", "").strip("'")
    named = [each for each in after.examples if breach.key in each.key.split("/") and each not in before.examples]
    assert len(named) == 1, after.examples
    assert named[0].tenant == tenant or not tenant
    assert found(warehouse, suite, rule) == before


@pytest.mark.parametrize(("suite", "rule"), ROW_RULES, ids=identity)
def test_a_row_that_breaks_a_rule_is_named(
    warehouse: Warehouse, suite: TableSuite, rule: RowRule, tmp_path: Path
) -> None:
    assert_found(warehouse, suite, rule, breach_of_row_rule(suite, rule), tmp_path / "docs")


@pytest.mark.parametrize(("suite", "rule"), REFERENCES, ids=identity)
def test_a_row_that_refers_to_nothing_is_named(
    warehouse: Warehouse, suite: TableSuite, rule: ReferenceRule, tmp_path: Path
) -> None:
    assert_found(warehouse, suite, rule, breach_of_reference(suite, rule), tmp_path / "docs")


def test_a_reference_into_another_tenant_is_an_orphan(warehouse: Warehouse, tmp_path: Path) -> None:
    suite = SUITES["deals"]
    other = f"(select min(id) from {warehouse.replica('users')} final where tenant_id = 'hudson')"
    breach = Breach({"id": "'broken-row'", "tenant_id": "'volga'", "owner_user_id": other}, "broken-row")
    rule = next(rule for rule in suite.referential_integrity if rule.name == "owner_is_a_user")
    assert_found(warehouse, suite, rule, breach, tmp_path / "docs")


def test_a_deleted_row_keeps_a_reference_only_where_the_rule_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    """The demo CRM deletes stages and companies that deals still name; owners must be live."""
    stage, owner = (
        f"select count() from {warehouse.replica(table)} final where (tenant_id, {column}) not in "
        f"(select tenant_id, id from {warehouse.replica(other)} final) and {column} is not null"
        for table, column, other in (("deals", "stage_id", "stages"), ("deals", "owner_user_id", "users"))
    )
    found = outcomes(warehouse, SUITES["deals"], tmp_path / "docs")
    assert warehouse.rows(stage)[0][0] > 0
    assert found["stage_exists"].broken == 0
    assert found["owner_is_a_user"].broken == warehouse.rows(owner)[0][0] > 0


def test_a_tombstone_breaks_no_rule(warehouse: Warehouse, tmp_path: Path) -> None:
    suite = SUITES["deals"]
    before = outcomes(warehouse, suite, tmp_path / "docs")
    breach = Breach({"id": "'broken-row'", "amount": "-5", "_deleted": "1"}, "broken-row")
    land(warehouse, suite, breach)
    assert outcomes(warehouse, suite, tmp_path / "docs") == before
    withdraw(warehouse, suite)


def test_at_most_ten_rows_are_named_and_all_are_counted(warehouse: Warehouse, tmp_path: Path) -> None:
    suite = SUITES["deals"]
    copy_rows(warehouse, suite, MANY | {"amount": "toDecimal64(-1, 2)"}, many(warehouse, suite, 25))
    found = outcomes(warehouse, suite, tmp_path / "docs")["amount_is_not_negative"]
    withdraw(warehouse, suite)
    assert found.broken == 25
    assert len(found.examples) == 10
    assert found.examples[0].value == "-1"


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_a_load_that_did_not_happen_is_found(warehouse: Warehouse, suite: TableSuite, tmp_path: Path) -> None:
    fresh = outcomes(warehouse, suite, tmp_path / "docs")
    late = outcomes(warehouse, suite, tmp_path / "docs", datetime.now(UTC) + timedelta(days=30))
    assert fresh["loaded_within_a_day"].kept
    assert not late["loaded_within_a_day"].kept
    assert "last load finished" in late["loaded_within_a_day"].sentence()


@pytest.mark.parametrize("table", [name for name, suite in SUITES.items() if len(suite.freshness) > 1])
def test_a_tenant_without_new_rows_is_named(warehouse: Warehouse, table: str, tmp_path: Path) -> None:
    suite = SUITES[table]
    rule = next(rule for rule in suite.freshness if rule.newest == "row")
    newest = {
        tenant: rows.newest_created
        for tenant, rows in measure(warehouse, suite, now=datetime.now(UTC)).tenants.items()
        if rows.newest_created
    }
    # Ages are told to a tenth of an hour.
    oldest, tenth = min(newest, key=lambda tenant: newest[tenant]), timedelta(minutes=6)
    limit = newest[oldest] + timedelta(hours=rule.at_most_hours)
    assert outcomes(warehouse, suite, tmp_path / "docs", limit - tenth)[rule.name].kept
    late = outcomes(warehouse, suite, tmp_path / "docs", limit + tenth)[rule.name]
    assert not late.kept
    named = [example.tenant for example in late.examples]
    # With it perhaps another that fell silent at the same time.
    assert oldest in named
    assert all(newest[tenant] <= newest[oldest] + tenth for tenant in named)


@pytest.fixture
def lost_rows(warehouse: Warehouse) -> Iterator[None]:
    """Remember twice as many leads of one tenant, and a tenant that is gone."""
    live = {tenant: rows for tenant, rows in warehouse.rows(
        f"select tenant_id, count() from {warehouse.replica('leads')} final group by tenant_id"
    )}  # fmt: skip
    counts = {**live, "volga": 2 * live["volga"], NOWHERE: 900}
    append_counts(warehouse, "leads", counts, refused=(), run_id="yesterday")
    yield
    warehouse.run(f"truncate table {warehouse.ops}.row_counts")


def test_a_tenant_that_lost_rows_stops_the_night_until_it_is_accepted(
    warehouse: Warehouse, lost_rows: None, tmp_path: Path
) -> None:
    def night() -> RuleOutcome:
        found = examine(
            warehouse, [SUITES["leads"]], now=datetime.now(UTC), run_id="tonight", docs=tmp_path / "docs" / "site"
        )
        return {each.name: each for each in found.verdicts["leads"].outcomes}["no_rows_vanished"]

    for _ in range(2):
        outcome = night()
        assert not outcome.kept
        assert outcome.severity == "error"
        assert {example.tenant for example in outcome.examples} == {"volga", NOWHERE}
        assert "before" in outcome.sentence()
    accepted = dict(accept_counts(warehouse, "leads"))
    assert accepted.keys() == {"volga", NOWHERE}
    assert accepted[NOWHERE] == 0
    assert night().kept
    assert accept_counts(warehouse, "leads") == []


def test_a_small_loss_is_no_finding(warehouse: Warehouse, lost_rows: None, tmp_path: Path) -> None:
    live = accepted_counts(warehouse, "leads")["hudson"]
    append_counts(warehouse, "leads", {"volga": 0, NOWHERE: 0, "hudson": live + 50}, refused=(), run_id="later")
    assert outcomes(warehouse, SUITES["leads"], tmp_path / "docs")["no_rows_vanished"].kept


@pytest.mark.parametrize("table", [suite.table for suite in SUITES.values() if suite.volume.rows_added])
def test_a_day_unlike_its_weekday_is_found(warehouse: Warehouse, table: str, tmp_path: Path) -> None:
    suite = SUITES[table]
    created = suite.canonical.partition_column
    before = outcomes(warehouse, suite, tmp_path / "docs")["rows_of_the_day_are_usual"]
    assert before.kept
    yesterday = "toStartOfDay(now64(6, 'UTC')) - toIntervalHour(3)"
    copy_rows(warehouse, suite, MANY | {str(created): yesterday}, many(warehouse, suite, 900))
    found = outcomes(warehouse, suite, tmp_path / "docs")["rows_of_the_day_are_usual"]
    withdraw(warehouse, suite)
    assert not found.kept
    assert [example.tenant for example in found.examples] == ["volga"]
    assert "median of the 8 before" in found.examples[0].value


def test_a_table_that_the_mapping_leaves_out_is_no_finding(warehouse: Warehouse, tmp_path: Path) -> None:
    landing = replace(read_landing(warehouse), not_mapped=frozenset({"companies"}))
    evidence = gather(warehouse, SUITES["deals"], now=datetime.now(UTC), landing=landing)
    verdict = Judge(tmp_path / "docs").judge(SUITES["deals"], evidence)
    skipped = [each for each in verdict.outcomes if each.skipped]
    assert [each.name for each in skipped] == ["company_exists"]
    assert "companies is not filled" in skipped[0].sentence()
    assert not [each for each in broken(verdict.outcomes) if each.skipped]


def test_docs_name_the_rows_and_fetch_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    suite = SUITES["deals"]
    breach = Breach({"id": "'broken-row'", "amount": "-77"}, "broken-row")
    land(warehouse, suite, breach)
    docs = tmp_path / "docs"
    found = examine(warehouse, [suite], now=datetime.now(UTC), run_id="docs", docs=docs)
    withdraw(warehouse, suite)
    assert found.docs == docs / "index.html"
    pages = {page: page.read_text(encoding="utf-8") for page in docs.rglob("*.html")}
    assert "amount_is_not_negative" in pages[found.docs]
    assert "broken-row" in pages[found.docs]
    validation = next(text for page, text in pages.items() if "validations" in page.parts)
    assert "broken-row" in validation and "-77" in validation
    for page, text in pages.items():
        assert "<script" not in text, page
        assert "http://" not in text and "https://" not in text, page
        assert "warehouse-password" not in text, page
    warehouse.run(f"truncate table {warehouse.ops}.row_counts")
