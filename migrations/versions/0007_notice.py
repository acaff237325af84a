"""Notice: the stages of an objection with its answer and votes, corrections, days off, consent to be named."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Flag, Moment

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = (
    "kind TEXT NOT NULL DEFAULT 'objection' CONSTRAINT ck_objection_kind CHECK (kind IN ('objection', 'correction'))",
    "stage TEXT NOT NULL DEFAULT 'answer' CONSTRAINT ck_objection_stage CHECK (stage IN ('answer', 'panel', 'last'))",
    "wanted_amount BIGINT CONSTRAINT ck_objection_wanted_amount CHECK "
    "(wanted_amount IS NULL OR (wanted_amount >= 1 AND kind = 'correction'))",
    "own_words TEXT",
    "reply TEXT",
    "replied_by BIGINT CONSTRAINT fk_objection_replied_by REFERENCES person (id) ON DELETE RESTRICT "
    "CONSTRAINT ck_objection_replied_by_another CHECK (replied_by IS NULL OR replied_by <> by_person_id)",
    "keyed_by BIGINT CONSTRAINT fk_objection_keyed_by REFERENCES person (id) ON DELETE RESTRICT "
    "CONSTRAINT ck_objection_keyed_by_another CHECK (keyed_by IS NULL OR keyed_by <> by_person_id)",
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for column in COLUMNS:
        op.execute(f"ALTER TABLE objection ADD COLUMN {column.replace('BIGINT', 'INTEGER') if is_sqlite else column}")
    op.create_index("ix_objection_due", "objection", ["state", "answer_due_at"], unique=False)

    op.create_table("objection_vote",
    sa.Column("id", BigId, nullable=False),
    sa.Column("objection_id", BigId, nullable=False),
    sa.Column("person_id", BigId, nullable=False),
    sa.Column("is_upheld", Flag(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("at", Moment(), nullable=False),
    sa.ForeignKeyConstraint(["objection_id"], ["objection.id"], name=op.f("fk_objection_vote_objection_id"), ondelete="RESTRICT"),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_objection_vote_person_id"), ondelete="RESTRICT"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_objection_vote")),
    sa.UniqueConstraint("objection_id", "person_id", name=op.f("uq_objection_vote_objection_id_person_id")),
    sqlite_strict=True
    )
    _only_added("objection_vote")

    op.create_table("day_ruling",
    sa.Column("id", BigId, nullable=False),
    sa.Column("community_id", BigId, nullable=False),
    sa.Column("day", Day(), nullable=False),
    sa.Column("is_working", Flag(), nullable=True),
    sa.Column("note", sa.Text(), nullable=False),
    sa.Column("by_person_id", BigId, nullable=False),
    sa.Column("at", Moment(), nullable=False),
    sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_day_ruling_by_person_id"), ondelete="RESTRICT"),
    sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_day_ruling_community_id"), ondelete="RESTRICT"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_day_ruling")),
    sqlite_strict=True
    )
    op.create_index("ix_day_ruling_day", "day_ruling", ["community_id", "day", "id"], unique=False)
    _only_added("day_ruling")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _only_added(table: str) -> None:
    """Let rows be added and nothing else, whoever asks."""
    if op.get_bind().dialect.name == "postgresql":
        for suffix, event in (("row", f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"), ("all", f"BEFORE TRUNCATE ON {table}")):
            op.execute(f"CREATE TRIGGER {table}_refuse_{suffix} {event} EXECUTE FUNCTION ledger_refuse()")
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_{suffix}")
        return
    for event in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{event} BEFORE {event.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger refuses {event} on {table}'); END"
        )
    op.execute(
        f"CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on {table}'); END"
    )
