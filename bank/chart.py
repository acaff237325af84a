"""The chart of accounts: the only place where a person, a shop or a pool becomes an account name."""

from __future__ import annotations

MINUTES = "MIN"
POINTS = "PTS"
UNITS = (MINUTES, POINTS)


def member(public_id: str) -> str:
    """What a member can spend; what is held lies in the sub-account of the same name."""
    return f"member:{public_id}"


def issuance(rules_number: int) -> str:
    """Where credit comes from: one account for each version of the community's rules."""
    return f"issuance:rules-{rules_number}"


def shop(public_id: str) -> str:
    """What a shop or provider has handed over against, until the month's settlement."""
    return f"shop:{public_id}"


def settled() -> str:
    """Where a shop's month goes when it was settled: a shop's account shows what is still to be settled."""
    return "settled"


def pool() -> str:
    """The community's pool of given and lapsed hours."""
    return "pool"


def help_given() -> str:
    """What was given as help (帮扶支出): the hours residents and the pool spent on visits at home."""
    return "help"
