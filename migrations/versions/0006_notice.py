"""Notice: the stages of an objection with its answer and votes, corrections, days off, consent to be named."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Flag, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEW_COLUMNS = (
    "kind TEXT NOT NULL DEFAULT 'objection'",
    "stage TEXT NOT NULL DEFAULT 'answer'",
    "wanted_amount BIGINT",
    "own_words TEXT",
    "reply TEXT",
    "replied_by BIGINT",
    "keyed_by BIGINT",
)
NEW_RULES = (
    "CONSTRAINT ck_objection_kind CHECK (kind IN ('objection', 'correction'))",
    "CONSTRAINT ck_objection_stage CHECK (stage IN ('answer', 'panel', 'last'))",
    "CONSTRAINT ck_objection_wanted_amount CHECK "
    "(wanted_amount IS NULL OR (wanted_amount >= 1 AND kind = 'correction'))",
    "CONSTRAINT ck_objection_replied_by_another CHECK (replied_by IS NULL OR replied_by <> by_person_id)",
    "CONSTRAINT ck_objection_keyed_by_another CHECK (keyed_by IS NULL OR keyed_by <> by_person_id)",
    "CONSTRAINT fk_objection_replied_by FOREIGN KEY (replied_by) REFERENCES person (id) ON DELETE RESTRICT",
    "CONSTRAINT fk_objection_keyed_by FOREIGN KEY (keyed_by) REFERENCES person (id) ON DELETE RESTRICT",
)
OLD = "id, public_id, credit_id, by_person_id, reason, state, created_at, answer_due_at, answered_by, answered_at, answer"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        for column in NEW_COLUMNS:
            op.execute(f"ALTER TABLE objection ADD COLUMN {column}")
        for rule in NEW_RULES:
            op.execute(f"ALTER TABLE objection ADD {rule}")
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

    op.create_table("naming_consent",
    sa.Column("id", BigId, nullable=False),
    sa.Column("person_id", BigId, nullable=False),
    sa.Column("version", BigId, nullable=False),
    sa.Column("is_given", Flag(), nullable=False),
    sa.Column("at", Moment(), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_naming_consent_person_id"), ondelete="RESTRICT"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_naming_consent")),
    sqlite_strict=True
    )
    op.create_index("ix_naming_consent_person", "naming_consent", ["person_id", "id"], unique=False)
    _only_added("naming_consent")


def _rebuild() -> None:
    """Make the table anew, because SQLite adds no constraint to one that is there; nothing refers to it yet."""
    made = op.get_bind().exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'objection'").scalar_one()
    columns, end = made.split("CONSTRAINT", 1)
    rules, strict = end.rsplit(")", 1)
    new = "".join(f"{column.replace('BIGINT', 'INTEGER')}, " for column in NEW_COLUMNS)
    body = f"{columns}{new}CONSTRAINT{rules}, {', '.join(NEW_RULES)}){strict}"
    op.execute(body.replace("CREATE TABLE objection", "CREATE TABLE objection_new", 1))
    op.execute(f"INSERT INTO objection_new ({OLD}) SELECT {OLD} FROM objection")
    op.execute("DROP TABLE objection")
    op.execute("ALTER TABLE objection_new RENAME TO objection")
    open_only = sa.text("state = 'open'")
    op.create_index("uq_objection_open", "objection", ["credit_id"], unique=True, sqlite_where=open_only)


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
