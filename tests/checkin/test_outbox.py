"""The offline outbox: late, doubled and out of order, each scan gets its own verdict."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bank.checkin.models import Attendance, ScanEvent
from tests.checkin.street import code, published, scan
from tests.checkin.test_cards import card
from tests.checkin.test_scanning import kept
from tests.conftest import SetClock
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_numbers = itertools.count()


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def item(moment: datetime, **more: Any) -> dict[str, Any]:
    return {"uuid": f"offline-{next(_numbers)}", "wall_ms": ms(moment), **more}


def send(world: World, who: str, *items: dict[str, Any], skew: timedelta = timedelta(0), **more: Any) -> Any:
    body = {"device_id": "phone-1", "sent_wall_ms": ms(world.clock.now + skew), "items": list(items), **more}
    answer = world.api(who, "POST", "/scans:batch", body)
    assert answer.status_code == 200, answer.json
    return answer.json["results"]


def statuses(results: Any) -> list[tuple[str, str]]:
    return [(result["status"], result["reason"]) for result in results]


def times(world: World) -> list[tuple[datetime | None, datetime | None, int]]:
    with world.write() as session:
        return [(one.checked_in_at, one.checked_out_at, one.minutes) for one in session.scalars(select(Attendance))]


def test_cards_scanned_offline_count_from_when_they_were_scanned(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    start = now.now + timedelta(minutes=60)
    now.advance(hours=5)
    text = card(world, "resident")
    arrived = item(start, session=name, via="B", kind="in", code=text)
    left = item(start + timedelta(minutes=60), session=name, via="B", kind="out", code=text)
    assert statuses(send(world, "coordinator", left, arrived)) == [("ok", "ok"), ("ok", "ok")]
    assert times(world) == [(start, start + timedelta(minutes=60), 60)]


@SQLITE
def test_the_same_batch_again_gives_the_stored_results(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    start = now.now + timedelta(minutes=60)
    now.advance(hours=3)
    arrived = item(start, session=name, via="B", kind="in", code=card(world, "resident"))
    early = item(start - timedelta(hours=1), session=name, via="B", kind="in", code=card(world, "relative"))
    first = send(world, "coordinator", arrived, early)
    assert statuses(first) == [("ok", "ok"), ("error", "too_early")]
    again = send(world, "coordinator", arrived, early)
    assert statuses(again) == [("duplicate", "duplicate"), ("error", "too_early")]
    changed = send(world, "coordinator", {**arrived, "kind": "out"})
    assert statuses(changed) == [("error", "uuid_reuse")]
    assert kept(world) == {"ok": 1, "too_early": 1}


@SQLITE
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_uploads_does_not_matter(world: World, now: SetClock, order: tuple[int, ...]) -> None:
    name = published(world, starts_in=60, lasts=120)
    start = now.now + timedelta(minutes=60)
    now.advance(hours=4)
    text = card(world, "resident")
    scans = [
        item(start + timedelta(minutes=minutes), session=name, via="B", kind=kind, code=text)
        for minutes, kind in ((0, "in"), (50, "out"), (90, "out"))
    ]
    for place in order:
        send(world, "coordinator", scans[place])
    assert times(world) == [(start, start + timedelta(minutes=90), 90)]


@SQLITE
def test_a_constant_error_of_the_devices_clock_cancels_out(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    start = now.now + timedelta(minutes=60)
    now.advance(hours=3)
    wrong = timedelta(days=400)
    arrived = item(start + wrong, session=name, via="B", kind="in", code=card(world, "resident"))
    assert statuses(send(world, "coordinator", arrived, skew=wrong)) == [("ok", "ok")]
    assert times(world)[0][0] == start


@SQLITE
def test_a_clock_that_was_moved_is_not_believed(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    start = now.now + timedelta(minutes=60)
    now.advance(minutes=70)
    text = card(world, "resident")
    moved = item(start, session=name, via="B", kind="in", code=text, mono_ms=0, boot_id="b")
    result = send(world, "coordinator", moved, sent_mono_ms=60_000, boot_id="b")
    assert statuses(result) == [("pending", "clock_untrusted")]
    ahead = item(now.now + timedelta(hours=1), session=name, via="B", kind="in", code=card(world, "relative"))
    assert statuses(send(world, "coordinator", ahead)) == [("pending", "clock_untrusted")]
    with world.write() as session:
        assert max(session.scalars(select(ScanEvent.happened_at))) == now.now


@SQLITE
def test_a_scan_is_never_set_before_the_server_was_last_seen(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=100)
    seen = now.now - timedelta(minutes=5)
    early = item(
        now.now - timedelta(minutes=40),
        session=name,
        via="B",
        kind="in",
        code=card(world, "resident"),
        srv_seen_ms=ms(seen),
    )
    assert statuses(send(world, "coordinator", early)) == [("pending", "clock_untrusted")]
    assert times(world)[0][0] == seen


@SQLITE
def test_a_venue_code_uploaded_late_counts_from_its_step_and_waits_for_a_person(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    shown_at, token = now.now, code(world, name)
    now.advance(hours=2)
    late = item(shown_at, via="A", code=token, session=name)
    assert statuses(send(world, "volunteer", late)) == [("pending", "late_upload")]
    assert times(world)[0][0] == shown_at
    in_time = item(now.now, via="A", code=code(world, name), session=name)
    assert statuses(send(world, "resident", in_time)) == [("error", "too_late")]


@SQLITE
def test_days_late_is_for_a_person_and_a_week_late_is_refused(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    start = now.now + timedelta(minutes=60)
    arrived = item(start, session=name, via="B", kind="in", code=card(world, "resident"))
    other = item(start, session=name, via="B", kind="in", code=card(world, "relative"))
    now.advance(days=4)
    assert statuses(send(world, "coordinator", arrived)) == [("pending", "late_upload")]
    now.advance(days=4)
    assert statuses(send(world, "coordinator", other)) == [("error", "too_old")]
    assert kept(world) == {"ok": 1, "too_old": 1}


@SQLITE
def test_one_bad_scan_never_fails_the_others(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=65)
    good = item(now.now, session=name, via="B", kind="in", code=card(world, "resident"))
    results = send(
        world,
        "coordinator",
        item(now.now, session=name, via="B", kind="in", code="nonsense"),
        item(now.now, session="00000000", via="B", kind="in", code=card(world, "resident")),
        item(now.now, session=name, via="manual", kind="in", pid="00000000"),
        item(now.now, session=name, via="C", kind="in", code=card(world, "resident")),
        {**good, "actor": world.people["second"].public_id},
        item(now.now, session=name, via="manual", kind="in", pid=world.people["relative"].public_id),
        item(now.now, session=name, via="B", kind="in", code=card(world, "shop")),
    )
    assert statuses(results) == [
        ("error", "code_invalid"),
        ("error", "not_found"),
        ("error", "not_found"),
        ("error", "code_invalid"),
        ("error", "forbidden"),
        ("ok", "ok"),
        ("ok", "ok"),
    ]
    assert [result["retry"] for result in results] == [False] * 4 + [True] + [False] * 2
    assert all(result["detail"] for result in results[:5])


@SQLITE
def test_a_volunteer_cannot_bring_in_cards(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    brought = item(now.now, session=name, via="B", kind="in", code=card(world, "resident"))
    assert statuses(send(world, "volunteer", brought)) == [("error", "forbidden")]
    assert times(world) == []


@SQLITE
def test_a_scan_tried_online_first_happens_once(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    body = {"card": card(world, "resident"), "direction": "in", "uuid": "tried-online"}
    assert world.api("coordinator", "POST", f"/activities/{name}/card-scans", body).status_code == 201
    fallback = {**item(now.now, session=name, via="B", kind="in", code=card(world, "resident")), "uuid": "tried-online"}
    assert statuses(send(world, "coordinator", fallback)) == [("duplicate", "duplicate")]
    assert kept(world) == {"ok": 1}


@SQLITE
def test_offline_evidence_after_a_live_check_out_widens_the_stay(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=120)
    now.advance(minutes=60)
    start = now.now
    scan(world, "volunteer", name)
    now.advance(minutes=30)
    scan(world, "volunteer", name)
    now.advance(minutes=60)
    later = item(now.now, session=name, via="B", kind="out", code=card(world, "volunteer"))
    assert statuses(send(world, "coordinator", later)) == [("ok", "ok")]
    assert times(world) == [(start, start + timedelta(minutes=90), 90)]
