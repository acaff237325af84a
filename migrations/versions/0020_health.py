"""The bank's health: one row of figures a day, and who was offered something to do with their hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Json, Moment

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="RESTRICT")


def upgrade() -> None:
    op.create_table(
        "vital",
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("day", Day(), nullable=False),
        sa.Column("taken_at", Moment(), nullable=False),
        sa.Column("promised", BigId, nullable=False),
        sa.Column("credited", BigId, nullable=False),
        sa.Column("spent", BigId, nullable=False),
        sa.Column("figures", Json(), nullable=False),
        _refers("vital", "community_id", "community"),
        sa.PrimaryKeyConstraint("community_id", "day", name=op.f("pk_vital")),
        sqlite_strict=True,
    )
    op.create_table(
        "nudge",
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("threshold", BigId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.CheckConstraint("threshold >= 1", name=op.f("ck_nudge_threshold")),
        _refers("nudge", "person_id", "person"),
        sa.PrimaryKeyConstraint("person_id", "threshold", name=op.f("pk_nudge")),
        sqlite_strict=True,
    )
    op.create_table(
        "no_nudges",
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("since_at", Moment(), nullable=False),
        _refers("no_nudges", "person_id", "person"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_no_nudges")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
