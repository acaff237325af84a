"""The queue for whoever has a card and no phone: they join, hear of their turn, take it and leave, by card and PIN."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from bank import chart, jobs
from bank.members.models import Message
from bank.shop import queueing
from bank.shop.models import Order, PointBudget, QueuePlace
from tests.counting import counted
from tests.giving.test_farewells import confirmed
from tests.racing import at_once
from tests.shop.market import PIN, Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def spent(market: Market) -> Market:
    """A month whose budget for goods, fifteen points, went into the volunteer's soap."""
    market.adopt(shop_budget_fen_per_month=150, point_reference_fen=10)
    market.order()
    return market


def ask(market: Market, who: str, do: str, *, owner: str = "resident", pin: str = PIN, **more: str) -> object:
    """Let a keeper or the desk do something for a card."""
    path = f"/queue/cards/{market.world.people[owner].public_id}"
    return market.world.page(who).post(path, data={"do": do, "pin": pin, **more})


def place_of(market: Market) -> QueuePlace | None:
    with market.world.write() as session:
        return session.scalars(select(QueuePlace).order_by(QueuePlace.id.desc())).first()


def call(market: Market) -> None:
    """Let the month have room again, and the job call."""
    with market.world.write() as session:
        session.execute(update(PointBudget).values(points=0))
        assert queueing.call_due(session, now=market.now) == 1


def messages(market: Market, who: str) -> list[str]:
    with market.world.write() as session:
        found = select(Message.sentence).where(Message.person_id == market.world.people[who].id)
        return list(session.scalars(found.order_by(Message.id)))


@pytest.mark.parametrize("who", ["shop", "coordinator", "second"])
def test_a_card_and_a_pin_get_a_number_to_take_home(spent: Market, who: str) -> None:
    joined = ask(spent, who, "join", item_id=spent.soap)
    assert joined.status_code == 303
    slip = spent.world.page(who).get(joined.location).text
    assert "1 号" in slip
    assert "肥皂" in slip
    assert "12月" in slip
    place = place_of(spent)
    assert place is not None
    assert (place.state, place.ticket, place.joined_by) == ("waiting", 1, spent.world.people[who].id)
    assert spent.has("resident").available == 100
    assert queueing._JOINED_BY_CARD in messages(spent, "resident")


def test_a_wrong_pin_puts_nobody_in_the_queue_and_keeps_what_was_chosen(spent: Market) -> None:
    refused = ask(spent, "shop", "join", pin="0000", item_id=spent.soap, quantity="1")
    assert refused.status_code == 422
    assert "PIN 不对" in refused.text
    assert "checked" in refused.text
    assert place_of(spent) is None


def test_who_queued_by_card_is_rung_and_the_first_to_do_so_is_noted(spent: Market) -> None:
    ask(spent, "shop", "join", item_id=spent.soap)
    call(spent)
    assert queueing._CALLED_BY_CARD in messages(spent, "shop")
    assert queueing._CALLED_BY_CARD in messages(spent, "coordinator")
    desk = spent.world.page("coordinator")
    assert "要告诉他" in desk.get("/queue").text
    assert "1 号" in desk.get("/queue/sheet").text
    assert spent.world.people["resident"].name not in desk.get("/queue/sheet").text
    place = place_of(spent)
    assert place is not None
    assert desk.post(f"/queue/{place.public_id}/told").status_code == 303
    assert spent.world.page("shop").post(f"/queue/{place.public_id}/told").status_code == 303
    told = place_of(spent)
    assert told is not None
    assert told.told_by == spent.world.people["coordinator"].id
    assert "要告诉他" not in desk.get("/queue").text


def test_a_turn_is_served_at_the_counter_in_one_go(spent: Market) -> None:
    ask(spent, "shop", "join", item_id=spent.soap)
    call(spent)
    place = place_of(spent)
    assert place is not None
    taken = ask(spent, "shop", "take", place_id=place.public_id)
    assert taken.status_code == 303
    assert "/counter?done=" in taken.location
    assert (spent.has("resident").available, spent.takings(spent.goods_shop, chart.POINTS)) == (85, 15)
    after = place_of(spent)
    assert after is not None
    assert after.state == "taken"
    again = ask(spent, "shop", "take", place_id=place.public_id)
    assert again.status_code == 422
    assert spent.has("resident").available == 85


@pytest.mark.parametrize("who", ["shop", "coordinator"])
def test_a_turn_on_another_day_is_a_voucher_on_paper(spent: Market, who: str) -> None:
    spent.adopt(days_ago=0, shop_budget_fen_per_month=150, point_reference_fen=10, redemption_weekday=5)
    ask(spent, "shop", "join", item_id=spent.soap)
    call(spent)
    place = place_of(spent)
    assert place is not None
    taken = ask(spent, who, "take", place_id=place.public_id)
    assert taken.status_code == 303
    slip = spent.world.page(who).get(taken.location).text
    with spent.world.write() as session:
        order = session.scalars(select(Order).order_by(Order.id.desc())).first()
    assert order is not None
    assert order.voucher_code[:4] in slip
    assert "兑换日" in slip
    assert spent.has("resident").held == 15
    spent.world.clock.now += timedelta(days=4)
    assert spent.hand_over(order).state == "handed_over"


def test_a_place_is_left_by_card_and_by_nobody_elses(spent: Market) -> None:
    ask(spent, "shop", "join", item_id=spent.soap)
    place = place_of(spent)
    assert place is not None
    with spent.world.write() as session:
        volunteer, resident = (spent.world.people[who].id for who in ("volunteer", "resident"))
        hashes = session.execute(select(QueuePlace.person_id)).scalars().all()
        assert hashes == [resident] != [volunteer]
    assert ask(spent, "shop", "leave", owner="volunteer", place_id=place.public_id).status_code == 422
    assert ask(spent, "shop", "leave", place_id=place.public_id).status_code == 303
    left = place_of(spent)
    assert left is not None
    assert left.state == "left"
    assert queueing._LEFT_BY_CARD in messages(spent, "resident")


@SQLITE_ONLY
def test_a_provider_sees_no_place_in_anothers_queue(spent: Market) -> None:
    ask(spent, "shop", "join", item_id=spent.soap)
    place = place_of(spent)
    assert place is not None
    barber = spent.world.page("barber")
    assert "肥皂" not in barber.get("/queue").text
    assert barber.get(f"/queue/slips/{place.public_id}").status_code == 404
    assert barber.post(f"/queue/{place.public_id}/told").status_code == 404
    refused = ask(spent, "barber", "leave", place_id=place.public_id)
    assert refused.status_code == 422
    joined = ask(spent, "barber", "join", owner="resident", item_id=spent.soap)
    assert joined.status_code == 422
    still = place_of(spent)
    assert still is not None
    assert still.state == "waiting"


@SQLITE_ONLY
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"do": "join", "pin": PIN},
        {"do": "take", "pin": PIN},
        {"do": "leave", "pin": PIN, "place_id": "x" * 300},
        {"do": "join", "pin": PIN, "item_id": "nothing", "quantity": "2"},
        {"do": "join", "pin": PIN, "item_id": "nothing", "quantity": "-1"},
        {"do": "steal", "pin": PIN},
        {"do": "join", "pin": "１２３４５"},
    ],
)
def test_odd_forms_are_told_so_on_the_page(spent: Market, form: dict[str, str]) -> None:
    answer = spent.world.page("shop").post(f"/queue/cards/{spent.world.people['resident'].public_id}", data=form)
    assert answer.status_code == 422
    assert place_of(spent) is None


@SQLITE_ONLY
@pytest.mark.parametrize("code", ["", "ZZZZZZZZ", "P1" + "A" * 60, "=1+1", "http://x/s/" + "B" * 80])
def test_no_card_is_told_so_and_keeps_what_was_typed(spent: Market, code: str) -> None:
    answer = spent.world.page("shop").post("/queue", data={"code": code})
    assert answer.status_code == 422


def test_numbers_are_given_out_once_to_many_at_once(spent: Market) -> None:
    keeper = spent.world.page("shop")
    owners = [f"elder{number}" for number in range(6)]
    for who in owners:
        spent.world.add_person(who, "老人")
        credit(spent.world, who, chart.POINTS, 20)
    actors = {who: spent.world.actor(who) for who in owners}
    assert keeper.get("/queue").status_code == 200

    def join(who: str) -> object:
        with spent.world.app.app_context(), spent.world.write() as session:
            return queueing.join(session, actors[who], item_id=spent.soap, quantity=1, now=spent.now)

    places = at_once(*[lambda who=who: join(who) for who in owners])
    assert sorted(one.ticket for one in places) == [1, 2, 3, 4, 5, 6]  # type: ignore[attr-defined]


def test_two_tablets_serve_one_turn_once(spent: Market) -> None:
    ask(spent, "shop", "join", item_id=spent.soap)
    call(spent)
    place = place_of(spent)
    assert place is not None
    path = f"/queue/cards/{spent.world.people['resident'].public_id}"
    form = {"do": "take", "pin": PIN, "place_id": place.public_id}
    pages = [spent.world.page(who) for who in ("shop", "coordinator") * 2]
    answers = at_once(*[lambda page=page: page.post(path, data=form) for page in pages])
    assert Counter(one.status_code for one in answers) == {303: 1, 422: 3}
    has = spent.has("resident")
    assert has.posted == 100 - spent.takings(spent.goods_shop, chart.POINTS)
    assert has.held + spent.takings(spent.goods_shop, chart.POINTS) == 15


def test_the_line_comes_in_pages_and_costs_the_same(spent: Market) -> None:
    for number in range(60):
        spent.world.add_person(f"p{number}", "居民")
        credit(spent.world, f"p{number}", chart.POINTS, 20)
    page = spent.world.page("shop")
    spent.queue("p0")
    page.get("/queue")
    with counted(spent.world.app) as few:
        page.get("/queue")
    for number in range(1, 60):
        spent.queue(f"p{number}")
    with counted(spent.world.app) as many:
        shown = page.get("/queue").text
    assert len(few) == len(many)
    (onward,) = re.findall(r"/queue\?cursor=[\w-]+", shown)
    assert len(re.findall(r"\d+ 号", page.get(onward).text)) == 10


@SQLITE_ONLY
def test_the_job_calls_and_the_card_page_says_so(spent: Market) -> None:
    ask(spent, "shop", "join", item_id=spent.soap)
    keeper, card = spent.world.page("shop"), spent.world.people["resident"].public_id
    assert "在排「肥皂」" in keeper.get(f"/counter/cards/{card}").text
    spent.world.clock.now = datetime.fromisoformat("2026-12-01T09:00:00+08:00")
    with spent.world.app.app_context():
        jobs.run_due(spent.now)
    assert "轮到了：「肥皂」" in keeper.get(f"/counter/cards/{card}").text
    assert "马上交给他" in keeper.get(f"/queue/cards/{card}").text


def test_who_died_is_called_no_more_and_their_turn_goes_to_the_next(spent: Market) -> None:
    for who in ("resident", "panel"):
        credit(spent.world, who, chart.POINTS, 100)
        spent.queue(who)
    call(spent)
    confirmed(spent.world, "resident", "died")
    with spent.world.write() as session:
        assert queueing.call_due(session, now=spent.now) == 1
        states = session.scalars(select(QueuePlace.state).order_by(QueuePlace.id)).all()
    assert states == ["left", "called"]


@SQLITE_ONLY
def test_every_page_says_that_what_is_sold_out_cannot_be_queued_for(spent: Market) -> None:
    spent.count(0)
    keeper, card = spent.world.page("shop"), spent.world.people["resident"].public_id
    assert ask(spent, "shop", "join", item_id=spent.soap).status_code == 422
    assert place_of(spent) is None
    shelves = keeper.get("/counter/stock").text
    assert "进了货才能换" in shelves
    assert "要排队" not in shelves
    assert "不能排队" in spent.world.page("resident").get(f"/shop/items/{spent.soap}").text
    assert "进了货才能排" in keeper.get(f"/queue/cards/{card}").text


@SQLITE_ONLY
def test_a_card_page_ends_with_what_is_sold_out_and_gives_it_no_key(market: Market) -> None:
    market.add_item("毛巾", unit="PTS", price=15)
    market.count(0)
    shown = market.world.page("shop").get(f"/counter/cards/{market.world.people['resident'].public_id}").text
    towel, soap = re.findall(r'<label class="pick">.*?</label>', shown)
    assert "毛巾" in towel
    assert 'data-pick="1"' in towel
    assert "肥皂" in soap
    assert "换完了" in soap
    assert " disabled" in soap
    assert "data-pick" not in soap


@SQLITE_ONLY
def test_the_card_page_of_who_was_called_leads_to_the_turn(spent: Market) -> None:
    spent.add_item("毛巾", unit="PTS", price=15)
    ask(spent, "shop", "join", item_id=spent.soap)
    keeper, card = spent.world.page("shop"), spent.world.people["resident"].public_id
    waiting = keeper.get(f"/counter/cards/{card}").text
    assert "轮到了" not in waiting
    call(spent)
    shown = keeper.get(f"/counter/cards/{card}").text
    soap, towel = re.findall(r'<label class="pick">.*?</label>', shown)
    assert "轮到了" in soap
    assert "要排队" not in soap
    assert "要排队" in towel
    (link,) = re.findall(rf'<a [^>]*href="/queue/cards/{card}".*?</a>', shown)
    assert "轮到了，来换" in link
