"""Change one thing at a time in modules of `ledger/` and say which changes no test notices.

`python3 dev.py mutants lots merkle` tries every change of two modules, `--sample 40` forty of each, drawn by `--seed`.
mutmut works on a copy outside the tree, with the tests of the book that run on SQLite in seconds; see
`docs/decisions/ledger-mutation.md` for what that leaves out, and `docs/mutants.md` for what was found.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

from tests import vectors

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "ledger",
    "tests/ledger",
    "tests/postgres.py",
    "tests/vectors.py",
    "pyproject.toml",
    "verify_receipt.py",
    "migrations",
)
OTHER_PROCESSES = {"kill", "races", "wire", "growth", "readme", "model", "seeds"}
"""Tests that start programs, want PostgreSQL or draw long lives at random: too slow to run for every change."""
OUTSIDE = {"export"}
"""Tests that ask other accounting programs: run for the module of their name only."""
SLOW = (
    "tests/ledger/test_verify.py::test_memory_does_not_grow_with_the_book",
    "tests/ledger/test_sealing.py::test_two_sealers_never_give_two_leaves_one_place",
    "tests/ledger/test_sealing.py::test_two_tiles_up_a_node_is_made_of_256_nodes",
    "tests/ledger/test_sealing.py::test_without_the_lease_one_of_two_sealers_loses",
    "tests/ledger/test_sealing.py::test_writers_and_sealers_together_lose_nothing",
    "tests/ledger/test_sealing.py::test_a_rebuild_beside_postings_and_sealing_counts_each_once",
    "tests/ledger/test_engine.py",
    "tests/ledger/test_storage.py",
)
FOUND_BY = ("killed", "caught by type check", "timeout", "segfault", "suspicious")
MOST_MEMORY = 4 << 30
"""Bytes for mutmut and each fork: a loop that never ends may fill a list."""
NOT_RUN = ("not checked", "check was interrupted by user")


def main(arguments: Sequence[str]) -> int:
    """Run mutmut over the named modules and print what survived; 1 if anything did."""
    wanted = _parser().parse_args(arguments)
    folder = Path(wanted.folder or Path(tempfile.gettempdir()) / f"moral-bank-mutants-{os.getpid()}").resolve()
    if folder.is_relative_to(ROOT):
        sys.exit("The changed copy must lie outside the tree.")
    modules = wanted.modules or sorted(path.stem for path in (ROOT / "ledger").glob("*.py"))
    try:
        make_copy(folder, modules)
        os.chdir(folder)
        chosen = {module: choose(module, wanted.sample, wanted.seed) for module in modules}
        names = [name for some in chosen.values() for name in some[0]]
        mutmut = Path(sys.executable).with_name("mutmut")
        print(f"{len(names)} changes are tried in {folder}; mutmut.log there tells how far it is.", flush=True)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        if published := vectors.folder():
            os.environ.setdefault("SHARED_VECTORS", str(published.parent))
        with Path("mutmut.log").open("w") as log:
            done = subprocess.run([mutmut, "run", "--max-children", "1", *names], stdout=log, stderr=log)
        if done.returncode:
            sys.exit(f"mutmut stopped with {done.returncode}:\n{Path('mutmut.log').read_text()[-2000:]}")
        return report({module: (set(some), made) for module, (some, made) in chosen.items()})
    finally:
        if not wanted.folder:
            shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names in ledger/ without .py; all of them if none is given")
    parser.add_argument("--sample", type=int, help="try this many changes of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=2026, help="what the drawing starts from")
    parser.add_argument("--folder", help="where to work; kept at the end, so that `mutmut show` finds it")
    return parser


def make_copy(folder: Path, modules: Sequence[str]) -> None:
    """Copy what the tests of the book need, and tell mutmut what to change and what to run."""
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        else:
            shutil.copy2(source, target)
    (folder / "setup.cfg").write_text(_settings(modules))


def _settings(modules: Sequence[str]) -> str:
    without = {f"test_{name}.py" for name in OTHER_PROCESSES | (OUTSIDE - set(modules))}
    tests = [f"tests/ledger/{path.name}" for path in sorted((ROOT / "tests/ledger").glob("test_*.py"))
             if path.name not in without]  # fmt: skip
    lists = {
        "source_paths": ["ledger"],
        "only_mutate": [f"ledger/{module}.py" for module in modules],
        "also_copy": ["verify_receipt.py", "migrations"],
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ["-n0", "--timeout=20", "-p", "no:cacheprovider", "-k", "not postgres",
                                *(f"--deselect={test}" for test in SLOW)],
        # What mutmut puts around a function has no types; that must not count against the change inside.
        "type_check_command": ["mypy", "--output=json", "--ignore-missing-imports", "--allow-untyped-decorators",
                               "--no-warn-unused-ignores", "--no-warn-return-any", f"--cache-dir={os.devnull}",
                               "ledger"],
    }  # fmt: skip
    lines = [f"{key} =\n" + "\n".join(f"    {value}" for value in values) for key, values in lists.items()]
    return "\n".join(["[mutmut]", "timeout_multiplier = 2", "timeout_constant = 10", *lines, ""])


def choose(module: str, sample: int | None, seed: int) -> tuple[list[str], int]:
    """Name the changes to try, without those of words alone, and say how many there are."""
    path = Path("ledger") / f"{module}.py"
    mutated = mutate_file_contents(str(path), path.read_text())
    lines = mutated.code.splitlines()

    def source(name: str) -> list[str]:
        span = mutated.line_span_by_function_name[name]
        return [line.replace(name, "") for line in lines[span.start - 1 : span.end]]

    names = []
    for name in mutated.mutant_names:
        before, after = source(f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"), source(name)
        if not _is_wording(before, after):
            names.append(get_mutant_name(path, name))
    if sample is not None and sample < len(names):
        names = sorted(random.Random(f"{seed} {module}").sample(names, sample))
    return names, len(mutated.mutant_names)


def _is_wording(before: Sequence[str], after: Sequence[str]) -> bool:
    """Tell whether a change is one of letter case, which the XX of the same string covers, or of a refusal's words."""
    if [line.lower() for line in before] == [line.lower() for line in after]:
        return True
    changed = [line for line in after if line not in before]
    return all(re.search(r"(raise|return|yield) [A-Z]\w+\((None|.*XX)", line) for line in changed)


def report(chosen: dict[str, tuple[set[str], int]]) -> int:
    """Print a line for each module, then the survivors as patches."""
    survivors: list[tuple[Path, str]] = []
    for module, (names, made) in chosen.items():
        path = Path("ledger") / f"{module}.py"
        results = dict(_results(path, names))
        counts = Counter(results.values())
        found = ", ".join(f"{counts[status]} {status}" for status in FOUND_BY if counts[status])
        left = [name for name, status in results.items() if status not in FOUND_BY + NOT_RUN]
        tried = len(names) - sum(counts[status] for status in NOT_RUN)
        print(f"{module}: {made} made, {tried} tried: {found or 'none found'}; {len(left)} survived", flush=True)
        survivors += [(path, name) for name in left]
    for path, name in survivors:
        print(f"\n# {name}\n{get_diff_for_mutant(name, path=path)}")
    return 1 if survivors else 0


def _results(path: Path, names: set[str]) -> Iterator[tuple[str, str]]:
    data = SourceFileMutationData(path=path)
    data.load()
    for name, code in data.exit_code_by_key.items():
        if name in names:
            yield name, status_by_exit_code[code]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
