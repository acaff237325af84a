"""Tables of shops and providers, their items, and orders."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Shop(Base):
    """A shop of goods or a provider of services that hands over against vouchers."""

    __tablename__ = "shop"
    __table_args__ = (CheckConstraint("kind IN ('shop', 'provider')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str]
    place: Mapped[str] = mapped_column(default="")
    hours: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="shop")
    """A `provider` (barber, cleaner, clinic, hall) gives services only."""


class Shopkeeper(Base):
    """Who may hand over in which shop."""

    __tablename__ = "shopkeeper"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="RESTRICT"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)


class Item(Base):
    """Something that can be had for hours or points. `stock` None means as many as asked for."""

    __tablename__ = "item"
    __table_args__ = (
        CheckConstraint("kind IN ('goods', 'service')", name="kind"),
        CheckConstraint("unit IN ('MIN', 'PTS')", name="unit"),
        CheckConstraint("price BETWEEN 1 AND 1000000", name="price"),
        CheckConstraint("stock IS NULL OR stock >= 0", name="stock_is_never_oversold"),
        CheckConstraint("handed_over >= 0", name="handed_over"),
        Index("ix_item_shelf", "community_id", "is_offered", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="RESTRICT"), index=True)
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    unit: Mapped[str]
    price: Mapped[int]
    stock: Mapped[int | None]
    picture: Mapped[str] = mapped_column(default="")
    """The name of a drawing in `static/pictures`, without its ending."""
    is_offered: Mapped[bool] = mapped_column(default=True)
    handed_over: Mapped[int] = mapped_column(default=0)
    """How many were ever handed over: a counter, so that the public board sums no history."""


class Order(Base):
    """A member's order: hours held and stock set aside until hand-over, cancellation or lapse."""

    __tablename__ = "purchase"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'handed_over', 'cancelled', 'lapsed')", name="state"),
        CheckConstraint("quantity BETWEEN 1 AND 1000", name="quantity"),
        CheckConstraint("total >= 1", name="total"),
        CheckConstraint("(state = 'handed_over') = (handed_over_at IS NOT NULL)", name="handed_over"),
        CheckConstraint(
            "end_code IN ('not_there', 'broken', 'absent', 'taken_back', 'struck', 'closed')", name="end_code"
        ),
        Index("ix_purchase_person", "person_id", "id"),
        Index("ix_purchase_shop", "shop_id", "state", "created_at"),
        Index("ix_purchase_handed_over", "shop_id", "handed_over_at", "id"),
        Index("ix_purchase_due", "state", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="RESTRICT"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="RESTRICT"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    placed_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """The member, or the shopkeeper who served a printed card at the counter."""
    title: Mapped[str]
    quantity: Mapped[int]
    unit: Mapped[str]
    total: Mapped[int]
    state: Mapped[str] = mapped_column(default="held")
    voucher_code: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    handed_over_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    handed_over_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Who cancelled; None when it lapsed by itself."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    """What whoever cancelled wrote themselves."""
    end_code: Mapped[str | None]
    """The reason where the bank has words of its own for it: `rules.END_REASONS`."""
    hold_txn_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    end_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """The capture or the release in the book."""
    budget_month: Mapped[date | None]
    """The first day of the month whose budget it counts against; None for hours and for services."""


class PointBudget(Base):
    """How many points went to goods in one month of a community: ordered, handed over, or kept for a turn."""

    __tablename__ = "point_budget"
    __table_args__ = (CheckConstraint("points >= 0", name="points"),)

    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day."""
    points: Mapped[int]


class QueuePlace(Base):
    """A place in a community's queue for goods: it holds neither points nor stock, and a budget once it is called."""

    __tablename__ = "queue_place"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'called', 'taken', 'left', 'passed', 'ended')", name="state"),
        CheckConstraint("quantity BETWEEN 1 AND 1000 AND total >= 1", name="numbers"),
        CheckConstraint("(state IN ('waiting', 'called')) = (ended_at IS NULL)", name="over"),
        CheckConstraint("state NOT IN ('called', 'taken') OR budget_month IS NOT NULL", name="budgeted"),
        Index("ix_queue_place_line", "community_id", "state", "id"),
        CheckConstraint("(told_by IS NULL) = (told_at IS NULL)", name="told"),
        Index("ix_queue_place_due", "state", "due_at"),
        Index("ux_queue_place_ticket", "community_id", "ticket", unique=True),
        Index(
            "ux_queue_place_person",
            "person_id",
            unique=True,
            sqlite_where=text("state IN ('waiting', 'called')"),
            postgresql_where=text("state IN ('waiting', 'called')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="RESTRICT"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    ticket: Mapped[int] = mapped_column(default=0)
    """The number on the slip, from 1 in each community; it never changes, as their place in the queue does."""
    quantity: Mapped[int]
    total: Mapped[int]
    """Points."""
    state: Mapped[str] = mapped_column(default="waiting")
    joined_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """Until when it waits, or until when it is its person's turn."""
    budget_month: Mapped[date | None]
    """The month whose budget is kept for it, since it was called."""
    ended_at: Mapped[datetime | None]
    joined_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who put them there, with their card and PIN; None where they did it themselves."""
    told_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who rang or went to say that it is their turn."""
    told_at: Mapped[datetime | None]


class Settlement(Base):
    """One month of one shop, frozen: what it handed over, and how far both sides are with it.

    `minutes`, `points` and `value_fen` are the sums of its lines. Money is paid outside the bank.
    """

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("shop_id", "month"),
        CheckConstraint("state IN ('open', 'disputed', 'confirmed', 'settled')", name="state"),
        CheckConstraint("minutes >= 0 AND points >= 0 AND minutes + points >= 1 AND value_fen >= 0", name="sums"),
        CheckConstraint("(provider_by IS NULL) = (provider_at IS NULL)", name="provider"),
        CheckConstraint("(community_by IS NULL) = (community_at IS NULL)", name="community"),
        CheckConstraint("provider_by <> community_by", name="two_people"),
        CheckConstraint("(state = 'disputed') = (disputed_side IS NOT NULL)", name="disputed"),
        CheckConstraint("disputed_side IN ('provider', 'community')", name="side"),
        CheckConstraint("(state IN ('confirmed', 'settled')) = (confirmed_at IS NOT NULL)", name="confirmed"),
        CheckConstraint("(state = 'settled') = (settled_at IS NOT NULL)", name="settled"),
        CheckConstraint(
            "(settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (paid_on IS NULL)", name="paid"
        ),
        Index("ix_settlement_community", "community_id", "id"),
        Index("ix_settlement_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="RESTRICT"))
    month: Mapped[date]
    """The first day of the month."""
    state: Mapped[str] = mapped_column(default="open")
    built_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """When the rule moves it on, or, once it is confirmed, when the next reminder goes out."""
    vouchers: Mapped[int]
    minutes: Mapped[int]
    points: Mapped[int]
    value_fen: Mapped[int]
    hour_fen: Mapped[int]
    point_fen: Mapped[int]
    """The reference values of the rules on the month's last day."""
    book_minutes: Mapped[int]
    book_points: Mapped[int]
    """What the shop's account in the book took in that month, read when the statement was built."""
    provider_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    provider_at: Mapped[datetime | None]
    community_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    community_at: Mapped[datetime | None]
    disputed_side: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    """When the second side confirmed, or the rule did for who kept silent."""
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    settled_at: Mapped[datetime | None]
    paid_on: Mapped[date | None]
    note: Mapped[str] = mapped_column(default="")
    settled_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)


class SettlementLine(Base):
    """One voucher of a statement. No name: the code says whose it was to whoever may know."""

    __tablename__ = "settlement_line"
    __table_args__ = (UniqueConstraint("settlement_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id", ondelete="RESTRICT"))
    number: Mapped[int]
    order_id: Mapped[int] = mapped_column(ForeignKey("purchase.id", ondelete="RESTRICT"), unique=True)
    code: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int]
    unit: Mapped[str]
    total: Mapped[int]
    handed_over_at: Mapped[datetime]
    value_fen: Mapped[int]


class SettlementStep(Base):
    """What happened to a statement, only ever added to."""

    __tablename__ = "settlement_step"
    __table_args__ = (CheckConstraint("side IN ('provider', 'community')", name="side"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id", ondelete="RESTRICT"), index=True)
    step: Mapped[str]
    side: Mapped[str | None]
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """None where the rule or the job did it."""
    at: Mapped[datetime]
    words: Mapped[str] = mapped_column(default="")


class Donation(Base):
    """Goods somebody gave the shop. It brings no hours and no points; only ever added."""

    __tablename__ = "goods_donation"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 1000000", name="quantity"),
        CheckConstraint("donor <> ''", name="donor"),
        Index("ix_goods_donation_shown", "community_id", "is_named", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="RESTRICT"), index=True)
    quantity: Mapped[int]
    donor: Mapped[str]
    is_named: Mapped[bool] = mapped_column(default=False)
    """Whether the donor wishes to be thanked by name on the shop's page."""
    received_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    received_at: Mapped[datetime]


class DonorLook(Base):
    """That a second person looked at a donor's name before it is public, and whether it may be shown."""

    __tablename__ = "donor_look"

    donation_id: Mapped[int] = mapped_column(ForeignKey("goods_donation.id", ondelete="RESTRICT"), primary_key=True)
    is_shown: Mapped[bool]
    looked_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    looked_at: Mapped[datetime]


class Strike(Base):
    """A hand-over found wrong after the minutes of undoing: one side proposes it with a reason, the other agrees.

    Where it stood on a statement, `line_id` says which line, and `settlement_id` the statement it is taken from:
    the same one before it was settled, the next one after; a shop that has no next pays it back.
    """

    __tablename__ = "strike"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'struck', 'refused', 'withdrawn', 'lapsed')", name="state"),
        CheckConstraint("side IN ('provider', 'community')", name="side"),
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint("(state = 'proposed') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("(state = 'struck') = (reversal_txn_id IS NOT NULL)", name="struck"),
        CheckConstraint("state <> 'struck' OR decided_by <> proposed_by AND decided_by IS NOT NULL", name="two_people"),
        CheckConstraint("settlement_id IS NULL OR line_id IS NOT NULL AND state = 'struck'", name="statement"),
        CheckConstraint(
            "(repaid_by IS NULL) = (repaid_at IS NULL) AND (repaid_at IS NULL OR "
            "settlement_id IS NULL AND line_id IS NOT NULL AND state = 'struck' AND repaid_by <> proposed_by)",
            name="repaid",
        ),
        Index("ix_strike_shop", "shop_id", "state", "id"),
        Index("ix_strike_due", "state", "due_at"),
        Index(
            "ux_strike_order",
            "order_id",
            unique=True,
            sqlite_where=text("state IN ('proposed', 'struck')"),
            postgresql_where=text("state IN ('proposed', 'struck')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="RESTRICT"))
    order_id: Mapped[int] = mapped_column(ForeignKey("purchase.id", ondelete="RESTRICT"))
    handed_over_at: Mapped[datetime]
    """As the order said before it was struck."""
    unit: Mapped[str]
    total: Mapped[int]
    state: Mapped[str] = mapped_column(default="proposed")
    side: Mapped[str]
    """Whose voice proposed it; the other side decides."""
    reason: Mapped[str]
    proposed_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    proposed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Who agreed or refused."""
    ended_at: Mapped[datetime | None]
    line_id: Mapped[int | None] = mapped_column(ForeignKey("settlement_line.id", ondelete="RESTRICT"), unique=True)
    settlement_id: Mapped[int | None] = mapped_column(ForeignKey("settlement.id", ondelete="RESTRICT"), index=True)
    reversal_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    repaid_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who noted for the community that the shop paid it back outside the bank, so that no statement waits for it."""
    repaid_at: Mapped[datetime | None]


class Stocktake(Base):
    """One count of a shop's shelf: one person counts, another of another household confirms, or it ends by its day."""

    __tablename__ = "stocktake"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'confirmed', 'sent_back', 'withdrawn', 'expired')", name="state"),
        CheckConstraint("confirmed_by <> counted_by", name="confirmed_by_another"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by IS NOT NULL)", name="confirmed_by_somebody"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended"),
        Index("ix_stocktake_due", "state", "due_at"),
        Index(
            "ux_stocktake_waiting",
            "shop_id",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="RESTRICT"), index=True)
    state: Mapped[str] = mapped_column(default="waiting")
    counted_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    counted_at: Mapped[datetime]
    due_at: Mapped[datetime]
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """None where its day passed."""
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class StocktakeLine(Base):
    """What was counted of one item, and what should have been there at that moment, ordered pieces included."""

    __tablename__ = "stocktake_line"
    __table_args__ = (CheckConstraint("expected >= 0 AND counted BETWEEN 0 AND 1000000", name="numbers"),)

    stocktake_id: Mapped[int] = mapped_column(ForeignKey("stocktake.id", ondelete="RESTRICT"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="RESTRICT"), primary_key=True)
    expected: Mapped[int]
    counted: Mapped[int]


class StockMovement(Base):
    """One change of an item's stock; the sum of all is `Item.stock`. Only ever added: the database sees to it."""

    __tablename__ = "stock_movement"
    __table_args__ = (
        CheckConstraint("kind IN ('in', 'out', 'back', 'count', 'damage', 'donation')", name="kind"),
        CheckConstraint(
            "(kind IN ('in', 'back', 'donation') AND quantity > 0) OR (kind IN ('out', 'damage') AND quantity < 0) "
            "OR (kind = 'count' AND quantity <> 0)",
            name="sign",
        ),
        CheckConstraint("stock_after >= 0", name="stock_after"),
        CheckConstraint("(order_id IS NOT NULL) = (kind IN ('out', 'back'))", name="order"),
        CheckConstraint("(donation_id IS NOT NULL) = (kind = 'donation')", name="donation"),
        UniqueConstraint("order_id", "kind"),
        UniqueConstraint("donation_id"),
        UniqueConstraint("stocktake_id", "item_id"),
        Index("ix_stock_movement_item", "item_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="RESTRICT"))
    kind: Mapped[str]
    quantity: Mapped[int]
    stock_after: Mapped[int]
    at: Mapped[datetime]
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """None for the bank itself: a voucher that lapsed."""
    note: Mapped[str | None]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("purchase.id", ondelete="RESTRICT"))
    """Once out and once back for each order."""
    donation_id: Mapped[int | None] = mapped_column(ForeignKey("goods_donation.id", ondelete="RESTRICT"))
    stocktake_id: Mapped[int | None] = mapped_column(ForeignKey("stocktake.id", ondelete="RESTRICT"))
