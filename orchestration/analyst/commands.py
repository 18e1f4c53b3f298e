"""What the analyst's commands ask of dbt: pure builders of arguments and checks of names.

Running dbt belongs in `workplace`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

TARGET = "dev"
# Graph operators around a name: `+fct_deals`, `2+fct_deals+3`, `@fct_deals`.
_OPERATORS = re.compile(r"^(?:@|\d*\+)?(?P<name>.*?)(?:\+\d*)?$")
_NOT_A_NAME = set(":*/.?[")


class CommandError(Exception):
    """The command cannot do what it was asked for; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Developer:
    """Whose private databases are meant.

    Attributes:
        name: small Latin letters and digits, a letter first. No underscore: `dev_ann_` must not begin `dev_ann_lee_`.
    """

    name: str

    @property
    def prefix(self) -> str:
        """The beginning of the names of this developer's databases."""
        return f"dev_{self.name}_"

    def owned(self, databases: Collection[str]) -> list[str]:
        """Return those of the databases that are this developer's."""
        return sorted(database for database in databases if database.startswith(self.prefix))


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders of a run of dbt: the project, what it writes, and the manifest of production."""

    project: Path
    target: Path
    state: Path


def developer(name: str) -> Developer:
    """Return the developer of that name, which may be a login such as `Anna.Lee` or `anna-2`.

    Raises:
        CommandError: nothing of the name is left that a database may be called.
    """
    kept = re.sub(r"[^a-z0-9]", "", name.lower()).lstrip("0123456789")[:32]
    if not kept:
        raise CommandError(f"'{name}' cannot name a development schema: say DEV=name, Latin letters and digits")
    return Developer(kept)


def names_in(selection: str) -> list[str]:
    """Return the names of models in a selection of dbt, without operators, methods, paths and wildcards."""
    words = (word for part in selection.split() for word in part.split(","))
    matches = (_OPERATORS.match(word) for word in words)
    names = [match["name"] for match in matches if match]
    return [name for name in names if name and not _NOT_A_NAME & set(name)]


def check_names(selection: str, known: Collection[str]) -> None:
    """Check that every name of the selection exists.

    Raises:
        CommandError: naming the first that does not, and what it may have meant.
    """
    for name in names_in(selection):
        if name in known:
            continue
        near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "the names are those of the files in dbt_project/models"
        raise CommandError(f"there is no model or seed '{name}': {hint}")


def dbt_arguments(command: str, paths: Paths, as_of: datetime, *, target: str = TARGET) -> list[str]:
    """Return dbt's arguments for any command of this project, with "now" being `as_of` (aware)."""
    moment = as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [
        *command.split(),
        *("--project-dir", str(paths.project), "--profiles-dir", str(paths.project), "--target", target),
        *("--target-path", str(paths.target), "--log-path", str(paths.target)),
        *("--vars", json.dumps({"as_of": moment})),
    ]


def deferred(command: str, paths: Paths, as_of: datetime, selection: str) -> list[str]:
    """Return dbt's arguments for a selection whose inputs, where the developer has not built them, are production's."""
    return [
        *dbt_arguments(command, paths, as_of),
        *("--select", *selection.split(), "--defer", "--state", str(paths.state)),
    ]


def preview(paths: Paths, as_of: datetime, model: str, limit: int) -> list[str]:
    """Return dbt's arguments that show the first rows of one model, built nowhere.

    Raises:
        CommandError: more than one model is asked for, or a limit below 1.
    """
    if limit < 1:
        raise CommandError(f"LIMIT={limit}: show at least one row")
    if names_in(model) != [model]:
        raise CommandError(f"'{model}': a preview shows one model, without + and other operators")
    # dbt would show the model's tests too, and these need it built.
    only_itself = ("--exclude", "resource_type:test", "resource_type:unit_test")
    return [*deferred("show", paths, as_of, model), *only_itself, "--limit", str(limit)]
