"""Thanks as pages."""

from __future__ import annotations

from tests.thanks.test_thanks import send, states
from tests.world import World


def test_a_card_is_picked_sent_and_kept(world: World) -> None:
    form = {"card": "neighbour", "neighbour": "王小明", "building": "wyh-3", "words": "药收到了"}
    assert "送到了" in world.page("resident").post("/thanks/new", data=form, follow_redirects=True).text
    page = world.page("volunteer")
    assert "李秀英 送给您一张感谢卡" in page.get("/").text
    kept = page.get("/thanks").text
    assert "有您这样的邻居真好" in kept
    assert "药收到了" in kept
    assert "/thanks" in page.get("/me").text


def test_what_was_typed_comes_back_where_nobody_is_found(world: World) -> None:
    form = {"card": "warm", "neighbour": "没这人", "building": "wyh-3", "words": "多谢"}
    answer = world.page("resident").post("/thanks/new", data=form)
    assert answer.status_code == 422
    for kept in ("没有找到这位邻居", "没这人", "多谢"):
        assert kept in answer.text


def test_a_sixth_card_is_refused_in_words(world: World) -> None:
    for to in ("volunteer", "shop", "panel", "auditor", "second"):
        send(world, "resident", to)
    form = {"card": "warm", "card_number": world.people["coordinator"].public_id, "words": "写了好久"}
    answer = world.page("resident").post("/thanks/new", data=form)
    assert (answer.status_code, "今天已经送了 5 张感谢卡" in answer.text) == (409, True)
    assert "写了好久" in answer.text


def test_a_reported_card_is_in_the_coordinators_menu_and_removed(world: World) -> None:
    card = send(world, "resident", "volunteer", "难听的话")
    assert (
        "难听的话" not in world.page("volunteer").post(f"/thanks/{card.public_id}/report", follow_redirects=True).text
    )
    clerk = world.page("coordinator")
    assert "被举报的感谢卡 · 1" in clerk.get("/").text
    assert "难听的话" in clerk.get("/thanks/reported").text
    clerk.post(f"/thanks/{card.public_id}/settlement", data={"verdict": "remove"})
    assert states(world) == ["removed"]
