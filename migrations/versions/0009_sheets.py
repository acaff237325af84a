"""Paper rosters: sheets that were keyed in, and their lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Moment

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="RESTRICT")


LIVE = "activity_id IS NOT NULL AND state NOT IN ('refused', 'reversed', 'void')"


def upgrade() -> None:
    number = "BIGINT" if op.get_context().dialect.name == "postgresql" else "INTEGER"
    rule = "CONSTRAINT fk_credit_activity_id_activity REFERENCES activity (id)"
    op.execute(f"ALTER TABLE credit ADD COLUMN activity_id {number} {rule}")
    op.create_index(
        "ux_credit_presence",
        "credit",
        ["activity_id", "person_id"],
        unique=True,
        sqlite_where=sa.text(LIVE),
        postgresql_where=sa.text(LIVE),
    )
    op.create_table(
        "sheet",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("activity_id", BigId, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("keyed_by", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("handed_in_at", Moment(), nullable=True),
        sa.Column("confirmed_by", BigId, nullable=True),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("photo_id", BigId, nullable=True),
        sa.CheckConstraint("state IN ('keying', 'handed_in', 'confirmed', 'discarded')", name=op.f("ck_sheet_state")),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> keyed_by", name=op.f("ck_sheet_confirmed_by_another")
        ),
        sa.CheckConstraint(
            "state <> 'confirmed' OR confirmed_by IS NOT NULL", name=op.f("ck_sheet_confirmed_by_somebody")
        ),
        sa.CheckConstraint(
            "state NOT IN ('handed_in', 'confirmed') OR handed_in_at IS NOT NULL", name=op.f("ck_sheet_handed_in_at")
        ),
        _refers("sheet", "community_id", "community"),
        _refers("sheet", "activity_id", "activity"),
        _refers("sheet", "keyed_by", "person"),
        _refers("sheet", "confirmed_by", "person"),
        _refers("sheet", "photo_id", "photo"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sheet_public_id")),
    )
    op.create_index("ix_sheet_waiting", "sheet", ["community_id", "state", "handed_in_at"])
    op.create_index("ix_sheet_activity", "sheet", ["activity_id"])
    op.create_table(
        "sheet_line",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sheet_id", BigId, nullable=False),
        sa.Column("activity_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("arrived_at", Moment(), nullable=False),
        sa.Column("left_at", Moment(), nullable=False),
        sa.Column("minutes", BigId, nullable=False),
        sa.Column("struck_reason", sa.Text(), nullable=True),
        sa.Column("credit_id", BigId, nullable=True),
        sa.CheckConstraint("left_at > arrived_at", name=op.f("ck_sheet_line_left_after_arrival")),
        sa.CheckConstraint("minutes >= 0", name=op.f("ck_sheet_line_minutes")),
        _refers("sheet_line", "sheet_id", "sheet"),
        _refers("sheet_line", "activity_id", "activity"),
        _refers("sheet_line", "person_id", "person"),
        _refers("sheet_line", "credit_id", "credit"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_line")),
    )
    op.create_index(op.f("ix_sheet_line_sheet_id"), "sheet_line", ["sheet_id"])
    op.create_index(
        "ux_sheet_line_once",
        "sheet_line",
        ["activity_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("struck_reason IS NULL"),
        postgresql_where=sa.text("struck_reason IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
