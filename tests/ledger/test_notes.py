"""Signed notes and checkpoints in the form of C2SP."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger import notes
from ledger.errors import InvalidTxn
from ledger.notes import Signer

SIGNER = Signer("bank.example/log/1", bytes(range(32)))
ROOT = hashlib.sha256(b"root").digest()
NOTE = SIGNER.sign(notes.checkpoint_text(SIGNER.origin, 20_852_163, ROOT))
# The example of the signed-note page with its published key (golang.org/x/mod/sumdb/note).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_checkpoint_has_the_published_form() -> None:
    text, signature = NOTE.split("\n\n")
    assert text == f"bank.example/log/1\n20852163\n{base64.b64encode(ROOT).decode()}"
    dash, name, encoded = signature.removesuffix("\n").split(" ")
    assert (dash, name) == ("\u2014", "bank.example/log/1")
    raw = base64.b64decode(encoded)
    assert (raw[:4], len(raw)) == (SIGNER.key_hash, 68)
    assert SIGNER.key_hash == hashlib.sha256(b"bank.example/log/1\n\x01" + SIGNER.public).digest()[:4]
    encoded = base64.b64encode(b"\x01" + SIGNER.public).decode()
    assert Signer(SIGNER.origin, bytes(range(32))).verifier_key == f"bank.example/log/1+{raw[:4].hex()}+{encoded}"


def test_a_note_that_others_signed_is_understood() -> None:
    name, digest, encoded = PETER.split("+", 2)
    public = base64.b64decode(encoded)[1:]
    assert notes.key_hash(name, public).hex() == digest
    assert notes.is_signed_by(PETER_NOTE, name, public)
    assert not notes.is_signed_by(PETER_NOTE.replace("problem", "question"), name, public)


def test_a_checkpoint_is_read_back() -> None:
    said = notes.read_checkpoint(NOTE)
    assert (said.origin, said.size, said.root) == (SIGNER.origin, 20_852_163, ROOT)
    assert notes.is_signed_by(NOTE, SIGNER.origin, SIGNER.public)


@pytest.mark.parametrize("name", [SIGNER.origin, "elsewhere"])
def test_a_signature_of_another_key_is_passed_over(name: str) -> None:
    other = Signer(name, bytes(32))
    both = NOTE.replace("\n\n", "\n\n" + other.sign("x\n").split("\n\n")[1])
    assert notes.is_signed_by(both, SIGNER.origin, SIGNER.public)
    assert not notes.is_signed_by(NOTE, other.origin, other.public)
    assert not notes.is_signed_by(NOTE, "elsewhere", SIGNER.public)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "no note at all",
        NOTE.replace("20852163", "-1"),
        NOTE.replace("20852163", "\u0662"),
        NOTE.replace("=", "!", 1),
        SIGNER.sign(f"{SIGNER.origin}\n5\n{base64.b64encode(bytes(31)).decode()}\n"),
        NOTE.replace("\n20852163\n", " 20852163 "),
        NOTE.replace("=", "!=", 1),
        SIGNER.sign("\n5\n" + base64.b64encode(bytes(32)).decode() + "\n"),
        SIGNER.sign(notes.promise_text(SIGNER.origin, ROOT, datetime(2026, 3, 2, tzinfo=UTC))),
    ],
)
def test_what_is_no_checkpoint_is_refused(broken: str) -> None:
    with pytest.raises(InvalidTxn):
        notes.read_checkpoint(broken)


@pytest.mark.parametrize("mark", ["???", NOTE.split(" ")[-1].strip().replace("=", "!=", 1)])
def test_a_signature_that_is_no_base64_is_none(mark: str) -> None:
    text = NOTE.split("\n\n")[0]
    assert not notes.is_signed_by(f"{text}\n\n\u2014 {SIGNER.origin} {mark}\n", SIGNER.origin, SIGNER.public)


def test_only_the_last_empty_line_parts_a_text_from_its_signatures() -> None:
    note = SIGNER.sign("one\n\ntwo\n")
    assert notes.is_signed_by(note, SIGNER.origin, SIGNER.public)
    assert not notes.is_signed_by(note.replace("two", "three"), SIGNER.origin, SIGNER.public)
    bare = SIGNER.sign("\n").removeprefix("\n\n")
    assert not notes.is_signed_by(bare, SIGNER.origin, SIGNER.public)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its zone while it runs")
def test_a_promise_is_said_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Lima")
    time.tzset()
    east = datetime(2026, 3, 2, 8, 30, tzinfo=timezone(timedelta(hours=8)))
    assert notes.promise_text("o", bytes(32), east).endswith("\n2026-03-02T00:30:00Z\n")
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("origin", ["", "with space", "with+plus", "line\nbreak", "nul\x00", "\u3000"])
def test_the_name_of_a_log_has_neither_space_nor_plus(origin: str) -> None:
    with pytest.raises(ValueError, match="not the name of a log"):
        Signer(origin, bytes(32))
