"""ClickHouse errors as HTTP clients know them: a code, a text and an HTTP status."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")
_UNKNOWN_EXCEPTION = 1002
# The statuses of ClickHouse's own HTTP handler; everything else is 500.
_STATUS = {
    36: 400, 41: 400, 43: 400, 44: 400, 46: 404, 47: 404, 53: 400, 57: 400, 60: 404, 62: 400, 81: 404, 82: 400,
    115: 404, 158: 403, 164: 403, 193: 401, 194: 401, 202: 500, 372: 404, 373: 500, 457: 400, 48: 501, 516: 403,
}  # fmt: skip


class ClickHouseError(Exception):
    """An error with its ClickHouse code; `text` reads like ClickHouse's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """Return the HTTP status that ClickHouse answers with."""
        return _STATUS.get(self.code, 500)

    @classmethod
    def named(cls, code: int, name: str, message: str) -> ClickHouseError:
        """Build an error of this server in ClickHouse's form."""
        return cls(code, f"Code: {code}. DB::Exception: {message} ({name})")


def from_engine(error: BaseException) -> ClickHouseError:
    """Translate what chDB raised; its texts carry the code."""
    text = str(error)
    found = _CODE.search(text)
    if not found:
        return ClickHouseError(_UNKNOWN_EXCEPTION, f"Code: {_UNKNOWN_EXCEPTION}. DB::Exception: {text}")
    return ClickHouseError(int(found.group(1)), text[found.start() :])
