"""Help that takes two trained people, hours given back in part, and who was trained for what.

The triggers hold whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Id16, Moment

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

GOING_ON = "('accepted', 'in_service', 'to_confirm', 'disputed')"
NEW_COLUMNS = (
    ("helpers", "{number} NOT NULL DEFAULT 1", "helpers IN (1, 2)"),
    ("second_id", "{number}", "second_id IS NULL OR (helpers = 2 AND second_id <> person_id AND second_id <> volunteer_id)"),
    ("second_accepted_at", "{moment}", f"helpers = 1 OR state NOT IN {GOING_ON} OR (second_id IS NOT NULL AND second_accepted_at IS NOT NULL)"),
    ("second_arrived_at", "{moment}", "helpers = 1 OR state NOT IN ('in_service', 'to_confirm') OR (arrived_at IS NOT NULL AND second_arrived_at IS NOT NULL)"),
    ("second_arrived_via", "TEXT", None),
    ("second_left_at", "{moment}", "helpers = 1 OR state <> 'to_confirm' OR (left_at IS NOT NULL AND second_left_at IS NOT NULL)"),
    ("second_left_via", "TEXT", None),
    ("second_agreed_at", "{moment}", None),
    ("second_words", "TEXT", None),
    ("second_paid_minutes", "{number}", "second_paid_minutes IS NULL OR (paid_minutes IS NOT NULL AND helpers = 2 AND second_paid_minutes BETWEEN 1 AND minutes)"),
    ("second_credit_id", "{number}", None),
    ("refunded_minutes", "{number} NOT NULL DEFAULT 0", "refunded_minutes BETWEEN 0 AND COALESCE(paid_minutes, 0) + COALESCE(second_paid_minutes, 0)"),
)
NAMES = {
    "helpers": "helpers",
    "second_id": "second_is_another",
    "second_accepted_at": "two_promise",
    "second_arrived_at": "two_begin",
    "second_left_at": "two_leave",
    "second_paid_minutes": "second_paid_minutes",
    "refunded_minutes": "refunded_minutes",
}
TRAINED = "EXISTS (SELECT 1 FROM help_training t WHERE t.person_id = NEW.{who} AND t.kind = NEW.kind AND t.ended_at IS NULL)"
UNTRAINED = (
    "NEW.helpers = 2 AND NEW.state = 'accepted' AND OLD.state <> 'accepted' "
    f"AND NOT ({TRAINED.format(who='volunteer_id')} AND {TRAINED.format(who='second_id')})"
)


def upgrade() -> None:
    is_postgres = _is_postgres()
    number = "BIGINT" if is_postgres else "INTEGER"
    moment = "TIMESTAMP WITH TIME ZONE" if is_postgres else "INTEGER"
    for column, kind, rule in NEW_COLUMNS:
        text = kind.format(number=number, moment=moment)
        check = f" CONSTRAINT ck_help_request_{NAMES[column]} CHECK ({rule})" if rule else ""
        refers = {"second_id": "person", "second_credit_id": "credit"}.get(column)
        key = f" CONSTRAINT fk_help_request_{column} REFERENCES {refers} (id)" if refers else ""
        op.execute(f"ALTER TABLE help_request ADD COLUMN {column} {text}{key}{check}")
    op.create_index("ix_help_request_second", "help_request", ["second_id", "id"])
    op.create_index("ux_help_request_second_credit", "help_request", ["second_credit_id"], unique=True)
    _training()
    _refunds()
    _guard("help_two_trained", "help_request", "UPDATE", "NEW", "two trained people go", UNTRAINED)
    for event, row in (("UPDATE", "NEW"), ("DELETE", "OLD")):
        _guard(f"help_refund_{event.lower()}", "help_refund", event, row, "what was given back stays", "TRUE")
    _guard("help_training_delete", "help_training", "DELETE", "OLD", "who checked a training stays", "TRUE")


def _training() -> None:
    table = "help_training"
    op.create_table(
        table,
        sa.Column("id", BigId, nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("paper", sa.Text(), nullable=False),
        sa.Column("checked_by", BigId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("ended_by", BigId, nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.CheckConstraint("checked_by <> person_id", name=op.f("ck_help_training_checked_by_another")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_help_training_ended")),
        _refers(table, "community_id", "community"),
        *(_refers(table, one, "person") for one in ("person_id", "checked_by", "ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_training")),
        sqlite_strict=True,
    )
    where = sa.text("ended_at IS NULL")
    op.create_index("ux_help_training_now", table, ["person_id", "kind"], unique=True, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_help_training_kind", table, ["community_id", "kind"])


def _refunds() -> None:
    table = "help_refund"
    op.create_table(
        table,
        sa.Column("request_id", BigId, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("minutes", BigId, nullable=False),
        sa.Column("txn_id", Id16(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.CheckConstraint("minutes >= 1", name=op.f("ck_help_refund_minutes")),
        _refers(table, "request_id", "help_request"),
        sa.PrimaryKeyConstraint("request_id", "number", name=op.f("pk_help_refund")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_help_refund_txn_id")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="RESTRICT")


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
