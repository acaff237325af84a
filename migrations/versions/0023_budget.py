"""The month's budget of points for goods, and the queue beyond it.

Orders from before count against no month: the first budget holds for what is ordered from here on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Moment

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

LIVING = "state IN ('waiting', 'called')"


def upgrade() -> None:
    op.add_column("purchase", sa.Column("budget_month", Day(), nullable=True))
    op.create_table(
        "point_budget",
        *_to("point_budget", "community_id", "community"),
        sa.Column("month", Day(), nullable=False),
        sa.Column("points", BigId, nullable=False),
        _check("point_budget", "points", "points >= 0"),
        sa.PrimaryKeyConstraint("community_id", "month", name=op.f("pk_point_budget")),
    )
    op.create_table(
        "queue_place",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        *_to("queue_place", "community_id", "community"),
        *_to("queue_place", "item_id", "item"),
        *_to("queue_place", "person_id", "person"),
        sa.Column("quantity", BigId, nullable=False),
        sa.Column("total", BigId, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("joined_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("budget_month", Day(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        _check("queue_place", "state", "state IN ('waiting', 'called', 'taken', 'left', 'passed', 'ended')"),
        _check("queue_place", "numbers", "quantity BETWEEN 1 AND 1000 AND total >= 1"),
        _check("queue_place", "over", f"({LIVING}) = (ended_at IS NULL)"),
        _check("queue_place", "budgeted", "state NOT IN ('called', 'taken') OR budget_month IS NOT NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_place")),
        sa.UniqueConstraint("public_id", name=op.f("uq_queue_place_public_id")),
    )
    op.create_index("ix_queue_place_line", "queue_place", ["community_id", "state", "id"])
    op.create_index("ix_queue_place_due", "queue_place", ["state", "due_at"])
    op.create_index(op.f("ix_queue_place_item_id"), "queue_place", ["item_id"])
    where = sa.text(LIVING)
    op.create_index(
        "ux_queue_place_person", "queue_place", ["person_id"], unique=True, sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _to(table: str, column: str, other: str) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    name = op.f(f"fk_{table}_{column}_{other}")
    key = sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="RESTRICT")
    return sa.Column(column, BigId, nullable=False), key


def _check(table: str, name: str, text: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))
