"""The key that signs the logs, and those before it: one small file, or the same text in LOG_KEY."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ledger.notes import Signer, base64_of

FILE = "log_key.json"
NO_HOST = "localhost"


@dataclass(frozen=True, slots=True)
class PastKey:
    """A key that signs no more: its public half (hex), and the note by which it handed over to the next."""

    public: str
    made_at: str
    hand_over: str


@dataclass(frozen=True, slots=True)
class Ring:
    """The name under which this bank's logs are known for ever, and the key that signs them now."""

    host: str
    seed: str
    """The secret half, 64 hex digits."""
    made_at: str
    past: tuple[PastKey, ...] = ()

    def signer(self, code: str) -> Signer:
        """Give the signer of a community's log."""
        return Signer(f"{self.host}/log/{code}", bytes.fromhex(self.seed), self._former())

    @property
    def owner(self) -> Signer:
        """Give the signer of what concerns the keys themselves."""
        return Signer(f"{self.host}/log", bytes.fromhex(self.seed), self._former())

    def _former(self) -> tuple[bytes, ...]:
        return tuple(bytes.fromhex(key.public) for key in self.past)

    def text(self) -> str:
        """Write the ring, with its secret, as the file and LOG_KEY hold it."""
        return json.dumps(asdict(self))


def new_ring(host: str, now: datetime) -> Ring:
    """Make a ring with a fresh key. Raises ValueError where the host is no name for a log."""
    if not host or "/" in host:
        raise ValueError(f"not the name of a host: {host!r}")
    ring = Ring(host, secrets.token_hex(32), _moment(now))
    _ = ring.owner
    return ring


def rotate(ring: Ring, now: datetime) -> Ring:
    """Give the ring with a fresh key; the old one signs the hand-over, the new one too, and its secret is gone."""
    fresh = replace(ring, seed=secrets.token_hex(32), made_at=_moment(now))
    old, new = ring.owner, fresh.owner
    text = f"{old.origin}\nkey hand-over\n{base64_of(old.public)}\n{base64_of(new.public)}\n{fresh.made_at}\n"
    hand_over = old.sign(text) + new.sign(text).rpartition("\n\n")[2]
    return replace(fresh, past=(*ring.past, PastKey(old.public.hex(), ring.made_at, hand_over)))


def _moment(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H:%M:%SZ}"


def read(text: str) -> Ring:
    """Read a ring. Raises ValueError where this is none."""
    try:
        said: dict[str, Any] = json.loads(text)
        ring = Ring(said["host"], said["seed"], said["made_at"], tuple(PastKey(**key) for key in said["past"]))
        _ = ring.owner
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ValueError("LOG_KEY or log_key.json is not the key of a log") from wrong
    return ring


def ring_of(config: Mapping[str, Any], now: datetime) -> Ring:
    """Give this bank's ring: LOG_KEY, else the file in DATA_DIR, which is made where there is none yet.

    A fresh one takes its name from PUBLIC_URL. The name is kept from then on, whatever address the bank moves to.
    """
    given = config.get("LOG_KEY")
    if given:
        return read(given)
    path = path_of(config)
    if not path.exists():
        create(path, new_ring(urlsplit(config.get("PUBLIC_URL", "")).netloc or NO_HOST, now))
    return read(path.read_text())


def path_of(config: Mapping[str, Any]) -> Path:
    """Give where the file is."""
    return Path(config["DATA_DIR"]) / FILE


def create(path: Path, ring: Ring) -> bool:
    """Write the file whole or not at all; False where there was one already, which stays."""
    written = _beside(path, ring)
    try:
        os.link(written, path)
    except FileExistsError:
        return False
    finally:
        written.unlink()
    return True


def overwrite(path: Path, ring: Ring) -> None:
    """Put the ring in the place of the one before."""
    _beside(path, ring).replace(path)


def _beside(path: Path, ring: Ring) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=FILE)  # only we may read it
    with os.fdopen(descriptor, "w") as file:
        file.write(ring.text())
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
