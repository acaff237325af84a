"""Paper: a trail for every sheet, its own times, and service minutes that never fall.

The triggers hold whatever the code above believes. Their text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIVE = "activity_id IS NOT NULL AND state NOT IN ('refused', 'reversed', 'void') AND source NOT LIKE '%\\:rest%'"
"""What exceeds a cap becomes a second credit, of honour, beside the first of the same presence."""
POSTED = (
    "(SELECT COALESCE(SUM(c.approved_amount), 0) FROM credit c WHERE c.person_id = NEW.person_id "
    "AND c.evidence_class = NEW.evidence_class AND c.unit = 'MIN' AND c.state = 'posted')"
)


def upgrade() -> None:
    number, moment = ("BIGINT", "TIMESTAMP WITH TIME ZONE") if _is_postgres() else ("INTEGER", "INTEGER")
    _add("sheet", "arrived_at", moment)
    _add("sheet", "left_at", moment)
    _add("sheet", "round", number, "NOT NULL DEFAULT 0")
    _add("sheet", "first_handed_in_at", moment)
    _add("sheet_line", "keyed_at", moment)
    op.execute("UPDATE sheet SET first_handed_in_at = handed_in_at")
    _presence()
    _trail()
    _guard("service_total_falls", "service_total", "UPDATE", "NEW", "service minutes never fall", _fall())
    _guard("service_total_stays", "service_total", "DELETE", "OLD", "service minutes are never deleted", "TRUE")
    handed_in = "NEW.state = 'handed_in' AND NEW.photo_id IS NULL"
    _guard("sheet_has_photo", "sheet", "UPDATE", "NEW", "a sheet is handed in with its photo", handed_in)
    for event, row in (("UPDATE", "NEW"), ("DELETE", "OLD")):
        _guard(f"sheet_step_{event.lower()}", "sheet_step", event, row, "a step is only ever added", "TRUE")


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _fall() -> str:
    """Less than before is right only as far as a posting was reversed before."""
    moved = "NEW.person_id <> OLD.person_id OR NEW.evidence_class <> OLD.evidence_class"
    return f"{moved} OR (NEW.minutes < OLD.minutes AND NEW.minutes < {POSTED})"


def _presence() -> None:
    op.drop_index("ux_credit_presence", "credit")
    op.create_index(
        "ux_credit_presence",
        "credit",
        ["activity_id", "person_id"],
        unique=True,
        sqlite_where=sa.text(LIVE),
        postgresql_where=sa.text(LIVE),
    )


def _trail() -> None:
    op.create_table(
        "sheet_step",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sheet_id", BigId, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("by_person_id", BigId, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sheet_id"], ["sheet.id"], name=op.f("fk_sheet_step_sheet_id_sheet"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["by_person_id"], ["person.id"], name=op.f("fk_sheet_step_by_person_id_person"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_step")),
    )
    op.create_index(op.f("ix_sheet_step_sheet_id"), "sheet_step", ["sheet_id"])


def _is_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _add(table: str, column: str, kind: str, rest: str = "") -> None:
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind} {rest}")


def _guard(name: str, table: str, event: str, row: str, why: str, when: str) -> None:
    """Refuse an event on a row where something is so."""
    if not _is_postgres():
        check = f"SELECT RAISE(ABORT, 'the bank refuses: {why}') WHERE {when};"
        op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN {check} END"))
        return
    check = f"IF {when} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {why}'; END IF;"
    body = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  {check}\n  RETURN {row};\nEND $$"
    op.execute(sa.text(body))
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
