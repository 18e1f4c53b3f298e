"""Reads numbers, booleans, dates and moments out of texts of the CRM, strictly and under every setting of a session.

PostgreSQL's own reading of a text depends on datestyle, drops the offset of a moment and rounds its fraction. What is
not spelled in full is not guessed: its row is barred from the replica by the value at fault.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.extraction.canonical import Kind

_LEAP_DAY = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29"
_MONTH_DAY = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_DAY = f"(?!0000)({_LEAP_DAY}|[0-9]{{4}}-{_MONTH_DAY})"
# PostgreSQL holds microseconds.
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?"
_OFFSET = "(z| ?[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_NAIVE = f"{_DAY}([ t]{_TIME})?"
_WITH_OFFSET = f"{_DAY}[ t]{_TIME}{_OFFSET}|[+-]?infinity"
_NUMBER = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,4})?|nan|[+-]?inf(inity)?"
_TRUE, _FALSE = "t|true|y|yes|on|1", "f|false|n|no|off|0"


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a text.

    Attributes:
        value: SQL of the typed value; NULL where the text cannot be read.
        unreadable: SQL of the text that cannot be read, or NULL.
    """

    value: str
    unreadable: str


def read_text(text: str, kind: Kind, zone: str) -> Reading:
    """Return how to read a text as a value of a kind other than text.

    Args:
        text: SQL of the text.
        kind: what to read; numbers of both kinds become numeric, moments timestamptz.
        zone: SQL literal of the time zone of moments that name none.
    """
    match kind:
        case Kind.INTEGER | Kind.DECIMAL:
            branches = {_NUMBER: f"({text})::numeric"}
        case Kind.BOOLEAN:
            branches = {_TRUE: "true", _FALSE: "false"}
        case Kind.DATE:
            branches = {_DAY: f"({text})::date", "[+-]?infinity": f"({text})::date"}
        case Kind.TIMESTAMP:
            branches = {_WITH_OFFSET: f"({text})::timestamptz", _NAIVE: f"({text})::timestamp at time zone {zone}"}
        case Kind.TEXT:
            raise ValueError("a text is no reading of a text")
    cases = " ".join(f"when {_matches(text, pattern)} then {value}" for pattern, value in branches.items())
    readable = " or ".join(_matches(text, pattern) for pattern in branches)
    return Reading(f"case {cases} end", f"case when not ({readable}) then {text} end")


def _matches(text: str, pattern: str) -> str:
    return f"({text}) ~* '^[[:space:]]*({pattern})[[:space:]]*$'"
