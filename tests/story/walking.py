"""A walk through the bank: from a person's first page along every kind of link that they are shown."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException

SHOTS = os.environ.get("SHOTS", "")
"""A folder for a picture of every page, for people to look at; none by default."""

ICONS = """() => [...document.querySelectorAll('use')].map((e) => e.getAttribute('href').split('#')[1])"""
LINKS = """() => [...document.querySelectorAll('a[href]:not([download])')].map((a) => a.getAttribute('href'))
  .filter((href) => href.startsWith('/') && !href.startsWith('//'))"""
FAULTS = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth + 1
    ? [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
        .map((e) => 'over the edge: ' + e.outerHTML.slice(0, 80)).slice(0, 3) : [];
  const h1 = document.querySelectorAll('h1').length;
  const texts = document.body.innerText;
  const leaks = ['None', 'undefined', 'NaN', '[object', '%('].filter((word) => texts.includes(word));
  const doors = [...document.querySelectorAll('.door-icon')]
    .filter((e) => getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)');
  const pictures = [...document.images].filter((e) => e.complete && !e.naturalWidth).map((e) => 'no picture ' + e.src);
  return [...wide, ...doors.map(() => 'a door without its colour'), ...pictures,
    ...(h1 === 1 ? [] : [h1 + ' h1']), ...leaks.map((word) => 'says ' + word)];
}"""


class Walk:
    """One person's walk; the kinds of page (endpoints) in `known` are passed by, except where it begins."""

    def __init__(self, app: Flask, url: str, page: Any, known: Iterable[str] = ()) -> None:
        self._known = set(known)
        self._urls = app.url_map.bind("localhost")
        self._url = url
        self._page = page

    def pages(self, *starts: str) -> Iterator[tuple[str, str]]:
        """Open one page of every kind that can be reached and give each kind with its address."""
        first, *others = starts
        waiting = deque([first, *others])
        while waiting:
            path = waiting.popleft()
            kind = self._kind(path)
            if kind is None or (kind in self._known and path != first):
                continue
            self._known.add(kind)
            first = ""
            self._page.goto(self._url + path)
            yield kind, path
            waiting.extend(self._page.evaluate(LINKS))

    def _kind(self, path: str) -> str | None:
        try:
            endpoint, _ = self._urls.match(urlsplit(path).path, method="GET")
        except HTTPException:
            return None
        is_page = not endpoint.startswith(("static", "web.", "api-docs")) and not path.startswith("/api/")
        return endpoint if is_page else None


def wait_for_all_of(page: Any) -> None:
    """Wait until the page is all there: after a tap the next one may have begun, and be half read."""
    page.wait_for_load_state()


def faults_of(page: Any) -> list[str]:
    """What is wrong with the page."""
    wait_for_all_of(page)
    found: list[str] = page.evaluate(FAULTS)
    return found


def keep_picture(page: Any, name: str) -> None:
    """Photograph the whole page into SHOTS, where somebody wants to look."""
    if SHOTS:
        wait_for_all_of(page)
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
