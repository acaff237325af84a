"""Photos: real pictures only, small, upright, and with nothing else in them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bank.deeds import photos
from bank.errors import Invalid
from tests.deeds.pictures import photo, photo_of_a_phone, png_that_claims


def test_nothing_but_the_picture_is_kept() -> None:
    upload = photo_of_a_phone()
    kept = photos.prepare(upload)
    for secret in (b"Exif", b"SecretPhone", b"secret comment", b"secret profile", b"ICC_PROFILE"):
        assert secret not in kept.jpeg
    assert b"SecretPhone" in upload
    with Image.open(io.BytesIO(kept.jpeg)) as opened:
        assert opened.format == "JPEG"
        assert not opened.getexif()
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_turned_photo_stands_upright() -> None:
    kept = photos.prepare(photo_of_a_phone(orientation=6))
    assert (kept.width, kept.height) == (40, 60)
    with Image.open(io.BytesIO(kept.jpeg)) as opened:
        red, _, blue = opened.getpixel((20, 5))  # type: ignore[misc]
    assert blue > red


def test_a_large_photo_becomes_small() -> None:
    kept = photos.prepare(photo(size=(4000, 3000)))
    assert (kept.width, kept.height) == (1280, 960)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_formats_of_phones_are_read(kind: str) -> None:
    assert photos.prepare(photo(kind)).jpeg.startswith(b"\xff\xd8\xff")


def test_transparency_becomes_white() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(written, "PNG")
    with Image.open(io.BytesIO(photos.prepare(written.getvalue()).jpeg)) as opened:
        assert opened.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    "upload",
    [
        b"not a picture",
        b"<svg onload=alert(1)>",
        b"\xff\xd8\xff",
        photo()[:200],
        photo("PNG")[:60],
        photo("GIF"),
        photo("BMP"),
        b"%PDF-1.7",
    ],
    ids=["text", "svg", "three bytes", "cut jpeg", "cut png", "gif", "bmp", "pdf"],
)
def test_what_is_no_photo_is_refused(upload: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        photos.prepare(upload)
    assert set(refusal.value.errors) == {"photo"}


@pytest.mark.parametrize("size", [(6000, 5000), (20_000, 20_000), (60_000, 60_000)])
def test_a_small_file_that_would_unpack_to_a_huge_picture_is_refused_unread(size: tuple[int, int]) -> None:
    with pytest.raises(Invalid):
        photos.prepare(png_that_claims(*size))


def test_a_file_above_eight_megabytes_is_refused_unread() -> None:
    with pytest.raises(Invalid):
        photos.prepare(b"\xff\xd8\xff" + b"\0" * photos.MOST_BYTES)


def test_the_same_photo_has_the_same_digest() -> None:
    assert photos.prepare(photo()).sha256 == photos.prepare(photo()).sha256
    assert photos.prepare(photo(color="green")).sha256 != photos.prepare(photo()).sha256
