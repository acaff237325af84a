"""Refusals become a page or a problem document; the only place that knows status numbers."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from bank.errors import (
    BankError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    SignInNeeded,
    TooMany,
    say,
)
from bank.web import ways
from bank.web.i18n import translate
from bank.web.replay import KeyReused
from bank.web.who import ask_no_more, viewer
from ledger import errors as book

STATUS: tuple[tuple[type[BankError], int], ...] = (
    (KeyReused, 422),
    (NotFound, 404),
    (NotAllowed, 403),
    (SignInNeeded, 401),
    (TooMany, 429),
    (Invalid, 422),
    (Conflict, 409),
)
HTTP_PROBLEMS = {
    400: ("invalid", say("请求的内容读不懂，请检查后再发。")),
    404: ("not_found", NotFound.sentence),
    405: ("method_not_allowed", say("这个地址不接受这种请求。")),
    413: ("too_large", say("内容太大了，请减小后再试。")),
    415: ("invalid", say("请求的内容类型不对，请发送 JSON。")),
    422: ("invalid", Invalid.sentence),
    429: ("rate_limited", say("请求太多了，请稍后再试。")),
}
SIGNED_OUT = say("您还没有登录，或者已经退出，这一步没有做。请先登录，再返回重新做一次。")
STALE = say("这个页面打开以后重新登录过，这一步没有做。请返回重新做一次。")
TITLES = {
    0: say("出了点问题"),
    401: say("请先登录"),
    403: say("没有权限"),
    404: say("没有找到"),
    409: say("现在不行"),
    413: say("太大了"),
    422: say("需要改一改"),
    429: say("请稍等"),
    503: say("系统正忙"),
}
LEADS_BACK = (405, 409, 413, 422, 429)
"""What may be tried again, or looked at anew, on the page it came from."""
BOOK_REFUSALS: dict[type[book.LedgerError], tuple[str, str]] = {
    book.InsufficientFunds: ("insufficient_funds", say("余额不够，什么也没有扣。")),
    book.LimitExceeded: ("cap_exceeded", say("这样会超过账户的上限。")),
    book.AccountFrozen: ("account_frozen", say("这个账户已被冻结，请联系社区工作人员。")),
    book.PeriodClosed: ("period_closed", say("这一天的账已经结了，不能再记到那一天。")),
}


def init(app: Flask) -> None:
    """Answer every refusal in the form that was asked for."""
    app.before_request(_refuse_nul)
    app.register_error_handler(BankError, _on_bank_error)
    app.register_error_handler(book.LedgerError, _on_book_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(DBAPIError, _on_database_error)


def _refuse_nul() -> None:
    """Refuse a NUL anywhere in the address or a form: no keyboard types it and PostgreSQL cannot keep it."""
    if "\x00" in request.path:
        raise NotFound
    for values in (request.args, request.form):
        if any("\x00" in text for pair in values.items(multi=True) for text in pair):
            raise Invalid


def is_for_programs() -> bool:
    """Tell whether the answer is JSON: the API, and page scripts that ask for it."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """Make a problem document of RFC 9457 with a stable code."""
    response = jsonify({"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail, **more})
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def _answer(status: int, code: str, sentence: str, **more: Any) -> Response:
    if is_for_programs():
        return problem(status, code, sentence, **more)
    title = translate(TITLES.get(status, TITLES[0]))
    if status in LEADS_BACK:
        more.setdefault("came_from", ways.back())
    page = render_template("errors/error.html", status=status, code=code, title=title, detail=sentence, **more)
    return current_app.make_response((page, status))


def _on_bank_error(error: BankError) -> ResponseReturnValue:
    status = next(number for kind, number in STATUS if isinstance(error, kind))
    if isinstance(error, SignInNeeded) and not is_for_programs():
        onward = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("members.sign_in", next=onward))
    more: dict[str, Any] = {}
    if isinstance(error, Invalid):
        more["errors"] = {name: [translate(text) for text in texts] for name, texts in error.errors.items()}
    response = _answer(status, error.code, translate(error.sentence, error.facts), **more)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _on_book_error(error: book.LedgerError) -> ResponseReturnValue:
    for kind, (code, sentence) in BOOK_REFUSALS.items():
        if isinstance(error, kind):
            return _answer(409, code, translate(sentence))
    if isinstance(error, book.IdempotencyConflict):
        return _answer(422, KeyReused.code, translate(KeyReused.sentence))
    if isinstance(error, book.Retryable | book.StorageFailed):
        return _busy()
    raise error


def _on_http_error(error: HTTPException) -> ResponseReturnValue:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, DBAPIError):
        # The page of another refusal asked who is looking, and found the database gone.
        return _on_database_error(cause)
    status = error.code or 500
    if status < 400:
        return error
    if isinstance(error, CSRFError):
        return _refuse_stale_form()
    if status == 405 and request.method == "GET" and not is_for_programs() and (page := ways.above()):
        return redirect(page)  # as where somebody reloads the page that answered a form
    if status == 400 and is_for_programs():
        status = 422
    code, sentence = HTTP_PROBLEMS.get(status, ("error", say("出了点问题，请稍后再试。")))
    more: dict[str, Any] = {}
    if status == 422:
        more["errors"] = _field_errors(getattr(error, "data", None))
    response = _answer(status, code, translate(sentence), **more)
    if status == 405 and getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
    return response


def _refuse_stale_form() -> Response:
    """Lead back to the page the form stood on, through the sign-in where that has ended."""
    is_out = viewer() is None
    sentence = translate(SIGNED_OUT if is_out else STALE)
    if is_for_programs():
        return problem(400, "invalid", sentence)
    return _answer(400, "invalid", sentence, came_from=ways.came_from(), is_out=is_out)


def _field_errors(data: Any) -> dict[str, list[str]]:
    """Flatten webargs' messages (`{place: {field: [texts]}}`) to one level of field names."""
    found: dict[str, list[str]] = {}

    def walk(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{name}.{_writable(key)}" if name else _writable(key), inner)
        else:
            texts = value if isinstance(value, list) else [value]
            found.setdefault(name or "body", []).extend(translate(str(text)) for text in texts)

    for fields in ((data or {}).get("messages") or {}).values():
        walk("", fields)
    return found


def _writable(name: object) -> str:
    """Give a field's name as it came, but for half a letter: JSON may hold one, and no answer can."""
    return str(name).encode("utf-8", "replace").decode()


def _on_database_error(error: DBAPIError) -> ResponseReturnValue:
    ask_no_more()
    current_app.logger.error("database refused: %s", type(error.orig).__name__)
    if current_app.testing:
        raise error
    return _busy()


def _busy() -> Response:
    sentence = say("系统正忙，刚才这一步没有完成。请稍等片刻，再按一次。")
    response = _answer(503, "unavailable", translate(sentence))
    response.headers["Retry-After"] = "2"
    return response
