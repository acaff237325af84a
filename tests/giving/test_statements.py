"""What the public page of the pool and a member's passbook say is what the book says, whatever was done for months."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from bank import chart, db
from bank.errors import BankError
from bank.giving import farewells, gifts, grants, pool
from bank.giving.models import Gift
from bank.members.actor import Actor
from bank.members.models import Person
from bank.passbook import lines
from ledger import Transaction, Transfer, Txn
from tests.giving.conftest import bind
from tests.giving.test_giving import adopt, grant, has, run_jobs, verify
from tests.shop.market import credit
from tests.world import World

PEOPLE = ("volunteer", "resident", "panel", "auditor", "shop")
MOVER = "auditor"
MONTHS = 5


def attempt(world: World, luck: random.Random) -> str:
    """Do one thing at random through the bank's own verbs; what a rule refuses changes nothing."""
    who, other = luck.sample(PEOPLE, 2)
    amount = luck.randint(1, 90)
    what = luck.choice(("earn", "points", "surplus", "donate", "donate points", "give", "take back", "spend"))
    with suppress(BankError):
        if what == "earn":
            credit(world, who, chart.MINUTES, amount)
        elif what == "points":
            earn_ending(world, who, amount)
        elif what == "surplus":
            overflow(world, amount)
        elif what == "spend":
            spend(world, who, amount)
        else:
            _give(world, what, who, other, amount)
    return what


def _give(world: World, what: str, who: str, other: str, amount: int) -> None:
    now = world.clock.now
    with world.write() as session:
        one, two = (session.get_one(Person, world.people[each].id) for each in (who, other))
        if what == "give":
            gifts.give(session, one, two, amount=amount, now=now)
        elif what == "take back":
            held = session.scalars(select(Gift.public_id).where(Gift.giver_id == one.id, Gift.state == "held")).first()
            if held:
                gifts.take_back(session, one, held, now=now)
        else:
            unit = chart.POINTS if what == "donate points" else chart.MINUTES
            pool.donate(session, one, unit=unit, amount=amount, thanks="full", now=now)


def earn_ending(world: World, who: str, amount: int) -> None:
    """Give points that end with the month after."""
    day = world.clock.now.date()
    last = (day.replace(day=1) + timedelta(days=62)).replace(day=1) - timedelta(days=1)
    _post(world, chart.issuance(1), chart.member(world.people[who].public_id), chart.POINTS, amount, last)


def overflow(world: World, amount: int) -> None:
    """Let hours that had no room go to the pool, as a posting of credits does."""
    _post(world, chart.issuance(1), chart.pool(), chart.MINUTES, amount, None)


def spend(world: World, who: str, amount: int) -> None:
    """Let somebody be helped by a neighbour, if they have as much: whatever ends first is taken first."""
    if has(world, who).available >= amount:
        path = chart.member(world.people[who].public_id)
        _post(world, path, chart.member(world.people["second"].public_id), chart.MINUTES, amount, None)


def _post(world: World, debit: str, to: str, unit: str, amount: int, last: date | None) -> None:
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        book.open_account(chart.issuance(1), unit, kind="issuance", min_balance=None, is_shared=True, session=session)
        book.open_account(chart.pool(), unit, kind="pool", is_shared=True, session=session)
        txn = Txn("credit", [Transfer(debit, to, unit, amount, expires_on=last)], world.clock.now.date(), "test")
        book.post(txn, key=f"test:{random.getrandbits(64)}", session=session)


def moves_of(world: World, path: str) -> list[Transaction]:
    """Read every transaction that touched an account straight from its entries in the book, oldest first."""
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        found: dict[str, Transaction] = {}
        for unit in chart.UNITS:
            cursor: str | None = None
            while True:
                page = book.statement(path, unit, limit=500, cursor=cursor, session=session)
                for entry in page.items:
                    found[str(entry.txn_id)] = book.transaction(entry.txn_id, session=session)
                cursor = page.next
                if cursor is None:
                    break
    return sorted(found.values(), key=lambda txn: txn.recorded_at)


def by_month(world: World) -> tuple[Counter[tuple[date, str]], Counter[tuple[date, str]]]:
    """Sum what came to the pool and what went from it by month and unit, transfer by transfer."""
    came: Counter[tuple[date, str]] = Counter()
    went: Counter[tuple[date, str]] = Counter()
    for txn in moves_of(world, chart.pool()):
        month = txn.effective_date.replace(day=1)
        for one in txn.transfers:
            came[month, one.unit] += one.amount if one.credit == chart.pool() else 0
            went[month, one.unit] += one.amount if one.debit == chart.pool() else 0
    return came, went


def live_through(world: World, seed: int) -> Counter[str]:
    """Let months go by in which everything of giving happens, and somebody moves away at the end."""
    luck, done = random.Random(seed), Counter[str]()
    for who in ("resident", "panel"):
        grant(world, who)
    for kind, who in (("parent", "resident"), ("spouse", "panel"), ("child", "shop")):
        bind(world, "volunteer", who, kind)
    begun = world.clock.now
    while world.clock.now < begun + timedelta(days=30 * MONTHS):
        for _ in range(luck.randint(0, 3)):
            done[attempt(world, luck)] += 1
        world.clock.advance(days=luck.choice((1, 1, 2, 5)), hours=luck.randint(0, 9))  # type: ignore[attr-defined]
        for job, number in run_jobs(world).items():
            done[job] += number
    credit(world, MOVER, chart.MINUTES, 77)
    _move_away(world, world.actor("coordinator"), world.actor("second"))
    world.clock.advance(hours=24)  # type: ignore[attr-defined]
    done["farewell"] = run_jobs(world)["carry_out_farewells"]
    return done


def _move_away(world: World, coordinator: Actor, second: Actor) -> None:
    now = world.clock.now
    with world.write() as session:
        mover = session.get_one(Person, world.people[MOVER].id)
        case = farewells.open_case(session, coordinator, mover, kind="moved", now=now).public_id
        farewells.confirm(session, second, case, now=now)
        farewells.choose_own(session, mover, case, choice="pool", now=now)


@pytest.mark.parametrize("seed", [7])
def test_the_pools_page_and_every_passbook_agree_with_the_book_to_the_minute(world: World, seed: int) -> None:
    adopt(world, grant_minutes_per_month=60, points_expire_months=1)
    done = live_through(world, seed)
    happened = {"donate", "take back", "surplus", "pay_grants", "expire_points", "deliver_gifts", "farewell"}
    assert {name for name in happened if done[name]} == happened
    came, went = by_month(world)
    kinds = Counter(txn.kind for txn in moves_of(world, chart.pool()))
    assert set(kinds) >= {"donation", "grant", "expiry", "farewell", "credit"}
    with world.write() as session:
        stated = pool.months(session, world.community_id, world.clock.now)
    assert [(line.came, line.went) for line in stated] == [
        (came[line.first, line.unit], went[line.first, line.unit]) for line in stated
    ]
    for unit in chart.UNITS:
        _add_up(world, [line for line in stated if line.unit == unit], unit)
    page = re.sub(r"\s+", " ", world.page(None).get("/pool").text)
    assert f"{stated[0].first.month}月" in page
    for who in PEOPLE:
        _check_passbook(world, who)
    verify(world)


def _add_up(world: World, stated: list[pool.Month], unit: str) -> None:
    """Each month's balance follows from the month before, the newest is the book's, and the oldest began with none."""
    assert stated[0].balance == has(world, None, unit).posted
    for later, earlier in itertools.pairwise(stated):
        assert later.balance == earlier.balance + later.came - later.went
    assert stated[-1].balance == stated[-1].came - stated[-1].went


def _check_passbook(world: World, who: str) -> None:
    """Every line of the printed sheet adds up to what the book has and to what its transfers moved."""
    actor = world.actor(who)
    path = chart.member(actor.public_id)
    with world.write() as session:
        found = lines.entries(session, actor, world.clock.now, limit=500).items
        shown = lines.balances(session, actor, world.clock.now)
    moved: Counter[str] = Counter()
    for txn in moves_of(world, path):
        for one in txn.transfers:
            moved[one.unit] += one.amount * ((one.credit == path) - (one.debit == path))
    for unit in chart.UNITS:
        own = sorted((entry for entry in found if entry.unit == unit), key=lambda entry: entry.seq)
        total = 0
        for entry in own:
            total += entry.amount
            assert entry.balance_after == total
        assert total == moved[unit] == shown[unit].available == has(world, who, unit).available


def test_the_passbook_says_rightly_what_ended(kin: World) -> None:
    """Minutes of a grant that nobody used went back to the pool; points ended; each in both languages."""
    adopt(kin, grant_minutes_per_month=60)
    with kin.write() as session:
        donor = session.get_one(Person, kin.people["volunteer"].id)
        pool.donate(session, donor, unit=chart.MINUTES, amount=60, now=kin.clock.now)
    name = grant(kin)
    earn_ending(kin, "resident", 9)
    run_jobs(kin)
    with kin.write() as session:
        grants.end_of(session, kin.people["resident"].id, now=kin.clock.now)
    kin.clock.advance(days=75)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert name
    assert [has(kin, "resident", unit).posted for unit in chart.UNITS] == [0, 0]
    page = kin.page("resident")
    listed = page.get("/passbook").text
    assert "公益池发的时长到期，退回公益池" in listed
    assert "积分到期，转入公益池" in listed
    ends = [page.get(path).text for path in set(re.findall(r'href="(/passbook/[0-9a-f-]{36})"', listed))]
    assert sum("公益池发的时长没用完，月底退回公益池" in text for text in ends) == 1
    assert sum("没用完的积分到期了，留给社区里有困难的人" in text for text in ends) == 1
