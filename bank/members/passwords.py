"""Passwords and PINs: argon2id at 19 MiB and two passes, so that a crowd can sign in on two cores."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _hasher.hash("nobody has this password")


def make_hash(secret: str) -> str:
    """Hash a password or PIN; slow on purpose, so never inside a write."""
    return _hasher.hash(secret)


def matches(secret: str, known: str | None) -> bool:
    """Tell whether `secret` is the one hashed; takes as long where nothing is known."""
    try:
        return _hasher.verify(known or _NOBODY, secret) and known is not None
    except (VerificationError, InvalidHashError):
        return False
