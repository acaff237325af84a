"""Roles by name: who coordinates a community is found without looking at everybody who lives there."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_role_name", "role", ["name", "community_id"])
