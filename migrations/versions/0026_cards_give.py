"""Giving with card and PIN: who acted in whose name, safe forms of thanks, a family's choice seen by two."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

COMPOUND = "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 端木 南宫 长孙 独孤"
FORMS = (("老师", "teacher"), ("先生", "mr"), ("女士", "ms"))
ANSWERED = "answer_agent_id IS NULL OR checked_by <> answer_agent_id"
SECONDED = (
    "seconded_by IS NULL OR (choice IS NOT NULL AND chosen_by IS NOT NULL AND seconded_by <> chosen_by "
    "AND seconded_by <> person_id AND (heir_id IS NULL OR seconded_by <> heir_id))"
)
WORDS_BY = "words_by IS NULL OR (thanks IS NOT NULL AND thanks = 'words' AND words_by <> person_id)"


def upgrade() -> None:
    _add_person("message", "agent_id")
    where = sa.text("agent_id IS NOT NULL")
    op.create_index("ix_message_agent", "message", ["person_id", "id"], sqlite_where=where, postgresql_where=where)
    _add_person("bond", "answer_agent_id", f"ck_bond_not_by_who_answered CHECK (checked_by IS NULL OR {ANSWERED})")
    _add("donation", "thanks", "TEXT", "ck_donation_thanks CHECK (thanks IN ('full', 'teacher', 'mr', 'ms', 'words'))")
    _write_thanks()
    # Checked against every row that is there: after what they said was read.
    _add_person(
        "donation",
        "words_by",
        f"ck_donation_words_by CHECK ({WORDS_BY})",
        "ck_donation_thanked CHECK ((thanks IS NULL) = (thanked_as IS NULL))",
    )
    _add_person("farewell", "seconded_by", f"ck_farewell_seconded CHECK ({SECONDED})")
    _add("farewell", "waits_until", "TIMESTAMP WITH TIME ZONE" if _is_postgres() else "INTEGER")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def read_thanks(name: str, said: str) -> tuple[str, str]:
    """Read how somebody wished to be thanked as a form and its name; what fits no form waits for a coordinator."""
    if said == name:
        return "full", name
    family = name[:2] if name[:2] in COMPOUND.split() else name[:1]
    for ending, form in FORMS:
        if said == family + ending:
            return form, family
    return "words", said


def _write_thanks() -> None:
    wire: Any = op.get_bind()
    rows = wire.execute(
        sa.text(
            "SELECT d.id, p.name, d.thanked_as FROM donation d JOIN person p ON p.id = d.person_id "
            "WHERE d.thanked_as IS NOT NULL"
        )
    ).all()
    change = sa.text("UPDATE donation SET thanks = :form, thanked_as = :said WHERE id = :id")
    for donation_id, name, said in rows:
        form, words = read_thanks(name, said)
        wire.execute(change, {"form": form, "said": words, "id": donation_id})


def _add_person(table: str, column: str, *rules: str) -> None:
    number = "BIGINT" if _is_postgres() else "INTEGER"
    key = f"fk_{table}_{column}_person REFERENCES person (id)"
    _add(table, column, number, key, *rules)


def _add(table: str, column: str, kind: str, *rules: str) -> None:
    constraints = " ".join(f"CONSTRAINT {rule}" for rule in rules)
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind} {constraints}")


def _is_postgres() -> bool:
    return bool(op.get_context().dialect.name == "postgresql")
