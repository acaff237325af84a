"""Scanning the venue's code: in, out, what repeats, what is refused, and that every refusal is kept."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import select

from bank.checkin.models import ScanEvent
from bank.credits.models import Credit
from tests.checkin.street import attend, code, planned, published, scan
from tests.conftest import SetClock
from tests.world import World


def kept(world: World) -> Counter[str]:
    with world.write() as session:
        return Counter(session.scalars(select(ScanEvent.verdict)))


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_a_scan_in_and_a_scan_out_become_a_credit_proposal(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=55)
    arrived = scan(world, "volunteer", activity)
    assert arrived.status_code == 201
    assert arrived.json["duplicate"] is False
    assert arrived.json["attendance"]["state"] == "checked_in"
    now.advance(minutes=125)
    left = scan(world, "volunteer", activity).json["attendance"]
    assert (left["state"], left["minutes"], left["evidence"]) == ("to_review", 120, "A")
    with world.write() as session:
        credit = session.scalars(select(Credit)).one()
        assert (credit.amount, credit.unit, credit.evidence_class, credit.source) == (120, "MIN", "A", "attendance:1")
        assert credit.proposed_by == credit.person_id == world.people["volunteer"].id
        assert credit.evidence["planned_minutes"] == 120
        assert credit.evidence["scanned_minutes"] == 125
        assert credit.evidence["via_in"] == credit.evidence["via_out"] == "screen"


def test_a_second_scan_within_ten_minutes_repeats_the_answer(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=55)
    first = scan(world, "volunteer", activity).json["attendance"]
    now.advance(minutes=9)
    again = scan(world, "volunteer", activity)
    assert again.status_code == 201
    assert again.json["duplicate"] is True
    assert again.json["attendance"] == first
    now.advance(minutes=1)
    assert scan(world, "volunteer", activity).json["attendance"]["state"] == "to_review"


def test_an_asked_for_check_out_is_taken_at_once_and_flagged_too_short(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    scan(world, "volunteer", activity)
    now.advance(minutes=4)
    left = scan(world, "volunteer", activity, direction="out").json["attendance"]
    assert left["minutes"] == 4
    assert "too_short" in [flag["code"] for flag in left["flags"]]


def test_asking_to_be_in_again_only_repeats(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    scan(world, "volunteer", activity)
    now.advance(minutes=30)
    again = scan(world, "volunteer", activity, direction="in")
    assert (again.status_code, again.json["duplicate"]) == (201, True)


def test_nothing_follows_a_check_out(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    attend(world, "volunteer", activity, minutes=60)
    now.advance(minutes=1)
    assert refusal(scan(world, "volunteer", activity)) == (409, "already_checked_out")
    assert refusal(scan(world, "volunteer", activity, direction="out")) == (409, "already_checked_out")
    assert refusal(scan(world, "volunteer", activity, direction="in")) == (409, "already_checked_out")
    assert kept(world) == {"ok": 2, "already_checked_out": 3}


def test_the_doors_open_thirty_minutes_before_and_close_at_the_end(world: World, now: SetClock) -> None:
    activity = published(world, starts_in=60, lasts=60)
    now.advance(minutes=30, seconds=-1)
    early = scan(world, "volunteer", activity)
    assert refusal(early) == (409, "too_early")
    assert "09:30" in early.json["detail"]
    now.advance(seconds=1)
    assert scan(world, "volunteer", activity).status_code == 201
    now.advance(minutes=90)
    assert scan(world, "resident", activity).status_code == 201
    now.advance(seconds=1)
    assert refusal(scan(world, "relative", activity)) == (409, "too_late")
    assert kept(world) == {"too_early": 1, "ok": 2, "too_late": 1}


def test_checking_out_is_possible_until_an_hour_after_the_end(world: World, now: SetClock) -> None:
    activity = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    for who in ("volunteer", "resident"):
        scan(world, who, activity)
    now.advance(minutes=120)
    assert scan(world, "volunteer", activity).json["attendance"]["minutes"] == 60
    now.advance(seconds=1)
    assert refusal(scan(world, "resident", activity)) == (409, "too_late")


def test_an_old_a_forged_and_a_foreign_code_are_refused_and_kept(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    shown = code(world, activity)
    now.advance(seconds=46)
    old = world.api("volunteer", "POST", "/check-ins", {"code": shown})
    assert refusal(old) == (409, "code_expired")
    forged = world.api("volunteer", "POST", "/check-ins", {"code": shown[:-1] + ("0" if shown[-1] != "0" else "1")})
    assert refusal(forged) == (409, "code_invalid")
    foreign = world.api("stranger", "POST", "/check-ins", {"code": code(world, activity)})
    assert refusal(foreign) == (409, "code_other_activity")
    nonsense = world.api("volunteer", "POST", "/check-ins", {"code": "hello"})
    assert refusal(nonsense) == (409, "code_invalid")
    assert kept(world) == {"code_expired": 1, "code_invalid": 2, "code_other_activity": 1}


def test_a_code_of_another_activity_than_meant_is_named_so(world: World, now: SetClock) -> None:
    one, two = published(world), published(world)
    now.advance(minutes=60)
    answer = world.api("volunteer", "POST", "/check-ins", {"code": code(world, one), "activity_id": two})
    assert refusal(answer) == (409, "code_other_activity")


def test_a_reset_code_is_worthless_at_once(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    leaked = code(world, activity)
    assert world.api("coordinator", "POST", f"/activities/{activity}/code/reset", {}).status_code == 201
    assert refusal(world.api("volunteer", "POST", "/check-ins", {"code": leaked})) == (409, "code_invalid")
    assert scan(world, "volunteer", activity).status_code == 201


def test_without_a_place_one_walks_in_with_a_flag_or_not_at_all(world: World, now: SetClock) -> None:
    open_one = published(world)
    closed_one = published(world, is_open_to_walk_ins=False)
    for who in ("resident",):
        assert world.api(who, "POST", f"/activities/{closed_one}/sign-ups", {}).status_code == 201
    now.advance(minutes=60)
    walked_in = scan(world, "volunteer", open_one).json["attendance"]
    assert [flag["code"] for flag in walked_in["flags"]] == ["walk_in"]
    assert refusal(scan(world, "volunteer", closed_one)) == (409, "not_signed_up")
    assert scan(world, "resident", closed_one).json["attendance"]["flags"] == []


def test_a_cancelled_activity_takes_no_scans(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    shown = code(world, activity)
    world.api("coordinator", "POST", f"/activities/{activity}/cancellation", {"reason": "下大雨"})
    assert refusal(world.api("volunteer", "POST", "/check-ins", {"code": shown})) == (409, "activity_cancelled")


def test_lateness_is_flagged_after_a_quarter_of_an_hour(world: World, now: SetClock) -> None:
    activity = published(world)
    for who in ("volunteer", "resident"):
        world.api(who, "POST", f"/activities/{activity}/sign-ups", {})
    now.advance(minutes=75)
    assert scan(world, "volunteer", activity).json["attendance"]["flags"] == []
    now.advance(minutes=1)
    flags = scan(world, "resident", activity).json["attendance"]["flags"]
    assert flags == [{"code": "late", "reason": "迟到 16 分钟"}]


def test_one_phone_for_two_people_is_flagged_for_the_second(world: World, now: SetClock) -> None:
    activity = published(world)
    for who in ("volunteer", "resident"):
        world.api(who, "POST", f"/activities/{activity}/sign-ups", {})
    now.advance(minutes=60)
    first = scan(world, "volunteer", activity, device_id="phone-1").json["attendance"]
    second = scan(world, "resident", activity, device_id="phone-1").json["attendance"]
    assert first["flags"] == []
    assert [flag["code"] for flag in second["flags"]] == ["shared_device"]


def test_a_check_out_without_a_check_in_is_kept_for_a_look(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=120)
    left = scan(world, "volunteer", activity, direction="out").json["attendance"]
    assert (left["state"], left["evidence"], left["minutes"]) == ("to_review", "C", 60)
    assert "no_check_in" in [flag["code"] for flag in left["flags"]]


def test_the_same_scan_sent_twice_under_two_request_keys_happens_once(world: World, now: SetClock) -> None:
    activity = published(world)
    now.advance(minutes=60)
    body = {"code": code(world, activity), "uuid": "0f0e0d0c-scan"}
    first = world.api("volunteer", "POST", "/check-ins", body)
    again = world.api("volunteer", "POST", "/check-ins", body)
    assert again.status_code == 201
    assert again.json["attendance"] == first.json["attendance"]
    other = world.api("volunteer", "POST", "/check-ins", {**body, "direction": "out"})
    assert refusal(other) == (409, "uuid_reuse")
    assert kept(world) == {"ok": 1}


def test_a_repeated_refusal_stays_that_refusal(world: World, now: SetClock) -> None:
    activity = published(world)
    body = {"code": code(world, activity), "uuid": "0f0e0d0c-early"}
    assert refusal(world.api("volunteer", "POST", "/check-ins", body)) == (409, "too_early")
    now.advance(seconds=30)
    assert refusal(world.api("volunteer", "POST", "/check-ins", body)) == (409, "too_early")


def test_a_draft_shows_no_code_and_takes_no_scans(world: World, now: SetClock) -> None:
    draft = planned(world)["id"]
    assert refusal(world.api("coordinator", "GET", f"/activities/{draft}/code")) == (409, "not_published")


def test_a_cancelled_activity_shows_no_code_and_says_that_it_was_cancelled(world: World, now: SetClock) -> None:
    activity = published(world)
    world.api("coordinator", "POST", f"/activities/{activity}/cancellation", {"reason": "下大雨。"})
    assert refusal(world.api("coordinator", "GET", f"/activities/{activity}/code")) == (409, "activity_cancelled")
    assert "已经取消了" in world.page("coordinator").get(f"/activities/{activity}/screen").text


def test_someone_trying_codes_is_turned_away(world: World, now: SetClock) -> None:
    answers = [world.api("volunteer", "POST", "/check-ins", {"code": f"guess {n}"}).status_code for n in range(32)]
    assert answers == [409] * 30 + [429] * 2
    assert kept(world) == {"code_invalid": 30}
