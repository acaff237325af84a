"""What was struck after it was settled may be paid back outside the bank, where a shop has no next statement."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CHECK = (
    "CONSTRAINT ck_strike_repaid CHECK ((repaid_by IS NULL) = (repaid_at IS NULL) AND (repaid_at IS NULL OR "
    "settlement_id IS NULL AND line_id IS NOT NULL AND state = 'struck' AND repaid_by <> proposed_by))"
)


def upgrade() -> None:
    is_postgres = op.get_context().dialect.name == "postgresql"
    number, moment = ("BIGINT", "TIMESTAMP WITH TIME ZONE") if is_postgres else ("INTEGER", "INTEGER")
    key = "CONSTRAINT fk_strike_repaid_by_person REFERENCES person (id)"
    op.execute(f"ALTER TABLE strike ADD COLUMN repaid_by {number} {key}")
    op.execute(f"ALTER TABLE strike ADD COLUMN repaid_at {moment} {CHECK}")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
