"""Good deeds as pages."""

from __future__ import annotations

import io
import re
from typing import Any

from werkzeug.test import TestResponse

from tests.credits.builders import approve
from tests.deeds.pictures import photo, photo_of_a_phone
from tests.deeds.test_operations import credit_of, tell
from tests.world import World

FORM = {"who": "self", "category": "errand", "story": "帮张奶奶买药上楼", "happened_on": "2026-11-22"}


def send(world: World, sender: str, *, upload: bytes | None = None, **more: Any) -> TestResponse:
    form: dict[str, Any] = {**FORM, **more}
    if upload is not None:
        form["photo"] = (io.BytesIO(upload), "IMG_0001.jpg")
    return world.page(sender).post("/deeds/new", data=form, content_type="multipart/form-data")


def test_a_deed_is_told_with_a_photo_and_shown_with_it(world: World) -> None:
    answer = send(world, "volunteer", upload=photo_of_a_phone())
    assert answer.status_code == 303
    path = answer.headers["Location"]
    page = world.page("volunteer").get(path).text
    assert "帮张奶奶买药上楼" in page
    assert "代买送货" in page
    image = world.page("volunteer").get(f"{path}/photo")
    assert (image.status_code, image.content_type) == (200, "image/jpeg")
    assert image.headers["Cache-Control"] == "private, max-age=3600"
    assert b"SecretPhone" not in image.data
    etag = image.headers["ETag"]
    assert world.page("volunteer").get(f"{path}/photo", headers={"If-None-Match": etag}).status_code == 304
    assert world.page("shop").get(f"{path}/photo").status_code == 404
    assert world.page("coordinator").get(f"{path}/photo").status_code == 200


def test_a_photo_that_is_none_comes_back_with_what_was_typed(world: World) -> None:
    answer = send(world, "volunteer", upload=b"no photo")
    assert answer.status_code == 422
    assert "这个文件打不开" in answer.text
    assert "帮张奶奶买药上楼" in answer.text


def test_a_neighbour_is_nominated_and_declines(world: World) -> None:
    answer = send(world, "volunteer", who="neighbour", neighbour="李秀英", building="wyh-3")
    assert answer.status_code == 303
    path = answer.headers["Location"]
    resident = world.page("resident")
    assert "邻居 王小明 替您说了一件好事：代买送货" in resident.get("/").text
    assert "不用了" in resident.get(path).text
    assert "积分不记" in resident.post(f"{path}/decline", follow_redirects=True).text
    assert "本人说心意领了" in world.page("volunteer").get("/").text


def test_a_neighbour_who_is_not_found_is_said_kindly(world: World) -> None:
    answer = send(world, "volunteer", who="neighbour", neighbour="李秀", building="wyh-3")
    assert answer.status_code == 422
    assert "没有找到这位邻居" in answer.text
    assert 'value="李秀"' in answer.text


def test_a_full_week_is_said_before_anything_is_typed(world: World) -> None:
    for _ in range(3):
        tell(world)
    page = world.page("volunteer").get("/deeds/new").text
    assert "这星期说满了" in page
    assert "<textarea" not in page
    assert send(world, "volunteer").status_code == 409


def test_a_full_month_leaves_only_what_still_fits(world: World) -> None:
    tell(world, "resident", of="volunteer", category="blood_donation")
    tell(world, "resident", of="volunteer", category="care_disabled")
    tell(world, "resident", of="volunteer", category="lost_property")
    page = world.page("volunteer").get("/deeds/new").text
    assert 'value="care"' not in page
    assert 'value="errand"' in page
    assert "这个月还能记 5 积分" in page


def test_my_deeds_and_what_i_told_of_others_are_listed_apart(world: World) -> None:
    tell(world)
    tell(world, of="resident")
    page = world.page("volunteer").get("/deeds").text
    mine, others = page.split("我替邻居说的")[0], page.split("我替邻居说的")[-1]
    assert "李秀英" in others
    assert "李秀英" not in mine
    assert "王小明 替我说的" in world.page("resident").get("/deeds").text


def test_the_desk_shows_the_story_and_the_way_to_the_photo(world: World) -> None:
    answer = send(world, "volunteer", upload=photo())
    deed_id = answer.headers["Location"].rsplit("/", 1)[1]
    desk = world.page("coordinator")
    item = re.search(r'href="(/desk/items/\w+)"', desk.get("/desk?kind=deed").text)
    assert item is not None
    page = desk.get(item.group(1)).text
    assert "帮张奶奶买药上楼" in page
    assert f"/deeds/{deed_id}/photo" in page


def test_a_deed_shows_how_far_it_is(world: World) -> None:
    deed = tell(world)
    page = world.page("volunteer")
    assert "撤回这件" in page.get(f"/deeds/{deed.public_id}").text
    approve(world, "coordinator", credit_of(world, deed).id)
    assert "11月26日" in page.get(f"/deeds/{deed.public_id}").text


def test_tellings_are_limited_to_thirty_tries_a_day(world: World) -> None:
    page = world.page("volunteer")
    answers = [page.post("/deeds/new", data={}).status_code for _ in range(31)]
    assert answers == [422] * 30 + [429]
