"""People, places and everything they do, before the first release: edited in place until then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ledger.base import BigId, Bytes, Day, Flag, Id16, Json, Moment

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('community',
    sa.Column('id', BigId, nullable=False),
    sa.Column('parent_id', BigId, nullable=True),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('time_zone', sa.Text(), nullable=False),
    sa.Column('is_demo', Flag(), nullable=False),
    sa.CheckConstraint("(kind = 'district') = (parent_id IS NULL)", name=op.f('ck_community_has_parent')),
    sa.CheckConstraint("kind IN ('district', 'street', 'community', 'building')", name=op.f('ck_community_kind')),
    sa.ForeignKeyConstraint(['parent_id'], ['community.id'], name=op.f('fk_community_parent_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_community')),
    sa.UniqueConstraint('code', name=op.f('uq_community_code')),
    sa.UniqueConstraint('path', name=op.f('uq_community_path')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_community_parent_id'), 'community', ['parent_id'], unique=False)

    op.create_table('photo',
    sa.Column('id', BigId, nullable=False),
    sa.Column('sha256', Bytes, nullable=False),
    sa.Column('jpeg', Bytes, nullable=False),
    sa.Column('width', BigId, nullable=False),
    sa.Column('height', BigId, nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.CheckConstraint('width BETWEEN 1 AND 1600 AND height BETWEEN 1 AND 1600', name=op.f('ck_photo_size')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photo')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_photo_sha256'), 'photo', ['sha256'], unique=False)

    op.create_table('request_key',
    sa.Column('person_id', BigId, autoincrement=False, nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('request_hash', Bytes, nullable=False),
    sa.Column('status', BigId, nullable=True),
    sa.Column('headers', Json(), nullable=True),
    sa.Column('body', Bytes, nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.PrimaryKeyConstraint('person_id', 'key', name=op.f('pk_request_key')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_request_key_created_at'), 'request_key', ['created_at'], unique=False)
    op.create_table('tries',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('window', BigId, autoincrement=False, nullable=False),
    sa.Column('count', BigId, nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.PrimaryKeyConstraint('name', 'window', name=op.f('pk_tries')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_tries_expires_at'), 'tries', ['expires_at'], unique=False)

    op.create_table('household',
    sa.Column('id', BigId, nullable=False),
    sa.Column('building_id', BigId, nullable=False),
    sa.Column('door', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['building_id'], ['community.id'], name=op.f('fk_household_building_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_household')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_household_building_id'), 'household', ['building_id'], unique=False)

    op.create_table('rule_version',
    sa.Column('id', BigId, nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('number', BigId, nullable=False),
    sa.Column('effective_on', Day(), nullable=False),
    sa.Column('settings', Json(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.CheckConstraint('number >= 1', name=op.f('ck_rule_version_number')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_rule_version_community_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_version')),
    sa.UniqueConstraint('community_id', 'effective_on', name=op.f('uq_rule_version_community_id_effective_on')),
    sa.UniqueConstraint('community_id', 'number', name=op.f('uq_rule_version_community_id_number')),
    sqlite_strict=True
    )
    op.create_table('shop',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('hours', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_shop_community_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shop')),
    sa.UniqueConstraint('public_id', name=op.f('uq_shop_public_id')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_shop_community_id'), 'shop', ['community_id'], unique=False)

    op.create_table('item',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('shop_id', BigId, nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('price', BigId, nullable=False),
    sa.Column('stock', BigId, nullable=True),
    sa.Column('picture', sa.Text(), nullable=False),
    sa.Column('is_offered', Flag(), nullable=False),
    sa.Column('handed_over', BigId, nullable=False),
    sa.CheckConstraint("kind IN ('goods', 'service')", name=op.f('ck_item_kind')),
    sa.CheckConstraint("unit IN ('MIN', 'PTS')", name=op.f('ck_item_unit')),
    sa.CheckConstraint('price BETWEEN 1 AND 1000000', name=op.f('ck_item_price')),
    sa.CheckConstraint('stock IS NULL OR stock >= 0', name=op.f('ck_item_stock_is_never_oversold')),
    sa.CheckConstraint('handed_over >= 0', name=op.f('ck_item_handed_over')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_item_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['shop_id'], ['shop.id'], name=op.f('fk_item_shop_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_item')),
    sa.UniqueConstraint('public_id', name=op.f('uq_item_public_id')),
    sqlite_strict=True
    )
    op.create_index('ix_item_shelf', 'item', ['community_id', 'is_offered', 'kind'], unique=False)
    op.create_index(op.f('ix_item_shop_id'), 'item', ['shop_id'], unique=False)

    op.create_table('person',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('household_id', BigId, nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('pinyin', sa.Text(), nullable=False),
    sa.Column('login', sa.Text(), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('pin_hash', sa.Text(), nullable=True),
    sa.Column('card_version', BigId, nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('is_elder', Flag(), nullable=False),
    sa.Column('is_named', Flag(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('disabled_at', Moment(), nullable=True),
    sa.CheckConstraint('card_version BETWEEN 1 AND 1023', name=op.f('ck_person_card_version')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_person_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['household_id'], ['household.id'], name=op.f('fk_person_household_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('login', name=op.f('uq_person_login')),
    sa.UniqueConstraint('public_id', name=op.f('uq_person_public_id')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_person_community_id'), 'person', ['community_id'], unique=False)
    op.create_index(op.f('ix_person_household_id'), 'person', ['household_id'], unique=False)
    op.create_index(op.f('ix_person_phone'), 'person', ['phone'], unique=False)
    op.create_index(op.f('ix_person_pinyin'), 'person', ['pinyin'], unique=False)

    op.create_table('activity',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('created_by', BigId, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('risk_note', sa.Text(), nullable=False),
    sa.Column('starts_at', Moment(), nullable=False),
    sa.Column('ends_at', Moment(), nullable=False),
    sa.Column('capacity', BigId, nullable=False),
    sa.Column('taken', BigId, nullable=False),
    sa.Column('is_open_to_walk_ins', Flag(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('code_epoch', BigId, nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('published_at', Moment(), nullable=True),
    sa.Column('cancelled_at', Moment(), nullable=True),
    sa.Column('cancel_reason', sa.Text(), nullable=True),
    sa.Column('closed_at', Moment(), nullable=True),
    sa.CheckConstraint("state <> 'published' OR length(risk_note) > 0", name=op.f('ck_activity_risk_is_told')),
    sa.CheckConstraint("state <> 'published' OR published_at IS NOT NULL", name=op.f('ck_activity_published_at')),
    sa.CheckConstraint("state IN ('draft', 'published', 'cancelled')", name=op.f('ck_activity_state')),
    sa.CheckConstraint('capacity BETWEEN 1 AND 10000', name=op.f('ck_activity_capacity')),
    sa.CheckConstraint('ends_at > starts_at', name=op.f('ck_activity_ends_after_start')),
    sa.CheckConstraint('published_at IS NULL OR published_at < starts_at', name=op.f('ck_activity_published_before_start')),
    sa.CheckConstraint('taken BETWEEN 0 AND capacity', name=op.f('ck_activity_taken_within_capacity')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_activity_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['created_by'], ['person.id'], name=op.f('fk_activity_created_by'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_activity')),
    sa.UniqueConstraint('public_id', name=op.f('uq_activity_public_id')),
    sqlite_strict=True
    )
    op.create_index('ix_activity_calendar', 'activity', ['community_id', 'state', 'starts_at'], unique=False)
    op.create_index(op.f('ix_activity_closed_at'), 'activity', ['closed_at'], unique=False)

    op.create_table('credit',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('proposed_by', BigId, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('happened_on', Day(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('amount', BigId, nullable=False),
    sa.Column('approved_amount', BigId, nullable=True),
    sa.Column('evidence_class', sa.Text(), nullable=False),
    sa.Column('evidence', Json(), nullable=False),
    sa.Column('flags', Json(), nullable=False),
    sa.Column('rules_number', BigId, nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('first_by', BigId, nullable=True),
    sa.Column('first_at', Moment(), nullable=True),
    sa.Column('second_by', BigId, nullable=True),
    sa.Column('second_at', Moment(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('batch', sa.Text(), nullable=True),
    sa.Column('notice_from', Moment(), nullable=True),
    sa.Column('notice_until', Moment(), nullable=True),
    sa.Column('due_at', Moment(), nullable=True),
    sa.Column('held_up', sa.Text(), nullable=True),
    sa.Column('posting_round', BigId, nullable=False),
    sa.Column('posted_at', Moment(), nullable=True),
    sa.Column('txn_id', Id16(), nullable=True),
    sa.CheckConstraint("evidence_class IN ('A', 'B', 'C')", name=op.f('ck_credit_evidence_class')),
    sa.CheckConstraint("state IN ('submitted', 'second_review', 'in_notice', 'objected', 'posted', 'refused', 'reversed', 'void')", name=op.f('ck_credit_state')),
    sa.CheckConstraint("state NOT IN ('in_notice', 'objected', 'posted') OR (first_by IS NOT NULL AND approved_amount IS NOT NULL)", name=op.f('ck_credit_decided_by_somebody')),
    sa.CheckConstraint("state NOT IN ('in_notice', 'objected', 'posted') OR first_by <> proposed_by OR second_by IS NOT NULL", name=op.f('ck_credit_nobody_mints_alone')),
    sa.CheckConstraint("txn_id IS NULL OR evidence_class <> 'C' OR unit = 'PTS'", name=op.f('ck_credit_honour_is_never_spendable')),
    sa.CheckConstraint("unit IN ('MIN', 'PTS')", name=op.f('ck_credit_unit')),
    sa.CheckConstraint('amount >= 0', name=op.f('ck_credit_amount')),
    sa.CheckConstraint('approved_amount IS NULL OR approved_amount BETWEEN 0 AND amount', name=op.f('ck_credit_approved_amount')),
    sa.CheckConstraint('first_by IS NULL OR first_by <> person_id', name=op.f('ck_credit_first_is_not_own')),
    sa.CheckConstraint('second_by IS NULL OR (second_by <> person_id AND second_by <> first_by AND second_by <> proposed_by)', name=op.f('ck_credit_second_is_another')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_credit_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['first_by'], ['person.id'], name=op.f('fk_credit_first_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_credit_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['proposed_by'], ['person.id'], name=op.f('fk_credit_proposed_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['second_by'], ['person.id'], name=op.f('fk_credit_second_by'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit')),
    sa.UniqueConstraint('public_id', name=op.f('uq_credit_public_id')),
    sa.UniqueConstraint('source', name=op.f('uq_credit_source')),
    sa.UniqueConstraint('txn_id', name=op.f('uq_credit_txn_id')),
    sqlite_strict=True
    )
    op.create_index('ix_credit_desk', 'credit', ['community_id', 'state', 'created_at'], unique=False)
    op.create_index('ix_credit_due', 'credit', ['state', 'due_at'], unique=False)
    op.create_index('ix_credit_posted', 'credit', ['community_id', 'state', 'posted_at'], unique=False)
    op.create_index('ix_credit_person_day', 'credit', ['person_id', 'happened_on'], unique=False)

    op.create_table('message',
    sa.Column('id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('sentence', sa.Text(), nullable=False),
    sa.Column('facts', Json(), nullable=False),
    sa.Column('link', sa.Text(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('read_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_message_person_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message')),
    sqlite_strict=True
    )
    op.create_index('ix_message_unread', 'message', ['person_id'], unique=False, sqlite_where=sa.text('read_at IS NULL'), postgresql_where=sa.text('read_at IS NULL'))

    op.create_table('purchase',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('shop_id', BigId, nullable=False),
    sa.Column('item_id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('placed_by', BigId, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('quantity', BigId, nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('total', BigId, nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('voucher_code', sa.Text(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.Column('handed_over_by', BigId, nullable=True),
    sa.Column('handed_over_at', Moment(), nullable=True),
    sa.Column('ended_by', BigId, nullable=True),
    sa.Column('ended_at', Moment(), nullable=True),
    sa.Column('end_reason', sa.Text(), nullable=True),
    sa.Column('hold_txn_id', Id16(), nullable=False),
    sa.Column('end_txn_id', Id16(), nullable=True),
    sa.CheckConstraint("(state = 'handed_over') = (handed_over_at IS NOT NULL)", name=op.f('ck_purchase_handed_over')),
    sa.CheckConstraint("state IN ('held', 'handed_over', 'cancelled', 'lapsed')", name=op.f('ck_purchase_state')),
    sa.CheckConstraint('quantity BETWEEN 1 AND 1000', name=op.f('ck_purchase_quantity')),
    sa.CheckConstraint('total >= 1', name=op.f('ck_purchase_total')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_purchase_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['ended_by'], ['person.id'], name=op.f('fk_purchase_ended_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['handed_over_by'], ['person.id'], name=op.f('fk_purchase_handed_over_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], name=op.f('fk_purchase_item_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_purchase_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['placed_by'], ['person.id'], name=op.f('fk_purchase_placed_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['shop_id'], ['shop.id'], name=op.f('fk_purchase_shop_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchase')),
    sa.UniqueConstraint('public_id', name=op.f('uq_purchase_public_id')),
    sa.UniqueConstraint('voucher_code', name=op.f('uq_purchase_voucher_code')),
    sa.UniqueConstraint('hold_txn_id', name=op.f('uq_purchase_hold_txn_id')),
    sa.UniqueConstraint('end_txn_id', name=op.f('uq_purchase_end_txn_id')),
    sqlite_strict=True
    )
    op.create_index('ix_purchase_due', 'purchase', ['state', 'expires_at'], unique=False)
    op.create_index(op.f('ix_purchase_item_id'), 'purchase', ['item_id'], unique=False)
    op.create_index('ix_purchase_handed_over', 'purchase', ['shop_id', 'handed_over_at', 'id'], unique=False)
    op.create_index('ix_purchase_person', 'purchase', ['person_id', 'id'], unique=False)
    op.create_index('ix_purchase_shop', 'purchase', ['shop_id', 'state', 'created_at'], unique=False)

    op.create_table('role',
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('granted_at', Moment(), nullable=False),
    sa.Column('granted_by', BigId, nullable=True),
    sa.CheckConstraint("name IN ('coordinator', 'second_approver', 'shopkeeper', 'panel', 'auditor', 'admin')", name=op.f('ck_role_name')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_role_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['granted_by'], ['person.id'], name=op.f('fk_role_granted_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_role_person_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('person_id', 'community_id', 'name', name=op.f('pk_role')),
    sqlite_strict=True
    )
    op.create_table('service_total',
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('evidence_class', sa.Text(), nullable=False),
    sa.Column('minutes', BigId, nullable=False),
    sa.CheckConstraint("evidence_class IN ('A', 'B', 'C')", name=op.f('ck_service_total_evidence_class')),
    sa.CheckConstraint('minutes >= 0', name=op.f('ck_service_total_minutes')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_service_total_person_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('person_id', 'evidence_class', name=op.f('pk_service_total')),
    sqlite_strict=True
    )
    op.create_table('shopkeeper',
    sa.Column('shop_id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_shopkeeper_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['shop_id'], ['shop.id'], name=op.f('fk_shopkeeper_shop_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('shop_id', 'person_id', name=op.f('pk_shopkeeper')),
    sqlite_strict=True
    )
    op.create_table('sign_in',
    sa.Column('id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('token_hash', Bytes, nullable=False),
    sa.Column('device', sa.Text(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.CheckConstraint("kind IN ('page', 'api')", name=op.f('ck_sign_in_kind')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_sign_in_person_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_sign_in_token_hash')),
    sqlite_strict=True
    )
    op.create_index(op.f('ix_sign_in_person_id'), 'sign_in', ['person_id'], unique=False)

    op.create_table('attendance',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('activity_id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('checked_in_at', Moment(), nullable=True),
    sa.Column('checked_out_at', Moment(), nullable=True),
    sa.Column('minutes', BigId, nullable=False),
    sa.Column('evidence_class', sa.Text(), nullable=False),
    sa.Column('flags', Json(), nullable=False),
    sa.Column('credit_id', BigId, nullable=True),
    sa.Column('changed_at', Moment(), nullable=False),
    sa.CheckConstraint("evidence_class IN ('A', 'C')", name=op.f('ck_attendance_evidence_class')),
    sa.CheckConstraint("state IN ('checked_in', 'checked_out', 'auto_closed', 'no_show', 'void')", name=op.f('ck_attendance_state')),
    sa.CheckConstraint('minutes >= 0', name=op.f('ck_attendance_minutes')),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.id'], name=op.f('fk_attendance_activity_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['credit_id'], ['credit.id'], name=op.f('fk_attendance_credit_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_attendance_person_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attendance')),
    sa.UniqueConstraint('activity_id', 'person_id', name=op.f('uq_attendance_activity_id_person_id')),
    sa.UniqueConstraint('credit_id', name=op.f('uq_attendance_credit_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_attendance_public_id')),
    sqlite_strict=True
    )
    op.create_index('ix_attendance_person', 'attendance', ['person_id', 'checked_in_at'], unique=False)

    op.create_table('credit_step',
    sa.Column('id', BigId, nullable=False),
    sa.Column('credit_id', BigId, nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('at', Moment(), nullable=False),
    sa.Column('by_person_id', BigId, nullable=True),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('amount', BigId, nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('batch', sa.Text(), nullable=True),
    sa.Column('txn_id', Id16(), nullable=True),
    sa.ForeignKeyConstraint(['by_person_id'], ['person.id'], name=op.f('fk_credit_step_by_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['credit_id'], ['credit.id'], name=op.f('fk_credit_step_credit_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_step')),
    sqlite_strict=True
    )
    op.create_index('ix_credit_step_batch', 'credit_step', ['batch'], unique=False, sqlite_where=sa.text('batch IS NOT NULL'), postgresql_where=sa.text('batch IS NOT NULL'))
    op.create_index(op.f('ix_credit_step_credit_id'), 'credit_step', ['credit_id'], unique=False)
    _only_added('credit_step')

    op.create_table('deed',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('community_id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('told_by', BigId, nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('points', BigId, nullable=False),
    sa.Column('story', sa.Text(), nullable=False),
    sa.Column('happened_on', Day(), nullable=False),
    sa.Column('photo_id', BigId, nullable=True),
    sa.Column('credit_id', BigId, nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.CheckConstraint('points >= 1', name=op.f('ck_deed_points')),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_deed_community_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['credit_id'], ['credit.id'], name=op.f('fk_deed_credit_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_deed_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_deed_photo_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['told_by'], ['person.id'], name=op.f('fk_deed_told_by'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deed')),
    sa.UniqueConstraint('credit_id', name=op.f('uq_deed_credit_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_deed_public_id')),
    sqlite_strict=True
    )
    op.create_index('ix_deed_person', 'deed', ['person_id', 'happened_on'], unique=False)
    op.create_index('ix_deed_told_by', 'deed', ['told_by', 'created_at'], unique=False)

    op.create_table('objection',
    sa.Column('id', BigId, nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('credit_id', BigId, nullable=False),
    sa.Column('by_person_id', BigId, nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('answer_due_at', Moment(), nullable=False),
    sa.Column('answered_by', BigId, nullable=True),
    sa.Column('answered_at', Moment(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.CheckConstraint("(state = 'open') = (answered_at IS NULL)", name=op.f('ck_objection_answered')),
    sa.CheckConstraint("state IN ('open', 'upheld', 'dismissed', 'withdrawn')", name=op.f('ck_objection_state')),
    sa.CheckConstraint('answered_by IS NULL OR answered_by <> by_person_id', name=op.f('ck_objection_answered_by_another')),
    sa.ForeignKeyConstraint(['answered_by'], ['person.id'], name=op.f('fk_objection_answered_by'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['by_person_id'], ['person.id'], name=op.f('fk_objection_by_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['credit_id'], ['credit.id'], name=op.f('fk_objection_credit_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_objection')),
    sa.UniqueConstraint('credit_id', 'by_person_id', name=op.f('uq_objection_credit_id_by_person_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_objection_public_id')),
    sqlite_strict=True
    )
    op.create_index('uq_objection_open', 'objection', ['credit_id'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))

    op.create_table('scan_event',
    sa.Column('id', BigId, nullable=False),
    sa.Column('uuid', sa.Text(), nullable=False),
    sa.Column('body_hash', Bytes, nullable=False),
    sa.Column('activity_id', BigId, nullable=True),
    sa.Column('person_id', BigId, nullable=True),
    sa.Column('actor_id', BigId, nullable=False),
    sa.Column('direction', sa.Text(), nullable=True),
    sa.Column('via', sa.Text(), nullable=False),
    sa.Column('happened_at', Moment(), nullable=False),
    sa.Column('received_at', Moment(), nullable=False),
    sa.Column('device', sa.Text(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('answer', Json(), nullable=False),
    sa.Column('voids_id', BigId, nullable=True),
    sa.CheckConstraint("direction IN ('in', 'out')", name=op.f('ck_scan_event_direction')),
    sa.CheckConstraint("via IN ('screen', 'digits', 'card', 'manual')", name=op.f('ck_scan_event_via')),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.id'], name=op.f('fk_scan_event_activity_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['actor_id'], ['person.id'], name=op.f('fk_scan_event_actor_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_scan_event_person_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['voids_id'], ['scan_event.id'], name=op.f('fk_scan_event_voids_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scan_event')),
    sa.UniqueConstraint('uuid', name=op.f('uq_scan_event_uuid')),
    sa.UniqueConstraint('voids_id', name=op.f('uq_scan_event_voids_id')),
    sqlite_strict=True
    )
    op.create_index('ix_scan_event_attendance', 'scan_event', ['activity_id', 'person_id', 'happened_at'], unique=False)
    op.create_index('ix_scan_event_device', 'scan_event', ['activity_id', 'device'], unique=False)
    _only_added('scan_event')

    op.create_table('sign_up',
    sa.Column('id', BigId, nullable=False),
    sa.Column('activity_id', BigId, nullable=False),
    sa.Column('person_id', BigId, nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('queued_at', Moment(), nullable=False),
    sa.Column('changed_at', Moment(), nullable=False),
    sa.CheckConstraint("state IN ('signed_up', 'waitlisted', 'cancelled')", name=op.f('ck_sign_up_state')),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.id'], name=op.f('fk_sign_up_activity_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_sign_up_person_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_up')),
    sa.UniqueConstraint('activity_id', 'person_id', name=op.f('uq_sign_up_activity_id_person_id')),
    sqlite_strict=True
    )
    op.create_index('ix_sign_up_person', 'sign_up', ['person_id', 'state'], unique=False)
    op.create_index('ix_sign_up_queue', 'sign_up', ['activity_id', 'state', 'queued_at', 'id'], unique=False)



def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")


def _only_added(table: str) -> None:
    """Let rows be added and nothing else, whoever asks."""
    if op.get_bind().dialect.name == 'postgresql':
        for suffix, event in (('row', f'BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW'), ('all', f'BEFORE TRUNCATE ON {table}')):
            op.execute(f'CREATE TRIGGER {table}_refuse_{suffix} {event} EXECUTE FUNCTION ledger_refuse()')
            op.execute(f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_{suffix}')
        return
    for event in ('update', 'delete'):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{event} BEFORE {event.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger refuses {event} on {table}'); END"
        )
    op.execute(
        f"CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger refuses replace on {table}'); END"
    )
