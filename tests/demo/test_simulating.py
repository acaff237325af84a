"""A simulated community: the same from a seed, by the rules it is given, with books that verify."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from bank.demo import simulating
from tests.conftest import Templates, settings

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.slow
def test_the_same_seed_lives_the_same_year_and_the_books_verify(
    app: Flask, templates: Templates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulating, "WEEKS_A_YEAR", 5)
    told = []
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        folder = tmp_path / name
        folder.mkdir()
        twin = create_app(settings(templates.on_sqlite(folder / "bank.db"), folder))
        with twin.app_context():
            years, findings = simulating.simulate(years=1, households=6, seed=seed, settings={})
        assert findings == []
        told.append([year.line() for year in years])
        assert years[0].credited > 0
    assert told[0] == told[1] != told[2]


@pytest.mark.slow
def test_rules_can_be_tried(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulating, "WEEKS_A_YEAR", 5)
    result = app.test_cli_runner().invoke(
        args=["demo", "simulate", "--years", "1", "--households", "6", "--set", "balance_cap_minutes=1"]
    )
    assert result.exit_code == 0, result.output
    assert "NotEnough" in result.output
    assert "spent 0 h" in result.output
    assert "the books verify" in result.output


@pytest.mark.parametrize("wrong", ["nothing=1", "voucher_days", "voucher_days=x", "deed_points=3", "notice_days=1"])
def test_what_is_no_rule_is_refused_before_anything_begins(app: Flask, wrong: str) -> None:
    result = app.test_cli_runner().invoke(args=["demo", "simulate", "--set", wrong])
    assert result.exit_code == 2
    assert wrong in result.output
