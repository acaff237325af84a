"""The days on which goods are handed over: some of the week, of every week or of a month's or quarter's first."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from flask_babel import force_locale

from bank.communities.rules import Rules, is_weekdays
from bank.rulebook import rules as rulebook
from bank.rulebook.wording import BY_FIELD
from bank.shop import rules
from bank.shop.refusals import NotToday
from bank.web.i18n import translate
from tests.shop.market import Market

ZONE = "Asia/Shanghai"
SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def days_of(year: int, **settings: int) -> list[date]:
    """Give a year's days on which goods are handed over."""
    in_force = Rules(1, date(year, 1, 1), **settings)  # type: ignore[arg-type]
    all_ = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    return [day for day in all_ if day.year == year and rules.is_redemption_day(day, in_force)]


def test_tuesday_and_friday_are_every_tuesday_and_friday() -> None:
    assert {day.isoweekday() for day in days_of(2026, redemption_weekday=25)} == {2, 5}
    assert len(days_of(2026, redemption_weekday=25)) == 104
    assert len(days_of(2026, redemption_weekday=1_234_567)) == len(days_of(2026)) == 365


def test_a_quarters_first_week_has_its_borders() -> None:
    firsts = days_of(2026, redemption_weekday=5, redemption_months=3)
    assert firsts == [date(2026, 1, 2), date(2026, 4, 3), date(2026, 7, 3), date(2026, 10, 2)]
    assert len(days_of(2026, redemption_weekday=5, redemption_months=1)) == 12
    assert [(day.month, day.day) for day in days_of(2026, redemption_months=12)] == [(1, n) for n in range(1, 8)]


def test_a_quarterly_day_is_found_and_the_voucher_lives_until_it() -> None:
    in_force = Rules(1, date(2026, 1, 1), redemption_weekday=5, redemption_months=3, voucher_days=7)
    monday = datetime.fromisoformat("2026-11-23T12:00:00+08:00")
    assert rules.redemption_day(monday, in_force, ZONE) == date(2027, 1, 1)
    until = rules.fetched_until(monday, in_force, ZONE, is_goods=True)
    assert until == datetime.fromisoformat("2027-01-08T00:00:00+08:00")


@pytest.mark.parametrize(("number", "is_right"), [(0, True), (5, True), (25, True), (1_234_567, True)])
def test_days_are_written_in_order(number: int, is_right: bool) -> None:
    assert is_weekdays(number) is is_right


@pytest.mark.parametrize("number", [8, 9, 52, 22, 20, 105, 128])
def test_what_is_no_days_is_refused_with_the_reason(number: int) -> None:
    assert not is_weekdays(number)
    usual = {name: one.value(Rules(1, date(2026, 1, 1))) for name, one in BY_FIELD.items()}
    wrong = rulebook.misfits({**usual, "redemption_weekday": number})
    assert wrong == {"redemption_weekday": (rulebook.NO_WEEKDAYS, {})}


@SQLITE_ONLY
def test_the_rules_name_the_days(market: Market) -> None:
    with market.world.app.test_request_context():
        assert (
            translate(*BY_FIELD["redemption_weekday"].said(25)) == "用品只在兑换日领：星期二、星期五；哪天都可以下单。"
        )
        with force_locale("en"):
            assert "Tuesday" in translate("%(n_weekdays)s", {"n_weekdays": 25})


def test_goods_are_handed_over_on_each_of_the_days_and_on_no_other(market: Market) -> None:
    market.adopt(redemption_weekday=25)
    first, second = market.order(), market.order()
    with pytest.raises(NotToday) as refused:
        market.hand_over(first)
    assert refused.value.facts == {"day": "2026-11-24"}
    market.world.clock.now += timedelta(days=1)
    assert market.hand_over(first).state == "handed_over"
    market.world.clock.now += timedelta(days=1)
    with pytest.raises(NotToday) as refused:
        market.hand_over(second)
    assert refused.value.facts == {"day": "2026-11-27"}
    market.world.clock.now += timedelta(days=2)
    assert market.hand_over(second).state == "handed_over"


def test_a_quarterly_shop_hands_over_in_its_week_only(market: Market) -> None:
    market.adopt(redemption_months=3)
    placed = market.order()
    with pytest.raises(NotToday) as refused:
        market.hand_over(placed)
    assert refused.value.facts == {"day": "2027-01-01"}
    market.world.clock.now = datetime.fromisoformat("2027-01-07T10:00:00+08:00")
    assert market.hand_over(placed).state == "handed_over"
