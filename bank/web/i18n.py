"""Languages: Chinese is what the sources say, English comes from the catalogue in `translations/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, request
from flask_babel import Babel
from flask_babel import gettext as babel_gettext
from flask_babel import ngettext as babel_ngettext

from bank.web.who import viewer

LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
babel = Babel()


def init(app: Flask) -> None:
    """Choose a language for every request."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", LOCALES["zh"])
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", "Asia/Shanghai")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=lambda: LOCALES[language()])


def language() -> str:
    """Give `zh` or `en`: the cookie, else what a program asks for, what the member chose, what the browser asks for."""
    chosen = request.cookies.get("lang")
    if chosen in LOCALES:
        return chosen
    asked = request.accept_languages.best_match(["zh", "en"])
    if asked and "Authorization" in request.headers:
        return asked
    who = viewer()
    if who is not None:
        return who.language
    return asked or "zh"


def language_tag() -> str:
    """Give the language as HTML and the manifest name it."""
    return "zh-CN" if language() == "zh" else "en"


def gettext(sentence: str, **facts: Any) -> str:
    """Put a sentence of this file's caller in the person's language."""
    return str(babel_gettext(sentence, **facts))


def ngettext(one: str, many: str, number: int, **facts: Any) -> str:
    """Put a sentence about one or about `number` things in the person's language; Chinese says both alike."""
    return str(babel_ngettext(one, many, number, **facts))


def translate(sentence: str, facts: Mapping[str, Any] | None = None) -> str:
    """Put a marked sentence in the person's language and fill in its facts; a fact may be a marked sentence itself."""
    said = {name: gettext(fact) if fact and isinstance(fact, str) else fact for name, fact in (facts or {}).items()}
    return gettext(sentence, **said) if sentence else ""
