"""A family is reminded once before the hours of who died go to the pool."""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = "TIMESTAMP WITH TIME ZONE" if op.get_context().dialect.name == "postgresql" else "INTEGER"
    op.execute(f"ALTER TABLE farewell ADD COLUMN reminded_at {moment}")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
