"""Who died or moves away: two people, frozen meanwhile, the family's choice, the default, undoing, an end for all."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from bank import chart, db
from bank.credits.models import Credit
from bank.errors import Invalid, NotAllowed
from bank.giving import farewells, grants, rules
from bank.giving.models import Bond, Farewell, Gift, Grant
from bank.giving.refusals import FarewellOpen, NoHeir, NoLongerThere, OwnChoice, Settled, TooNear
from bank.members.actor import Actor
from bank.members.models import Message, Person
from bank.qr import new_public_id
from bank.shop.models import Order
from ledger.errors import AccountFrozen
from tests.giving.conftest import bind
from tests.giving.test_giving import adopt, donate, give, grant, has, run_jobs, verify
from tests.racing import at_once
from tests.shop.market import Market, credit
from tests.world import World

OLD = date(1950, 1, 1)


def open_case(world: World, who: str = "volunteer", kind: str = "died") -> str:
    coordinator = world.actor("coordinator")
    with world.write() as session:
        person = session.get_one(Person, world.people[who].id)
        return farewells.open_case(session, coordinator, person, kind=kind, now=world.clock.now).public_id


def confirmed(world: World, who: str = "volunteer", kind: str = "died") -> str:
    name, second = open_case(world, who, kind), world.actor("second")
    with world.write() as session:
        farewells.confirm(session, second, name, now=world.clock.now)
    return name


def choose(world: World, name: str, choice: str, heir: str | None = None, born_on: date | None = OLD) -> None:
    """Let `second` write the family's choice down and `coordinator` see it."""
    write_choice(world, name, choice, heir, born_on)
    see(world, name, world.people[heir].public_id if heir else choice)


def write_choice(
    world: World, name: str, choice: str, heir: str | None = None, born_on: date | None = OLD, who: str = "second"
) -> None:
    actor = world.actor(who)
    with world.write() as session:
        relative = session.get_one(Person, world.people[heir].id) if heir else None
        farewells.choose(session, actor, name, choice=choice, heir=relative, born_on=born_on, now=world.clock.now)


def see(world: World, name: str, shown: str, who: str = "coordinator") -> None:
    actor = world.actor(who)
    with world.write() as session:
        farewells.second(session, actor, name, choice=shown, now=world.clock.now)


def choose_own(world: World, name: str, choice: str, who: str = "volunteer") -> None:
    with world.write() as session:
        person = session.get_one(Person, world.people[who].id)
        farewells.choose_own(session, person, name, choice=choice, now=world.clock.now)


def undo(world: World, name: str, who: str = "second") -> None:
    actor = world.actor(who)
    with world.write() as session:
        farewells.undo(session, actor, name, now=world.clock.now)


def state(world: World, name: str) -> str:
    with world.write() as session:
        return str(session.scalars(select(Farewell.state).where(Farewell.public_id == name)).one())


def disabled_at(world: World, who: str) -> datetime | None:
    with world.write() as session:
        return session.scalars(select(Person.disabled_at).where(Person.id == world.people[who].id)).one()  # type: ignore[no-any-return]


def test_the_hours_go_to_the_relative_the_family_chose(kin: World) -> None:
    """Minutes go to the heir, points to the pool; the bond ends, and both books agree."""
    name = confirmed(kin)
    choose(kin, name, "heir", "resident")
    kin.clock.advance(hours=23, minutes=59)  # type: ignore[attr-defined]
    assert run_jobs(kin)["carry_out_farewells"] == 0
    kin.clock.advance(minutes=1)  # type: ignore[attr-defined]
    assert run_jobs(kin)["carry_out_farewells"] == 1
    assert state(kin, name) == "inherited"
    assert [has(kin, who).posted for who in ("volunteer", "resident")] == [0, 1_200]
    assert [has(kin, who, chart.POINTS).posted for who in ("volunteer", None)] == [0, 50]
    with kin.write() as session:
        assert session.scalars(select(Bond.state)).all() == ["ended"]
    assert disabled_at(kin, "volunteer") is not None
    assert run_jobs(kin)["carry_out_farewells"] == 0
    verify(kin)


def test_nobody_chose_for_a_year_and_the_hours_are_the_pools(kin: World) -> None:
    name = confirmed(kin)
    until = rules.months_later(kin.clock.now, 12)
    kin.clock.now = until - timedelta(seconds=1)
    run_jobs(kin)
    assert state(kin, name) == "confirmed"
    kin.clock.now = until
    run_jobs(kin)
    assert (state(kin, name), has(kin, "volunteer").posted, has(kin, None).posted) == ("pooled", 0, 1_200)
    verify(kin)


def test_a_family_that_said_nothing_is_reminded_once_a_month_before(kin: World) -> None:
    name = confirmed(kin)
    until = rules.months_later(kin.clock.now, 12)
    kin.clock.now = until - timedelta(days=30, seconds=1)
    assert run_jobs(kin)["remind_families"] == 0
    kin.clock.now = until - timedelta(days=30)
    assert [run_jobs(kin)["remind_families"] for _ in range(2)] == [1, 0]
    for who, said in (("resident", "请家人在 2027-11-23 前到服务台"), ("coordinator", "请给家人打个电话")):
        assert reminders(kin, who) == 1
        assert said in kin.page(who).get("/me").text + kin.page(who).get("/").text
    assert (reminders(kin, "panel"), state(kin, name)) == (0, "confirmed")


def test_a_short_time_reminds_nobody_who_was_just_told_and_a_choice_needs_no_reminder(kin: World) -> None:
    adopt(kin, inheritance_months=1)
    name = confirmed(kin)
    kin.clock.advance(days=13)  # type: ignore[attr-defined]
    assert run_jobs(kin)["remind_families"] == 0
    choose(kin, name, "pool")
    kin.clock.advance(hours=23)  # type: ignore[attr-defined]
    assert run_jobs(kin)["remind_families"] == 0


def test_a_family_that_must_choose_anew_is_reminded_anew(kin: World) -> None:
    name = confirmed(kin)
    kin.clock.now = rules.months_later(kin.clock.now, 12) - timedelta(days=30)
    run_jobs(kin)
    write_choice(kin, name, "pool")
    kin.clock.advance(days=30)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), reminders(kin, "resident")) == ("confirmed", 2)


def reminders(world: World, who: str) -> int:
    """Count what reminds this person of a family's choice."""
    with world.write() as session:
        mine = select(Message.id).where(Message.person_id == world.people[who].id)
        return len(session.scalars(mine.where(Message.sentence.contains("还没有说"))).all())


def test_what_the_pool_granted_goes_back_to_it(kin: World) -> None:
    donate(kin, 300)
    grant(kin)
    run_jobs(kin)
    credit(kin, "resident", chart.MINUTES, 30)
    name = confirmed(kin, "resident")
    choose(kin, name, "heir", "volunteer")
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert [has(kin, who).posted for who in ("resident", "volunteer", None)] == [0, 930, 300]
    with kin.write() as session:
        assert session.scalars(select(Grant.state)).one() == "ended"
    verify(kin)


@pytest.mark.parametrize("carried_out", [False, True])
def test_the_pool_grants_nothing_to_who_died(kin: World, carried_out: bool) -> None:
    """Neither newly nor what waits for a second yes, and staff who enable the account by mistake change nothing."""
    coordinator, second = kin.actor("coordinator"), kin.actor("second")
    resident = kin.people["resident"]
    with kin.write() as session:
        waiting = grants.propose(session, coordinator, resident, reason="独居", now=kin.clock.now).public_id
    name = confirmed(kin, "resident")
    with pytest.raises(NoLongerThere), kin.write() as session:
        grants.confirm(session, second, waiting, agrees=True, now=kin.clock.now)
    if carried_out:
        choose(kin, name, "pool")
        kin.clock.advance(hours=24)  # type: ignore[attr-defined]
        run_jobs(kin)
        assert state(kin, name) == "pooled"
    else:
        with kin.write() as session:
            grants.confirm(session, second, waiting, agrees=False, now=kin.clock.now)
            session.get_one(Person, resident.id).disabled_at = None
    form = {"card_number": resident.public_id, "reason": "独居"}
    answer = kin.page("coordinator").post("/desk/giving/grants", data=form)
    assert answer.status_code == 422
    assert "公益池不能再给他发时长" in answer.text
    with kin.write() as session:
        assert session.scalars(select(Grant.state)).one() == ("lapsed" if carried_out else "refused")


def test_who_died_is_passed_over_when_the_pool_pays(kin: World) -> None:
    """Their account is open while something is waited for; who stands behind them on the list is paid."""
    donate(kin, 300)
    for who in ("resident", "panel"):
        grant(kin, who)
    confirmed(kin, "resident")
    with kin.write() as session:
        book = db.book(session, kin.community_id, kin.clock.now)
        book.thaw(chart.member(kin.people["resident"].public_id), chart.MINUTES, session=session)
    run_jobs(kin)
    assert [has(kin, who).posted for who in ("resident", "panel", None)] == [0, 120, 180]
    verify(kin)


def test_confirming_freezes_and_ends_what_is_open(market: Market) -> None:
    world = market.world
    bind(world)
    placed = market.order()
    credit(world, "volunteer", chart.MINUTES, 100, key="more")
    give(world, 60)
    name = open_case(world)
    assert has(world, "volunteer").held > 0  # one alone changes nothing
    second = world.actor("second")
    with world.write() as session:
        farewells.confirm(session, second, name, now=world.clock.now)
    assert (has(world, "volunteer").held, has(world, "volunteer", chart.POINTS).held) == (0, 0)
    with world.write() as session:
        assert session.scalars(select(Gift.state)).one() == "returned"
        assert session.get_one(Order, placed.id).state == "cancelled"
    with pytest.raises(AccountFrozen):
        market.order()
    verify(world)


def test_who_moves_is_told_that_nothing_goes_and_keeps_what_was_typed(kin: World) -> None:
    confirmed(kin, kind="moved")
    page, to = kin.page("volunteer"), kin.people["resident"].public_id
    for path, form in (
        ("/gifts", {"to": to, "amount": "77"}),
        ("/donate", {"unit": "MIN", "amount": "77", "thanks": "none"}),
    ):
        answer = page.post(path, data=form)
        assert answer.status_code == 422
        assert "这个账户现在停用" in answer.text
        assert 'value="77"' in answer.text


def test_the_family_is_told_what_it_may_choose_and_that_it_was_a_mistake(kin: World) -> None:
    """Who is bound hears of it, and nobody else; a false word of a death comes to light."""
    bind(kin, "panel", "volunteer", kind="grandparent")
    name = confirmed(kin)
    for who in ("resident", "panel"):
        assert "请家人 12 个月内到服务台说一声" in kin.page(who).get("/").text + kin.page(who).get("/me").text
    with kin.write() as session:
        asked = select(Message.person_id).where(Message.sentence.contains("请家人"))
        assert set(session.scalars(asked)) == {kin.people[who].id for who in ("resident", "panel")}
    undo(kin, name)
    with kin.write() as session:
        told = select(Message.person_id).where(Message.sentence == "社区撤销了 %(name)s 的告别手续，账户恢复了。")
        assert set(session.scalars(told)) == {kin.people[who].id for who in ("resident", "panel")}


def test_an_heir_has_the_years_on_the_birthday(kin: World) -> None:
    assert not rules.is_old_enough(date(1966, 11, 24), date(2026, 11, 23), 60)
    assert rules.is_old_enough(date(1966, 11, 23), date(2026, 11, 23), 60)
    assert not rules.is_old_enough(date(1964, 2, 29), date(2024, 2, 28), 60)
    name, today = confirmed(kin), kin.clock.now.date()
    with pytest.raises(NoHeir):
        choose(kin, name, "heir", "resident", today.replace(year=today.year - 60) + timedelta(days=2))
    with pytest.raises(NoHeir):
        choose(kin, name, "heir", "resident", None)
    choose(kin, name, "heir", "resident", today.replace(year=today.year - 60))


def test_only_near_relatives_inherit(kin: World) -> None:
    bind(kin, "volunteer", "panel", kind="grandchild")
    name = confirmed(kin)
    for who in ("panel", "auditor"):
        with pytest.raises(NoHeir):
            choose(kin, name, "heir", who)
    with pytest.raises(Invalid):
        choose(kin, name, "keep")
    coordinator = kin.actor("coordinator")
    with kin.write() as session:
        cases = farewells.listed(session, coordinator)
    assert [heir for case in cases for heir in case.heirs] == [(kin.people["resident"].public_id, "李秀英")]


@pytest.mark.parametrize("begun", ["opened", "confirmed", "chosen"])
def test_a_mistake_is_undone_before_the_last_step(kin: World, begun: str) -> None:
    name = open_case(kin) if begun == "opened" else confirmed(kin)
    if begun == "chosen":
        choose(kin, name, "pool")
    undo(kin, name)
    assert (state(kin, name), disabled_at(kin, "volunteer")) == ("undone", None)
    give(kin, 10)
    kin.clock.advance(days=400)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert has(kin, "resident").posted == 10
    with pytest.raises(Settled):
        undo(kin, name)


def test_who_was_disabled_before_stays_so(kin: World) -> None:
    with kin.write() as session:
        session.get_one(Person, kin.people["volunteer"].id).disabled_at = kin.clock.now - timedelta(days=1)
    undo(kin, confirmed(kin))
    assert disabled_at(kin, "volunteer") is not None


def test_who_moves_keeps_the_hours_or_gives_them(kin: World) -> None:
    kept = confirmed(kin, kind="moved")
    with pytest.raises(Invalid):
        choose_own(kin, kept, "heir")
    with pytest.raises(OwnChoice):
        write_choice(kin, kept, "pool")
    kin.clock.advance(days=30)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, kept), has(kin, "volunteer").available) == ("kept", 1_200)
    give(kin, 10)  # the account takes movements again
    given = confirmed(kin, kind="moved")
    choose_own(kin, given, "pool")
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, given), has(kin, "volunteer").posted, has(kin, None).posted) == ("pooled", 0, 1_200)
    verify(kin)


def test_who_does_not_move_says_so(kin: World) -> None:
    name = confirmed(kin, kind="moved")
    with pytest.raises(NotAllowed):
        undo(kin, name, "panel")
    undo(kin, name, "volunteer")
    assert state(kin, name) == "undone"


def test_what_nobody_confirms_lapses(kin: World) -> None:
    name = open_case(kin)
    with pytest.raises(FarewellOpen):
        open_case(kin, kind="moved")
    kin.clock.advance(days=30)  # type: ignore[attr-defined]
    assert run_jobs(kin)["carry_out_farewells"] == 1
    assert state(kin, name) == "lapsed"
    open_case(kin)


def test_nobody_near_has_a_hand_in_it(kin: World) -> None:
    """`relative` lives with `coordinator`; who opened a case does not confirm it, no heir's household chooses."""
    with pytest.raises(TooNear):
        open_case(kin, "relative")
    name, coordinator = open_case(kin), kin.actor("coordinator")
    with pytest.raises(TooNear), kin.write() as session:
        farewells.confirm(session, coordinator, name, now=kin.clock.now)
    resident = kin.actor("resident")
    with pytest.raises(NotAllowed), kin.write() as session:
        farewells.confirm(session, resident, name, now=kin.clock.now)


def test_an_heir_who_takes_nothing_sends_it_back_to_the_family(kin: World) -> None:
    name = confirmed(kin)
    choose(kin, name, "heir", "resident")
    with kin.write() as session:
        book = db.book(session, kin.community_id, kin.clock.now)
        book.freeze(chart.member(kin.people["resident"].public_id), chart.MINUTES, session=session)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, "volunteer").posted) == ("confirmed", 1_200)
    choose(kin, name, "pool")
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, None).posted) == ("pooled", 1_200)
    verify(kin)


def test_what_is_still_held_goes_along_later(kin: World) -> None:
    name = confirmed(kin)
    choose(kin, name, "pool")
    with kin.write() as session:
        book, path = db.book(session, kin.community_id, kin.clock.now), chart.member(kin.people["volunteer"].public_id)
        book.thaw(path, chart.MINUTES, session=session)
        held = book.hold(path, chart.MINUTES, 60, expires_at=None, key="a-visit", actor="test", session=session)
        book.freeze(path, chart.MINUTES, session=session)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, "volunteer").posted) == ("chosen", 1_200)
    with kin.write() as session:
        book = db.book(session, kin.community_id, kin.clock.now)
        book.release(held.txn_id, key="a-visit-over", actor="test", session=session)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, None).posted) == ("pooled", 1_200)


@pytest.mark.parametrize("heir", ["resident", None])
def test_a_familys_choice_needs_a_second_pair_of_eyes(kin: World, heir: str | None) -> None:
    """Neither who wrote it down, nor the heir's household; a choice written anew since is to be seen anew."""
    name, shown = confirmed(kin), kin.people["resident"].public_id if heir else "pool"
    write_choice(kin, name, "heir" if heir else "pool", heir)
    with pytest.raises(TooNear):
        see(kin, name, shown, "second")
    with pytest.raises(Settled):
        see(kin, name, "pool" if heir else kin.people["resident"].public_id)
    for unseen in ("heir", "keep", kin.people["panel"].public_id, "XXXXXXXX"):
        with pytest.raises(Settled):
            see(kin, name, unseen)
    see(kin, name, shown)
    write_choice(kin, name, "pool" if heir else "heir", None if heir else "resident")
    kin.clock.advance(days=29)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, "volunteer").posted) == ("chosen", 1_200)
    kin.clock.advance(days=1)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, "volunteer").posted) == ("confirmed", 1_200)
    with pytest.raises(Settled):
        see(kin, name, shown)


def test_who_says_not_what_they_saw_sees_nothing(kin: World) -> None:
    name = confirmed(kin)
    write_choice(kin, name, "heir", "resident")
    page, url = kin.page("coordinator"), f"/desk/farewells/{name}/second"
    assert [page.post(url, data=form).status_code for form in ({}, {"choice": ""}, {"choice": "heir"})] == [
        422,
        422,
        409,
    ]
    with kin.write() as session:
        assert session.scalars(select(Farewell.seconded_by)).one() is None
    assert page.post(url, data={"choice": kin.people["resident"].public_id}).status_code == 303


def test_the_family_keeps_its_year_when_it_is_asked_again(kin: World) -> None:
    name, begun = confirmed(kin), kin.clock.now
    write_choice(kin, name, "pool")
    kin.clock.advance(days=30)  # type: ignore[attr-defined]
    run_jobs(kin)
    with kin.write() as session:
        due = session.scalars(select(Farewell.due_at).where(Farewell.public_id == name)).one()
    assert due == rules.months_later(begun, 12)


def test_a_credit_nobody_decides_holds_a_case_up_for_thirty_days_and_no_longer(kin: World) -> None:
    """The case waits a day at a time, then ends with what is there; staff are told, and a new case can follow."""
    name = confirmed(kin)
    choose(kin, name, "pool")
    undecided(kin, "volunteer")
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    begun = kin.clock.now
    while kin.clock.now < begun + timedelta(days=30):
        run_jobs(kin)
        assert state(kin, name) == "chosen"
        kin.clock.advance(days=1)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (state(kin, name), has(kin, "volunteer").posted, has(kin, None).posted) == ("pooled", 0, 1_200)
    with kin.write() as session:
        told = session.scalars(select(Message.sentence).where(Message.person_id == kin.people["second"].id)).all()
    assert any("还有没办完的事" in sentence for sentence in told)
    credit(kin, "volunteer", chart.MINUTES, 30, key="late")
    again = confirmed(kin)
    choose(kin, again, "pool")
    assert state(kin, again) == "chosen"
    verify(kin)


def undecided(world: World, who: str) -> None:
    """Leave a proposed credit of somebody's at the desk."""
    row = {"community_id": world.community_id, "person_id": world.people[who].id, "unit": chart.POINTS}
    with world.write() as session:
        day = world.clock.now.date()
        session.add(
            Credit(
                **row,
                public_id=new_public_id(),
                source="deed:999",
                title="清洁",
                evidence_class="B",
                amount=5,
                happened_on=day,
                rules_number=1,
                evidence={},
                flags=[],
                state="submitted",
                created_at=world.clock.now,
                proposed_by=world.people["panel"].id,
            )
        )


def test_a_case_ends_one_way(kin: World) -> None:
    """Staff whose clock is a second behind the job's undo it while it is carried out."""
    for _ in range(3):
        name, second = confirmed(kin, kind="moved"), kin.actor("second")
        choose_own(kin, name, "pool")
        due = kin.clock.now + timedelta(hours=24)

        def carry_out(due: datetime = due) -> int:
            with kin.app.app_context(), db.unit_of_work() as session:
                return farewells.move_due(session, now=due)

        def take_back(name: str = name, second: Actor = second, due: datetime = due) -> str:
            with kin.app.app_context(), db.unit_of_work() as session:
                return farewells.undo(session, second, name, now=due - timedelta(seconds=1)).state

        answers = sorted(map(str, at_once(carry_out, take_back)))
        after = state(kin, name)
        assert answers == (["0", "undone"] if after == "undone" else ["1", "Settled"])
        assert has(kin, "volunteer").posted == (1_200 if after == "undone" else 0)
        if after == "pooled":
            break
    verify(kin)


def test_the_statement_says_what_the_book_says_and_proves_it(kin: World) -> None:
    """Who moves and the desk see the same numbers, the last entry's leaf and the signed checkpoint."""
    name = confirmed(kin, kind="moved")
    run_jobs(kin)
    with kin.write() as session:
        book = db.book(session, kin.community_id, kin.clock.now)
        signed = book.checkpoint(session=session)
        path = chart.member(kin.people["volunteer"].public_id)
        last = book.statement(path, chart.POINTS, limit=1, session=session).items[0]
    for who in ("volunteer", "second"):
        text = kin.page(who).get(f"/farewells/{name}").text
        assert "20 小时" in text
        assert "50 积分" in text
        assert str(last.txn_id) in text
        assert signed is not None
        assert signed.note.splitlines()[2] in text.replace("&#43;", "+")


def test_nothing_is_ordered_past_the_freeze(market: Market) -> None:
    """An order and the confirmation at the same moment: no voucher stays open, and nothing stays held."""
    name, second = open_case(market.world), market.world.actor("second")

    def order() -> str:
        try:
            return str(market.order().state)
        except AccountFrozen:
            return "frozen"

    def confirm() -> str:
        with market.world.app.app_context(), db.unit_of_work() as session:
            return farewells.confirm(session, second, name, now=market.now).state

    answers = at_once(order, confirm, order)
    assert "confirmed" in answers
    with market.world.write() as session:
        assert set(session.scalars(select(Order.state))) <= {"cancelled"}
    assert [has(market.world, "volunteer", unit).held for unit in chart.UNITS] == [0, 0]
    verify(market.world)


def test_who_registered_a_case_is_shown_no_button_to_confirm_it_and_told_why(kin: World) -> None:
    page = kin.page("coordinator")
    number = kin.people["resident"].public_id
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in number)  # as a Chinese keyboard at full width types it
    assert page.post("/desk/farewells", data={"card_number": f"{wide}-1", "kind": "moved"}).status_code == 303
    shown = page.get("/desk/farewells").text
    assert "确认属实" not in shown
    assert "您经手过，请另一位工作人员来确认。" in shown
    assert "确认属实" in kin.page("second").get("/desk/farewells").text
    with kin.write() as session:
        case = session.scalars(select(Farewell.public_id)).one()
    refused = page.post(f"/desk/farewells/{case}/confirmation")
    assert (refused.status_code, "告别手续" in refused.text) == (403, True)
    unknown = page.post("/desk/farewells", data={"card_number": "0000 0000", "kind": "died"})
    assert (unknown.status_code, "没有找到这张卡，请核对卡号。" in unknown.text) == (422, True)
