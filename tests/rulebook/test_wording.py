"""Every number of the rules stands on the page in plain words, and in both languages."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask

from bank.communities.rules import SETTINGS, Rules, read_rules
from bank.rulebook import rules, wording
from bank.rulebook.wording import BY_FIELD
from bank.web.i18n import translate

USUAL = Rules(1, date(2026, 1, 1))


def test_every_setting_has_a_sentence() -> None:
    assert set() == SETTINGS - wording.WORDED
    assert set(BY_FIELD) >= {f"deed_points.{code}" for code in USUAL.deed_points}
    assert set(BY_FIELD) >= {f"notice_days.{code}" for code in USUAL.notice_days}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_sentence_says_its_number(app: Flask, language: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        for one in BY_FIELD.values():
            said = [translate(*one.said(value)) for value in {one.least, one.most, 7}]
            assert all(said)
            assert not [text for text in said if re.search(r"%\(|None", text)]
            if one.kind == wording.NUMBER:
                assert "7" in translate(*one.said(7)), one.name
            if one.without:
                assert translate(*one.said(0)) != translate(*one.said(one.most)), one.name


def test_what_is_folded_for_storage_reads_as_it_was() -> None:
    values = {one.field: one.value(USUAL) for one in BY_FIELD.values()}
    assert wording.as_settings(values) == {}
    changed = {**values, "deed_points.care": 12, "notice_days.B": 5, "is_tie_upheld": 1, "points_expire_months": None}
    read = read_rules(2, date(2027, 1, 1), wording.as_settings(changed))
    assert {one.field: one.value(read) for one in BY_FIELD.values()} == changed
    assert [change.setting.field for change in wording.changes(USUAL, read)] == [
        "notice_days.B",
        "is_tie_upheld",
        "deed_points.care",
        "points_expire_months",
    ]


@pytest.mark.parametrize("one", BY_FIELD.values(), ids=lambda one: one.field)
def test_each_setting_is_bounded_on_both_sides(one: wording.Setting) -> None:
    usual = {other.field: other.value(USUAL) for other in BY_FIELD.values()}
    assert one.least <= int(one.value(USUAL) or one.least) <= one.most
    if one.kind != wording.YES_NO:
        assert rules.misfits({**usual, one.field: one.least - 1})[one.field][0] == rules.OUT_OF_RANGE
        assert rules.misfits({**usual, one.field: one.most + 1})[one.field][0] == rules.OUT_OF_RANGE
    assert (one.field in rules.misfits({**usual, one.field: None})) != one.may_be_empty


def test_numbers_that_contradict_each_other_are_refused() -> None:
    usual = {one.field: one.value(USUAL) for one in BY_FIELD.values()}
    assert rules.misfits(usual) == {}
    for changed, name in (
        ({"daily_minutes_with_second": 479}, "daily_minutes_with_second"),
        ({"home_service_minutes": 481}, "home_service_minutes"),
        ({"night_until_hour": 23}, "night_until_hour"),
        ({"rounding_minutes": 11}, "rounding_minutes"),
    ):
        assert list(rules.misfits({**usual, **changed})) == [name]
    assert rules.misfits({**usual, "daily_minutes_with_second": 480, "home_service_minutes": 480}) == {}
