"""The market as a fixture."""

from tests.passbook.conftest import market

__all__ = ["market"]
