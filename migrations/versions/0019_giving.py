"""Giving: bound relatives, gifts, donations, grants from the pool, and accounts of groups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Id16, Moment

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_postgres = op.get_context().dialect.name == "postgresql"
    flag, no = ("BOOLEAN", "FALSE") if is_postgres else ("INTEGER", "0")
    op.execute(f"ALTER TABLE person ADD COLUMN is_group {flag} NOT NULL DEFAULT {no}")
    op.create_table(
        "bond",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("asker_id", BigId, nullable=False),
        sa.Column("other_id", BigId, nullable=False),
        sa.Column("low_id", BigId, nullable=False),
        sa.Column("high_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agent_id", BigId, nullable=True),
        sa.Column("checked_by", BigId, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.CheckConstraint(
            "checked_by IS NULL OR (checked_by <> asker_id AND checked_by <> other_id)", name=op.f("ck_bond_checked_by_another")
        ),
        sa.CheckConstraint(
            "kind IN ('spouse', 'parent', 'child', 'grandparent', 'grandchild')", name=op.f("ck_bond_kind")
        ),
        sa.CheckConstraint(
            "checked_by IS NULL OR agent_id IS NULL OR checked_by <> agent_id", name=op.f("ck_bond_not_by_the_agent")
        ),
        sa.CheckConstraint(
            "low_id < high_id", name=op.f("ck_bond_one_pair")
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'agreed', 'bound', 'declined', 'withdrawn', 'refused', 'ended', 'lapsed')", name=op.f("ck_bond_state")
        ),
        sa.CheckConstraint(
            "asker_id <> other_id", name=op.f("ck_bond_two_people")
        ),
        _refers("bond", "community_id", "community"),
        _refers("bond", "asker_id", "person"),
        _refers("bond", "other_id", "person"),
        _refers("bond", "low_id", "person"),
        _refers("bond", "high_id", "person"),
        _refers("bond", "agent_id", "person"),
        _refers("bond", "checked_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bond")),
        sa.UniqueConstraint("public_id", name=op.f("uq_bond_public_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_bond_asker", "bond", ["asker_id", "id"])
    op.create_index("ix_bond_community_id", "bond", ["community_id"])
    op.create_index("ix_bond_other", "bond", ["other_id", "id"])
    op.create_index("ix_bond_waiting", "bond", ["state", "due_at"])
    op.create_index("ux_bond_living", "bond", ["low_id", "high_id"], unique=True, sqlite_where=sa.text("state IN ('asked', 'agreed', 'bound')"), postgresql_where=sa.text("state IN ('asked', 'agreed', 'bound')"))
    op.create_table(
        "gift",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("bond_id", BigId, nullable=False),
        sa.Column("giver_id", BigId, nullable=False),
        sa.Column("receiver_id", BigId, nullable=False),
        sa.Column("agent_id", BigId, nullable=True),
        sa.Column("amount", BigId, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("hold_txn_id", Id16(), nullable=False),
        sa.Column("end_txn_id", Id16(), nullable=True),
        sa.CheckConstraint(
            "amount >= 1", name=op.f("ck_gift_amount")
        ),
        sa.CheckConstraint(
            "(state = 'held') = (end_txn_id IS NULL)", name=op.f("ck_gift_end_in_the_book")
        ),
        sa.CheckConstraint(
            "(state = 'held') = (ended_at IS NULL)", name=op.f("ck_gift_ended")
        ),
        sa.CheckConstraint(
            "state IN ('held', 'given', 'taken_back', 'returned')", name=op.f("ck_gift_state")
        ),
        sa.CheckConstraint(
            "giver_id <> receiver_id", name=op.f("ck_gift_to_another")
        ),
        _refers("gift", "community_id", "community"),
        _refers("gift", "bond_id", "bond"),
        _refers("gift", "giver_id", "person"),
        _refers("gift", "receiver_id", "person"),
        _refers("gift", "agent_id", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift")),
        sa.UniqueConstraint("public_id", name=op.f("uq_gift_public_id")),
        sa.UniqueConstraint("hold_txn_id", name=op.f("uq_gift_hold_txn_id")),
        sa.UniqueConstraint("end_txn_id", name=op.f("uq_gift_end_txn_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_gift_bond_id", "gift", ["bond_id"])
    op.create_index("ix_gift_due", "gift", ["state", "due_at"])
    op.create_index("ix_gift_giver", "gift", ["giver_id", "created_at"])
    op.create_index("ix_gift_receiver", "gift", ["receiver_id", "id"])
    op.create_table(
        "donation",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("agent_id", BigId, nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount", BigId, nullable=False),
        sa.Column("thanked_as", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("txn_id", Id16(), nullable=False),
        sa.CheckConstraint(
            "amount >= 1", name=op.f("ck_donation_amount")
        ),
        sa.CheckConstraint(
            "unit IN ('MIN', 'PTS')", name=op.f("ck_donation_unit")
        ),
        _refers("donation", "community_id", "community"),
        _refers("donation", "person_id", "person"),
        _refers("donation", "agent_id", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_donation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_donation_public_id")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_donation_txn_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_donation_person", "donation", ["person_id", "id"])
    op.create_index("ix_donation_thanks", "donation", ["community_id", "id"])
    op.create_table(
        "pool_grant",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("listed_by", BigId, nullable=False),
        sa.Column("confirmed_by", BigId, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.CheckConstraint(
            "listed_by <> person_id", name=op.f("ck_pool_grant_listed_by_another")
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'active', 'paused', 'ended', 'refused', 'lapsed')", name=op.f("ck_pool_grant_state")
        ),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR (confirmed_by <> listed_by AND confirmed_by <> person_id)", name=op.f("ck_pool_grant_two_people")
        ),
        _refers("pool_grant", "community_id", "community"),
        _refers("pool_grant", "person_id", "person"),
        _refers("pool_grant", "listed_by", "person"),
        _refers("pool_grant", "confirmed_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool_grant")),
        sa.UniqueConstraint("public_id", name=op.f("uq_pool_grant_public_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_pool_grant_due", "pool_grant", ["state", "due_at"])
    op.create_index("ix_pool_grant_list", "pool_grant", ["community_id", "state", "id"])
    op.create_index("ux_pool_grant_living", "pool_grant", ["person_id"], unique=True, sqlite_where=sa.text("state IN ('proposed', 'active', 'paused')"), postgresql_where=sa.text("state IN ('proposed', 'active', 'paused')"))
    op.create_table(
        "grant_payment",
        sa.Column("id", BigId, nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("grant_id", BigId, nullable=False),
        sa.Column("month", Day(), nullable=False),
        sa.Column("amount", BigId, nullable=False),
        sa.Column("txn_id", Id16(), nullable=False),
        sa.CheckConstraint(
            "amount >= 1", name=op.f("ck_grant_payment_amount")
        ),
        _refers("grant_payment", "community_id", "community"),
        _refers("grant_payment", "grant_id", "pool_grant"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant_payment")),
        sa.UniqueConstraint("grant_id", "month", name=op.f("uq_grant_payment_grant_id_month")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_grant_payment_txn_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_grant_payment_month", "grant_payment", ["community_id", "month"])
    op.create_table(
        "pool_short",
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("month", Day(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        _refers("pool_short", "community_id", "community"),
        sa.PrimaryKeyConstraint("community_id", "month", name=op.f("pk_pool_short")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), ondelete="RESTRICT")
