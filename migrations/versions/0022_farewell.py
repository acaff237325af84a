"""Farewells: who died or moves away, and what becomes of the hours; owners of dormant hours are asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Id16, Moment

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LIVING = sa.text("state IN ('opened', 'confirmed', 'chosen')")


def upgrade() -> None:
    op.create_table(
        "farewell",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("opened_by", BigId, nullable=False),
        sa.Column("confirmed_by", BigId, nullable=True),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("heir_id", BigId, nullable=True),
        sa.Column("chosen_by", BigId, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("txn_id", Id16(), nullable=True),
        sa.CheckConstraint("kind IN ('died', 'moved')", name=op.f("ck_farewell_kind")),
        sa.CheckConstraint(
            "state IN ('opened', 'confirmed', 'chosen', 'inherited', 'pooled', 'kept', 'undone', 'lapsed')",
            name=op.f("ck_farewell_state"),
        ),
        sa.CheckConstraint("choice IN ('heir', 'pool', 'keep')", name=op.f("ck_farewell_choice")),
        sa.CheckConstraint(
            "(choice IS NOT NULL AND choice = 'heir') = (heir_id IS NOT NULL)", name=op.f("ck_farewell_heir")
        ),
        sa.CheckConstraint("state <> 'chosen' OR choice IS NOT NULL", name=op.f("ck_farewell_chosen")),
        sa.CheckConstraint(
            "opened_by <> person_id AND (heir_id IS NULL OR heir_id <> person_id)", name=op.f("ck_farewell_another")
        ),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR (confirmed_by <> opened_by AND confirmed_by <> person_id)",
            name=op.f("ck_farewell_two_people"),
        ),
        sa.CheckConstraint(
            "(state IN ('opened', 'confirmed', 'chosen')) = (ended_at IS NULL)", name=op.f("ck_farewell_ended")
        ),
        _refers("community_id", "community"),
        *(_refers(one, "person") for one in ("person_id", "opened_by", "confirmed_by", "heir_id", "chosen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_farewell")),
        sa.UniqueConstraint("public_id", name=op.f("uq_farewell_public_id")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_farewell_txn_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_farewell_list", "farewell", ["community_id", "state", "id"])
    op.create_index("ix_farewell_due", "farewell", ["state", "due_at"])
    op.create_index(
        "ux_farewell_living", "farewell", ["person_id"], unique=True, sqlite_where=LIVING, postgresql_where=LIVING
    )
    op.create_table(
        "dormancy",
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("look_at", Moment(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.CheckConstraint("answer IN ('keep', 'use', 'give', 'donate')", name=op.f("ck_dormancy_answer")),
        sa.CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name=op.f("ck_dormancy_answered")),
        sa.CheckConstraint("answer IS NULL OR asked_at IS NOT NULL", name=op.f("ck_dormancy_asked_first")),
        _refers("person_id", "person", table="dormancy"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_dormancy")),
        sqlite_strict=True,
    )
    op.create_index("ix_dormancy_look", "dormancy", ["look_at"])


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _refers(column: str, other: str, table: str = "farewell") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), ondelete="RESTRICT"
    )
