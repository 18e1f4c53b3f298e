"""One mutation: a text of the dbt project and what takes its place to break one rule.

What a mutation is and how it applies to a file belongs here; running it belongs in `__main__`.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

MUTATIONS = Path(__file__).parent / "mutations.yaml"


class DoesNotApply(Exception):
    """The text of a mutation is not in its file exactly once: the file was edited, so must the mutation be."""


class Mutation(BaseModel):
    """A broken variant of a file.

    Attributes:
        rule: id of the rule that it breaks (docs/metrics.md); its unit tests have to fail.
        file: path within the dbt project.
        text: what is there now, once.
        broken: what takes its place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    file: str
    text: str
    broken: str

    def applied(self, source: str) -> str:
        """Return the broken variant of the file's text.

        Raises:
            DoesNotApply: the text is not there, or more than once.
        """
        found = source.count(self.text)
        if found != 1 or self.text == self.broken:
            raise DoesNotApply(f"{self.rule}: {self.file} holds {found} times: {self.text}")
        return source.replace(self.text, self.broken)


def read_mutations(path: Path = MUTATIONS) -> tuple[Mutation, ...]:
    """Return all mutations in the order of the file."""
    return TypeAdapter(tuple[Mutation, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
