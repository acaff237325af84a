"""Published test vectors that lie beside the project, not in it (`../shared/vectors`)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
ABSENT = "no shared/vectors/rfc6962 beside this checkout (or in SHARED_VECTORS)"


def _starts() -> Iterator[Path]:
    """Give where to look upwards from: this checkout, and the one whose worktree it is."""
    yield ROOT
    if (ROOT / ".git").is_file():
        yield Path((ROOT / ".git").read_text().removeprefix("gitdir:").strip())


def folder() -> Path | None:
    """Give the folder `rfc6962`, None where there is none."""
    given = os.environ.get("SHARED_VECTORS")
    places = [Path(given)] if given else []
    places += [above / "shared" / "vectors" for start in _starts() for above in start.parents]
    return next((place / "rfc6962" for place in places if (place / "rfc6962").is_dir()), None)


@dataclass(frozen=True)
class Case:
    """One published case; hashes are decoded, a missing proof is an empty one."""

    name: str
    said: dict[str, Any]

    @property
    def is_refused(self) -> bool:
        return bool(self.said["wantErr"])

    @property
    def proof(self) -> list[bytes]:
        return [base64.b64decode(text) for text in self.said["proof"] or []]

    def hash(self, name: str) -> bytes:
        return base64.b64decode(self.said[name] or "")


def cases(kind: str) -> list[Any]:
    """Give every case of `inclusion` or `consistency` as parameters of a test, or one that is skipped."""
    place = folder()
    if place is None:
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=ABSENT))]
    found = sorted((place / kind).rglob("*.json"))
    names = [path.relative_to(place).with_suffix("").as_posix() for path in found]
    return [
        pytest.param(Case(name, json.loads(path.read_text())), id=name) for name, path in zip(names, found, strict=True)
    ]
