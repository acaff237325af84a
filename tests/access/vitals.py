"""Routes of the bank's health and of what may be had for saved hours."""

from tests.access.rows import EVERYONE, MEMBERS, Call, Row
from tests.world import World


def choice(_world: World, _who: str) -> Call:
    return Call({}, {"wanted": "0"})


ROWS = (
    Row("GET", "/health", EVERYONE),
    Row("GET", "/health/forecast", EVERYONE),
    Row("GET", "/offers", MEMBERS),
    Row("POST", "/offers/reminders", MEMBERS, answer=303, prepare=choice),
)
