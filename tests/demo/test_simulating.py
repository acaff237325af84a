"""A simulated community: the same from a seed, by the rules it is given, with books that verify."""

from __future__ import annotations

import random
from datetime import date, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from bank import db
from bank.checkin import codes
from bank.demo import caring, families, simulating
from bank.demo.founding import found_one
from bank.demo.living import Life
from bank.demo.village import Village, moment
from bank.giving.models import Donation, Farewell, Gift
from bank.members.actor import Actor
from bank.services.models import HelpRequest
from ledger import Transfer, Txn
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


def test_families_give_before_spring_festival_the_rich_donate_and_the_poor_are_listed(app: Flask) -> None:
    with app.app_context():
        village = _village()
        with db.unit_of_work() as session:
            now = moment(simulating.BEGINS, 0, 8)
            families.bind_families(session, village, now)
            assert village.kin
            for who in village.town.people:
                _save(session, village, who, 3_000, now)
            families.give_at_festival(session, village, date(2026, 3, 2))
            assert not session.scalars(select(Gift)).all()
            families.give_at_festival(session, village, date(2026, 2, 9))
            assert session.scalars(select(Gift)).all()
            families.donate(session, village, date(2026, 2, 2))
            assert not session.scalars(select(Donation)).all()
            families.donate(session, village, date(2026, 4, 6))
            assert session.scalars(select(Donation)).all()
            families.list_the_poor(session, village, date(2026, 1, 5))
        db.drop()


def test_help_is_asked_for_somebody_is_found_and_visits_are_made(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SHY", 1.0), ("YOUNG", 1.0), ("HELPS_FROM", -1.0), ("SAYS_YES", 9.0)):
        monkeypatch.setattr(caring, name, value)
    with app.app_context():
        village = _village()
        monday = simulating.BEGINS
        with db.unit_of_work() as session:
            for who in village.town.people:
                _save(session, village, who, 3_000, moment(monday, 0, 8))
                caring.learn_skills(session, village, who)
            caring.ask_for_help(session, village, monday)
            assert village.visits
            caring.visit(session, village, monday)
            states = set(session.scalars(select(HelpRequest.state)))
        assert "done" in states
        assert not village.visits
        db.drop()


def test_who_dies_or_moves_leaves_by_a_farewell_and_is_counted_on_no_more(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "MOVES_A_YEAR", 30.0)
    monkeypatch.setattr(families, "DEATHS_A_YEAR", 30.0)
    with app.app_context():
        village = _village()
        before = {who.person_id for who in village.town.people}
        with db.unit_of_work() as session:
            families.come_and_go(session, village, simulating.BEGINS)
            kinds = {one.kind for one in session.scalars(select(Farewell).where(Farewell.state != "opened"))}
        gone = before - {who.person_id for who in village.town.people}
        assert kinds == {"died", "moved"}
        assert gone
        assert not gone & village.town.elders
        db.drop()


def test_one_household_lives_a_year(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulating, "WEEKS_A_YEAR", 2)
    result = app.test_cli_runner().invoke(args=["demo", "simulate", "--years", "1", "--households", "1"])
    assert result.exit_code == 0, result.output
    assert "the books verify" in result.output


def _village() -> Village:
    draw = random.Random(1)
    with db.unit_of_work() as session:
        town, numbers = found_one(
            session, draw, households=12, password="x", settings={}, born_at=moment(simulating.BEGINS, -14, 8)
        )
        return Village(town, Life(town, draw, codes.Keys(bytes(32))), draw, numbers)


def _save(session: Session, village: Village, who: Actor, minutes: int, now: datetime) -> None:
    book = db.book(session, who.community_id, now)
    book.open_account("issuance:rules-1", "MIN", kind="issuance", min_balance=None, is_shared=True, session=session)
    move = Transfer("issuance:rules-1", f"member:{who.public_id}", "MIN", minutes)
    book.post(Txn("credit", [move], now.date(), "test"), key=f"test:{who.public_id}", session=session)


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
