"""A card of thanks from the page of a visit: once a day to each helper, and never a dead end."""

from __future__ import annotations

from datetime import timedelta

from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.thanks import operations as thanks
from tests.services.baths import HELPERS, begun, offer_baths
from tests.services.homes import Homes


def _page(homes: Homes, request: HelpRequest) -> str:
    return homes.world.page("resident").get(f"/help/{request.public_id}").get_data(as_text=True)


def _press(homes: Homes, request: HelpRequest) -> str:
    answer = homes.world.page("resident").post(f"/help/{request.public_id}/thanks", follow_redirects=True)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def _cards(homes: Homes, who: str) -> int:
    return len([one for one in homes.told(who) if "感谢卡" in one])


def test_thanks_are_offered_until_they_were_given_that_day(homes: Homes) -> None:
    request = homes.done()
    assert "谢谢他" in _page(homes, request)
    assert "感谢卡送到了" in _press(homes, request)
    page = _page(homes, request)
    assert ("谢谢他" in page, "今天已经谢过了" in page) == (False, True)
    homes.world.clock.advance(days=1)
    assert "谢谢他" in _page(homes, request)


def test_who_thanks_once_more_from_an_old_page_is_told_and_goes_on(homes: Homes) -> None:
    request = homes.done()
    _press(homes, request)
    assert "今天已经谢过了，心意收到了" in _press(homes, request)
    assert _cards(homes, "volunteer") == 1


def test_who_sent_enough_cards_today_is_told_so_on_the_page_of_the_visit(homes: Homes) -> None:
    homes.adopt(thanks_per_day=1)
    request = homes.done()
    homes.do("resident", thanks.send, homes.world.people["panel"], card="thanks", words=None)
    page = _press(homes, request)
    assert ("今天已经送了 1 张感谢卡" in page, "谢谢他" in page) == (True, True)
    assert _cards(homes, "volunteer") == 0


def test_of_two_helpers_the_one_not_yet_thanked_is_thanked(homes: Homes) -> None:
    offer_baths(homes)
    request = begun(homes)
    homes.world.clock.now += timedelta(hours=1)
    for who in HELPERS:
        homes.scan(request, who)
    homes.do("resident", help_.confirm, request.public_id)
    assert "谢谢他们" in _page(homes, request)
    homes.do("resident", thanks.send, homes.world.people["volunteer"], card="thanks", words=None)
    assert "谢谢他们" not in _page(homes, request)
    assert "感谢卡送到了" in _press(homes, request)
    assert (_cards(homes, "volunteer"), _cards(homes, "panel")) == (1, 1)
    assert "今天已经谢过了" in _page(homes, request)
