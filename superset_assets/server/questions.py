"""What readers ask the data API, remembered, so that the night can ask it again before they do.

A result is kept under a key of the question, word for word as the page puts it, and of whoever asks. Nobody but the
page knows the words, and nobody but the readers which of all questions matter: so each is asked again for the reader
who asked it within the last days, and found in the cache by that reader alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from flask import Flask, Response, current_app, g, request
from flask_appbuilder import Model
from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, Text, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from superset.extensions import db

# A reader of Mondays is expected on the next one.
REMEMBERED: Final = timedelta(days=8)
_PATH: Final = "/api/v1/chart/data"
# What a question is told apart by; the rest of a body is where it was asked.
_ASKED: Final = ("datasource", "queries", "result_format", "result_type")

_log = logging.getLogger(__name__)


class Question(Model):
    """Grain: one row per question that a user of Superset has asked lately."""

    __tablename__ = "crm_questions"

    user_id = Column(Integer, ForeignKey("ab_user.id", ondelete="CASCADE"), primary_key=True)
    digest = Column(String(64), primary_key=True)
    body = Column(Text, nullable=False)
    asked_at = Column(DateTime, nullable=False, index=True)


def remember_questions(app: Flask) -> None:
    """Note what signed-in readers ask from now on, each question once a day."""
    noted: set[tuple[int, str]] = set()
    today = [date.min]

    def note(response: Response) -> Response:
        if today[0] != (day := datetime.now(UTC).date()):
            today[0] = day
            noted.clear()
        found = _question() if response.status_code == 200 else None
        if found is not None and found not in noted:
            noted.add(found)
            _keep(*found, request.get_data(as_text=True))
        return response

    app.after_request(note)


def questions() -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the user and the body of every question of the last days, the newest first; older ones are forgotten."""
    table = Question.__table__
    db.session.execute(delete(table).where(table.c.asked_at < _now() - REMEMBERED))
    db.session.commit()
    rows = db.session.execute(select(table.c.user_id, table.c.body).order_by(table.c.asked_at.desc())).all()
    for user, body in rows:
        yield int(user), json.loads(body)


def ask_again(seconds: float) -> dict[str, int]:
    """Ask questions again until the time is over; return how many were answered, failed, and were left."""
    deadline = time.monotonic() + seconds
    counts = {"answered": 0, "failed": 0, "left": 0}
    for user, body in questions():
        if time.monotonic() > deadline:
            counts["left"] += 1
        else:
            counts["answered" if _ask(user, body) else "failed"] += 1
    return counts


def _question() -> tuple[int, str] | None:
    """Return user and digest of the question that the current request asks; None if it asks none to be remembered."""
    if request.path != _PATH or request.method != "POST" or not request.is_json:
        return None
    user = getattr(g, "user", None)
    if user is None or getattr(user, "is_anonymous", True) or getattr(user, "is_guest_user", False):
        return None
    body = request.get_json()
    if body.get("force") or body.get("result_format", "json") != "json":
        return None
    text = json.dumps({name: body.get(name) for name in _ASKED}, sort_keys=True)
    return int(user.id), hashlib.sha256(text.encode()).hexdigest()


def _keep(user: int, digest: str, body: str) -> None:
    statement = insert(Question.__table__).values(user_id=user, digest=digest, body=body, asked_at=_now())
    again = {"asked_at": statement.excluded.asked_at, "body": statement.excluded.body}
    try:
        # A transaction of its own: the request's may be anything by now.
        with db.engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["user_id", "digest"], set_=again))
    except SQLAlchemyError as error:
        # A reader has the answer, and that must not depend on this.
        _log.warning("a question was not remembered: %s", error)


def _ask(user_id: int, body: Mapping[str, Any]) -> bool:
    """Ask as that user, as the data API does; return whether an answer came."""
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand
    from superset.extensions import security_manager
    from superset.utils.core import override_user

    with current_app.test_request_context(_PATH, method="POST", json=body):
        user = security_manager.get_user_by_id(user_id)
        if user is None or not user.is_active:
            return False
        try:
            with override_user(user, force=True):
                command = ChartDataCommand(ChartDataQueryContextSchema().load(dict(body)))
                command.validate()
                command.run()
        except Exception as error:  # a chart that is gone, rows that are no longer allowed: the next one may be fine
            _log.info("a question of user %s was not answered: %s", user_id, error)
            db.session.rollback()
            return False
        return True


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
