"""Results within a document: what a benchmark writes stands between two marks, all else is written by people."""

from __future__ import annotations

from pathlib import Path
from typing import Final

END: Final = "<!-- end of results -->"


def begin_mark(command: str) -> str:
    """Return the mark before the results that a command of make writes, such as `make bench-marts`."""
    return f"<!-- results: written by `{command} ARGS=--write-docs` -->"


def write_between_marks(document: Path, command: str, text: str) -> None:
    """Replace what stands between the mark of a command and the end of its results.

    Raises:
        SystemExit: the document has no such marks.
    """
    begin = begin_mark(command)
    head, opened, rest = document.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(END)
    if not opened or not closed:
        raise SystemExit(f"{document} lacks the marks {begin} and {END}: put them where the results belong")
    document.write_text(f"{head}{begin}\n{text}\n{END}{tail}", encoding="utf-8")
