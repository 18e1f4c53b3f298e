"""Mails that go out by themselves: drawn and counted with the rows of the one who asked for them."""

from __future__ import annotations

import email
import email.policy
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pypdf import PdfReader

from deploy.connections import connect_clickhouse
from deploy.free_port import free_port
from deploy.settings import REPOSITORY
from tests.integration.superset.conftest import Manager, SignedIn
from tests.integration.superset.people import Visitor
from tests.integration.superset.small_assets import DASHBOARD_TITLE, SmallAssets
from tests.integration.superset.stand import Stand

PATIENCE_SECONDS = 400


class Mailbox:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 OK"

    def attachment(self, ending: str) -> bytes:
        """Return the first attachment whose file name ends so, once it has come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for mail in self.mails:
                for part in mail.walk():
                    if str(part.get_filename("")).endswith(ending):
                        content = part.get_payload(decode=True)
                        assert isinstance(content, bytes)
                        return content
            time.sleep(0.5)
        raise AssertionError(f"no *{ending} came; subjects: {[mail['Subject'] for mail in self.mails]}")


@contextmanager
def running(stand: Stand, role: str, port: int) -> Iterator[None]:
    environment = {**os.environ, **stand.variables, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port)}
    with (stand.log.with_name(f"{role}.log")).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.superset", role], cwd=REPOSITORY, env=environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def mailbox(stand: Stand, assets: SmallAssets, signed_in: SignedIn, managers: list[Manager]) -> Iterator[Mailbox]:
    """Return the box of two reports that a director has scheduled for every minute."""
    director = signed_in["director", managers[0].tenant]
    reports = [
        schedule(director, "Отчёт PDF", "PDF", dashboard=assets.dashboard),
        schedule(director, "Отчёт CSV", "CSV", chart=assets.chart),
    ]
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with running(stand, "worker", port), running(stand, "beat", port):
            yield box
    finally:
        controller.stop()
        for report in reports:
            director.send("DELETE", f"/api/v1/report/{report}")


def schedule(visitor: Visitor, name: str, format_: str, **what: int) -> int:
    content = {
        "type": "Report",
        "name": name,
        "active": True,
        "crontab": "* * * * *",
        "timezone": "Europe/Moscow",
        "report_format": format_,
        "recipients": [{"type": "Email", "recipient_config_json": {"target": "director@crm.example"}}],
        "grace_period": 60,
        "working_timeout": 300,
        "log_retention": 1,
        "creation_method": "alerts_reports",
        **what,
    }
    response = visitor.post("/api/v1/report/", content)
    assert response.status_code == 201, response.text
    return int(response.json()["id"])


@pytest.fixture(scope="module")
def names(stand: Stand) -> dict[str, set[str]]:
    with connect_clickhouse(stand.warehouse) as client:
        query = "select tenant_id, groupUniqArray(manager_name) from analytics.fct_deals group by tenant_id"
        return {tenant: set(found) for tenant, found in client.query(query).result_rows}


def test_a_table_comes_with_the_directors_rows(
    mailbox: Mailbox, managers: list[Manager], names: dict[str, set[str]]
) -> None:
    lines = mailbox.attachment(".csv").decode("utf-8-sig").splitlines()[1:]
    rows = dict(line.rsplit(",", 1) for line in lines)
    assert rows.keys() == names[managers[0].tenant]
    assert sum(int(float(count)) for count in rows.values()) == managers[0].whole


def test_a_dashboard_comes_as_text_with_the_directors_rows(
    mailbox: Mailbox, managers: list[Manager], names: dict[str, set[str]]
) -> None:
    pages = PdfReader(io.BytesIO(mailbox.attachment(".pdf"))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert DASHBOARD_TITLE in text and "Сделки" in text
    own = names[managers[0].tenant]
    foreign = set().union(*names.values()) - own
    assert len({name for name in own if name in text}) >= min(5, len(own) - 1)
    assert not {name for name in foreign if name in text}
