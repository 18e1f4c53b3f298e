"""Chooses the unprivileged account that PostgreSQL runs under when we are root, and lets it reach its folders.

PostgreSQL refuses to run as root. An ordinary user runs the server as itself and nothing here applies.
"""

from __future__ import annotations

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.postgres.errors import PostgresStartError

logger = logging.getLogger(__name__)

# No account is ever created: a machine without one of PostgreSQL's own still has nobody.
CANDIDATE_ACCOUNTS = ("pgserver", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user of the operating system and its primary group."""

    uid: int
    gid: int


def choose_account(cluster: Path) -> Account | None:
    """Return the account to run the server of `cluster` under; None means: as ourselves, we are not root.

    An existing cluster keeps its owner, so that a folder made by an ordinary user stays that user's.

    Raises:
        PostgresStartError: the cluster belongs to somebody else, or the machine has none of the known accounts.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise PostgresStartError(
                f"{cluster} belongs to user id {owner.st_uid}, we are {os.geteuid()}: run as that user or as root"
            )
        return None
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in CANDIDATE_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise PostgresStartError(
        f"PostgreSQL cannot run as root and there is no user {', '.join(CANDIDATE_ACCOUNTS)} here: create one of them"
    )


def open_path(path: Path, account: Account) -> None:
    """Let `account` pass through the parents of `path`: search permission for others, where it has none.

    A checkout below root's home folder would otherwise be out of reach. Listing a folder stays forbidden.
    """
    for folder in path.resolve().parents:
        status = folder.stat()
        if not _may_search(status, account):
            logger.warning("PostgreSQL's user %d may now pass through %s (chmod o+x)", account.uid, folder)
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)


def _may_search(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
