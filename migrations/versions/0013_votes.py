"""Votes by nobody involved, reopening counted as a hand, and leaders who never said how many were there.

The triggers compare people and households whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

LIVE = "('in_notice', 'objected', 'posted')"
REOPENED_BY = (
    "(SELECT r.by_person_id FROM credit_step r WHERE r.credit_id = NEW.id AND r.step = 'reopened' AND EXISTS "
    "(SELECT 1 FROM credit_step n WHERE n.credit_id = r.credit_id AND n.step IN ('refused', 'upheld') AND n.id < r.id "
    "AND NOT COALESCE(n.by_person_id = r.by_person_id, FALSE)) ORDER BY r.id DESC LIMIT 1)"
)
"""Who last brought a credit back against somebody else's refusal."""


def upgrade() -> None:
    moment = "TIMESTAMP WITH TIME ZONE" if _is_postgres() else "INTEGER"
    op.execute(f"ALTER TABLE activity ADD COLUMN heads_missed_at {moment}")
    _guard("objection_vote_hands", "objection_vote", "person_id", _vote_rules())
    _guard("credit_reopened", "credit", "state, second_by", _reopening_rules(), on_insert=False)


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _near(one: str, other: str) -> str:
    """Say in SQL that two are the same person or live behind the same door; not true where either is nobody."""
    same_home = (
        f"EXISTS (SELECT 1 FROM person a JOIN person b ON a.household_id = b.household_id "
        f"WHERE a.id = {one} AND b.id = {other})"
    )
    return f"(COALESCE({one} = {other}, FALSE) OR {same_home})"


def _admin(who: str, community: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM role r JOIN community p ON p.id = r.community_id "
        f"JOIN community h ON h.id = {community} "
        f"WHERE r.person_id = {who} AND r.name = 'admin' AND substr(h.path, 1, length(p.path)) = p.path)"
    )


def _vote_rules() -> list[tuple[str, str]]:
    sides = ("c.person_id", "c.first_by", "c.second_by", "c.proposed_by", "c.leader_id")
    sides = (*sides, "o.by_person_id", "o.keyed_by", "o.replied_by")
    involved = " OR ".join(_near("NEW.person_id", side) for side in sides)
    item = "SELECT 1 FROM objection o JOIN credit c ON c.id = o.credit_id WHERE o.id = NEW.objection_id"
    return [
        ("who had a hand in it votes", f"EXISTS ({item} AND ({involved}))"),
        ("an administrator votes", f"EXISTS ({item} AND {_admin('NEW.person_id', 'c.community_id')})"),
    ]


def _reopening_rules() -> list[tuple[str, str]]:
    leaves = f"NEW.state IN {LIVE} AND OLD.state IN ('submitted', 'second_review')"
    seconded = "NEW.second_by IS NOT NULL AND (OLD.second_by IS NULL OR OLD.second_by <> NEW.second_by)"
    return [
        ("one pair of hands", f"{leaves} AND NEW.second_by IS NULL AND {_near('NEW.first_by', REOPENED_BY)}"),
        ("the second person is no other", f"{seconded} AND {_near('NEW.second_by', REOPENED_BY)}"),
    ]


def _guard(name: str, table: str, columns: str, rules: list[tuple[str, str]], *, on_insert: bool = True) -> None:
    """Refuse a row that a rule describes, as it comes and as one of the columns changes."""
    for event, timing in (("insert", "INSERT"), ("update", f"UPDATE OF {columns}")):
        if event == "insert" and not on_insert:
            continue
        make = _postgres if _is_postgres() else _sqlite
        make(f"{name}_{event}", table, timing, rules)


def _postgres(name: str, table: str, timing: str, rules: list[tuple[str, str]]) -> None:
    checks = "\n".join(
        f"  IF {when} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {why}'; END IF;"
        for why, when in rules
    )
    op.execute(
        sa.text(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n{checks}\n  RETURN NEW;\nEND $$"
        )
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {timing} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _sqlite(name: str, table: str, timing: str, rules: list[tuple[str, str]]) -> None:
    checks = " ".join(f"SELECT RAISE(ABORT, 'the bank refuses: {why}') WHERE {when};" for why, when in rules)
    op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {timing} ON {table} BEGIN {checks} END"))
