"""Results of benchmarks as Markdown, and where they go in a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.document_marks import END, begin_mark, write_between_marks
from benchmarks.report_tables import Column, Report, markdown

COMMAND = "make bench-dashboards"
BEGIN = begin_mark(COMMAND)


def test_numbers_stand_right_and_texts_left() -> None:
    columns = (Column("a", ("x", "y")), Column("b", ("1", "2")), Column("c", ("p|q", ""), is_text=True))
    assert markdown(Report("new", (("Title", columns),))) == (
        "new\n\nTitle:\n\n| a | b | c |\n| --- | ---: | --- |\n| x | 1 | p&#124;q |\n| y | 2 |  |"
    )


def test_results_are_written_between_their_marks(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n{END}\n", encoding="utf-8")
    write_between_marks(document, COMMAND, "new")
    assert document.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n{END}\n"


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("text\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="lacks the marks"):
        write_between_marks(document, COMMAND, "new")
    assert document.read_text(encoding="utf-8") == "text\n"
