"""Screens people use: one of a browser's, or a phone whose camera sees what the test holds in front of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.story.walking import faults_of, keep_picture, wait_for_all_of
from tests.y4m import qr_video, to_y4m

PASSWORD = "moral-bank-demo"
SIZE = {"width": 390, "height": 844}
COUNTER = {"width": 1024, "height": 768}
DEEPEST = 6
HERE = ("http://127.0.0.1:", "http://localhost:", "blob:", "data:")


OVER_THE_EDGE = """addEventListener('load', () => {
  if (document.documentElement.scrollWidth > innerWidth + 1) console.error('over the edge: ' + location.pathname);
});"""


class Screen:
    """What a person looks at; `complaints` gathers console errors, server errors, requests that leave this machine and
    pages wider than the screen, and `touches` counts what the person did."""

    def __init__(self, owner: str, url: str, folder: Path, context: Any) -> None:
        self.owner = owner
        self.complaints: list[str] = []
        self.touches: Counter[str] = Counter()
        self._url = url
        self._folder = folder
        context.add_init_script(OVER_THE_EDGE)
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self._watch()

    def _watch(self) -> None:
        def note(text: str) -> None:
            self.complaints.append(text)

        self.page.on("console", lambda said: said.type in {"error", "warning"} and note(said.text))
        self.page.on("pageerror", lambda error: note(str(error)))
        self.page.on("request", lambda asked: asked.url.startswith(HERE) or note(f"left for {asked.url}"))
        self.page.on("response", lambda got: got.status >= 500 and note(f"{got.status} {got.url}"))

    def open(self, path: str) -> None:
        """Go to a page of the bank."""
        self.page.goto(self._url + path)

    def sign_in(self) -> None:
        """Sign the owner in through the form."""
        self.open("/sign-in")
        self.page.get_by_label("手机号或登录名").fill(self.owner)
        self.page.get_by_label("密码").fill(PASSWORD)
        self.press("登录")
        self.page.get_by_text("，您好").wait_for()

    def tap(self, text: str) -> None:
        """Follow a link by a word in it."""
        self.touches["taps"] += 1
        self.page.get_by_role("link", name=text).first.click()

    def press(self, text: str) -> None:
        """Press a button by exactly its words."""
        self.touches["taps"] += 1
        self.page.get_by_role("button", name=text, exact=True).click()

    def sees(self, *texts: str) -> None:
        """Wait until the page says each of these, and is all there."""
        for text in texts:
            self.page.get_by_text(text).filter(visible=True).first.wait_for()
        wait_for_all_of(self.page)

    def picture_of(self, selector: str) -> Path:
        """Photograph a part of this phone's screen."""
        path = self._folder / f"{self.owner}-screen.png"
        self.page.locator(selector).screenshot(path=path)
        return path

    def pick(self, text: str) -> None:
        """Tap what stands there: what is folded under some words, or one of several goods."""
        self.touches["taps"] += 1
        self.page.get_by_text(text).filter(visible=True).first.click()

    def choose(self, role: str, text: str) -> None:
        """Tap the answer (a radio, a checkbox) that has these words."""
        self.touches["taps"] += 1
        self.page.get_by_role(role, name=text).check()

    def write(self, label: str, text: str) -> None:
        """Fill in the field under a label."""
        self.touches.update(taps=1, letters=len(text))
        self.page.get_by_label(label).filter(visible=True).first.fill(text)

    def find(self, text: str) -> None:
        """Type into the page's search line and search."""
        self.touches.update(taps=1, letters=len(text))
        self.page.get_by_role("searchbox").fill(text)
        self.press("查找")

    def go_home(self) -> None:
        """Go back page by page, as the page offers it, to the first."""
        wait_for_all_of(self.page)
        for _ in range(DEEPEST):
            if self.page.locator(".greeting").count():
                return
            home = self.page.locator("nav.thumb a").first
            (home if home.count() else self.page.get_by_role("link", name="返回").first).click()
            wait_for_all_of(self.page)
        raise AssertionError(f"no way home from {self.page.url}")

    def looks_right(self, name: str) -> None:
        """Photograph the page for whoever wants to look, and go on only if nothing is wrong with it."""
        keep_picture(self.page, f"{self.owner}-{name}")
        assert faults_of(self.page) == [], name

    def close(self) -> None:
        """Put it away."""
        self.page.context.close()


class Phone(Screen):
    """A Chromium of its own with a camera."""

    def __init__(
        self, owner: str, url: str, launch: Callable[..., Any], folder: Path, *, has_javascript: bool = True
    ) -> None:
        self._film = qr_video([""], folder / f"{owner}.y4m")
        self._browser = launch(
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={self._film}",
            "--use-fake-ui-for-media-stream",
            "--autoplay-policy=no-user-gesture-required",
        )
        context = self._browser.new_context(
            viewport=SIZE, device_scale_factor=2, locale="zh-CN", java_script_enabled=has_javascript
        )
        super().__init__(owner, url, folder, context)

    def hold_before_camera(self, pictures: Sequence[Path], *, frames_each: int = 10) -> None:
        """Let the camera see these pictures, one after the other, from the next time it is opened."""
        to_y4m(pictures, self._film, frames_each=frames_each)

    def scan(self, picture: Path) -> None:
        """Open the page's camera in front of a picture."""
        self.hold_before_camera([picture])
        self.press("打开摄像头")

    def close(self) -> None:
        """Put the phone away."""
        self._browser.close()
