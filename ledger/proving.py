"""The verbs of the book that concern its published log."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from ledger import proofs, sealing, tiles
from ledger.errors import InvalidTxn
from ledger.notes import Signer
from ledger.running import AnySession, read, run
from ledger.tiles import WIDTH
from ledger.values import Checkpoint, ConsistencyProof, InclusionProof

AT_ONCE = timedelta(0)


class LogVerbs:
    """What `Ledger` can do with its log (RFC 6962, C2SP tlog-tiles)."""

    _engine: Engine
    _ledger_id: int
    _clock: Callable[[], datetime]
    _signer: Signer | None

    def seal(self, most: int = sealing.MAX_BATCH, *, session: AnySession | None = None) -> int:
        """Give what was posted its places in the log, at most `most` (1 to 1,000) at once; return how many.

        Call it until it returns 0. Safe to be killed anywhere and to run beside another.
        """
        if type(most) is not int or not 1 <= most <= sealing.MAX_BATCH:
            raise InvalidTxn(f"a batch has 1 to {sealing.MAX_BATCH} leaves, not {most!r}")
        return run(self._engine, lambda wire, _locks_all: sealing.seal(wire, self._ledger_id, most), session)

    def sign(self, *, not_within: timedelta = AT_ONCE, session: AnySession | None = None) -> Checkpoint | None:
        """Sign the log as it is; None where that was done, or another was signed within `not_within`.

        InvalidTxn where the book has no signer.
        """
        signer = self._signer
        if signer is None:
            raise InvalidTxn("this book has no signer")
        return run(
            self._engine,
            lambda wire, _locks_all: proofs.sign(wire, self._ledger_id, signer, self._clock(), not_within),
            session,
        )

    def checkpoint(self, *, session: AnySession | None = None) -> Checkpoint | None:
        """Return the newest signed checkpoint, None before the first."""
        return read(self._engine, lambda wire: proofs.newest(wire, self._ledger_id), session)

    def prove(
        self, subject_id: uuid.UUID, size: int | None = None, *, session: AnySession | None = None
    ) -> InclusionProof:
        """Prove that a transaction or a close is in the log of a signed `size` (None: the newest).

        Without a size, one that no checkpoint covers yet has the promise alone; with one, NotInLog. UnknownTxn.
        """
        return read(
            self._engine,
            lambda wire: proofs.prove(wire, self._ledger_id, subject_id, size, self._signer),
            session,
        )

    def prove_consistency(self, first: int, second: int, *, session: AnySession | None = None) -> ConsistencyProof:
        """Prove that the log of `second` leaves begins with that of `first`, both signed; NotInLog, InvalidTxn."""
        return read(self._engine, lambda wire: proofs.prove_consistency(wire, self._ledger_id, first, second), session)

    def tile(self, level: int, index: int, width: int = WIDTH, *, session: AnySession | None = None) -> bytes | None:
        """Return the first `width` (1 to 256) hashes of a tile (C2SP tlog-tiles), None where the log is shorter."""
        hashes = read(self._engine, lambda wire: tiles.tile(wire, self._ledger_id, level, index), session)
        return b"".join(hashes[:width]) if len(hashes) >= width else None
