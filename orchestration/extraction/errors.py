"""The one error that extraction raises on bad input; nothing else belongs here."""

from __future__ import annotations


class ExtractionError(Exception):
    """A mapping, a source or a load is wrong; the message is one line that says what, where and what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of an engine's message: what follows may quote the row, and rows stay out of logs."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
