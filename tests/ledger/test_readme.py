"""The ten lines of ledger/README.md work as they stand, with `ledger/` alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import ledger
from ledger import Ledger, errors

HERE = Path(ledger.__file__).parent
README = (HERE / "README.md").read_text()


def test_the_ten_lines_run_with_the_ledger_alone(tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "ledger", ignore=shutil.ignore_patterns("__pycache__"))
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    done = subprocess.run([sys.executable, "-c", block[1]], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("90\n", "")


def test_every_public_verb_and_error_is_in_the_readme() -> None:
    verbs = {name for name in dir(Ledger) if not name.startswith("_")}
    refusals = {kind.__name__ for kind in vars(errors).values() if isinstance(kind, type)} - {"LedgerError"}
    assert {name for name in verbs | refusals if name not in README} == set()
    assert {name for name in ledger.__all__ if name not in README} == set()


def test_every_test_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`(test_[a-z_]+\.py)", README))
    assert len(named) > 10
    assert {name for name in named if not (Path(__file__).parent / name).exists()} == set()
