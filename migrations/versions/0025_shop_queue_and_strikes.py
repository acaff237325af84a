"""The queue for whoever has a card alone; hand-overs struck afterwards; reasons as codes; donors' names looked at.

Rule versions from before reckoned a point at 10 fen where they said nothing: that is written into them, so that what
was agreed stays. The trigger holds whatever the code above believes. Its text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Flag, Id16, Json, Moment

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

CODES = "'not_there', 'broken', 'absent', 'taken_back', 'struck', 'closed'"
KNOWN = {"货不够了": "not_there", "店员在柜台撤销了": "taken_back"}
LIVING = "state IN ('proposed', 'struck')"
HOME = "(SELECT household_id FROM person WHERE id = NEW.{who})"
SAME = f"NEW.state = 'struck' AND {HOME.format(who='proposed_by')} = {HOME.format(who='decided_by')}"


def upgrade() -> None:
    _reasons()
    _queue()
    _donors()
    _strikes()
    _prices()


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _reasons() -> None:
    op.execute(
        f"ALTER TABLE purchase ADD COLUMN end_code TEXT CONSTRAINT ck_purchase_end_code CHECK (end_code IN ({CODES}))"
    )
    purchase = sa.table("purchase", sa.column("end_code"), sa.column("end_reason"))
    for words, code in KNOWN.items():
        same = purchase.update().where(purchase.c.end_reason == words)
        op.execute(same.values(end_code=code, end_reason=None))


def _queue() -> None:
    number, moment = ("BIGINT", "TIMESTAMP WITH TIME ZONE") if _is_postgres() else ("INTEGER", "INTEGER")
    op.execute(f"ALTER TABLE queue_place ADD COLUMN ticket {number} NOT NULL DEFAULT 0")
    earlier = (
        "SELECT count(*) FROM queue_place o WHERE o.community_id = queue_place.community_id AND o.id <= queue_place.id"
    )
    op.execute(f"UPDATE queue_place SET ticket = ({earlier})")
    for name in ("joined_by", "told_by"):
        key = f"CONSTRAINT fk_queue_place_{name}_person REFERENCES person (id)"
        op.execute(f"ALTER TABLE queue_place ADD COLUMN {name} {number} {key}")
    check = "CONSTRAINT ck_queue_place_told CHECK ((told_by IS NULL) = (told_at IS NULL))"
    op.execute(f"ALTER TABLE queue_place ADD COLUMN told_at {moment} {check}")
    op.create_index("ux_queue_place_ticket", "queue_place", ["community_id", "ticket"], unique=True)


def _donors() -> None:
    op.create_table(
        "donor_look",
        _column("donation_id", BigId),
        _column("is_shown", Flag()),
        _column("looked_by", BigId),
        _column("looked_at", Moment()),
        _refers("donor_look", "donation_id", "goods_donation"),
        _refers("donor_look", "looked_by", "person"),
        sa.PrimaryKeyConstraint("donation_id", name=op.f("pk_donor_look")),
    )


def _strikes() -> None:
    table = "strike"
    op.create_table(
        table,
        _column("id", BigId),
        _column("public_id", sa.Text()),
        _column("community_id", BigId),
        _column("shop_id", BigId),
        _column("order_id", BigId),
        _column("handed_over_at", Moment()),
        _column("unit", sa.Text()),
        _column("total", BigId),
        _column("state", sa.Text()),
        _column("side", sa.Text()),
        _column("reason", sa.Text()),
        _column("proposed_by", BigId),
        _column("proposed_at", Moment()),
        _column("due_at", Moment()),
        _column("decided_by", BigId, nullable=True),
        _column("ended_at", Moment(), nullable=True),
        _column("line_id", BigId, nullable=True),
        _column("settlement_id", BigId, nullable=True),
        _column("reversal_txn_id", Id16(), nullable=True),
        _check(table, "state", "state IN ('proposed', 'struck', 'refused', 'withdrawn', 'lapsed')"),
        _check(table, "side", "side IN ('provider', 'community')"),
        _check(table, "reason", "reason <> ''"),
        _check(table, "ended", "(state = 'proposed') = (ended_at IS NULL)"),
        _check(table, "struck", "(state = 'struck') = (reversal_txn_id IS NOT NULL)"),
        _check(table, "two_people", "state <> 'struck' OR decided_by <> proposed_by AND decided_by IS NOT NULL"),
        _check(table, "statement", "settlement_id IS NULL OR line_id IS NOT NULL AND state = 'struck'"),
        *(_refers(table, *pair) for pair in REFERENCES),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strike")),
        sa.UniqueConstraint("public_id", name=op.f("uq_strike_public_id")),
        sa.UniqueConstraint("line_id", name=op.f("uq_strike_line_id")),
        sa.UniqueConstraint("reversal_txn_id", name=op.f("uq_strike_reversal_txn_id")),
    )
    op.create_index("ix_strike_shop", table, ["shop_id", "state", "id"])
    op.create_index("ix_strike_due", table, ["state", "due_at"])
    for name in ("community_id", "settlement_id"):
        op.create_index(op.f(f"ix_strike_{name}"), table, [name])
    where = sa.text(LIVING)
    op.create_index("ux_strike_order", table, ["order_id"], unique=True, sqlite_where=where, postgresql_where=where)
    _guard("strike_household", table, "UPDATE", "NEW", "two households strike a hand-over", SAME)
    _guard(
        "strike_stays",
        table,
        "UPDATE",
        "NEW",
        "what was struck stays struck",
        "OLD.state = 'struck' AND NEW.state <> 'struck'",
    )
    _guard("strike_kept", table, "DELETE", "OLD", "a strike is never deleted", "TRUE")


REFERENCES = (
    ("community_id", "community"),
    ("shop_id", "shop"),
    ("order_id", "purchase"),
    ("proposed_by", "person"),
    ("decided_by", "person"),
    ("line_id", "settlement_line"),
    ("settlement_id", "settlement"),
)


def _prices() -> None:
    """Write the price of a point that versions and proposals from before left to the default of then."""
    connection = op.get_bind()
    for name in ("rule_version", "rule_proposal"):
        table = sa.table(name, sa.column("id", BigId), sa.column("settings", Json()))
        for row in connection.execute(sa.select(table.c.id, table.c.settings)).all():
            if "point_reference_fen" not in row.settings:
                kept = {**row.settings, "point_reference_fen": 10}
                connection.execute(table.update().where(table.c.id == row.id).values(settings=kept))


def _column(name: str, kind: sa.types.TypeEngine, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, kind, nullable=nullable)


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), ondelete="RESTRICT"
    )


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


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
