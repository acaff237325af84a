"""The bytes that are hashed: a request for idempotency, a transaction for the published log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from struct import Struct

VERSION = b"1"
DATED_VERSION = b"2"
"""Of a transaction in which a transfer ends on a day: each transfer says its day, or that it has none."""
LEAF_PREFIX = b"\x00"  # RFC 6962 section 2.1: leaves and nodes hash apart
_LENGTH = Struct(">I").pack
_ABSENT = b"\xff\xff\xff\xff"


def pack(fields: Iterable[bytes | str | int | None]) -> bytes:
    """Join fields so that no two lists give the same bytes: four bytes of length, then the field.

    Text is UTF-8, an integer its decimal digits; an absent field has the length 2**32 - 1 and no bytes.
    """
    parts: list[bytes] = []
    for field in fields:
        if field is None:
            parts.append(_ABSENT)
            continue
        raw = field if isinstance(field, bytes) else str(field).encode()
        parts.append(_LENGTH(len(raw)))
        parts.append(raw)
    return b"".join(parts)


def request_hash(verb: str, fields: Iterable[bytes | str | int | None]) -> bytes:
    """Hash what the client supplied, never a generated id or a server's time: 32 bytes."""
    return hashlib.sha256(pack((VERSION, verb, *fields))).digest()


def memo_digest(salt: bytes, text: str) -> bytes:
    """Hash a memo with its salt, so that an erased memo cannot be guessed from the book: 32 bytes."""
    return hashlib.sha256(salt + text.encode()).digest()


def leaf_hash(canonical: bytes) -> bytes:
    """Hash a transaction's canonical bytes as a leaf of the log: 32 bytes."""
    return hashlib.sha256(LEAF_PREFIX + canonical).digest()


def trial_balance(ledger_id: int, as_of: str | None, rows: Iterable[tuple[str, str, int, int]]) -> bytes:
    """Write a trial balance as bytes: `1`, `trial`, ledger, ISO day (absent: all), number of rows, the rows.

    A row is path, unit, debits, credits; rows are sorted by path, then unit, and an account that never moved has none.
    """
    listed = list(rows)
    fields: list[bytes | str | int | None] = [VERSION, "trial", ledger_id, as_of, len(listed)]
    for row in listed:
        fields += row
    return pack(fields)


def close(
    *, ledger_id: int, close_id: bytes, through: str, digest: bytes, accounts: int, recorded_us: int, actor: str
) -> bytes:
    """Write a close as bytes: `1`, `close`, ledger, id, ISO day, digest, number of accounts, moment, actor."""
    return pack((VERSION, "close", ledger_id, close_id, through, digest, accounts, recorded_us, actor))


def transaction(
    *,
    ledger_id: int,
    txn_id: bytes,
    kind: str,
    effective: str,
    recorded_us: int,
    actor: str,
    reverses: bytes | None,
    resolves: bytes | None,
    relates: bytes | None,
    expires_us: int | None,
    digest: bytes | None,
    transfers: Iterable[tuple[str, str, str, int, date | None]],
    nonce: bytes,
) -> bytes:
    """Write a transaction as bytes: every column of its row, then (debit, credit, unit, amount) per transfer.

    `effective` is an ISO date, moments are microseconds since 1970, ids 16 bytes; the nonce comes last. Where any
    transfer ends on a day it is version 2, and each transfer's ISO day (absent: never) follows its amount.
    """
    rows = list(transfers)
    is_dated = any(row[4] is not None for row in rows)
    version = DATED_VERSION if is_dated else VERSION
    fields: list[bytes | str | int | None] = [version, ledger_id, txn_id, kind, effective, recorded_us, actor]
    fields += [reverses, resolves, relates, expires_us, digest, len(rows)]
    for debit, credit, unit, amount, expires_on in rows:
        fields += (debit, credit, unit, amount)
        if is_dated:
            fields.append(None if expires_on is None else expires_on.isoformat())
    fields.append(nonce)
    return pack(fields)
