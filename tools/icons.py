"""Draw the app icons (a coin with a heart in a red seal) into static/icons: python tools/icons.py."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

SEAL, PAPER = "#a52a20", "#fff5e2"
UNIT = 64  # the drawing's own grid, the same as static/favicon.svg
FINER = 4  # drawn larger and scaled down, for smooth edges
HEART = (  # cubic curves of the heart in favicon.svg, from its point clockwise
    ((32, 44.5), (22.5, 38.5), (20, 34), (20, 29.5)),
    ((20, 29.5), (20, 25.7), (22.7, 23.5), (25.7, 23.5)),
    ((25.7, 23.5), (28.4, 23.5), (30.7, 25.1), (32, 27.8)),
    ((32, 27.8), (33.3, 25.1), (35.6, 23.5), (38.3, 23.5)),
    ((38.3, 23.5), (41.3, 23.5), (44, 25.7), (44, 29.5)),
    ((44, 29.5), (44, 34), (41.5, 38.5), (32, 44.5)),
)


def _curve(points: tuple[tuple[float, float], ...], steps: int = 24) -> list[tuple[float, float]]:
    a, b, c, d = points
    found = []
    for i in range(steps):
        t = i / steps
        weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
        found.append(tuple(sum(w * p[k] for w, p in zip(weights, (a, b, c, d), strict=True)) for k in (0, 1)))
    return found  # type: ignore[return-value]


def draw(size: int, *, maskable: bool = False, square: bool = False) -> Image.Image:
    """Draw one icon; a maskable one fills its square and keeps the drawing inside the safe zone."""
    big = size * FINER
    image = Image.new("RGBA", (big, big), SEAL if maskable or square else (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    shrink = 0.72 if maskable else 1.0
    scale = big / UNIT * shrink
    shift = (big - UNIT * scale) / 2

    def at(*values: float) -> list[float]:
        return [value * scale + shift for value in values]

    if not (maskable or square):
        pen.rounded_rectangle(at(0, 0, 64, 64), radius=14 * scale, fill=SEAL)
    pen.rounded_rectangle(at(4.5, 4.5, 59.5, 59.5), radius=10.5 * scale, outline=PAPER, width=round(1.8 * scale))
    pen.ellipse(at(9.75, 9.75, 54.25, 54.25), fill=PAPER)
    pen.ellipse(at(14.25, 14.25, 49.75, 49.75), fill=SEAL)
    pen.polygon([tuple(at(*point)) for part in HEART for point in _curve(part)], fill=PAPER)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    """Write every icon the manifest and the page head name."""
    folder = Path(__file__).resolve().parents[1] / "static" / "icons"
    folder.mkdir(parents=True, exist_ok=True)
    icons = {
        "icon-192.png": draw(192),
        "icon-512.png": draw(512),
        "maskable-192.png": draw(192, maskable=True),
        "maskable-512.png": draw(512, maskable=True),
        "apple-touch-icon.png": draw(180, square=True),
    }
    for name, image in icons.items():
        image.quantize(64).save(folder / name, optimize=True)


if __name__ == "__main__":
    main()
