"""Whether somebody's account takes part in anything new."""

from __future__ import annotations

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
    of_them = (
        AccountRow.ledger_id == person.community_id,
        AccountRow.path == chart.member(person.public_id),
        AccountRow.unit == chart.MINUTES,
    )
    same = (BalanceRow.ledger_id == AccountRow.ledger_id) & (BalanceRow.account_id == AccountRow.id)
    account = select(BalanceRow.frozen).join(AccountRow, same).where(*of_them)
    return bool(session.scalar(account))
