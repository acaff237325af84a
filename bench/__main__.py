"""Run every benchmark and print its table: `make bench`, or `python -m bench ledger|checkin|pages` for one."""

from __future__ import annotations

import sys

from bench import checkin, ledger, pages

ALL = {"ledger": ledger.main, "checkin": checkin.main, "pages": pages.main}


def main() -> None:
    """Run what was asked for, or everything."""
    for name in sys.argv[1:] or ALL:
        print(f"\n== {name}")
        ALL[name]()


if __name__ == "__main__":
    main()
