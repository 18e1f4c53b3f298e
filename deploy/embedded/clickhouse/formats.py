"""Output formats: which of them can be sent block by block, and what they are called in HTTP.

chDB formats every block of a stream as a document of its own. Blocks of plain row formats can simply be joined; from
those that begin with the columns' names all but the first beginning is cut off; documents with an end cannot be joined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_JOINABLE = {
    "native", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "raw", "csv", "jsoneachrow", "jsonlines", "ndjson",
    "jsonstringseachrow", "jsoncompacteachrow", "jsoncompactstringseachrow", "rowbinary", "tskv", "msgpack", "rawblob",
    "lineasstring",
}  # fmt: skip
_WITH_NAMES = re.compile(
    r"(tabseparated|tsv|csv|jsoncompacteachrow|jsoncompactstringseachrow|rowbinary)(withnames|withnamesandtypes)"
)
# What chDB leaves out of a stream or puts around each block.
_NEEDS_THE_WHOLE = re.compile(r"\b(totals|extremes|output_format_json_array_of_rows)\b", re.IGNORECASE)
_CONTENT_TYPES = {
    "tabseparated": "text/tab-separated-values", "tsv": "text/tab-separated-values", "csv": "text/csv",
    "json": "application/json", "jsoneachrow": "application/x-ndjson", "jsoncompact": "application/json",
    "xml": "application/xml", "native": "application/octet-stream", "rowbinary": "application/octet-stream",
    "parquet": "application/octet-stream", "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream", "markdown": "text/markdown",
}  # fmt: skip
_WITH_CHARSET = ("text/", "application/json", "application/xml", "application/x-ndjson")


def streams(format_: str, text: str, settings: Iterable[str]) -> bool:
    """Return whether the result of the query `text`, under these settings, may be sent block by block."""
    name = format_.lower()
    known = name in _JOINABLE or _WITH_NAMES.fullmatch(name) is not None
    return known and not _NEEDS_THE_WHOLE.search(text) and not any(map(_NEEDS_THE_WHOLE.fullmatch, settings))


def has_names(format_: str) -> bool:
    """Return whether a streaming format begins with the columns' names, even without rows."""
    return _WITH_NAMES.fullmatch(format_.lower()) is not None


def join_blocks(blocks: Iterable[bytes], format_: str) -> Iterator[bytes]:
    """Yield the blocks of a stream as parts of one document."""
    found = _WITH_NAMES.fullmatch(format_.lower())
    if found is None:
        yield from blocks
        return
    parts = 2 if found[2] == "withnamesandtypes" else 1
    measure = _MEASURES.get(found[1], _lines_length)
    head = -1
    for block in blocks:
        yield block if head < 0 else block[head:]
        if head < 0:
            head = measure(block, parts)


def content_type(format_: str) -> str:
    """Return the Content-Type of a result in that format."""
    name = format_.lower()
    found = _WITH_NAMES.fullmatch(name)
    type_ = _CONTENT_TYPES.get(found[1] if found else name, "text/plain")
    return f"{type_}; charset=UTF-8" if type_.startswith(_WITH_CHARSET) else type_


def _lines_length(block: bytes, lines: int) -> int:
    end = 0
    for _ in range(lines):
        end = block.index(b"\n", end) + 1
    return end


def _csv_length(block: bytes, lines: int) -> int:
    """Return the length of the first lines; a name in quotes may hold line breaks."""
    end = 0
    for _ in range(lines):
        start = end
        end = block.index(b"\n", end) + 1
        while block.count(b'"', start, end) % 2:
            end = block.index(b"\n", end) + 1
    return end


def _row_binary_length(block: bytes, lists: int) -> int:
    columns, position = _read_varint(block, 0)
    for _ in range(columns * lists):
        length, position = _read_varint(block, position)
        position += length
    return position


def _read_varint(block: bytes, position: int) -> tuple[int, int]:
    """Return the number of variable length at that position, and the position behind it."""
    number = shift = 0
    while True:
        byte = block[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7


_MEASURES: dict[str, Callable[[bytes, int], int]] = {"csv": _csv_length, "rowbinary": _row_binary_length}
