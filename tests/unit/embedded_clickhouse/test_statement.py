"""Reading statements: where an INSERT's rows begin, which format a result has, and what length costs."""

from __future__ import annotations

import pytest

from deploy.embedded.clickhouse.statement import (
    changes_settings,
    only_reads,
    parse_insert,
    result_format,
    translate_kill,
)

LONG = 300_000


@pytest.mark.parametrize(
    ("text", "head", "format_", "data"),
    [
        ("insert into t values (1)", "insert into t", "Values", " (1)"),
        ("insert into values values (1)", "insert into values", "Values", " (1)"),
        ("insert into db.format (a) values (1)", "insert into db.format (a)", "Values", " (1)"),
        ("insert into db.`values` (`format`) format TSV\t1", "insert into db.`values` (`format`)", "TSV", "1"),
        ("INSERT INTO t FORMAT CSV\r\n\n1", "INSERT INTO t", "CSV", "\n1"),
        ("insert into t format TSV\nsettings a", "insert into t", "TSV", "settings a"),
        ("insert into t settings a = 'values', b = 1 values (1)", "insert into t settings a = 'values', b = 1",
         "Values", " (1)"),
        ("/* select */ -- format\n insert into t (a, b) values", "/* select */ -- format\n insert into t (a, b)",
         "Values", ""),
        ("insert into function file('values', 'CSV') values (1)", "insert into function file('values', 'CSV')",
         "Values", " (1)"),
        ("insert into {t:Identifier} format Native\n", "insert into {t:Identifier}", "Native", ""),
    ],
)  # fmt: skip
def test_an_insert_with_rows(text: str, head: str, format_: str, data: str) -> None:
    insert = parse_insert(text)
    assert insert is not None
    assert (insert.head, insert.format, text[insert.data_offset :]) == (head, format_, data)


@pytest.mark.parametrize(
    "text",
    [
        "insert into t select 1", "insert into t (a) select 1 format CSV", "insert into t (select 1)",
        "insert into t with x as (select 1) select * from x", "insert into t from infile 'x' format CSV",
        "select 'insert into t values'", "-- insert into t values\nselect 1", "explain insert into t values (1)", "",
    ],
)  # fmt: skip
def test_no_insert_with_rows(text: str) -> None:
    assert parse_insert(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1 format JSON", "JSON"),
        ("select 'a--' FORMAT CSV ;\n", "CSV"),
        ("select 1 format CSV settings a = 'x'", "CSV"),
        ("select 1 format JSON /* x */ -- y", "JSON"),
        ("select 'format x'", "default"),
        ("select ' format x", "x"),
        ("select 1 -- format CSV", "default"),
        ("select 1 /* format CSV */", "default"),
        ("select format from t", "default"),
        ("select * from view(select 1 format CSV)", "default"),
    ],
)
def test_the_format_of_a_result(text: str, expected: str) -> None:
    assert result_format(text, "default") == expected


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "insert into t (" + "a," * LONG, "insert into t settings " + "a=1," * LONG, "/*" * LONG,
        "'" * (LONG + 1), "format " * LONG, " " * LONG, "insert into t " + "(" * LONG, "\\'" * LONG,
        "select '" + "x format y " * LONG + "'", "$a$" * LONG, "-- x\n" * LONG, "`" + "\\`" * LONG,
    ],
    ids=range(12),
)  # fmt: skip
def test_long_statements_take_linear_time(text: str) -> None:
    parse_insert(text)
    result_format(text, "default")


def test_kill_by_the_client_s_id() -> None:
    assert translate_kill("/* x */ KILL QUERY where query_id = 'a'").endswith("where Settings['log_comment'] = 'a'")
    assert translate_kill("select query_id from system.query_log") == "select query_id from system.query_log"


def test_kinds_of_statements() -> None:
    assert changes_settings("-- x\nSET a = 1") and not changes_settings("select 'set'")
    assert only_reads("/* x */ (select 1)") and not only_reads("alter table t delete where 1")
