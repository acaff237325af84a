"""Who of the staff set somebody's PIN: that person spends and gives nothing with it."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = "BIGINT" if op.get_context().dialect.name == "postgresql" else "INTEGER"
    key = "CONSTRAINT fk_person_pin_set_by REFERENCES person (id)"
    op.execute(f"ALTER TABLE person ADD COLUMN pin_set_by {number} {key}")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
