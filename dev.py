"""Set up and run the project with nothing but Python: `python3 dev.py run|test|check|bench|mutants|format|lock`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
DEBIAN_PACKAGES = {
    "chromium": "chromium",
    "hledger": "hledger",
    "ledger": "ledger",
    "fonts-wqy-microhei": "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "postgresql": "/usr/lib/postgresql",
}


def sh(*command: str | Path, **extra: str) -> None:
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, env={**os.environ, **extra})


def ensure(lock: str) -> None:
    """Bring `.venv` to what the lock file says; a second call with nothing changed costs milliseconds."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_bytes()
    wanted = hashlib.sha256(text + sys.version.encode()).hexdigest()
    stamp = VENV / f".{lock}.stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        print("Making .venv ...", flush=True)
        sh(sys.executable, "-m", "venv", "--without-pip", VENV)
    print(f"Installing requirements/{lock}.lock (once) ...", flush=True)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        PYTHON,
        "--disable-pip-version-check",
        "install",
        "--quiet",
    )
    sh(*pip, "--require-hashes", "-r", ROOT / "requirements" / f"{lock}.lock", PIP_ROOT_USER_ACTION="ignore")
    stamp.write_text(wanted)


def ensure_system_packages() -> None:
    """Install Chromium, PostgreSQL and the outside accountants where they are missing and we may."""
    missing = [name for name, sign in DEBIAN_PACKAGES.items() if not _is_here(sign)]
    if not missing:
        return
    sudo = _way_to_root()
    if sudo is None or not shutil.which("apt-get"):
        print(f"Missing {', '.join(missing)}: the tests that need them are skipped with the reason.", flush=True)
        return
    print(f"Installing {', '.join(missing)} ...", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        done = subprocess.run([*sudo, "apt-get", *step], env={**os.environ, **quiet}, stdout=subprocess.DEVNULL)
        if done.returncode:
            print("That did not work; the tests that need them are skipped with the reason.", flush=True)
            return


def _is_here(sign: str) -> bool:
    # A bare name is a program; as a path it would find the project's own folder `ledger`.
    return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None


def _way_to_root() -> list[str] | None:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def run(_arguments: Sequence[str]) -> None:
    ensure("run")
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "flask", "--app", "app", "serve"])


def test(arguments: Sequence[str]) -> None:
    ensure("test")
    ensure_system_packages()
    memory = Path("/dev/shm")  # noqa: S108 - throwaway databases need no disk
    fast = {"TMPDIR": str(memory)} if memory.is_dir() and os.access(memory, os.W_OK) else {}
    at_once = ("-n", str(min(4, os.cpu_count() or 1)), "--dist", "worksteal")
    sh(PYTHON, "-m", "pytest", *at_once, *arguments, **fast)


def check(_arguments: Sequence[str]) -> None:
    ensure("test")
    sh(BIN / "ruff", "format", "--check", ".")
    sh(BIN / "ruff", "check", ".")
    sh(BIN / "lint-imports", "--no-cache")
    sh(BIN / "mypy")


def format_code(_arguments: Sequence[str]) -> None:
    ensure("test")
    sh(BIN / "ruff", "format", ".")
    sh(BIN / "ruff", "check", "--fix", ".")


def bench(arguments: Sequence[str]) -> None:
    ensure("bench")
    sh(PYTHON, "-m", "bench", *arguments)


def mutants(arguments: Sequence[str]) -> None:
    """Change the book line by line in a copy outside the tree, and print the changes that no test notices."""
    ensure("mutants")
    memory = Path("/dev/shm")  # noqa: S108 - a copy that is thrown away needs no disk
    fast = {"TMPDIR": str(memory)} if memory.is_dir() and os.access(memory, os.W_OK) else {}
    found = os.pathsep.join((str(BIN), os.environ.get("PATH", "")))
    sh(PYTHON, "-m", "tools.mutants", *arguments, PATH=found, **fast)


def words(_arguments: Sequence[str]) -> None:
    """Gather the sentences of the source, put them into the English catalogue, and compile it."""
    ensure("test")
    pybabel, po = BIN / "pybabel", ROOT / "translations" / "en" / "LC_MESSAGES" / "messages.po"
    pot = ROOT / "translations" / "messages.pot"
    sh(pybabel, "-q", "extract", "-F", "translations/babel.cfg", "-k", "say", "--no-location", "--sort-output",
       "-o", pot, ".")  # fmt: skip
    sh(pybabel, "-q", "update", "-i", pot, "-o", po, "-l", "en", "--no-fuzzy-matching", "--ignore-obsolete",
       "--ignore-pot-creation-date", "--width=120")  # fmt: skip
    sh(pybabel, "-q", "compile", "-i", po, "-o", po.with_suffix(".mo"))
    pot.unlink()


def lock(_arguments: Sequence[str]) -> None:
    options = "--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q"
    for name, extra in (
        ("run", []),
        ("test", ["--group", "test"]),
        ("bench", ["--group", "test", "--group", "bench"]),
        ("mutants", ["--group", "test", "--group", "mutants"]),
    ):
        target = f"requirements/{name}.lock"
        sh("uv", "pip", "compile", *options.split(), "pyproject.toml", *extra, "-o", target)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "run": run,
    "test": test,
    "check": check,
    "format": format_code,
    "bench": bench,
    "mutants": mutants,
    "words": words,
    "lock": lock,
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: python3 dev.py {'|'.join(COMMANDS)}")
        return 2
    try:
        COMMANDS[sys.argv[1]](sys.argv[2:])
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
