"""Who registered a resident, while they are new: that person credits them nothing alone.

The trigger compares people and households whatever the code above believes. Its text is frozen here on purpose.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

LIVE = "('in_notice', 'objected', 'posted')"
SAME_HOME = (
    "EXISTS (SELECT 1 FROM person a JOIN person b ON a.household_id = b.household_id "
    "WHERE a.id = NEW.first_by AND b.id = p.vouched_by)"
)
ALONE = (
    f"NEW.state IN {LIVE} AND OLD.state IN ('submitted', 'second_review') AND NEW.second_by IS NULL AND EXISTS "
    "(SELECT 1 FROM person p WHERE p.id = NEW.person_id AND p.vouched_by IS NOT NULL "
    f"AND (p.vouched_by = NEW.first_by OR {SAME_HOME}))"
)
WHY = "whoever registered a newcomer credits them alone"


def upgrade() -> None:
    is_postgres = op.get_context().dialect.name == "postgresql"
    number = "BIGINT" if is_postgres else "INTEGER"
    op.execute(f"ALTER TABLE person ADD COLUMN vouched_by {number} CONSTRAINT fk_person_vouched_by REFERENCES person (id)")
    if is_postgres:
        check = f"IF {ALONE} THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'the bank refuses: {WHY}'; END IF;"
        body = f"BEGIN {check} RETURN NEW; END"
        op.execute(sa.text(f"CREATE FUNCTION credit_newcomer() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"))
        op.execute(
            "CREATE TRIGGER credit_newcomer BEFORE UPDATE OF state ON credit FOR EACH ROW EXECUTE FUNCTION credit_newcomer()"
        )
        op.execute("ALTER TABLE credit ENABLE ALWAYS TRIGGER credit_newcomer")
    else:
        check = f"SELECT RAISE(ABORT, 'the bank refuses: {WHY}') WHERE {ALONE};"
        op.execute(sa.text(f"CREATE TRIGGER credit_newcomer BEFORE UPDATE OF state ON credit BEGIN {check} END"))


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
