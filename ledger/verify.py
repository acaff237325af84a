"""Recompute every projection, and every hash, from the facts alone, and report what does not follow."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from ledger import canonical, lot_rows, verify_log
from ledger.closing_checks import ClosingChecks
from ledger.history import Record, records
from ledger.notes import Signer
from ledger.values import Finding, Report
from ledger.wire import Wire

MAX_FINDINGS_PER_RULE = 100

# Each query returns what contradicts its rule: where, then what was found. Every mark is the ledger's id.
RULES = {
    "every account has its balance row": """
        SELECT a.path, a.unit FROM account a
        LEFT JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        WHERE a.ledger_id = ? AND b.account_id IS NULL""",
    "a balance is the sum of its transfers": """
        SELECT a.path, a.unit, b.dr_posted, b.cr_posted, COALESCE(u.dr, 0), COALESCE(u.cr, 0),
               COALESCE(d.total, 0), COALESCE(c.total, 0)
        FROM account a JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        LEFT JOIN (SELECT debit_id AS id, SUM(amount) AS total FROM transfer WHERE ledger_id = ?
                   GROUP BY debit_id) d ON d.id = a.id
        LEFT JOIN (SELECT credit_id AS id, SUM(amount) AS total FROM transfer WHERE ledger_id = ?
                   GROUP BY credit_id) c ON c.id = a.id
        LEFT JOIN (SELECT account_id AS id, SUM(CASE WHEN delta < 0 THEN -delta ELSE 0 END) AS dr,
                          SUM(CASE WHEN delta > 0 THEN delta ELSE 0 END) AS cr
                   FROM unprojected WHERE ledger_id = ? GROUP BY account_id) u ON u.id = a.id
        WHERE a.ledger_id = ? AND (b.dr_posted + COALESCE(u.dr, 0) <> COALESCE(d.total, 0)
                                   OR b.cr_posted + COALESCE(u.cr, 0) <> COALESCE(c.total, 0))""",
    "a balance keeps its bounds": """
        SELECT a.path, a.unit, b.cr_posted - b.dr_posted, b.held, b.min_balance, b.max_balance
        FROM account a JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        WHERE a.ledger_id = ? AND (b.cr_posted - b.dr_posted < b.min_balance OR b.held < 0
                                   OR b.cr_posted - b.dr_posted + b.held > b.max_balance)""",
    "entries are numbered without gaps": """
        SELECT a.path, a.unit, b.seq, COALESCE(e.entries, 0), COALESCE(e.last, 0)
        FROM account a JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        LEFT JOIN (SELECT account_id, COUNT(*) AS entries, MAX(seq) AS last FROM entry WHERE ledger_id = ?
                   GROUP BY account_id) e ON e.account_id = a.id
        WHERE a.ledger_id = ? AND (b.seq <> COALESCE(e.entries, 0) OR b.seq <> COALESCE(e.last, 0))""",
    "a running balance is the sum so far": """
        SELECT a.path, a.unit, e.seq, e.balance_after, e.so_far
        FROM (SELECT ledger_id, account_id, seq, balance_after,
                     SUM(delta) OVER (PARTITION BY account_id ORDER BY seq) AS so_far
              FROM entry WHERE ledger_id = ?) e
        JOIN account a ON a.ledger_id = e.ledger_id AND a.id = e.account_id
        WHERE e.balance_after <> e.so_far""",
    "a later line of an unshared account is not recorded earlier": """
        SELECT a.path, a.unit, e.seq, e.recorded_at, e.before
        FROM (SELECT ledger_id, account_id, seq, recorded_at,
                     LAG(recorded_at) OVER (PARTITION BY account_id ORDER BY seq) AS before
              FROM entry WHERE ledger_id = ?) e
        JOIN account a ON a.ledger_id = e.ledger_id AND a.id = e.account_id
        WHERE e.recorded_at < e.before AND NOT a.is_shared AND a.mode = 'strict'""",
    # Sorted once instead of joined: ten million entries have no index by transaction, and need none.
    "either side of a transfer is one entry or one queue row": """
        SELECT txn_id, ordinal, account_id, delta, SUM(is_side), COUNT(*) - SUM(is_side) FROM (
            SELECT r.txn_id, r.ordinal, r.debit_id AS account_id, -r.amount AS delta, t.effective_date, t.recorded_at,
                   1 AS is_side
            FROM transfer r JOIN txn t ON t.ledger_id = r.ledger_id AND t.id = r.txn_id WHERE r.ledger_id = ?
            UNION ALL
            SELECT r.txn_id, r.ordinal, r.credit_id, r.amount, t.effective_date, t.recorded_at, 1
            FROM transfer r JOIN txn t ON t.ledger_id = r.ledger_id AND t.id = r.txn_id WHERE r.ledger_id = ?
            UNION ALL
            SELECT txn_id, ordinal, account_id, delta, effective_date, recorded_at, 0 FROM entry WHERE ledger_id = ?
            UNION ALL
            SELECT txn_id, ordinal, account_id, delta, effective_date, recorded_at, 0 FROM unprojected
            WHERE ledger_id = ?) x
        GROUP BY txn_id, ordinal, account_id, delta, effective_date, recorded_at
        HAVING SUM(is_side) <> 1 OR COUNT(*) <> 2""",
    "only lazy accounts have a queue": """
        SELECT a.path, a.unit, u.txn_id FROM unprojected u
        JOIN account a ON a.ledger_id = u.ledger_id AND a.id = u.account_id
        WHERE u.ledger_id = ? AND a.mode <> 'lazy'""",
    "a transfer keeps to one unit": """
        SELECT r.txn_id, r.ordinal, r.unit, d.unit, c.unit FROM transfer r
        LEFT JOIN account d ON d.ledger_id = r.ledger_id AND d.id = r.debit_id
        LEFT JOIN account c ON c.ledger_id = r.ledger_id AND c.id = r.credit_id
        WHERE r.ledger_id = ?
          AND (d.unit IS NULL OR c.unit IS NULL OR d.unit <> r.unit OR c.unit <> r.unit)""",
    "a daily sum is the sum of its day": """
        SELECT account_id, effective_date, SUM(dr), SUM(cr) FROM (
            SELECT account_id, effective_date, dr, cr FROM daily WHERE ledger_id = ?
            UNION ALL
            SELECT account_id, effective_date, CASE WHEN delta < 0 THEN delta ELSE 0 END,
                   CASE WHEN delta > 0 THEN -delta ELSE 0 END FROM entry WHERE ledger_id = ?) x
        GROUP BY account_id, effective_date HAVING SUM(dr) <> 0 OR SUM(cr) <> 0""",
    "what is held is what open holds hold": """
        SELECT a.path, a.unit, b.held, COALESCE(s.cr_posted - s.dr_posted, 0), COALESCE(h.total, 0)
        FROM account a JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        LEFT JOIN account k ON k.ledger_id = a.ledger_id AND k.path = a.path || ':held' AND k.unit = a.unit
        LEFT JOIN balance s ON s.ledger_id = k.ledger_id AND s.account_id = k.id
        LEFT JOIN (SELECT r.debit_id AS id, SUM(r.amount) AS total FROM txn t
                   JOIN transfer r ON r.ledger_id = t.ledger_id AND r.txn_id = t.id
                   LEFT JOIN txn x ON x.ledger_id = t.ledger_id AND x.resolves_id = t.id
                   WHERE t.ledger_id = ? AND t.kind = 'hold' AND x.id IS NULL GROUP BY r.debit_id) h
               ON h.id = a.id
        WHERE a.ledger_id = ? AND (b.held <> COALESCE(h.total, 0)
                                   OR b.held <> COALESCE(s.cr_posted - s.dr_posted, 0))""",
    "a resolution moves exactly its hold, in time": """
        SELECT t.id, t.kind, h.kind, SUM(r.amount), MAX(o.amount) FROM txn t
        JOIN txn h ON h.ledger_id = t.ledger_id AND h.id = t.resolves_id
        LEFT JOIN transfer r ON r.ledger_id = t.ledger_id AND r.txn_id = t.id
        LEFT JOIN transfer o ON o.ledger_id = h.ledger_id AND o.txn_id = h.id AND o.ordinal = 1
        WHERE t.ledger_id = ?
        GROUP BY t.id, t.kind, h.kind, t.recorded_at, h.expires_at
        HAVING h.kind <> 'hold' OR t.kind NOT IN ('capture', 'release') OR SUM(r.amount) <> MAX(o.amount)
            OR SUM(CASE WHEN r.debit_id = o.credit_id THEN 0 ELSE 1 END) <> 0
            OR (t.kind = 'capture' AND t.recorded_at >= h.expires_at)""",
    "a reversal mirrors what it reverses": """
        SELECT t.id, o.id, SUM(x.amount) FROM txn t
        JOIN txn o ON o.ledger_id = t.ledger_id AND o.id = t.reverses_id
        JOIN (SELECT txn_id, unit, amount FROM transfer WHERE ledger_id = ?) x ON x.txn_id = t.id
        WHERE t.ledger_id = ? AND o.kind <> 'capture'
        GROUP BY t.id, o.id, x.unit
        HAVING SUM(x.amount) <> (SELECT COALESCE(SUM(y.amount), 0) FROM transfer y
                                 WHERE y.ledger_id = ? AND y.txn_id = o.id AND y.unit = x.unit)""",
    "a key answered with a transaction has it": """
        SELECT i.key, i.txn_id FROM idempotency i
        LEFT JOIN txn t ON t.ledger_id = i.ledger_id AND t.id = i.txn_id
        WHERE i.ledger_id = ? AND i.outcome = 'posted' AND t.id IS NULL""",
    "every transaction answers one key": """
        SELECT txn_id, SUM(is_key) FROM (
            SELECT id AS txn_id, 0 AS is_key FROM txn WHERE ledger_id = ?
            UNION ALL
            SELECT txn_id, 1 FROM idempotency WHERE ledger_id = ? AND outcome = 'posted') x
        GROUP BY txn_id HAVING SUM(is_key) <> 1 OR COUNT(*) <> 2""",
}


RULES |= verify_log.LOG_RULES | lot_rows.RULES
Progress = Callable[[int, int], None]
"""Told how much is done, of how much in all."""
STEPS_TOLD = 1_000


class _Findings:
    """What was found, of each rule no more than a hundred."""

    def __init__(self) -> None:
        self._of_rule: Counter[str] = Counter()
        self.kept: list[Finding] = []

    def take(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._of_rule[finding.rule] += 1
            if self._of_rule[finding.rule] <= MAX_FINDINGS_PER_RULE:
                self.kept.append(finding)


def verify(
    wire: Wire,
    ledger_id: int,
    *,
    signer: Signer | None = None,
    published: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Check every rule on one snapshot, in memory that does not grow with the book; 100 findings a rule.

    `published` are checkpoints that were kept outside the book; InvalidTxn where one is none.
    """
    step = _stepper(wire, ledger_id, progress)
    found = _Findings()
    for rule in RULES:
        found.take(_broken(wire, ledger_id, rule))
        step()
    closing, txns = ClosingChecks(wire, ledger_id), 0
    for record in records(wire, ledger_id, by_id=not closing.has_closes):
        txns += 1
        found.take(_hash_findings(ledger_id, record))
        found.take(closing.see(record))
        step()
    found.take(closing.finish())
    found.take(verify_log.check(wire, ledger_id, signer=signer, published=published, step=step))
    accounts = _count(wire, ledger_id, "account")
    return Report(txns=txns, accounts=accounts, findings=tuple(found.kept))


def _stepper(wire: Wire, ledger_id: int, progress: Progress | None) -> Callable[[], None]:
    if progress is None:
        return lambda: None
    total = len(RULES) + _count(wire, ledger_id, "txn") + _count(wire, ledger_id, "log_leaf")
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if done <= len(RULES) or done % STEPS_TOLD == 0 or done == total:
            progress(done, total)

    return step


def _count(wire: Wire, ledger_id: int, table: str) -> int:
    return int(wire.rows(f"SELECT COUNT(*) FROM {table} WHERE ledger_id = ?", (ledger_id,))[0][0])  # noqa: S608


def _broken(wire: Wire, ledger_id: int, rule: str) -> Iterator[Finding]:
    sql = f"{RULES[rule]} LIMIT {MAX_FINDINGS_PER_RULE}"
    for where, *found in wire.rows(sql, [ledger_id] * sql.count("?")):
        yield Finding(rule, _text(where), ", ".join(_text(value) for value in found))


def _text(value: Any) -> str:
    if isinstance(value, bytes) and len(value) == 16:
        return str(uuid.UUID(bytes=value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _hash_findings(ledger_id: int, record: Record) -> Iterator[Finding]:
    where = str(uuid.UUID(bytes=record.txn_id))
    if not record.transfers:
        yield Finding("a transaction moves something", where, "no transfers")
    if record.canonical != _canonical(ledger_id, record):
        yield Finding("the canonical bytes say what the rows say", where, record.kind)
    if record.leaf_hash != canonical.leaf_hash(record.canonical):
        yield Finding("the leaf is the hash of the canonical bytes", where, record.leaf_hash.hex())
    memo = None if record.salt is None else canonical.memo_digest(record.salt, record.memo or "")
    if memo is not None and memo != record.memo_digest:
        yield Finding("a memo is the one that was posted", where, "the digest differs")


def _canonical(ledger_id: int, record: Record) -> bytes:
    return canonical.transaction(
        ledger_id=ledger_id,
        txn_id=record.txn_id,
        kind=record.kind,
        effective=record.effective.isoformat(),
        recorded_us=record.recorded_us,
        actor=record.actor,
        reverses=record.reverses,
        resolves=record.resolves,
        relates=record.relates,
        expires_us=record.expires_us,
        digest=record.memo_digest,
        transfers=((t.debit, t.credit, t.unit, t.amount, t.expires_on) for t in record.transfers),
        nonce=record.nonce,
    )
