"""The rules fit one sheet of paper, printed on both sides in type that old eyes can read, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.story.conftest import Served, chromium, serve
from tests.world import World

__all__ = ["chromium"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    """The small community, served."""
    yield from serve(world.app)


def test_the_rules_are_one_printed_sheet(served: Served, chromium: Any, tmp_path: Path) -> None:
    browser = chromium()
    for locale in ("zh-CN", "en"):
        page = browser.new_context(viewport={"width": 390, "height": 844}, locale=locale).new_page()
        page.goto(f"{served.url}/rules")
        paper = page.pdf(prefer_css_page_size=True, path=str(tmp_path / f"{locale}.pdf"))
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) <= 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    browser.close()
