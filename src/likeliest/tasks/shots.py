"""Pictures as text: PNG files in base64, for reports."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(pixels: Bytes) -> str:
    """Encode bytes (H, W, 1) or (H, W, 3) as a PNG file, in base64.

    Every row is stored as differences from the pixel at its left, and zlib packs them. The same bytes come out
    wherever zlib is the same, which no library of pictures promises.

    Source: W3C (2003), Portable Network Graphics (PNG) Specification, second edition.
    """
    height, width, channels = pixels.shape
    differences = pixels.copy()
    differences[:, 1:] -= pixels[:, :-1]
    filtered = np.concatenate((np.full((height, 1), 1, np.uint8), differences.reshape(height, -1)), axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b""))
    return base64.b64encode(_SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tail(name: str, letters: int = 15) -> str:
    """The end of a name, which tells files apart."""
    return name if len(name) <= letters else f"…{name[1 - letters :]}"


def strip(pictures: Sequence[Bytes], gap: int = 2) -> Bytes:
    """Pictures (H, W, C) side by side on white."""
    height, width, channels = pictures[0].shape
    whole = np.full((height, len(pictures) * (width + gap) - gap, channels), 255, np.uint8)
    for place, picture in enumerate(pictures):
        whole[:, place * (width + gap) : place * (width + gap) + width] = picture
    return whole


def signed(values: NDArray[Any], limit: float) -> Bytes:
    """Numbers (H, W) as colours (H, W, 3): white at 0, red at ``limit`` and above, blue at −``limit`` and below."""
    share = np.clip(values / (limit or 1.0), -1, 1)[..., None]
    red, blue = np.array([178.0, 24.0, 43.0]), np.array([33.0, 102.0, 172.0])
    ink = np.where(share > 0, red, blue)
    colours: Bytes = np.rint(255 + np.abs(share) * (ink - 255)).astype(np.uint8)
    return colours


def overlaid(picture: Bytes, values: NDArray[Any], limit: float) -> Bytes:
    """A map of numbers (H, W) over a picture (H, W, C) in grey, clearer the larger the number."""
    grey = picture.mean(2, keepdims=True, dtype=np.float64).repeat(3, 2)
    share = np.minimum(np.abs(values) / (limit or 1.0), 1.0)[..., None] * 0.85
    whole: Bytes = np.rint((1 - share) * grey + share * signed(np.sign(values) * limit, limit)).astype(np.uint8)
    return whole
