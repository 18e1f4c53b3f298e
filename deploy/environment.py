"""Runs a module against the embedded engines that `make up` has started: `python -m deploy.environment MODULE [ARGS]`.

Where the environment or `.env` names databases of one's own, those are left as they are.
"""

from __future__ import annotations

import os
import sys

from deploy.dagster_home import local_home
from deploy.embedded.engines import running_environment
from deploy.settings import SettingsError, read_environment


def main() -> int:
    """Replace this process by the module; return only when there is nothing to connect to."""
    module, *arguments = sys.argv[1:]
    try:
        variables = read_environment()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    engines: dict[str, str] = {}
    if "CLICKHOUSE_HOST" not in variables:
        found = running_environment(local_home(variables))
        if found is None:
            print("error: no engines run here: start them with `make up`, or set CLICKHOUSE_HOST", file=sys.stderr)
            return 1
        engines = found
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], {**os.environ, **engines})


if __name__ == "__main__":
    sys.exit(main())
