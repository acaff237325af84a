"""The whole book as text for other programs: JSON lines, hledger, ledger, beancount; byte for byte stable."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby
from typing import Literal, TextIO

from ledger.errors import InvalidTxn
from ledger.history import Record, records
from ledger.values import Transfer
from ledger.wire import Wire, from_us

Format = Literal["jsonl", "hledger", "ledger", "beancount"]
Pair = tuple[str, str]

_HEAD = "; book {ledger_id}: an amount is positive where the account's balance rises; memos are not exported\n"
# beancount wants accounts opened before use; no effective date is earlier (grammar.day).
_OPENED = "1900-01-01"


def export(wire: Wire, ledger_id: int, style: Format, out: TextIO, through: date | None = None) -> int:
    """Write every transaction effective on or before `through` (None: all), and return how many.

    Order is by effective day, then moment, then id. A day's end asserts the balances the day touched: other
    programs go by dates, the book by the order of recording, and only at a day's end must they agree.
    """
    writers: dict[str, Callable[[Iterable[Record], list[Pair], int], Iterator[str]]] = {
        "jsonl": _jsonl,
        "hledger": _journal,
        "ledger": _journal,
        "beancount": _beancount,
    }
    if style not in writers:
        raise InvalidTxn(f"a book is exported as {', '.join(writers)}, not {style!r}")
    written = 0

    def counted() -> Iterator[Record]:
        nonlocal written
        for record in records(wire, ledger_id, through):
            written += 1
            yield record

    pairs = "SELECT path, unit FROM account WHERE ledger_id = ?"
    accounts = sorted((path, unit) for path, unit in wire.rows(pairs, (ledger_id,)))
    for piece in writers[style](counted(), accounts, ledger_id):
        out.write(piece)
    return written


def _jsonl(history: Iterable[Record], _accounts: list[Pair], ledger_id: int) -> Iterator[str]:
    for record in history:
        said = {
            "ledger": ledger_id,
            "id": str(uuid.UUID(bytes=record.txn_id)),
            "kind": record.kind,
            "effective": record.effective.isoformat(),
            "recorded_at": from_us(record.recorded_us).isoformat(),
            "actor": record.actor,
            "reverses": _id(record.reverses),
            "resolves": _id(record.resolves),
            "expires_at": None if record.expires_us is None else from_us(record.expires_us).isoformat(),
            "transfers": [_line(transfer) for transfer in record.transfers],
            "leaf_hash": record.leaf_hash.hex(),
        }
        yield json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"


def _line(transfer: Transfer) -> list[str | int]:
    """Return debit, credit, unit, amount, and the last day of what ends."""
    line: list[str | int] = [transfer.debit, transfer.credit, transfer.unit, transfer.amount]
    return line if transfer.expires_on is None else [*line, transfer.expires_on.isoformat()]


def _id(raw: bytes | None) -> str | None:
    return None if raw is None else str(uuid.UUID(bytes=raw))


def _journal(history: Iterable[Record], _accounts: list[Pair], ledger_id: int) -> Iterator[str]:
    yield _HEAD.format(ledger_id=ledger_id)
    balances: dict[Pair, int] = {}
    for day, group in groupby(history, key=lambda record: record.effective):
        touched: set[Pair] = set()
        for record in group:
            yield f"\n{day} * {record.kind}  ; id: {uuid.UUID(bytes=record.txn_id)}\n"
            for pair, amount in _postings(record.transfers):
                balances[pair] = balances.get(pair, 0) + amount
                touched.add(pair)
                yield f"    {pair[0]}  {amount} {pair[1]}\n"
        yield f"\n{day} * day end\n"
        for path, unit in sorted(touched):
            yield f"    {path}  0 {unit} = {balances[path, unit]} {unit}\n"


def _postings(transfers: Iterable[Transfer]) -> Iterator[tuple[Pair, int]]:
    for transfer in transfers:
        yield (transfer.debit, transfer.unit), -transfer.amount
        yield (transfer.credit, transfer.unit), transfer.amount


def _beancount(history: Iterable[Record], accounts: list[Pair], ledger_id: int) -> Iterator[str]:
    yield _HEAD.format(ledger_id=ledger_id)
    for path, group in groupby(accounts, key=lambda pair: pair[0]):
        yield f"{_OPENED} open {beancount_name(path)} {','.join(unit for _, unit in group)}\n"
    balances: dict[Pair, int] = {}
    for day, records_ in groupby(history, key=lambda record: record.effective):
        touched: set[Pair] = set()
        for record in records_:
            yield f'\n{day} * "{record.kind}"\n  id: "{uuid.UUID(bytes=record.txn_id)}"\n'
            for pair, amount in _postings(record.transfers):
                touched.add(pair)
                for above in _with_ancestors(pair):
                    balances[above] = balances.get(above, 0) + amount
                yield f"  {beancount_name(pair[0])}  {amount} {pair[1]}\n"
        yield "\n"
        for path, unit in sorted(touched):
            # beancount asserts at a day's beginning, and counts sub-accounts in.
            next_day = day + timedelta(days=1)
            yield f"{next_day} balance {beancount_name(path)}  {balances[path, unit]} {unit}\n"


def _with_ancestors(pair: Pair) -> Iterator[Pair]:
    words = pair[0].split(":")
    for length in range(1, len(words) + 1):
        yield ":".join(words[:length]), pair[1]


def beancount_name(path: str) -> str:
    """Return a path as a beancount account: `member:7q_2` is `Assets:Member:7q-u2`; no two share a name.

    A word's first small letter becomes a capital, a first capital gets `U-` before it; `-`, `_` and `.`
    become `--`, `-u` and `-d`.
    """
    return ":".join(["Assets", *(_beancount_word(word) for word in path.split(":"))])


def _beancount_word(word: str) -> str:
    safe = word.replace("-", "--").replace("_", "-u").replace(".", "-d")
    if word[0].isupper():
        return f"U-{safe}"
    return safe[0].upper() + safe[1:]
