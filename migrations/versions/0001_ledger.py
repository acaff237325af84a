"""The book: facts, projections, and the triggers by which the database refuses to change a fact.

The trigger text is frozen here on purpose: what a migration did must not change when `ledger/ddl.py` does.
A test compares the database made here with the one made from the models, on both engines.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Bytes, Day, Flag, Id16, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


SQLITE_TRIGGERS = (
    """CREATE TRIGGER account_refuse_update BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on account'); END""",
    """CREATE TRIGGER account_refuse_delete BEFORE DELETE ON account BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on account'); END""",
    """CREATE TRIGGER account_refuse_replace BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account WHERE ledger_id = NEW.ledger_id AND id = NEW.id) OR EXISTS (SELECT 1 FROM account WHERE ledger_id = NEW.ledger_id AND id = NEW.id AND unit = NEW.unit) OR EXISTS (SELECT 1 FROM account WHERE ledger_id = NEW.ledger_id AND path = NEW.path AND unit = NEW.unit) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on account'); END""",
    """CREATE TRIGGER idempotency_refuse_update BEFORE UPDATE ON idempotency BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on idempotency'); END""",
    """CREATE TRIGGER idempotency_refuse_delete BEFORE DELETE ON idempotency BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on idempotency'); END""",
    """CREATE TRIGGER idempotency_refuse_replace BEFORE INSERT ON idempotency WHEN EXISTS (SELECT 1 FROM idempotency WHERE ledger_id = NEW.ledger_id AND key = NEW.key) BEGIN SELECT RAISE(IGNORE); END""",
    """CREATE TRIGGER txn_refuse_update BEFORE UPDATE ON txn BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on txn'); END""",
    """CREATE TRIGGER txn_refuse_delete BEFORE DELETE ON txn BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on txn'); END""",
    """CREATE TRIGGER txn_refuse_replace BEFORE INSERT ON txn WHEN EXISTS (SELECT 1 FROM txn WHERE ledger_id = NEW.ledger_id AND id = NEW.id) OR EXISTS (SELECT 1 FROM txn WHERE ledger_id = NEW.ledger_id AND resolves_id = NEW.resolves_id) OR EXISTS (SELECT 1 FROM txn WHERE ledger_id = NEW.ledger_id AND reverses_id = NEW.reverses_id) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on txn'); END""",
    """CREATE TRIGGER transfer_refuse_update BEFORE UPDATE ON transfer BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on transfer'); END""",
    """CREATE TRIGGER transfer_refuse_delete BEFORE DELETE ON transfer BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on transfer'); END""",
    """CREATE TRIGGER transfer_refuse_replace BEFORE INSERT ON transfer WHEN EXISTS (SELECT 1 FROM transfer WHERE ledger_id = NEW.ledger_id AND txn_id = NEW.txn_id AND ordinal = NEW.ordinal) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on transfer'); END""",
    """CREATE TRIGGER entry_refuse_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on entry'); END""",
    """CREATE TRIGGER entry_refuse_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on entry'); END""",
    """CREATE TRIGGER entry_refuse_replace BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry WHERE ledger_id = NEW.ledger_id AND account_id = NEW.account_id AND seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on entry'); END""",
    """CREATE TRIGGER memo_refuse_update BEFORE UPDATE ON memo BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on memo'); END""",
    """CREATE TRIGGER memo_refuse_replace BEFORE INSERT ON memo WHEN EXISTS (SELECT 1 FROM memo WHERE ledger_id = NEW.ledger_id AND txn_id = NEW.txn_id) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on memo'); END""",
    """CREATE TRIGGER period_close_refuse_update BEFORE UPDATE ON period_close BEGIN SELECT RAISE(ABORT, 'the ledger refuses update on period_close'); END""",
    """CREATE TRIGGER period_close_refuse_delete BEFORE DELETE ON period_close BEGIN SELECT RAISE(ABORT, 'the ledger refuses delete on period_close'); END""",
    """CREATE TRIGGER period_close_refuse_replace BEFORE INSERT ON period_close WHEN EXISTS (SELECT 1 FROM period_close WHERE ledger_id = NEW.ledger_id AND closed_through = NEW.closed_through) BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on period_close'); END""",
)

POSTGRESQL_TRIGGERS = (
    """CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514',
    MESSAGE = 'the ledger refuses ' || lower(TG_OP) || ' on ' || TG_TABLE_NAME;
END $$""",
    """CREATE TRIGGER account_refuse_row BEFORE UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE account ENABLE ALWAYS TRIGGER account_refuse_row""",
    """CREATE TRIGGER account_refuse_all BEFORE TRUNCATE ON account EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE account ENABLE ALWAYS TRIGGER account_refuse_all""",
    """CREATE TRIGGER idempotency_refuse_row BEFORE UPDATE OR DELETE ON idempotency FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE idempotency ENABLE ALWAYS TRIGGER idempotency_refuse_row""",
    """CREATE TRIGGER idempotency_refuse_all BEFORE TRUNCATE ON idempotency EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE idempotency ENABLE ALWAYS TRIGGER idempotency_refuse_all""",
    """CREATE TRIGGER txn_refuse_row BEFORE UPDATE OR DELETE ON txn FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE txn ENABLE ALWAYS TRIGGER txn_refuse_row""",
    """CREATE TRIGGER txn_refuse_all BEFORE TRUNCATE ON txn EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE txn ENABLE ALWAYS TRIGGER txn_refuse_all""",
    """CREATE TRIGGER transfer_refuse_row BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE transfer ENABLE ALWAYS TRIGGER transfer_refuse_row""",
    """CREATE TRIGGER transfer_refuse_all BEFORE TRUNCATE ON transfer EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE transfer ENABLE ALWAYS TRIGGER transfer_refuse_all""",
    """CREATE TRIGGER entry_refuse_row BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_refuse_row""",
    """CREATE TRIGGER entry_refuse_all BEFORE TRUNCATE ON entry EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_refuse_all""",
    """CREATE TRIGGER memo_refuse_row BEFORE UPDATE ON memo FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE memo ENABLE ALWAYS TRIGGER memo_refuse_row""",
    """CREATE TRIGGER memo_refuse_all BEFORE TRUNCATE ON memo EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE memo ENABLE ALWAYS TRIGGER memo_refuse_all""",
    """CREATE TRIGGER period_close_refuse_row BEFORE UPDATE OR DELETE ON period_close FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_refuse_row""",
    """CREATE TRIGGER period_close_refuse_all BEFORE TRUNCATE ON period_close EXECUTE FUNCTION ledger_refuse()""",
    """ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_refuse_all""",
)


def upgrade() -> None:
    """Create the tables, then their guards."""
    _account()
    _balance()
    _idempotency()
    _txn()
    _transfer()
    _entry()
    _daily()
    _memo()
    _period_close()
    statements = POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else SQLITE_TRIGGERS
    for statement in statements:
        op.execute(sa.text(statement))


def downgrade() -> None:
    """Refuse: facts are never dropped."""
    raise RuntimeError("the book cannot be downgraded; restore a backup into another database instead")


def _account_key(name: str, *columns: str) -> sa.ForeignKeyConstraint:
    target = ["account.ledger_id", "account.id", "account.unit"][: len(columns) + 1]
    return sa.ForeignKeyConstraint(["ledger_id", *columns], target, name=op.f(name), ondelete="RESTRICT")


def _txn_key(name: str, column: str) -> sa.ForeignKeyConstraint:
    target = ["txn.ledger_id", "txn.id"]
    return sa.ForeignKeyConstraint(["ledger_id", column], target, name=op.f(name), ondelete="RESTRICT")


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("id", Id16(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("is_shared", Flag(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_account")),
        sa.UniqueConstraint("ledger_id", "id", "unit", name=op.f("uq_account_ledger_id_id_unit")),
        sa.UniqueConstraint("ledger_id", "path", "unit", name=op.f("uq_account_ledger_id_path_unit")),
        sa.CheckConstraint("mode IN ('strict', 'lazy')", name=op.f("ck_account_mode")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _balance() -> None:
    op.create_table(
        "balance",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("account_id", Id16(), nullable=False),
        sa.Column("dr_posted", BigId, nullable=False),
        sa.Column("cr_posted", BigId, nullable=False),
        sa.Column("held", BigId, nullable=False),
        sa.Column("min_balance", BigId, nullable=True),
        sa.Column("max_balance", BigId, nullable=True),
        sa.Column("frozen", Flag(), nullable=False),
        sa.Column("seq", BigId, nullable=False),
        sa.Column("last_recorded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", name=op.f("pk_balance")),
        _account_key("fk_balance_ledger_id_account_id", "account_id"),
        sa.CheckConstraint(
            "max_balance IS NULL OR cr_posted - dr_posted + held <= max_balance",
            name=op.f("ck_balance_ceiling"),
        ),
        sa.CheckConstraint(
            "min_balance IS NULL OR cr_posted - dr_posted >= min_balance", name=op.f("ck_balance_floor")
        ),
        sa.CheckConstraint(
            "dr_posted >= 0 AND cr_posted >= 0 AND held >= 0 AND seq >= 0",
            name=op.f("ck_balance_not_negative"),
        ),
        postgresql_with={"fillfactor": 70},
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", Bytes, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("txn_id", Id16(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "key", name=op.f("pk_idempotency")),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name=op.f("ck_idempotency_key")),
        sa.CheckConstraint("outcome IN ('posted', 'rejected')", name=op.f("ck_idempotency_outcome")),
        sa.CheckConstraint(
            "(outcome = 'posted') = (txn_id IS NOT NULL)", name=op.f("ck_idempotency_posted_has_txn")
        ),
        sa.CheckConstraint(
            "(outcome = 'rejected') = (reason IS NOT NULL)", name=op.f("ck_idempotency_rejected_has_reason")
        ),
        sa.CheckConstraint("length(request_hash) = 32", name=op.f("ck_idempotency_request_hash")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _txn() -> None:
    op.create_table(
        "txn",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("id", Id16(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_date", Day(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reverses_id", Id16(), nullable=True),
        sa.Column("resolves_id", Id16(), nullable=True),
        sa.Column("relates_id", Id16(), nullable=True),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("memo_digest", Bytes, nullable=True),
        sa.Column("nonce", Bytes, nullable=False),
        sa.Column("canonical", Bytes, nullable=False),
        sa.Column("leaf_hash", Bytes, nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_txn")),
        sa.UniqueConstraint("ledger_id", "resolves_id", name=op.f("uq_txn_ledger_id_resolves_id")),
        sa.UniqueConstraint("ledger_id", "reverses_id", name=op.f("uq_txn_ledger_id_reverses_id")),
        _txn_key("fk_txn_ledger_id_relates_id", "relates_id"),
        _txn_key("fk_txn_ledger_id_resolves_id", "resolves_id"),
        _txn_key("fk_txn_ledger_id_reverses_id", "reverses_id"),
        sa.CheckConstraint("length(leaf_hash) = 32", name=op.f("ck_txn_leaf_hash")),
        sa.CheckConstraint(
            "memo_digest IS NULL OR length(memo_digest) = 32", name=op.f("ck_txn_memo_digest")
        ),
        sa.CheckConstraint("length(nonce) = 16", name=op.f("ck_txn_nonce")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _transfer() -> None:
    op.create_table(
        "transfer",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("txn_id", Id16(), nullable=False),
        sa.Column("ordinal", BigId, nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("debit_id", Id16(), nullable=False),
        sa.Column("credit_id", Id16(), nullable=False),
        sa.Column("amount", BigId, nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "txn_id", "ordinal", name=op.f("pk_transfer")),
        _account_key("fk_transfer_ledger_id_credit_id_unit", "credit_id", "unit"),
        _account_key("fk_transfer_ledger_id_debit_id_unit", "debit_id", "unit"),
        _txn_key("fk_transfer_ledger_id_txn_id", "txn_id"),
        sa.CheckConstraint("amount BETWEEN 1 AND 1000000000000", name=op.f("ck_transfer_amount")),
        sa.CheckConstraint("debit_id <> credit_id", name=op.f("ck_transfer_two_accounts")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_transfer_ledger_id_credit_id"), "transfer", ["ledger_id", "credit_id"])
    op.create_index(op.f("ix_transfer_ledger_id_debit_id"), "transfer", ["ledger_id", "debit_id"])


def _entry() -> None:
    op.create_table(
        "entry",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("account_id", Id16(), nullable=False),
        sa.Column("seq", BigId, nullable=False),
        sa.Column("txn_id", Id16(), nullable=False),
        sa.Column("ordinal", BigId, nullable=False),
        sa.Column("delta", BigId, nullable=False),
        sa.Column("balance_after", BigId, nullable=False),
        sa.Column("effective_date", Day(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", "seq", name=op.f("pk_entry")),
        _account_key("fk_entry_ledger_id_account_id", "account_id"),
        sa.ForeignKeyConstraint(
            ["ledger_id", "txn_id", "ordinal"],
            ["transfer.ledger_id", "transfer.txn_id", "transfer.ordinal"],
            name=op.f("fk_entry_ledger_id_txn_id_ordinal"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("delta <> 0", name=op.f("ck_entry_delta")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_entry_seq")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_entry_ledger_id_account_id_effective_date"),
        "entry",
        ["ledger_id", "account_id", "effective_date"],
    )


def _daily() -> None:
    op.create_table(
        "daily",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("account_id", Id16(), nullable=False),
        sa.Column("effective_date", Day(), nullable=False),
        sa.Column("dr", BigId, nullable=False),
        sa.Column("cr", BigId, nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", "effective_date", name=op.f("pk_daily")),
        _account_key("fk_daily_ledger_id_account_id", "account_id"),
        sa.CheckConstraint("dr >= 0 AND cr >= 0", name=op.f("ck_daily_not_negative")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _memo() -> None:
    op.create_table(
        "memo",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("txn_id", Id16(), nullable=False),
        sa.Column("salt", Bytes, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "txn_id", name=op.f("pk_memo")),
        _txn_key("fk_memo_ledger_id_txn_id", "txn_id"),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_memo_salt")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _period_close() -> None:
    op.create_table(
        "period_close",
        sa.Column("ledger_id", BigId, nullable=False),
        sa.Column("closed_through", Day(), nullable=False),
        sa.Column("trial_balance_digest", Bytes, nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "closed_through", name=op.f("pk_period_close")),
        sa.CheckConstraint("length(trial_balance_digest) = 32", name=op.f("ck_period_close_digest")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
