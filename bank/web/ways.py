"""Where a page leads back to: some addresses only take what a form sends, and cannot be opened again."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request


def here() -> str:
    """Give the address under which this page, or the one its form stood on, can be opened again."""
    return _with_query() if request.method in ("GET", "HEAD") else back() or "/"


def back() -> str | None:
    """Give the page from which a request came, else the nearest above it that can be opened; None where none is."""
    return came_from() or above()


def came_from() -> str | None:
    """Give the page of ours that the browser came from, None where it names none that can be opened again."""
    came = urlsplit(request.referrer or "")
    if came.netloc != request.host or not can_be_opened(came.path):
        return None
    return safe_path(f"{came.path}?{came.query}".rstrip("?"))


def above() -> str | None:
    """Give the nearest page at or above what was asked for that can be opened, but the first page; None for none."""
    steps = request.path.strip("/").split("/")
    paths = ("/" + "/".join(steps[:count]) for count in range(len(steps), 0, -1))
    return next(filter(can_be_opened, paths), None)


def can_be_opened(path: str) -> bool:
    """Tell whether a path is one of a page."""
    return current_app.url_map.bind("").test(path, method="GET")


def safe_path(onward: str | None) -> str | None:
    """Give `onward` if it is a path of our own, else None: a sign-in never sends anyone elsewhere."""
    if not onward or not onward.startswith("/") or onward.startswith("//"):
        return None
    # Browsers read a backslash as a slash and skip tabs and line breaks, so that `/<tab>/` would be `//`.
    if "\\" in onward or not onward.isprintable():
        return None
    # They also walk `.` and `..` before they go, so that `/.//` would be `//`; no page of ours has an empty step.
    path = onward.partition("?")[0].partition("#")[0]
    return None if "//" in path else onward


def _with_query() -> str:
    return request.full_path if request.query_string else request.path
