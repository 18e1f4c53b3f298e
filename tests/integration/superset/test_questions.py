"""What readers have asked is asked again after a build, for them alone; and what a request leaves in Superset's log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from superset_assets.server_process import ask
from tests.integration.superset.conftest import Manager, SignedIn
from tests.integration.superset.people import COUNT, Visitor
from tests.integration.superset.small_assets import SmallAssets
from tests.integration.superset.stand import Stand

QUESTION: dict[str, Any] = {"metrics": [COUNT], "columns": ["outcome"], "orderby": [["outcome", True]]}


@contextmanager
def superset_database(stand: Stand) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    address = stand.variables["SUPERSET_METADATA_URI"].replace("+psycopg2", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def director(signed_in: SignedIn, managers: list[Manager]) -> Visitor:
    return signed_in["director", managers[0].tenant]


@pytest.fixture
def nothing_asked(stand: Stand, assets: SmallAssets) -> None:
    """Forget what other tests have asked; each question here is one that none of them asks on the same day."""
    with superset_database(stand) as connection:
        connection.execute("delete from crm_questions")


def answer(visitor: Visitor, assets: SmallAssets, query: Mapping[str, Any]) -> dict[str, Any]:
    response = visitor.chart_data(assets.deals, query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["result"][0]
    return found


def refresh(stand: Stand, assets: SmallAssets, **variables: str) -> dict[str, Any]:
    # The night forgets answers of what a push has made; this dataset was imported by hand.
    with superset_database(stand) as connection:
        connection.execute("update tables set changed_on = now() where id = %s", [assets.deals])
    counts = ask("refresh", stand.variables | variables)
    return {name: counts[name] for name in ("answered", "failed", "left")}


def test_a_question_has_its_answer_again_after_a_build_for_its_reader_alone(
    stand: Stand, assets: SmallAssets, signed_in: SignedIn, managers: list[Manager], nothing_asked: None
) -> None:
    query = {**QUESTION, "row_limit": 101}
    asker, other = (signed_in["director", manager.tenant] for manager in managers[:2])
    asked = answer(asker, assets, query)
    assert refresh(stand, assets) == {"answered": 1, "failed": 0, "left": 0}
    again = answer(asker, assets, query)
    assert again["is_cached"] is True
    assert again["data"] == asked["data"]
    assert again["cache_key"] != asked["cache_key"]  # the night's, not that of before it
    assert answer(other, assets, query)["is_cached"] is not True


def test_no_time_means_no_question(stand: Stand, assets: SmallAssets, director: Visitor, nothing_asked: None) -> None:
    query = {**QUESTION, "row_limit": 102}
    answer(director, assets, query)
    assert refresh(stand, assets, SUPERSET_WARM_UP_SECONDS="0") == {"answered": 0, "failed": 0, "left": 1}
    assert answer(director, assets, query)["is_cached"] is not True


def test_who_has_lost_the_right_to_ask_gets_no_answer(
    stand: Stand, assets: SmallAssets, director: Visitor, nothing_asked: None
) -> None:
    answer(director, assets, {**QUESTION, "row_limit": 103})
    with superset_database(stand) as connection:
        roles = connection.execute(
            "delete from ab_user_role where user_id in (select user_id from crm_questions) "
            "returning id, user_id, role_id"
        ).fetchall()
        assert roles
        try:
            assert refresh(stand, assets) == {"answered": 0, "failed": 1, "left": 0}
        finally:
            for row in roles:
                connection.execute("insert into ab_user_role (id, user_id, role_id) values (%s, %s, %s)", row)


def test_a_question_is_forgotten_when_nobody_asks_it_any_more(
    stand: Stand, assets: SmallAssets, director: Visitor, nothing_asked: None
) -> None:
    answer(director, assets, {**QUESTION, "row_limit": 104})
    with superset_database(stand) as connection:
        connection.execute("update crm_questions set asked_at = asked_at - interval '9 days'")
        assert refresh(stand, assets) == {"answered": 0, "failed": 0, "left": 0}
        assert connection.execute("select count(*) from crm_questions").fetchone() == (0,)


def test_exports_and_forced_questions_are_not_remembered(
    stand: Stand, assets: SmallAssets, director: Visitor, nothing_asked: None
) -> None:
    query = {**QUESTION, "row_limit": 105}
    assert director.chart_data(assets.deals, query, force=True).status_code == 200
    assert director.chart_data(assets.deals, query, result_format="csv").status_code == 200
    with superset_database(stand) as connection:
        assert connection.execute("select count(*) from crm_questions").fetchone() == (0,)


def test_a_question_leaves_one_row_in_the_log(stand: Stand, assets: SmallAssets, director: Visitor) -> None:
    with superset_database(stand) as connection:
        newest = connection.execute("select coalesce(max(id), 0) from logs").fetchone()
        answer(director, assets, {**QUESTION, "row_limit": 106})
        rows = connection.execute("select action, user_id, json from logs where id > %s", newest).fetchall()
    assert [action for action, _, _ in rows] == ["ChartDataRestApi.data"]
    assert rows[0][1] is not None
    assert json.loads(rows[0][2])["path"] == "/api/v1/chart/data"


def test_a_right_that_was_taken_away_is_gone_with_the_next_request(
    stand: Stand, assets: SmallAssets, director: Visitor
) -> None:
    query = {**QUESTION, "row_limit": 107}
    answer(director, assets, query)
    taken = """
        delete from ab_permission_view_role using ab_permission_view as pair, ab_view_menu as shown, ab_role as role
        where pair.id = permission_view_id and shown.id = pair.view_menu_id and role.id = role_id
            and role.name = 'crm_director' and shown.name like '%fct_deals%'
        returning ab_permission_view_role.id, permission_view_id, role_id
    """
    with superset_database(stand) as connection:
        rows = connection.execute(taken).fetchall()
        assert rows
        try:
            assert director.chart_data(assets.deals, query).status_code == 403
        finally:
            for row in rows:
                connection.execute(
                    "insert into ab_permission_view_role (id, permission_view_id, role_id) values (%s, %s, %s)", row
                )
    answer(director, assets, query)
