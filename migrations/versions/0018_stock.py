"""The stock's own ledger, donated goods, and counts by two people.

What stands on a shelf so far becomes its first movement. The triggers hold whatever the code above believes. Their text
is frozen here on purpose.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Flag, Moment

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WAITING = "state = 'waiting'"
SIGN = (
    "(kind IN ('in', 'back', 'donation') AND quantity > 0) OR (kind IN ('out', 'damage') AND quantity < 0) "
    "OR (kind = 'count' AND quantity <> 0)"
)


def upgrade() -> None:
    _donation()
    _stocktake()
    _movement()
    _open_balances()
    for table in ("stock_movement", "goods_donation", "stocktake_line"):
        for event, row in (("UPDATE", "NEW"), ("DELETE", "OLD")):
            _guard(f"{table}_{event.lower()}", table, event, row, f"a {table} is only ever added", "TRUE")
    near = (
        "NEW.state = 'confirmed' AND EXISTS (SELECT 1 FROM person a JOIN person b ON a.household_id = b.household_id "
        "WHERE a.id = NEW.counted_by AND b.id = NEW.confirmed_by)"
    )
    _guard("stocktake_household", "stocktake", "UPDATE", "NEW", "a household confirms its own count", near)


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _donation() -> None:
    op.create_table(
        "goods_donation",
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        *_to("goods_donation", "community_id", "community"),
        *_to("goods_donation", "item_id", "item"),
        sa.Column("quantity", BigId, nullable=False),
        sa.Column("donor", sa.Text(), nullable=False),
        sa.Column("is_named", Flag(), nullable=False),
        *_to("goods_donation", "received_by", "person"),
        sa.Column("received_at", Moment(), nullable=False),
        _check("goods_donation", "quantity", "quantity BETWEEN 1 AND 1000000"),
        _check("goods_donation", "donor", "donor <> ''"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goods_donation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_goods_donation_public_id")),
    )
    op.create_index("ix_goods_donation_shown", "goods_donation", ["community_id", "is_named", "id"])
    op.create_index(op.f("ix_goods_donation_item_id"), "goods_donation", ["item_id"])


def _stocktake() -> None:
    op.create_table(
        "stocktake",
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        *_to("stocktake", "community_id", "community"),
        *_to("stocktake", "shop_id", "shop"),
        sa.Column("state", sa.Text(), nullable=False),
        *_to("stocktake", "counted_by", "person"),
        sa.Column("counted_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        *_to("stocktake", "confirmed_by", "person", nullable=True),
        *_to("stocktake", "ended_by", "person", nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        _check("stocktake", "state", "state IN ('waiting', 'confirmed', 'sent_back', 'withdrawn', 'expired')"),
        _check("stocktake", "confirmed_by_another", "confirmed_by <> counted_by"),
        _check("stocktake", "confirmed_by_somebody", "(state = 'confirmed') = (confirmed_by IS NOT NULL)"),
        _check("stocktake", "ended", "(state = 'waiting') = (ended_at IS NULL)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stocktake")),
        sa.UniqueConstraint("public_id", name=op.f("uq_stocktake_public_id")),
    )
    op.create_index("ix_stocktake_due", "stocktake", ["state", "due_at"])
    op.create_index(op.f("ix_stocktake_shop_id"), "stocktake", ["shop_id"])
    where = sa.text(WAITING)
    op.create_index(
        "ux_stocktake_waiting", "stocktake", ["shop_id"], unique=True, sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "stocktake_line",
        *_to("stocktake_line", "stocktake_id", "stocktake"),
        *_to("stocktake_line", "item_id", "item"),
        sa.Column("expected", BigId, nullable=False),
        sa.Column("counted", BigId, nullable=False),
        _check("stocktake_line", "numbers", "expected >= 0 AND counted BETWEEN 0 AND 1000000"),
        sa.PrimaryKeyConstraint("stocktake_id", "item_id", name=op.f("pk_stocktake_line")),
    )


def _movement() -> None:
    op.create_table(
        "stock_movement",
        _id(),
        *_to("stock_movement", "item_id", "item"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", BigId, nullable=False),
        sa.Column("stock_after", BigId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        *_to("stock_movement", "by_person_id", "person", nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        *_to("stock_movement", "order_id", "purchase", nullable=True),
        *_to("stock_movement", "donation_id", "goods_donation", nullable=True),
        *_to("stock_movement", "stocktake_id", "stocktake", nullable=True),
        _check("stock_movement", "kind", "kind IN ('in', 'out', 'back', 'count', 'damage', 'donation')"),
        _check("stock_movement", "sign", SIGN),
        _check("stock_movement", "stock_after", "stock_after >= 0"),
        _check("stock_movement", "order", "(order_id IS NOT NULL) = (kind IN ('out', 'back'))"),
        _check("stock_movement", "donation", "(donation_id IS NOT NULL) = (kind = 'donation')"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
        sa.UniqueConstraint("order_id", "kind", name=op.f("uq_stock_movement_order_id_kind")),
        sa.UniqueConstraint("donation_id", name=op.f("uq_stock_movement_donation_id")),
        sa.UniqueConstraint("stocktake_id", "item_id", name=op.f("uq_stock_movement_stocktake_id_item_id")),
    )
    op.create_index("ix_stock_movement_item", "stock_movement", ["item_id", "id"])


def _open_balances() -> None:
    statement = sa.text(
        "INSERT INTO stock_movement (item_id, kind, quantity, stock_after, at) "
        "SELECT id, 'count', stock, stock, :now FROM item WHERE stock > 0"
    ).bindparams(sa.bindparam("now", datetime.now(UTC), Moment()))
    op.execute(statement)


def _id() -> sa.Column[int]:
    return sa.Column("id", BigId, nullable=False)


def _to(table: str, column: str, other: str, *, nullable: bool = False) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    name = op.f(f"fk_{table}_{column}_{other}")
    key = sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="RESTRICT")
    return sa.Column(column, BigId, nullable=nullable), key


def _check(table: str, name: str, text: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))


def _guard(name: str, table: str, event: str, row: str, why: str, when: str) -> None:
    """Refuse an event on a row where something is so."""
    if op.get_context().dialect.name != "postgresql":
        check = f"SELECT RAISE(ABORT, 'the bank refuses: {why}') WHERE {when};"
        op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN {check} END"))
        return
    check = f"IF {when} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {why}'; END IF;"
    body = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  {check}\n  RETURN {row};\nEND $$"
    op.execute(sa.text(body))
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
