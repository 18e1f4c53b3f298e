"""What is wrong with an asset: in which file and field, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem of one file.

    Attributes:
        file: relative to `superset_assets`.
        field: of the file; empty where the file as a whole is meant.
        what: is wrong.
        remedy: what to do.
    """

    file: str
    field: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """Return the problem as one line."""
        return f"{self.file}: {self.field + ': ' if self.field else ''}{self.what}. Do: {self.remedy}"


class AssetsError(ValueError):
    """The assets are not right.

    Attributes:
        problems: all that were found, by file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems, sorted, each once."""
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))
