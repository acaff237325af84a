"""What every template may use: hashed static addresses, words for numbers and moments, who is looking."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, current_app, request, url_for
from flask_babel import format_date

from bank import chart
from bank.web import ways
from bank.web.i18n import gettext, hours, language, language_tag, ngettext, translate
from bank.web.who import viewer

TIME_ZONE = "Asia/Shanghai"


def init(app: Flask) -> None:
    """Give the templates their words."""
    app.jinja_env.filters.update(hours=hours, amount=amount, moment=moment, clock=clock_time, day=day, say=translate)
    app.jinja_env.globals.update(
        static_url=static_url, form_key=lambda: secrets.token_hex(16), has_page=lambda name: name in app.view_functions
    )
    app.context_processor(_looking)


def _looking() -> dict[str, object]:
    who = viewer()
    elder = request.cookies.get("elder")
    return {
        "viewer": who,
        "here": ways.here(),
        "language": language(),
        "lang": language_tag(),
        "is_elder": elder == "1" if elder else bool(who and who.is_elder),
    }


def static_url(name: str) -> str:
    """Give the address of a static file with a digest of its content, so that it may be cached for ever."""
    return url_for("static", filename=name, v=_digest(str(current_app.static_folder), name))


@lru_cache(maxsize=512)
def _digest(folder: str, name: str) -> str:
    path = Path(folder) / name
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else "missing"


def amount(value: int, unit: str) -> str:
    """Say an amount in the words of its unit."""
    return hours(value) if unit == chart.MINUTES else ngettext("%(n)s 积分", "%(n)s 积分", abs(value), n=value)


def _local(value: datetime) -> datetime:
    return value.astimezone(ZoneInfo(TIME_ZONE))


def moment(value: datetime) -> str:
    """Say a moment as a person reads it in the community: `11月23日 14:05`."""
    return f"{day(_local(value).date())} {_local(value):%H:%M}"


def local_minute(value: datetime) -> str:
    """Write a moment for a file, the same in every language: `2026-11-23 14:05`."""
    return f"{_local(value):%Y-%m-%d %H:%M}"


def clock_time(value: datetime) -> str:
    """Say the time of day of a moment."""
    return f"{_local(value):%H:%M}"


def day(value: date | datetime) -> str:
    """Say a day: `11月23日 周一`, with the year where it is not this one."""
    on = _local(value).date() if isinstance(value, datetime) else value
    this_year = on.year == datetime.now(ZoneInfo(TIME_ZONE)).year
    pattern = gettext("M月d日 EEE") if this_year else gettext("y年M月d日")
    return str(format_date(on, pattern))
