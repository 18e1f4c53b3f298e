"""What must be known of a statement's text before the engine sees it: does data follow it, and in which format."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Possessive quantifiers throughout: statements reach megabytes, and backtracking over them would never end.
_SPACE = r"(?:\s++|--[^\n]*+\n|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_NAME = r"(?:`[^`]*+`|\"[^\"]*+\"|[\w.]++)++"
_SETTING = r"[\w.]++\s*+=\s*+(?:'[^']*+'|[\w.]++)"
_INSERT_HEAD = re.compile(
    rf"{_SPACE}insert\s++into\s++(?:table\s++)?+(?:function\s++\w++\s*+\([^)]*+\)|{_NAME})"
    rf"{_SPACE}(?P<columns>\((?:`[^`]*+`|\"[^\"]*+\"|[^()`\"]++)*+\))?+"
    rf"{_SPACE}(?P<settings>settings\s++{_SETTING}(?:\s*+,\s*+{_SETTING})*+)?+"
    rf"{_SPACE}(?P<tail>\bformat\s++(?P<format>\w++)(?P<late_settings>\s++settings\s[^\n;]*+)?|\bvalues\b|$)",
    re.IGNORECASE,
)
_TRAILING_FORMAT = re.compile(r"\bformat\s+(\w+)\s*(?:settings\s[^']*)?;?\s*$", re.IGNORECASE)
_KILL_QUERY = re.compile(r"^\s*kill\s+query\b", re.IGNORECASE)
_QUERY_ID = re.compile(r"\bquery_id\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InsertStatement:
    """An INSERT whose rows follow as data.

    Attributes:
        head: the statement without its format, as the engine's streaming insert wants it.
        format: the format of the data.
        data_offset: where the data begins in the text that was parsed.
    """

    head: str
    format: str
    data_offset: int


def parse_insert(text: str) -> InsertStatement | None:
    """Return the INSERT with data that `text` begins with; None for any other statement, INSERT ... SELECT included."""
    found = _INSERT_HEAD.match(text)
    if not found:
        return None
    head = text[: found.start("tail")].rstrip()
    if found["late_settings"]:
        head = f"{head} {found['late_settings'].strip()}"
    offset = found.end()
    if found["format"] and text[offset : offset + 1].isspace():
        # The white space that ends the format's name is not part of the data; anything behind it is.
        offset += 2 if text.startswith("\r\n", offset) else 1
    return InsertStatement(head=head, format=found["format"] or "Values", data_offset=offset)


def result_format(text: str, default: str) -> str:
    """Return the format that a query's result will have."""
    found = _TRAILING_FORMAT.search(text)
    return found.group(1) if found else default


def translate_kill(text: str) -> str:
    """Let KILL QUERY find queries by the id that the client gave: chDB assigns ids of its own."""
    return _QUERY_ID.sub("Settings['log_comment']", text) if _KILL_QUERY.match(text) else text
