"""The pages of paper rosters, as the keyer and the one who confirms see them."""

from __future__ import annotations

import io
import re

import pytest

from tests.deeds.pictures import photo
from tests.sheets.rosters import begun, credits_of, handed_in, held
from tests.world import World


def test_a_roster_is_keyed_in_and_confirmed_through_the_pages(world: World) -> None:
    activity = held(world)
    keyer, second = world.page("coordinator"), world.page("second")
    assert "本人签名" in keyer.get(f"/activities/{activity}/paper").text
    begun_at = keyer.post(f"/activities/{activity}/sheets").headers["Location"]
    number = world.people["volunteer"].public_id
    assert number in keyer.get(begun_at, query_string={"q": number}).text
    assert keyer.post(f"{begun_at}/lines", data={"person": number}).status_code == 303
    upload = {"photo": (io.BytesIO(photo()), "sheet.jpg")}
    assert keyer.post(f"{begun_at}/photo", data=upload).status_code == 303
    assert keyer.post(f"{begun_at}/hand-in").status_code == 303
    assert activity is not None
    assert begun_at in second.get("/sheets").text
    assert second.get(f"{begun_at}/photo").content_type == "image/jpeg"
    assert second.post(f"{begun_at}/confirmation", data={}).status_code == 303
    assert "核对好了" in second.get(begun_at).text


@pytest.mark.parametrize("asked", ["3栋1单元101", "3栋 1单元101"])
def test_people_are_found_by_building_and_door(world: World, asked: str) -> None:
    sheet = begun(world, held(world))
    found = world.page("coordinator").get(f"/sheets/{sheet}", query_string={"q": asked}).text
    assert len(re.findall('name="person"', found)) == 1


def test_a_struck_line_is_named_in_the_form(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer", "resident")
    second = world.page("second")
    boxes = re.findall(r'name="(strike_[0-9]+)"', second.get(f"/sheets/{sheet}").text)
    assert len(boxes) == 2
    refused = second.post(f"/sheets/{sheet}/confirmation", data={boxes[0]: "1"})
    assert refused.status_code == 422
    assert "为什么" in refused.text
    given = {boxes[0]: "1", "reason": "字迹对不上", "strike_x": "1"}
    assert second.post(f"/sheets/{sheet}/confirmation", data=given).status_code == 303
    assert "已划掉" in second.get(f"/sheets/{sheet}").text
    assert [len(credits_of(world, who)) for who in ("volunteer", "resident")] == [0, 1]


def test_a_picture_that_is_none_is_refused_in_words(world: World) -> None:
    sheet = begun(world, held(world), "volunteer")
    answer = world.page("coordinator").post(
        f"/sheets/{sheet}/photo", data={"photo": (io.BytesIO(b"no picture"), "x.jpg")}
    )
    assert answer.status_code == 422
    assert "打不开" in answer.text


def test_who_stands_on_the_sheet_may_see_its_photo_and_nobody_else(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer")
    assert world.page("volunteer").get(f"/sheets/{sheet}/photo").status_code == 200
    assert world.page("resident").get(f"/sheets/{sheet}/photo").status_code == 404


@pytest.mark.parametrize("words", [{"came": "no time"}, {"person": "ZZZZZZZZ"}, {"came": "23:00"}, {"left": "09:00"}])
def test_odd_lines_are_refused(world: World, words: dict[str, str]) -> None:
    sheet = begun(world, held(world))
    given = {"person": world.people["volunteer"].public_id, **words}
    answer = world.page("coordinator").post(f"/sheets/{sheet}/lines", data=given)
    assert answer.status_code in (404, 422)
