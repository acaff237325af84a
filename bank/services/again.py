"""A refusal on a page of help at home is drawn on the page as it is now, and not on one that leads nowhere."""

from __future__ import annotations

from datetime import datetime

from flask import flash, make_response, request
from flask.typing import ResponseReturnValue

from bank import db
from bank.checkin.bearers import CardLocked
from bank.errors import Conflict, Invalid, NotFound, TooMany
from bank.members import login
from bank.members.actor import STAFF, Actor
from bank.services.desk_views import desk, desk_page
from bank.services.views import in_words, open_list, pages
from bank.services.visit_views import visit_page
from bank.web.errors import is_for_programs, problem
from bank.web.i18n import translate
from bank.web.pages import moment
from bank.web.replay import KeyReused

__all__ = ["pages"]


@pages.errorhandler(Conflict)
@pages.errorhandler(Invalid)
@pages.errorhandler(CardLocked)
def draw_again(refusal: Conflict | Invalid | CardLocked) -> ResponseReturnValue:
    """Say no on the page the form stood on; who may no longer see it gets the list it is gone from."""
    status = 429 if isinstance(refusal, TooMany) else 422 if isinstance(refusal, Invalid | KeyReused) else 409
    errors = in_words(refusal) if isinstance(refusal, Invalid) else {}
    wrong = _sentence(refusal)
    if is_for_programs():
        return problem(status, refusal.code, wrong, **({"errors": errors} if isinstance(refusal, Invalid) else {}))
    db.drop()
    answer = make_response(_page(login.actor(), errors, wrong), status)
    if isinstance(refusal, TooMany):
        answer.headers["Retry-After"] = str(refusal.retry_after_s)
    return answer


def _sentence(refusal: Conflict | Invalid | CardLocked) -> str:
    """Say why, with moments as people write them."""
    facts = {name: moment(fact) if isinstance(fact, datetime) else fact for name, fact in refusal.facts.items()}
    return translate(refusal.sentence, facts)


def _page(who: Actor, errors: dict[str, list[str]], wrong: str) -> ResponseReturnValue:
    is_desk = who.may(*STAFF) and (request.path.startswith("/desk/") or request.form.get("at") == "desk")
    public_id = (request.view_args or {}).get("public_id")
    if public_id is not None:
        try:
            draw = desk_page if is_desk else visit_page
            return draw(who, public_id, errors=errors, wrong="" if errors else wrong)
        except NotFound:
            db.drop()
    flash(next(iter(errors.values()))[0] if errors else wrong, "error")
    return desk() if is_desk else open_list()
