"""Time, expiry, proof: lots and their moves, the period's row, the log with its queues, `balance.dated`.

Nobody could close a period before this version, so the empty table `period_close` is made anew with what a
leaf of the log needs. The trigger text is frozen here on purpose, as in 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Bytes, Day, Flag, Id16, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


SQLITE_TRIGGERS = (
    """CREATE TRIGGER lot_move_refuse_update BEFORE UPDATE ON lot_move BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on lot_move'); END""",
    """CREATE TRIGGER lot_move_refuse_delete BEFORE DELETE ON lot_move BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on lot_move'); END""",
    """CREATE TRIGGER lot_move_refuse_replace BEFORE INSERT ON lot_move WHEN EXISTS (SELECT 1 FROM lot_move WHERE ledger_id = NEW.ledger_id AND txn_id = NEW.txn_id AND ordinal = NEW.ordinal AND account_id = NEW.account_id AND expires_on = NEW.expires_on) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on lot_move'); END""",
    """CREATE TRIGGER period_close_refuse_update BEFORE UPDATE ON period_close BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on period_close'); END""",
    """CREATE TRIGGER period_close_refuse_delete BEFORE DELETE ON period_close BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on period_close'); END""",
    """CREATE TRIGGER period_close_refuse_replace BEFORE INSERT ON period_close WHEN EXISTS (SELECT 1 FROM period_close WHERE ledger_id = NEW.ledger_id AND closed_through = NEW.closed_through) OR EXISTS (SELECT 1 FROM period_close WHERE ledger_id = NEW.ledger_id AND id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on period_close'); END""",
    """CREATE TRIGGER log_leaf_refuse_update BEFORE UPDATE ON log_leaf BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on log_leaf'); END""",
    """CREATE TRIGGER log_leaf_refuse_delete BEFORE DELETE ON log_leaf BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on log_leaf'); END""",
    """CREATE TRIGGER log_leaf_refuse_replace BEFORE INSERT ON log_leaf WHEN EXISTS (SELECT 1 FROM log_leaf WHERE ledger_id = NEW.ledger_id AND idx = NEW.idx) OR EXISTS (SELECT 1 FROM log_leaf WHERE ledger_id = NEW.ledger_id AND subject_id = NEW.subject_id) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on log_leaf'); END""",
    """CREATE TRIGGER checkpoint_refuse_update BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on checkpoint'); END""",
    """CREATE TRIGGER checkpoint_refuse_delete BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on checkpoint'); END""",
    """CREATE TRIGGER checkpoint_refuse_replace BEFORE INSERT ON checkpoint WHEN EXISTS (SELECT 1 FROM checkpoint WHERE ledger_id = NEW.ledger_id AND size = NEW.size AND key_hash = NEW.key_hash) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on checkpoint'); END""",
)

POSTGRESQL_TRIGGERS = (
    """CREATE TRIGGER lot_move_refuse_row BEFORE UPDATE OR DELETE ON lot_move FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE lot_move ENABLE ALWAYS TRIGGER lot_move_refuse_row""",
    """CREATE TRIGGER lot_move_refuse_all BEFORE TRUNCATE ON lot_move EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE lot_move ENABLE ALWAYS TRIGGER lot_move_refuse_all""",
    """CREATE TRIGGER period_close_refuse_row BEFORE UPDATE OR DELETE ON period_close FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_refuse_row""",
    """CREATE TRIGGER period_close_refuse_all BEFORE TRUNCATE ON period_close EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_refuse_all""",
    """CREATE TRIGGER log_leaf_refuse_row BEFORE UPDATE OR DELETE ON log_leaf FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE log_leaf ENABLE ALWAYS TRIGGER log_leaf_refuse_row""",
    """CREATE TRIGGER log_leaf_refuse_all BEFORE TRUNCATE ON log_leaf EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE log_leaf ENABLE ALWAYS TRIGGER log_leaf_refuse_all""",
    """CREATE TRIGGER checkpoint_refuse_row BEFORE UPDATE OR DELETE ON checkpoint FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE checkpoint ENABLE ALWAYS TRIGGER checkpoint_refuse_row""",
    """CREATE TRIGGER checkpoint_refuse_all BEFORE TRUNCATE ON checkpoint EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE checkpoint ENABLE ALWAYS TRIGGER checkpoint_refuse_all""",
)

STRICT = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    op.execute("DROP TABLE period_close")
    _balance()
    _lots()
    _periods()
    _closings()
    _queues()
    _log()
    for statement in POSTGRESQL_TRIGGERS if _is_postgres() else SQLITE_TRIGGERS:
        op.execute(sa.text(statement))
    if _is_postgres():
        _links()
    op.execute("INSERT INTO period (ledger_id) SELECT DISTINCT ledger_id FROM account")
    op.execute("INSERT INTO unsealed (ledger_id, subject_id, leaf_hash) SELECT ledger_id, id, leaf_hash FROM txn")


def downgrade() -> None:
    raise RuntimeError("the book cannot be downgraded; restore a backup into another database instead")


def _links() -> None:
    """Turn two unique keys round, so that a session without statistics does not look for transactions through them."""
    for column in ("reverses_id", "resolves_id"):
        name = f"uq_txn_ledger_id_{column}"
        op.drop_constraint(name, "txn", type_="unique")
        op.create_unique_constraint(name, "txn", [column, "ledger_id"])


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, BigId, nullable=False)


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, Id16(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, Bytes, nullable=False)


def _account_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["ledger_id", "account_id"],
        ["account.ledger_id", "account.id"],
        name=f"fk_{table}_ledger_id_account_id",
        ondelete="RESTRICT",
    )


def _transfer_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["ledger_id", "txn_id", "ordinal"],
        ["transfer.ledger_id", "transfer.txn_id", "transfer.ordinal"],
        name=f"fk_{table}_ledger_id_txn_id_ordinal",
        ondelete="RESTRICT",
    )


def _balance() -> None:
    rule = "dated >= 0 AND (dated = 0 OR dated <= cr_posted - dr_posted)"
    if _is_postgres():
        op.execute("ALTER TABLE balance ADD COLUMN dated BIGINT NOT NULL DEFAULT 0")
        op.execute("ALTER TABLE balance ALTER COLUMN dated DROP DEFAULT")
        op.create_check_constraint(op.f("ck_balance_dated"), "balance", rule)
        return
    # SQLite can only add a column with a default; the projection moves out and back into a table without one.
    op.execute("CREATE TEMPORARY TABLE balance_before AS SELECT * FROM balance")
    op.execute("DROP TABLE balance")
    op.create_table(
        "balance",
        _int("ledger_id"),
        _id("account_id"),
        _int("dr_posted"),
        _int("cr_posted"),
        _int("held"),
        sa.Column("min_balance", BigId),
        sa.Column("max_balance", BigId),
        sa.Column("frozen", Flag(), nullable=False),
        _int("seq"),
        sa.Column("last_recorded_at", Moment(), nullable=False),
        _int("dated"),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", name=op.f("pk_balance")),
        _account_key("balance"),
        sa.CheckConstraint(rule, name=op.f("ck_balance_dated")),
        sa.CheckConstraint(
            "dr_posted >= 0 AND cr_posted >= 0 AND held >= 0 AND seq >= 0", name=op.f("ck_balance_not_negative")
        ),
        sa.CheckConstraint("min_balance IS NULL OR cr_posted - dr_posted >= min_balance", name=op.f("ck_balance_floor")),
        sa.CheckConstraint(
            "max_balance IS NULL OR cr_posted - dr_posted + held <= max_balance", name=op.f("ck_balance_ceiling")
        ),
        **STRICT,
    )
    op.execute("INSERT INTO balance SELECT *, 0 FROM balance_before")
    op.execute("DROP TABLE balance_before")


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _lots() -> None:
    op.execute(f"ALTER TABLE transfer ADD COLUMN expires_on {'DATE' if _is_postgres() else 'TEXT'}")
    op.create_table(
        "lot",
        _int("ledger_id"),
        _id("account_id"),
        sa.Column("expires_on", Day(), nullable=False),
        _int("credited"),
        _int("consumed"),
        _int("expired"),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", "expires_on", name=op.f("pk_lot")),
        _account_key("lot"),
        sa.CheckConstraint(
            "consumed >= 0 AND expired >= 0 AND consumed + expired <= credited", name=op.f("ck_lot_never_below_zero")
        ),
        **STRICT,
    )
    is_live = sa.text("credited > consumed + expired")
    op.create_index("ix_lot_live", "lot", ["ledger_id", "expires_on"], sqlite_where=is_live, postgresql_where=is_live)
    op.create_table(
        "lot_move",
        _int("ledger_id"),
        _id("txn_id"),
        _int("ordinal"),
        _id("account_id"),
        sa.Column("expires_on", Day(), nullable=False),
        _int("delta"),
        sa.PrimaryKeyConstraint(
            "ledger_id", "txn_id", "ordinal", "account_id", "expires_on", name=op.f("pk_lot_move")
        ),
        _account_key("lot_move"),
        _transfer_key("lot_move"),
        sa.CheckConstraint("delta <> 0", name=op.f("ck_lot_move_delta")),
        **STRICT,
    )


def _periods() -> None:
    op.create_table(
        "period",
        _int("ledger_id"),
        sa.Column("closed_through", Day()),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_period")),
        **STRICT,
    )
    op.create_table(
        "period_close",
        _int("ledger_id"),
        sa.Column("closed_through", Day(), nullable=False),
        _id("id"),
        _bytes("trial_balance_digest"),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        _bytes("canonical"),
        _bytes("leaf_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "closed_through", name=op.f("pk_period_close")),
        sa.UniqueConstraint("ledger_id", "id", name=op.f("uq_period_close_ledger_id_id")),
        sa.CheckConstraint("length(trial_balance_digest) = 32", name=op.f("ck_period_close_digest")),
        sa.CheckConstraint("length(leaf_hash) = 32", name=op.f("ck_period_close_leaf_hash")),
        **STRICT,
    )


def _closings() -> None:
    op.create_table(
        "closing",
        _int("ledger_id"),
        sa.Column("closed_through", Day(), nullable=False),
        _id("account_id"),
        _int("dr"),
        _int("cr"),
        sa.PrimaryKeyConstraint("ledger_id", "closed_through", "account_id", name=op.f("pk_closing")),
        _account_key("closing"),
        sa.ForeignKeyConstraint(
            ["ledger_id", "closed_through"],
            ["period_close.ledger_id", "period_close.closed_through"],
            name="fk_closing_ledger_id_closed_through",
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("dr >= 0 AND cr >= 0", name=op.f("ck_closing_not_negative")),
        **STRICT,
    )


def _queues() -> None:
    op.create_table(
        "unprojected",
        _int("ledger_id"),
        _id("account_id"),
        _id("txn_id"),
        _int("ordinal"),
        _int("delta"),
        sa.Column("effective_date", Day(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", "txn_id", "ordinal", name=op.f("pk_unprojected")),
        _account_key("unprojected"),
        _transfer_key("unprojected"),
        sa.CheckConstraint("delta <> 0", name=op.f("ck_unprojected_delta")),
        **STRICT,
    )
    op.create_table(
        "unsealed",
        _int("ledger_id"),
        _id("subject_id"),
        _bytes("leaf_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "subject_id", name=op.f("pk_unsealed")),
        sa.CheckConstraint("length(leaf_hash) = 32", name=op.f("ck_unsealed_leaf_hash")),
        **STRICT,
    )
    op.create_table(
        "lease",
        _int("ledger_id"),
        sa.Column("job", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "job", name=op.f("pk_lease")),
        **STRICT,
    )


def _log() -> None:
    op.create_table(
        "log_leaf",
        _int("ledger_id"),
        _int("idx"),
        _id("subject_id"),
        _bytes("leaf_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "idx", name=op.f("pk_log_leaf")),
        sa.UniqueConstraint("ledger_id", "subject_id", name=op.f("uq_log_leaf_ledger_id_subject_id")),
        sa.CheckConstraint("idx >= 0", name=op.f("ck_log_leaf_idx")),
        sa.CheckConstraint("length(leaf_hash) = 32", name=op.f("ck_log_leaf_leaf_hash")),
        **STRICT,
    )
    op.create_table(
        "log_node",
        _int("ledger_id"),
        _int("level"),
        _int("idx"),
        _bytes("hash"),
        sa.PrimaryKeyConstraint("ledger_id", "level", "idx", name=op.f("pk_log_node")),
        sa.CheckConstraint("level > 0 AND level % 8 = 0 AND idx >= 0", name=op.f("ck_log_node_place")),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_log_node_hash")),
        **STRICT,
    )
    op.create_table(
        "checkpoint",
        _int("ledger_id"),
        _int("size"),
        _bytes("key_hash"),
        _bytes("root"),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "size", "key_hash", name=op.f("pk_checkpoint")),
        sa.CheckConstraint("size >= 1", name=op.f("ck_checkpoint_size")),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_checkpoint_root")),
        sa.CheckConstraint("length(key_hash) = 4", name=op.f("ck_checkpoint_key_hash")),
        **STRICT,
    )
