"""Time-ordered ids (UUID version 7, RFC 9562 section 5.7), which Python 3.11 lacks."""

from __future__ import annotations

import os
import time
import uuid


def uuid7(at_us: int | None = None) -> uuid.UUID:
    """Make an id that sorts by its moment, given in microseconds since 1970 (None: now); 74 bits are random.

    The ten highest bits after the milliseconds carry the microseconds (RFC 9562 section 6.2, method 3).
    """
    return uuid.UUID(bytes=uuid7_bytes(time.time_ns() // 1000 if at_us is None else at_us))


def first_at(at_us: int) -> bytes:
    """Return the 16 bytes below which lies every id made before this moment, and no later one."""
    millis, micros = divmod(at_us, 1000)
    return (((millis & 0xFFFFFFFFFFFF) << 80) | (0x7000 | micros << 2) << 64).to_bytes(16, "big")


def uuid7_bytes(at_us: int) -> bytes:
    """Make the 16 bytes of a version 7 id for this moment."""
    millis, micros = divmod(at_us, 1000)
    noise = int.from_bytes(os.urandom(8), "big")
    fraction = (micros << 2) | (noise >> 62)
    low = (noise & 0x3FFFFFFFFFFFFFFF) | 0x8000000000000000
    return (((millis & 0xFFFFFFFFFFFF) << 80) | (0x7000 | fraction) << 64 | low).to_bytes(16, "big")
