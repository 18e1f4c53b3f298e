"""Brings Superset's own database to the state that the server needs: `python -m superset_assets.server.bootstrap`.

One process for the schema, Superset's permissions, the operator's account, and this project's roles and row rules;
every step may be repeated. `deploy.superset` runs it only when something has changed since the last time.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

from flask_migrate import upgrade

from deploy.settings import load_superset_settings

OPERATOR = "admin"
FINGERPRINT = "CRM_SUPERSET_FINGERPRINT"
STATE_NAME = "bootstrap"


def main() -> int:
    """Do all of it; return the exit code."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    from superset.app import create_app

    with create_app().app_context():
        from catalogue.access import AccessError
        from superset_assets.server.access_sync import apply_access

        _migrate()
        _initialise()
        _keep_operator(load_superset_settings().admin_password.get_secret_value())
        try:
            report = apply_access()
        except AccessError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        for problem in report.errors:
            print(f"warning: {problem}; it stays closed", file=sys.stderr)
        _remember(os.environ.get(FINGERPRINT, ""))
    return 0


def _migrate() -> None:
    from superset import migrations
    from superset.extensions import db

    from superset_assets.server.identity import TABLES
    from superset_assets.server.questions import Question

    upgrade(directory=next(iter(migrations.__path__)))
    # Migrations configure logging anew.
    logging.disable(logging.WARNING)
    for table in (*TABLES, Question.__table__):
        table.create(bind=db.engine, checkfirst=True)


def _initialise() -> None:
    from superset.extensions import appbuilder, security_manager

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()


def _keep_operator(password: str) -> None:
    from superset.extensions import security_manager
    from werkzeug.security import check_password_hash

    user = security_manager.find_user(username=OPERATOR)
    if user is None:
        role = security_manager.find_role("Admin")
        security_manager.add_user(OPERATOR, "CRM", "Analytics", "admin@localhost", [role], password=password)
    elif not check_password_hash(user.password, password):
        security_manager.reset_password(user.id, password)


def _remember(fingerprint: str) -> None:
    from superset.extensions import db

    from superset_assets.server.identity import PlatformState

    state = db.session.get(PlatformState, STATE_NAME) or PlatformState(name=STATE_NAME)
    state.value = fingerprint
    db.session.add(state)
    db.session.commit()


if __name__ == "__main__":
    sys.exit(main())
