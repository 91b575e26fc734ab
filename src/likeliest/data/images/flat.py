"""Pictures as rows of numbers, for models that are linear in their pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.images.encoder import ImageEncoder
from likeliest.data.images.pictures import Pictures

MOST_PIXELS = 1024
"""A picture is averaged over squares until it has at most so many pixels."""


@dataclass(frozen=True)
class FlatPixels:
    """Each picture as one row: its channels from 0 (black) to 1, averaged over squares where it is large.

    Attributes:
        images: how pictures become bytes of one size.
        square: the side of the squares, in pixels; 1 keeps every pixel. What does not fill a square is left out.

    Example:
        >>> import numpy as np
        >>> two = Pictures.of(np.arange(32, dtype=np.uint8).reshape(2, 4, 4), labels=["a", "b"])
        >>> flat = FlatPixels(ImageEncoder.learn(two), square=2)
        >>> (255 * flat.encode(two)).round(1).tolist()[0], flat.names[1]
        ([2.5, 4.5, 10.5, 12.5], 'pixel 1,2')
    """

    images: ImageEncoder
    square: int = 1

    @classmethod
    def learn(cls, images: ImageEncoder, most: int = MOST_PIXELS) -> Self:
        """Choose squares as small as leave at most so many pixels."""
        square = 1
        while (images.height // square) * (images.width // square) > most:
            square += 1
        return cls(images, square)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the averaged picture: a row's numbers in this order."""
        return self.images.height // self.square, self.images.width // self.square, self.images.channels

    @property
    def names(self) -> tuple[str, ...]:
        """One name a number: row and column of its pixel, counted from 1, and its colour if it has one."""
        height, width, channels = self.shape
        colours = ("",) if channels == 1 else (" red", " green", " blue")
        places = [(i, j) for i in range(1, height + 1) for j in range(1, width + 1)]
        return tuple(f"pixel {i},{j}{colour}" for i, j in places for colour in colours)

    @property
    def described(self) -> str:
        """What rows are to a model, in words."""
        height, width, _ = self.shape
        return f"on pixels from 0 to 1, averaged down to {width} × {height} for the linear models"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Pictures have no columns."""
        return ()

    def encode(self, raw: Pictures) -> NDArray[np.float32]:
        """Return the pictures as (n, p) numbers from 0 to 1."""
        return self.flattened(self.images.encode(raw))

    def flattened(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return bytes (n, H, W, C) as (n, p)."""
        (height, width, channels), n, s = self.shape, len(pixels), self.square
        if s > 1:
            squares = pixels[:, : height * s, : width * s].reshape(n, height, s, width, s, channels)
            pixels = squares.mean((2, 4), dtype=np.float32)
        return pixels.reshape(n, -1).astype(np.float32) / np.float32(255)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        return {"images": self.images.to_json(), "square": self.square}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_json` wrote."""
        return cls(ImageEncoder.from_json(value["images"]), value["square"])
