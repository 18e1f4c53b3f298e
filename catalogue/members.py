"""What readers call the members of a dimension: coded values of a column, and the member that means "missing"."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from catalogue.texts import Text

# The id and the name of the member that every dimension has; the macro `none_member` writes it.
NONE: Final = "(none)"
NONE_SAID: Final = Text(en=NONE, ru="(нет)")

Members = Mapping[str, Text]


class NamesOf(StrEnum):
    """What of the catalogue itself the values of a column are names of."""

    MARTS = "marts"
    FIGURES = "figures"
