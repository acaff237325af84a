"""Programs that know nothing of us read the export and come to the same balances."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import string
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, Transfer, errors
from ledger.export import beancount_name
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, live_a_little, txn

Balances = dict[tuple[str, str], int]
DAYS = [TODAY + timedelta(days=distance) for distance in (-10, -3, 0, 1, 8)]


@pytest.fixture
def busy(book: Ledger) -> Ledger:
    """Two units, five days out of order, everything that can happen."""
    for path in (ISSUANCE, ANNA, BORIS):
        book.open_account(path, "PTS", kind="points", min_balance=None)
    book.open_account("Pool:A_b-c.d", UNIT, kind="pool", min_balance=None)
    live_a_little(book)
    chance = random.Random(12)
    accounts = [ISSUANCE, ANNA, BORIS, SHOP]
    for number in range(60):
        debit, credit = chance.sample(accounts, 2)
        both = [Transfer(ISSUANCE, debit, UNIT, 500), Transfer(debit, credit, UNIT, chance.randint(1, 500))]
        if debit == ISSUANCE:
            both = both[1:]
        if number % 3 == 0:
            both.append(Transfer(ISSUANCE, chance.choice([ANNA, BORIS]), "PTS", chance.randint(1, 9)))
        said = replace(txn(ISSUANCE, ANNA, 1, memo="秘密; not exported"), transfers=both)
        book.post(replace(said, effective=chance.choice(DAYS)), key=f"busy{number}")
    book.post(txn("Pool:A_b-c.d", ANNA, 10**12, effective=DAYS[3]), key="large")
    return book


def written(book: Ledger, style: Any, through: date | None = None) -> str:
    out = io.StringIO()
    book.export(style, out, through=through)
    return out.getvalue()


def by_jsonl(text: str) -> Balances:
    found: Balances = {}
    for line in text.splitlines():
        for debit, credit, unit, amount in json.loads(line)["transfers"]:
            found[debit, unit] = found.get((debit, unit), 0) - amount
            found[credit, unit] = found.get((credit, unit), 0) + amount
    return without_zeros(found)


def without_zeros(found: Balances) -> Balances:
    return {pair: amount for pair, amount in found.items() if amount}


def run(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def by_hledger(file: Path) -> Balances:
    run("hledger", "-f", file, "check", "balancednoautoconversion", "assertions")
    rows, totals = json.loads(run("hledger", "-f", file, "bal", "--flat", "-O", "json"))
    assert all(total["aquantity"]["decimalMantissa"] == 0 for total in totals)
    found = {}
    for name, _shown, _depth, amounts in rows:
        for amount in amounts:
            assert amount["aquantity"]["decimalPlaces"] == 0
            found[name, amount["acommodity"]] = amount["aquantity"]["decimalMantissa"]
    return without_zeros(found)


def by_ledger(file: Path) -> Balances:
    layout = "%(account)\t%(amount)\n"
    found = {}
    name = ""
    for line in run("ledger", "-f", file, "bal", "--flat", "--no-total", "--format", layout).splitlines():
        head, _, amount = line.rpartition("\t")
        name = head or name
        number, unit = amount.split()
        found[name, unit] = int(number)
    return without_zeros(found)


def by_beancount(file: Path) -> Balances:
    from beancount import loader
    from beancount.core.data import Transaction

    entries, problems, _options = loader.load_file(str(file))
    assert problems == []
    found: Balances = {}
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else ():
            pair = (posting.account, posting.units.currency)
            found[pair] = found.get(pair, 0) + int(posting.units.number)
    return without_zeros(found)


READERS: dict[str, Callable[[Path], Balances]] = {
    "hledger": by_hledger,
    "ledger": by_ledger,
    "beancount": by_beancount,
}


def installed(style: str) -> None:
    if style != "beancount" and not shutil.which(style):
        pytest.skip(f"{style} is not installed here")


@pytest.mark.parametrize("style", READERS)
@pytest.mark.parametrize("through", [None, *DAYS], ids=str)
def test_another_program_agrees_on_every_balance(
    busy: Ledger, tmp_path: Path, style: str, through: date | None
) -> None:
    installed(style)
    file = tmp_path / f"book.{style}"
    file.write_text(written(busy, style, through))
    wanted = by_jsonl(written(busy, "jsonl", through))
    assert len(wanted) > 3
    if style == "beancount":
        wanted = {(beancount_name(path), unit): amount for (path, unit), amount in wanted.items()}
    assert READERS[style](file) == wanted


def test_the_export_agrees_with_the_book(busy: Ledger) -> None:
    exported = by_jsonl(written(busy, "jsonl"))
    paths = {path for path, _ in exported}
    kept = {pair: balance.available for pair, balance in busy.balances(sorted(paths)).items()}
    assert exported == without_zeros(kept)


def test_hledger_reads_our_running_balances(busy: Ledger, tmp_path: Path) -> None:
    """Its register follows dates and ours the recording, so both end on the same sum."""
    installed("hledger")
    file = tmp_path / "book.hledger"
    file.write_text(written(busy, "hledger"))
    rows = run("hledger", "-f", file, "reg", f"^{ANNA}$", f"cur:{UNIT}", "-O", "csv").splitlines()
    last = re.findall(r'"(-?\d+) MIN"$', rows[-1])
    assert int(last[0]) == busy.balance(ANNA, UNIT).available


@pytest.mark.parametrize("style", ["jsonl", *READERS])
def test_the_same_facts_give_the_same_bytes(busy: Ledger, style: str) -> None:
    assert written(busy, style) == written(busy, style)


@pytest.mark.parametrize("style", ["jsonl", *READERS])
def test_no_memo_leaves_the_book(busy: Ledger, style: str) -> None:
    text = written(busy, style)
    assert "秘密" not in text
    assert text.isascii()


@pytest.mark.parametrize("style", READERS)
def test_a_changed_amount_is_noticed_by_the_other_program(busy: Ledger, tmp_path: Path, style: str) -> None:
    installed(style)
    text = written(busy, style)
    name = beancount_name(ANNA) if style == "beancount" else ANNA
    forged = re.sub(rf"(?m)^(\s+{name}  )(-?\d+) MIN$", lambda m: f"{m[1]}{int(m[2]) + 1} MIN", text, count=1)
    assert forged != text
    file = tmp_path / f"book.{style}"
    file.write_text(forged)
    with pytest.raises((subprocess.CalledProcessError, AssertionError)):
        READERS[style](file)


def test_an_empty_book_is_exported(book: Ledger, tmp_path: Path) -> None:
    for style, reader in READERS.items():
        installed(style)
        file = tmp_path / f"book.{style}"
        file.write_text(written(book, style))
        assert reader(file) == {}


def test_export_says_how_many_and_through_which_day(busy: Ledger) -> None:
    assert busy.export("jsonl", io.StringIO()) == 72
    assert busy.export("jsonl", io.StringIO(), through=DAYS[0] - timedelta(days=1)) == 0


def test_an_unknown_format_is_refused(book: Ledger) -> None:
    with pytest.raises(errors.InvalidTxn):
        written(book, "xml")


def test_no_two_paths_share_a_beancount_name() -> None:
    chance = random.Random(5)
    letters = "aAbBuUdD19-_."
    words = {
        chance.choice(letters[:10]) + "".join(chance.choices(letters, k=chance.randint(0, 4))) for _ in range(20_000)
    }
    paths = words | {f"{a}:{b}" for a, b in zip(words, sorted(words), strict=True)}
    names = {beancount_name(path) for path in paths}
    assert len(names) == len(paths)
    word = rf"[{string.ascii_uppercase}{string.digits}][{string.ascii_letters}{string.digits}-]*"
    assert all(re.fullmatch(rf"Assets(:{word})+", name) for name in names)
