"""Help at home: requests with their trail, invitations, what helpers like, the catalogue's rulings, reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Flag, Id16, Json, Moment

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('help_kind_ruling',
        sa.Column('id', BigId, nullable=False),
        sa.Column('community_id', BigId, nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('is_on', Flag(), nullable=False),
        sa.Column('least_minutes', BigId, nullable=False),
        sa.Column('usual_minutes', BigId, nullable=False),
        sa.Column('most_minutes', BigId, nullable=False),
        sa.Column('conditions', Json(), nullable=False),
        sa.Column('by_person_id', BigId, nullable=False),
        sa.Column('at', Moment(), nullable=False),
        sa.CheckConstraint('least_minutes BETWEEN 1 AND usual_minutes', name=op.f('ck_help_kind_ruling_least_minutes')),
        sa.CheckConstraint('most_minutes >= usual_minutes', name=op.f('ck_help_kind_ruling_most_minutes')),
        sa.ForeignKeyConstraint(['by_person_id'], ['person.id'], name=op.f('fk_help_kind_ruling_by_person_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_help_kind_ruling_community_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_help_kind_ruling')),
        sqlite_strict=True
    )
    op.create_index('ix_help_kind_ruling_kind', 'help_kind_ruling', ['community_id', 'kind', 'id'], unique=False)
    op.create_table('help_skill',
        sa.Column('person_id', BigId, nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('community_id', BigId, nullable=False),
        sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_help_skill_community_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_help_skill_person_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('person_id', 'kind', name=op.f('pk_help_skill')),
        sqlite_strict=True
    )
    op.create_index('ix_help_skill_kind', 'help_skill', ['community_id', 'kind'], unique=False)
    op.create_table('help_speech',
        sa.Column('person_id', BigId, nullable=False),
        sa.Column('speech', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_help_speech_person_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('person_id', 'speech', name=op.f('pk_help_speech')),
        sqlite_strict=True
    )
    op.create_table('help_request',
        sa.Column('id', BigId, nullable=False),
        sa.Column('public_id', sa.Text(), nullable=False),
        sa.Column('community_id', BigId, nullable=False),
        sa.Column('person_id', BigId, nullable=False),
        sa.Column('asked_by', BigId, nullable=False),
        sa.Column('via', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('starts_at', Moment(), nullable=False),
        sa.Column('minutes', BigId, nullable=False),
        sa.Column('words', sa.Text(), nullable=False),
        sa.Column('risk_note', sa.Text(), nullable=False),
        sa.Column('reach', sa.Text(), nullable=False),
        sa.Column('speech', sa.Text(), nullable=False),
        sa.Column('pays', sa.Text(), nullable=False),
        sa.Column('hardship_by', BigId, nullable=True),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('is_first', Flag(), nullable=False),
        sa.Column('created_at', Moment(), nullable=False),
        sa.Column('promised_at', Moment(), nullable=False),
        sa.Column('warned_at', Moment(), nullable=True),
        sa.Column('due_at', Moment(), nullable=True),
        sa.Column('verified_by', BigId, nullable=True),
        sa.Column('verified_at', Moment(), nullable=True),
        sa.Column('volunteer_id', BigId, nullable=True),
        sa.Column('accepted_at', Moment(), nullable=True),
        sa.Column('holds', BigId, nullable=False),
        sa.Column('hold_txn_id', Id16(), nullable=True),
        sa.Column('capture_txn_id', Id16(), nullable=True),
        sa.Column('release_txn_id', Id16(), nullable=True),
        sa.Column('returned_txn_id', Id16(), nullable=True),
        sa.Column('code_in', sa.Text(), nullable=False),
        sa.Column('code_out', sa.Text(), nullable=False),
        sa.Column('arrived_at', Moment(), nullable=True),
        sa.Column('arrived_via', sa.Text(), nullable=True),
        sa.Column('left_at', Moment(), nullable=True),
        sa.Column('left_via', sa.Text(), nullable=True),
        sa.Column('is_late_upload', Flag(), nullable=False),
        sa.Column('volunteer_agreed_at', Moment(), nullable=True),
        sa.Column('resident_agreed_at', Moment(), nullable=True),
        sa.Column('resident_agreed_via', sa.Text(), nullable=True),
        sa.Column('resident_agreed_by', BigId, nullable=True),
        sa.Column('doubt', sa.Text(), nullable=True),
        sa.Column('resident_words', sa.Text(), nullable=True),
        sa.Column('volunteer_words', sa.Text(), nullable=True),
        sa.Column('decided_by', BigId, nullable=True),
        sa.Column('paid_minutes', BigId, nullable=True),
        sa.Column('credit_id', BigId, nullable=True),
        sa.Column('ended_by', BigId, nullable=True),
        sa.Column('ended_at', Moment(), nullable=True),
        sa.Column('end_reason', sa.Text(), nullable=True),
        sa.Column('repeats', BigId, nullable=True),
        sa.CheckConstraint("(pays = 'pool') = (hardship_by IS NOT NULL)", name=op.f('ck_help_request_hardship_by')),
        sa.CheckConstraint("pays = 'own' OR verified_by IS NULL OR verified_by <> hardship_by", name=op.f('ck_help_request_pool_needs_two')),
        sa.CheckConstraint("pays IN ('own', 'pool')", name=op.f('ck_help_request_pays')),
        sa.CheckConstraint("state IN ('accepted', 'in_service', 'to_confirm', 'disputed') OR hold_txn_id IS NULL OR capture_txn_id IS NOT NULL OR release_txn_id IS NOT NULL", name=op.f('ck_help_request_nothing_stays_held')),
        sa.CheckConstraint("(due_at IS NOT NULL) = (state IN ('requested', 'verified', 'offered', 'accepted', 'in_service', 'to_confirm', 'disputed'))", name=op.f('ck_help_request_every_wait_ends')),
        sa.CheckConstraint("state IN ('requested', 'verified', 'offered', 'accepted', 'in_service', 'to_confirm', 'done', 'cancelled', 'no_show', 'not_home', 'nobody_found', 'disputed', 'resolved')", name=op.f('ck_help_request_state')),
        sa.CheckConstraint("state NOT IN ('accepted', 'in_service', 'to_confirm', 'disputed') OR (volunteer_id IS NOT NULL AND hold_txn_id IS NOT NULL)", name=op.f('ck_help_request_held_while_open')),
        sa.CheckConstraint("via IN ('app', 'counter', 'phone', 'captain', 'repeat')", name=op.f('ck_help_request_via')),
        sa.CheckConstraint('(capture_txn_id IS NULL) = (paid_minutes IS NULL)', name=op.f('ck_help_request_paid')),
        sa.CheckConstraint('capture_txn_id IS NULL OR release_txn_id IS NULL', name=op.f('ck_help_request_one_way_out')),
        sa.CheckConstraint('hardship_by IS NULL OR hardship_by <> person_id', name=op.f('ck_help_request_hardship_is_not_own')),
        sa.CheckConstraint('minutes BETWEEN 1 AND 1440', name=op.f('ck_help_request_minutes')),
        sa.CheckConstraint('paid_minutes IS NULL OR paid_minutes BETWEEN 1 AND minutes', name=op.f('ck_help_request_paid_minutes')),
        sa.CheckConstraint('verified_by IS NULL OR verified_by <> person_id', name=op.f('ck_help_request_verified_by_another')),
        sa.CheckConstraint('volunteer_id IS NULL OR volunteer_id <> person_id', name=op.f('ck_help_request_helped_by_another')),
        sa.ForeignKeyConstraint(['asked_by'], ['person.id'], name=op.f('fk_help_request_asked_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_help_request_community_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['credit_id'], ['credit.id'], name=op.f('fk_help_request_credit_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['decided_by'], ['person.id'], name=op.f('fk_help_request_decided_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['ended_by'], ['person.id'], name=op.f('fk_help_request_ended_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['hardship_by'], ['person.id'], name=op.f('fk_help_request_hardship_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_help_request_person_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['repeats'], ['help_request.id'], name=op.f('fk_help_request_repeats'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['resident_agreed_by'], ['person.id'], name=op.f('fk_help_request_resident_agreed_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['verified_by'], ['person.id'], name=op.f('fk_help_request_verified_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['volunteer_id'], ['person.id'], name=op.f('fk_help_request_volunteer_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_help_request')),
        sa.UniqueConstraint('capture_txn_id', name=op.f('uq_help_request_capture_txn_id')),
        sa.UniqueConstraint('credit_id', name=op.f('uq_help_request_credit_id')),
        sa.UniqueConstraint('hold_txn_id', name=op.f('uq_help_request_hold_txn_id')),
        sa.UniqueConstraint('public_id', name=op.f('uq_help_request_public_id')),
        sa.UniqueConstraint('release_txn_id', name=op.f('uq_help_request_release_txn_id')),
        sa.UniqueConstraint('repeats', name=op.f('uq_help_request_repeats')),
        sa.UniqueConstraint('returned_txn_id', name=op.f('uq_help_request_returned_txn_id')),
        sqlite_strict=True
    )
    op.create_index('ix_help_request_desk', 'help_request', ['community_id', 'state', 'promised_at'], unique=False)
    op.create_index('ix_help_request_due', 'help_request', ['state', 'due_at'], unique=False)
    op.create_index('ix_help_request_person', 'help_request', ['person_id', 'id'], unique=False)
    op.create_index('ix_help_request_returned', 'help_request', ['state', 'returned_txn_id', 'credit_id'], unique=False)
    op.create_index('ix_help_request_volunteer', 'help_request', ['volunteer_id', 'id'], unique=False)
    op.create_table('help_invitation',
        sa.Column('id', BigId, nullable=False),
        sa.Column('request_id', BigId, nullable=False),
        sa.Column('person_id', BigId, nullable=False),
        sa.Column('invited_by', BigId, nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('reasons', Json(), nullable=False),
        sa.Column('at', Moment(), nullable=False),
        sa.Column('answered_at', Moment(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'accepted', 'declined', 'passed')", name=op.f('ck_help_invitation_state')),
        sa.ForeignKeyConstraint(['invited_by'], ['person.id'], name=op.f('fk_help_invitation_invited_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_help_invitation_person_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['request_id'], ['help_request.id'], name=op.f('fk_help_invitation_request_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_help_invitation')),
        sa.UniqueConstraint('request_id', 'person_id', name=op.f('uq_help_invitation_request_id_person_id')),
        sqlite_strict=True
    )
    op.create_index('ix_help_invitation_person', 'help_invitation', ['person_id', 'state'], unique=False)
    op.create_table('help_report',
        sa.Column('id', BigId, nullable=False),
        sa.Column('request_id', BigId, nullable=False),
        sa.Column('community_id', BigId, nullable=False),
        sa.Column('by_person_id', BigId, nullable=False),
        sa.Column('words', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('at', Moment(), nullable=False),
        sa.Column('due_at', Moment(), nullable=False),
        sa.Column('answer', sa.Text(), nullable=True),
        sa.Column('answered_by', BigId, nullable=True),
        sa.Column('answered_at', Moment(), nullable=True),
        sa.CheckConstraint("(state = 'answered') = (answered_at IS NOT NULL)", name=op.f('ck_help_report_answered')),
        sa.CheckConstraint("state IN ('open', 'late', 'answered')", name=op.f('ck_help_report_state')),
        sa.CheckConstraint('answered_by IS NULL OR answered_by <> by_person_id', name=op.f('ck_help_report_answered_by_another')),
        sa.ForeignKeyConstraint(['answered_by'], ['person.id'], name=op.f('fk_help_report_answered_by'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['by_person_id'], ['person.id'], name=op.f('fk_help_report_by_person_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_help_report_community_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['request_id'], ['help_request.id'], name=op.f('fk_help_report_request_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_help_report')),
        sa.UniqueConstraint('request_id', 'by_person_id', name=op.f('uq_help_report_request_id_by_person_id')),
        sqlite_strict=True
    )
    op.create_index('ix_help_report_desk', 'help_report', ['community_id', 'state', 'due_at'], unique=False)
    op.create_table('help_step',
        sa.Column('id', BigId, nullable=False),
        sa.Column('request_id', BigId, nullable=False),
        sa.Column('step', sa.Text(), nullable=False),
        sa.Column('at', Moment(), nullable=False),
        sa.Column('by_person_id', BigId, nullable=True),
        sa.Column('note', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['by_person_id'], ['person.id'], name=op.f('fk_help_step_by_person_id'), ondelete='RESTRICT'),
        sa.ForeignKeyConstraint(['request_id'], ['help_request.id'], name=op.f('fk_help_step_request_id'), ondelete='RESTRICT'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_help_step')),
        sqlite_strict=True
    )
    op.create_index(op.f('ix_help_step_request_id'), 'help_step', ['request_id'], unique=False)
    _only_added("help_step")
    _only_added("help_kind_ruling")


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
