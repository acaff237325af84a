"""Every sentence has its English, no sentence escapes translation, and the compiled catalogue is up to date."""

from __future__ import annotations

import ast
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "translations" / "en" / "LC_MESSAGES" / "messages.po"
METHODS = [("bank/**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None}
HAN = re.compile(r"[\u4e00-\u9fff]")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
WITHOUT_TRANSLATION = ("bank/demo/",)
"""The demo's people, places and goods are data, not interface."""
BOTH_LANGUAGES = ("templates/errors/500.html",)
"""Stands alone when nothing else works, so it says everything in both languages."""
FAMILIES = "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 端木 南宫 长孙 独孤"
RECOGNISED = {"补录", "栋", "号楼", "幢", "单元", FAMILIES}
"""Words looked for in what people type, never shown."""
MARKS = {"say", "gettext", "ngettext", "_"}


def _wanted() -> set[str]:
    found = extract_from_dir(str(ROOT), METHODS, {}, KEYWORDS)
    return {text for _, _, message, _, _ in found for text in ([message] if isinstance(message, str) else message)}


def _english() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return dict(
            pair for entry in read_po(file) if entry.id and not entry.fuzzy for pair in _pairs(entry.id, entry.string)
        )


def _pairs(chinese: object, english: object) -> list[tuple[str, str]]:
    """Give a sentence with its English; one that counts stands once, and both its forms must be there."""
    if isinstance(chinese, str):
        return [(chinese, str(english))]
    assert isinstance(chinese, tuple)
    assert isinstance(english, tuple)
    return [(str(chinese[0]), "; ".join(english) if all(english) else "")]


def test_every_sentence_has_its_english() -> None:
    english = _english()
    assert sorted(text for text in _wanted() if not english.get(text)) == []


def test_the_english_keeps_every_placeholder() -> None:
    for chinese, english in _english().items():
        assert set(PLACEHOLDER.findall(chinese)) == set(PLACEHOLDER.findall(english)), chinese


def test_no_english_says_its_sentence_twice() -> None:
    assert [english for english in _english().values() if re.search(r"(.{15,})\1", english)] == []


def test_no_english_is_left_over() -> None:
    assert sorted(set(_english()) - _wanted()) == []


def test_the_compiled_catalogue_is_that_of_the_written_one() -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    assert CATALOGUE.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run `make words`"


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_no_template_speaks_chinese_outside_translation(path: Path) -> None:
    if str(path.relative_to(ROOT)) in BOTH_LANGUAGES:
        return
    depth, loose = 0, []
    tokens = list(Environment(autoescape=True).lex(path.read_text()))
    for place, (line, kind, value) in enumerate(tokens):
        if kind == "operator":
            depth = _depth_after(value, depth, tokens[:place])
        if HAN.search(value) and (kind == "data" or (kind == "string" and depth == 0)) and value not in ("'中文'",):
            loose.append((line, value.strip()[:40]))
    assert loose == []


def _depth_after(value: str, depth: int, before: list[tuple[int, str, str]]) -> int:
    if value == "(":
        named = next((token for token in reversed(before) if token[1] != "whitespace"), (0, "", ""))
        return depth + 1 if depth or named[2] in MARKS else 0
    return depth - 1 if value == ")" and depth else depth


@pytest.mark.parametrize(
    "path", sorted((ROOT / "bank").rglob("*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_no_module_speaks_chinese_outside_translation(path: Path) -> None:
    if str(path.relative_to(ROOT)).startswith(WITHOUT_TRANSLATION):
        return
    tree = ast.parse(path.read_text())
    marked = {
        id(part)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _name(call.func) in MARKS | {"echo"}
        for part in ast.walk(call)
    }
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    loose = [
        (node.lineno, node.value[:40])
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and HAN.search(node.value)
        if node.value not in RECOGNISED
        if id(node) not in marked and id(node) not in docs
    ]
    assert loose == []


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
