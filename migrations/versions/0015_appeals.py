"""Appeals against a refusal, and a correction of what an item is called.

The triggers hold whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number, flag = ("BIGINT", "BOOLEAN") if _is_postgres() else ("INTEGER", "INTEGER")
    no = "FALSE" if _is_postgres() else "0"
    _add("is_appeal", flag, f"NOT NULL DEFAULT {no} CONSTRAINT ck_objection_is_appeal CHECK (NOT is_appeal OR kind = 'correction')")
    _add("refused_by", number, "CONSTRAINT fk_objection_refused_by REFERENCES person (id)")
    _add("wanted_title", "TEXT", "CONSTRAINT ck_objection_wanted_title CHECK (wanted_title IS NULL OR kind = 'correction')")
    answers = f"NEW.state IN ('upheld', 'dismissed') AND {_near('NEW.answered_by', 'NEW.refused_by')}"
    _guard("objection_refuser", "objection", "state", "who refused it answers the appeal", answers)
    votes = f"EXISTS (SELECT 1 FROM objection o WHERE o.id = NEW.objection_id AND {_near('NEW.person_id', 'o.refused_by')})"
    _guard("objection_vote_refuser", "objection_vote", "person_id", "who refused it votes on the appeal", votes)


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _add(column: str, kind: str, rest: str) -> None:
    op.execute(f"ALTER TABLE objection ADD COLUMN {column} {kind} {rest}")


def _near(one: str, other: str) -> str:
    """Say in SQL that two are the same person or live behind the same door; not true where either is nobody."""
    same_home = (
        f"EXISTS (SELECT 1 FROM person a JOIN person b ON a.household_id = b.household_id "
        f"WHERE a.id = {one} AND b.id = {other})"
    )
    return f"(COALESCE({one} = {other}, FALSE) OR {same_home})"


def _guard(name: str, table: str, columns: str, why: str, when: str) -> None:
    """Refuse a row that a rule describes, as it comes and as one of the columns changes."""
    for event, timing in (("insert", "INSERT"), ("update", f"UPDATE OF {columns}")):
        make = _postgres if _is_postgres() else _sqlite
        make(f"{name}_{event}", table, timing, why, when)


def _postgres(name: str, table: str, timing: str, why: str, when: str) -> None:
    check = f"  IF {when} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {why}'; END IF;"
    body = f"BEGIN\n{check}\n  RETURN NEW;\nEND"
    op.execute(sa.text(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n{body} $$"))
    op.execute(f"CREATE TRIGGER {name} BEFORE {timing} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _sqlite(name: str, table: str, timing: str, why: str, when: str) -> None:
    check = f"SELECT RAISE(ABORT, 'the bank refuses: {why}') WHERE {when};"
    op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {timing} ON {table} BEGIN {check} END"))
