"""Nobody mints alone: whose hands a credit passed, what exceeded the cap, what was declared, and random checks.

The triggers compare people and households whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Day, Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIVE = "('in_notice', 'objected', 'posted')"


def upgrade() -> None:
    _columns()
    op.create_index("ix_credit_issued", "credit", ["first_by", "first_at"])
    op.create_index(
        "ix_scan_event_phone",
        "scan_event",
        ["device", "happened_at"],
        sqlite_where=sa.text("device <> ''"),
        postgresql_where=sa.text("device <> ''"),
    )
    _spot_checks()
    _guard("credit_hands", "credit", "state, first_by, second_by", _credit_rules())
    _guard("objection_hands", "objection", "state", _objection_rules())
    _guard("activity_declared", "activity", "state", _activity_rules(), on_insert=False)
    _guard("spot_check_hands", "spot_check", "assigned_to", _spot_check_rules())


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _columns() -> None:
    number, moment = ("BIGINT", "TIMESTAMP WITH TIME ZONE") if _is_postgres() else ("INTEGER", "INTEGER")
    _add("activity", "leader_id", number, _person("activity", "leader_id"))
    _add("activity", "declared_at", moment)
    _add("activity", "declared_by", number, _person("activity", "declared_by"))
    _add("activity", "headcount", number, "CONSTRAINT ck_activity_headcount CHECK (headcount IS NULL OR headcount >= 0)")
    _add("activity", "headcount_by", number, _person("activity", "headcount_by"))
    _add("activity", "headcount_at", moment)
    _add("credit", "leader_id", number, _person("credit", "leader_id"))
    _add("credit", "surplus", number, "CONSTRAINT ck_credit_surplus CHECK (surplus IS NULL OR surplus BETWEEN 1 AND amount)")
    _add(
        "credit",
        "surplus_to",
        "TEXT",
        "CONSTRAINT ck_credit_surplus_to CHECK "
        "((surplus IS NULL) = (surplus_to IS NULL) AND (surplus_to IS NULL OR surplus_to IN ('honour', 'pool')))",
    )
    rule = "CONSTRAINT ck_person_surplus_to CHECK (surplus_to IN ('honour', 'pool'))"
    _add("person", "surplus_to", "TEXT", f"NOT NULL DEFAULT 'honour' {rule}")
    _add("photo", "dhash", "TEXT")


def _add(table: str, column: str, kind: str, rest: str = "") -> None:
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind} {rest}")


def _person(table: str, column: str) -> str:
    """Without ON DELETE, whose default refuses as well: SQLite tells nobody of it where a column was added later."""
    return f"CONSTRAINT fk_{table}_{column} REFERENCES person (id)"


def _spot_checks() -> None:
    op.create_table(
        "spot_draw",
        sa.Column("id", BigId, nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("month", Day(), nullable=False),
        sa.Column("percent", BigId, nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("posted", BigId, nullable=False),
        sa.Column("drawn", BigId, nullable=False),
        sa.Column("drawn_at", Moment(), nullable=False),
        sa.CheckConstraint("length(seed) = 64", name=op.f("ck_spot_draw_seed")),
        sa.CheckConstraint("drawn BETWEEN 0 AND posted", name=op.f("ck_spot_draw_drawn")),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.id"], name=op.f("fk_spot_draw_community_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_draw")),
        sa.UniqueConstraint("community_id", "month", name=op.f("uq_spot_draw_community_id_month")),
        sqlite_strict=True,
    )
    op.create_table(
        "spot_check",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("draw_id", BigId, nullable=False),
        sa.Column("credit_id", BigId, nullable=False),
        sa.Column("assigned_to", BigId, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'right', 'not_right', 'not_reached')", name=op.f("ck_spot_check_state")
        ),
        sa.CheckConstraint("(state = 'open') = (answered_at IS NULL)", name=op.f("ck_spot_check_answered")),
        sa.CheckConstraint(
            "state = 'open' OR assigned_to IS NOT NULL", name=op.f("ck_spot_check_answered_by_somebody")
        ),
        sa.CheckConstraint("state <> 'not_right' OR length(words) > 0", name=op.f("ck_spot_check_why")),
        sa.ForeignKeyConstraint(["draw_id"], ["spot_draw.id"], name=op.f("fk_spot_check_draw_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["credit_id"], ["credit.id"], name=op.f("fk_spot_check_credit_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["assigned_to"], ["person.id"], name=op.f("fk_spot_check_assigned_to"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check")),
        sa.UniqueConstraint("credit_id", name=op.f("uq_spot_check_credit_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_spot_check_public_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_spot_check_assigned", "spot_check", ["assigned_to", "state"])
    op.create_index(op.f("ix_spot_check_draw_id"), "spot_check", ["draw_id"])


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


def _credit_rules() -> list[tuple[str, str]]:
    """Give (what is refused, when); CHANGED(column) is where a row is new or the column changes."""
    touched = " OR ".join(_near("NEW.first_by", f"NEW.{hand}") for hand in ("proposed_by", "leader_id"))
    second = " OR ".join(
        _near("NEW.second_by", f"NEW.{other}") for other in ("person_id", "first_by", "proposed_by", "leader_id")
    )
    return [
        ("the household decides", f"CHANGED(first_by) AND {_near('NEW.first_by', 'NEW.person_id')}"),
        ("an administrator decides", f"CHANGED(first_by) AND {_admin('NEW.first_by', 'NEW.community_id')}"),
        ("the second person is no other", f"CHANGED(second_by) AND ({second})"),
        ("an administrator decides", f"CHANGED(second_by) AND {_admin('NEW.second_by', 'NEW.community_id')}"),
        ("one pair of hands", f"LEAVES_REVIEW AND NEW.second_by IS NULL AND ({touched})"),
    ]


def _objection_rules() -> list[tuple[str, str]]:
    """What dismisses an objection lets the credit stand: that is a decision like any other."""
    hands = ("person_id", "first_by", "second_by", "proposed_by", "leader_id")
    involved = " OR ".join(_near("NEW.answered_by", f"c.{hand}") for hand in hands)
    return [
        (
            "who had a hand in it dismisses",
            f"NEW.state = 'dismissed' AND EXISTS (SELECT 1 FROM credit c WHERE c.id = NEW.credit_id AND ({involved}))",
        ),
        (
            "an administrator decides",
            "NEW.state = 'dismissed' AND EXISTS (SELECT 1 FROM credit c WHERE c.id = NEW.credit_id "
            f"AND {_admin('NEW.answered_by', 'c.community_id')})",
        ),
    ]


def _activity_rules() -> list[tuple[str, str]]:
    undeclared = "NEW.state = 'published' AND OLD.state = 'draft' AND NEW.declared_at IS NULL"
    return [("nobody said that it counts", undeclared)]


def _spot_check_rules() -> list[tuple[str, str]]:
    hands = ("person_id", "first_by", "second_by", "proposed_by", "leader_id")
    involved = " OR ".join(_near("NEW.assigned_to", f"c.{hand}") for hand in hands)
    return [("who had a hand in it checks", f"EXISTS (SELECT 1 FROM credit c WHERE c.id = NEW.credit_id AND ({involved}))")]


def _guard(name: str, table: str, columns: str, rules: list[tuple[str, str]], *, on_insert: bool = True) -> None:
    """Refuse a row that a rule describes, as it comes and as one of the columns changes."""
    for event, timing in (("insert", "INSERT"), ("update", f"UPDATE OF {columns}")):
        if event == "insert" and not on_insert:
            continue
        said = [(why, _at(event, when)) for why, when in rules]
        _postgres(f"{name}_{event}", table, timing, said) if _is_postgres() else _sqlite(
            f"{name}_{event}", table, timing, said
        )


def _at(event: str, rule: str) -> str:
    """Write out when a column changes and when a credit leaves review, for a new row and for a changed one."""
    for column in ("first_by", "second_by"):
        is_new = f"NEW.{column} IS NOT NULL"
        changed = is_new if event == "insert" else f"{is_new} AND (OLD.{column} IS NULL OR OLD.{column} <> NEW.{column})"
        rule = rule.replace(f"CHANGED({column})", f"({changed})")
    leaves = f"NEW.state IN {LIVE}"
    if event == "update":
        leaves = f"{leaves} AND OLD.state IN ('submitted', 'second_review')"
    return rule.replace("LEAVES_REVIEW", f"({leaves})")


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
