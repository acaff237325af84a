#!/usr/bin/env python3
"""Check a proof from the bank by yourself: 自己核对银行给的证明。

One file, Python 3.11 and the package `cryptography`; nothing of the bank's own programs is used.

    python3 verify_receipt.py PROOF.json [--checkpoint NOTE.txt] [--key KEY]
    python3 verify_receipt.py CONSISTENCY.json [--checkpoint OLD.txt --checkpoint NEW.txt] [--key KEY]

A proof is as good as what it is checked against: give the checkpoint that you kept or saw on the notice board, and
the log's public key from there, too. Without them the ones inside the file are used, and that is said.
It ends with 0 (proven), 1 (wrong: do not believe it), 2 (cannot be read), 3 (not in the log yet: a valid promise).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import struct
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROVEN, WRONG, UNREADABLE, PROMISED = 0, 1, 2, 3
INCLUSION, CONSISTENCY = "moral-bank-proof/1", "moral-bank-consistency/1"
HASH_BYTES = 32
LARGEST_FILE = 1_000_000
ABSENT = 0xFFFFFFFF
Field = bytes | None
"""One field of an entry; None where the entry says nothing."""
Proof = dict[str, Any]
"""The proof file as JSON: what is not as it should be ends in UNREADABLE."""
CHINA = timezone(timedelta(hours=8))
FIELDS = (
    "ledger",
    "id",
    "kind",
    "effective",
    "recorded",
    "actor",
    "reverses",
    "resolves",
    "relates",
    "expires",
    "memo digest",
)


class Wrong(Exception):
    """The proof does not hold."""


class Unreadable(Exception):
    """This is no proof that we know how to read."""


def sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 section 2.1: a leaf is hashed behind a zero byte."""
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 section 2.1: two subtrees are hashed behind a one byte."""
    return sha256(b"\x01" + left + right)


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Walk from a leaf to the root that its path leads to: the subtree sizes decide where the leaf is left or right."""
    if not 0 <= index < size:
        raise Wrong(f"leaf {index} is not in a log of {size}")
    if size == 1:
        if proof:
            raise Wrong("the path is too long")
        return leaf
    if not proof:
        raise Wrong("the path is too short")
    left = largest_power_below(size)
    if index < left:
        return node_hash(root_of_inclusion(leaf, index, left, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_of_inclusion(leaf, index - left, size - left, proof[:-1]))


def largest_power_below(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def roots_of_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes) -> tuple[bytes, bytes]:
    """Give the (old, new) roots that a consistency proof leads to (RFC 6962 section 2.1.2, read backwards)."""
    path = list(proof)

    def walk(old: int, new: int, is_whole: bool) -> tuple[bytes, bytes]:
        if old == new:
            if is_whole:
                return first_root, first_root
            top = take(path)
            return top, top
        left = largest_power_below(new)
        last = take(path)
        if old <= left:
            before, after = walk(old, left, is_whole)
            return before, node_hash(after, last)
        before, after = walk(old - left, new - left, False)
        return node_hash(last, before), node_hash(last, after)

    found = walk(first, second, True)
    if path:
        raise Wrong("the proof is too long")
    return found


def take(path: list[bytes]) -> bytes:
    if not path:
        raise Wrong("the proof is too short")
    return path.pop()


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise Wrong unless the proof leads from the leaf to the root."""
    need_hashes(leaf, root, *proof)
    if len(proof) > 64:
        raise Wrong("the path is too long")
    if root_of_inclusion(leaf, index, size, list(proof)) != root:
        raise Wrong("the path leads to another root than the checkpoint's")


def check_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Raise Wrong unless the log of `second` begins with that of `first`; from an empty log nothing follows."""
    if not 1 <= first <= second:
        raise Wrong(f"a log of {second} does not begin with one of {first}, or it says nothing")
    if first == second:
        if proof or first_root != second_root or not first_root:
            raise Wrong("two checkpoints of one size have different roots")
        return
    need_hashes(first_root, second_root, *proof)
    if len(proof) > 128:
        raise Wrong("the proof is too long")
    if roots_of_consistency(first, second, proof, first_root) != (first_root, second_root):
        raise Wrong("the newer log does not begin with the older one: history was changed")


def need_hashes(*values: bytes) -> None:
    if any(len(value) != HASH_BYTES for value in values):
        raise Wrong("a hash has not 32 bytes")


class Key:
    """A public key as the log publishes it: name+hash+base64."""

    def __init__(self, text: str) -> None:
        try:
            self.name, digest, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as bad:
            raise Unreadable(f"not a key of a log: {text[:80]!r}") from bad
        if raw[:1] != b"\x01" or len(raw) != 33:
            raise Unreadable("not an Ed25519 key")
        self.hash = sha256(self.name.encode() + b"\n" + raw)[:4]
        if self.hash.hex() != digest:
            raise Unreadable("the key's name and its hash do not fit together")
        self._public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def signed(self, note: str) -> str | None:
        """Give the text of the note if this key signed it; None if it did not; Wrong if the signature is false."""
        text, found, signatures = note.rpartition("\n\n")
        if not found:
            raise Unreadable("this is not a signed note")
        for line in signatures.split("\n"):
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if dash != "\u2014" or name != self.name:
                continue
            try:
                raw = base64.b64decode(encoded, validate=True)
            except binascii.Error as bad:
                raise Wrong("a signature is not base64") from bad
            if raw[:4] != self.hash:
                continue
            try:
                self._public.verify(raw[4:], f"{text}\n".encode())
            except InvalidSignature as false:
                raise Wrong("the signature is false") from false
            return f"{text}\n"
        return None


def signed_text(note: str, keys: Sequence[Key]) -> tuple[str, Key]:
    for key in keys:
        text = key.signed(note)
        if text is not None:
            return text, key
    raise Wrong("none of the known keys signed this note")


def read_checkpoint(note: str, keys: Sequence[Key]) -> tuple[str, int, bytes]:
    """Give (origin, size, root) of a checkpoint that one of the keys signed."""
    text, key = signed_text(note, keys)
    lines = text.split("\n")
    if len(lines) < 4 or not lines[1].isascii() or not lines[1].isdecimal() or str(int(lines[1])) != lines[1]:
        raise Unreadable("this note is not a checkpoint")
    root = from_base64(lines[2])
    need_hashes(root)
    if int(lines[1]) < 1:
        raise Wrong("a checkpoint of an empty log says nothing")
    if lines[0] != key.name:
        raise Wrong(f"the key of {key.name} signed for {lines[0]}")
    return lines[0], int(lines[1]), root


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError, binascii.Error) as bad:
        raise Unreadable("not base64") from bad


def unpack(raw: bytes) -> list[Field]:
    """Take the entry's bytes apart: four bytes of length before each field, the length 2**32 - 1 alone for none."""
    fields: list[Field] = []
    at = 0
    while at < len(raw):
        if at + 4 > len(raw):
            raise Wrong("the entry's bytes end within a field")
        (length,) = struct.unpack_from(">I", raw, at)
        at += 4
        if length == ABSENT:
            fields.append(None)
            continue
        if at + length > len(raw):
            raise Wrong("the entry's bytes end within a field")
        fields.append(raw[at : at + length])
        at += length
    return fields


def describe(raw: bytes) -> list[str]:
    """Say in Chinese and English what the entry says: who, how much, when."""
    fields = unpack(raw)
    head = 1 + len(FIELDS)
    # Version 2 says of each transfer the last day on which its amount can be used.
    width = {b"1": 4, b"2": 5}.get((fields[0] if fields else None) or b"")
    if width is None or len(fields) < head + 2 or fields[1] == b"close":
        return [f"  另一种记录，逐项列出 an entry of another kind, field by field: {fields!r}"]
    named = dict(zip(FIELDS, fields[1:head], strict=True))
    moves = fields[head + 1 : -1]
    if len(moves) != number_of(fields[head]) * width or len(fields[-1] or b"") != 16:
        raise Wrong("the entry's transfers cannot be read")
    micros = number_of(named["recorded"])
    when = datetime.fromtimestamp(micros // 1_000_000, CHINA)
    lines = [
        f"  编号 id         {(named['id'] or b'').hex()}",
        f"  种类 kind       {word(named['kind'])}",
        f"  算在哪天 day    {word(named['effective'])}",
        f"  记账时刻 booked {when:%Y-%m-%d %H:%M:%S} (+08:00)",
        f"  经办 by         {word(named['actor'])}",
    ]
    for name, text in (("reverses", "冲正 reverses"), ("resolves", "了结 resolves"), ("relates", "关联 relates to")):
        if named[name] is not None:
            lines.append(f"  {text}   {(named[name] or b'').hex()}")
    for at in range(0, len(moves), width):
        debit, credit, unit, amount, *last = (word(part) for part in moves[at : at + width])
        until = f"，用到 until {last[0]}" if any(last) else ""
        lines.append(f"  {amount} {unit}: 从 from {debit} → 到 to {credit}{until}")
    return lines


def word(raw: Field) -> str:
    return "" if raw is None else raw.decode("utf-8", "replace")


def number_of(raw: Field) -> int:
    if raw is None or not raw.isdigit():
        raise Wrong("the entry has no number where one belongs")
    return int(raw)


def check_proof(proof: Proof, notes: Sequence[str], keys: Sequence[Key]) -> int:
    """Check a proof of one entry and say what it says."""
    entry = from_base64(proof["canonical"])
    leaf = leaf_hash(entry)
    if from_base64(proof["leaf_hash"]) != leaf:
        raise Wrong("the entry's bytes do not give its leaf")
    say("这笔记录说 the entry says:", *describe(entry))
    if proof.get("promise"):
        check_promise(proof["promise"], leaf, keys)
    if proof["index"] is None:
        if not proof.get("promise"):
            raise Wrong("there is neither a proof nor a promise")
        say("它还没有写进公开日志；上面的承诺有效。Not in the log yet; the promise above is valid.")
        return PROMISED
    if type(proof["index"]) is not int:
        raise Unreadable("the place in the log is no number")
    note = notes[-1] if notes else proof["checkpoint"]
    origin, size, root = read_checkpoint(note, keys)
    if size != proof["size"]:
        raise Wrong(
            f"the proof is for a log of {proof['size']}, the checkpoint is of {size}: ask for a proof of that size"
        )
    check_inclusion(leaf, proof["index"], size, [from_base64(text) for text in proof["hashes"]], root)
    say(f"✔ 这笔记录在日志里：第 {proof['index'] + 1} 条，共 {size} 条。 The entry is in the log {origin}.")
    say(f"  root {base64.b64encode(root).decode()}")
    return PROVEN


def check_promise(note: str, leaf: bytes, keys: Sequence[Key]) -> None:
    text, key = signed_text(note, keys)
    lines = text.split("\n")
    if len(lines) != 5 or lines[0] != key.name or lines[1] != "promise" or from_base64(lines[2]) != leaf:
        raise Wrong("the promise is about another entry")
    say(f"  银行签字承诺在此之前写进日志 promised to be in the log by {lines[3]}")


def check_follows(proof: Proof, notes: Sequence[str], keys: Sequence[Key]) -> int:
    """Check that the newer of two checkpoints follows the older."""
    if len(notes) == 1:
        raise Unreadable("give both checkpoints, the older first, or none")
    old, new = notes or (proof["first"], proof["second"])
    origin, first, first_root = read_checkpoint(old, keys)
    other, second, second_root = read_checkpoint(new, keys)
    if origin != other:
        raise Wrong("the checkpoints are of different logs")
    if (first, second) != (proof["sizes"][0], proof["sizes"][1]):
        raise Wrong(f"the proof is for sizes {proof['sizes']}, the checkpoints are of {first} and {second}")
    check_consistency(first, second, [from_base64(text) for text in proof["hashes"]], first_root, second_root)
    say(
        f"✔ {second} 条的日志完整保留了原来的 {first} 条，什么也没有改。 Nothing of the older log {origin} was changed."
    )
    return PROVEN


def say(*lines: str) -> None:
    print(*lines, sep="\n")


def load(path: str) -> Proof:
    try:
        raw = Path(path).read_bytes()
        if len(raw) > LARGEST_FILE:
            raise Unreadable(f"{path} is too large")
        proof = json.loads(raw)
    except (OSError, ValueError, RecursionError) as bad:
        raise Unreadable(f"{path} cannot be read: {bad}") from bad
    if not isinstance(proof, dict) or proof.get("format") not in (INCLUSION, CONSISTENCY):
        raise Unreadable(f"{path} is not a proof of this bank")
    return proof


def known_keys(proof: Proof, given: Sequence[str]) -> list[Key]:
    if given:
        return [Key(text) for text in given]
    say("! 用的是文件里自带的公钥，请与公示的核对 the key is the file's own, compare it with the published one:")
    say(*(f"  {text}" for text in proof["keys"]))
    return [Key(text) for text in proof["keys"]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proof", help="the JSON file")
    parser.add_argument("--checkpoint", action="append", default=[], help="a file with a checkpoint that you kept")
    parser.add_argument("--key", action="append", default=[], help="the log's public key (name+hash+base64)")
    asked = parser.parse_args(arguments)
    try:
        proof = load(asked.proof)
        notes = [Path(path).read_bytes().decode() for path in asked.checkpoint]
        if len(notes) > (1 if proof["format"] == INCLUSION else 2):
            raise Unreadable("too many checkpoints")
        if not notes:
            say("! 用的是文件里自带的检查点，请与公示的核对 the checkpoint is the file's own, compare it:")
            say(*([proof["checkpoint"]] if proof["format"] == INCLUSION else [proof["first"], proof["second"]]))
        check = check_proof if proof["format"] == INCLUSION else check_follows
        return check(proof, notes, known_keys(proof, asked.key))
    except Wrong as wrong:
        say(f"✘ 不成立，不要相信 WRONG: {wrong}")
        return WRONG
    except (Unreadable, OSError, KeyError, TypeError, IndexError, ValueError, AttributeError) as bad:
        say(f"? 读不懂 cannot be read: {type(bad).__name__} {bad}")
        return UNREADABLE


if __name__ == "__main__":
    sys.exit(main())
