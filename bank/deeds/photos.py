"""Photos as evidence: checked to be pictures, made small, and freed of everything but the picture."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageOps, UnidentifiedImageError

from bank.errors import Invalid, say

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 25_000_000, "WEBP": 25_000_000}
"""A JPEG (and MPO, which some phones make of it) is decoded at a fraction of its size; the others are not."""
LONGEST_SIDE = 1280
QUALITY = 80
HASH_SIDE = 8
LEAST_CONTRAST = 16
"""Of 256 grey values; below that a picture shows nothing that could be recognised."""
# What a decoder raises on a broken file differs by format and by where it is broken.
BROKEN = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A small JPEG without metadata, and the digest of it."""

    jpeg: bytes
    width: int
    height: int
    sha256: bytes
    dhash: str | None = None


def prepare(upload: bytes) -> Picture:
    """Turn an uploaded photo (JPEG, PNG or WebP, at most 8 MB) into a JPEG of at most 1280 pixels a side.

    Slow, so call it outside a write. Raises Invalid for anything that is no such picture.
    """
    if len(upload) > MOST_BYTES:
        raise Invalid({"photo": [say("照片太大了，请用 8 MB 以内的。")]})
    try:
        picture = _decode(upload)
    except BROKEN:
        raise Invalid({"photo": [say("这个文件打不开，请换一张照片（JPG、PNG 或 WebP）。")]}) from None
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=QUALITY, optimize=True)
    jpeg = written.getvalue()
    return Picture(jpeg, picture.width, picture.height, hashlib.sha256(jpeg).digest(), difference_hash(picture))


def difference_hash(picture: Image.Image) -> str | None:
    """Give 64 bits, in hex, that say where a picture of 9 by 8 grey dots grows brighter from left to right.

    None for a picture that is nearly of one colour, which would look like every other such picture.
    """
    grey = picture.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    dots = grey.tobytes()
    if max(dots) - min(dots) < LEAST_CONTRAST:
        return None
    bits = 0
    for row in range(HASH_SIDE):
        line = dots[row * (HASH_SIDE + 1) : (row + 1) * (HASH_SIDE + 1)]
        for left, right in pairwise(line):
            bits = bits << 1 | (right > left)
    return f"{bits:016x}"


def distance(one: str, other: str) -> int:
    """Count the bits, 0 to 64, in which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _decode(upload: bytes) -> Image.Image:
    with Image.open(io.BytesIO(upload), formats=tuple(MOST_PIXELS)) as opened:
        if opened.width * opened.height > MOST_PIXELS.get(str(opened.format), MOST_PIXELS["JPEG"]):
            raise Invalid({"photo": [say("这张照片的像素太多了，请换一张，或用截图。")]})
        opened.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # A new picture: whatever else the file carried stays behind with the old one.
    clean = Image.new("RGB", upright.size, "white")
    clean.paste(upright, mask=upright.getchannel("A"))
    return clean
