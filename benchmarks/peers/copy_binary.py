"""`COPY binary` to nowhere by psql: the least that reading the rows can cost, and so the base of all ratios."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from benchmarks.peers.protocol import attend, setting


def main() -> None:
    """Read the rows whenever asked to."""
    environment = {
        **os.environ,
        "PGHOST": setting("DB_HOST"),
        "PGPORT": setting("DB_PORT"),
        "PGDATABASE": setting("DB_NAME"),
        "PGUSER": setting("DB_USERNAME"),
        "PGPASSWORD": setting("DB_PASSWORD"),
    }
    command = f"copy (select {setting('COPY_COLUMNS')} from deals) to stdout (format binary)"

    def read() -> dict[str, Any]:
        subprocess.run(
            [setting("PSQL"), "--no-psqlrc", "--quiet", "--command", command],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return {}

    attend(read)


if __name__ == "__main__":
    main()
