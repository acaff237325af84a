"""Synthesise the three sounds of a scan into static/sounds: python tools/sounds.py."""

from __future__ import annotations

import math
import wave
from pathlib import Path

RATE_HZ = 11025
LOUDNESS = 100  # of 127: 8-bit samples, centred on 128
FADE_S = 0.012
# Each sound is a row of (frequency in Hz, duration in seconds); 0 Hz is silence. Low ones carry to old ears.
SOUNDS = {
    "ok": ((784.0, 0.12), (1046.5, 0.32)),
    "attention": ((587.3, 0.16), (0.0, 0.07), (587.3, 0.16), (0.0, 0.07), (587.3, 0.2)),
    "error": ((330.0, 0.22), (0.0, 0.05), (220.0, 0.42)),
}


def tone(frequency_hz: float, duration_s: float) -> bytes:
    """Give one tone as 8-bit samples: a soft attack, a little of the octave, a decay."""
    count = int(RATE_HZ * duration_s)
    samples = bytearray()
    for i in range(count):
        t = i / RATE_HZ
        edge = min(1.0, t / FADE_S, (duration_s - t) / FADE_S)
        decay = math.exp(-1.6 * t / duration_s)
        wave_at = 0.8 * math.sin(math.tau * frequency_hz * t) + 0.2 * math.sin(2 * math.tau * frequency_hz * t)
        samples.append(128 + round(LOUDNESS * edge * decay * wave_at))
    return bytes(samples)


def main() -> None:
    """Write every sound."""
    folder = Path(__file__).resolve().parents[1] / "static" / "sounds"
    folder.mkdir(parents=True, exist_ok=True)
    for name, notes in SOUNDS.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(1)
            out.setframerate(RATE_HZ)
            out.writeframes(b"".join(tone(*note) for note in notes))


if __name__ == "__main__":
    main()
