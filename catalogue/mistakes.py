"""What is wrong with a declaration: where it stands, what it is and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in the YAML of a model.

    Attributes:
        file: that declares the model, relative to the dbt project.
        model: its name.
        place: column or key, empty where the model as a whole is meant.
        what: is wrong.
        remedy: what to do.
    """

    file: str
    model: str
    place: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """Return the mistake as one line."""
        where = f"{self.model}.{self.place}" if self.place else self.model
        return f"{self.file}: {where}: {self.what}. Do: {self.remedy}"


class CatalogueError(ValueError):
    """The models' YAML does not make a catalogue.

    Attributes:
        mistakes: all of them, in the order of the files.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        """Keep the mistakes, sorted."""
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(map(str, self.mistakes)))
