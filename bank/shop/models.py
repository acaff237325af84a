"""Tables of shops and providers, their items, and orders."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Shop(Base):
    """A shop of goods or a provider of services that hands over against vouchers."""

    __tablename__ = "shop"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str]
    place: Mapped[str] = mapped_column(default="")
    hours: Mapped[str] = mapped_column(default="")


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
    hold_txn_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    end_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """The capture or the release in the book."""
