"""Short words for the tests of the published log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bank import jobs
from tests.world import World

CODE = "430104001001"


def seal(world: World) -> int:
    """Run the sealing job until nothing is left to do."""
    with world.app.app_context():
        return jobs._run_out(jobs.seal, world.clock.now)


def proof_of(world: World, who: str, txn_id: object) -> dict[str, Any]:
    """Fetch a proof file as its owner does."""
    answer = world.page(who).get(f"/passbook/{txn_id}/proof.json")
    assert answer.status_code == 200, answer.status_code
    found: dict[str, Any] = json.loads(answer.get_data())
    return found


def write(folder: Path, name: str, content: Any) -> str:
    """Write text, or anything else as JSON, and return the path."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)
