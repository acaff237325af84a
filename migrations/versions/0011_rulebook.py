"""Rule versions are proposed by one person and adopted by another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Json, Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _refers(column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_rule_proposal_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="RESTRICT")


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_rule_proposal_{name}"))


def upgrade() -> None:
    op.create_table(
        "rule_proposal",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("based_on", BigId, nullable=False),
        sa.Column("settings", Json(), nullable=False),
        sa.Column("effective_on", Day(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", BigId, nullable=False),
        sa.Column("proposed_at", Moment(), nullable=False),
        sa.Column("decided_by", BigId, nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("version_number", BigId, nullable=True),
        _check("state", "state IN ('open', 'adopted', 'refused', 'withdrawn', 'lapsed')"),
        _check(
            "decided_by_another",
            "state NOT IN ('adopted', 'refused') OR (decided_by IS NOT NULL AND decided_by <> proposed_by)",
        ),
        _check("decided", "(state = 'open') = (decided_at IS NULL)"),
        _check("version", "(state = 'adopted') = (version_number IS NOT NULL)"),
        _refers("community_id", "community"),
        _refers("proposed_by", "person"),
        _refers("decided_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_proposal")),
        sa.UniqueConstraint("public_id", name=op.f("uq_rule_proposal_public_id")),
    )
    op.create_index("ix_rule_proposal_community", "rule_proposal", ["community_id", "id"])
    op.create_index(
        "ux_rule_proposal_open",
        "rule_proposal",
        ["community_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
