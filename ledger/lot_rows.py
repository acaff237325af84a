"""Lots as rows: what a batch must know of them, what it writes, and the projection made anew from the moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.plans import Origin, Plan, Posted, Slot
from ledger.values import Lot
from ledger.wire import Id, Insert, Wire, day_out

EXPIRY = "expiry"
_MOVES = Insert(
    "lot_move",
    (
        ("ledger_id", "bigint"),
        ("txn_id", "uuid"),
        ("ordinal", "bigint"),
        ("account_id", "uuid"),
        ("expires_on", "date"),
        ("delta", "bigint"),
    ),
)
_LOTS = Insert(
    "lot",
    (
        ("ledger_id", "bigint"),
        ("account_id", "uuid"),
        ("expires_on", "date"),
        ("credited", "bigint"),
        ("consumed", "bigint"),
        ("expired", "bigint"),
    ),
    " ON CONFLICT (ledger_id, account_id, expires_on) DO UPDATE SET credited = lot.credited + excluded.credited",
)
_TAKE = (
    "UPDATE lot SET consumed = consumed + ?, expired = expired + ? "
    "WHERE ledger_id = ? AND account_id = ? AND expires_on = ?"
)


def read_lots(
    wire: Wire, ledger_id: int, plans: Iterable[Plan], slots: Mapping[Id, Slot]
) -> dict[Id, dict[int, Origin]]:
    """Read the locked accounts' lots into their slots, and return what the transactions on record did to lots.

    Where no account has dated lots and nothing is reversed, no statement is sent.
    """
    dated = [key for key, slot in slots.items() if slot.dated]
    if dated:
        condition, ids = wire.any_of("account_id", dated, "uuid")
        rows = wire.rows(
            "SELECT account_id, expires_on, credited - consumed - expired FROM lot "  # noqa: S608
            f"WHERE ledger_id = ? AND {condition} AND credited > consumed + expired",
            [ledger_id, *ids],
        )
        for account_id, day, amount in rows:
            slots[account_id].lots[day_out(day)] = amount
    asked = {plan.reverses for plan in plans if plan.reverses is not None}
    asked |= {plan.resolves for plan in plans if plan.resolves is not None and slots[plan.legs[0].debit.id].dated}
    return _origins(wire, ledger_id, list(asked)) if asked else {}


def _origins(wire: Wire, ledger_id: int, txn_ids: Sequence[Id]) -> dict[Id, dict[int, Origin]]:
    condition, ids = wire.any_of("txn_id", txn_ids, "uuid")
    rows = wire.rows(
        f"SELECT txn_id, ordinal, expires_on, delta FROM lot_move WHERE ledger_id = ? AND {condition}",  # noqa: S608
        [ledger_id, *ids],
    )
    found: dict[Id, dict[int, Origin]] = {}
    for txn_id, ordinal, day, delta in rows:
        origin = found.setdefault(txn_id, {}).setdefault(ordinal, Origin())
        (origin.put if delta > 0 else origin.taken)[day_out(day)] = abs(delta)
    return found


def write_lots(wire: Wire, ledger_id: int, posted: Sequence[Posted]) -> None:
    """Write what the batch moved through lots; their accounts are locked."""
    moves, put, taken = [], dict[Any, int](), dict[Any, list[int]]()
    for p in posted:
        for ordinal, account_id, day, delta in p.lot_moves:
            moves.append((ledger_id, p.txn_id, ordinal, account_id, day, delta))
            if delta > 0:
                put[account_id, day] = put.get((account_id, day), 0) + delta
            else:
                taken.setdefault((account_id, day), [0, 0])[p.kind == EXPIRY] -= delta
    wire.put(_MOVES, moves)
    if put:
        wire.put(_LOTS, [(ledger_id, *key, amount, 0, 0) for key, amount in sorted(put.items())])
    for key, sums in sorted(taken.items()):
        wire.put_run(_TAKE, (*sums, ledger_id, *key))


_LOTS_OF = """
SELECT l.expires_on, l.credited - l.consumed - l.expired, b.cr_posted - b.dr_posted - b.dated FROM account a
JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
LEFT JOIN lot l ON l.ledger_id = a.ledger_id AND l.account_id = a.id AND l.credited > l.consumed + l.expired
WHERE a.ledger_id = ? AND a.path = ? AND a.unit = ? ORDER BY l.expires_on"""


def lots_of(wire: Wire, ledger_id: int, path: str, unit: str) -> list[Lot] | None:
    """Return an account's lots, the first to end first and what never ends last; None where there is no account."""
    rows = wire.rows(_LOTS_OF, (ledger_id, path, unit))
    if not rows:
        return None
    lots = [Lot(day_out(day), amount) for day, amount, _rest in rows if day is not None]
    rest = rows[0][2]
    return [*lots, Lot(None, rest)] if rest else lots


_FROM_MOVES = """
SELECT m.ledger_id, m.account_id, m.expires_on,
       CAST(SUM(CASE WHEN m.delta > 0 THEN m.delta ELSE 0 END) AS BIGINT) AS credited,
       CAST(SUM(CASE WHEN m.delta < 0 AND t.kind <> 'expiry' THEN -m.delta ELSE 0 END) AS BIGINT) AS consumed,
       CAST(SUM(CASE WHEN m.delta < 0 AND t.kind = 'expiry' THEN -m.delta ELSE 0 END) AS BIGINT) AS expired
FROM lot_move m JOIN txn t ON t.ledger_id = m.ledger_id AND t.id = m.txn_id WHERE m.ledger_id = ?
GROUP BY m.ledger_id, m.account_id, m.expires_on"""
_ANEW = f"""
INSERT INTO lot (ledger_id, account_id, expires_on, credited, consumed, expired)
SELECT f.ledger_id, f.account_id, f.expires_on, f.credited, f.consumed, f.expired FROM ({_FROM_MOVES}) f WHERE 1 = 1
ON CONFLICT (ledger_id, account_id, expires_on) DO UPDATE
SET credited = excluded.credited, consumed = excluded.consumed, expired = excluded.expired
WHERE lot.credited <> excluded.credited OR lot.consumed <> excluded.consumed OR lot.expired <> excluded.expired"""  # noqa: S608
# Emptied, not deleted: the application has no right to delete from a projection.
_UNFOUNDED = """
UPDATE lot SET credited = 0, consumed = 0, expired = 0 WHERE ledger_id = ? AND credited > 0 AND NOT EXISTS (
    SELECT 1 FROM lot_move m WHERE m.ledger_id = lot.ledger_id AND m.account_id = lot.account_id
                               AND m.expires_on = lot.expires_on)"""
_DATED = """
UPDATE balance SET dated = (SELECT COALESCE(SUM(l.credited - l.consumed - l.expired), 0) FROM lot l
                            WHERE l.ledger_id = balance.ledger_id AND l.account_id = balance.account_id)
WHERE ledger_id = ? AND dated <> (SELECT COALESCE(SUM(l.credited - l.consumed - l.expired), 0) FROM lot l
                                  WHERE l.ledger_id = balance.ledger_id AND l.account_id = balance.account_id)"""


def rebuild(wire: Wire, ledger_id: int) -> int:
    """Make the lots, and each balance's dated part, anew from the moves; return how many were wrong."""
    wrong = sum(wire.run(sql, (ledger_id,)) for sql in (_ANEW, _UNFOUNDED))
    return wrong + wire.run(_DATED, (ledger_id,))


RULES = {
    "a lot is the sum of its moves": f"""
        SELECT a.path, a.unit, l.expires_on, l.credited, l.consumed, l.expired, f.credited, f.consumed, f.expired
        FROM lot l JOIN account a ON a.ledger_id = l.ledger_id AND a.id = l.account_id
        LEFT JOIN ({_FROM_MOVES}) f ON f.account_id = l.account_id AND f.expires_on = l.expires_on
        WHERE l.ledger_id = ? AND (l.credited <> COALESCE(f.credited, 0) OR l.consumed <> COALESCE(f.consumed, 0)
                                   OR l.expired <> COALESCE(f.expired, 0))""",  # noqa: S608
    "every moved lot is there": f"""
        SELECT f.account_id, f.expires_on, f.credited FROM ({_FROM_MOVES}) f
        LEFT JOIN lot l ON l.ledger_id = f.ledger_id AND l.account_id = f.account_id AND l.expires_on = f.expires_on
        WHERE l.account_id IS NULL""",  # noqa: S608
    "the dated part of a balance is the sum of its lots": """
        SELECT a.path, a.unit, b.dated, COALESCE(l.total, 0) FROM account a
        JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        LEFT JOIN (SELECT account_id, SUM(credited - consumed - expired) AS total FROM lot WHERE ledger_id = ?
                   GROUP BY account_id) l ON l.account_id = a.id
        WHERE a.ledger_id = ? AND b.dated <> COALESCE(l.total, 0)""",
    "lots never hold more than the balance": """
        SELECT a.path, a.unit, b.dated, b.cr_posted - b.dr_posted FROM account a
        JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        WHERE a.ledger_id = ? AND b.dated > 0 AND b.dated > b.cr_posted - b.dr_posted""",
    "a lot moves with its transfer, and no more": """
        SELECT m.txn_id, m.ordinal, SUM(m.delta), MAX(r.amount) FROM lot_move m
        JOIN account a ON a.ledger_id = m.ledger_id AND a.id = m.account_id
        LEFT JOIN transfer r ON r.ledger_id = m.ledger_id AND r.txn_id = m.txn_id AND r.ordinal = m.ordinal
        WHERE m.ledger_id = ? GROUP BY m.txn_id, m.ordinal, m.account_id, a.is_shared, a.mode, r.debit_id, r.credit_id
        HAVING a.is_shared OR a.mode <> 'strict' OR r.debit_id IS NULL OR ABS(SUM(m.delta)) > MAX(r.amount)
            OR (m.account_id = r.debit_id AND MAX(m.delta) > 0) OR (m.account_id = r.credit_id AND MIN(m.delta) < 0)
            OR m.account_id NOT IN (r.debit_id, r.credit_id)""",
    "what ends on a day arrives in that day's lot": """
        SELECT m.txn_id, m.ordinal, m.expires_on, r.expires_on FROM lot_move m
        JOIN transfer r ON r.ledger_id = m.ledger_id AND r.txn_id = m.txn_id AND r.ordinal = m.ordinal
        JOIN account d ON d.ledger_id = r.ledger_id AND d.id = r.debit_id
        JOIN txn t ON t.ledger_id = m.ledger_id AND t.id = m.txn_id
        WHERE m.ledger_id = ? AND m.delta > 0 AND t.reverses_id IS NULL AND (d.is_shared OR d.mode <> 'strict')
          AND (r.expires_on IS NULL OR m.expires_on <> r.expires_on)""",
}
