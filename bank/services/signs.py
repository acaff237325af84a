"""What is worth a second look at a visit, as flags of the volunteer's credit. None of them refuses anything."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bank.services import doubling
from bank.services.models import HelpRequest

Flag = dict[str, Any]
Beside = Callable[[Session, int, int], object]
_beside: dict[str, Beside] = {}


def know(code: str, tells: Beside) -> None:
    """Take in what another slice finds between resident and helper, by flag code; the composition root calls it."""
    _beside[code] = tells


def of_visit(
    session: Session,
    request: HelpRequest,
    helper_id: int,
    came: datetime | None,
    went: datetime | None,
    vias: Collection[str | None],
) -> list[Flag]:
    """Give the flags of one helper's part; `vias` are how their coming and going were recorded."""
    seen = {"late_upload": request.is_late_upload, "typed": "number" in vias}
    seen |= {code: bool(tells(session, request.person_id, helper_id)) for code, tells in _beside.items()}
    plain = [{"code": code, "facts": {}} for code, is_so in seen.items() if is_so]
    return [*plain, *doubling.flags(session, request, helper_id, came, went)]
