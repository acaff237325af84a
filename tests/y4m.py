"""Turn pictures into the raw video (Y4M) that Chromium's fake camera plays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import qrcode
from PIL import Image

WIDTH, HEIGHT = 640, 480
FRAMES_PER_PICTURE = 10
FRAMES_PER_S = 10
BACKGROUND = 205  # a grey wall behind the code


def qr_picture(text: str, path: Path, *, side: int = 280) -> Path:
    """Draw `text` as a QR code with its quiet zone, about `side` pixels wide, into `path` (PNG)."""
    code = qrcode.QRCode(border=4)
    code.add_data(text)
    code.make(fit=True)
    code.make_image().get_image().convert("L").resize((side, side), Image.Resampling.NEAREST).save(path)
    return path


def to_y4m(pictures: Sequence[Path], path: Path, *, frames_each: int = FRAMES_PER_PICTURE, turn: float = 4.0) -> Path:
    """Write a video of each picture in the middle of a 640x480 frame, a little turned; it plays in a loop."""
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_S}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            frame = _frame(picture, turn)
            for _ in range(frames_each):
                out.write(b"FRAME\n" + frame)
    return path


def qr_video(texts: Sequence[str], path: Path, *, frames_each: int = FRAMES_PER_PICTURE) -> Path:
    """Write a video of the QR codes of `texts`, one after the other; "" is an empty wall."""
    pictures = []
    for number, text in enumerate(texts):
        picture = path.with_name(f"{path.stem}-{number}.png")
        if text:
            qr_picture(text, picture)
        else:
            Image.new("L", (8, 8), BACKGROUND).save(picture)
        pictures.append(picture)
    return to_y4m(pictures, path, frames_each=frames_each)


def _frame(picture: Path, turn: float) -> bytes:
    wall = Image.new("L", (WIDTH, HEIGHT), BACKGROUND)
    with Image.open(picture) as opened:
        code = opened.convert("L")
    code.thumbnail((HEIGHT - 60, HEIGHT - 60))
    code = code.rotate(turn, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=BACKGROUND)
    wall.paste(code, ((WIDTH - code.width) // 2, (HEIGHT - code.height) // 2))
    return wall.tobytes() + bytes([128]) * (WIDTH * HEIGHT // 2)
