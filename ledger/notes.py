"""Signed notes (C2SP signed-note, tlog-checkpoint): what the log says in public, signed with Ed25519."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import InvalidTxn

ED25519 = b"\x01"
HASH_BYTES = 32
_DASH = "\u2014 "


def base64_of(raw: bytes) -> str:
    """Write bytes as standard base64 (RFC 4648 section 4)."""
    return base64.b64encode(raw).decode()


def key_hash(name: str, public: bytes) -> bytes:
    """Return the four bytes by which a note names an Ed25519 key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """Write a public key as the tools of C2SP take it: `name+hash+base64(type and key)`."""
    return f"{name}+{key_hash(name, public).hex()}+{base64_of(ED25519 + public)}"


class Signer:
    """One log's name (its origin line) and key; what it signs is the same each time (RFC 8032)."""

    def __init__(self, origin: str, seed: bytes, former: Sequence[bytes] = ()) -> None:
        """Take a name without spaces or `+`, the key's 32 secret bytes, and the public keys it follows; ValueError."""
        if not origin or "+" in origin or any(mark.isspace() for mark in origin) or not origin.isprintable():
            raise ValueError(f"not the name of a log: {origin!r}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.origin = origin
        self.public = self._key.public_key().public_bytes_raw()
        self.key_hash = key_hash(origin, self.public)
        self.verifier_key = verifier_key(origin, self.public)
        self._publics = (self.public, *former)

    def sign(self, text: str) -> str:
        """Return the note: the text, which ends in a newline, an empty line, and the signature's line."""
        signature = base64_of(self.key_hash + self._key.sign(text.encode()))
        return f"{text}\n{_DASH}{self.origin} {signature}\n"

    def is_own(self, note: str) -> bool:
        """Tell whether this log signed the note, with its key or one before it."""
        return any(is_signed_by(note, self.origin, public) for public in self._publics)


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Write what a checkpoint says: the log's name, how many leaves, the root over them."""
    return f"{origin}\n{size}\n{base64_of(root)}\n"


def promise_text(origin: str, leaf: bytes, seal_by: datetime) -> str:
    """Write the promise that a leaf will be in the log at a moment (whole seconds UTC).

    Its second line is no number, so it can never be read as a checkpoint.
    """
    return f"{origin}\npromise\n{base64_of(leaf)}\n{seal_by.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n"


@dataclass(frozen=True, slots=True)
class Said:
    """A checkpoint read from a note: what it says, not who signed it."""

    origin: str
    size: int
    root: bytes


def read_checkpoint(note: str) -> Said:
    """Read a checkpoint without looking at its signatures; InvalidTxn where it is none."""
    text, found, _signatures = note.rpartition("\n\n")
    lines = text.split("\n")
    if not found or len(lines) < 3 or not lines[1].isascii() or not lines[1].isdecimal() or not lines[0]:
        raise InvalidTxn("this is not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as wrong:
        raise InvalidTxn("the root of this checkpoint is not base64") from wrong
    if len(root) != HASH_BYTES:
        raise InvalidTxn("the root of this checkpoint has not 32 bytes")
    return Said(lines[0], int(lines[1]), root)


def is_signed_by(note: str, name: str, public: bytes) -> bool:
    """Tell whether one of the note's signatures is this key's and right."""
    text, found, signatures = note.rpartition("\n\n")
    mark = f"{_DASH}{name} "
    for line in signatures.split("\n") if found else ():
        if not line.startswith(mark):
            continue
        try:
            raw = base64.b64decode(line.removeprefix(mark), validate=True)
            if raw[:4] == key_hash(name, public):
                Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], f"{text}\n".encode())
                return True
        except (binascii.Error, InvalidSignature):
            return False
    return False
