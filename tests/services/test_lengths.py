"""How long a visit may take: each kind says its own range, and a refusal names it."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

from tests.services.homes import Homes


def _new(homes: Homes, query: str = "") -> str:
    return homes.world.page("resident").get(f"/help/new{query}").get_data(as_text=True)


def _chosen(page: str) -> str:
    select = page.split('id="f-minutes"')[1].split("</select>")[0]
    found = re.search(r'value="(\d+)" selected', select)
    assert found is not None
    return found.group(1)


def test_each_kind_says_how_long_it_may_take(homes: Homes) -> None:
    page = _new(homes)
    assert "1 小时到 4 小时，一般 3 小时" in page
    found = re.search(r'data-lengths="([^"]*)"', page)
    assert found is not None
    spans = json.loads(html.unescape(found.group(1)))
    assert (spans["escort_med"], spans["company"]) == ([60, 180, 240], [30, 60, 120])


def test_the_usual_length_of_a_known_kind_is_chosen(homes: Homes) -> None:
    assert _chosen(_new(homes)) == "60"
    assert _chosen(_new(homes, "?kind=escort_med")) == "180"
    assert _chosen(_new(homes, "?kind=errand")) == "30"


def test_no_kind_is_longer_than_the_rules_let_a_visit_be(homes: Homes) -> None:
    homes.adopt(home_service_minutes=120)
    page = _new(homes, "?kind=escort_med")
    assert _chosen(page) == "120"
    assert "1 小时到 2 小时，一般 2 小时" in page
    assert 'value="180"' not in page


def test_a_length_outside_the_range_is_refused_with_the_range(homes: Homes) -> None:
    day = (homes.now + timedelta(days=3)).date().isoformat()
    form = {"kind": "escort_med", "day": day, "time": "10:00", "minutes": "30", "risk_note": "没有"}
    answer = homes.world.page("resident").post("/help/new", data=form)
    assert answer.status_code == 422
    assert "陪诊一次 1 小时到 4 小时，请选这中间的时长。" in answer.get_data(as_text=True)
    person = homes.world.people["resident"].public_id
    desk = homes.world.page("coordinator").post("/desk/help/new", data={**form, "person": person, "via": "phone"})
    assert desk.status_code == 422
    assert "陪诊一次 1 小时到 4 小时" in desk.get_data(as_text=True)
