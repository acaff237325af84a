"""The pages of help at home: who sees what, what is kept of a wrong form, and what a list costs."""

from __future__ import annotations

import re
from datetime import timedelta

from bank.members import neighbours, passwords
from bank.members.models import Person
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.views import by_number
from bank.services.visiting import Proof
from tests.counting import counted
from tests.services.homes import HOURS, Homes
from tests.shop.market import credit

PIN = "2580"


def _form(homes: Homes, **more: str) -> dict[str, str]:
    day = (homes.now + timedelta(days=3)).date().isoformat()
    given = {"kind": "company", "day": day, "time": "10:00", "minutes": "60", "risk_note": "没有"}
    return given | more


def _text(homes: Homes, who: str, path: str) -> str:
    answer = homes.world.page(who).get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_request_is_sent_and_its_codes_are_only_the_residents(homes: Homes) -> None:
    answer = homes.world.page("resident").post("/help/new", data=_form(homes))
    assert answer.status_code == 303
    request = homes.accepted(starts_at=homes.now + timedelta(days=5))
    path = f"/help/{request.public_id}"
    assert request.code_in in _text(homes, "resident", path)
    assert request.code_out in _text(homes, "resident", f"{path}/slip")
    for who in ("volunteer", "coordinator", "second"):
        assert request.code_in not in _text(homes, who, path)
    assert homes.world.page("volunteer").get(f"{path}/slip").status_code == 404


def test_a_wrong_form_keeps_what_was_typed_and_says_what_is_wrong(homes: Homes) -> None:
    answer = homes.world.page("resident").post("/help/new", data=_form(homes, minutes="240", words="浇浇花"))
    assert answer.status_code == 422
    assert "浇浇花" in answer.get_data(as_text=True)
    assert 'href="#f-minutes"' in answer.get_data(as_text=True)
    short = homes.world.page("volunteer").post("/help/new", data=_form(homes))
    assert short.status_code == 409
    assert "可用的时长还差" in short.get_data(as_text=True)
    odd = homes.world.page("resident").post("/help/new", data=_form(homes, time="25:99", day="x"))
    assert odd.status_code == 422


def test_the_open_list_names_nobody(homes: Homes) -> None:
    request = homes.verified(words="陪我说说话", risk_note="腿脚不便", reach="13800001111")
    for path in ("/help/open", f"/help/{request.public_id}"):
        page = _text(homes, "panel", path)
        assert "李秀英" not in page
        assert "腿脚不便" not in page
        assert "1单元" not in page
        assert "13800001111" not in page
    assert "陪聊读报" in _text(homes, "panel", "/help/open")
    homes.do("volunteer", help_.accept, request.public_id)
    assert homes.world.page("panel").get(f"/help/{request.public_id}").status_code == 404
    assert "13800001111" in _text(homes, "volunteer", f"/help/{request.public_id}")


def test_an_invitation_shows_what_to_mind_and_no_way_to_call(homes: Homes) -> None:
    request = homes.verified(risk_note="腿脚不便", reach="13800001111")
    homes.do("coordinator", help_.invite, request.public_id, [homes.world.people["volunteer"].public_id])
    page = _text(homes, "volunteer", f"/help/{request.public_id}")
    assert "腿脚不便" in page
    assert "13800001111" not in page
    assert "这次不方便" in page


def test_a_captain_asks_for_a_neighbour_from_their_list(homes: Homes) -> None:
    coordinator = homes.world.actor("coordinator")
    with homes.world.write() as session:
        captain = session.get_one(Person, homes.world.people["volunteer"].id)
        neighbours.name_captain(session, coordinator, captain, "wyh-3", now=homes.now)
    assert "李秀英" in _text(homes, "volunteer", "/help/new?for=neighbour")
    person = homes.world.people["resident"].public_id
    form = _form(homes, via="captain", person=person)
    assert homes.world.page("volunteer").post("/help/new", data=form).status_code == 303
    assert homes.world.page("volunteer").post("/help/new", data=form | {"risk_note": ""}).status_code == 422
    assert homes.world.page("panel").post("/help/new", data=form).status_code == 404


def test_six_digits_are_typed_with_spaces_and_not_guessed(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    page, path = homes.world.page("volunteer"), f"/help/{request.public_id}/scan"
    wrong = "000000" if "000000" not in (request.code_in, request.code_out) else "000001"
    answers = [page.post(path, data={"six": wrong}).status_code for _ in range(6)]
    assert answers == [409] * 5 + [429]
    homes.world.clock.advance(minutes=2)
    typed = f"{request.code_in[:3]} {request.code_in[3:]}"
    assert page.post(path, data={"six": typed}).status_code == 303
    assert homes.get(request).state == "in_service"


def test_a_moment_kept_without_a_network_comes_with_the_scan(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=2)
    local = (request.starts_at + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
    form = {"card": homes.world.people["resident"].public_id, "happened_at": local}
    assert homes.world.page("volunteer").post(f"/help/{request.public_id}/scan", data=form).status_code == 303
    assert homes.get(request).arrived_at == request.starts_at


def test_a_card_and_its_pin_confirm_on_the_volunteers_phone(homes: Homes) -> None:
    with homes.world.write() as session:
        session.get_one(Person, homes.world.people["resident"].id).pin_hash = passwords.make_hash(PIN)
    request = homes.visit()
    card = homes.world.people["resident"].public_id
    page, path = homes.world.page("volunteer"), f"/help/{request.public_id}/confirm-card"
    assert page.post(path, data={"card": card, "pin": "1111"}).status_code == 409
    assert page.post(path, data={"card": card}).status_code == 422
    assert page.post(path, data={"card": card, "pin": PIN}).status_code == 303
    assert homes.get(request).resident_agreed_via == "pin"


def test_a_second_card_of_thanks_on_one_day_stops_no_word(homes: Homes) -> None:
    with homes.world.write() as session:
        session.get_one(Person, homes.world.people["resident"].id).pin_hash = passwords.make_hash(PIN)
    first, request = homes.done(), homes.visit()
    assert homes.world.page("resident").post(f"/help/{first.public_id}/thanks").status_code == 303
    thanking = {"card": homes.world.people["resident"].public_id, "pin": PIN, "is_thanked": "1"}
    answer = homes.world.page("volunteer").post(f"/help/{request.public_id}/confirm-card", data=thanking)
    assert answer.status_code == 303
    assert homes.get(request).resident_agreed_via == "pin"
    assert len([one for one in homes.told("volunteer") if "感谢卡" in one]) == 1
    assert not [one for one in homes.told("resident") if "感谢卡" in one]


def test_thanks_and_the_next_week_are_one_tap_each(homes: Homes) -> None:
    request = homes.done()
    page = homes.world.page("resident")
    assert page.post(f"/help/{request.public_id}/thanks").status_code == 303
    assert "送给您一张感谢卡" in homes.told("volunteer")[-1]
    assert page.post(f"/help/{request.public_id}/repeat").status_code == 303
    assert page.post(f"/help/{request.public_id}/repeat").status_code == 409


def test_a_line_of_the_passbook_opens_to_the_visit(homes: Homes) -> None:
    request = homes.done()
    page = _text(homes, "resident", f"/passbook/{request.capture_txn_id}")
    assert f"/help/{request.public_id}" in page
    assert "来和走都有记录" in page
    held = _text(homes, "resident", f"/passbook/{request.hold_txn_id}")
    assert f"/help/{request.public_id}" in held


def test_the_desk_puts_broken_promises_first(homes: Homes) -> None:
    far = homes.now + timedelta(days=30)
    credit(homes.world, "resident", "MIN", 600)
    late = homes.ask(starts_at=far)
    homes.world.clock.advance(days=4)
    soon = homes.ask(starts_at=homes.now + timedelta(hours=5))
    page = _text(homes, "coordinator", "/desk/help")
    places = re.findall(r"/desk/help/([0-9A-Z]{8})", page)
    assert places[:2] == [late.public_id, soon.public_id]
    assert "已超时" in page


def test_a_kind_of_high_risk_is_switched_on_with_its_conditions_and_who_said_so(homes: Homes) -> None:
    form = {"is_on": "yes", "least_minutes": "60", "usual_minutes": "60", "most_minutes": "120"}
    page = homes.world.page("coordinator")
    assert page.post("/desk/help/types/bath", data=form).status_code == 422
    assert page.post("/desk/help/types/bath", data=form | {"conditions": ["insured"]}).status_code == 422
    both = form | {"conditions": ["insured", "two_trained"]}
    assert page.post("/desk/help/types/bath", data=both).status_code == 303
    shown = _text(homes, "second", "/desk/help/types")
    assert "已经买了意外保险" in shown
    assert "陈芳" in shown
    assert page.post("/desk/help/types/nonsense", data=form).status_code == 404
    assert page.post("/desk/help/types/hair", data=form | {"least_minutes": "90"}).status_code == 422


def test_high_risk_help_is_only_for_who_was_invited(homes: Homes) -> None:
    form = {"is_on": "yes", "least_minutes": "30", "usual_minutes": "60", "most_minutes": "120"}
    homes.world.page("coordinator").post("/desk/help/types/childcare", data=form | {"conditions": ["guardian"]})
    request = homes.verified(kind="childcare")
    assert "作业辅导" not in _text(homes, "volunteer", "/help/open")
    assert homes.world.page("volunteer").post(f"/help/{request.public_id}/accept").status_code == 409


def test_a_problem_and_its_answer_are_on_the_page(homes: Homes) -> None:
    request = homes.done()
    path = f"/help/{request.public_id}"
    homes.world.page("resident").post(f"{path}/report", data={"words": "碰坏了杯子"})
    desk = _text(homes, "coordinator", "/desk/help")
    assert "碰坏了杯子" in desk
    found = re.search(r"/desk/help/reports/(\d+)", desk)
    assert found is not None
    homes.world.page("second").post(found.group(), data={"words": "已经赔了新的"})
    assert "已经赔了新的" in _text(homes, "resident", path)


def test_lists_cost_the_same_for_one_and_for_many(homes: Homes) -> None:
    paths = {"/desk/help": "coordinator", "/help/open": "volunteer", "/help": "resident"}
    homes.verified(minutes=30)
    first = {path: _cost(homes, who, path) for path, who in paths.items()}
    for _ in range(4):
        homes.verified(minutes=30)
    assert {path: _cost(homes, who, path) for path, who in paths.items()} == first


def _cost(homes: Homes, who: str, path: str) -> int:
    page = homes.world.page(who)
    with counted(homes.world.app) as seen:
        assert page.get(path).status_code == 200
    return len(seen)


def test_who_suits_costs_the_same_for_two_and_for_many(homes: Homes) -> None:
    request = homes.verified()
    first = _cost(homes, "coordinator", f"/desk/help/{request.public_id}")
    for number in range(6):
        homes.world.add_person(f"helper{number}", "热心人")
        actor = homes.world.actor(f"helper{number}")
        with homes.world.write() as session:
            help_.set_skills(session, actor, ["company"], [])
    assert _cost(homes, "coordinator", f"/desk/help/{request.public_id}") == first


def test_every_state_has_a_page_for_each_side_and_the_desk(homes: Homes) -> None:
    made: list[HelpRequest] = [homes.done(), homes.done(40)]
    _in_service(homes, made)
    made += [homes.accepted(), homes.ask(), homes.verified(minutes=30)]
    for one in made:
        for who in ("resident", "coordinator"):
            assert homes.world.page(who).get(f"/help/{one.public_id}").status_code == 200
        assert homes.world.page("coordinator").get(f"/desk/help/{one.public_id}").status_code == 200


def _in_service(homes: Homes, made: list[HelpRequest]) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request, "resident", Proof("phone"))
    made.append(request)


def test_the_desk_takes_a_call_down(homes: Homes) -> None:
    page = homes.world.page("coordinator")
    assert "李秀英" in page.get("/desk/help/new?q=lxy").get_data(as_text=True)
    person = homes.world.people["resident"].public_id
    form = _form(homes, person=person, via="phone")
    assert page.post("/desk/help/new", data=form | {"risk_note": ""}).status_code == 422
    answer = page.post("/desk/help/new", data=form | {"is_hardship": "1"})
    assert answer.status_code == 303
    shown = page.get(answer.location).get_data(as_text=True)
    assert "这一件要另一位工作人员来核实" in shown


def test_the_desk_takes_card_and_pin_for_a_visit(homes: Homes) -> None:
    with homes.world.write() as session:
        session.get_one(Person, homes.world.people["resident"].id).pin_hash = passwords.make_hash(PIN)
    request = homes.visit()
    path = f"/desk/help/{request.public_id}"
    assert "本人来了？用卡和 PIN 确认" in _text(homes, "coordinator", path)
    card = homes.world.people["resident"].public_id
    desk = homes.world.page("coordinator")
    for given, status, said in (
        ({"card": card, "pin": "0864"}, 409, "PIN 不对"),
        ({"card": homes.world.people["panel"].public_id, "pin": PIN}, 409, "没有设 PIN"),
        ({"card": "", "pin": PIN}, 422, 'href="#f-card"'),
    ):
        refusal = desk.post(f"{path}/confirm-card", data=given)
        assert (refusal.status_code, said in refusal.text) == (status, True)
        assert homes.get(request).state == "to_confirm"
    assert "感谢卡" not in "".join(homes.told("volunteer"))
    thanking = {"card": card, "pin": PIN, "is_thanked": "1"}
    assert desk.post(f"{path}/confirm-card", data=thanking).location.endswith(path)
    assert "送给您一张感谢卡" in homes.told("volunteer")[-1]
    assert "送了一张感谢卡" in homes.told("resident")[-1]
    assert homes.get(request).state == "done"
    assert homes.has().posted == HOURS - request.minutes


def test_the_desk_marks_what_has_to_be_answered_within_a_day(homes: Homes) -> None:
    homes.ask()
    homes.world.clock.now = homes.ask().promised_at - timedelta(days=1)
    assert "快到时间" not in _text(homes, "coordinator", "/desk/help")
    homes.world.clock.now += timedelta(minutes=1)
    page = _text(homes, "coordinator", "/desk/help")
    assert ("快到时间" in page, "已超时" in page) == (True, False)
    homes.world.clock.now += timedelta(days=1)
    page = _text(homes, "coordinator", "/desk/help")
    assert ("快到时间" in page, "已超时" in page) == (False, True)


def test_a_number_no_row_has_is_not_found(homes: Homes) -> None:
    page = homes.world.page("coordinator")
    for number in (2**31, 10**20):
        for path in (f"/desk/help/reports/{number}", f"/desk/help/trained/{number}/end"):
            assert page.post(path, data={"words": "问过了"}).status_code == 404


def _press(homes: Homes, who: str, path: str, **form: str) -> str:
    answer = homes.world.page(who).post(path, data={"at": "desk", **form}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_the_desk_says_for_who_has_no_phone_that_nobody_came_and_asks_again(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=45)
    assert "居民说人没有来" in _text(homes, "coordinator", f"/desk/help/{request.public_id}")
    again = _press(homes, "coordinator", f"/help/{request.public_id}/nobody-came")
    assert "时长全退给居民了" in again
    assert "请谁去" in again
    assert homes.get(request).state == "no_show"
    assert homes.has().held == 0


def test_the_desk_repeats_and_notes_a_problem_for_who_has_no_phone(homes: Homes) -> None:
    request = homes.done()
    path = f"/desk/help/{request.public_id}"
    assert "替居民再约下星期" in _text(homes, "coordinator", path)
    assert "记下问题" in _text(homes, "coordinator", path)
    empty = homes.world.page("coordinator").post(f"{path}/report", data={"words": "水"})
    assert (empty.status_code, "水</textarea>" in empty.text, "error" in empty.text) == (422, True, True)
    told = _press(homes, "coordinator", f"{path}/report", words="李奶奶打电话说水没关")
    assert "李奶奶打电话说水没关" in told
    assert "记下问题" not in told
    stranger = homes.world.page("panel").post(f"/help/{request.public_id}/report", data={"words": "看看"})
    assert stranger.status_code == 404
    _press(homes, "coordinator", f"/help/{request.public_id}/repeat")
    assert "替居民再约下星期" not in _text(homes, "coordinator", path)


def test_who_notes_a_problem_at_the_desk_does_not_answer_it(homes: Homes) -> None:
    request = homes.done()
    told = homes.do("coordinator2", help_.report, request.public_id, "说话难听")
    page = homes.world.page("coordinator2").post(f"/desk/help/reports/{told.id}", data={"words": "已经办了"})
    assert page.status_code == 409
    assert (
        homes.world.page("coordinator").post(f"/desk/help/reports/{told.id}", data={"words": "道过歉了"}).status_code
        == 303
    )


def test_a_volunteer_who_calls_in_ill_is_let_go_by_the_desk_and_costs_the_resident_nothing(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=-30)
    path, volunteer = f"/desk/help/{request.public_id}", homes.world.people["volunteer"]
    page = _text(homes, "coordinator", path)
    assert "王小明 来不了" in page
    assert "取消要给志愿者记" in page
    for who in ("resident", "panel", "second"):
        form = {"helper": volunteer.public_id}
        assert homes.world.page(who).post(f"/help/{request.public_id}/withdraw", data=form).status_code in (403, 404)
    assert "请谁去" in _press(homes, "coordinator", f"/help/{request.public_id}/withdraw", helper=volunteer.public_id)
    left = homes.get(request)
    assert (left.state, left.volunteer_id, left.is_first) == ("verified", None, True)
    assert (homes.has().available, homes.has().held) == (HOURS, 0)
    assert any("您去不了" in sentence for sentence in homes.told("volunteer"))


def test_a_coordinator_lets_nobody_go_who_promised_their_own_home(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=-30)
    with homes.world.write() as session:
        mine, theirs = (session.get_one(Person, homes.world.people[who].id) for who in ("coordinator", "resident"))
        theirs.household_id = mine.household_id
    path, volunteer = f"/desk/help/{request.public_id}", homes.world.people["volunteer"]
    assert "王小明 来不了" not in _text(homes, "coordinator", path)
    form = {"helper": volunteer.public_id}
    answer = homes.world.page("coordinator").post(f"/help/{request.public_id}/withdraw", data=form)
    assert (answer.status_code, homes.get(request).state) == (409, "accepted")


def test_who_asked_for_a_neighbour_does_not_go_with_the_digits_of_the_slip(homes: Homes) -> None:
    homes.likes("coordinator", ["company"])
    person = homes.world.people["resident"]
    request = homes.do("coordinator", help_.ask_for, person, homes.wish(), via="phone")
    homes.do("coordinator", help_.verify, request.public_id)
    assert request.code_in in _text(homes, "coordinator", f"/help/{request.public_id}/slip")
    answer = homes.world.page("coordinator").post(f"/help/{request.public_id}/accept")
    assert answer.status_code == 409
    assert homes.get(request).state == "verified"
    assert "陈芳" not in _text(homes, "second", f"/desk/help/{request.public_id}").split("请谁去")[1].split("去请")[0]


def test_a_second_yes_of_the_same_neighbour_is_the_same_yes(homes: Homes) -> None:
    request = homes.accepted()
    answer = homes.world.page("volunteer").post(f"/help/{request.public_id}/accept")
    assert answer.status_code == 303
    assert homes.world.page("panel").post(f"/help/{request.public_id}/accept").status_code == 409
    assert homes.get(request).holds == 1


def test_a_scan_of_nothing_says_what_to_type(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    answer = homes.world.page("volunteer").post(f"/help/{request.public_id}/scan", data={"way": "in"})
    assert answer.status_code == 422
    assert "请输入居民报的六位数字" in answer.get_data(as_text=True)


def test_doors_stand_in_the_order_of_their_numbers() -> None:
    doors = ["10栋 1单元", "2栋 10单元", "1栋 1单元", "2栋 9单元", "楼外"]
    assert sorted(doors, key=by_number) == ["1栋 1单元", "2栋 9单元", "2栋 10单元", "10栋 1单元", "楼外"]
