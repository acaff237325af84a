"""Whether somebody's account takes part in anything new."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import chart
from bank.errors import Conflict, say
from bank.members.models import Person
from ledger.models import AccountRow, BalanceRow


class Stopped(Conflict):
    """The book has frozen the account, as while a farewell is under way."""

    code = "account_frozen"
    sentence = say("这个账户先停用了，什么也没有扣。弄错了，请到服务台问一问。")


def check_open(session: Session, person: Person) -> None:
    """Go on where the book has not frozen a person's account. Raises Stopped."""
    if is_stopped(session, person):
        raise Stopped


def is_stopped(session: Session, person: Person) -> bool:
    """Tell whether the book has frozen a person's account."""
    return person.id in stopped(session, [person])


def stopped(session: Session, people: Collection[Person]) -> set[int]:
    """Give the row ids of those whose account the book has frozen."""
    paths = {chart.member(person.public_id): person.id for person in people}
    same = (BalanceRow.ledger_id == AccountRow.ledger_id) & (BalanceRow.account_id == AccountRow.id)
    frozen = (
        select(AccountRow.path)
        .join(BalanceRow, same)
        .where(
            AccountRow.ledger_id.in_({person.community_id for person in people}),
            AccountRow.path.in_(paths),
            AccountRow.unit == chart.MINUTES,
            BalanceRow.frozen,
        )
    )
    return {paths[path] for path in session.scalars(frozen)}
