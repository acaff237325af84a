"""Routes of the passbook and the public board. The transaction is the volunteer's."""

from sqlalchemy import select

from bank.members import passwords
from bank.members.models import Person
from bank.shop.models import Order
from tests.access.rows import EVERYONE, MEMBERS, Call, Row
from tests.shop.market import PIN, build_market
from tests.world import World


def _line(world: World, who: str) -> Call:
    placed = build_market(world).order()
    with world.write() as session:
        return Call({"txn_id": str(session.scalars(select(Order.hold_txn_id).where(Order.id == placed.id)).one())})


def _at_desk(world: World, who: str) -> Call:
    resident = world.people["resident"].id
    with world.write() as session:
        session.get_one(Person, resident).pin_hash = passwords.make_hash(PIN)
    return Call({"public_id": world.people["resident"].public_id}, {"pin": PIN})


ROWS = (
    Row("GET", "/passbook", MEMBERS),
    Row("GET", "/passbook/print", MEMBERS),
    Row("GET", "/passbook/refused", MEMBERS),
    Row("GET", "/passbook/<txn_id>", ("volunteer",), refuse=404, prepare=_line),
    Row("GET", "/passbook/<txn_id>/proof", ("volunteer",), refuse=404, prepare=_line),
    Row("GET", "/passbook/<txn_id>/proof.json", ("volunteer",), refuse=404, prepare=_line),
    Row("GET", "/people/<public_id>/passbook", ("coordinator", "second"), prepare=_at_desk),
    Row("POST", "/people/<public_id>/passbook", ("coordinator", "second"), prepare=_at_desk),
    Row("GET", "/board", EVERYONE),
    Row("GET", "/api/v1/me", MEMBERS),
    Row("GET", "/api/v1/me/statement", MEMBERS),
)
