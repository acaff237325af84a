"""Pages that belong to nobody: health, language and type size, the manifest."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from bank import db
from bank.web.i18n import LOCALES, gettext, language_tag, translate
from bank.web.pages import static_url
from bank.web.ways import safe_path
from bank.web.who import remember

pages = Blueprint("web", __name__)
A_YEAR_S = 365 * 24 * 3600


@pages.get("/healthz")
def healthz() -> ResponseReturnValue:
    try:
        is_there = db.is_there()
    except SQLAlchemyError:
        is_there = False
    return (jsonify({"status": "ok"}), 200) if is_there else (jsonify({"status": "unavailable"}), 503)


@pages.post("/preferences")
def preferences() -> ResponseReturnValue:
    answer: Response = make_response(redirect(_safe_next(request.form.get("next")), code=303))
    return keep_choices(answer, language=request.form.get("lang"), elder=request.form.get("elder"))


def keep_choices(answer: Response, *, language: str | None, elder: str | None) -> Response:
    """Keep language and type size in this browser and for whoever is signed in; what is neither stays as it was."""
    language = language if language in LOCALES else None
    elder = elder if elder in ("0", "1") else None
    for name, value in (("lang", language), ("elder", elder)):
        if value is not None:
            answer.set_cookie(name, value, max_age=A_YEAR_S, samesite="Lax", secure=request.is_secure)
    remember(language=language, is_elder=None if elder is None else elder == "1")
    return answer


@pages.get("/manifest.webmanifest")
def manifest() -> ResponseReturnValue:
    described = json.loads((Path(str(current_app.static_folder)) / "manifest.json").read_text())
    for icon in described["icons"]:
        icon["src"] = static_url(icon["src"].removeprefix("/static/"))
    for shortcut in described["shortcuts"]:
        shortcut["name"] = translate(shortcut["name"])
        for icon in shortcut["icons"]:
            icon["src"] = static_url(icon["src"].removeprefix("/static/"))
    words = {
        "name": gettext("道德银行"),
        "short_name": gettext("道德银行"),
        "lang": language_tag(),
        "description": gettext("社区志愿时间银行：扫码记时长，凭时长得帮助。"),
    }
    answer = jsonify({**described, **words})
    answer.content_type = "application/manifest+json"
    return answer


def _safe_next(onward: str | None) -> str:
    return safe_path(onward) or "/"
