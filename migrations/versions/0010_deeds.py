"""Good deeds before the panel: cases, votes, witnesses, building captains, and thanks.

The triggers compare people and households whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Flag, Moment

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rule = "CONSTRAINT ck_credit_waits_for CHECK (waits_for IS NULL OR (waits_for = 'panel' AND state = 'submitted'))"
    op.execute(f"ALTER TABLE credit ADD COLUMN waits_for TEXT {rule}")
    op.execute("ALTER TABLE deed ADD COLUMN witness_code TEXT")
    op.create_index("ux_deed_witness_code", "deed", ["witness_code"], unique=True)
    _cases()
    _witnesses()
    _captains()
    _thanks()
    _only_added("deed_vote")
    _only_added("deed_witness")
    _guard("deed_case_closed", "deed_case", "UPDATE", [("a case is closed once", "OLD.state <> 'open'")])
    _guard("deed_vote_hands", "deed_vote", "INSERT", _vote_rules())
    _guard("deed_witness_hands", "deed_witness", "INSERT", _witness_rules())


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), ondelete="RESTRICT")


def _cases() -> None:
    op.create_table(
        "deed_case",
        sa.Column("id", BigId, nullable=False),
        sa.Column("deed_id", BigId, nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'granted', 'not_granted', 'passed_on', 'withdrawn')", name=op.f("ck_deed_case_state")
        ),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name=op.f("ck_deed_case_closed")),
        _refers("deed_case", "deed_id", "deed"),
        _refers("deed_case", "community_id", "community"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_case")),
        sa.UniqueConstraint("deed_id", name=op.f("uq_deed_case_deed_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_deed_case_waiting", "deed_case", ["community_id", "state", "due_at"])
    op.create_table(
        "deed_vote",
        sa.Column("id", BigId, nullable=False),
        sa.Column("deed_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("is_for", Flag(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.CheckConstraint("length(reason) > 0", name=op.f("ck_deed_vote_reason")),
        _refers("deed_vote", "deed_id", "deed"),
        _refers("deed_vote", "person_id", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_vote")),
        sa.UniqueConstraint("deed_id", "person_id", name=op.f("uq_deed_vote_deed_id_person_id")),
        sqlite_strict=True,
    )


def _witnesses() -> None:
    op.create_table(
        "deed_witness",
        sa.Column("id", BigId, nullable=False),
        sa.Column("deed_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("keyed_by", BigId, nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.CheckConstraint("via IN ('scan', 'card', 'pin')", name=op.f("ck_deed_witness_via")),
        sa.CheckConstraint("(via = 'scan') = (keyed_by IS NULL)", name=op.f("ck_deed_witness_keyed_by")),
        sa.CheckConstraint(
            "keyed_by IS NULL OR keyed_by <> person_id", name=op.f("ck_deed_witness_keyed_by_another")
        ),
        _refers("deed_witness", "deed_id", "deed"),
        _refers("deed_witness", "person_id", "person"),
        _refers("deed_witness", "keyed_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_witness")),
        sa.UniqueConstraint("deed_id", "person_id", name=op.f("uq_deed_witness_deed_id_person_id")),
        sqlite_strict=True,
    )


def _captains() -> None:
    op.create_table(
        "building_captain",
        sa.Column("building_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("named_by", BigId, nullable=False),
        sa.Column("since_at", Moment(), nullable=False),
        _refers("building_captain", "building_id", "community"),
        _refers("building_captain", "person_id", "person"),
        _refers("building_captain", "named_by", "person"),
        sa.PrimaryKeyConstraint("building_id", "person_id", name=op.f("pk_building_captain")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_building_captain_person_id"), "building_captain", ["person_id"])


def _thanks() -> None:
    op.create_table(
        "thanks",
        sa.Column("id", BigId, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("community_id", BigId, nullable=False),
        sa.Column("from_id", BigId, nullable=False),
        sa.Column("to_id", BigId, nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("reported_at", Moment(), nullable=True),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.Column("settled_by", BigId, nullable=True),
        sa.CheckConstraint("state IN ('kept', 'hidden', 'reported', 'removed')", name=op.f("ck_thanks_state")),
        sa.CheckConstraint("from_id <> to_id", name=op.f("ck_thanks_to_another")),
        sa.CheckConstraint("state <> 'reported' OR reported_at IS NOT NULL", name=op.f("ck_thanks_reported_at")),
        sa.CheckConstraint(
            "settled_by IS NULL OR (settled_by <> from_id AND settled_by <> to_id)",
            name=op.f("ck_thanks_settled_by_another"),
        ),
        _refers("thanks", "community_id", "community"),
        _refers("thanks", "from_id", "person"),
        _refers("thanks", "to_id", "person"),
        _refers("thanks", "settled_by", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thanks")),
        sa.UniqueConstraint("public_id", name=op.f("uq_thanks_public_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_thanks_to", "thanks", ["to_id", "id"])
    op.create_index("ix_thanks_from", "thanks", ["from_id", "created_at"])
    op.create_index("ix_thanks_waiting", "thanks", ["state", "reported_at"])


def _near(one: str, other: str) -> str:
    """Say in SQL that two are the same person or live behind the same door; not true where either is nobody."""
    same_home = (
        f"EXISTS (SELECT 1 FROM person a JOIN person b ON a.household_id = b.household_id "
        f"WHERE a.id = {one} AND b.id = {other})"
    )
    return f"(COALESCE({one} = {other}, FALSE) OR {same_home})"


def _vote_rules() -> list[tuple[str, str]]:
    sides = " OR ".join(_near("NEW.person_id", f"d.{side}") for side in ("person_id", "told_by"))
    admin = (
        "EXISTS (SELECT 1 FROM deed d JOIN community h ON h.id = d.community_id "
        "JOIN role r ON r.person_id = NEW.person_id AND r.name = 'admin' JOIN community p ON p.id = r.community_id "
        "WHERE d.id = NEW.deed_id AND substr(h.path, 1, length(p.path)) = p.path)"
    )
    return [
        ("the household votes", f"EXISTS (SELECT 1 FROM deed d WHERE d.id = NEW.deed_id AND ({sides}))"),
        (
            "a witness votes",
            "EXISTS (SELECT 1 FROM deed_witness w WHERE w.deed_id = NEW.deed_id "
            f"AND ({_near('NEW.person_id', 'w.person_id')} OR {_near('NEW.person_id', 'w.keyed_by')}))",
        ),
        ("an administrator votes", admin),
        (
            "the case is closed",
            "NOT EXISTS (SELECT 1 FROM deed_case c WHERE c.deed_id = NEW.deed_id AND c.state = 'open')",
        ),
    ]


def _witness_rules() -> list[tuple[str, str]]:
    sides = " OR ".join(_near("NEW.person_id", f"d.{side}") for side in ("person_id", "told_by"))
    keyer = " OR ".join(_near("NEW.keyed_by", f"d.{side}") for side in ("person_id", "told_by"))
    voted = "EXISTS (SELECT 1 FROM deed_vote v WHERE v.deed_id = NEW.deed_id AND {near})"
    return [
        ("the household is its own witness", f"EXISTS (SELECT 1 FROM deed d WHERE d.id = NEW.deed_id AND ({sides}))"),
        (
            "a card without a PIN, keyed by a side",
            f"NEW.via = 'card' AND EXISTS (SELECT 1 FROM deed d WHERE d.id = NEW.deed_id AND ({keyer}))",
        ),
        ("a judge is a witness", voted.format(near=_near("NEW.person_id", "v.person_id"))),
    ]


def _guard(name: str, table: str, timing: str, rules: list[tuple[str, str]]) -> None:
    """Refuse a row that a rule describes."""
    if op.get_context().dialect.name == "postgresql":
        checks = "\n".join(
            f"  IF {when} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {why}'; END IF;"
            for why, when in rules
        )
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n{checks}\n  RETURN NEW;\nEND $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {timing} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
        return
    checks = " ".join(f"SELECT RAISE(ABORT, 'the bank refuses: {why}') WHERE {when};" for why, when in rules)
    op.execute(f"CREATE TRIGGER {name} BEFORE {timing} ON {table} BEGIN {checks} END")


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
