"""Run every benchmark and print its table: `make bench`, or `python3 dev.py bench ledger|growth|checkin|desk|pages`."""

from __future__ import annotations

import sys

from bench import checkin, desk, growth, ledger, pages

ALL = {"ledger": ledger.main, "growth": growth.main, "checkin": checkin.main, "desk": desk.main, "pages": pages.main}


def main() -> None:
    """Run what was asked for, or everything."""
    for name in sys.argv[1:] or ALL:
        print(f"\n== {name}")
        ALL[name]()


if __name__ == "__main__":
    main()
