"""QR codes as SVG, and the short public names printed beside them."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import qrcode
from qrcode.image.svg import SvgPathImage

LONGEST_SCAN = 200
"""Characters of a scanned link: a long host name and the code."""
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so nobody misreads it."""

_source: random.Random = random.SystemRandom()
_LOOK_ALIKES = str.maketrans("OIL", "011")


def svg(text: str) -> str:
    """Draw `text` as an SVG element with the four-module quiet zone and error correction M."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(text)
    code.make(fit=True)
    return str(code.make_image(image_factory=SvgPathImage).to_string(encoding="unicode"))


def new_public_id() -> str:
    """Draw a random 40-bit public name of eight characters."""
    return "".join(_source.choices(ALPHABET, k=8))


@contextmanager
def drawn_from(source: random.Random) -> Iterator[None]:
    """Draw public names from a seeded source, so that a demo of one seed is the same each time."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before


def unspaced(text: str) -> str:
    """Read typed letters and digits without spaces; a Chinese keyboard left at full width types the same ones."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def fold(text: str) -> str:
    """Read typed or scanned base 32 as it was meant: upper case, O as 0, I and L as 1, no spaces or dashes."""
    return unspaced(text).upper().translate(_LOOK_ALIKES).replace("-", "")
