"""A photo that was shown before is known again, cropped, dimmed or stored anew; another one is not."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageEnhance

from bank.deeds import photos
from tests.deeds.pictures import photo
from tests.deeds.test_operations import credit_of, tell
from tests.world import World


def scene(seed: int, *, brightness: float = 1.0, quality: int = 90) -> bytes:
    """Draw a picture of soft patches, another for every seed."""
    draw = random.Random(seed)
    small = Image.new("L", (9, 7))
    small.putdata([draw.randrange(256) for _ in range(63)])
    picture = ImageEnhance.Brightness(small.resize((640, 480), Image.Resampling.BICUBIC)).enhance(brightness)
    written = io.BytesIO()
    picture.convert("RGB").save(written, "JPEG", quality=quality)
    return written.getvalue()


def hash_of(upload: bytes) -> str:
    found = photos.prepare(upload).dhash
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(8))
def test_the_same_picture_dimmed_and_stored_anew_is_near_and_another_is_far(seed: int) -> None:
    own = hash_of(scene(seed))
    assert photos.distance(own, hash_of(scene(seed, brightness=0.8, quality=50))) <= 6
    assert photos.distance(own, hash_of(scene(seed + 100))) > 6


def test_distance_counts_bits() -> None:
    assert photos.distance("0" * 16, "0" * 16) == 0
    assert photos.distance("f" * 16, "0" * 16) == 64
    assert photos.distance("8" + "0" * 15, "0" * 16) == 1


def test_a_picture_of_one_colour_shows_nothing_to_know_again() -> None:
    assert photos.prepare(photo()).dhash is None


def test_a_photo_seen_before_brings_the_deed_before_somebodys_eyes(world: World) -> None:
    tell(world, picture=photos.prepare(scene(1)))
    again = credit_of(world, tell(world, "resident", picture=photos.prepare(scene(1, brightness=0.8, quality=50))))
    other = credit_of(world, tell(world, "panel", picture=photos.prepare(scene(2))))
    assert [flag["code"] for flag in again.flags] == ["photo_alike"]
    assert other.flags == []
    assert "几乎一样" in world.page("coordinator").get("/desk").text
