"""Makes Superset's databases, datasets, charts and dashboards what a bundle says.

`python -m superset_assets.server.asset_sync`, in Superset's environment, reads a request as JSON from its standard
input and writes the answer as JSON to its standard output. Order: datasets, then roles and row rules, then charts and
dashboards, then what the bundle no longer holds goes. Where a step fails, the later ones do not run. Objects that the
project has not made are never touched.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import yaml

from deploy.settings import load_superset_settings
from superset_assets.server.live_assets import FOLDERS, OWNER, comparable, read_dashboard, read_live

METADATA = {"version": "1.0.0", "type": "assets", "timestamp": "2020-01-01T00:00:00+00:00"}
_BEFORE_RULES = ("databases", "datasets")

Configurations = Mapping[str, dict[str, Any]]


@dataclass(slots=True)
class Answer:
    """What was done or found.

    Attributes:
        created: paths of the bundle.
        changed: fields that differ, by path of the bundle.
        removed: paths of objects that the bundle no longer holds.
        access: changes of roles and row rules, one line each.
        errors: one line each, with file and field where there are such.
    """

    created: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Return whether objects are as the bundle has them."""
        return not (self.created or self.changed or self.removed)


def main() -> int:
    """Answer one request; return the exit code."""
    request = json.load(sys.stdin)
    answers = sys.stdout
    # Whatever Superset prints is no part of the answer.
    sys.stdout = sys.stderr
    logging.disable(logging.WARNING)
    from superset.app import create_app

    with create_app().app_context():
        if request["action"] == "read":
            json.dump(read_dashboard(request["slug"]), answers, ensure_ascii=False)
            return 0
        if request["action"] == "refresh":
            json.dump({"datasets": forget_results(), **_warm_up()}, answers)
            return 0
        answer = sync(request["configurations"], dry_run=request["action"] == "diff")
    json.dump(asdict(answer), answers, ensure_ascii=False)
    return 1 if answer.errors else 0


def sync(wanted: Configurations, *, dry_run: bool) -> Answer:
    """Make Superset what the configurations say, or with `dry_run` only find what would change."""
    from superset.extensions import security_manager
    from superset.utils.core import override_user

    with override_user(security_manager.find_user("admin"), force=True):
        live = read_live()
        answer = _difference(wanted, live)
        if dry_run:
            _apply_access(answer, leaving=_tables(live, answer.removed), dry_run=True)
        elif answer.is_empty:
            _apply_access(answer)
        else:
            _push(wanted, live, answer)
    return answer


def forget_results() -> int:
    """Make Superset ask the warehouse anew for every chart of ours; return the number of datasets.

    Results are kept under a key that holds the moment at which the dataset was last changed.
    """
    from superset.extensions import db

    table = FOLDERS["datasets"]()
    ours = db.session.query(table).filter(table.external_url.startswith(OWNER, autoescape=True))
    count = ours.update({"changed_on": datetime.now()}, synchronize_session=False)
    db.session.commit()
    return int(count)


def _warm_up() -> dict[str, int]:
    """Ask what readers have asked lately, for as long as the settings allow; return what became of the questions."""
    from superset_assets.server.questions import ask_again

    return ask_again(load_superset_settings().warm_up_seconds)


def _push(wanted: Configurations, live: Configurations, answer: Answer) -> None:
    leaving = _tables(live, answer.removed)
    _import(_of_folders(wanted, _BEFORE_RULES), answer)
    if not answer.errors:
        _apply_access(answer, leaving=leaving)
    if not answer.errors:
        _import(wanted, answer)
    if not answer.errors:
        _remove(answer.removed, live)
        if leaving:
            _apply_access(answer)
        _check_links(wanted, answer)


def _tables(live: Configurations, paths: Iterable[str]) -> frozenset[str]:
    """Return the tables of datasets, as `<database>.<name>`."""
    datasets = (live[path] for path in paths if path.startswith("datasets/"))
    return frozenset(f"{dataset['schema']}.{dataset['table_name']}" for dataset in datasets)


def _difference(wanted: Configurations, live: Configurations) -> Answer:
    answer = Answer()
    live_by_id = {configuration["uuid"]: configuration for configuration in live.values()}
    for path, configuration in wanted.items():
        found = live_by_id.pop(configuration["uuid"], None)
        if found is None:
            answer.created.append(path)
            continue
        fields = _differing(comparable(path, configuration), comparable(path, found))
        if fields:
            answer.changed[path] = fields
    answer.removed = sorted(path for path, configuration in live.items() if configuration["uuid"] in live_by_id)
    return answer


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in wanted if wanted[name] != found.get(name))


def _import(configurations: Configurations, answer: Answer) -> None:
    from superset.commands.exceptions import CommandException
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    contents = {path: yaml.safe_dump(each, allow_unicode=True) for path, each in configurations.items()}
    contents["metadata.yaml"] = yaml.safe_dump(METADATA)
    try:
        ImportAssetsCommand(contents).run()
    except CommandException as error:
        answer.errors += list(_told(error))


def _told(error: BaseException) -> Iterable[str]:
    """Yield what the import says of each file and field; of other failures their first cause."""
    cause = error
    while True:
        messages = cause.normalized_messages() if hasattr(cause, "normalized_messages") else {}
        for path, fields in messages.items():
            for name, problem in fields.items() if isinstance(fields, dict) else [("file", fields)]:
                yield f"{path}: {name}: {problem}"
        if messages:
            return
        if cause.__cause__ is None:
            yield f"Superset refused the import: {type(cause).__name__}: {cause}"
            return
        cause = cause.__cause__


def _apply_access(answer: Answer, *, leaving: frozenset[str] = frozenset(), dry_run: bool = False) -> None:
    """Apply roles and row rules; that a table which is about to go has no rule is no error, nobody sees it."""
    from catalogue.access import AccessError
    from superset_assets.server.access_sync import apply_access

    try:
        report = apply_access(dry_run=dry_run)
    except AccessError as error:
        answer.errors.append(str(error))
        return
    answer.access += report.changes
    answer.errors += [error for error in report.errors if error.split(" ")[0] not in leaving]


def _remove(paths: Iterable[str], live: Configurations) -> None:
    """Delete objects, those first that refer to others."""
    from superset.extensions import db

    for folder in reversed(list(FOLDERS)):
        model = FOLDERS[folder]()
        for path in paths:
            if path.startswith(f"{folder}/"):
                db.session.delete(db.session.query(model).filter_by(uuid=live[path]["uuid"]).one())
        db.session.commit()


def _check_links(wanted: Configurations, answer: Answer) -> None:
    """Compare once more: the import loses links and fields without a word."""
    left = _difference(wanted, read_live())
    answer.errors += [f"{path}: Superset did not keep it" for path in left.created]
    answer.errors += [f"{path}: Superset did not keep: {', '.join(fields)}" for path, fields in left.changed.items()]


def _of_folders(configurations: Configurations, folders: tuple[str, ...]) -> Configurations:
    return {path: each for path, each in configurations.items() if path.split("/")[0] in folders}


if __name__ == "__main__":
    sys.exit(main())
