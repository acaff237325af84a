"""The one-file verifier believes what is true and nothing else; it shares no code with the log."""

from __future__ import annotations

import ast
import base64
import copy
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import verify_receipt
from bank.log import keys
from ledger import canonical
from ledger.notes import Signer, base64_of, checkpoint_text, promise_text
from tests.conftest import SetClock
from tests.log.sealed import CODE, proof_of, seal, write
from tests.shop.market import Market, build_market
from tests.vectors import ROOT, Case, cases
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
THIEF = Signer(f"localhost/log/{CODE}", b"another key of thirty-two bytes!")


def judge(check: Callable[..., None], *given: Any) -> bool:
    """Tell whether the verifier takes it."""
    try:
        check(*given)
    except verify_receipt.Wrong:
        return False
    return True


@pytest.mark.parametrize("case", cases("inclusion"))
def test_published_inclusion_proofs_are_judged_as_published(case: Case) -> None:
    said = case.said
    given = (case.hash("leafHash"), said["leafIdx"], said["treeSize"], case.proof, case.hash("root"))
    assert judge(verify_receipt.check_inclusion, *given) is not case.is_refused


@pytest.mark.parametrize("case", cases("consistency"))
def test_published_consistency_proofs_are_judged_as_published(case: Case) -> None:
    said = case.said
    given = (said["size1"], said["size2"], case.proof, case.hash("root1"), case.hash("root2"))
    assert judge(verify_receipt.check_consistency, *given) is not case.is_refused


def test_from_an_empty_log_nothing_follows() -> None:
    empty = verify_receipt.sha256(b"")
    for sizes in ((0, 0), (0, 1)):
        assert not judge(verify_receipt.check_consistency, *sizes, [], empty, empty)
    assert not judge(verify_receipt.check_consistency, 1, 1, [], b"", b"")
    assert not judge(verify_receipt.check_inclusion, b"", 0, 1, [], b"")


def test_it_needs_nothing_of_ours() -> None:
    """Only the standard library and `cryptography`: whoever distrusts the bank need not run its programs."""
    tree = ast.parse((ROOT / "verify_receipt.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.fixture
def sealed(world: World) -> tuple[Market, dict[str, Any]]:
    """A market, and the volunteer's proof of an order."""
    market = build_market(world)
    placed = market.order(item=market.haircut)
    for _ in range(4):
        market.order()
    seal(world)
    return market, proof_of(world, "volunteer", placed.hold_txn_id)


def run(folder: Path, proof: Any, *words: str) -> int:
    return verify_receipt.main([write(folder, "proof.json", proof), *words])


def test_a_true_proof_says_who_how_much_and_when(
    sealed: tuple[Market, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market, proof = sealed
    note = market.world.page(None).get(f"/log/{CODE}/checkpoint").get_data(as_text=True)
    kept = write(tmp_path, "checkpoint.txt", note)
    assert run(tmp_path, proof, "--checkpoint", kept, "--key", proof["keys"][0]) == verify_receipt.PROVEN
    said = capsys.readouterr().out
    member = f"member:{market.world.people['volunteer'].public_id}"
    assert f"30 MIN: 从 from {member} → 到 to {member}:held" in said
    assert "2026-11-23 09:00:00 (+08:00)" in said
    assert "hold" in said
    assert "promised to be in the log by 2026-11-24T01:00:00Z" in said
    assert "!" not in said


@SQLITE_ONLY
def test_without_anything_kept_outside_it_says_so(
    sealed: tuple[Market, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, sealed[1]) == verify_receipt.PROVEN
    assert capsys.readouterr().out.count("!") == 2


def flip(text: str, at: int) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[at] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def changed(proof: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(proof), **more}


@SQLITE_ONLY
def test_every_change_of_a_proof_is_refused(sealed: tuple[Market, dict[str, Any]], tmp_path: Path) -> None:
    proof = sealed[1]
    hashes = proof["hashes"]
    raw = base64.b64decode(proof["canonical"])
    wrong = [
        changed(proof, canonical=flip(proof["canonical"], 60)),
        changed(proof, canonical=flip(proof["canonical"], -1)),
        changed(proof, leaf_hash=flip(proof["leaf_hash"], 0)),
        changed(
            proof, canonical=base64_of(raw + b"\x00"), leaf_hash=base64_of(verify_receipt.leaf_hash(raw + b"\x00"))
        ),
        changed(proof, index=proof["index"] + 1),
        changed(proof, index=-1),
        changed(proof, index=proof["size"]),
        changed(proof, size=proof["size"] + 1),
        changed(proof, hashes=hashes[:-1]),
        changed(proof, hashes=[*hashes, hashes[0]]),
        changed(proof, hashes=[flip(hashes[0], 3), *hashes[1:]]),
        changed(proof, hashes=[*hashes[1:], hashes[0]]),
        changed(proof, hashes=[base64.b64encode(b"short").decode(), *hashes[1:]]),
        changed(proof, checkpoint=proof["checkpoint"].replace(f"\n{proof['size']}\n", f"\n{proof['size'] + 1}\n")),
        changed(proof, keys=[THIEF.verifier_key]),
        changed(proof, index=None, promise=None),
        changed(proof, promise=proof["promise"].replace("2026-11-24", "2027-11-24")),
        changed(proof, promise=proof["checkpoint"]),
    ]
    assert [run(tmp_path, each) for each in wrong] == [verify_receipt.WRONG] * len(wrong)


@SQLITE_ONLY
def test_what_cannot_be_read_is_neither_true_nor_false(sealed: tuple[Market, dict[str, Any]], tmp_path: Path) -> None:
    proof = sealed[1]
    odd: list[Any] = [
        "",
        "[]",
        "[" * 100_000,
        {"format": "other"},
        {"format": "moral-bank-proof/1"},
        changed(proof, hashes=None),
        changed(proof, hashes=["?"]),
        changed(proof, index="1"),
        changed(proof, index=True),
        changed(proof, keys=["nonsense"]),
        changed(proof, keys=[proof["keys"][0].replace("+", "+0", 1)]),
        changed(proof, checkpoint="no note"),
        "x" * 1_000_001,
    ]
    assert [run(tmp_path, each) for each in odd] == [verify_receipt.UNREADABLE] * len(odd)
    assert verify_receipt.main([str(tmp_path / "absent.json")]) == verify_receipt.UNREADABLE


@SQLITE_ONLY
@pytest.mark.parametrize("size", [0, -1])
def test_a_checkpoint_of_an_empty_log_is_refused(
    sealed: tuple[Market, dict[str, Any]], tmp_path: Path, size: int
) -> None:
    market, proof = sealed
    with market.world.app.app_context():
        signer = keys.ring_of(market.world.app.config, market.now).signer(CODE)
    note = signer.sign(checkpoint_text(signer.origin, size, bytes(32)))
    assert run(tmp_path, changed(proof, checkpoint=note)) in (verify_receipt.WRONG, verify_receipt.UNREADABLE)


@SQLITE_ONLY
def test_a_promise_stands_until_the_entry_is_in_the_log(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    placed = build_market(world).order()
    waiting = proof_of(world, "volunteer", placed.hold_txn_id)
    assert run(tmp_path, waiting) == verify_receipt.PROMISED
    assert "Not in the log yet" in capsys.readouterr().out
    forged = THIEF.sign(promise_text(THIEF.origin, base64.b64decode(waiting["leaf_hash"]), world.clock.now))
    assert run(tmp_path, changed(waiting, promise=forged)) == verify_receipt.WRONG
    seal(world)
    assert run(tmp_path, proof_of(world, "volunteer", placed.hold_txn_id)) == verify_receipt.PROVEN


def command(app: Flask, *words: str) -> str:
    done = app.test_cli_runner().invoke(args=["ledger", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_two_kept_checkpoints_are_held_against_each_other(
    app: Flask, sealed: tuple[Market, dict[str, Any]], now: SetClock, tmp_path: Path
) -> None:
    market, proof = sealed
    old = write(tmp_path, "old.txt", command(app, "checkpoint"))
    now.advance(minutes=2)
    market.cancel(market.order())
    seal(market.world)
    new = write(tmp_path, "new.txt", command(app, "checkpoint"))
    text = command(app, "prove-consistency", str(proof["size"]), str(proof["size"] + 2))
    path = write(tmp_path, "consistency.json", text)
    both = ["--checkpoint", old, "--checkpoint", new, "--key", proof["keys"][0]]
    assert verify_receipt.main([path, *both]) == verify_receipt.PROVEN
    assert verify_receipt.main([path]) == verify_receipt.PROVEN
    assert verify_receipt.main([path, "--checkpoint", old]) == verify_receipt.UNREADABLE
    assert verify_receipt.main([path, "--checkpoint", new, "--checkpoint", old]) == verify_receipt.WRONG
    assert verify_receipt.main([path, "--checkpoint", old, "--checkpoint", old]) == verify_receipt.WRONG
    rewritten = checkpoint_text(THIEF.origin, proof["size"] + 2, bytes(32))
    with app.app_context():
        signer = keys.ring_of(app.config, market.now).signer(CODE)
    changed_history = write(tmp_path, "changed.txt", signer.sign(rewritten))
    assert verify_receipt.main([path, "--checkpoint", old, "--checkpoint", changed_history]) == verify_receipt.WRONG
    elsewhere = write(tmp_path, "elsewhere.txt", THIEF.sign(rewritten))
    assert verify_receipt.main([path, "--checkpoint", old, "--checkpoint", elsewhere]) == verify_receipt.WRONG


@SQLITE_ONLY
def test_the_command_prints_the_same_proof_as_the_passbook(
    app: Flask, sealed: tuple[Market, dict[str, Any]], tmp_path: Path
) -> None:
    proof = sealed[1]
    printed = command(app, "prove", proof["id"])
    assert run(tmp_path, printed, "--key", proof["keys"][0]) == verify_receipt.PROVEN
    assert json.loads(printed) == proof


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prove", "00000000-0000-0000-0000-000000000000"), "there is no transaction"),
        (("prove-consistency", "0", "0"), "sizes are integers"),
        (("prove-consistency", "1", "2"), "no checkpoint of 1"),
        (("checkpoint", "--community", "nowhere"), "there is no community nowhere"),
        (("checkpoint", "--community", "430104002001"), "there is no community"),
    ],
)
def test_a_command_that_cannot_prove_says_why(
    app: Flask, sealed: tuple[Market, dict[str, Any]], words: tuple[str, ...], said: str
) -> None:
    done = app.test_cli_runner().invoke(args=["ledger", *words])
    assert (done.exit_code, said in done.output) == (1, True)


def test_an_entry_of_another_kind_is_shown_field_by_field() -> None:
    raw = b"".join(len(part).to_bytes(4, "big") + part for part in (b"2", b"close", b"2026-11-30"))
    assert "b'close'" in verify_receipt.describe(raw)[0]


def test_an_entry_that_ends_on_a_day_says_so() -> None:
    raw = canonical.transaction(
        ledger_id=7, txn_id=bytes(16), kind="credit", effective="2026-03-02", recorded_us=5, actor="p", reverses=None,
        resolves=None, relates=None, expires_us=None, digest=None, nonce=bytes(16),
        transfers=[("a", "b", "PTS", 3, date(2029, 3, 31)), ("a", "c", "PTS", 4, None)],
    )  # fmt: skip
    said = verify_receipt.describe(raw)
    assert said[-2:] == ["  3 PTS: 从 from a → 到 to b，用到 until 2029-03-31", "  4 PTS: 从 from a → 到 to c"]
