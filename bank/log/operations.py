"""Verbs on the communities' logs: open a book that signs, seal what waits, write proofs to take away."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import db
from bank.communities.models import Community
from bank.log.keys import Ring
from ledger import Ledger
from ledger.models import CheckpointRow, LogLeafRow, UnsealedRow
from ledger.notes import base64_of, verifier_key
from ledger.values import ConsistencyProof, InclusionProof

SIGNED_EVERY = timedelta(minutes=1)
"""A busy log is signed no more often than this, so that checkpoints do not pile up."""
INCLUSION, CONSISTENCY = "moral-bank-proof/1", "moral-bank-consistency/1"


def book(session: Session, community: Community, ring: Ring, now: datetime) -> Ledger:
    """Open a community's book with its signer; `now` is the moment its checkpoints are signed at."""
    engine = session.get_bind().engine
    return Ledger(engine, community.id, lambda: now, zone=db.BOOK_ZONE, signer=ring.signer(community.code))


def seal_due(session: Session, ring: Ring, now: datetime) -> int:
    """Seal one batch of the first community where something waits, else sign; give how much was done, 0 at the end."""
    waits = select(UnsealedRow.ledger_id).where(UnsealedRow.ledger_id == Community.id)
    leaves = select(func.max(LogLeafRow.idx)).where(LogLeafRow.ledger_id == Community.id).scalar_subquery()
    signed = select(func.max(CheckpointRow.size)).where(CheckpointRow.ledger_id == Community.id).scalar_subquery()
    due = waits.exists() | (func.coalesce(leaves + 1, 0) > func.coalesce(signed, 0))
    for community in session.scalars(select(Community).where(due).order_by(Community.id)).all():
        own = book(session, community, ring, now)
        done = own.seal(session=session)
        if done or own.sign(not_within=SIGNED_EVERY, session=session) is not None:
            return done or 1
    return 0


def proof_file(session: Session, community: Community, ring: Ring, txn_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    """Write the proof of one transaction under the newest checkpoint, with everything that checking it needs.

    Raises UnknownTxn. The nonce is inside `canonical`: the file is for the parties of the transaction alone.
    """
    return inclusion_file(book(session, community, ring, now).prove(txn_id, session=session), community, ring)


def inclusion_file(proof: InclusionProof, community: Community, ring: Ring) -> dict[str, Any]:
    """Lay an inclusion proof out as the JSON that `verify_receipt.py` reads."""
    signed = proof.checkpoint
    return {
        "format": INCLUSION,
        "log": ring.signer(community.code).origin,
        "id": str(proof.subject_id),
        "canonical": base64_of(proof.canonical),
        "leaf_hash": base64_of(proof.leaf_hash),
        "promise": proof.promise,
        "index": proof.index,
        "size": signed.size if signed else None,
        "hashes": [base64_of(part) for part in proof.hashes],
        "checkpoint": signed.note if signed else None,
        "keys": verifier_keys(ring, community.code),
    }


def consistency_file(proof: ConsistencyProof, community: Community, ring: Ring) -> dict[str, Any]:
    """Lay a consistency proof out as the JSON that `verify_receipt.py` reads."""
    return {
        "format": CONSISTENCY,
        "log": ring.signer(community.code).origin,
        "sizes": [proof.first.size, proof.second.size],
        "first": proof.first.note,
        "second": proof.second.note,
        "hashes": [base64_of(part) for part in proof.hashes],
        "keys": verifier_keys(ring, community.code),
    }


def verifier_keys(ring: Ring, code: str) -> list[str]:
    """Give the public keys of a community's log, newest first, as the tools of C2SP take them."""
    signer = ring.signer(code)
    past = [verifier_key(signer.origin, bytes.fromhex(key.public)) for key in reversed(ring.past)]
    return [signer.verifier_key, *past]
