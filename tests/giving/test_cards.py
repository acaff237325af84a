"""At the desk with only a card: everything of giving is done with the owner's PIN, and the owner is told."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from sqlalchemy import select

from bank import chart, db
from bank.giving import bonds, dormant, farewells, gifts, pool, rules
from bank.giving.models import Bond, Donation, Dormancy, Farewell, Gift, Grant
from bank.giving.refusals import NoRoom, TooManyOfAKind, TooNear
from bank.members import passwords
from bank.members.models import Message, Person
from tests.counting import counted
from tests.giving.conftest import bind
from tests.giving.test_farewells import confirmed
from tests.giving.test_giving import adopt, donate, give, grant, has, run_jobs, verify
from tests.racing import at_once
from tests.shop.market import credit
from tests.world import World

PIN, WRONG = "2580", "1357"
PIN_HASH = passwords.make_hash(PIN)
Page = object


@pytest.fixture
def carded(kin: World) -> World:
    """`resident`, the parent of `volunteer`, has ten hours, a card and a PIN."""
    credit(kin, "resident", chart.MINUTES, 600)
    credit(kin, "resident", chart.POINTS, 40)
    with kin.write() as session:
        session.get_one(Person, kin.people["resident"].id).pin_hash = PIN_HASH
    return kin


def act(world: World, name: str, by: str = "coordinator", owner: str = "resident", pin: str = PIN, **form: str) -> int:
    """Do one act at the desk; give the status."""
    url = f"/desk/giving/people/{world.people[owner].public_id}/{name}"
    return world.page(by).post(url, data={"pin": pin, **form}).status_code


def told(world: World, who: str = "resident") -> list[str]:
    """Give what somebody was told that another did in their name, oldest first."""
    with world.write() as session:
        mine = select(Message.sentence).where(Message.person_id == world.people[who].id)
        return list(session.scalars(mine.where(Message.agent_id.is_not(None)).order_by(Message.id)))


def one(world: World, column: object) -> object:
    with world.write() as session:
        return session.scalars(select(column).order_by(column.class_.__table__.primary_key.columns[0])).all()[-1]  # type: ignore[attr-defined,call-overload]


def asked_by(world: World, who: str, other: str = "resident", kind: str = "parent") -> str:
    with world.write() as session:
        asker, relative = (session.get_one(Person, world.people[one].id) for one in (who, other))
        return bonds.ask(session, asker, relative, kind=kind, now=world.clock.now).public_id


def test_she_asks_for_a_bond(carded: World) -> None:
    assert act(carded, "ask", kind="child", card_number=carded.people["panel"].public_id) == 303
    assert one(carded, Bond.agent_id) == carded.people["coordinator"].id
    assert ["替您向" in sentence for sentence in told(carded)] == [True]


@pytest.mark.parametrize(("said", "state"), [("agree", "agreed"), ("decline", "declined")])
def test_she_answers_who_asked(carded: World, said: str, state: str) -> None:
    """Whoever stood at the desk for either of the two does not check the bond."""
    bond = asked_by(carded, "panel")
    assert act(carded, "answer", bond=bond, answer=said) == 303
    with carded.write() as session:
        assert session.scalars(select(Bond.state).where(Bond.public_id == bond)).one() == state
    assert len(told(carded)) == 1
    if said == "agree":
        coordinator, second = carded.actor("coordinator"), carded.actor("second")
        with pytest.raises(TooNear), carded.write() as session:
            bonds.check(session, coordinator, bond, is_right=True, now=carded.clock.now)
        with carded.write() as session:
            bonds.check(session, second, bond, is_right=True, now=carded.clock.now)


def test_who_asked_at_the_desk_for_her_does_not_check_it_after_another_answered(carded: World) -> None:
    act(carded, "ask", kind="child", card_number=carded.people["panel"].public_id)
    with carded.write() as session:
        bond = session.scalars(select(Bond.public_id).where(Bond.state == "asked")).one()
        session.get_one(Person, carded.people["panel"].id).pin_hash = PIN_HASH
    assert act(carded, "answer", by="second", owner="panel", bond=bond, answer="agree") == 303
    for who in ("coordinator", "second"):
        actor = carded.actor(who)
        with pytest.raises(TooNear), carded.write() as session:
            bonds.check(session, actor, bond, is_right=True, now=carded.clock.now)


def test_she_gives_and_takes_back(carded: World) -> None:
    assert act(carded, "give", to=carded.people["volunteer"].public_id, amount="60") == 303
    assert has(carded, "resident").held == 60
    gift = str(one(carded, Gift.public_id))
    assert act(carded, "take-back", gift=gift) == 303
    assert (has(carded, "resident").available, one(carded, Gift.state)) == (600, "taken_back")
    assert len(told(carded)) == 2
    assert act(carded, "take-back", gift=gift) == 303  # once more changes nothing
    assert len(told(carded)) == 2
    verify(carded)


def test_a_gift_is_not_taken_back_after_the_day(carded: World) -> None:
    act(carded, "give", to=carded.people["volunteer"].public_id, amount="60")
    carded.clock.advance(hours=24)  # type: ignore[attr-defined]
    assert act(carded, "take-back", gift=str(one(carded, Gift.public_id))) == 422
    run_jobs(carded)
    assert has(carded, "volunteer").posted == 1_260


@pytest.mark.parametrize(
    ("thanks", "shown"), [("none", None), ("full", "李秀英"), ("teacher", "李老师"), ("mr", "李先生"), ("ms", "李女士")]
)
def test_she_donates_with_and_without_public_thanks(carded: World, thanks: str, shown: str | None) -> None:
    assert act(carded, "donate", unit="MIN", amount="90", thanks=thanks) == 303
    assert (has(carded, "resident").posted, has(carded, None).posted) == (510, 90)
    page = carded.page(None).get("/pool").text
    assert shown in page if shown else "还没有愿意公开的捐赠" in page
    assert len(told(carded)) == 1


@pytest.mark.parametrize(
    ("name", "form", "has", "said"),
    [
        ("donate", {"unit": "MIN", "amount": "90"}, "本人有 10 小时、40 积分。", "捐出了 1.5 小时。"),
        ("donate", {"unit": "PTS", "amount": "7"}, "本人有 10 小时、40 积分。", "捐出了 7 积分。"),
        ("give", {"amount": "120"}, "本人有 10 小时。", "转出了 2 小时。"),
    ],
)
def test_the_desk_sees_what_she_has_and_hears_how_much_went(
    carded: World, name: str, form: dict[str, str], has: str, said: str
) -> None:
    page, url = carded.page("coordinator"), f"/desk/giving/people/{carded.people['resident'].public_id}/{name}"
    to = {"to": carded.people["volunteer"].public_id} if name == "give" else {}
    assert has in page.get(url).text
    assert said in page.post(url, data={"pin": PIN, **form, **to}, follow_redirects=True).text


def test_she_takes_her_name_off_the_public_page(carded: World) -> None:
    act(carded, "donate", unit="MIN", amount="90", thanks="full")
    assert act(carded, "hide", donation=str(one(carded, Donation.public_id))) == 303
    assert "李秀英" not in carded.page(None).get("/pool").text
    assert has(carded, None).posted == 90


def test_she_answers_what_to_do_with_hours_that_lie_still(carded: World) -> None:
    assert act(carded, "hours", answer="keep") == 422
    with carded.write() as session:
        now = carded.clock.now
        session.merge(Dormancy(person_id=carded.people["resident"].id, look_at=now, asked_at=now))
    assert act(carded, "hours", answer="donate") == 303
    assert (one(carded, Dormancy.answer), has(carded, "resident").available) == ("donate", 600)
    assert len(told(carded)) == 1


@pytest.mark.parametrize(("choice", "state", "left"), [("keep", "kept", 600), ("pool", "pooled", 0)])
def test_she_moves_away_and_says_what_becomes_of_her_hours(carded: World, choice: str, state: str, left: int) -> None:
    confirmed(carded, "resident", "moved")
    assert act(carded, "move", choice=choice) == 303
    carded.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(carded)
    assert (one(carded, Farewell.state), has(carded, "resident").posted) == (state, left)
    assert len(told(carded)) == 1
    verify(carded)


def test_she_does_not_move_and_says_so(carded: World) -> None:
    confirmed(carded, "resident", "moved")
    assert act(carded, "move", choice="undo") == 303
    assert (one(carded, Farewell.state), len(told(carded))) == ("undone", 1)
    assert act(carded, "donate", unit="MIN", amount="1") == 303


def test_she_ends_a_bond(carded: World) -> None:
    assert act(carded, "end", bond=str(one(carded, Bond.public_id))) == 303
    assert (one(carded, Bond.state), len(told(carded))) == ("ended", 1)


def test_her_printed_passbook_says_who_did_what_in_her_name(carded: World) -> None:
    act(carded, "give", to=carded.people["volunteer"].public_id, amount="60")
    with carded.write() as session:
        session.query(Message).update({"read_at": carded.clock.now})
    for sheet in (
        carded.page("resident").get("/passbook/print").text,
        carded.page("second").post(f"/people/{carded.people['resident'].public_id}/passbook", data={"pin": PIN}).text,
    ):
        assert "别人凭卡和 PIN 替您办的" in sheet
        assert "陈芳 凭您的卡和 PIN 替您给 王小明 转赠了 1 小时" in sheet


ALL = ("ask", "answer", "give", "take-back", "donate", "hours", "move", "end", "hide")


def every(world: World) -> dict[str, dict[str, str]]:
    """Give a form for every act, each of which would go through with the right PIN."""
    now, me = world.clock.now, world.people["resident"].id
    gift = give(world, 10, "resident", "volunteer")
    asked = asked_by(world, "panel")
    with world.write() as session:
        owner = session.get_one(Person, me)
        made = pool.donate(session, owner, unit=chart.MINUTES, amount=1, thanks="full", now=now)
        session.merge(Dormancy(person_id=me, look_at=now, asked_at=now))
        bound = session.scalars(select(Bond.public_id).where(Bond.state == "bound")).one()
        donation = made.public_id
    return {
        "ask": {"kind": "child", "card_number": world.people["auditor"].public_id},
        "answer": {"bond": asked, "answer": "agree"},
        "give": {"to": world.people["volunteer"].public_id, "amount": "10"},
        "take-back": {"gift": gift},
        "donate": {"unit": "MIN", "amount": "10"},
        "hours": {"answer": "keep"},
        "move": {"choice": "undo"},
        "end": {"bond": bound},
        "hide": {"donation": donation},
    }


def state_of(world: World) -> list[object]:
    """Give everything that an act could have changed."""
    with world.write() as session:
        columns = (Bond.state, Gift.state, Donation.thanks, Dormancy.answer, Farewell.state)
        states: list[object] = [sorted(map(str, session.scalars(select(column)))) for column in columns]
    return [*states, has(world, "resident")]


def test_no_act_without_the_right_pin_and_five_wrong_ones_lock_the_card(carded: World) -> None:
    forms = every(carded)
    assert set(forms) == set(ALL)
    before = state_of(carded)
    for number, name in enumerate(ALL[:4], 1):
        assert act(carded, name, pin=WRONG, **forms[name]) == 422, number
    assert act(carded, "donate", pin=WRONG, **forms["donate"]) == 429
    for name in ALL:
        assert act(carded, name, pin=PIN, **forms[name]) == 429
    assert state_of(carded) == before
    carded.clock.advance(minutes=15)  # type: ignore[attr-defined]
    assert act(carded, "donate", **forms["donate"]) == 303


@pytest.mark.parametrize(
    ("who", "status"), [("stranger_coordinator", 404), ("shop", 403), ("volunteer", 403), ("resident", 403)]
)
def test_only_staff_of_the_community_serve_a_card(carded: World, who: str, status: int) -> None:
    forms, before = every(carded), state_of(carded)
    assert {act(carded, name, by=who, **forms[name]) for name in ALL} == {status}
    assert state_of(carded) == before


def test_no_coordinator_serves_their_own_household_or_gives_to_it(carded: World) -> None:
    """`relative` lives with `coordinator`: not with their card, and not from another's card to them."""
    with carded.write() as session:
        session.get_one(Person, carded.people["relative"].id).pin_hash = PIN_HASH
    credit(carded, "relative", chart.MINUTES, 60)
    assert act(carded, "donate", owner="relative", unit="MIN", amount="10") == 403
    assert act(carded, "donate", owner="coordinator", unit="MIN", amount="10") == 403
    bind(carded, "resident", "relative", kind="grandchild")
    assert act(carded, "give", to=carded.people["relative"].public_id, amount="10") == 422
    assert act(carded, "end", bond=str(one(carded, Bond.public_id))) == 303
    assert act(carded, "ask", kind="grandchild", card_number=carded.people["relative"].public_id) == 422
    asked = asked_by(carded, "relative", kind="grandparent")
    assert act(carded, "answer", bond=asked, answer="agree") == 422
    assert act(carded, "answer", by="second", bond=asked, answer="agree") == 303


def test_a_replaced_card_and_a_dead_persons_open_nothing(carded: World) -> None:
    page, card = carded.page("coordinator"), carded.people["resident"].public_id
    assert page.post("/desk/giving/card", data={"card": card}).status_code == 303
    for other in ("QQQQQQQQ", "", "1", carded.people["stranger"].public_id, "P1XXXXXXXXXX", "甲" * 300):
        assert page.post("/desk/giving/card", data={"card": other}).status_code == 422
    with carded.write() as session:
        session.get_one(Person, carded.people["resident"].id).card_version = 2
    assert page.post("/desk/giving/card", data={"card": card}).status_code == 422
    assert page.post("/desk/giving/card", data={"card": f"{card}-2"}).status_code == 303
    confirmed(carded, "resident", "died")
    assert page.post("/desk/giving/card", data={"card": f"{card}-2"}).status_code == 422
    assert page.get(f"/desk/giving/people/{card}/donate").status_code == 404


@pytest.mark.parametrize("amount", ["0", "-5", "1.5", "9" * 30, "", "abc", "６０"])
def test_odd_amounts_are_refused_and_what_was_typed_stays(carded: World, amount: str) -> None:
    url = f"/desk/giving/people/{carded.people['resident'].public_id}/donate"
    answer = carded.page("coordinator").post(url, data={"pin": PIN, "unit": "PTS", "amount": amount, "thanks": "ms"})
    assert answer.status_code == 422
    assert 'value="ms" checked' in answer.text
    assert PIN not in answer.text
    for name, form in {
        "answer": {"bond": "x" * 20},
        "give": {"to": "'"},
        "nothing": {},
        "hide": {"donation": "x"},
    }.items():
        assert act(carded, name, answer="agree", amount="5", **form) in (404, 422)


def test_an_ask_two_people_make_for_her_at_once_is_one(carded: World) -> None:
    form = {"kind": "child", "card_number": carded.people["panel"].public_id}
    answers = at_once(*[lambda by=by: act(carded, "ask", by=by, **form) for by in ("coordinator", "second")])
    assert sorted(answers) == [303, 422]


def test_nobody_gathers_a_neighbourhood_of_parents(world: World) -> None:
    """A grandson who calls every old neighbour his grandmother is bound to four, whoever checks it."""
    second, most = world.actor("second"), rules.MOST["grandparent"]
    waiting = []
    for number in range(most + 1):
        world.add_person(f"old{number}", f"赵{number}")
        waiting.append(asked_by(world, "volunteer", f"old{number}", "grandparent"))
        with world.write() as session:
            old = session.get_one(Person, world.people[f"old{number}"].id)
            bonds.answer(session, old, waiting[-1], agrees=True, now=world.clock.now)
    for bond in waiting[: most - 1]:
        with world.write() as session:
            bonds.check(session, second, bond, is_right=True, now=world.clock.now)

    def check(bond: str, who: str) -> str:
        actor = world.actor(who)
        with world.app.app_context(), db.unit_of_work() as session:
            return bonds.check(session, actor, bond, is_right=True, now=world.clock.now).state

    last = [
        lambda bond=bond, who=who: check(bond, who)
        for bond, who in zip(waiting[-2:], ("second", "coordinator"), strict=True)
    ]
    assert sorted(map(str, at_once(*last))) == [TooManyOfAKind.__name__, "bound"]


def test_no_gift_lifts_an_account_over_the_communitys_limit(kin: World) -> None:
    adopt(kin, balance_cap_minutes=100)
    give(kin, 60)
    with pytest.raises(NoRoom):
        give(kin, 41)
    give(kin, 40)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    run_jobs(kin)
    with pytest.raises(NoRoom):
        give(kin, 1)
    assert has(kin, "resident").posted == 100


def test_hours_that_go_round_in_a_family_come_back_and_are_no_more(kin: World) -> None:
    credit(kin, "resident", chart.MINUTES, 600)
    for _ in range(10):
        give(kin, 60)
        give(kin, 60, "resident", "volunteer")
        kin.clock.advance(hours=24)  # type: ignore[attr-defined]
        while run_jobs(kin)["deliver_gifts"]:
            pass
    assert [has(kin, who).posted for who in ("volunteer", "resident")] == [1_200, 600]
    verify(kin)


def test_a_groups_own_words_wait_for_a_coordinator(kin: World) -> None:
    with kin.write() as session:
        session.get_one(Person, kin.people["volunteer"].id).is_group = True
    page = kin.page("volunteer")
    form = {"unit": "MIN", "amount": "10", "thanks": "words"}
    assert page.post("/donate", data=form).status_code == 422
    assert page.post("/donate", data={**form, "words": "湖边合唱队"}).status_code == 303
    assert "湖边合唱队" not in kin.page(None).get("/pool").text
    assert "湖边合唱队" in kin.page("coordinator").get("/desk/giving").text
    name = str(one(kin, Donation.public_id))
    assert kin.page("second").post(f"/desk/giving/thanks/{name}", data={"verdict": "right"}).status_code == 403
    assert kin.page("coordinator").post(f"/desk/giving/thanks/{name}", data={"verdict": "right"}).status_code == 303
    assert "湖边合唱队" in kin.page(None).get("/pool").text
    assert kin.page("coordinator").post(f"/desk/giving/thanks/{name}", data={"verdict": "wrong"}).status_code == 409
    assert page.post(f"/donations/{name}/hiding").status_code == 303
    assert "湖边合唱队" not in kin.page(None).get("/pool").text


def test_words_that_do_not_fit_are_not_shown_and_the_donation_stands(kin: World) -> None:
    with kin.write() as session:
        session.get_one(Person, kin.people["volunteer"].id).is_group = True
    kin.page("volunteer").post(
        "/donate", data={"unit": "MIN", "amount": "10", "thanks": "words", "words": "加微信 123"}
    )
    name = str(one(kin, Donation.public_id))
    kin.page("coordinator").post(f"/desk/giving/thanks/{name}", data={"verdict": "wrong"})
    assert (one(kin, Donation.thanked_as), has(kin, None).posted) == (None, 10)
    assert "加微信" not in kin.page(None).get("/pool").text


@pytest.mark.parametrize("thanks", ["words", "loud"])
def test_a_person_is_thanked_in_no_words_of_their_own(kin: World, thanks: str) -> None:
    form = {"unit": "MIN", "amount": "10", "thanks": thanks, "words": "加微信 123"}
    assert kin.page("volunteer").post("/donate", data=form).status_code == 422
    assert kin.page("volunteer").post("/donate", data={**form, "thanked_as": "x", "thanks": "full"}).status_code == 303
    assert "王小明" in kin.page(None).get("/pool").text


@pytest.mark.parametrize(
    ("name", "family"),
    [("王小明", "王"), ("欧阳娜", "欧阳"), ("阿依古丽·买买提", "阿依古丽"), ("John Smith", "Smith"), ("李", "李")],
)
def test_family_names(name: str, family: str) -> None:
    assert rules.family_name(name) == family


def test_lists_cost_the_same_however_long(carded: World) -> None:
    """The desk, a card, a member's relatives and donations, the pool, the farewells, the question of still hours."""
    card = carded.people["resident"].public_id
    desk, member = carded.page("coordinator"), carded.page("resident")
    pages = {
        "/desk/giving": desk,
        f"/desk/giving/people/{card}": desk,
        f"/desk/giving/people/{card}/give": desk,
        "/desk/farewells": desk,
        "/relatives": member,
        "/donate": member,
        "/pool": member,
        "/my-hours": member,
    }
    few = costs(carded, pages)
    second, coordinator = carded.actor("second"), carded.actor("coordinator")
    for number in range(6):
        who = f"kin{number}"
        carded.add_person(who, f"李{number}")
        bind(carded, "resident", who, kind="child")
        give(carded, 5, "resident", who)
        asked_by(carded, who, "panel", "spouse")
        with carded.write() as session:
            now, owner = carded.clock.now, session.get_one(Person, carded.people["resident"].id)
            pool.donate(session, owner, unit=chart.MINUTES, amount=1, thanks="full", now=now)
            dead = session.get_one(Person, carded.people[who].id)
            case = farewells.open_case(session, coordinator, dead, kind="died", now=now)
            farewells.confirm(session, second, case.public_id, now=now)
    assert costs(carded, pages) == few


def test_the_list_of_grants_costs_the_same_however_long(carded: World) -> None:
    """On the desk and in public, with grants in every living state."""
    pages = {"/desk/giving": carded.page("coordinator"), "/pool": carded.page(None)}
    grant(carded)
    few = costs(carded, pages)
    donate(carded, 600)
    for number in range(8):
        carded.add_person(f"poor{number}", f"赵{number}")
        grant(carded, f"poor{number}")
    run_jobs(carded)
    with carded.write() as session:
        last = session.scalars(select(Grant).order_by(Grant.id.desc()).limit(1)).one()
        last.state = "paused"
    assert costs(carded, pages) == few
    assert carded.page("coordinator").get("/desk/giving").text.count("独居") == 9


def costs(world: World, pages: dict[str, Page]) -> dict[str, int]:
    """Count the statements of each page."""
    found = {}
    for path, client in pages.items():
        client.get(path)  # type: ignore[attr-defined]
        with counted(world.app) as statements:
            assert client.get(path).status_code == 200  # type: ignore[attr-defined]
        found[path] = len(statements)
    return found


def test_the_job_of_still_hours_costs_the_same_for_many(kin: World) -> None:
    kin.clock.now = rules.months_later(kin.clock.now, 13)
    with kin.write() as session, counted(kin.app) as few:
        dormant.ask_due(session, now=kin.clock.now)
    for number in range(6):
        kin.add_person(f"more{number}", f"钱{number}")
    kin.clock.now = rules.months_later(kin.clock.now, 13)
    with kin.write() as session, counted(kin.app) as many:
        dormant.ask_due(session, now=kin.clock.now)
    assert len(many) <= len(few) + 7  # one row more is written for each


def test_takes_back_once_at_the_desk_and_on_the_phone(carded: World) -> None:
    name = give(carded, 30, "resident", "volunteer")

    def phone() -> str:
        with carded.app.app_context(), db.unit_of_work() as session:
            return gifts.take_back(session, carded.people["resident"], name, now=carded.clock.now).state

    answers = at_once(phone, lambda: act(carded, "take-back", gift=name))
    assert sorted(map(str, answers)) == ["303", "taken_back"]
    assert has(carded, "resident").available == 600
    with carded.write() as session:
        mine = select(Message.id).where(Message.person_id == carded.people["volunteer"].id)
        assert len(session.scalars(mine.where(Message.sentence.contains("收回了给您的转赠"))).all()) == 1
    verify(carded)


def test_old_names_of_donors_are_read_as_forms_or_wait() -> None:
    """What migration 0026 makes of what donors had typed."""
    path = Path(__file__).parents[2] / "migrations" / "versions" / "0026_cards_give.py"
    migration = runpy.run_path(str(path))
    read = migration["read_thanks"]
    assert migration["COMPOUND"] == rules.COMPOUND
    assert read("王小明", "王小明") == ("full", "王小明")
    assert read("王小明", "王老师") == ("teacher", "王")
    assert read("欧阳娜", "欧阳女士") == ("ms", "欧阳")
    for said in ("李老师", "加微信 123", "王", "王老师们"):
        assert read("王小明", said) == ("words", said)
