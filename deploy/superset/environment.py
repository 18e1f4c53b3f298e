"""The variables that Superset's processes get, and the secrets of an embedded one, which this machine makes itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from deploy.dagster_home import local_home
from deploy.embedded.engines import running_environment
from deploy.kept_secrets import kept_secret
from deploy.settings import REPOSITORY, SettingsError, read_environment

VIRTUAL_ENVIRONMENT = REPOSITORY / ".venv-superset"
METADATA_DATABASE = "superset"
_SECRETS = {
    "SUPERSET_SECRET_KEY": "secret_key",
    "SUPERSET_ADMIN_PASSWORD": "admin_password",
    "SUPERSET_GUEST_TOKEN_SECRET": "guest_token_secret",
    "CRM_JWT_SECRET": "crm_jwt_secret",
}


def superset_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of Superset's caches, queues and, in the embedded case, its secrets."""
    return local_home(environ) / "superset"


def embedded_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what `variables`, which lead to the embedded engines, lack for Superset; what they hold stays.

    The secrets lie in files of the local home, readable by this user only.
    """
    home = superset_home(variables)
    found = {name: kept_secret(home / file) for name, file in _SECRETS.items() if name not in variables}
    if "SUPERSET_METADATA_URI" not in variables:
        account = f"{quote(variables['DB_USERNAME'], safe='')}:{quote(variables['DB_PASSWORD'], safe='')}"
        address = f"{variables['DB_HOST']}:{variables['DB_PORT']}/{METADATA_DATABASE}"
        found["SUPERSET_METADATA_URI"] = f"postgresql+psycopg2://{account}@{address}"
    return found


def current_variables() -> dict[str, str]:
    """Return the variables of this deployment: the environment's and `.env`'s, else those of the engines that run here.

    Raises:
        SettingsError: a `NAME_FILE` cannot be read, or neither databases are named nor engines run here.
    """
    variables = read_environment()
    if "CLICKHOUSE_HOST" in variables:
        return variables
    running = running_environment(local_home(variables))
    if running is None:
        raise SettingsError("no engines run here: start them with `make up`, or set CLICKHOUSE_HOST (see .env.example)")
    variables |= running
    return variables | embedded_variables(variables)


def process_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a process of Superset."""
    home = superset_home(variables)
    return {
        **os.environ,
        **variables,
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(REPOSITORY / "superset_assets" / "server" / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        # Selenium looks for newer drivers on the network and reports what it finds.
        "SE_OFFLINE": "true",
        "SE_AVOID_STATS": "true",
    }
