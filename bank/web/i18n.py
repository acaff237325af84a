"""Languages: Chinese is what the sources say, English comes from the catalogue in `translations/`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Flask, request
from flask_babel import Babel, format_date
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
    """Put a marked sentence in the person's language and fill in its facts.

    A fact may be a marked sentence itself; a number whose name ends in `_minutes` is said as hours, one
    in `_weekdays` as the days its digits stand for.
    """
    said = {name: _said(name, fact) for name, fact in (facts or {}).items()}
    return gettext(sentence, **said) if sentence else ""


def _said(name: str, fact: Any) -> Any:
    if name.endswith("_minutes") and isinstance(fact, int):
        return hours(fact)
    if name.endswith("_weekdays") and isinstance(fact, int):
        return weekdays(fact)
    return gettext(fact) if fact and isinstance(fact, str) else fact


def weekdays(number: int) -> str:
    """Name the days a number's digits stand for, 1 for Monday to 7 for Sunday: `星期二、星期五` for 25."""
    return gettext("、").join(str(format_date(date(2024, 1, int(digit)), "EEEE")) for digit in str(number))


def hours(minutes: int) -> str:
    """Say minutes as hours: `3.5 小时`, `半小时`, or `20 分钟` below one hour when they make no half."""
    whole, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else ""
    if minutes in (30, -30):
        return gettext("%(sign)s半小时", sign=sign)
    if rest in (0, 30):
        half = ".5" if rest else ""
        return ngettext("%(n)s 小时", "%(n)s 小时", 2 if rest else whole, n=f"{sign}{whole}{half}")
    if whole == 0:
        return ngettext("%(n)s 分钟", "%(n)s 分钟", rest, n=f"{sign}{rest}")
    return gettext("%(h)s 小时 %(m)s 分", h=f"{sign}{whole}", m=rest)
