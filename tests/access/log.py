"""Routes of the published log: everybody's, and there is nothing of anybody in them."""

from tests.access.rows import EVERYONE, Call, Row
from tests.log.sealed import seal
from tests.shop.market import build_market
from tests.world import World

CODE = "430104001001"


def _of_community(world: World, who: str) -> Call:
    return Call({"code": CODE})


def _sealed(world: World, who: str) -> Call:
    build_market(world)
    seal(world)
    return Call({"code": CODE, "level": "0", "place": "000.p/1"})


ROWS = (
    Row("GET", "/log/<code>/", EVERYONE, prepare=_of_community),
    Row("GET", "/log/<code>/checkpoint", EVERYONE, prepare=_sealed),
    Row("GET", "/log/<code>/tile/<level>/<path:place>", EVERYONE, prepare=_sealed),
    Row("GET", "/log/keys", EVERYONE),
    Row("GET", "/log/verify_receipt.py", EVERYONE),
)
