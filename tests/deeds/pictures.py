"""Photos as phones make them, and files that only say they are."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import IFDRational


def photo(kind: str = "JPEG", size: tuple[int, int] = (60, 40), color: str = "red", **more: Any) -> bytes:
    """Draw a picture of one colour in a format."""
    written = io.BytesIO()
    Image.new("RGB", size, color).save(written, kind, **more)
    return written.getvalue()


def photo_of_a_phone(orientation: int = 6) -> bytes:
    """Draw a lying picture that its EXIF says to turn, with a position, a comment, and a colour profile."""
    picture = Image.new("RGB", (60, 40), "red")
    picture.paste("blue", (0, 0, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825)[2] = (IFDRational(28), IFDRational(12), IFDRational(7))
    written = io.BytesIO()
    picture.save(written, "JPEG", exif=exif, comment=b"secret comment", icc_profile=b"secret profile", quality=95)
    return written.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """Make a PNG of a few bytes that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
