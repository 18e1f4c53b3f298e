"""ClickHouse errors as HTTP clients know them: a code, a text and an HTTP status."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")
_UNKNOWN_EXCEPTION = 1002
# The statuses of ClickHouse's own HTTP handler; everything else is 500.
_CODES_OF_STATUS = {
    400: (
        6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676,
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}  # fmt: skip
_STATUS = {code: status for status, codes in _CODES_OF_STATUS.items() for code in codes}


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
