"""Projections made anew from the facts; a fact is never touched, so what is wrong there stays wrong and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ledger import lot_rows
from ledger.merkle import Growing
from ledger.tiles import HEIGHT
from ledger.wire import Insert, Row, Wire

AT_ONCE = 1_000

# What the facts say of each account; what waits to be folded into a lazy account's balance is not in it yet.
_FACTS = """
SELECT a.ledger_id, a.id, a.opened_at, COALESCE(d.total, 0) - COALESCE(q.dr, 0) AS dr,
       COALESCE(c.total, 0) - COALESCE(q.cr, 0) AS cr, COALESCE(h.total, 0) AS held,
       COALESCE(e.entries, 0) AS seq, COALESCE(e.last, a.opened_at) AS last
FROM account a
LEFT JOIN (SELECT debit_id AS id, SUM(amount) AS total FROM transfer WHERE ledger_id = ? GROUP BY debit_id) d
       ON d.id = a.id
LEFT JOIN (SELECT credit_id AS id, SUM(amount) AS total FROM transfer WHERE ledger_id = ? GROUP BY credit_id) c
       ON c.id = a.id
LEFT JOIN (SELECT account_id AS id, SUM(CASE WHEN delta < 0 THEN -delta ELSE 0 END) AS dr,
                  SUM(CASE WHEN delta > 0 THEN delta ELSE 0 END) AS cr
           FROM unprojected WHERE ledger_id = ? GROUP BY account_id) q ON q.id = a.id
LEFT JOIN (SELECT r.debit_id AS id, SUM(r.amount) AS total FROM txn t
           JOIN transfer r ON r.ledger_id = t.ledger_id AND r.txn_id = t.id
           LEFT JOIN txn x ON x.ledger_id = t.ledger_id AND x.resolves_id = t.id
           WHERE t.ledger_id = ? AND t.kind = 'hold' AND x.id IS NULL GROUP BY r.debit_id) h ON h.id = a.id
LEFT JOIN (SELECT account_id AS id, MAX(seq) AS entries, MAX(recorded_at) AS last
           FROM entry WHERE ledger_id = ? GROUP BY account_id) e ON e.id = a.id
WHERE a.ledger_id = ?"""
_LOST = f"""
INSERT INTO balance (ledger_id, account_id, dr_posted, cr_posted, held, min_balance, max_balance, frozen, seq,
                     last_recorded_at, dated)
SELECT f.ledger_id, f.id, 0, 0, 0, NULL, NULL, ?, 0, f.opened_at, 0 FROM ({_FACTS}) f
WHERE NOT EXISTS (SELECT 1 FROM balance b WHERE b.ledger_id = f.ledger_id AND b.account_id = f.id)"""  # noqa: S608
# `dated` follows from the lots, which come after; until then it must not stand above the balance.
_BALANCE = f"""
UPDATE balance SET dr_posted = f.dr, cr_posted = f.cr, held = f.held, seq = f.seq, last_recorded_at = f.last,
       dated = CASE WHEN balance.dated BETWEEN 0 AND f.cr - f.dr THEN balance.dated ELSE 0 END
FROM ({_FACTS}) f
WHERE balance.ledger_id = f.ledger_id AND balance.account_id = f.id
  AND (balance.dr_posted <> f.dr OR balance.cr_posted <> f.cr OR balance.held <> f.held OR balance.seq <> f.seq)"""  # noqa: S608
_DAYS = """
SELECT x.ledger_id, x.account_id, x.effective_date, SUM(x.dr) AS dr, SUM(x.cr) AS cr FROM (
    SELECT r.ledger_id, r.debit_id AS account_id, t.effective_date, r.amount AS dr, 0 AS cr FROM transfer r
    JOIN txn t ON t.ledger_id = r.ledger_id AND t.id = r.txn_id WHERE r.ledger_id = ?
    UNION ALL
    SELECT r.ledger_id, r.credit_id, t.effective_date, 0, r.amount FROM transfer r
    JOIN txn t ON t.ledger_id = r.ledger_id AND t.id = r.txn_id WHERE r.ledger_id = ?
    UNION ALL
    SELECT u.ledger_id, u.account_id, u.effective_date, CASE WHEN u.delta < 0 THEN u.delta ELSE 0 END,
           CASE WHEN u.delta > 0 THEN -u.delta ELSE 0 END FROM unprojected u WHERE u.ledger_id = ?) x
GROUP BY x.ledger_id, x.account_id, x.effective_date"""
_DAILY = f"""
INSERT INTO daily (ledger_id, account_id, effective_date, dr, cr)
SELECT f.ledger_id, f.account_id, f.effective_date, f.dr, f.cr FROM ({_DAYS}) f WHERE f.dr <> 0 OR f.cr <> 0
ON CONFLICT (ledger_id, account_id, effective_date) DO UPDATE SET dr = excluded.dr, cr = excluded.cr
WHERE daily.dr <> excluded.dr OR daily.cr <> excluded.cr"""  # noqa: S608
# Emptied, not deleted: the application has no right to delete from a projection.
_NO_DAY = f"""
UPDATE daily SET dr = 0, cr = 0 WHERE ledger_id = ? AND (dr <> 0 OR cr <> 0) AND NOT EXISTS (
    SELECT 1 FROM ({_DAYS}) f WHERE f.account_id = daily.account_id AND f.effective_date = daily.effective_date)"""  # noqa: S608
_CLOSED = """
SELECT p.ledger_id, p.closed_through, x.account_id, SUM(x.dr) AS dr, SUM(x.cr) AS cr FROM period_close p
JOIN (SELECT t.ledger_id, t.effective_date, r.debit_id AS account_id, r.amount AS dr, 0 AS cr FROM transfer r
      JOIN txn t ON t.ledger_id = r.ledger_id AND t.id = r.txn_id
      UNION ALL
      SELECT t.ledger_id, t.effective_date, r.credit_id, 0, r.amount FROM transfer r
      JOIN txn t ON t.ledger_id = r.ledger_id AND t.id = r.txn_id) x
  ON x.ledger_id = p.ledger_id AND x.effective_date <= p.closed_through
WHERE p.ledger_id = ? GROUP BY p.ledger_id, p.closed_through, x.account_id"""
_CLOSING = f"""
INSERT INTO closing (ledger_id, closed_through, account_id, dr, cr)
SELECT f.ledger_id, f.closed_through, f.account_id, f.dr, f.cr FROM ({_CLOSED}) f WHERE 1 = 1
ON CONFLICT (ledger_id, closed_through, account_id) DO UPDATE SET dr = excluded.dr, cr = excluded.cr
WHERE closing.dr <> excluded.dr OR closing.cr <> excluded.cr"""  # noqa: S608
_NO_CLOSING = f"""
UPDATE closing SET dr = 0, cr = 0 WHERE ledger_id = ? AND (dr <> 0 OR cr <> 0) AND NOT EXISTS (
    SELECT 1 FROM ({_CLOSED}) f WHERE f.closed_through = closing.closed_through
                                  AND f.account_id = closing.account_id)"""  # noqa: S608
_LAST_CLOSE = "(SELECT MAX(c.closed_through) FROM period_close c WHERE c.ledger_id = period.ledger_id)"
_PERIOD = f"""
UPDATE period SET closed_through = {_LAST_CLOSE}
WHERE ledger_id = ? AND COALESCE(closed_through, '0001-01-01') <> COALESCE({_LAST_CLOSE}, '0001-01-01')"""  # noqa: S608
_NODES = Insert(
    "log_node",
    (("ledger_id", "bigint"), ("level", "bigint"), ("idx", "bigint"), ("hash", "bytea")),
    " ON CONFLICT (ledger_id, level, idx) DO UPDATE SET hash = excluded.hash WHERE log_node.hash <> excluded.hash",
)
_TOO_FAR = "FROM log_node WHERE ledger_id = ? AND (idx + 1) * (CAST(1 AS BIGINT) << CAST(level AS INTEGER)) > ?"

Repair = Callable[[Wire, int], int]


def rebuild(wire: Wire, ledger_id: int) -> dict[str, int]:
    """Make every projection anew and return how many of its rows were wrong, by name; nobody posts meanwhile."""
    if wire.is_postgres:
        wire.run("SET LOCAL statement_timeout = 0")
        # Stronger than a row's lock: a posting that has decided already finishes first, and none begins.
        wire.run("LOCK TABLE balance, lot, daily, closing, period, log_node IN EXCLUSIVE MODE")
    return {name: repair(wire, ledger_id) for name, repair in REPAIRS.items()}


def balances(wire: Wire, ledger_id: int) -> int:
    """Make the balances anew; a lost one comes back frozen and unbounded, because its bounds are in no fact."""
    lost = wire.run(_LOST, [wire.flag_in(True), *[ledger_id] * _LOST.count("ledger_id = ?")])
    return max(lost, wire.run(_BALANCE, [ledger_id] * _BALANCE.count("?")))


def days(wire: Wire, ledger_id: int) -> int:
    """Make the daily sums anew."""
    wrong = wire.run(_DAILY, [ledger_id] * _DAILY.count("?"))
    return wrong + wire.run(_NO_DAY, [ledger_id] * _NO_DAY.count("?"))


def closings(wire: Wire, ledger_id: int) -> int:
    """Make the closing balances, and the last closed day, anew from the closes and the transfers."""
    wrong = wire.run(_CLOSING, (ledger_id,)) + wire.run(_NO_CLOSING, (ledger_id, ledger_id))
    return wrong + wire.run(_PERIOD, (ledger_id,))


def nodes(wire: Wire, ledger_id: int) -> int:
    """Make the log's tile nodes anew from its leaves."""
    wrong, tree, waiting = 0, Growing(), list[Row]()
    for row in _grown(wire, ledger_id, tree):
        waiting.append(row)
        if len(waiting) == AT_ONCE:
            wrong += wire.insert(_NODES, waiting)
            waiting.clear()
    if waiting:
        wrong += wire.insert(_NODES, waiting)
    if wire.rows(f"SELECT 1 {_TOO_FAR} LIMIT 1", (ledger_id, tree.size)):
        wrong += wire.run(f"DELETE {_TOO_FAR}", (ledger_id, tree.size))
    return wrong


def _grown(wire: Wire, ledger_id: int, tree: Growing) -> Iterator[Row]:
    for (leaf,) in wire.stream("SELECT leaf_hash FROM log_leaf WHERE ledger_id = ? ORDER BY idx", (ledger_id,)):
        for (level, index), grown in tree.add(bytes(leaf)):
            if level % HEIGHT == 0:
                yield ledger_id, level, index, grown


REPAIRS: dict[str, Repair] = {
    "balance": balances,
    "lot": lot_rows.rebuild,
    "daily": days,
    "closing": closings,
    "log_node": nodes,
}
"""In the order in which they are made: what follows from another projection comes after it."""
