"""The verbs of the book that look after it: folding, checking, repairing, erasing a memo, writing it out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TextIO

from sqlalchemy import Engine

from ledger import projecting
from ledger.export import Format, export
from ledger.notes import Signer
from ledger.rebuilding import rebuild
from ledger.running import AnySession, read, read_snapshot, run
from ledger.values import Report
from ledger.verify import Progress, verify
from ledger.wire import Id, Wire


class Care:
    """What `Ledger` can do for itself; it is a `Ledger`'s part and never made alone."""

    _engine: Engine
    _ledger_id: int
    _signer: Signer | None

    def project(self, *, session: AnySession | None = None) -> int:
        """Fold what waits on lazy accounts into balances, daily sums and entries; return how many movements.

        In bounded transactions until nothing waits; inside a session one piece for each account.
        Any number of projectors may run; killed anywhere, nothing is lost or done twice.
        """
        if session is not None:
            return sum(self._pieces(session))
        return sum(iter(lambda: sum(self._pieces(None)), 0))

    def erase_memo(self, txn_id: uuid.UUID, *, session: AnySession | None = None) -> bool:
        """Erase a transaction's memo for good, and tell whether there was one; its leaf and proofs stay valid."""
        sql = "DELETE FROM memo WHERE ledger_id = ? AND txn_id = ?"
        return run(
            self._engine,
            lambda wire, _locks_all: wire.run(sql, (self._ledger_id, wire.uuid_in(txn_id))) > 0,
            session,
        )

    def verify(self, *, published: Sequence[str] = (), progress: Progress | None = None) -> Report:
        """Recompute every projection, hash and root from the facts; not `ok` where anything does not follow.

        `published` are checkpoints kept outside, which alone tell a log made anew from the true one;
        `progress` is told (done, of how many). InvalidTxn for what is no checkpoint.
        """
        return read_snapshot(
            self._engine,
            lambda wire: verify(wire, self._ledger_id, signer=self._signer, published=published, progress=progress),
        )

    def rebuild(self, *, session: AnySession | None = None) -> dict[str, int]:
        """Make the projections anew from the facts, which are never touched; return what each had wrong, by name.

        What was posted meanwhile waits. An account whose balance row was lost comes back frozen: its bounds were there.
        """
        return run(self._engine, lambda wire, _locks_all: rebuild(wire, self._ledger_id), session)

    def export(self, format: Format, out: TextIO, *, through: date | None = None) -> int:  # noqa: A002
        """Write the book through a day (None: all of it) as `jsonl`, `hledger`, `ledger` or `beancount`.

        The same facts give the same bytes; returns the number of transactions. InvalidTxn for other formats.
        """
        return read_snapshot(self._engine, lambda wire: export(wire, self._ledger_id, format, out, through))

    def _pieces(self, session: AnySession | None) -> Iterator[int]:
        """Fold one piece of each account on which something waits."""

        def find(wire: Wire) -> Id | None:
            return projecting.next_account(wire, self._ledger_id, account)

        def work(wire: Wire, _locks_all: bool) -> int:
            return projecting.fold_some(wire, self._ledger_id, account)

        account: Id | None = None
        while (account := read(self._engine, find, session)) is not None:
            yield run(self._engine, work, session)
