"""What was refused, in the passbook, and asking about one's own item: online, and at the desk with a card's PIN."""

from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from bank import chart, db
from bank.credits.models import Credit, Objection
from bank.members import passwords
from bank.members.models import Message, Person
from ledger import Transfer, Txn
from tests.counting import counted
from tests.credits.builders import approve, credit, decide, propose
from tests.credits.test_objections import answer
from tests.world import World

REFUSED = "没有看到您参加。"


def refused(world: World, who: str = "volunteer", **more: object) -> str:
    credit_id = propose(world, who, **more)
    decide(world, "coordinator", [credit_id], "reject", reason=REFUSED)
    return credit(world, credit_id).public_id


def ask_at_the_desk(world: World, public_id: str, pin: str = "2468", **form: str) -> TestResponse:
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).pin_hash = passwords.make_hash("2468")
    said = {"what": "appeal", "reason": "他说他在", "pin": pin, **form}
    return world.page("second").post(f"/desk/items/{public_id}/for-them", data=said)


def test_the_passbook_lists_what_was_refused_page_by_page(world: World) -> None:
    assert "没有通过的" not in world.page("volunteer").get("/passbook").text
    names = [refused(world, title=f"第{number}次") for number in range(21)]
    refused(world, "resident", title="别人的")
    assert "/passbook/refused" in world.page("volunteer").get("/passbook").text
    page = world.page("volunteer").get("/passbook/refused").text
    assert page.count(REFUSED) == 20
    assert f"/me/credits/{names[-1]}" in page
    assert "别人的" not in page
    with world.write() as session:
        last = session.query(Credit).filter_by(public_id=names[1]).one().id
    rest = world.page("volunteer").get(f"/passbook/refused?before={last}").text
    assert (rest.count(REFUSED), f"/me/credits/{names[0]}" in rest) == (1, True)


def test_a_longer_list_of_refusals_takes_no_more_statements(world: World) -> None:
    refused(world)
    client = world.page("volunteer")
    client.get("/passbook/refused")
    with counted(world.app) as few:
        client.get("/passbook/refused")
    for _ in range(9):
        refused(world)
    with counted(world.app) as many:
        client.get("/passbook/refused")
    assert len(many) == len(few)


def test_an_appeal_online_shows_what_it_became(world: World) -> None:
    name = refused(world)
    client = world.page("volunteer")
    assert "请求重新审核" in client.get(f"/me/credits/{name}").text
    assert client.post(f"/me/credits/{name}/appeals", data={"reason": " "}).status_code == 422
    assert client.post(f"/me/credits/{name}/appeals", data={"reason": "我在厨房"}).status_code == 303
    page = client.get(f"/me/credits/{name}").text
    assert "我在厨房" in page
    assert "不请求了，撤回" in page
    assert "同意，重新审核" in world.page("second").get(f"/desk/items/{name}").text


def test_a_person_with_only_a_card_appeals_at_the_desk(world: World) -> None:
    name = refused(world)
    assert ask_at_the_desk(world, name).status_code == 303
    with world.write() as session:
        made = session.query(Objection).one()
        assert (made.by_person_id, made.keyed_by) == (world.people["volunteer"].id, world.people["second"].id)
        told = session.query(Message).filter(Message.sentence.contains("替您登记")).one()
        assert (told.person_id, told.facts["name"]) == (world.people["volunteer"].id, "刘建国")
    assert ask_at_the_desk(world, name).status_code == 409


@pytest.mark.parametrize("pin", ["2469", "24", ""])
def test_without_the_pin_nothing_is_asked(world: World, pin: str) -> None:
    name = refused(world)
    answered = ask_at_the_desk(world, name, pin)
    assert answered.status_code == 422
    assert "他说他在" in answered.text
    with world.write() as session:
        assert session.query(Objection).count() == 0


def test_a_wrong_title_is_corrected_by_a_second_pair_of_eyes(world: World) -> None:
    credit_id = propose(world, title="楼道青洁")
    approve(world, "coordinator", credit_id)
    name = credit(world, credit_id).public_id
    assert ask_at_the_desk(world, name, what="title").status_code == 422
    assert ask_at_the_desk(world, name, what="title", title="楼道清洁").status_code == 303
    with world.write() as session:
        asked = session.query(Objection).one()
        asked.keyed_by = world.people["panel"].id
        public_id = asked.public_id
    answer(world, "second", public_id, is_upheld=True)
    with world.write() as session:
        again = session.query(Credit).filter_by(state="submitted").one()
        assert (again.title, again.amount) == ("楼道清洁", 60)


@pytest.mark.parametrize("is_at_desk", [False, True])
def test_too_many_points_are_told_beside_the_field_and_what_was_typed_stays(world: World, is_at_desk: bool) -> None:
    credit_id = propose(world, unit=chart.POINTS, amount=2, evidence_class="C")
    approve(world, "coordinator", credit_id)
    name, wanted = credit(world, credit_id).public_id, {"what": "amount", "amount": "101", "reason": "值这么多"}
    if is_at_desk:
        shown = ask_at_the_desk(world, name, **wanted)
    else:
        shown = world.page("volunteer").post(f"/me/credits/{name}/corrections", data=wanted)
    assert (shown.status_code, "这类好事的积分还多" in shown.text, "值这么多" in shown.text) == (422, True, True)
    with world.write() as session:
        assert session.query(Objection).count() == 0
        assert session.get_one(Credit, credit_id).state == "in_notice"


def print_at_the_desk(world: World, pin: str, who: str = "coordinator", **form: str) -> TestResponse:
    path = f"/people/{world.people['volunteer'].public_id}/passbook"
    return world.page(who).post(path, data={"pin": pin, **form})


def test_the_desk_prints_a_passbook_only_with_its_owners_pin(world: World) -> None:
    post(world, "volunteer", 90, "楼道清洁")
    assert "先在这位居民的页面上" in world.page("coordinator").get(print_path(world)).text
    assert print_at_the_desk(world, "2468").status_code == 422
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).pin_hash = passwords.make_hash("2468")
        session.get_one(Person, world.people["resident"].id).pin_hash = passwords.make_hash("1357")
    for wrong in ("1357", "", "24689"):
        refusal = print_at_the_desk(world, wrong)
        assert (refusal.status_code, "楼道清洁" in refusal.text) == (422, False)
    sheet = print_at_the_desk(world, "2468")
    assert sheet.status_code == 200
    assert all(text in sheet.text for text in ("时间存折", "王小明", "楼道清洁", "可用时长 1.5 小时"))
    assert print_at_the_desk(world, "2468", "stranger_coordinator").status_code == 404


def test_older_pages_of_a_printed_passbook_are_asked_for_again(world: World) -> None:
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).pin_hash = passwords.make_hash("2468")
    for number in range(41):
        post(world, "volunteer", 1, f"第{number}次")
    newest = print_at_the_desk(world, "2468").text
    onward = re.search(rf'href="{print_path(world)}\?cursor=([^"]+)"', newest)
    assert onward is not None
    assert "第0次" not in newest
    form = world.page("coordinator").get(f"{print_path(world)}?cursor={onward[1]}").text
    assert f'name="cursor" value="{onward[1]}"' in form
    oldest = print_at_the_desk(world, "2468", cursor=onward[1]).text
    assert ("第0次" in oldest, "第40次" in oldest) == (True, False)


def print_path(world: World) -> str:
    return f"/people/{world.people['volunteer'].public_id}/passbook"


def post(world: World, who: str, minutes: int, memo: str) -> None:
    """Let somebody have minutes for something."""
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        book.open_account(
            chart.issuance(1), chart.MINUTES, kind="issuance", min_balance=None, is_shared=True, session=session
        )
        own = chart.member(world.people[who].public_id)
        move = Transfer(debit=chart.issuance(1), credit=own, unit=chart.MINUTES, amount=minutes)
        txn = Txn(kind="credit", transfers=[move], effective=world.clock.now.date(), actor="test", memo=memo)
        book.post(txn, key=f"test:{memo}", session=session)


def test_a_locked_card_keeps_what_was_typed_at_the_desk(world: World) -> None:
    name = refused(world)
    for _ in range(5):
        ask_at_the_desk(world, name, pin="9753")
    answer = ask_at_the_desk(world, name)
    assert answer.status_code == 422
    assert "分钟后再试" in answer.text
    assert "他说他在" in answer.text
