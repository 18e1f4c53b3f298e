"""A dashboard on paper: real text in both alphabets, and the rows of the one it is printed for."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from catalogue.access import Identity
from deploy.browser import require_chromium
from deploy.connections import connect_clickhouse
from deploy.settings import REPOSITORY, load_superset_settings
from superset_assets.dashboard_page import DashboardError, Viewing
from superset_assets.pdf import dashboard_pdf
from tests.integration.superset.conftest import Manager
from tests.integration.superset.people import person
from tests.integration.superset.small_assets import DASHBOARD_TITLE, SmallAssets
from tests.integration.superset.stand import Stand


def names(stand: Stand) -> dict[str, set[str]]:
    """Return the names of the managers who have deals, by tenant."""
    with connect_clickhouse(stand.warehouse) as client:
        query = "select tenant_id, groupUniqArray(manager_name) from analytics.fct_deals group by tenant_id"
        return {tenant: set(found) - {"(none)"} for tenant, found in client.query(query).result_rows}


def read(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages)


def test_a_director_gets_the_tenants_names_and_no_others(
    stand: Stand, assets: SmallAssets, managers: list[Manager]
) -> None:
    tenant = next(manager.tenant for manager in managers if manager.tenant == "volga")
    viewing = Viewing("security-tests", Identity("director", tenant, "1"), "ru")
    settings = load_superset_settings(stand.variables)
    text = read(dashboard_pdf(settings, require_chromium(), viewing, now=datetime.now(UTC)))
    everyone = names(stand)
    assert DASHBOARD_TITLE in text and "Сделки" in text
    # As many as the table shows on the dashboard.
    assert len({name for name in everyone[tenant] if name in text}) >= 10
    foreign = set().union(*(found for other, found in everyone.items() if other != tenant)) - everyone[tenant]
    assert not {name for name in foreign if name in text}


def test_a_manager_gets_one_line_by_the_command_and_stays_who_they_are(
    stand: Stand, assets: SmallAssets, managers: list[Manager], tmp_path: Path
) -> None:
    manager = managers[0]
    own = person(stand, "director", manager.tenant, manager.id)
    finished = subprocess.run(
        [
            sys.executable, "-m", "superset_assets.pdf",
            "--dashboard", str(assets.dashboard), "--tenant", manager.tenant,
            "--role", "manager", "--person", manager.id, "--output", str(tmp_path / "own.pdf"),
        ],
        cwd=REPOSITORY,
        env=stand.variables,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    text = read((tmp_path / "own.pdf").read_bytes())
    everyone = set().union(*names(stand).values())
    assert len({name for name in everyone if name in text}) == 1
    assert own.count(assets.deals) == manager.whole
    # For the tests that follow the director is a manager again.
    assert person(stand, "manager", manager.tenant, manager.id).count(assets.deals) == manager.own


def test_what_does_not_exist_is_said_before_a_browser_starts(stand: Stand, assets: SmallAssets) -> None:
    settings = load_superset_settings(stand.variables)
    viewing = Viewing("no-such", Identity("director", "volga", "1"), "en")
    with pytest.raises(DashboardError, match="no dashboard no-such, or this person may not see it"):
        dashboard_pdf(settings, "/no/browser", viewing, now=datetime.now(UTC))
    nowhere = settings.model_copy(update={"port": 1})
    with pytest.raises(DashboardError, match=r"does not answer at http://127\.0\.0\.1:1"):
        dashboard_pdf(nowhere, "/no/browser", viewing, now=datetime.now(UTC))
