"""Statements: a shop's month, frozen, confirmed by both sides and settled; providers of services.

The triggers hold whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Id16, Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FROZEN = ("shop_id", "month", "vouchers", "minutes", "points", "value_fen", "hour_fen", "point_fen", "book_minutes", "book_points")
HOME = "(SELECT household_id FROM person WHERE id = NEW.{side}_by)"
SAME = f"NEW.provider_by = NEW.community_by OR {HOME.format(side='provider')} = {HOME.format(side='community')}"
"""NULL, and so not true, where a side is missing or lives nowhere known."""


def upgrade() -> None:
    check = "CONSTRAINT ck_shop_kind CHECK (kind IN ('shop', 'provider'))"
    op.execute(f"ALTER TABLE shop ADD COLUMN kind TEXT NOT NULL DEFAULT 'shop' {check}")
    _settlement()
    _lines()
    _steps()
    changed = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in FROZEN)
    _guard("settlement_frozen", "settlement", "UPDATE", "NEW", "a statement is frozen", f"{changed} OR OLD.state = 'settled' AND NEW.state <> 'settled'")
    _guard("settlement_stays", "settlement", "DELETE", "OLD", "a statement is never deleted", "TRUE")
    _guard("settlement_hands", "settlement", "UPDATE", "NEW", "two households confirm a statement", SAME)
    for table in ("settlement_line", "settlement_step"):
        for event, row in (("UPDATE", "NEW"), ("DELETE", "OLD")):
            _guard(f"{table}_{event.lower()}", table, event, row, "a statement is frozen", "TRUE")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _column(name: str, kind: sa.types.TypeEngine, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, kind, nullable=nullable)


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), ondelete="RESTRICT")


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _settlement() -> None:
    table = "settlement"
    op.create_table(
        table,
        _column("id", BigId),
        _column("public_id", sa.Text()),
        _column("community_id", BigId),
        _column("shop_id", BigId),
        _column("month", Day()),
        _column("state", sa.Text()),
        _column("built_at", Moment()),
        _column("due_at", Moment()),
        *(_column(name, BigId) for name in FROZEN[2:]),
        _column("provider_by", BigId, nullable=True),
        _column("provider_at", Moment(), nullable=True),
        _column("community_by", BigId, nullable=True),
        _column("community_at", Moment(), nullable=True),
        _column("disputed_side", sa.Text(), nullable=True),
        _column("confirmed_at", Moment(), nullable=True),
        _column("settled_by", BigId, nullable=True),
        _column("settled_at", Moment(), nullable=True),
        _column("paid_on", Day(), nullable=True),
        _column("note", sa.Text()),
        _column("settled_txn_id", Id16(), nullable=True),
        _check(table, "state", "state IN ('open', 'disputed', 'confirmed', 'settled')"),
        _check(table, "sums", "minutes >= 0 AND points >= 0 AND minutes + points >= 1 AND value_fen >= 0"),
        _check(table, "provider", "(provider_by IS NULL) = (provider_at IS NULL)"),
        _check(table, "community", "(community_by IS NULL) = (community_at IS NULL)"),
        _check(table, "two_people", "provider_by <> community_by"),
        _check(table, "disputed", "(state = 'disputed') = (disputed_side IS NOT NULL)"),
        _check(table, "side", "disputed_side IN ('provider', 'community')"),
        _check(table, "confirmed", "(state IN ('confirmed', 'settled')) = (confirmed_at IS NOT NULL)"),
        _check(table, "settled", "(state = 'settled') = (settled_at IS NOT NULL)"),
        _check(table, "paid", "(settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (paid_on IS NULL)"),
        _refers(table, "community_id", "community"),
        _refers(table, "shop_id", "shop"),
        _refers(table, "provider_by", "person"),
        _refers(table, "community_by", "person"),
        _refers(table, "settled_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement")),
        sa.UniqueConstraint("public_id", name=op.f("uq_settlement_public_id")),
        sa.UniqueConstraint("shop_id", "month", name=op.f("uq_settlement_shop_id_month")),
        sa.UniqueConstraint("settled_txn_id", name=op.f("uq_settlement_settled_txn_id")),
    )
    op.create_index("ix_settlement_community", table, ["community_id", "id"])
    op.create_index("ix_settlement_due", table, ["state", "due_at"])


def _lines() -> None:
    table = "settlement_line"
    op.create_table(
        table,
        _column("id", BigId),
        _column("settlement_id", BigId),
        _column("number", BigId),
        _column("order_id", BigId),
        _column("code", sa.Text()),
        _column("title", sa.Text()),
        _column("quantity", BigId),
        _column("unit", sa.Text()),
        _column("total", BigId),
        _column("handed_over_at", Moment()),
        _column("value_fen", BigId),
        _refers(table, "settlement_id", "settlement"),
        _refers(table, "order_id", "purchase"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_line")),
        sa.UniqueConstraint("order_id", name=op.f("uq_settlement_line_order_id")),
        sa.UniqueConstraint("settlement_id", "number", name=op.f("uq_settlement_line_settlement_id_number")),
    )


def _steps() -> None:
    table = "settlement_step"
    op.create_table(
        table,
        _column("id", BigId),
        _column("settlement_id", BigId),
        _column("step", sa.Text()),
        _column("side", sa.Text(), nullable=True),
        _column("by_person_id", BigId, nullable=True),
        _column("at", Moment()),
        _column("words", sa.Text()),
        _check(table, "side", "side IN ('provider', 'community')"),
        _refers(table, "settlement_id", "settlement"),
        _refers(table, "by_person_id", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_step")),
    )
    op.create_index(op.f("ix_settlement_step_settlement_id"), table, ["settlement_id"])


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _guard(name: str, table: str, event: str, row: str, why: str, when: str) -> None:
    """Refuse an event on a row where something is so."""
    if not _is_postgres():
        check = f"SELECT RAISE(ABORT, 'the bank refuses: {why}') WHERE {when};"
        op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN {check} END"))
        return
    check = f"IF {when} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {why}'; END IF;"
    body = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  {check}\n  RETURN {row};\nEND $$"
    op.execute(sa.text(body))
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
