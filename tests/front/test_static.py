"""The committed front-end files: whole, light, free of outside addresses and of syntax old phones lack."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import wave
import xml.dom.minidom
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import render_template
from PIL import Image

from tests.front.gallery import create_gallery

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
KB = 1024

SCRIPTS = sorted((STATIC / "js").glob("*.js"))
TOO_NEW = {  # syntax younger than ES2017, which phones of that time refuse to parse
    "optional chaining": r"\?\.(?!\d)",
    "nullish": r"\?\?",
    "catch without a name": r"catch\s*\{",
    "object spread": r"\{\s*\.\.\.",
    "dynamic import": r"\bimport\s*\(",
    "import.meta": r"\bimport\.meta\b",
    "class field or private name": r"^\s*#\w+",
}


def compressed(*paths: Path) -> int:
    return sum(len(brotli.compress(path.read_bytes())) for path in paths)


def imports(script: Path) -> Iterator[Path]:
    for name in re.findall(r"^import .* from '([^']+)'", script.read_text(), re.M):
        path = (script.parent / name).resolve()
        yield path
        if "vendor" not in path.parts:
            yield from imports(path)


def test_vendored_files_are_what_the_manifest_says() -> None:
    manifest = json.loads((STATIC / "vendor" / "manifest.json").read_text())
    found = {path.name for path in (STATIC / "vendor").glob("*.js")}
    assert set(manifest["files"]) == found
    for name, entry in manifest["files"].items():
        content = (STATIC / "vendor" / name).read_bytes()
        digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
        assert entry["sha384"] == f"sha384-{digest}", name
        assert "Permission is hereby granted" in manifest["licences"][entry["package"]]["text"]


def test_the_pins_are_exact_and_the_lock_names_no_address() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = (ROOT / "package-lock.json").read_text()
    vendored = json.loads((STATIC / "vendor" / "manifest.json").read_text())["files"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())
    assert "resolved" not in lock
    assert "://" not in lock
    assert {entry["version"] for entry in vendored.values()} == {package["devDependencies"]["qr"]}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_use_only_what_old_phones_parse(script: Path) -> None:
    code = script.read_text()
    assert [what for what, pattern in TOO_NEW.items() if re.search(pattern, code, re.M)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_build_no_html_from_text(script: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script.read_text()
    )


def test_a_landing_page_fits_its_budget() -> None:
    assert compressed(STATIC / "app.css") <= 9 * KB
    assert compressed(STATIC / "js" / "app.js") <= 6 * KB
    assert compressed(STATIC / "app.css", STATIC / "js" / "app.js", STATIC / "icons.svg") <= 17 * KB


def test_the_scanner_fits_its_budget() -> None:
    for entry in ("volunteer-scan.js", "card-scan.js", "shop-scan.js", "home-scan.js"):
        script = STATIC / "js" / entry
        parts = {script, *imports(script), STATIC / "js" / "app.js", STATIC / "app.css", STATIC / "icons.svg"}
        assert compressed(*parts) <= 60 * KB
        assert compressed(*parts) <= 40 * KB, "the scanner has grown: is it worth it?"


def test_no_page_or_script_names_an_outside_address() -> None:
    for path in [*TEMPLATES, *SCRIPTS, *STATIC.glob("*.css")]:
        addresses = set(re.findall(r"https?://[\w.-]+", path.read_text())) - {"http://www.w3.org"}
        assert addresses == set(), path


def test_no_template_needs_what_the_policy_forbids() -> None:
    forbidden = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", re.I)
    for path in TEMPLATES:
        assert not forbidden.search(path.read_text()), path


def test_zoom_is_never_forbidden() -> None:
    for path in TEMPLATES:
        assert not re.search(r"user-scalable|maximum-scale", path.read_text()), path


def test_every_icon_named_in_a_template_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    for path in TEMPLATES:
        named = set(re.findall(r"""(?:icon\(|icon=|icon_name=)['"]([\w-]+)['"]""", path.read_text()))
        assert named <= drawn, (path, named - drawn)


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.svg")), ids=lambda path: path.stem)
def test_drawings_are_well_formed_and_bring_nothing_along(path: Path) -> None:
    xml.dom.minidom.parse(str(path))  # noqa: S318 - our own file
    assert not re.search(r"<script|<style|style=|href=|<foreignObject", path.read_text())


@pytest.mark.parametrize("name", ["ok", "attention", "error"])
def test_sounds_are_small_and_short(name: str) -> None:
    path = STATIC / "sounds" / f"{name}.wav"
    assert path.stat().st_size <= 10 * KB
    with wave.open(str(path)) as sound:
        assert 0.2 <= sound.getnframes() / sound.getframerate() <= 1


def test_the_manifest_names_icons_of_the_size_it_says() -> None:
    manifest: dict[str, Any] = json.loads((STATIC / "manifest.json").read_text())
    purposes = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
    assert purposes == {(size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")}
    assert len({icon["src"] for icon in manifest["icons"]}) == len(manifest["icons"])
    for icon in manifest["icons"]:
        with Image.open(STATIC / icon["src"]) as image:
            assert f"{image.width}x{image.height}" == icon["sizes"]
    assert (manifest["id"], manifest["lang"], manifest["display"]) == ("/", "zh-CN", "standalone")
    assert {shortcut["url"] for shortcut in manifest["shortcuts"]} == {"/scan", "/me/pass"}


def test_a_whole_landing_weighs_at_most_25_kilobytes() -> None:
    page = create_gallery().test_client().get("/s/R1ABC")
    html = len(brotli.compress(page.data))
    assert html <= 8 * KB
    assert html + compressed(STATIC / "app.css", STATIC / "js" / "app.js", STATIC / "icons.svg") <= 25 * KB


@pytest.mark.parametrize("template", ["errors/error.html", "errors/500.html"])
def test_error_pages_render_for_a_stranger(template: str) -> None:
    app = create_gallery()
    with app.test_request_context("/lost?as=nobody"):
        html = render_template(template, status=404, title="没有找到", detail="请检查地址。", code="not_found")
    assert "app.css" in html


def test_links_to_pages_not_built_yet_are_left_out() -> None:
    app = create_gallery()
    assert b'href="/shop"' in app.test_client().get("/board").data
    app.jinja_env.globals["has_page"] = lambda endpoint: endpoint != "shop.index"
    assert b'href="/shop"' not in app.test_client().get("/board").data
