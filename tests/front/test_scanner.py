"""The scanner reads codes from a (fake) camera under the real policy, and says plainly when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.y4m import qr_picture, qr_video

pytestmark = pytest.mark.browser

CODE = "/s/R17K2M9QXCAG4VR0X823KG6E7XEF37V8"
CARD = "https://tb.example.org/s/P1Q7X2M4K9013093H3YQC1FCB6G0"


def camera(video: Path) -> list[str]:
    return [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
    ]


def test_a_code_of_ours_opens_its_page(open_page: Callable[..., Any], gallery: Any, tmp_path: Path) -> None:
    video = qr_video([gallery.url + CODE], tmp_path / "ours.y4m")
    watched = open_page("/scan", flags=camera(video))
    assert watched.page.evaluate("'BarcodeDetector' in window") is False
    watched.page.get_by_text("打开摄像头").click()
    watched.page.wait_for_url("**" + CODE, timeout=30_000)


def test_a_foreign_code_is_named_and_the_camera_goes_on(
    open_page: Callable[..., Any], gallery: Any, tmp_path: Path
) -> None:
    video = qr_video(["https://other.example/s/ABC", gallery.url + CODE], tmp_path / "mixed.y4m", frames_each=25)
    watched = open_page("/scan", flags=camera(video))
    watched.page.get_by_text("打开摄像头").click()
    watched.page.get_by_text("这不是道德银行的码").wait_for(timeout=30_000)
    watched.page.wait_for_url("**" + CODE, timeout=30_000)


def test_a_printed_host_of_this_site_is_ours_too(open_page: Callable[..., Any], tmp_path: Path) -> None:
    video = qr_video(["https://tb.example.org" + CODE], tmp_path / "named.y4m")
    watched = open_page("/scan?hosts=tb.example.org", flags=camera(video))
    watched.page.get_by_text("打开摄像头").click()
    watched.page.wait_for_url("**" + CODE, timeout=30_000)


def test_a_photo_of_a_code_is_read_in_the_page(open_page: Callable[..., Any], gallery: Any, tmp_path: Path) -> None:
    picture = qr_picture(gallery.url + CODE, tmp_path / "photo.png", side=700)
    watched = open_page("/scan")
    watched.page.locator("[data-scan-photo] input").set_input_files(str(picture))
    watched.page.wait_for_url("**" + CODE, timeout=30_000)


def test_a_photo_without_a_code_is_answered(open_page: Callable[..., Any], gallery: Any) -> None:
    watched = open_page("/scan")
    icon = Path(__file__).parents[2] / "static" / "icons" / "icon-192.png"
    watched.page.locator("[data-scan-photo] input").set_input_files(str(icon))
    watched.page.get_by_text("照片里没找到码").wait_for(timeout=30_000)


def test_a_refused_camera_is_explained(open_page: Callable[..., Any]) -> None:
    watched = open_page("/scan", flags=["--use-fake-device-for-media-stream", "--deny-permission-prompts"])
    watched.page.get_by_text("打开摄像头").click()
    watched.page.get_by_text("没有摄像头权限").wait_for(timeout=10_000)


def test_a_device_without_a_camera_is_told_so(open_page: Callable[..., Any]) -> None:
    watched = open_page(
        "/scan", flags=["--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"]
    )
    watched.page.get_by_text("打开摄像头").click()
    watched.page.get_by_text("打不开摄像头").wait_for(timeout=10_000)


def test_cards_are_recorded_one_after_the_other(open_page: Callable[..., Any], gallery: Any, tmp_path: Path) -> None:
    gallery.app.scans.clear()
    video = qr_video([CARD, "", "https://other.example/x"], tmp_path / "cards.y4m", frames_each=20)
    watched = open_page("/gallery/cards", flags=camera(video))
    watched.page.get_by_role("radio", name="签退").check()
    watched.page.get_by_text("打开摄像头").click()
    result = watched.page.locator("[data-result]")
    result.get_by_text("李秀英").wait_for(timeout=30_000)
    assert "已签退" in result.inner_text()
    result.get_by_text("不是居民码").wait_for(timeout=30_000)
    (first, token), *_ = gallery.app.scans
    assert set(first) == {"card", "direction", "uuid"}
    assert (first["card"], first["direction"], token) == (CARD, "out", "gallery-token")
    assert watched.page.locator("[data-results] .row").count() >= 2
    assert "不是居民码" in watched.page.locator("[data-spoken]").inner_text()


AS_FAST_AS_A_SCANNER = """text => {
  for (const key of [...text, 'Enter'])
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
}"""
"""Keys sent one by one from outside wait for each other on a busy machine, as no scanner does."""


def test_a_hand_scanner_types_a_card(open_page: Callable[..., Any], gallery: Any) -> None:
    gallery.app.scans.clear()
    watched = open_page("/gallery/cards")
    watched.page.locator("[data-listens]").wait_for(state="attached")
    watched.page.evaluate(AS_FAST_AS_A_SCANNER, CARD)
    watched.page.locator("[data-result]").get_by_text("李秀英").wait_for(timeout=10_000)
    assert [asked["card"] for asked, _ in gallery.app.scans] == [CARD]


def test_a_voucher_at_the_counter_opens_its_page(open_page: Callable[..., Any], gallery: Any, tmp_path: Path) -> None:
    video = qr_video([gallery.url + "/v/K7M29QXC4T1A2B3C"], tmp_path / "voucher.y4m")
    watched = open_page("/counter", flags=camera(video))
    watched.page.get_by_text("打开摄像头").click()
    watched.page.wait_for_url("**/v/K7M29QXC4T1A2B3C", timeout=30_000)


def test_a_card_at_the_counter_goes_through_its_form(
    open_page: Callable[..., Any], gallery: Any, tmp_path: Path
) -> None:
    card = gallery.url + "/s/P1Q7X2M4K9013093H3YQC1FCB6G0"
    watched = open_page("/counter", flags=camera(qr_video([card], tmp_path / "card.y4m")))
    with watched.page.expect_request("**/gallery/counter-read") as asked:
        watched.page.get_by_text("打开摄像头").click()
    assert "P1Q7X2M4K9013093H3YQC1FCB6G0" in (asked.value.post_data or "")
    watched.page.wait_for_url("**/gallery/counter-read")
