"""The functions in PostgreSQL that post what is plain: one message, its plans kept by the server.

They decide nothing that the portable path would decide otherwise: where anything is not as the ordinary posting finds
it, they raise NOT_PLAIN, nothing is written, and the portable path answers.
"""

from __future__ import annotations

NOT_PLAIN = "LG001"

_IS_FINE = """NOT b.frozen AND b.dated = 0 AND b.last_recorded_at < {first}
      AND (b.min_balance IS NULL OR b.cr_posted - b.dr_posted + {lowest} >= b.min_balance)
      AND (b.max_balance IS NULL OR b.cr_posted - b.dr_posted + b.held + {highest} <= b.max_balance)"""
"""What does not fit its column is refused by the database: not plain, either."""

_ONE_SIDE = """
  IF NOT {side}_is_lazy THEN
    UPDATE balance b SET {side_column} = {side_column} + pieces, seq = seq + 1, last_recorded_at = moment
      WHERE b.ledger_id = own AND b.account_id = {side} AND {is_fine}
      RETURNING seq, cr_posted - dr_posted INTO line, after;
    IF NOT FOUND THEN RAISE EXCEPTION 'not plain' USING ERRCODE = '{not_plain}'; END IF;
    INSERT INTO entry (ledger_id, account_id, seq, txn_id, ordinal, delta, balance_after, effective_date, recorded_at)
      VALUES (own, {side}, line, txn, 1, {sign}pieces, after, day, moment);
    INSERT INTO daily (ledger_id, account_id, effective_date, dr, cr) VALUES (own, {side}, day, {dr}, {cr})
      ON CONFLICT (ledger_id, account_id, effective_date)
      DO UPDATE SET dr = daily.dr + excluded.dr, cr = daily.cr + excluded.cr;
  ELSE
    INSERT INTO unprojected (ledger_id, account_id, txn_id, ordinal, delta, effective_date, recorded_at)
      VALUES (own, {side}, txn, 1, {sign}pieces, day, moment);
  END IF;"""


def _side(side: str, dr: str, cr: str) -> str:
    sign = "-" if side == "debit" else ""
    return _ONE_SIDE.format(
        side=side,
        side_column="dr_posted" if side == "debit" else "cr_posted",
        sign=sign,
        dr=dr,
        cr=cr,
        not_plain=NOT_PLAIN,
        is_fine=_IS_FINE.format(first="moment", lowest=f"{sign}pieces", highest=f"{sign}pieces"),
    )


ONE = f"""
CREATE FUNCTION ledger_post_one(
  own bigint, waits boolean, request_key text, request bytea, txn uuid, txn_kind text, day date, moment timestamptz,
  who text, digest bytea, txn_nonce bytea, txn_canonical bytea, leaf bytea, memo_salt bytea, memo_text text,
  kept_in text, debit uuid, credit uuid, pieces bigint, debit_is_lazy boolean, credit_is_lazy boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  line bigint; after bigint;
BEGIN
  IF waits THEN
    PERFORM 1 FROM balance b WHERE b.ledger_id = own AND NOT (debit_is_lazy AND credit_is_lazy)
      AND b.account_id IN (CASE WHEN debit_is_lazy THEN credit ELSE debit END,
                           CASE WHEN credit_is_lazy THEN debit ELSE credit END)
      ORDER BY b.account_id FOR NO KEY UPDATE;
  ELSE
    PERFORM 1 FROM balance b WHERE b.ledger_id = own AND NOT (debit_is_lazy AND credit_is_lazy)
      AND b.account_id IN (CASE WHEN debit_is_lazy THEN credit ELSE debit END,
                           CASE WHEN credit_is_lazy THEN debit ELSE credit END)
      ORDER BY b.account_id FOR NO KEY UPDATE NOWAIT;
  END IF;
  INSERT INTO idempotency (ledger_id, key, request_hash, outcome, txn_id, recorded_at)
    VALUES (own, request_key, request, 'posted', txn, moment);
  INSERT INTO txn (ledger_id, id, kind, effective_date, recorded_at, actor, memo_digest, nonce, canonical, leaf_hash)
    VALUES (own, txn, txn_kind, day, moment, who, digest, txn_nonce, txn_canonical, leaf);
  IF memo_text IS NOT NULL THEN
    INSERT INTO memo (ledger_id, txn_id, salt, text) VALUES (own, txn, memo_salt, memo_text);
  END IF;
  INSERT INTO transfer (ledger_id, txn_id, ordinal, unit, debit_id, credit_id, amount)
    VALUES (own, txn, 1, kept_in, debit, credit, pieces);
  INSERT INTO unsealed (ledger_id, subject_id, leaf_hash) VALUES (own, txn, leaf);
{_side("debit", "pieces", "0")}
{_side("credit", "0", "pieces")}
END $$"""  # noqa: S608 -- every part of it is written in this file

MANY = f"""
CREATE FUNCTION ledger_post_many(
  own bigint, waits boolean, accounts uuid[], lazy uuid[], lines bigint, at timestamptz,
  keys text[], requests bytea[], txns uuid[], kinds text[], days date[], moments timestamptz[], actors text[],
  digests bytea[], nonces bytea[], canonicals bytea[], leaves bytea[], salts bytea[], memos text[],
  places integer[], ordinals bigint[], units text[], debits uuid[], credits uuid[], amounts bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  written bigint;
BEGIN
  IF waits THEN
    PERFORM 1 FROM balance b WHERE b.ledger_id = own AND b.account_id = ANY (accounts)
      ORDER BY b.account_id FOR NO KEY UPDATE;
  ELSE
    PERFORM 1 FROM balance b WHERE b.ledger_id = own AND b.account_id = ANY (accounts)
      ORDER BY b.account_id FOR NO KEY UPDATE NOWAIT;
  END IF;
  INSERT INTO idempotency (ledger_id, key, request_hash, outcome, txn_id, recorded_at)
    SELECT own, k, h, 'posted', t, at FROM unnest(keys, requests, txns) AS x (k, h, t) ORDER BY k;
  INSERT INTO txn (ledger_id, id, kind, effective_date, recorded_at, actor, memo_digest, nonce, canonical, leaf_hash)
    SELECT own, x.* FROM unnest(txns, kinds, days, moments, actors, digests, nonces, canonicals, leaves) AS x;
  IF memos IS NOT NULL THEN
    INSERT INTO memo (ledger_id, txn_id, salt, text)
      SELECT own, t, s, m FROM unnest(txns, salts, memos) AS x (t, s, m) WHERE m IS NOT NULL;
  END IF;
  INSERT INTO transfer (ledger_id, txn_id, ordinal, unit, debit_id, credit_id, amount)
    SELECT own, txns[p], o, u, d, c, a
    FROM unnest(places, ordinals, units, debits, credits, amounts) AS x (p, o, u, d, c, a);
  INSERT INTO unsealed (ledger_id, subject_id, leaf_hash) SELECT own, t, h FROM unnest(txns, leaves) AS x (t, h);
  WITH legs AS (
    SELECT * FROM unnest(places, ordinals, debits, credits, amounts) AS x (place, ordinal, debit, credit, amount)
  ), moves AS (
    SELECT m.*, row_number() OVER w AS line, sum(delta) OVER w AS so_far,
           lead(place) OVER w IS DISTINCT FROM place AS is_last
    FROM (SELECT debit AS account, place, ordinal, -amount AS delta FROM legs
          UNION ALL SELECT credit, place, ordinal, amount FROM legs) m
    WINDOW w AS (PARTITION BY account ORDER BY place, ordinal)
  ), sums AS (
    SELECT account, count(*) AS n, coalesce(sum(delta) FILTER (WHERE delta > 0), 0) AS cr,
           coalesce(-sum(delta) FILTER (WHERE delta < 0), 0) AS dr,
           min(so_far) FILTER (WHERE is_last) AS lowest, max(so_far) FILTER (WHERE is_last) AS highest,
           moments[min(place)] AS first, moments[max(place)] AS last
    FROM moves GROUP BY account
  ), queued AS (
    INSERT INTO unprojected (ledger_id, account_id, txn_id, ordinal, delta, effective_date, recorded_at)
      SELECT own, account, txns[place], ordinal, delta, days[place], moments[place] FROM moves
      WHERE account = ANY (lazy)
  ), changed AS (
    UPDATE balance b SET dr_posted = b.dr_posted + s.dr, cr_posted = b.cr_posted + s.cr, seq = b.seq + s.n,
           last_recorded_at = s.last
    FROM sums s WHERE b.ledger_id = own AND b.account_id = s.account AND b.account_id = ANY (accounts)
      AND {_IS_FINE.format(first="s.first", lowest="s.lowest", highest="s.highest")}
    RETURNING s.account, b.seq - s.n AS seq, b.cr_posted - b.dr_posted - s.cr + s.dr AS balance
  ), summed AS (
    INSERT INTO daily (ledger_id, account_id, effective_date, dr, cr)
      SELECT own, m.account, days[m.place], coalesce(-sum(delta) FILTER (WHERE delta < 0), 0),
             coalesce(sum(delta) FILTER (WHERE delta > 0), 0)
      FROM moves m JOIN changed USING (account) GROUP BY m.account, days[m.place]
      ON CONFLICT (ledger_id, account_id, effective_date)
      DO UPDATE SET dr = daily.dr + excluded.dr, cr = daily.cr + excluded.cr
  )
  INSERT INTO entry (ledger_id, account_id, seq, txn_id, ordinal, delta, balance_after, effective_date, recorded_at)
    SELECT own, m.account, c.seq + m.line, txns[m.place], m.ordinal, m.delta, c.balance + m.so_far, days[m.place],
           moments[m.place]
    FROM moves m JOIN changed c USING (account);
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> lines THEN RAISE EXCEPTION 'not plain' USING ERRCODE = '{NOT_PLAIN}'; END IF;
END $$"""  # noqa: S608 -- every part of it is written in this file

ALL = (ONE, MANY)
