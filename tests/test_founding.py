"""Founding a real community from the command line."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.conftest import SetClock

pytestmark = pytest.mark.usefixtures("now")
ANSWERS = {
    "--code": "430104002001",
    "--name": "银盆岭社区",
    "--district": "岳麓区",
    "--street": "银盆岭街道",
    "--person": "陈芳",
    "--login": "chenfang",
    "--password": "a long secret",
}


def found(app: Flask, **changed: str) -> Any:
    answers = ANSWERS | {f"--{name}": value for name, value in changed.items()}
    return app.test_cli_runner().invoke(args=["found", *(word for pair in answers.items() for word in pair)])


def test_a_founded_community_lets_its_first_person_in(app: Flask) -> None:
    assert found(app).exit_code == 0
    browser = app.test_client()
    signed_in = browser.post("/sign-in", data={"login": "chenfang", "password": "a long secret"})
    assert signed_in.status_code == 303
    assert [browser.get(path).status_code for path in ("/desk", "/people", "/activities/new")] == [200, 200, 200]


def test_a_second_community_joins_the_same_street(app: Flask) -> None:
    assert found(app).exit_code == 0
    assert found(app, code="430104002002", name="银双社区", login="liu").exit_code == 0


def test_a_community_is_founded_once(app: Flask) -> None:
    assert found(app).exit_code == 0
    again = found(app, login="other")
    assert again.exit_code == 1
    assert "already" in again.output


def test_a_short_password_is_refused(app: Flask, now: SetClock) -> None:
    assert found(app, password="short").exit_code == 1
