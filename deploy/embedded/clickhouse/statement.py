"""What must be known of a statement's text before the engine sees it: an INSERT with data behind it, its format, ...

The text is read token by token and never by one large pattern: time stays linear in its length, and words inside of
strings, comments and quoted names are not mistaken for keywords.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<text>'[^'\\]*(?:\\.[^'\\]*)*'|`[^`\\]*(?:\\.[^`\\]*)*`|\"[^\"\\]*(?:\\.[^\"\\]*)*\"|(?P<tag>\$\w*\$).*?(?P=tag))"
    r"|(?P<word>\w+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_FORMAT_AT_END = re.compile(r"\bformat\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
_FORMAT_ANYWHERE = re.compile(r"\bformat\s", re.IGNORECASE)
_QUERY_ID = re.compile(r"\bquery_id\b", re.IGNORECASE)
_BLANKS = " \t\f"
_READING = {"select", "with", "show", "describe", "desc", "exists", "explain", "use", "set", "from", "("}


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


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse_insert(text: str) -> InsertStatement | None:
    """Return the INSERT with data that `text` begins with; None for any other statement, INSERT ... SELECT included."""
    tokens = _tokens(text)
    if [token.text for _, token in zip(range(2), tokens, strict=False)] != ["insert", "into"]:
        return None
    if not _skip_target(tokens):
        return None
    depth = 0
    opened = dotted = False
    for token in tokens:
        if opened and token.text in ("select", "with"):
            return None
        opened = token.text == "(" and depth == 0
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "other" else 0
        qualified, dotted = dotted, token.text == "."
        if depth or qualified or token.kind != "word":
            continue
        if token.text in ("select", "with", "from", "watch"):
            return None
        if token.text == "values":
            return InsertStatement(text[: token.start].rstrip(), "Values", token.end)
        if token.text == "format":
            return _with_format(text, token, next(tokens, None))
    return InsertStatement(text.rstrip().rstrip(";"), "Values", len(text))


def result_format(text: str, default: str) -> str:
    """Return the format that a query's result will have."""
    found = _FORMAT_AT_END.search(text)
    if found:
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if "--" not in line and "#" not in line:
            return found.group(1)
    if not _FORMAT_ANYWHERE.search(text):
        return default
    return _last_format(text) or default


def changes_settings(text: str) -> bool:
    """Return whether the statement is a SET, whose effect outlives it."""
    return first_word(text) == "set"


def only_reads(text: str) -> bool:
    """Return whether the statement leaves data and definitions as they are."""
    return first_word(text) in _READING


def returns_rows(text: str) -> bool:
    """Return whether the statement has a result, be it empty: others are answered without a format."""
    return first_word(text) in (_READING | {"kill", "check"}) - {"use", "set"}


def first_word(text: str) -> str:
    """Return the first word or sign behind white space and comments, in lower case; empty for an empty statement."""
    token = next(_tokens(text), None)
    return token.text if token else ""


def translate_kill(text: str) -> str:
    """Let KILL QUERY find queries by the id that the client gave: chDB assigns ids of its own."""
    words = [token.text for _, token in zip(range(2), _tokens(text), strict=False)]
    return _QUERY_ID.sub("Settings['log_comment']", text) if words == ["kill", "query"] else text


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup)
        if found["space"] is None:
            kind = "text" if kind == "tag" else kind
            yield _Token(kind, found[0].lower() if kind != "text" else "", found.start(), found.end())


def _skip_target(tokens: Iterator[_Token]) -> bool:
    """Read `[TABLE] [FUNCTION] name`, so that a table called `values` is not taken for the keyword."""
    token = next(tokens, None)
    if token is not None and token.text == "table":
        token = next(tokens, None)
    if token is not None and token.text == "function":
        token = next(tokens, None)
    return token is not None


def _with_format(text: str, keyword: _Token, name: _Token | None) -> InsertStatement | None:
    if name is None or name.kind != "word":
        return None
    # As in ClickHouse: blanks and one line break behind the name belong to the statement, the rest is data.
    offset = name.end
    while offset < len(text) and text[offset] in _BLANKS:
        offset += 1
    offset += text.startswith("\r", offset)
    offset += text.startswith("\n", offset)
    return InsertStatement(text[: keyword.start].rstrip(), text[name.start : name.end], offset)


def _last_format(text: str) -> str:
    """Return what follows a FORMAT keyword at the statement's end, SETTINGS behind it allowed; empty without one."""
    tokens = list(_tokens(text))
    for position in range(len(tokens) - 2, -1, -1):
        keyword, name = tokens[position], tokens[position + 1]
        if keyword.kind == "word" and keyword.text == "format" and name.kind == "word":
            behind = tokens[position + 2].text if position + 2 < len(tokens) else ";"
            return text[name.start : name.end] if behind in (";", "settings") else ""
    return ""
