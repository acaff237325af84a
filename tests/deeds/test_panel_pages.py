"""The panel's, the witness's and the captain's pages."""

from __future__ import annotations

from bank.deeds.models import Deed, DeedWitness
from bank.members import neighbours, passwords
from bank.members.models import Person
from tests.credits.test_panel import JUDGES
from tests.deeds.test_judging import judged, vote
from tests.deeds.test_operations import tell
from tests.world import World


def test_a_judge_finds_the_case_in_the_menu_and_votes_with_a_reason(world: World) -> None:
    deed = judged(world, of="resident")
    page = world.page("panel")
    assert "评议好事 · 1" in page.get("/").text
    assert "李秀英 · 义务献血" in page.get("/panel").text
    empty = page.post(f"/panel/{deed.public_id}/votes", data={"verdict": "for", "reason": ""})
    assert (empty.status_code, "请填写这一项" in empty.text) == (422, True)
    answer = page.post(
        f"/panel/{deed.public_id}/votes", data={"verdict": "for", "reason": "有献血证"}, follow_redirects=True
    )
    assert "您的一票和理由已经记下" in answer.text
    assert "没有等您评议的好事" in answer.text
    assert "评议好事 · " not in page.get("/").text


def test_what_was_typed_stays_where_a_vote_is_refused(world: World) -> None:
    deed = judged(world)
    answer = world.page("panel").post(f"/panel/{deed.public_id}/votes", data={"reason": "照片看不清"})
    assert answer.status_code == 422
    assert "照片看不清" in answer.text


def test_the_doer_reads_the_reasons_without_the_names(world: World) -> None:
    deed = judged(world)
    assert "评议小组评议中" in world.page("volunteer").get(f"/deeds/{deed.public_id}").text
    for who in JUDGES[:3]:
        vote(world, who, deed, is_for=False, reason="没有献血证")
    mine, judge = (
        world.page("volunteer").get(f"/deeds/{deed.public_id}").text,
        world.page("panel").get(f"/panel/{deed.public_id}").text,
    )
    assert "0 票该记，3 票不该记" in mine
    assert "没有献血证" in mine
    assert "可以重新打开" in mine
    assert "吴桂兰" not in mine
    assert "吴桂兰" in judge


def test_a_judge_of_the_same_door_is_told_why_there_is_no_form(world: World) -> None:
    deed = judged(world, "panel", of="resident")
    page = world.page("panel").get(f"/panel/{deed.public_id}").text
    assert "与这一条有关" in page
    assert "<textarea" not in page


def test_a_witness_scans_and_presses_one_button(world: World) -> None:
    deed = tell(world)
    assert "<svg" in world.page("volunteer").get(f"/deeds/{deed.public_id}/witnesses").text
    page = world.page("resident")
    assert "我看见了，我作证" in page.get(f"/w/{deed.witness_code}").text
    with world.write() as session:
        assert session.query(DeedWitness).count() == 0
    assert "谢谢您作证" in page.post(f"/w/{deed.witness_code}", follow_redirects=True).text
    assert "李秀英" in world.page("volunteer").get(f"/deeds/{deed.public_id}").text
    assert "我作证" not in page.get(f"/w/{deed.witness_code}").text


def test_a_witness_with_only_a_card_types_a_pin_on_the_doers_phone(world: World) -> None:
    with world.write() as session:
        session.get_one(Person, world.people["resident"].id).pin_hash = passwords.make_hash("2580")
    deed, page = tell(world), world.page("volunteer")
    path, card = f"/deeds/{deed.public_id}/witnesses", world.people["resident"].public_id
    for wrong, said in (
        ({"card": "ZZZZ ZZZZ", "pin": "2580"}, "没有找到这张卡"),
        ({"card": card, "pin": "1357"}, "PIN 不对"),
        ({"card": card}, "请证人自己按四位 PIN"),
        ({"card": world.people["shop"].public_id, "pin": "2580"}, "还没有设 PIN"),
    ):
        answer = page.post(path, data=wrong)
        assert (answer.status_code, said in answer.text) == (422, True)
    assert "多了一位证人" in page.post(path, data={"card": card, "pin": "2580"}, follow_redirects=True).text


def test_a_captain_sees_the_people_of_their_building_first(world: World) -> None:
    resident = world.people["resident"].public_id
    assert "我楼里的邻居" not in world.page("volunteer").get("/deeds/new?who=neighbour").text
    clerk = world.page("coordinator")
    captain = f"/people/{world.people['volunteer'].public_id}"
    assert clerk.post(f"{captain}/captaincy", data={"building": "wyh-3", "do": "give"}).status_code == 303
    page = world.page("volunteer")
    assert "您现在是3栋的楼门长" in page.get("/").text
    form = page.get("/deeds/new?who=neighbour").text
    assert "3栋 1单元201 李秀英" in form
    told = {
        "who": "neighbour",
        "mine": resident,
        "category": "errand",
        "story": "帮邻居取药",
        "happened_on": "2026-11-22",
    }
    assert page.post("/deeds/new", data=told).status_code == 303
    with world.write() as session:
        assert session.query(Deed).one().person_id == world.people["resident"].id
    clerk.post(f"{captain}/captaincy", data={"building": "wyh-3", "do": "take"})
    actor = world.actor("volunteer")
    with world.write() as session:
        assert neighbours.of_captain(session, actor) == []
